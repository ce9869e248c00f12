//! The SQLite engine: one writer thread with group commit, readers inline, checkpoints off the writer.
//! Must not know a table.

mod checkpoint;
#[cfg(debug_assertions)]
pub(crate) mod plans;
mod readers;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    checkpoint::Checkpoints,
    readers::Readers,
    writer::{Msg, WriteJob, Writer},
};
use crate::{
    DbOptions,
    error::{DbError, DbErrorKind},
    migrate,
    tx::{BoxFut, Outcome, Tx},
};

/// Statements kept prepared on each connection.
const STATEMENTS: usize = 256;

/// Whether the writer thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Closed,
    Died,
}

pub(crate) struct SqliteDb {
    queue: mpsc::Sender<Msg>,
    queue_wait: Duration,
    state: watch::Receiver<State>,
    readers: Arc<Readers>,
    checkpoints: Arc<Checkpoints>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteDb {
    pub(crate) async fn open(path: PathBuf, options: DbOptions) -> Result<Self, DbError> {
        tokio::task::spawn_blocking(move || Self::open_now(path, options))
            .await
            .map_err(|_| DbError::other("opening the database panicked"))?
    }

    fn open_now(path: PathBuf, options: DbOptions) -> Result<Self, DbError> {
        let at = |e: DbError| e.context(&format!("the database {}", path.display()));
        create(&path).map_err(at)?;
        let conn = open_writer(&path, &options).map_err(at)?;
        let readers = Arc::new(Readers::new(path.clone(), &options));
        let checkpoints = Arc::new(Checkpoints::default());
        let (queue, jobs) = mpsc::channel(options.queue.max(1));
        let (set_state, state) = watch::channel(State::Running);

        let checkpointer = checkpoint::Checkpointer {
            conn: open_plain(&path, &options).map_err(at)?,
            wal: wal_of(&path),
            every: options.checkpoint_every,
            wal_limit: options.wal_limit,
            shared: Arc::clone(&checkpoints),
            queue: queue.downgrade(),
        };
        let writer = Writer {
            conn,
            jobs,
            batch: options.batch.max(1),
            busy_timeout: options.busy_timeout,
            faults: options.faults,
            checkpoints: Arc::clone(&checkpoints),
        };
        let threads = vec![
            spawn("pantry-db-writer", move || writer::run(writer, &set_state))?,
            spawn("pantry-db-wal", move || checkpointer.run())?,
        ];
        Ok(Self {
            queue,
            queue_wait: options.queue_wait,
            state,
            readers,
            checkpoints,
            threads: Mutex::new(threads),
        })
    }

    pub(crate) fn is_alive(&self) -> bool {
        *self.state.borrow() == State::Running
    }

    pub(crate) async fn died(&self) {
        let mut state = self.state.clone();
        // The sender lives as long as the thread, and says how it ended before it goes.
        let _ = state.wait_for(|state| *state != State::Running).await;
        if *state.borrow() == State::Closed {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) async fn close(&self) {
        self.readers.close();
        self.checkpoints.stop();
        // Behind every job that was queued before. Fails only when the thread has ended already.
        let _ = self.queue.send(Msg::Close).await;
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        })
        .await;
        let mut state = self.state.clone();
        let _ = state.wait_for(|state| *state != State::Running).await;
    }

    pub(crate) async fn write<A, T, E, F>(&self, args: A, body: F) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Outcome<T, E>> + Send + Sync + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Msg::Job(Box::new(WriteJob::new(args, body, answer)));
        self.enqueue(job).await?;
        answered.await.unwrap_or_else(|_| {
            Err(
                DbError::unavailable("the database's writer stopped while the write waited")
                    .with_unknown_outcome()
                    .into(),
            )
        })
    }

    async fn enqueue(&self, job: Msg) -> Result<(), DbError> {
        use mpsc::error::{SendTimeoutError, TrySendError};
        let job = match self.queue.try_send(job) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(self.gone()),
            Err(TrySendError::Full(job)) => job,
        };
        match self.queue.send_timeout(job, self.queue_wait).await {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Closed(_)) => Err(self.gone()),
            Err(SendTimeoutError::Timeout(_)) => Err(DbError::new(
                DbErrorKind::Busy,
                format!("{} writes wait already; try again later", self.queue.max_capacity()),
            )),
        }
    }

    fn gone(&self) -> DbError {
        DbError::unavailable(match *self.state.borrow() {
            State::Died => "the database's writer has stopped",
            State::Running | State::Closed => "the database is closed",
        })
    }

    pub(crate) async fn read<A, T, E, F>(&self, args: A, body: F) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Result<T, E>> + Send + Sync + 'static,
    {
        match self.readers.short(&args, &body).await {
            Some(answer) => answer,
            None => self.read_long(args, body).await,
        }
    }

    pub(crate) async fn read_long<A, T, E, F>(&self, args: A, body: F) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Result<T, E>> + Send + Sync + 'static,
    {
        Readers::long(&self.readers, args, body).await
    }
}

impl Drop for SqliteDb {
    fn drop(&mut self) {
        // The writer ends by itself when the last sender goes; without `close` nobody waits for it.
        self.checkpoints.stop();
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, DbError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|e| DbError::unavailable(format!("cannot start the thread {name}: {e}")))
}

/// Makes the file readable by its owner alone: it holds hashes of passwords and tokens. SQLite gives its log the same mode.
fn create(path: &Path) -> Result<(), DbError> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(e) => Err(DbError::unavailable(format!(
            "cannot be opened: {e}; its folder must exist and be writable"
        ))),
    }
}

fn wal_of(path: &Path) -> PathBuf {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    wal.into()
}

fn open_plain(path: &Path, options: &DbOptions) -> Result<Connection, DbError> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(options.busy_timeout)?;
    plan_once(&conn)?;
    Ok(conn)
}

/// Plans each statement once, whatever is bound to it. SQLite is built with STAT4, with which it prepares a statement anew
/// whenever a value that might change the plan was bound: at every read, which costs ten times the read itself.
fn plan_once(conn: &Connection) -> Result<(), DbError> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Switches to the write-ahead log. SQLite does not wait here for another process that does the same, so this does.
fn use_wal(conn: &Connection, timeout: Duration) -> Result<String, DbError> {
    const PAUSE: Duration = Duration::from_millis(10);
    let mut left = timeout;
    loop {
        let mode = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0));
        match mode.map_err(DbError::from) {
            Err(e) if e.kind() == DbErrorKind::Busy && !left.is_zero() => {
                std::thread::sleep(PAUSE);
                left = left.saturating_sub(PAUSE);
            }
            mode => return mode,
        }
    }
}

fn open_writer(path: &Path, options: &DbOptions) -> Result<Connection, DbError> {
    let mut conn = open_plain(path, options)?;
    // A migration of another process may take long.
    conn.busy_timeout(options.busy_timeout.max(Duration::from_secs(30)))?;
    let mode = use_wal(&conn, options.busy_timeout)?;
    if mode != "wal" {
        return Err(DbError::unavailable(format!(
            "journal mode {mode} instead of wal: the file system does not support SQLite's shared memory"
        )));
    }
    conn.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA cache_size = -32768;",
    )?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    migrate::sqlite(&mut conn)?;
    if let Some(pages) = options.max_pages {
        conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    conn.busy_timeout(options.busy_timeout)?;
    Ok(conn)
}
