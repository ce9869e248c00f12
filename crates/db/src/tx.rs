//! One transaction on either engine, and what its body answers.
//! Knows no table, and is `query`/`execute` only inside this crate: others call the named functions of the table files.
//!
//! Any SQL error poisons a `Tx`, on both engines alike: later statements fail at once, and a `Commit` becomes a rollback
//! that answers the first error. So a conflict that is expected is asked for with `ON CONFLICT DO NOTHING`, never caught.

use std::{future::Future, pin::Pin};

use crate::{
    Engine,
    error::{DbError, DbErrorKind},
    fault::{Fault, Faults, Point, injected},
    pg::PgConn,
    value::{Param, Row, RowOf},
};

/// The future of a transaction's body.
pub type BoxFut<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;

/// What a write transaction decides. Said explicitly: some refusals must be committed.
#[derive(Debug)]
#[must_use]
pub enum Outcome<T, E> {
    /// Keep what was written and answer this. `T` may be a `Result`, where a refusal is to be kept.
    Commit(T),
    /// Undo what was written and answer this error.
    Rollback(E),
}

impl<T, E> From<Result<T, E>> for Outcome<T, E> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Commit(value),
            Err(error) => Self::Rollback(error),
        }
    }
}

/// A transaction (in [`crate::Db::write`]) or a read ([`crate::Db::read`]) under way.
///
/// Its futures must be awaited in place: on SQLite they never pend, and a body that awaits anything but its `Tx` fails.
pub struct Tx<'a> {
    conn: Conn<'a>,
    failed: Option<DbError>,
}

enum Conn<'a> {
    // `&mut`, although `&` would do: a shared borrow of a connection cannot cross threads.
    Sqlite(&'a mut rusqlite::Connection, &'a Faults),
    Pg(PgConn<'a>, &'a Faults),
}

impl<'a> Tx<'a> {
    pub(crate) fn sqlite(conn: &'a mut rusqlite::Connection, faults: &'a Faults) -> Self {
        Self {
            conn: Conn::Sqlite(conn, faults),
            failed: None,
        }
    }

    pub(crate) fn pg(conn: PgConn<'a>, faults: &'a Faults) -> Self {
        Self {
            conn: Conn::Pg(conn, faults),
            failed: None,
        }
    }

    /// The error that poisoned it.
    pub(crate) fn failed(&self) -> Option<&DbError> {
        self.failed.as_ref()
    }

