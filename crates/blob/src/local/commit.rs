//! How bytes become a blob: made durable, then given their name, then the name made durable.
//! Owns that order. Must not overwrite a blob that is whole.

use std::{fs::File, path::Path};

use std::sync::Arc;

use bytes::Bytes;

use super::{BLOBS, Local, stage::block, sys};
use crate::{BlobError, BlobKey, Committed, Layout, Result, StageKey};

const OP: &str = "storing a content";

impl Local {
    pub(crate) async fn stage_commit(
        self: &Arc<Self>,
        key: StageKey,
        layout: Layout,
        blob: BlobKey,
    ) -> Result<Committed> {
        self.blocking(move |local| local.commit(key, &layout, blob)).await
    }

    fn commit(&self, key: StageKey, layout: &Layout, blob: BlobKey) -> Result<Committed> {
        let target = Self::blob_path(blob)?;
        // From here on no late part can reach what becomes the blob.
        let _closing = self.registry.close(key)?;
        let _turn = self.registry.sync_turn(key);
        let dir = Self::stage_dir(key);
        let existed = self.keep_existing(blob, &target, layout.total())?;
        if !existed {
            let name = Self::stage_data(key);
            let data = self.sys.open_write(&name, OP)?;
            let got = sys::len_of(&data, OP)?;
            if got != layout.total() {
                return Err(BlobError::WrongLength {
                    expected: layout.total(),
                    got,
                });
            }
            for (part, side) in layout.sides() {
                self.bring_home(key, layout, part, side, &data)?;
            }
            if let Err(error) = self.sys.sync(&data, &name, OP) {
                self.drop_untrusted(key);
                return Err(error);
            }
            self.publish(&name, blob, &target)?;
            self.sys.sync_dir(&dir, OP)?;
        }
        if let Err(error) = self.sys.remove_dir(&dir, OP) {
            tracing::warn!(%error, "a finished upload's folder stays for the janitor");
        }
        Ok(Committed {
            len: layout.total(),
            existed,
        })
    }

    /// Copies a part that lies aside to its place in the content. The side stays until the upload
    /// is removed, so this can be repeated.
    fn bring_home(&self, key: StageKey, layout: &Layout, part: u32, side: u32, data: &File) -> Result<()> {
        let (offset, len) = layout.part(part)?;
        let name = Self::stage_side(key, side);
        let file = self.sys.open_write(&name, OP)?;
        let got = sys::len_of(&file, OP)?;
        if got != len {
            return Err(BlobError::WrongLength { expected: len, got });
        }
        // If the disk has lost some of it already, that shows here and nowhere else.
        if let Err(error) = self.sys.sync(&file, &name, OP) {
            self.drop_untrusted(key);
            return Err(error);
        }
        let data_name = Self::stage_data(key);
        let mut buf = vec![0; block(len)];
        let mut done = 0;
        while done < len {
            let want = block(len - done);
            let got = sys::read_at(&file, &mut buf[..want], done, OP)?;
            if got < want {
                return Err(BlobError::WrongLength {
                    expected: len,
                    got: done + got as u64,
                });
            }
            self.sys.write_at(data, &data_name, &buf[..want], offset + done, OP)?;
            done += want as u64;
        }
        Ok(())
    }

    pub(crate) async fn put_bytes(self: &Arc<Self>, key: BlobKey, bytes: Bytes) -> Result<Committed> {
        let target = Self::blob_path(key)?;
        if bytes.is_empty() {
            return Err(BlobError::Empty);
        }
        self.blocking(move |local| {
            let len = bytes.len() as u64;
            let existed = local.keep_existing(key, &target, len)?;
            if !existed {
                let (name, file) = local.create_put()?;
                let put = || {
                    local.sys.write_at(&file, &name, &bytes, 0, OP)?;
                    local.sys.sync(&file, &name, OP)?;
                    local.publish(&name, key, &target)
                };
                if let Err(error) = put() {
                    // It may have its final name already; then there is nothing to remove.
                    if let Err(left) = local.sys.remove(&name, OP) {
                        tracing::debug!(error = %left, "a failed write stays for the janitor");
                    }
                    return Err(error);
                }
            }
            Ok(Committed { len, existed })
        })
        .await
    }

    /// True if the whole blob is there. Its bytes were durable before it got its name; its name
    /// may be fresh, or come from before a crash, so it is made durable here.
    ///
    /// One of another length was damaged from outside: it is replaced.
    fn keep_existing(&self, key: BlobKey, target: &Path, len: u64) -> Result<bool> {
        if self.sys.len(target, OP)? != Some(len) {
            return Ok(false);
        }
        self.make_dirs(key, target)?;
        self.sync_parent(target)?;
        Ok(true)
    }

    /// Gives a durable file its name as a blob, durably.
    fn publish(&self, from: &Path, key: BlobKey, target: &Path) -> Result<()> {
        self.make_dirs(key, target)?;
        if let Err(error) = self.sys.rename(from, target, OP) {
            if !error.is_not_found() {
                return Err(error);
            }
            // Somebody cleared away empty folders.
            self.known.forget(&key.hash);
            self.make_dirs(key, target)?;
            self.sys.rename(from, target, OP)?;
        }
        self.sync_parent(target)
    }

    /// Makes the two folders of a blob, durably; once per folder and run of the program.
    fn make_dirs(&self, key: BlobKey, target: &Path) -> Result<()> {
        if self.known.has(&key.hash) {
            return Ok(());
        }
        if let Some(inner) = target.parent()
            && let Some(outer) = inner.parent()
        {
            self.sys.make_dir(outer, OP)?;
            self.sys.make_dir(inner, OP)?;
            self.sys.sync_dir(Path::new(BLOBS), OP)?;
            self.sys.sync_dir(outer, OP)?;
            self.known.add(&key.hash);
        }
        Ok(())
    }

    fn sync_parent(&self, target: &Path) -> Result<()> {
        match target.parent() {
            Some(parent) => self.sys.sync_dir(parent, OP),
            None => Ok(()),
        }
    }
}
