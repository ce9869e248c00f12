//! The engine that keeps its bytes in a local folder:
//!
//! ```text
//! blobs/ab/cd/<hash>.<generation>      a blob; ab and cd are the first digits of the hash
//! staging/<upload>/data                an upload: a sparse file of the full length
//! staging/<upload>/side-<n>            a part that was sent again
//! staging/put-<process>-<n>            a small blob on its way
//! ```
//!
//! Owns the layout on disk and the tasks that block. Must not let a path out in an error.

mod commit;
mod dirs;
mod list;
mod open;
mod part;
mod read;
mod registry;
mod scratch;
mod stage;
mod sys;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
};

use crate::{BlobError, BlobKey, Result, StageKey};

pub(crate) use part::PartWriter;
pub(crate) use read::{BlobStream, Reader};
pub(crate) use scratch::Scratch;
pub(crate) use stage::StageReader;

use dirs::KnownDirs;
use registry::Registry;
use sys::Sys;

/// The folder of blobs, and of what is on its way.
const BLOBS: &str = "blobs";
const STAGING: &str = "staging";
/// The content of an upload, inside its folder.
const DATA: &str = "data";
/// How the name of a small blob on its way begins.
const PUT: &str = "put-";
/// How much is read or copied at once.
const BLOCK: usize = 1024 * 1024;

/// A store in a local folder.
#[derive(Debug)]
pub(crate) struct Local {
    sys: Sys,
    /// The writers of each upload.
    registry: Registry,
    /// Folders known to be durable.
    known: KnownDirs,
    /// Numbers the small blobs on their way.
    puts: AtomicU64,
}

impl Local {
    /// Runs what may block where it may, even if the caller goes away meanwhile.
    async fn blocking<T, F>(self: &Arc<Self>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Arc<Self>) -> Result<T> + Send + 'static,
    {
        let local = Arc::clone(self);
        join(tokio::task::spawn_blocking(move || work(&local)).await)
    }

    /// `staging/<upload>`, as all names here inside the store's folder.
    fn stage_dir(key: StageKey) -> PathBuf {
        [STAGING, &key.text()].iter().collect()
    }

    /// `staging/<upload>/data`.
    fn stage_data(key: StageKey) -> PathBuf {
        Self::stage_dir(key).join(DATA)
    }

    /// `staging/<upload>/side-<n>`.
    fn stage_side(key: StageKey, side: u32) -> PathBuf {
        Self::stage_dir(key).join(format!("side-{side}"))
    }

    /// `blobs/ab/cd/<key>`.
    fn blob_path(key: BlobKey) -> Result<PathBuf> {
        key.check()?;
        let name = key.to_string();
        Ok([BLOBS, &name[..2], &name[2..4], &name].iter().collect())
    }
}

/// What a blocking task answered; a panic in it becomes an error.
fn join<T>(joined: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    joined.unwrap_or_else(|error| {
        Err(BlobError::Io {
            op: "running a background task",
            source: std::io::Error::other(if error.is_panic() {
                "the task failed"
            } else {
                "the program is stopping"
            }),
        })
    })
}
