//! Rows of weipan tokens, by their hash.
//! Must not know how long a token lives.

use pantry_types::{GrantId, Scopes, UserId};

use crate::{DbError, Tx};

/// A token with the person and the app as they are now.
#[derive(Debug, Clone)]
pub struct LiveToken {
    /// Whose drive.
    pub user: UserId,
    /// The app.
    pub client_id: String,
    /// The grant that it stands under.
    pub grant: GrantId,
    /// The epoch of token and grant.
    pub epoch: i64,
    /// From when on the grant is over, 0 for never.
    pub ends_at: i64,
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

/// A token to be added.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// SHA-256 of the token.
    pub hash: &'a [u8],
    /// Whose drive.
    pub user: UserId,
    /// The app.
    pub client_id: &'a str,
    /// The grant that it stands under.
    pub grant: GrantId,
    /// The grant's epoch.
    pub epoch: i64,
    /// What the person's password hash is.
    pub mark: &'a [u8],
    /// Unix seconds.
    pub now: i64,
}

/// Adds a token.
pub async fn insert(tx: &mut Tx<'_>, t: &NewToken<'_>) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO weipan_tokens (hash, user_id, client_id, mark, created_at, used_at, grant_id, epoch) \
         VALUES ($1,$2,$3,$4,$5,$5,$6,$7)",
        &[&t.hash, &t.user.0, &t.client_id, &t.mark, &t.now, &t.grant.0, &t.epoch],
    )
    .await?;
    Ok(())
}

/// The token of a hash, if its grant stands in the same epoch, its person is not disabled and its app still may.
pub async fn live(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<LiveToken>, DbError> {
    tx.query_opt(
        "SELECT t.user_id, t.client_id, t.mark, t.used_at, u.password_hash, a.scopes, a.redirect_uris, t.grant_id, \
         t.epoch, g.expires_at \
         FROM weipan_tokens t JOIN users u ON u.id = t.user_id JOIN apps a ON a.client_id = t.client_id \
         JOIN grants g ON g.user_id = t.user_id AND g.id = t.grant_id AND g.epoch = t.epoch \
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
                grant: GrantId(r.get(7)?),
                epoch: r.get(8)?,
                ends_at: r.get(9)?,
            })
        },
    )
    .await
}

/// Removes every token of a grant.
pub async fn remove_of_grant(tx: &mut Tx<'_>, user: UserId, grant: GrantId) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM weipan_tokens WHERE user_id = $1 AND grant_id = $2",
        &[&user.0, &grant.0],
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
