//! Who writes to which upload. Owns the rule that a writer never reaches the bytes of a blob: once
//! an upload is being put together, writers that are still open are cut off, because their open
//! file is the very file that becomes the blob. Must not touch the disk.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use crate::{BlobError, Extent, Result, StageKey};

/// The uploads that somebody writes to or puts together at this moment.
#[derive(Debug)]
pub(super) struct Registry {
    inner: Arc<Mutex<Inner>>,
    /// One sync of an upload at a time; uploads share a few locks.
    turns: Box<[Mutex<()>]>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            inner: Arc::default(),
            turns: (0..256).map(|_| Mutex::default()).collect(),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    stages: HashMap<StageKey, Stage>,
}

#[derive(Debug, Default)]
struct Stage {
    /// Counts how often writers were cut off. A write holds it for reading.
    epoch: Arc<RwLock<u64>>,
    writers: Vec<Place>,
    closing: bool,
}

#[derive(Debug)]
struct Place {
    ticket: u64,
    extent: Extent,
    range: Range<u64>,
}

/// A writer's place. Dropping it gives the place up.
#[derive(Debug)]
pub(super) struct Ticket {
    inner: Arc<Mutex<Inner>>,
    key: StageKey,
    number: u64,
    epoch: Arc<RwLock<u64>>,
    admitted: u64,
}

/// While it lives nobody else may write to the upload.
#[derive(Debug)]
pub(super) struct Closing {
    inner: Arc<Mutex<Inner>>,
    key: StageKey,
}

impl Registry {
    /// Waits for the turn to sync an upload, so that a failed sync has dropped the upload before
    /// the next one could succeed for the wrong reason.
    pub(super) fn sync_turn(&self, key: StageKey) -> MutexGuard<'_, ()> {
        self.turns[usize::from(key.0[0])]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a writer its place, unless another one has it.
    pub(super) fn admit(&self, key: StageKey, extent: Extent, range: Range<u64>) -> Result<Ticket> {
        let mut inner = lock(&self.inner);
        inner.next += 1;
        let number = inner.next;
        let stage = inner.stages.entry(key).or_default();
        let taken = stage.writers.iter().any(|place| match extent {
            Extent::Side(_) => place.extent == extent,
            Extent::Main => {
                place.extent == Extent::Main && place.range.start < range.end && range.start < place.range.end
            }
        });
        if taken || stage.closing {
            return Err(BlobError::Busy);
        }
        stage.writers.push(Place {
            ticket: number,
            extent,
            range,
        });
        let epoch = Arc::clone(&stage.epoch);
        // Nobody can be cutting off: `closing` is false, and it is set before the epoch moves.
        let admitted = *epoch.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Ticket {
            inner: Arc::clone(&self.inner),
            key,
            number,
            epoch,
            admitted,
        })
    }

    /// Cuts off the writers of an upload, and lets no new one in. Waits for the write that each
    /// may be in.
    pub(super) fn close(&self, key: StageKey) -> Result<Closing> {
        let mut inner = lock(&self.inner);
        let stage = inner.stages.entry(key).or_default();
        if stage.closing {
            return Err(BlobError::Busy);
        }
        stage.closing = true;
        // Those cut off can write no more, so they are in nobody's way.
        stage.writers.clear();
        let epoch = Arc::clone(&stage.epoch);
        drop(inner);
        let closing = Closing {
            inner: Arc::clone(&self.inner),
            key,
        };
        *epoch.write().unwrap_or_else(PoisonError::into_inner) += 1;
        Ok(closing)
    }
}

impl Ticket {
    /// Does `work` unless the writer was cut off; cutting off waits for it.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let epoch = self.epoch.read().unwrap_or_else(PoisonError::into_inner);
        if *epoch != self.admitted {
            return Err(BlobError::Closed);
        }
        work()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut inner = lock(&self.inner);
        if let Some(stage) = inner.stages.get_mut(&self.key) {
            stage.writers.retain(|place| place.ticket != self.number);
            if stage.writers.is_empty() && !stage.closing {
                inner.stages.remove(&self.key);
            }
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        // The entry goes: those cut off keep the old epoch for themselves, new ones get a new one.
        lock(&self.inner).stages.remove(&self.key);
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}
