//! The rows of Pantry, on SQLite or PostgreSQL: opening, migrations, transactions, and one file per table family.
//! The only crate that knows SQL. Must not know HTTP, object storage, or a rule of the drive.
//!
//! A transaction's body is a named `async fn` over owned arguments, given as `db.write(args, |tx, a| Box::pin(body(tx, a)))`.
//! It may run more than once (a serialization failure, a batch that was rolled back under it, a read that went over its cap):
//! it draws no time and no randomness, touches no cache, and awaits only its [`Tx`].

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

#[cfg(feature = "contract")]
pub mod contract;
pub mod dialect;
mod error;
mod fault;
mod migrate;
mod news;
mod pg;
mod sqlite;
mod tx;
mod url;
mod value;

pub mod app_states;
pub mod apps;
pub mod archives;
pub mod audit;
pub mod bin;
pub mod blobs;
pub mod books;
pub mod changes;
pub mod codes;
pub mod deliveries;
pub mod devices;
pub mod directory;
pub mod given;
pub mod grants;
pub mod hooks;
pub mod jobs;
pub mod loose;
pub mod meta;
pub mod nodes;
pub mod oidc;
pub mod password_links;
pub mod pushed;
pub mod scope_requests;
pub mod search;
pub mod sessions;
pub mod shares;
pub mod throttle;
pub mod tokens;
pub mod uploads;
pub mod users;
pub mod versions;
pub mod weipan_tokens;

pub use error::{DbError, DbErrorKind};
pub use fault::{Fault, Faults, Point};
pub use migrate::LATEST as LATEST_SCHEMA_VERSION;
pub use news::{Listener, News};
pub use tx::{BoxFut, Outcome, Tx};
pub use url::DatabaseUrl;
pub use value::{Col, IdList, Param, Row, TextList};

/// Which engine holds the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// A server.
    Postgres,
}

/// How a database is opened. The defaults are for production.
#[derive(Clone, Debug)]
pub struct DbOptions {
    /// SQLite: how many transactions share one COMMIT, at most.
    pub batch: usize,
    /// SQLite: how many transactions may wait for the writer.
    pub queue: usize,
    /// How long a write waits for a place in a full queue, and on PostgreSQL any call for a connection, before it answers [`DbErrorKind::Busy`].
    pub queue_wait: Duration,
    /// SQLite: how long to wait for a lock that another process holds.
    pub busy_timeout: Duration,
    /// SQLite: how many short reads run at once. They are made when first needed.
    pub readers: usize,
    /// SQLite: how many long reads run at once.
    pub long_readers: usize,
    /// SQLite: how many steps of its virtual machine a short read may take before it is rerun off the runtime. 10,000 take some 0.1 to 0.5 ms.
    pub read_cap: u64,
    /// SQLite: how often the write-ahead log is copied into the file while there are writes.
    pub checkpoint_every: Duration,
    /// SQLite: above how many bytes the write-ahead log is cut back to nothing, between two batches.
    pub wal_limit: u64,
    /// SQLite: how many pages of 4 KiB the file may have. None: no limit but the engine's.
    pub max_pages: Option<u32>,
    /// PostgreSQL: how many connections. More than 16 are slower, not faster.
    pub pool: usize,
    /// PostgreSQL: how often a transaction that others were in the way of is tried.
    pub attempts: u32,
    /// Faults that a test injects.
    pub faults: Faults,
}

impl Default for DbOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            batch: 256,
            queue: 4096,
            queue_wait: Duration::from_secs(5),
            busy_timeout: Duration::from_secs(5),
            readers: cores * 2,
            long_readers: cores.max(2),
            read_cap: 200_000,
            checkpoint_every: Duration::from_millis(200),
            wal_limit: 64 << 20,
            max_pages: None,
            pool: 16,
            attempts: 5,
            faults: Faults::default(),
        }
    }
}

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Db {
    opened: Opened,
    /// Moves with every write that was answered as done.
    commits: Arc<watch::Sender<u64>>,
}

#[derive(Clone)]
enum Opened {
    Sqlite(Arc<sqlite::SqliteDb>),
    Pg(Arc<pg::PgDb>),
}

impl Db {
    /// Opens the database, makes it when it is missing (SQLite), and applies the migrations it lacks, under a lock.
    ///
    /// # Errors
    /// It cannot be opened or reached; [`DbErrorKind::TooNew`]; a migration failed.
    pub async fn open(url: &DatabaseUrl, options: DbOptions) -> Result<Self, DbError> {
        let opened = match url {
            DatabaseUrl::Sqlite(path) => Opened::Sqlite(Arc::new(sqlite::SqliteDb::open(path.clone(), options).await?)),
            DatabaseUrl::Postgres(text) => Opened::Pg(Arc::new(pg::PgDb::open(text, options).await?)),
        };
        Ok(Self {
            opened,
            commits: Arc::new(watch::Sender::new(0)),
        })
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        match self.opened {
            Opened::Sqlite(_) => Engine::Sqlite,
            Opened::Pg(_) => Engine::Postgres,
        }
    }

