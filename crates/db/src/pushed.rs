//! Rows of pushed authorization requests (RFC 9126), by the hash of their address.
//! Must not know what a request asks.

use crate::{DbError, Tx};

/// Expired rows that one insertion takes along.
const TAKEN_ALONG: i64 = 20;

/// A request that an app left here.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// SHA-256 of its address.
    pub hash: Vec<u8>,
    /// The app.
    pub client_id: String,
    /// The request as a query.
    pub query: String,
    /// From when on it is dead, Unix seconds.
    pub expires_at: i64,
}

/// Adds a request, and removes some that died before `now`.
pub async fn insert(tx: &mut Tx<'_>, p: &Pushed, now: i64) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM pushed WHERE hash IN (SELECT hash FROM pushed WHERE expires_at < $1 LIMIT $2)",
        &[&now, &TAKEN_ALONG],
    )
    .await?;
    tx.execute(
        "INSERT INTO pushed (hash, client_id, query, expires_at) VALUES ($1,$2,$3,$4)",
        &[&p.hash, &p.client_id, &p.query, &p.expires_at],
    )
    .await?;
    Ok(())
}

/// Reads a request.
pub async fn get(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Pushed>, DbError> {
    tx.query_opt(
        "SELECT hash, client_id, query, expires_at FROM pushed WHERE hash = $1",
        &[&hash],
        |r| {
            Ok(Pushed {
                hash: r.get(0)?,
                client_id: r.get(1)?,
                query: r.get(2)?,
                expires_at: r.get(3)?,
            })
        },
    )
    .await
}

/// Removes a request; `false` if it is gone.
pub async fn remove(tx: &mut Tx<'_>, hash: &[u8]) -> Result<bool, DbError> {
    Ok(tx.execute("DELETE FROM pushed WHERE hash = $1", &[&hash]).await? == 1)
}
