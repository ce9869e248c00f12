//! Read-only connections to SQLite: short reads inline on the runtime's thread, with a cap; long ones on a blocking thread.
//! Must not write, and must not hold a connection across an await.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::STATEMENTS;
use crate::{
    DbOptions,
    error::DbError,
    fault::Faults,
    tx::{BoxFut, Tx, poll_once},
};

/// How many steps of SQLite's virtual machine lie between two looks at the cap.
const STRIDE: u64 = 1000;

/// Steps that a read may still take, shared with the connection's progress handler.
#[derive(Default)]
struct Cap {
    left: AtomicU64,
    hit: AtomicBool,
}

impl Cap {
    fn set(&self, steps: u64) {
        self.left.store(steps, Relaxed);
        self.hit.store(false, Relaxed);
    }

    fn lift(&self) {
        self.left.store(u64::MAX, Relaxed);
    }

    /// Whether to stop now.
    fn tick(&self) -> bool {
        match self.left.load(Relaxed) {
            u64::MAX => false,
            left if left < STRIDE => {
                self.hit.store(true, Relaxed);
                true
            }
            left => {
                self.left.store(left - STRIDE, Relaxed);
                false
            }
        }
    }
}

struct Reader {
    conn: Connection,
    cap: Arc<Cap>,
}

#[derive(Default)]
struct Idle {
    readers: Vec<Reader>,
    closed: bool,
}

pub(super) struct Readers {
    path: PathBuf,
    busy_timeout: Duration,
    cap: u64,
    keep: usize,
    short: Semaphore,
    long: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, options: &DbOptions) -> Self {
        let (short, long) = (options.readers.max(1), options.long_readers.max(1));
        Self {
            path,
            busy_timeout: options.busy_timeout,
            cap: options.read_cap,
            keep: short,
            short: Semaphore::new(short),
            long: Arc::new(Semaphore::new(long)),
            idle: Mutex::default(),
        }
    }

    /// Runs a read here and now. `None`: it went over its cap.
    pub(super) async fn short<A, T, E, F>(&self, args: &A, body: &F) -> Option<Result<T, E>>
    where
        E: From<DbError>,
        F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Result<T, E>>,
    {
        let Ok(_permit) = self.short.acquire().await else {
            return Some(Err(closed().into()));
        };
        self.run(self.cap, args, body)
    }

    /// Runs a read on a blocking thread, without a cap.
    pub(super) async fn long<A, T, E, F>(this: &Arc<Self>, args: A, body: F) -> Result<T, E>
    where
        A: Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Result<T, E>> + Send + 'static,
    {
        let Ok(permit) = Arc::clone(&this.long).acquire_owned().await else {
            return Err(closed().into());
        };
        let this = Arc::clone(this);
        let ran = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            this.run(u64::MAX, &args, &body)
        })
        .await;
        match ran {
            Ok(Some(answer)) => answer,
            Ok(None) | Err(_) => Err(DbError::unavailable("the program is stopping").into()),
        }
    }

    fn run<A, T, E, F>(&self, cap: u64, args: &A, body: &F) -> Option<Result<T, E>>
    where
        E: From<DbError>,
        F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Result<T, E>>,
    {
        let mut reader = match self.take() {
            Ok(reader) => reader,
            Err(e) => return Some(Err(e.into())),
        };
        reader.cap.set(cap);
        // One snapshot for all statements of the read.
        if let Err(e) = reader.step("BEGIN") {
            return Some(Err(e.into()));
        }
        let mut tx = Tx::sqlite(&mut reader.conn, &Faults::NONE);
        let ran = catch_unwind(AssertUnwindSafe(|| poll_once(body(&mut tx, args))));
        let failed = tx.failed().cloned();
        drop(tx);
        reader.cap.lift();
        let hit = reader.cap.hit.load(Relaxed);
        // A connection that cannot end its transaction is closed instead of kept.
        if reader.conn.is_autocommit() || reader.step("COMMIT").is_ok() {
            self.give_back(reader);
        }
        if hit {
            return None;
        }
        Some(match (ran, failed) {
            (Ok(Ok(Ok(_))), Some(first)) => Err(first.into()),
            (Ok(Ok(answer)), _) => answer,
            (Ok(Err(pended)), _) => Err(pended.into()),
            (Err(_), _) => Err(DbError::other("the read's code panicked").into()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<Reader, DbError> {
        {
            let mut idle = self.lock();
            if idle.closed {
                return Err(closed());
            }
            if let Some(reader) = idle.readers.pop() {
                return Ok(reader);
            }
        }
        Reader::open(self)
    }

    fn give_back(&self, reader: Reader) {
        let mut idle = self.lock();
        if !idle.closed && idle.readers.len() < self.keep {
            idle.readers.push(reader);
        }
    }

    /// Refuses later reads; those under way end by themselves.
    pub(super) fn close(&self) {
        self.short.close();
        self.long.close();
        let mut idle = self.lock();
        idle.closed = true;
        idle.readers.clear();
    }
}

fn closed() -> DbError {
    DbError::unavailable("the database is closed")
}

impl Reader {
    fn open(of: &Readers) -> Result<Self, DbError> {
        let mut conn = Connection::open_with_flags(
            &of.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        conn.busy_timeout(of.busy_timeout)?;
        super::plan_once(&conn)?;
        conn.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cache_size = -2048;")?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        let cap = Arc::new(Cap::default());
        let watched = Arc::clone(&cap);
        conn.progress_handler(STRIDE as i32, Some(move || watched.tick()))?;
        Ok(Self { conn, cap })
    }

    fn step(&self, sql: &str) -> Result<(), DbError> {
        self.conn.prepare_cached(sql)?.raw_execute()?;
        Ok(())
    }
}
