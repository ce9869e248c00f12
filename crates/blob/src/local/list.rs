//! Blobs from outside: which there are, whether their bytes are right, deleting them.
//! Must not load more of the listing than one page and one folder.

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Arc};

use super::{
    BLOBS, Local,
    stage::{hash_file, read_dir},
    sys,
};
use crate::{BlobEntry, BlobError, BlobKey, Result};

const LIST: &str = "listing contents";

impl Local {
    pub(crate) async fn exists(self: &Arc<Self>, key: BlobKey) -> Result<Option<u64>> {
        let path = Self::blob_path(key)?;
        self.blocking(move |local| local.sys.len(&path, "looking for a content"))
            .await
    }

    pub(crate) async fn delete(self: &Arc<Self>, key: BlobKey) -> Result<bool> {
        let path = Self::blob_path(key)?;
        self.blocking(move |local| local.sys.remove(&path, "deleting a content"))
            .await
    }

    pub(crate) async fn verify(self: &Arc<Self>, key: BlobKey) -> Result<[u8; 32]> {
        const OP: &str = "checking a content";
        let path = Self::blob_path(key)?;
        self.blocking(move |local| {
            let file = local.sys.open_read(&path, OP)?;
            hash_file(&file, 0, sys::len_of(&file, OP)?, OP)
        })
        .await
    }

    pub(crate) async fn list(self: &Arc<Self>, after: Option<BlobKey>, limit: usize) -> Result<Vec<BlobEntry>> {
        if let Some(after) = after {
            after.check()?;
        }
        self.blocking(move |local| {
            let from = after.map(|key| key.to_string()).unwrap_or_default();
            let mut page = Vec::new();
            let blobs = local.sys.path(Path::new(BLOBS));
            for outer in folders(&blobs, from.get(..2))? {
                let outer_path = blobs.join(&outer);
                // Inside the first folder the walk goes on where it stopped; later ones are whole.
                let inner_from = from.get(2..4).filter(|_| from.starts_with(&outer));
                for inner in folders(&outer_path, inner_from)? {
                    leaf(
                        &outer_path.join(&inner),
                        &format!("{outer}{inner}"),
                        after,
                        limit,
                        &mut page,
                    )?;
                    if page.len() >= limit {
                        return Ok(page);
                    }
                }
            }
            Ok(page)
        })
        .await
    }
}

/// The folders named by two hex digits, from `from` on, in order.
fn folders(path: &Path, from: Option<&str>) -> Result<Vec<String>> {
    let mut names = match read_dir(path, LIST) {
        Err(BlobError::NotFound) => Vec::new(),
        names => names?,
    };
    names.retain(|name| {
        name.len() == 2
            && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && from.is_none_or(|from| name.as_str() >= from)
    });
    names.sort_unstable();
    Ok(names)
}

/// Adds the blobs of one folder to the page, until it is full.
fn leaf(path: &Path, prefix: &str, after: Option<BlobKey>, limit: usize, page: &mut Vec<BlobEntry>) -> Result<()> {
    let names = match read_dir(path, LIST) {
        Err(BlobError::NotFound) => return Ok(()),
        names => names?,
    };
    let mut keys: Vec<BlobKey> = names
        .iter()
        .filter(|name| name.starts_with(prefix))
        .filter_map(|name| name.parse().ok())
        .filter(|key| after.is_none_or(|after| *key > after))
        .collect();
    keys.sort_unstable();
    for key in keys {
        if page.len() >= limit {
            break;
        }
        match fs::metadata(path.join(key.to_string())) {
            Ok(meta) if meta.is_file() => page.push(BlobEntry {
                key,
                len: meta.len(),
                modified: meta.mtime(),
            }),
            // Not ours, or deleted meanwhile.
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(BlobError::io(LIST, error)),
        }
    }
    Ok(())
}
