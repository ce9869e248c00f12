//! Faults on purpose: a hook that tests set in [`crate::DbOptions`] to make one step of an engine fail.
//! Does nothing unless set, and owns no decision of its own.

use std::{fmt, sync::Arc};

use crate::error::{DbError, DbErrorKind};

/// A step that may be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// Before BEGIN of a write transaction (on SQLite: of a batch).
    Begin,
    /// Before a statement of a write transaction.
    Statement,
    /// Before COMMIT of a write transaction (on SQLite: of a batch).
    Commit,
    /// The SQLite writer thread, each time it has taken a job from its queue.
    WriterTakes,
}

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The step answers an error of this kind and has no effect.
    Error(DbErrorKind),
    /// SQLite: the whole transaction is rolled back underneath, as a full disk or an I/O error does, and the step answers an error of this kind.
    RolledBack(DbErrorKind),
    /// The thread panics.
    Panic,
}

type Hook = dyn Fn(Point) -> Option<Fault> + Send + Sync;

/// The hook. `Faults::default()` injects nothing.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Hook>>);

impl Faults {
    /// Injects nothing.
    pub(crate) const NONE: Self = Self(None);

    /// Asks `hook` at every [`Point`] that is passed.
    pub fn new(hook: impl Fn(Point) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    /// # Panics
    /// When the hook says so.
    pub(crate) fn at(&self, point: Point) -> Option<Fault> {
        let fault = self.0.as_ref()?(point);
        assert!(fault != Some(Fault::Panic), "injected panic at {point:?}");
        fault
    }

    /// For steps where a rollback underneath means nothing: any fault is an error.
    pub(crate) fn check(&self, point: Point) -> Result<(), DbError> {
        match self.at(point) {
            Some(Fault::Error(kind) | Fault::RolledBack(kind)) => Err(injected(kind, point)),
            Some(Fault::Panic) | None => Ok(()),
        }
    }
}

pub(crate) fn injected(kind: DbErrorKind, point: Point) -> DbError {
    DbError::new(kind, format!("injected fault at {point:?}"))
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Faults(set)"
        } else {
            "Faults(none)"
        })
    }
}