    /// Runs a write transaction, and answers when it is durable. It runs to its end even if the caller goes away.
    ///
    /// On SQLite transactions run one after the other. On PostgreSQL they run side by side as READ COMMITTED: lock first, in a statement of its own.
    ///
    /// # Errors
    /// The body's own; an error of SQL, also where the body answered `Commit` after one; a failed COMMIT;
    /// [`DbErrorKind::Busy`] when the queue stays full; a panic of the body.
    pub async fn write<A, T, E, F>(&self, args: A, body: F) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Outcome<T, E>> + Send + Sync + 'static,
    {
        let answer = match &self.opened {
            Opened::Sqlite(db) => db.write(args, body).await,
            Opened::Pg(db) => db.write(args, body).await,
        };
        if answer.is_ok() && self.commits.receiver_count() > 0 {
            self.commits.send_modify(|n| *n = n.wrapping_add(1));
        }
        answer
    }

    /// Moves soon after each write of this process that was done, whatever it wrote. It may miss one whose caller went
    /// away, and those of other processes: whoever waits for it also looks now and then.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Runs a short read. It sees every write that was answered before it began.
    ///
    /// On SQLite all its statements see one state. On PostgreSQL each statement sees the state at its own start (no BEGIN, no round trip for one).
    /// On SQLite it runs inline; above [`DbOptions::read_cap`] it is stopped and rerun as [`Self::read_long`].
    ///
    /// # Errors
    /// The body's own; an error of SQL, also where the body answered `Ok` after one.
    pub async fn read<A, T, E, F>(&self, args: A, body: F) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Result<T, E>> + Send + Sync + 'static,
    {
        match &self.opened {
            Opened::Sqlite(db) => db.read(args, body).await,
            Opened::Pg(db) => db.read(args, body).await,
        }
    }

    /// Runs a long read (a scan): on SQLite always off the runtime's threads.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_long<A, T, E, F>(&self, args: A, body: F) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Result<T, E>> + Send + Sync + 'static,
    {
        match &self.opened {
            Opened::Sqlite(db) => db.read_long(args, body).await,
            Opened::Pg(db) => db.read(args, body).await,
        }
    }

    /// Hears from now on what other processes on this database tell, and answers whether there can be any news:
    /// on SQLite there is no line. Until [`News::Listening`] nothing is heard. One listener: a later one takes its place.
    pub fn listen(&self, listener: Listener) -> bool {
        match &self.opened {
            Opened::Sqlite(_) => false,
            Opened::Pg(db) => {
                db.listen(listener);
                true
            }
        }
    }

    /// Tells the other processes that something of a person's (of everybody's, if nobody is named) may have ended.
    /// To be called after the commit; many calls become one message. It may be lost with the process.
    pub fn tell_ended(&self, who: Option<pantry_types::UserId>) {
        if let Opened::Pg(db) = &self.opened {
            db.tell(who);
        }
    }

    /// Whether the database answers: for readiness.
    ///
    /// # Errors
    /// It does not; the writer has stopped.
    pub async fn ping(&self) -> Result<(), DbError> {
        if !self.is_alive() {
            return Err(DbError::unavailable("the database's writer has stopped"));
        }
        self.read((), |tx, ()| {
            Box::pin(async move { tx.query_one("SELECT 1", &[], |row| row.get(0)).await })
        })
        .await
        .map(|_: i64| ())
    }

    /// False once the SQLite writer has died: every later write fails, and the process should end. After [`Self::close`] too.
    pub fn is_alive(&self) -> bool {
        match &self.opened {
            Opened::Sqlite(db) => db.is_alive(),
            Opened::Pg(db) => db.is_open(),
        }
    }

    /// Waits until the SQLite writer has died of an error of its own. Pends for ever on PostgreSQL, and after a proper [`Self::close`].
    pub async fn died(&self) {
        match &self.opened {
            Opened::Sqlite(db) => db.died().await,
            Opened::Pg(_) => std::future::pending().await,
        }
    }

    /// Runs and answers every write that was asked for before, refuses later ones, stops the threads, and on SQLite empties the write-ahead log.
    pub async fn close(&self) {
        match &self.opened {
            Opened::Sqlite(db) => db.close().await,
            Opened::Pg(db) => db.close().await,
        }
    }
}
