//! Uploads under way: making them, reading them back, making them durable, dropping them.
//! Must not decide which parts belong to the content: the caller's layout does.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rustix::fs::{Advice, fadvise};

use super::{BLOCK, Local, PUT, STAGING, sys};
use crate::{BlobError, Extent, Layout, Result, StageEntry, StageKey};

const READ: &str = "reading back a part";
const LIST: &str = "listing uploads";
const SYNC: &str = "making an upload durable";

impl Local {
    pub(crate) async fn stage_create(self: &Arc<Self>, key: StageKey, total: u64) -> Result<()> {
        const OP: &str = "preparing an upload";
        if total == 0 {
            return Err(BlobError::Empty);
        }
        self.blocking(move |local| {
            if local.sys.free().is_some_and(|free| free < total) {
                return Err(BlobError::NoSpace);
            }
            local.sys.make_dir(&Self::stage_dir(key), OP)?;
            let file = local.sys.create(&Self::stage_data(key), false, OP)?;
            if sys::len_of(&file, OP)? != total {
                // Sparse: the blocks come with the bytes.
                file.set_len(total).map_err(|error| BlobError::io(OP, error))?;
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn stage_reader(self: &Arc<Self>, key: StageKey) -> Result<StageReader> {
        self.blocking(move |local| {
            Ok(StageReader {
                local: Arc::clone(local),
                key,
                data: local.sys.open_read(&Self::stage_data(key), READ)?,
                sides: Mutex::default(),
            })
        })
        .await
    }

    pub(crate) async fn stage_drop_side(self: &Arc<Self>, key: StageKey, extent: Extent) -> Result<bool> {
        let Extent::Side(side) = extent else {
            return Ok(false);
        };
        self.blocking(move |local| {
            // A place like a writer's: neither a writer nor a commit is there at the same time.
            let ticket = local.registry.admit(key, extent, 0..u64::MAX)?;
            ticket.during(|| local.sys.remove(&Self::stage_side(key, side), "dropping a part"))
        })
        .await
    }

    pub(crate) async fn stage_rehash_part(
        self: &Arc<Self>,
        key: StageKey,
        extent: Extent,
        offset: u64,
        len: u64,
    ) -> Result<[u8; 32]> {
        self.blocking(move |local| {
            let (name, start) = match extent {
                Extent::Main => (Self::stage_data(key), offset),
                Extent::Side(side) => (Self::stage_side(key, side), 0),
            };
            hash_file(&local.sys.open_read(&name, READ)?, start, len, READ)
        })
        .await
    }

    pub(crate) async fn stage_sync(self: &Arc<Self>, key: StageKey) -> Result<()> {
        self.blocking(move |local| {
            let _turn = local.registry.sync_turn(key);
            let dir = Self::stage_dir(key);
            let mut names = vec![Self::stage_data(key)];
            for entry in read_dir(&local.sys.path(&dir), SYNC)? {
                if entry.starts_with("side-") {
                    names.push(dir.join(entry));
                }
            }
            for (number, name) in names.iter().enumerate() {
                let file = match local.sys.open_write(name, SYNC) {
                    // A side that was given up meanwhile.
                    Err(BlobError::NotFound) if number > 0 => continue,
                    opened => opened?,
                };
                if let Err(error) = local.sys.sync(&file, name, SYNC) {
                    local.drop_untrusted(key);
                    return Err(error);
                }
            }
            local.sys.sync_dir(&dir, SYNC)?;
            local.sys.sync_dir(Path::new(STAGING), SYNC)
        })
        .await
    }

    /// Drops an upload whose sync failed. The system forgets which pages it could not write: a
    /// second sync would succeed and mean nothing.
    pub(super) fn drop_untrusted(&self, key: StageKey) {
        // If it is being put together: that waits for our turn to end, and finds nothing.
        let _closing = self.registry.close(key);
        let removed = self.sys.remove_dir(&Self::stage_dir(key), SYNC);
        tracing::error!(
            removed = removed.is_ok(),
            "the disk could not make an upload durable; the upload is dropped"
        );
    }

    pub(crate) async fn start_writeback(self: &Arc<Self>, key: StageKey, offset: u64, len: u64) -> Result<()> {
        self.blocking(move |local| {
            let file = local.sys.open_read(&Self::stage_data(key), SYNC)?;
            // For dirty pages this starts the write and keeps them; those already on the disk are
            // let go of, and are read again if anybody needs them.
            if let Some(len) = std::num::NonZeroU64::new(len)
                && let Err(error) = fadvise(&file, offset, Some(len), Advice::DontNeed)
            {
                tracing::debug!(%error, "the system takes no hint to write early");
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn stage_remove(self: &Arc<Self>, key: StageKey) -> Result<bool> {
        self.blocking(move |local| {
            let _closing = local.registry.close(key)?;
            local.sys.remove_dir(&Self::stage_dir(key), "dropping an upload")
        })
        .await
    }

    pub(crate) async fn stage_list(self: &Arc<Self>, after: Option<StageKey>, limit: usize) -> Result<Vec<StageEntry>> {
        self.blocking(move |local| {
            let mut keys: Vec<StageKey> = read_dir(&local.sys.path(Path::new(STAGING)), LIST)?
                .iter()
                .filter_map(|name| name.parse().ok())
                .filter(|key| after.is_none_or(|after| *key > after))
                .collect();
            keys.sort_unstable();
            let mut entries = Vec::new();
            for key in keys {
                if entries.len() >= limit {
                    break;
                }
                let times = [Self::stage_dir(key), Self::stage_data(key)].map(|name| modified(&local.sys.path(&name)));
                if let Some(modified) = times.into_iter().flatten().max() {
                    entries.push(StageEntry { key, modified });
                }
            }
            Ok(entries)
        })
        .await
    }

    pub(crate) async fn sweep(self: &Arc<Self>, before: i64) -> Result<u64> {
        self.blocking(move |local| {
            let staging = Path::new(STAGING);
            let mut swept = 0;
            for name in read_dir(&local.sys.path(staging), LIST)? {
                let name = match name.starts_with(PUT) {
                    true => staging.join(name),
                    false => continue,
                };
                if modified(&local.sys.path(&name)).is_some_and(|time| time < before)
                    && local.sys.remove(&name, "sweeping")?
                {
                    swept += 1;
                }
            }
            Ok(swept)
        })
        .await
    }
}

/// Reads an upload as one content, from the files in which its parts lie.
#[derive(Debug)]
pub(crate) struct StageReader {
    local: Arc<Local>,
    key: StageKey,
    data: File,
    /// The sides that were read so far.
    sides: Mutex<HashMap<u32, Arc<File>>>,
}

impl StageReader {
    pub(crate) fn read_at(&self, layout: &Layout, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            let Some(run) = layout.run(offset + done as u64) else {
                break;
            };
            let left = buf.len() - done;
            let want = usize::try_from(run.len).map_or(left, |len| len.min(left));
            let place = &mut buf[done..done + want];
            let got = match run.extent {
                Extent::Main => sys::read_at(&self.data, place, run.at, READ)?,
                Extent::Side(side) => sys::read_at(&*self.side(side)?, place, run.at, READ)?,
            };
            if got < want {
                return Err(BlobError::WrongLength {
                    expected: want as u64,
                    got: got as u64,
                });
            }
            done += want;
        }
        Ok(done)
    }

    pub(crate) fn keep(&self, layout: &Layout) {
        let named: HashSet<u32> = layout.sides().map(|(_, side)| side).collect();
        let mut sides = self.sides.lock().unwrap_or_else(PoisonError::into_inner);
        sides.retain(|side, _| named.contains(side));
    }

    fn side(&self, side: u32) -> Result<Arc<File>> {
        let mut sides = self.sides.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = sides.get(&side) {
            return Ok(Arc::clone(file));
        }
        let name = Local::stage_side(self.key, side);
        let file = Arc::new(self.local.sys.open_read(&name, READ)?);
        sides.insert(side, Arc::clone(&file));
        Ok(file)
    }
}

/// BLAKE3 of `len` bytes of a file from `start`.
pub(super) fn hash_file(file: &File, start: u64, len: u64, op: &'static str) -> Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let mut buf = vec![0; block(len)];
    let mut done = 0;
    while done < len {
        let want = block(len - done);
        let got = sys::read_at(file, &mut buf[..want], start + done, op)?;
        hasher.update(&buf[..got]);
        done += got as u64;
        if got < want {
            return Err(BlobError::WrongLength {
                expected: len,
                got: done,
            });
        }
    }
    Ok(*hasher.finalize().as_bytes())
}

/// How much to read at once if `left` bytes are left.
pub(super) fn block(left: u64) -> usize {
    usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK))
}

/// The names in a folder that are text; ours all are.
pub(super) fn read_dir(path: &Path, op: &'static str) -> Result<Vec<String>> {
    let read = || -> std::io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    };
    read().map_err(|error| BlobError::io(op, error))
}

/// When something was last changed, or `None` if it is gone.
fn modified(path: &Path) -> Option<i64> {
    fs::metadata(path).ok().map(|meta| meta.mtime())
}
