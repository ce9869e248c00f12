//! Faults on demand, and a record of what was done in which order: for tests of crash safety.
//! Must not do anything unless a test put it into [`crate::Options`].

use std::{
    io,
    sync::{Mutex, PoisonError},
};

/// A kind of storage operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Op {
    /// Bytes written to a file.
    Write,
    /// A file's bytes made durable.
    Sync,
    /// A folder's names made durable.
    SyncDir,
    /// A file given its final name.
    Rename,
    /// A file or folder removed.
    Remove,
}

/// What happens instead of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It fails with an input/output error.
    Io,
    /// It fails because the disk is full.
    NoSpace,
    /// Only so many bytes of the write arrive, then it fails with an input/output error.
    Torn(usize),
    /// It is not done, and success is answered.
    Skip,
}

/// An operation that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What was done.
    pub op: Op,
    /// Name inside the store, with `/` (for a rename: the new one).
    pub name: String,
}

/// The plan of faults, and the record. Shared by a test and the store it opened.
#[derive(Debug, Default)]
pub struct Faults {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Operation, how many of them to let pass still, what happens then.
    plans: Vec<(Op, u32, Fault)>,
    trace: Vec<Event>,
}

impl Faults {
    /// No faults, empty record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The `nth` operation of this kind from now on (1: the next one) meets `fault`, once.
    pub fn plan(&self, op: Op, nth: u32, fault: Fault) {
        self.lock().plans.push((op, nth.max(1), fault));
    }

    /// What was done since the last call, in order.
    #[must_use]
    pub fn take_trace(&self) -> Vec<Event> {
        std::mem::take(&mut self.lock().trace)
    }

    /// Notes an operation that is about to happen, and says what befalls it.
    pub(crate) fn meet(&self, op: Op, name: &str) -> Option<Fault> {
        let mut inner = self.lock();
        inner.trace.push(Event {
            op,
            name: name.to_owned(),
        });
        let mut met = None;
        inner.plans.retain_mut(|(planned, left, fault)| {
            if *planned != op {
                return true;
            }
            *left -= 1;
            if *left == 0 {
                met = Some(*fault);
            }
            *left > 0
        });
        met
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    /// The error of this fault; `Skip` has none.
    pub(crate) fn error(self) -> io::Result<()> {
        match self {
            Self::Io | Self::Torn(_) => Err(rustix::io::Errno::IO.into()),
            Self::NoSpace => Err(rustix::io::Errno::NOSPC.into()),
            Self::Skip => Ok(()),
        }
    }
}
