//! Rows of authorization codes. A used one stays for a while, so that its replay is known.
//! Must not know what is done about a replay.

use pantry_types::{GrantId, Scopes, UserId};

use crate::{DbError, Row, Tx};

/// An authorization code, by the hash of its text.
#[derive(Debug, Clone)]
pub struct Code {
    /// SHA-256 of the code.
    pub hash: Vec<u8>,
    /// Names all tokens that it led to.
    pub family: i64,
    /// Who consented.
    pub user: UserId,
    /// The grant.
    pub grant: GrantId,
    /// The grant's epoch at consent.
    pub epoch: i64,
    /// The app.
    pub client_id: String,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// What was consented to.
    pub scopes: Scopes,
    /// PKCE challenge (S256), empty without one.
    pub challenge: String,
    /// OpenID Connect nonce, empty without one.
    pub nonce: String,
    /// When the person signed in.
    pub auth_time: i64,
    /// When it was made.
    pub created_at: i64,
    /// From when on it is dead.
    pub expires_at: i64,
    /// When it was shown, 0 before.
    pub used_at: i64,
}

macro_rules! columns {
    () => {
        "hash, family, user_id, grant_id, epoch, client_id, redirect_uri, scopes, challenge, nonce, \
         auth_time, created_at, expires_at, used_at"
    };
}

fn map(r: &Row<'_>) -> Result<Code, DbError> {
    Ok(Code {
        hash: r.get(0)?,
        family: r.get(1)?,
        user: UserId(r.get(2)?),
        grant: GrantId(r.get(3)?),
        epoch: r.get(4)?,
        client_id: r.get(5)?,
        redirect_uri: r.get(6)?,
        scopes: Scopes::from_bits(r.get(7)?),
        challenge: r.get(8)?,
        nonce: r.get(9)?,
        auth_time: r.get(10)?,
        created_at: r.get(11)?,
        expires_at: r.get(12)?,
        used_at: r.get(13)?,
    })
}

/// Adds a code.
pub async fn insert(tx: &mut Tx<'_>, c: &Code) -> Result<(), DbError> {
    tx.execute(
        concat!(
            "INSERT INTO codes (",
            columns!(),
            ") VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)"
        ),
        &[
            &c.hash,
            &c.family,
            &c.user.0,
            &c.grant.0,
            &c.epoch,
            &c.client_id,
            &c.redirect_uri,
            &c.scopes.to_bits(),
            &c.challenge,
            &c.nonce,
            &c.auth_time,
            &c.created_at,
            &c.expires_at,
            &c.used_at,
        ],
    )
    .await?;
    Ok(())
}

/// Uses a code up and answers it; `None` if there is none or it was used before.
pub async fn consume(tx: &mut Tx<'_>, hash: &[u8], now: i64) -> Result<Option<Code>, DbError> {
    let sql = concat!(
        "UPDATE codes SET used_at = $2 WHERE hash = $1 AND used_at = 0 RETURNING ",
        columns!()
    );
    tx.query_opt(sql, &[&hash, &now], map).await
}

/// Reads a code, used or not.
pub async fn get(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Code>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM codes WHERE hash = $1");
    tx.query_opt(sql, &[&hash], map).await
}

/// Removes up to `limit` codes that died before `before`, and says how many.
pub async fn sweep(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM codes WHERE hash IN (SELECT hash FROM codes WHERE expires_at < $1 LIMIT $2)",
        &[&before, &limit],
    )
    .await
}
