//! The PostgreSQL engine: a pool of connections, transactions with retry, reads without BEGIN.
//! Must not know a table.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tokio_postgres::{IsolationLevel, NoTls, types::ToSql};

use crate::{
    DbOptions,
    error::{DbError, DbErrorKind},
    fault::{Faults, Point},
    migrate,
    news::{Listener, Outbox},
    tx::{BoxFut, Outcome, Tx},
    value::Param,
};

mod line;
#[cfg(test)]
mod line_tests;
#[cfg(test)]
mod tests;

/// More than any process has writes under way: `close` waits by taking all of them.
const IN_FLIGHT: u32 = 1 << 20;

/// What a [`Tx`] talks to.
pub(crate) enum PgConn<'a> {
    /// Inside BEGIN.
    Write(deadpool_postgres::Transaction<'a>),
    /// Each statement by itself.
    Read(&'a ClientWrapper),
}

impl PgConn<'_> {
    pub(crate) async fn query(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<tokio_postgres::Row>, DbError> {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p.pg()).collect();
        Ok(match self {
            Self::Write(tx) => tx.query(&tx.prepare_cached(sql).await?, &params).await?,
            Self::Read(_) if !reads_only(sql) => return Err(writes_in_a_read(sql)),
            Self::Read(client) => client.query(&client.prepare_cached(sql).await?, &params).await?,
        })
    }

    pub(crate) async fn execute(&self, sql: &str, params: &[&dyn Param]) -> Result<u64, DbError> {
        let Self::Write(tx) = self else {
            return Err(writes_in_a_read(sql));
        };
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p.pg()).collect();
        Ok(tx.execute(&tx.prepare_cached(sql).await?, &params).await?)
    }
}

/// SQLite's readers refuse a write by themselves. This finds the plain cases, without a round trip.
fn reads_only(sql: &str) -> bool {
    let sql = sql.trim_start();
    sql.starts_with("SELECT") || sql.starts_with("WITH")
}

fn writes_in_a_read(sql: &str) -> DbError {
    DbError::other(format!("a read may not write: {sql}"))
}

pub(crate) struct PgDb {
    pool: Pool,
    writes: Arc<Semaphore>,
    attempts: u32,
    faults: Faults,
    jitter: Arc<AtomicU64>,
    config: tokio_postgres::Config,
    outbox: Arc<Outbox>,
    line: Mutex<Option<tokio::task::AbortHandle>>,
}

impl Drop for PgDb {
    fn drop(&mut self) {
        self.hang_up();
    }
}

impl PgDb {
    pub(crate) async fn open(url: &str, options: DbOptions) -> Result<Self, DbError> {
        let mut config: tokio_postgres::Config = url
            .parse()
            .map_err(|_| DbError::other("the database address is not a valid postgres:// URL"))?;
        if config.get_application_name().is_none() {
            config.application_name("pantry");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        let manager = Manager::from_config(
            config.clone(),
            NoTls,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = Pool::builder(manager)
            .max_size(options.pool)
            .wait_timeout(Some(options.queue_wait))
            .create_timeout(Some(Duration::from_secs(15)))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| DbError::other(format!("the connection pool: {e}")))?;
        let mut client = pool.get().await?;
        migrate::pg(&mut client).await?;
        drop(client);
        Ok(Self {
            pool,
            writes: Arc::new(Semaphore::new(IN_FLIGHT as usize)),
            attempts: options.attempts.max(1),
            faults: options.faults,
            jitter: Arc::new(AtomicU64::new(0)),
            config,
            outbox: Arc::default(),
            line: Mutex::new(None),
        })
    }

    /// Keeps a line to the other processes, in place of the one that there may be.
    pub(crate) fn listen(&self, listener: Listener) {
        let kept = line::keep(self.config.clone(), Arc::clone(&self.outbox), listener);
        let task = tokio::spawn(kept).abort_handle();
        let before = self.line.lock().unwrap_or_else(PoisonError::into_inner).replace(task);
        if let Some(before) = before {
            before.abort();
        }
    }

    /// Tells the other processes soon.
    pub(crate) fn tell(self: &Arc<Self>, who: Option<pantry_types::UserId>) {
        self.outbox.put(who);
        let has_line = self.line.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if !has_line && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let db = Arc::clone(self);
            runtime.spawn(async move { db.tell_by_pool().await });
        }
    }

    fn hang_up(&self) {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(line) = line {
            line.abort();
        }
    }

