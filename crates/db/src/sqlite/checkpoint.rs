//! Copies the write-ahead log into the file beside the writer, so that no COMMIT waits for it.
//! Must never take the write lock: cutting the log back is asked of the writer.

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::writer::{Checkpoint, Msg};
use crate::error::DbError;

/// Bytes of a page, which are a frame's but for its short head.
const PAGE: u64 = 4096;

/// What the writer tells the checkpoint thread.
#[derive(Default)]
pub(super) struct Checkpoints {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Default)]
struct Told {
    dirty: bool,
    stop: bool,
}

impl Checkpoints {
    /// There is something in the log.
    pub(super) fn wrote(&self) {
        let mut told = self.lock();
        if !told.dirty {
            told.dirty = true;
            self.changed.notify_all();
        }
    }

    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing was written since the last turn began.
    fn is_quiet(&self) -> bool {
        !self.lock().dirty
    }

    /// Sleeps while nothing is written, then lets writes gather for `every`. False: stop.
    fn wait(&self, every: Duration) -> bool {
        let told = self
            .changed
            .wait_while(self.lock(), |told| !told.dirty && !told.stop)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut told, _) = self
            .changed
            .wait_timeout_while(told, every, |told| !told.stop)
            .unwrap_or_else(PoisonError::into_inner);
        told.dirty = false;
        !told.stop
    }
}

pub(super) struct Checkpointer {
    pub(super) conn: Connection,
    pub(super) wal: PathBuf,
    pub(super) every: Duration,
    pub(super) wal_limit: u64,
    pub(super) shared: Arc<Checkpoints>,
    /// Weak: this thread must not keep the queue open.
    pub(super) queue: mpsc::WeakSender<Msg>,
}

impl Checkpointer {
    pub(super) fn run(self) {
        while self.shared.wait(self.every) {
            let copied = self
                .conn
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1));
            let frames: i64 = copied.unwrap_or_else(|e| {
                // Another process may be at it. The log only grows until the next turn.
                tracing::debug!(error = %DbError::from(e), "no checkpoint this time");
                0
            });
            if let Some(how) = self.anew(u64::try_from(frames).unwrap_or(0) * PAGE)
                && let Some(queue) = self.queue.upgrade()
            {
                // A full queue is asked again after the next writes.
                let _ = queue.try_send(Msg::Checkpoint(how));
            }
        }
    }

    /// Whether the log, so many bytes of which are in use, is to be begun anew. While writes go on its file is kept: cutting
    /// it holds them up, and so does growing it again.
    fn anew(&self, used: u64) -> Option<Checkpoint> {
        let file = std::fs::metadata(&self.wal).map_or(0, |wal| wal.len());
        if file > self.wal_limit.saturating_mul(4) || file > self.wal_limit && self.shared.is_quiet() {
            Some(Checkpoint::Truncate)
        } else if used > self.wal_limit {
            Some(Checkpoint::Restart)
        } else {
            None
        }
    }
}
