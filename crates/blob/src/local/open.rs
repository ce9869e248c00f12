//! Opening the folder: makes what is missing, and proves that the store can do its work there.
//! Must not change a folder that the operator made.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

use super::{BLOBS, Local, PUT, STAGING, dirs::KnownDirs, join, registry::Registry, sys::Sys};
use crate::{BlobError, Options, Result};

impl Local {
    pub(crate) async fn open(root: PathBuf, options: Options) -> Result<Arc<Self>> {
        join(tokio::task::spawn_blocking(move || Self::open_blocking(root, options)).await)
    }

    fn open_blocking(root: PathBuf, options: Options) -> Result<Arc<Self>> {
        let url = format!("file:{}", root.display());
        let bad = |why: String| BlobError::BadUrl { url: url.clone(), why };
        make_root(&root).map_err(|error| bad(format!("the folder cannot be made: {error}")))?;
        // A later change of the working folder must not move the store.
        let root = std::path::absolute(&root).map_err(|error| bad(format!("the folder cannot be found: {error}")))?;
        let local = Self {
            sys: Sys::new(root, options.faults),
            registry: Registry::default(),
            known: KnownDirs::new(),
            puts: AtomicU64::new(0),
        };
        local.probe().map_err(|error| {
            bad(format!(
                "files cannot be made and moved in the folder ({error}); give it, with all below \
                 it, to the user that runs the server"
            ))
        })?;
        Ok(Arc::new(local))
    }

    /// Does once all that will be needed: a folder, a file, a sync, a move from one side to the
    /// other (they must be one file system), a removal.
    fn probe(&self) -> Result<()> {
        const OP: &str = "trying out the folder";
        for folder in [BLOBS, STAGING] {
            self.sys.make_dir(Path::new(folder), OP)?;
        }
        let (name, file) = self.create_put()?;
        self.sys.write_at(&file, &name, b"probe", 0, OP)?;
        self.sys.sync(&file, &name, OP)?;
        let moved = Path::new(BLOBS).join(name.file_name().unwrap_or_default());
        if let Err(error) = self.sys.rename(&name, &moved, OP) {
            self.sys.remove(&name, OP)?;
            return Err(error);
        }
        self.sys.remove(&moved, OP)?;
        self.sys.sync_dir(Path::new(""), OP)
    }

    /// A new file in staging, for a small blob on its way.
    pub(super) fn create_put(&self) -> Result<(PathBuf, std::fs::File)> {
        loop {
            let number = self.puts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let name = format!("{PUT}{}-{number}", std::process::id());
            let name = Path::new(STAGING).join(name);
            match self.sys.create_new(&name) {
                Ok(file) => return Ok((name, file)),
                // Another machine may share the folder, with a process of the same number.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(BlobError::io("creating a file", error)),
            }
        }
    }
}

fn make_root(root: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root)
}