    pub(crate) fn into_pg(self) -> Option<PgConn<'a>> {
        match self.conn {
            Conn::Pg(conn, _) => Some(conn),
            Conn::Sqlite(..) => None,
        }
    }

    /// Which engine it runs on.
    pub fn engine(&self) -> Engine {
        match self.conn {
            Conn::Sqlite(..) => Engine::Sqlite,
            Conn::Pg(..) => Engine::Postgres,
        }
    }

    /// All rows of a statement (a SELECT, or a write with RETURNING).
    ///
    /// # Errors
    /// The statement's, `map`'s, or "already failed"; each poisons.
    pub(crate) async fn query<T>(
        &mut self,
        sql: &str,
        params: &[&dyn Param],
        map: impl Fn(&Row<'_>) -> Result<T, DbError> + Send,
    ) -> Result<Vec<T>, DbError> {
        self.usable()?;
        let result = match &mut self.conn {
            Conn::Sqlite(conn, faults) => {
                before_sqlite(conn, faults).and_then(|()| sqlite_query(conn, sql, params, map))
            }
            Conn::Pg(conn, faults) => match faults.check(Point::Statement) {
                Ok(()) => conn
                    .query(sql, params)
                    .await
                    .and_then(|rows| rows.iter().map(|row| map(&Row(RowOf::Pg(row)))).collect()),
                Err(e) => Err(e),
            },
        };
        self.keep(result)
    }

    /// The row of a statement that finds at most one.
    ///
    /// # Errors
    /// As [`Self::query`]; two rows or more.
    pub(crate) async fn query_opt<T>(
        &mut self,
        sql: &str,
        params: &[&dyn Param],
        map: impl Fn(&Row<'_>) -> Result<T, DbError> + Send,
    ) -> Result<Option<T>, DbError> {
        let mut rows = self.query(sql, params, map).await?;
        let row = rows.pop();
        if rows.is_empty() {
            return Ok(row);
        }
        self.keep(Err(DbError::other(format!(
            "expected at most one row, found {}: {sql}",
            rows.len() + 1
        ))))
    }

    /// The row of a statement that always finds exactly one.
    ///
    /// # Errors
    /// As [`Self::query_opt`]; no row (where that may be, use `query_opt`).
    pub(crate) async fn query_one<T>(
        &mut self,
        sql: &str,
        params: &[&dyn Param],
        map: impl Fn(&Row<'_>) -> Result<T, DbError> + Send,
    ) -> Result<T, DbError> {
        match self.query_opt(sql, params, map).await? {
            Some(row) => Ok(row),
            None => self.keep(Err(DbError::other(format!("expected one row, found none: {sql}")))),
        }
    }

    /// Runs a statement that answers no rows, and says how many it changed.
    ///
    /// # Errors
    /// The statement's, or "already failed"; each poisons.
    pub(crate) async fn execute(&mut self, sql: &str, params: &[&dyn Param]) -> Result<u64, DbError> {
        self.usable()?;
        let result = match &mut self.conn {
            Conn::Sqlite(conn, faults) => before_sqlite(conn, faults).and_then(|()| sqlite_execute(conn, sql, params)),
            Conn::Pg(conn, faults) => match faults.check(Point::Statement) {
                Ok(()) => conn.execute(sql, params).await,
                Err(e) => Err(e),
            },
        };
        self.keep(result)
    }

    /// Runs a statement with one number on SQLite, and says how often that prepared it anew.
    #[cfg(test)]
    pub(crate) fn prepared_anew(&mut self, sql: &str, number: i64) -> Result<i32, DbError> {
        let Conn::Sqlite(conn, _) = &self.conn else {
            return Ok(0);
        };
        let mut statement = conn.prepare_cached(sql)?;
        bind(&mut statement, &[&number])?;
        {
            let mut rows = statement.raw_query();
            while rows.next()?.is_some() {}
        }
        Ok(statement.reset_status(rusqlite::StatementStatus::RePrepare))
    }

    fn usable(&self) -> Result<(), DbError> {
        match &self.failed {
            None => Ok(()),
            Some(first) => Err(DbError::new(
                first.kind(),
                format!("the transaction has already failed ({first})"),
            )),
        }
    }

    fn keep<T>(&mut self, result: Result<T, DbError>) -> Result<T, DbError> {
        if let Err(e) = &result
            && self.failed.is_none()
        {
            self.failed = Some(e.clone());
        }
        result
    }
}

fn before_sqlite(conn: &mut rusqlite::Connection, faults: &Faults) -> Result<(), DbError> {
    match faults.at(Point::Statement) {
        Some(Fault::Error(kind)) => Err(injected(kind, Point::Statement)),
        Some(Fault::RolledBack(kind)) => {
            conn.execute_batch("ROLLBACK")?;
            Err(injected(kind, Point::Statement))
        }
        Some(Fault::Panic) | None => Ok(()),
    }
}

fn sqlite_query<T>(
    conn: &rusqlite::Connection,
    sql: &str,
    params: &[&dyn Param],
    map: impl Fn(&Row<'_>) -> Result<T, DbError>,
) -> Result<Vec<T>, DbError> {
    #[cfg(debug_assertions)]
    crate::sqlite::plans::check(conn, sql);
    let mut statement = conn.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(map(&Row(RowOf::Sqlite(row)))?);
    }
    Ok(found)
}

fn sqlite_execute(conn: &rusqlite::Connection, sql: &str, params: &[&dyn Param]) -> Result<u64, DbError> {
    #[cfg(debug_assertions)]
    crate::sqlite::plans::check(conn, sql);
    let mut statement = conn.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    Ok(statement.raw_execute()? as u64)
}

/// SQLite numbers `$2, $1` by first appearance, PostgreSQL by the digits: bind by the digits.
fn bind(statement: &mut rusqlite::CachedStatement<'_>, params: &[&dyn Param]) -> Result<(), DbError> {
    let count = statement.parameter_count();
    let mut bound = 0;
    for i in 1..=count {
        let n: usize = statement
            .parameter_name(i)
            .and_then(|name| name.get(1..)?.parse().ok())
            .ok_or_else(|| DbError::other(format!("parameter {i} is not written as $n")))?;
        let param = n
            .checked_sub(1)
            .and_then(|at| params.get(at))
            .ok_or_else(|| DbError::other(format!("${n} has no value: {} were given", params.len())))?;
        statement.raw_bind_parameter(i, param.sqlite()?)?;
        bound = bound.max(n);
    }
    // PostgreSQL refuses too many: so do we, that both engines agree.
    if bound != params.len() {
        return Err(DbError::other(format!(
            "{} values were given, the statement uses {bound}",
            params.len()
        )));
    }
    Ok(())
}

/// Runs a body that must not pend.
pub(crate) fn poll_once<T>(mut body: BoxFut<'_, T>) -> Result<T, DbError> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match body.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => Ok(value),
        std::task::Poll::Pending => Err(DbError::new(
            DbErrorKind::Other,
            "a transaction awaited something other than its Tx: nothing else may be awaited inside it",
        )),
    }
}
