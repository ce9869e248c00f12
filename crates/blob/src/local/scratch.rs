//! Files without a name, for what must not stay in memory: gone with whoever holds them, whatever becomes of the process.
//! Must not be durable.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use rustix::fs::{Mode, OFlags};

use super::{Local, PUT, STAGING, join, sys};
use crate::{BlobError, Result};

const OP: &str = "keeping what does not fit in memory";

/// A file without a name.
#[derive(Clone, Debug)]
pub(crate) struct Scratch {
    local: Arc<Local>,
    file: Arc<File>,
    len: u64,
}

impl Local {
    pub(crate) async fn scratch(self: &Arc<Self>) -> Result<Scratch> {
        let file = self.blocking(|local| local.unnamed()).await?;
        Ok(Scratch {
            local: Arc::clone(self),
            file: Arc::new(file),
            len: 0,
        })
    }

    fn unnamed(&self) -> Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        if let Ok(file) = rustix::fs::open(self.sys.path(Path::new(STAGING)), flags, Mode::RUSR | Mode::WUSR) {
            return Ok(file.into());
        }
        // Not every file system has them: one with a name that is taken away at once. Should the process end in between, it
        // is swept as a small blob that was on its way.
        let number = self.puts.fetch_add(1, Ordering::Relaxed);
        let name: PathBuf = [STAGING, &format!("{PUT}{}-{number}", std::process::id())]
            .iter()
            .collect();
        let file = self.sys.create_new(&name).map_err(|e| BlobError::io(OP, e))?;
        self.sys.remove(&name, OP)?;
        Ok(file)
    }
}

impl Scratch {
    pub(crate) async fn append(&mut self, bytes: Vec<u8>) -> Result<()> {
        let (local, file, at) = (Arc::clone(&self.local), Arc::clone(&self.file), self.len);
        self.len += bytes.len() as u64;
        let write = move || local.sys.write_at(&file, Path::new(STAGING), &bytes, at, OP);
        join(tokio::task::spawn_blocking(write).await)
    }

    pub(crate) async fn read(&self, at: u64, most: usize) -> Result<Vec<u8>> {
        let file = Arc::clone(&self.file);
        let read = move || {
            let mut buf = vec![0; most];
            let got = sys::read_at(&file, &mut buf, at, OP)?;
            buf.truncate(got);
            Ok(buf)
        };
        join(tokio::task::spawn_blocking(read).await)
    }
}
