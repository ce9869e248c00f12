//! The migrations of both engines, and how each brings a database up to date.
//! Append-only: a migration that was released is never changed. Twins: a test compares both schemas.

use crate::error::{DbError, DbErrorKind};

/// One step of the schema.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) version: i64,
    pub(crate) name: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal;)*) => {
        &[$(Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

/// Every migration, in order. The number is the one in the file's name.
pub(crate) const MIGRATIONS: &[Migration] = migrations! {
    1 "0001_meta";
    2 "0002_drive";
    3 "0003_oauth";
    4 "0004_weipan";
    5 "0005_oidc";
    6 "0006_grants";
    7 "0007_console";
    8 "0008_sharing";
    9 "0009_archives";
    10 "0010_hooks";
    11 "0011_shares_of_apps";
};

/// The version that this program brings a database to.
pub const LATEST: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

const CREATE_SQLITE: &str = "CREATE TABLE IF NOT EXISTS schema_version (
    version INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT";
const CREATE_PG: &str = "CREATE TABLE IF NOT EXISTS schema_version (
    version BIGINT NOT NULL PRIMARY KEY,
    name TEXT COLLATE \"C\" NOT NULL,
    applied_at BIGINT NOT NULL
)";

/// Arbitrary, fixed: two processes that migrate one database must use the same.
const PG_LOCK: i64 = 0x5061_6e74_7279;

fn too_new(found: i64) -> DbError {
    DbError::new(
        DbErrorKind::TooNew,
        format!(
            "the database has schema version {found}, this program knows versions up to {LATEST}: \
             it was written by a newer Pantry. Start that version, or restore a backup made before the upgrade"
        ),
    )
}

/// Where a database at `version` goes on. `None`: it is up to date.
fn next(version: i64) -> Result<Option<&'static Migration>, DbError> {
    if version > LATEST {
        return Err(too_new(version));
    }
    Ok(MIGRATIONS.iter().find(|m| m.version > version))
}

fn sqlite_version(conn: &rusqlite::Connection) -> Result<i64, DbError> {
    let there = conn.query_row(
        "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'",
        [],
        |row| row.get::<_, i64>(0),
    )?;
    if there == 0 {
        return Ok(0);
    }
    Ok(
        conn.query_row("SELECT COALESCE(MAX(version), 0) FROM schema_version", [], |row| {
            row.get(0)
        })?,
    )
}

/// Brings a SQLite file up to date. An up-to-date one is only read, so that a command can open it beside a busy server.
pub(crate) fn sqlite(conn: &mut rusqlite::Connection) -> Result<(), DbError> {
    while next(sqlite_version(conn)?)?.is_some() {
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)?;
        tx.execute_batch(CREATE_SQLITE)?;
        // Again, now that nobody else can migrate.
        if let Some(m) = next(sqlite_version(&tx)?)? {
            tx.execute_batch(m.sqlite)
                .map_err(|e| DbError::from(e).context(&format!("migration {}", m.name)))?;
            tx.execute(
                "INSERT INTO schema_version (version, name, applied_at) VALUES (?1, ?2, unixepoch())",
                (m.version, m.name),
            )?;
        }
        tx.commit()?;
    }
    Ok(())
}

async fn pg_version(client: &tokio_postgres::Client) -> Result<i64, DbError> {
    let there: bool = client
        .query_one(
            "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_version')",
            &[],
        )
        .await?
        .get(0);
    if !there {
        return Ok(0);
    }
    Ok(client
        .query_one("SELECT COALESCE(MAX(version), 0) FROM schema_version", &[])
        .await?
        .get(0))
}

/// Brings a PostgreSQL database up to date, one process at a time.
pub(crate) async fn pg(client: &mut tokio_postgres::Client) -> Result<(), DbError> {
    if next(pg_version(client).await?)?.is_none() {
        return Ok(());
    }
    client.execute("SELECT pg_advisory_lock($1)", &[&PG_LOCK]).await?;
    let result = pg_locked(client).await;
    // A connection that is lost gives the lock back by itself.
    let unlocked = client.execute("SELECT pg_advisory_unlock($1)", &[&PG_LOCK]).await;
    result?;
    unlocked?;
    Ok(())
}

async fn pg_locked(client: &mut tokio_postgres::Client) -> Result<(), DbError> {
    while let Some(m) = next(pg_version(client).await?)? {
        let tx = client.transaction().await?;
        tx.batch_execute(CREATE_PG).await?;
        tx.batch_execute(m.postgres)
            .await
            .map_err(|e| DbError::from(e).context(&format!("migration {}", m.name)))?;
        tx.execute(
            "INSERT INTO schema_version (version, name, applied_at) \
             VALUES ($1, $2, CAST(EXTRACT(EPOCH FROM now()) AS BIGINT))",
            &[&m.version, &m.name],
        )
        .await?;
        tx.commit().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_ascend_by_one_and_match_their_file_names() {
        for (i, m) in MIGRATIONS.iter().enumerate() {
            assert_eq!(m.version, i as i64 + 1);
            assert!(m.name.starts_with(&format!("{:04}_", m.version)), "{}", m.name);
        }
    }
}
