//! A few named values of the installation. Must not hold anything of a person.

use crate::{DbError, Tx};

/// Reads a value.
pub async fn get(tx: &mut Tx<'_>, key: &str) -> Result<Option<Vec<u8>>, DbError> {
    tx.query_opt("SELECT value FROM meta WHERE key = $1", &[&key], |r| r.get(0))
        .await
}

/// Writes a value.
pub async fn set(tx: &mut Tx<'_>, key: &str, value: &[u8]) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO meta (key, value) VALUES ($1, $2) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        &[&key, &value],
    )
    .await?;
    Ok(())
}

/// Removes a value; `false` if there was none.
pub async fn remove(tx: &mut Tx<'_>, key: &str) -> Result<bool, DbError> {
    Ok(tx.execute("DELETE FROM meta WHERE key = $1", &[&key]).await? == 1)
}

/// Writes a value if the key has none, and answers the one that stands.
pub async fn set_once(tx: &mut Tx<'_>, key: &str, value: &[u8]) -> Result<Vec<u8>, DbError> {
    tx.execute(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[&key, &value],
    )
    .await?;
    // A statement of its own: it sees what another transaction wrote meanwhile.
    tx.query_one("SELECT value FROM meta WHERE key = $1", &[&key], |r| r.get(0))
        .await
}

/// Removes a value while it is this one; `false` if it is not.
pub async fn take(tx: &mut Tx<'_>, key: &str, value: &[u8]) -> Result<bool, DbError> {
    let sql = "DELETE FROM meta WHERE key = $1 AND value = $2";
    Ok(tx.execute(sql, &[&key, &value]).await? == 1)
}