    /// Tells what was not told yet, by a connection of the pool: a command keeps no line.
    async fn tell_by_pool(&self) {
        let Some(message) = self.outbox.take() else { return };
        let told = async {
            let client = self.pool.get().await.map_err(DbError::from)?;
            client.execute(line::TELL, &[&message]).await?;
            Ok::<_, DbError>(())
        };
        if let Err(e) = told.await {
            tracing::warn!(error = %e, "other servers were not told that access has ended; they find out within a second");
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.pool.is_closed()
    }

    pub(crate) async fn close(&self) {
        // Fair: whoever asks later waits behind this, and is then refused.
        let all = self.writes.acquire_many(IN_FLIGHT).await;
        self.writes.close();
        self.hang_up();
        self.tell_by_pool().await;
        self.pool.close();
        drop(all);
    }

    pub(crate) async fn write<A, T, E, F>(&self, args: A, body: F) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Outcome<T, E>> + Send + Sync + 'static,
    {
        let permit = Arc::clone(&self.writes)
            .acquire_owned()
            .await
            .map_err(|_| DbError::unavailable("the database is closed"))?;
        let (pool, faults, jitter) = (self.pool.clone(), self.faults.clone(), Arc::clone(&self.jitter));
        let attempts = self.attempts;
        // A task of its own: a caller who goes away must not leave half the work undone, as on SQLite.
        let task = tokio::spawn(async move {
            let _permit = permit;
            let mut attempt = 1;
            loop {
                match write_once(&pool, &faults, &args, &body).await {
                    Err(Tried::Again(_)) if attempt < attempts => {
                        tokio::time::sleep(backoff(attempt, &jitter)).await;
                        attempt += 1;
                    }
                    Err(Tried::Again(e)) => {
                        break Err(e.context(&format!("tried {attempts} times")).into());
                    }
                    Err(Tried::Failed(e)) => break Err(e.into()),
                    Ok(answer) => break answer,
                }
            }
        });
        match task.await {
            Ok(answer) => answer,
            Err(e) if e.is_panic() => Err(DbError::other("the transaction's code panicked; it was rolled back").into()),
            Err(_) => Err(DbError::unavailable("the program is stopping")
                .with_unknown_outcome()
                .into()),
        }
    }

    pub(crate) async fn read<A, T, E, F>(&self, args: A, body: F) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Result<T, E>> + Send + Sync + 'static,
    {
        let client = self.pool.get().await.map_err(DbError::from)?;
        let mut tx = Tx::pg(PgConn::Read(&client), &Faults::NONE);
        let answer = std::panic::AssertUnwindSafe(body(&mut tx, &args))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(DbError::other("the read's code panicked").into()));
        match (answer, tx.failed()) {
            (Ok(_), Some(first)) => Err(first.clone().into()),
            (answer, _) => answer,
        }
    }
}

/// Why a transaction has no answer.
enum Tried {
    /// Nothing was done, and trying again may succeed: a serialization failure, a deadlock, a connection that was found dead.
    Again(DbError),
    Failed(DbError),
}

impl From<DbError> for Tried {
    fn from(e: DbError) -> Self {
        match e.kind() {
            DbErrorKind::Serialization => Self::Again(e),
            _ => Self::Failed(e),
        }
    }
}

/// The server was restarted while the connection lay in the pool: nothing was sent that counts.
fn not_begun(e: DbError) -> Tried {
    match e.kind() {
        DbErrorKind::Unavailable => Tried::Again(e),
        _ => e.into(),
    }
}

async fn write_once<A, T, E, F>(pool: &Pool, faults: &Faults, args: &A, body: &F) -> Result<Result<T, E>, Tried>
where
    F: for<'t> Fn(&'t mut Tx<'_>, &'t A) -> BoxFut<'t, Outcome<T, E>>,
{
    let mut client = pool.get().await.map_err(DbError::from)?;
    faults.check(Point::Begin)?;
    let begun = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .start()
        .await
        .map_err(|e| not_begun(e.into()))?;
    let mut tx = Tx::pg(PgConn::Write(begun), faults);
    let outcome = body(&mut tx, args).await;
    let failed = tx.failed().cloned();
    let Some(PgConn::Write(begun)) = tx.into_pg() else {
        return Err(DbError::other("a transaction lost its connection").into());
    };
    let verdict = match (outcome, failed) {
        (Outcome::Commit(value), None) => {
            faults.check(Point::Commit)?;
            return match begun.commit().await {
                Ok(()) => Ok(Ok(value)),
                Err(e) => Err(commit_failed(e.into())),
            };
        }
        (_, Some(e)) if e.kind() == DbErrorKind::Serialization => Err(e.into()),
        (Outcome::Commit(_), Some(e)) => Err(Tried::Failed(e)),
        (Outcome::Rollback(e), _) => Ok(Err(e)),
    };
    // What the rollback answers changes nothing: on a lost connection the server rolls back by itself.
    let _ = begun.rollback().await;
    verdict
}

/// A COMMIT that the server refused is rolled back. One whose answer was lost may be either, and is not tried again.
fn commit_failed(e: DbError) -> Tried {
    match e.kind() {
        DbErrorKind::Unavailable => Tried::Failed(e.context("COMMIT").with_unknown_outcome()),
        _ => e.context("COMMIT").into(),
    }
}

/// 2, 8, 18, 32 ms and up to as much again, spread so that two that collided do not collide again.
fn backoff(attempt: u32, jitter: &AtomicU64) -> Duration {
    let base = u64::from(attempt * attempt) * 2_000;
    let spread = jitter
        .fetch_add(1, Ordering::Relaxed)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        >> 33;
    Duration::from_micros(base + spread % base)
}
