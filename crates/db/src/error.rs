//! The one error of this crate, and how the errors of both engines become it.
//! Never carries a value that was bound to a statement: PostgreSQL's DETAIL and SQLite's full-text messages are dropped.

use std::{fmt, sync::Arc};

/// What went wrong, in terms that a caller can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DbErrorKind {
    /// A unique index refused the row.
    Conflict,
    /// Another writer holds the database, or the queue is full: the same call may succeed later.
    Busy,
    /// The database cannot be reached, is closed, or its writer has stopped.
    Unavailable,
    /// There is no space left for the write.
    DiskFull,
    /// The file is damaged, or the disk answers with errors.
    Corrupt,
    /// Transactions of others were in the way every time it was tried.
    Serialization,
    /// A read went over its cap and was stopped.
    Interrupted,
    /// The database was written by a newer program.
    TooNew,
    /// Anything else: a wrong statement, a violated constraint, a bug.
    Other,
}

#[derive(Clone)]
struct Inner {
    kind: DbErrorKind,
    text: String,
    constraint: Option<String>,
    outcome_unknown: bool,
    integrity: bool,
}

/// An error of the row store. Cheap to clone: one failed COMMIT answers many callers.
#[derive(Clone)]
pub struct DbError(Arc<Inner>);

impl DbError {
    /// An error of this kind, with a text for people.
    pub fn new(kind: DbErrorKind, text: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            text: text.into(),
            constraint: None,
            outcome_unknown: false,
            integrity: false,
        }))
    }

    pub(crate) fn other(text: impl Into<String>) -> Self {
        Self::new(DbErrorKind::Other, text)
    }

    pub(crate) fn unavailable(text: impl Into<String>) -> Self {
        Self::new(DbErrorKind::Unavailable, text)
    }

    /// Says before the text what was being done.
    pub(crate) fn context(self, what: &str) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.text = format!("{what}: {}", inner.text);
        Self(Arc::new(inner))
    }

    pub(crate) fn with_unknown_outcome(self) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.outcome_unknown = true;
        Self(Arc::new(inner))
    }

    /// What kind of error it is.
    pub fn kind(&self) -> DbErrorKind {
        self.0.kind
    }

    /// Whether a unique index refused the row.
    pub fn is_unique(&self) -> bool {
        self.0.kind == DbErrorKind::Conflict
    }

    /// Which constraint refused the row, where the engine says so: its name on PostgreSQL,
    /// `table.column, table.column` (or `index 'name'`) on SQLite. For logs, not for decisions.
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// Whether the transaction may have been committed all the same: the connection was lost, or the disk failed, while COMMIT was under way.
    pub fn outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// Whether any integrity constraint refused the write (unique, foreign key, check, not null).
    pub(crate) fn is_integrity(&self) -> bool {
        self.0.integrity
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbError")
            .field("kind", &self.0.kind)
            .field("text", &self.0.text)
            .field("constraint", &self.0.constraint)
            .field("outcome_unknown", &self.0.outcome_unknown)
            .finish()
    }
}

impl std::error::Error for DbError {}

impl From<rusqlite::Error> for DbError {
    fn from(e: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match e {
            E::SqliteFailure(code, message) => sqlite_failure(code, message.as_deref()),
            E::SqlInputError { error, msg, .. } => sqlite_failure(error, Some(&msg)),
            // These print the value.
            E::IntegralValueOutOfRange(column, _) => {
                Self::other(format!("the integer in column {column} is out of range"))
            }
            E::FromSqlConversionFailure(column, kind, _) => Self::other(format!(
                "column {column} of type {kind} is not what the program expects"
            )),
            E::ToSqlConversionFailure(_) => Self::other("a parameter could not be bound"),
            other => Self::other(format!("SQLite: {other}")),
        }
    }
}

