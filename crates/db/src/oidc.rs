//! Rows of OpenID Connect: the keys that sign, which of them an app's tokens are signed by, and when people signed in.
//! Must not see a private key open, nor know what a token says.

use crate::{DbError, Row, Tx};

/// A key that signs, or signed. Times in Unix seconds.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// Its id, as tokens and the published set name it.
    pub kid: String,
    /// Its algorithm, such as `RS256`.
    pub alg: String,
    /// The public half, a JWK.
    pub public: String,
    /// The private half, sealed; empty once it has retired.
    pub private: Vec<u8>,
    /// When it was made.
    pub created_at: i64,
    /// When another took its place, 0 while it signs.
    pub retired_at: i64,
}

macro_rules! select {
    ($after:literal) => {
        concat!(
            "SELECT k.kid, k.alg, k.public, k.private, k.created_at, k.retired_at FROM signing_keys k ",
            $after
        )
    };
}

fn map(r: &Row<'_>) -> Result<SigningKey, DbError> {
    Ok(SigningKey {
        kid: r.get(0)?,
        alg: r.get(1)?,
        public: r.get(2)?,
        private: r.get(3)?,
        created_at: r.get(4)?,
        retired_at: r.get(5)?,
    })
}

/// The key that signs by an algorithm.
pub async fn current(tx: &mut Tx<'_>, alg: &str) -> Result<Option<SigningKey>, DbError> {
    tx.query_opt(select!("WHERE k.alg = $1 AND k.retired_at = 0"), &[&alg], map)
        .await
}

/// Every key that signs, and those that retired after `since`; the newest first.
pub async fn published(tx: &mut Tx<'_>, since: i64) -> Result<Vec<SigningKey>, DbError> {
    let sql = select!("WHERE k.retired_at = 0 OR k.retired_at > $1 ORDER BY k.created_at DESC, k.kid");
    tx.query(sql, &[&since], map).await
}

/// Adds a key; `false` if there is one that signs by its algorithm.
pub async fn insert(tx: &mut Tx<'_>, k: &SigningKey) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "INSERT INTO signing_keys (kid, alg, public, private, created_at, retired_at) \
             VALUES ($1,$2,$3,$4,$5,$6) ON CONFLICT DO NOTHING",
            &[&k.kid, &k.alg, &k.public, &k.private, &k.created_at, &k.retired_at],
        )
        .await?;
    Ok(n == 1)
}

/// Retires a key and forgets its private half; `false` if it had retired.
pub async fn retire(tx: &mut Tx<'_>, kid: &str, now: i64) -> Result<bool, DbError> {
    let nothing: &[u8] = &[];
    let n = tx
        .execute(
            "UPDATE signing_keys SET retired_at = $2, private = $3 WHERE kid = $1 AND retired_at = 0",
            &[&kid, &now, &nothing],
        )
        .await?;
    Ok(n == 1)
}

/// Removes the keys that retired before `before`.
pub async fn sweep(tx: &mut Tx<'_>, before: i64) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM signing_keys WHERE retired_at > 0 AND retired_at < $1",
        &[&before],
    )
    .await
}

/// The algorithm that an app's `id_token`s are signed by.
pub async fn alg_of(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<String>, DbError> {
    let sql = "SELECT id_token_alg FROM apps WHERE client_id = $1";
    tx.query_opt(sql, &[&client_id], |r| r.get(0)).await
}

/// Chooses the algorithm of an app; `false` if there is no such app.
pub async fn set_alg(tx: &mut Tx<'_>, client_id: &str, alg: &str) -> Result<bool, DbError> {
    let sql = "UPDATE apps SET id_token_alg = $2 WHERE client_id = $1";
    Ok(tx.execute(sql, &[&client_id, &alg]).await? == 1)
}

/// Notes when the person signed in, with the refresh token of a pair.
pub async fn set_auth_time(tx: &mut Tx<'_>, pair: i64, auth_time: i64) -> Result<(), DbError> {
    let sql = "UPDATE tokens SET auth_time = $2 WHERE pair = $1 AND kind = 1";
    tx.execute(sql, &[&pair, &auth_time]).await?;
    Ok(())
}

/// When the person of a token had signed in, 0 if that is not known.
pub async fn auth_time(tx: &mut Tx<'_>, hash: &[u8]) -> Result<i64, DbError> {
    let sql = "SELECT auth_time FROM tokens WHERE hash = $1";
    Ok(tx.query_opt(sql, &[&hash], |r| r.get(0)).await?.unwrap_or(0))
}

/// Notes when the person who approved a device had signed in.
pub async fn set_device_auth_time(tx: &mut Tx<'_>, hash: &[u8], auth_time: i64) -> Result<(), DbError> {
    let sql = "UPDATE devices SET auth_time = $2 WHERE hash = $1";
    tx.execute(sql, &[&hash, &auth_time]).await?;
    Ok(())
}

/// When the person who approved a device had signed in, 0 if that is not known.
pub async fn device_auth_time(tx: &mut Tx<'_>, hash: &[u8]) -> Result<i64, DbError> {
    let sql = "SELECT auth_time FROM devices WHERE hash = $1";
    Ok(tx.query_opt(sql, &[&hash], |r| r.get(0)).await?.unwrap_or(0))
}
