//! Rows that count attempts at what may be guessed.
//! Must not know how many are too many.

use crate::{DbError, Tx};

/// Counts an attempt, and answers `(attempts, start)` of the window it falls into, itself included.
/// A window that began at or before `stale` is over: this attempt begins a new one.
pub async fn hit(tx: &mut Tx<'_>, key: &str, now: i64, stale: i64) -> Result<(i64, i64), DbError> {
    tx.query_one(
        "INSERT INTO throttle (key, window_start, hits) VALUES ($1, $2, 1) ON CONFLICT (key) DO UPDATE SET \
         hits = CASE WHEN throttle.window_start <= $3 THEN 1 ELSE throttle.hits + 1 END, \
         window_start = CASE WHEN throttle.window_start <= $3 THEN excluded.window_start \
         ELSE throttle.window_start END RETURNING hits, window_start",
        &[&key, &now, &stale],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )
    .await
}

/// Takes one attempt back.
pub async fn take_back(tx: &mut Tx<'_>, key: &str) -> Result<(), DbError> {
    tx.execute(
        "UPDATE throttle SET hits = hits - 1 WHERE key = $1 AND hits > 0",
        &[&key],
    )
    .await?;
    Ok(())
}

/// Forgets all attempts.
pub async fn clear(tx: &mut Tx<'_>, key: &str) -> Result<(), DbError> {
    tx.execute("DELETE FROM throttle WHERE key = $1", &[&key]).await?;
    Ok(())
}

/// Removes up to `limit` windows that began before `before`, and says how many.
pub async fn sweep(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM throttle WHERE key IN (SELECT key FROM throttle WHERE window_start < $1 LIMIT $2)",
        &[&before, &limit],
    )
    .await
}