fn sqlite_failure(code: rusqlite::ffi::Error, message: Option<&str>) -> DbError {
    use DbErrorKind as K;
    use rusqlite::ErrorCode as C;
    const UNIQUE: [i32; 3] = [
        rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE,
        rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
        rusqlite::ffi::SQLITE_CONSTRAINT_ROWID,
    ];
    let kind = match code.code {
        C::ConstraintViolation if UNIQUE.contains(&code.extended_code) => K::Conflict,
        C::DatabaseBusy | C::DatabaseLocked => K::Busy,
        C::DiskFull => K::DiskFull,
        C::DatabaseCorrupt | C::NotADatabase | C::SystemIoFailure => K::Corrupt,
        C::CannotOpen => K::Unavailable,
        C::OperationInterrupted => K::Interrupted,
        _ => K::Other,
    };
    let message = message.unwrap_or("no message");
    // A full-text error quotes the query that a person typed.
    let message = if message.starts_with("fts5:") {
        "fts5: the full-text query was refused"
    } else {
        message
    };
    DbError(Arc::new(Inner {
        kind,
        text: format!("SQLite: {message} (code {})", code.extended_code),
        constraint: message
            .split_once("constraint failed: ")
            .map(|(_, what)| what.to_owned()),
        outcome_unknown: false,
        integrity: code.code == C::ConstraintViolation,
    }))
}

impl From<tokio_postgres::Error> for DbError {
    fn from(e: tokio_postgres::Error) -> Self {
        use DbErrorKind as K;
        use tokio_postgres::error::SqlState as S;
        let Some(db) = e.as_db_error() else {
            let kind = if e.is_closed() || std::error::Error::source(&e).is_some_and(|s| s.is::<std::io::Error>()) {
                K::Unavailable
            } else {
                K::Other
            };
            return Self::new(kind, pg_client_text(&e));
        };
        let code = db.code();
        let class = code.code().get(..2).unwrap_or("");
        let kind = match class {
            _ if *code == S::UNIQUE_VIOLATION => K::Conflict,
            _ if *code == S::T_R_SERIALIZATION_FAILURE || *code == S::T_R_DEADLOCK_DETECTED => K::Serialization,
            _ if *code == S::DISK_FULL => K::DiskFull,
            _ if *code == S::IO_ERROR => K::Corrupt,
            _ if *code == S::LOCK_NOT_AVAILABLE => K::Busy,
            _ if *code == S::QUERY_CANCELED => K::Interrupted,
            "XX" if *code != S::INTERNAL_ERROR => K::Corrupt,
            // Connection trouble, no resources, and an operator who stops the server.
            "08" | "53" | "57" => K::Unavailable,
            _ => K::Other,
        };
        // Messages of the data class quote the value.
        let text = if class == "22" {
            format!("PostgreSQL: a value was refused (SQLSTATE {})", code.code())
        } else {
            format!("PostgreSQL: {} (SQLSTATE {})", db.message(), code.code())
        };
        Self(Arc::new(Inner {
            kind,
            text,
            constraint: db.constraint().map(str::to_owned),
            outcome_unknown: false,
            integrity: class == "23",
        }))
    }
}

/// The client's own errors, with their cause (an I/O error, a wrong parameter type), which holds no value.
fn pg_client_text(e: &tokio_postgres::Error) -> String {
    match std::error::Error::source(e) {
        Some(source) => format!("PostgreSQL: {e} ({source})"),
        None => format!("PostgreSQL: {e}"),
    }
}

impl From<deadpool_postgres::PoolError> for DbError {
    fn from(e: deadpool_postgres::PoolError) -> Self {
        use deadpool_postgres::PoolError as P;
        match e {
            P::Backend(e) => Self::from(e).context("no connection"),
            P::Timeout(_) => Self::new(
                DbErrorKind::Busy,
                "every connection to PostgreSQL stayed in use for too long",
            ),
            P::Closed => Self::unavailable("the database is closed"),
            other => Self::unavailable(format!("the connection pool: {other}")),
        }
    }
}
