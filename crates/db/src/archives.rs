//! Rows of archives that were asked for and whose choice is too long for their link. Must not know what is chosen.

use pantry_types::UserId;

use crate::{DbError, Tx};

/// Adds one. `hash` is that of the random number in its link, `payload` what was chosen.
pub async fn insert(tx: &mut Tx<'_>, hash: &[u8], user: UserId, payload: &str, expires_at: i64) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO archives (hash, user_id, payload, expires_at) VALUES ($1,$2,$3,$4)",
        &[&hash, &user.0, &payload, &expires_at],
    )
    .await?;
    Ok(())
}

/// What was chosen, while it may be fetched.
pub async fn get(tx: &mut Tx<'_>, hash: &[u8], now: i64) -> Result<Option<String>, DbError> {
    tx.query_opt(
        "SELECT payload FROM archives WHERE hash = $1 AND expires_at > $2",
        &[&hash, &now],
        |r| r.get(0),
    )
    .await
}

/// How many of a person's may be fetched, and when the first of them ends.
pub async fn live(tx: &mut Tx<'_>, user: UserId, now: i64) -> Result<(i64, i64), DbError> {
    tx.query_one(
        "SELECT COUNT(*), CAST(COALESCE(MIN(expires_at), 0) AS BIGINT) FROM archives \
         WHERE user_id = $1 AND expires_at > $2",
        &[&user.0, &now],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )
    .await
}

/// Removes those that ended before `before`.
pub async fn sweep(tx: &mut Tx<'_>, before: i64) -> Result<u64, DbError> {
    tx.execute("DELETE FROM archives WHERE expires_at < $1", &[&before])
        .await
}
