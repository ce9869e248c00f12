//! The one writer of SQLite: takes transactions from a queue, runs each in a savepoint, many in one COMMIT, and answers after it.
//! Must answer every job exactly once, none before its COMMIT returned.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::{State, checkpoint::Checkpoints};
use crate::{
    error::{DbError, DbErrorKind},
    fault::{Fault, Faults, Point, injected},
    tx::{BoxFut, Outcome, Tx, poll_once},
};

/// How long beginning the log anew between two batches may hold up the next for the sake of a reader.
const CHECKPOINT_WAIT: Duration = Duration::from_millis(20);

pub(super) enum Msg {
    Job(Box<dyn Job>),
    /// Begin the write-ahead log anew.
    Checkpoint(Checkpoint),
    /// Take nothing more.
    Close,
}

/// How the write-ahead log is begun anew. All of it is copied into the file first, while nobody writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Checkpoint {
    /// Its file keeps its size: written over, it takes a commit no new blocks.
    Restart,
    /// Its file is cut to nothing.
    Truncate,
}

/// What a job's body decided.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    Undo,
}

/// A transaction that waits for its turn. It may run twice, and is answered once.
pub(super) trait Job: Send {
    /// Runs the body and keeps its answer.
    fn run(&mut self, conn: &mut Connection, faults: &Faults) -> Verdict;
    /// Gives the caller the kept answer, or this error instead.
    fn answer(self: Box<Self>, committed: Result<(), DbError>);
}

pub(super) struct WriteJob<A, T, E, F> {
    args: A,
    body: F,
    kept: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<A, T, E, F> WriteJob<A, T, E, F> {
    pub(super) fn new(args: A, body: F, caller: oneshot::Sender<Result<T, E>>) -> Self {
        Self {
            args,
            body,
            kept: None,
            caller,
        }
    }
}

impl<A, T, E, F> Job for WriteJob<A, T, E, F>
where
    A: Send + Sync,
    T: Send,
    E: From<DbError> + Send,
    F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Outcome<T, E>> + Send,
{
    fn run(&mut self, conn: &mut Connection, faults: &Faults) -> Verdict {
        let mut tx = Tx::sqlite(conn, faults);
        // Whatever a panic leaves half done is undone with the savepoint.
        let ran = catch_unwind(AssertUnwindSafe(|| poll_once((self.body)(&mut tx, &self.args))));
        let answer = match (ran, tx.failed()) {
            (Ok(Ok(Outcome::Commit(value))), None) => Ok(value),
            (Ok(Ok(Outcome::Commit(_))), Some(first)) => Err(first.clone().into()),
            (Ok(Ok(Outcome::Rollback(e))), _) => Err(e),
            (Ok(Err(pended)), _) => Err(pended.into()),
            (Err(_), _) => Err(DbError::other("the transaction's code panicked; it was rolled back").into()),
        };
        let verdict = match answer {
            Ok(_) => Verdict::Keep,
            Err(_) => Verdict::Undo,
        };
        self.kept = Some(answer);
        verdict
    }

    fn answer(self: Box<Self>, committed: Result<(), DbError>) {
        let answer = match (committed, self.kept) {
            (Ok(()), Some(answer)) => answer,
            (Ok(()), None) => Err(DbError::other("the transaction never ran").into()),
            (Err(e), _) => Err(e.into()),
        };
        // A caller who went away does not want it.
        let _ = self.caller.send(answer);
    }
}

/// The transaction is gone, and with it the work of every job in it.
struct Lost {
    /// What to tell the job at which it happened. `None`: its own answer, which is an error already.
    culprit: Option<DbError>,
}

pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) jobs: mpsc::Receiver<Msg>,
    pub(super) batch: usize,
    pub(super) busy_timeout: Duration,
    pub(super) faults: Faults,
    pub(super) checkpoints: std::sync::Arc<Checkpoints>,
}

/// The body of the thread. Says at its end how it ended.
pub(super) fn run(writer: Writer, state: &watch::Sender<State>) {
    let ended = catch_unwind(AssertUnwindSafe(|| writer.run()));
    // Jobs that still waited were dropped with the queue, which tells their callers.
    let _ = state.send(match ended {
        Ok(()) => State::Closed,
        Err(_) => {
            tracing::error!("the database's writer thread panicked; no write is possible any more");
            State::Died
        }
    });
}

impl Writer {
    fn run(mut self) {
        let mut next = None;
        loop {
            let Some(msg) = next.take().or_else(|| self.jobs.blocking_recv()) else {
                break;
            };
            match msg {
                Msg::Job(job) => next = self.batch(job),
                Msg::Checkpoint(how) => self.checkpoint(how, CHECKPOINT_WAIT),
                // What is queued already is still received.
                Msg::Close => self.jobs.close(),
            }
        }
        self.checkpoint(Checkpoint::Truncate, Duration::from_secs(1));
    }

