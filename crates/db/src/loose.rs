//! Rows of contents that were sent and wait for their name.
//! Must not know who may name them.

use pantry_types::{Blake3, Md5, Sha1, UserId};

use crate::{DbError, Tx, nodes::bytes};

/// A content that waits.
#[derive(Debug, Clone)]
pub struct Loose {
    /// SHA-256 of the key that names it.
    pub hash: Vec<u8>,
    /// Whose.
    pub user: UserId,
    /// The app that sent it.
    pub client_id: String,
    /// The content.
    pub blob: Blake3,
    /// Bytes.
    pub size: i64,
    /// MD5 of the content.
    pub md5: Md5,
    /// SHA-1 of the content.
    pub sha1: Sha1,
    /// From when on it is forgotten.
    pub expires_at: i64,
}

/// Adds one, or takes the place of what was sent under the same key before.
pub async fn put(tx: &mut Tx<'_>, l: &Loose) -> Result<(), DbError> {
    tx.execute("DELETE FROM loose_contents WHERE hash = $1", &[&l.hash])
        .await?;
    tx.execute(
        "INSERT INTO loose_contents (hash, user_id, client_id, blob_hash, size, md5, sha1, expires_at) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8)",
        &[
            &l.hash,
            &l.user.0,
            &l.client_id,
            &l.blob.0.to_vec(),
            &l.size,
            &l.md5.0.to_vec(),
            &l.sha1.0.to_vec(),
            &l.expires_at,
        ],
    )
    .await?;
    Ok(())
}

/// The content of a key.
pub async fn get(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Loose>, DbError> {
    tx.query_opt(
        "SELECT hash, user_id, client_id, blob_hash, size, md5, sha1, expires_at FROM loose_contents WHERE hash = $1",
        &[&hash],
        |r| {
            Ok(Loose {
                hash: r.get(0)?,
                user: UserId(r.get(1)?),
                client_id: r.get(2)?,
                blob: Blake3(bytes(r.get(3)?)),
                size: r.get(4)?,
                md5: Md5(bytes(r.get(5)?)),
                sha1: Sha1(bytes(r.get(6)?)),
                expires_at: r.get(7)?,
            })
        },
    )
    .await
}

/// Forgets one: it has its name.
pub async fn remove(tx: &mut Tx<'_>, hash: &[u8]) -> Result<(), DbError> {
    tx.execute("DELETE FROM loose_contents WHERE hash = $1", &[&hash])
        .await?;
    Ok(())
}

/// Bytes of a person that wait, but for those under one key.
pub async fn waiting_bytes(tx: &mut Tx<'_>, user: UserId, but: &[u8]) -> Result<i64, DbError> {
    tx.query_one(
        "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM loose_contents WHERE user_id = $1 AND hash <> $2",
        &[&user.0, &but],
        |r| r.get(0),
    )
    .await
}

/// Removes up to `limit` that nobody named in time, and says how many.
pub async fn sweep(tx: &mut Tx<'_>, now: i64, limit: i64) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM loose_contents WHERE hash IN (SELECT hash FROM loose_contents WHERE expires_at <= $1 LIMIT $2)",
        &[&now, &limit],
    )
    .await
}
