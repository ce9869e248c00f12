//! Rows of links by which a person sets a new password, by the hash of their secret: one a person.
//! Must not know how long a link works.

use pantry_types::UserId;

use crate::{DbError, Tx};

/// Sets a person's link; the one before is dead.
pub async fn set(tx: &mut Tx<'_>, user: UserId, hash: &[u8], expires_at: i64) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO password_links (user_id, hash, expires_at) VALUES ($1,$2,$3) \
         ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at",
        &[&user.0, &hash, &expires_at],
    )
    .await?;
    Ok(())
}

/// Whose link it is, if it works at `now` and the person may sign in: id and login name.
pub async fn live(tx: &mut Tx<'_>, hash: &[u8], now: i64) -> Result<Option<(UserId, String)>, DbError> {
    tx.query_opt(
        "SELECT u.id, u.name FROM password_links l JOIN users u ON u.id = l.user_id AND u.is_disabled = 0 \
         WHERE l.hash = $1 AND l.expires_at > $2",
        &[&hash, &now],
        |r| Ok((UserId(r.get(0)?), r.get(1)?)),
    )
    .await
}

/// Uses a link up; `false` if it is gone or dead: who removes the row is the one it works for.
pub async fn take(tx: &mut Tx<'_>, user: UserId, hash: &[u8], now: i64) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "DELETE FROM password_links WHERE user_id = $1 AND hash = $2 AND expires_at > $3",
            &[&user.0, &hash, &now],
        )
        .await?;
    Ok(n == 1)
}

/// Ends a person's link.
pub async fn remove(tx: &mut Tx<'_>, user: UserId) -> Result<(), DbError> {
    tx.execute("DELETE FROM password_links WHERE user_id = $1", &[&user.0])
        .await?;
    Ok(())
}

/// Removes those that died before `before`.
pub async fn sweep(tx: &mut Tx<'_>, before: i64) -> Result<u64, DbError> {
    tx.execute("DELETE FROM password_links WHERE expires_at < $1", &[&before])
        .await
}