    /// One transaction of many jobs. Answers a message that is not a job, if one ended the batch.
    fn batch(&mut self, first: Box<dyn Job>) -> Option<Msg> {
        let mut done: Vec<Box<dyn Job>> = Vec::new();
        let mut stopped_by = None;
        if let Err(e) = self.begin() {
            // All that wait now, else the last of them would wait for as many timeouts.
            done.push(first);
            while done.len() < self.batch
                && let Some(job) = self.take(&mut stopped_by)
            {
                done.push(job);
            }
            answer_all(done, &Err(e));
            return stopped_by;
        }
        let mut next = Some(first);
        while let Some(mut job) = next.take() {
            self.faults.at(Point::WriterTakes);
            match self.run_job(&mut *job) {
                Ok(()) => done.push(job),
                Err(lost) => {
                    job.answer(lost.culprit.map_or(Ok(()), Err));
                    self.each_alone(done);
                    return stopped_by;
                }
            }
            if done.len() < self.batch {
                next = self.take(&mut stopped_by);
            }
        }
        match self.commit() {
            // A constraint that is checked at the end: find the one that broke it.
            Err(e) if e.is_integrity() && done.len() > 1 => self.each_alone(done),
            committed => answer_all(done, &committed),
        }
        stopped_by
    }

    /// Runs jobs again after their batch was lost, each in a transaction of its own: so that no job fails for another's sake,
    /// and none runs a third time.
    fn each_alone(&mut self, jobs: Vec<Box<dyn Job>>) {
        let mut jobs = jobs.into_iter();
        while let Some(mut job) = jobs.next() {
            if let Err(e) = self.begin() {
                job.answer(Err(e.clone()));
                return answer_all(jobs.collect(), &Err(e));
            }
            let committed = match self.run_job(&mut *job) {
                Ok(()) => self.commit(),
                Err(lost) => lost.culprit.map_or(Ok(()), Err),
            };
            job.answer(committed);
        }
    }

    /// A job that is queued already.
    fn take(&mut self, stopped_by: &mut Option<Msg>) -> Option<Box<dyn Job>> {
        if stopped_by.is_some() {
            return None;
        }
        match self.jobs.try_recv().ok()? {
            Msg::Job(job) => Some(job),
            other => {
                *stopped_by = Some(other);
                None
            }
        }
    }

    fn run_job(&mut self, job: &mut dyn Job) -> Result<(), Lost> {
        let lose = |this: &mut Self, culprit: Option<DbError>| {
            this.rollback();
            Err(Lost { culprit })
        };
        if let Err(e) = self.step("SAVEPOINT job") {
            return lose(self, Some(e));
        }
        let verdict = job.run(&mut self.conn, &self.faults);
        // A full disk or an I/O error rolls back the whole transaction underneath.
        if self.conn.is_autocommit() {
            let culprit =
                (verdict == Verdict::Keep).then(|| DbError::other("the transaction was rolled back underneath"));
            return lose(self, culprit);
        }
        let ended = match verdict {
            Verdict::Keep => self.step("RELEASE job"),
            Verdict::Undo => self.step("ROLLBACK TO job").and_then(|()| self.step("RELEASE job")),
        };
        match ended {
            Ok(()) => Ok(()),
            Err(e) => lose(self, (verdict == Verdict::Keep).then_some(e)),
        }
    }

    fn begin(&mut self) -> Result<(), DbError> {
        self.faults.check(Point::Begin)?;
        self.rollback();
        self.step("BEGIN IMMEDIATE").map_err(|e| e.context("BEGIN"))
    }

    /// Commits, or rolls back and says why.
    fn commit(&mut self) -> Result<(), DbError> {
        let result = match self.faults.at(Point::Commit) {
            Some(Fault::Error(kind)) => Err(injected(kind, Point::Commit)),
            Some(Fault::RolledBack(kind)) => {
                self.rollback();
                Err(injected(kind, Point::Commit))
            }
            Some(Fault::Panic) | None => self.step("COMMIT").map_err(commit_failed),
        };
        match &result {
            Ok(()) => self.checkpoints.wrote(),
            Err(_) => self.rollback(),
        }
        result
    }

    /// Leaves no transaction open.
    fn rollback(&mut self) {
        if !self.conn.is_autocommit()
            && let Err(e) = self.step("ROLLBACK")
        {
            // The next BEGIN fails then, and its jobs are told.
            tracing::error!(error = %e, "a transaction could not be rolled back");
        }
    }

    fn step(&self, sql: &str) -> Result<(), DbError> {
        self.conn.prepare_cached(sql)?.raw_execute()?;
        Ok(())
    }

    fn checkpoint(&mut self, how: Checkpoint, wait: Duration) {
        let sql = match how {
            Checkpoint::Restart => "PRAGMA wal_checkpoint(RESTART)",
            Checkpoint::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        let cut = self
            .conn
            .busy_timeout(wait)
            .and_then(|()| self.conn.query_row(sql, [], |_| Ok(())))
            .and_then(|()| self.conn.busy_timeout(self.busy_timeout));
        if let Err(e) = cut {
            tracing::debug!(error = %DbError::from(e), "the write-ahead log was not begun anew");
        }
    }
}

/// After a failed fsync the log may hold the commit all the same, should the machine stop before the next one overwrites it.
fn commit_failed(e: DbError) -> DbError {
    let e = e.context("COMMIT");
    match e.kind() {
        DbErrorKind::Corrupt => e.with_unknown_outcome(),
        _ => e,
    }
}

fn answer_all(jobs: Vec<Box<dyn Job>>, committed: &Result<(), DbError>) {
    for job in jobs {
        job.answer(committed.clone());
    }
}
