//! Rows of people's sessions, by the hash of the cookie.
//! Must not know cookies.

use pantry_types::UserId;

use crate::{DbError, Tx};

/// A session, with the person as they are now.
#[derive(Debug, Clone)]
pub struct LiveSession {
    /// Who.
    pub user: UserId,
    /// Login name.
    pub name: String,
    /// Name shown to others.
    pub nickname: String,
    /// Mail address.
    pub email: String,
    /// May administer this installation.
    pub is_admin: bool,
    /// When the person showed a password.
    pub auth_time: i64,
    /// Last visit that was noted.
    pub seen_at: i64,
    /// From when on it is dead.
    pub expires_at: i64,
}

/// A new session.
#[derive(Debug, Clone)]
pub struct Session {
    /// SHA-256 of the cookie's value.
    pub hash: Vec<u8>,
    /// Who.
    pub user: UserId,
    /// When the person showed a password.
    pub auth_time: i64,
    /// From when on it is dead.
    pub expires_at: i64,
    /// Address that it was made from.
    pub address: String,
    /// What the browser called itself.
    pub agent: String,
}

/// Adds a session.
pub async fn insert(tx: &mut Tx<'_>, s: &Session) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO sessions (hash, user_id, auth_time, seen_at, expires_at, address, agent) \
         VALUES ($1,$2,$3,$3,$4,$5,$6)",
        &[&s.hash, &s.user.0, &s.auth_time, &s.expires_at, &s.address, &s.agent],
    )
    .await?;
    Ok(())
}

/// Finds a session whose person may sign in.
pub async fn live(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<LiveSession>, DbError> {
    tx.query_opt(
        "SELECT u.id, u.name, u.nickname, u.email, u.is_admin, s.auth_time, s.seen_at, s.expires_at FROM sessions s \
         JOIN users u ON u.id = s.user_id AND u.is_disabled = 0 WHERE s.hash = $1",
        &[&hash],
        |r| {
            Ok(LiveSession {
                user: UserId(r.get(0)?),
                name: r.get(1)?,
                nickname: r.get(2)?,
                email: r.get(3)?,
                is_admin: r.get::<i64>(4)? != 0,
                auth_time: r.get(5)?,
                seen_at: r.get(6)?,
                expires_at: r.get(7)?,
            })
        },
    )
    .await
}

/// Notes a visit.
pub async fn touch(tx: &mut Tx<'_>, hash: &[u8], now: i64, expires_at: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE sessions SET seen_at = $2, expires_at = $3 WHERE hash = $1 AND seen_at < $2",
        &[&hash, &now, &expires_at],
    )
    .await?;
    Ok(())
}

/// Ends a session; `false` if it is gone.
pub async fn remove(tx: &mut Tx<'_>, hash: &[u8]) -> Result<bool, DbError> {
    let n = tx.execute("DELETE FROM sessions WHERE hash = $1", &[&hash]).await?;
    Ok(n == 1)
}

/// Ends every session of a person.
pub async fn remove_of_user(tx: &mut Tx<'_>, user: UserId) -> Result<u64, DbError> {
    tx.execute("DELETE FROM sessions WHERE user_id = $1", &[&user.0]).await
}

/// Ends every session of a person but one, and says how many.
pub async fn remove_others(tx: &mut Tx<'_>, user: UserId, kept: &[u8]) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM sessions WHERE user_id = $1 AND hash <> $2",
        &[&user.0, &kept],
    )
    .await
}

/// Notes that the person showed the password again; `false` if the session is gone.
pub async fn confirm(tx: &mut Tx<'_>, hash: &[u8], now: i64) -> Result<bool, DbError> {
    let n = tx
        .execute("UPDATE sessions SET auth_time = $2 WHERE hash = $1", &[&hash, &now])
        .await?;
    Ok(n == 1)
}

/// A session as its person looks at it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// SHA-256 of the cookie's value.
    pub hash: Vec<u8>,
    /// When the person showed a password.
    pub auth_time: i64,
    /// Last visit that was noted.
    pub seen_at: i64,
    /// From when on it is dead.
    pub expires_at: i64,
    /// Address that it was made from.
    pub address: String,
    /// What the browser called itself.
    pub agent: String,
}

/// The sessions of a person that live at `now`, the latest visit first, at most `limit`.
pub async fn of_user(tx: &mut Tx<'_>, user: UserId, now: i64, limit: i64) -> Result<Vec<Seen>, DbError> {
    tx.query(
        "SELECT hash, auth_time, seen_at, expires_at, address, agent FROM sessions \
         WHERE user_id = $1 AND expires_at > $2 ORDER BY seen_at DESC, hash LIMIT $3",
        &[&user.0, &now, &limit],
        |r| {
            Ok(Seen {
                hash: r.get(0)?,
                auth_time: r.get(1)?,
                seen_at: r.get(2)?,
                expires_at: r.get(3)?,
                address: r.get(4)?,
                agent: r.get(5)?,
            })
        },
    )
    .await
}

/// Removes up to `limit` sessions that died before `before`, and says how many.
pub async fn sweep(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE expires_at < $1 LIMIT $2)",
        &[&before, &limit],
    )
    .await
}
