//! Rows of weipan tokens, by their hash.
//! Must not know how long a token lives.

use pantry_types::{Scopes, UserId};

use crate::{DbError, Tx};

/// A token with the person and the app as they are now.
#[derive(Debug, Clone)]
pub struct LiveToken {
    /// Whose drive.
    pub user: UserId,
    /// The app.
    pub client_id: String,
    /// What the person's password hash was when it was made.
    pub mark: Vec<u8>,
    /// Last use that was noted, Unix seconds.
    pub used_at: i64,
    /// The person's password hash now.
    pub password_hash: String,
    /// What the app may ask for.
    pub scopes: Scopes,
    /// Addresses that the app registered.
    pub redirect_uris: Vec<String>,
}

/// Adds a token.
pub async fn insert(
    tx: &mut Tx<'_>,
    hash: &[u8],
    user: UserId,
    client_id: &str,
    mark: &[u8],
    now: i64,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO weipan_tokens (hash, user_id, client_id, mark, created_at, used_at) VALUES ($1,$2,$3,$4,$5,$5)",
        &[&hash, &user.0, &client_id, &mark, &now],
    )
    .await?;
    Ok(())
}

/// The token of a hash, if its person is not disabled and its app still may.
pub async fn live(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<LiveToken>, DbError> {
    tx.query_opt(
        "SELECT t.user_id, t.client_id, t.mark, t.used_at, u.password_hash, a.scopes, a.redirect_uris \
         FROM weipan_tokens t JOIN users u ON u.id = t.user_id JOIN apps a ON a.client_id = t.client_id \
         WHERE t.hash = $1 AND u.is_disabled = 0 AND a.weipan = 1",
        &[&hash],
        |r| {
            let uris: String = r.get(6)?;
            Ok(LiveToken {
                user: UserId(r.get(0)?),
                client_id: r.get(1)?,
                mark: r.get(2)?,
                used_at: r.get(3)?,
                password_hash: r.get(4)?,
                scopes: Scopes::from_bits(r.get(5)?),
                redirect_uris: uris.lines().map(str::to_owned).collect(),
            })
        },
    )
    .await
}

/// Notes a use.
pub async fn touch(tx: &mut Tx<'_>, hash: &[u8], at: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE weipan_tokens SET used_at = $2 WHERE hash = $1 AND used_at < $2",
        &[&hash, &at],
    )
    .await?;
    Ok(())
}

/// Removes up to `limit` tokens last used before `before`, and says how many.
pub async fn sweep(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM weipan_tokens WHERE hash IN (SELECT hash FROM weipan_tokens WHERE used_at < $1 LIMIT $2)",
        &[&before, &limit],
    )
    .await
}
