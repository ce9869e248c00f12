//! Copies the write-ahead log into the file beside the writer, so that no COMMIT waits for it.
//! Must never take the write lock: cutting the log back is asked of the writer.

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::writer::Msg;
use crate::error::DbError;

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
            let copied = self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            if let Err(e) = copied {
                // Another process may be at it. The log only grows until the next turn.
                tracing::debug!(error = %DbError::from(e), "no checkpoint this time");
            }
            let long = std::fs::metadata(&self.wal).is_ok_and(|wal| wal.len() > self.wal_limit);
            if long && let Some(queue) = self.queue.upgrade() {
                // A full queue is asked again after the next writes.
                let _ = queue.try_send(Msg::Truncate);
            }
        }
    }
}
