//! The system calls of the local engine, each behind the fault hook.
//! Owns how a call is made and reported; must not know what it is made for.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{BlobError, Fault, Faults, Op, Result};

/// Access for nobody but the server's own user.
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The folder of the store, and what befalls operations in it. All paths are inside that folder.
#[derive(Debug)]
pub(super) struct Sys {
    root: PathBuf,
    faults: Option<Arc<Faults>>,
}

impl Sys {
    pub(super) fn new(root: PathBuf, faults: Option<Arc<Faults>>) -> Self {
        Self { root, faults }
    }

    pub(super) fn path(&self, name: &Path) -> PathBuf {
        self.root.join(name)
    }

    /// True if the operation is to be skipped.
    fn meet(&self, op: Op, name: &Path) -> io::Result<bool> {
        match &self.faults {
            None => Ok(false),
            Some(faults) => match faults.meet(op, &name.to_string_lossy()) {
                None => Ok(false),
                Some(fault) => fault.error().map(|()| true),
            },
        }
    }

    /// Writes all of `data` at `at`.
    pub(super) fn write_at(&self, file: &File, name: &Path, data: &[u8], at: u64, op: &'static str) -> Result<()> {
        let write = || {
            if let Some(faults) = &self.faults {
                match faults.meet(Op::Write, &name.to_string_lossy()) {
                    None => {}
                    Some(Fault::Torn(len)) => {
                        file.write_all_at(&data[..len.min(data.len())], at)?;
                        return Fault::Torn(len).error();
                    }
                    Some(fault) => return fault.error(),
                }
            }
            file.write_all_at(data, at)
        };
        write().map_err(|error| BlobError::io(op, error))
    }

    /// Makes the bytes of a file durable (and its length).
    pub(super) fn sync(&self, file: &File, name: &Path, op: &'static str) -> Result<()> {
        let sync = || match self.meet(Op::Sync, name)? {
            true => Ok(()),
            false => file.sync_data(),
        };
        sync().map_err(|error| BlobError::io(op, error))
    }

    /// Makes the names in a folder durable.
    pub(super) fn sync_dir(&self, name: &Path, op: &'static str) -> Result<()> {
        let sync = || match self.meet(Op::SyncDir, name)? {
            true => Ok(()),
            false => File::open(self.path(name))?.sync_all(),
        };
        sync().map_err(|error| BlobError::io(op, error))
    }

    pub(super) fn rename(&self, from: &Path, to: &Path, op: &'static str) -> Result<()> {
        let rename = || match self.meet(Op::Rename, to)? {
            true => Ok(()),
            false => fs::rename(self.path(from), self.path(to)),
        };
        rename().map_err(|error| BlobError::io(op, error))
    }

    /// Removes a file; false if there was none.
    pub(super) fn remove(&self, name: &Path, op: &'static str) -> Result<bool> {
        let remove = || match self.meet(Op::Remove, name)? {
            true => Ok(()),
            false => fs::remove_file(self.path(name)),
        };
        gone(remove(), op)
    }

    /// Removes a folder and what is in it; false if there was none.
    pub(super) fn remove_dir(&self, name: &Path, op: &'static str) -> Result<bool> {
        let remove = || match self.meet(Op::Remove, name)? {
            true => Ok(()),
            false => fs::remove_dir_all(self.path(name)),
        };
        gone(remove(), op)
    }

    /// Makes a folder; it may be there already.
    pub(super) fn make_dir(&self, name: &Path, op: &'static str) -> Result<()> {
        match DirBuilder::new().mode(DIR_MODE).create(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(BlobError::io(op, error)),
            _ => Ok(()),
        }
    }

    pub(super) fn open_read(&self, name: &Path, op: &'static str) -> Result<File> {
        File::open(self.path(name)).map_err(|error| BlobError::io(op, error))
    }

    /// Opens a file that must be there, to read and write.
    pub(super) fn open_write(&self, name: &Path, op: &'static str) -> Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path(name))
            .map_err(|error| BlobError::io(op, error))
    }

    /// Opens a file to read and write, and makes it if need be; `empty` drops what was in it.
    pub(super) fn create(&self, name: &Path, empty: bool, op: &'static str) -> Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(empty)
            .mode(FILE_MODE)
            .open(self.path(name))
            .map_err(|error| BlobError::io(op, error))
    }

    /// Makes a file that must not be there yet.
    pub(super) fn create_new(&self, name: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(self.path(name))
    }

    /// The length of a file, or `None` if there is none.
    pub(super) fn len(&self, name: &Path, op: &'static str) -> Result<Option<u64>> {
        match fs::metadata(self.path(name)) {
            Ok(meta) if meta.is_file() => Ok(Some(meta.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BlobError::io(op, error)),
        }
    }

    /// Bytes that this user may still write, as far as the file system says.
    pub(super) fn free(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.root).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// The length of an open file.
pub(super) fn len_of(file: &File, op: &'static str) -> Result<u64> {
    match file.metadata() {
        Ok(meta) => Ok(meta.len()),
        Err(error) => Err(BlobError::io(op, error)),
    }
}

/// Reads at `at` until `buf` is full or the file ends.
pub(super) fn read_at(file: &File, buf: &mut [u8], at: u64, op: &'static str) -> Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(&mut buf[done..], at + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(BlobError::io(op, error)),
        }
    }
    Ok(done)
}

fn gone(result: io::Result<()>, op: &'static str) -> Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(BlobError::io(op, error)),
    }
}
