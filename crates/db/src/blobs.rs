//! Rows of blobs: each content once, and where it lies.
//! Must not touch object storage, nor count references: there is no counter.

use pantry_types::{Blake3, Md5, Sha1, UserId, VersionId};

use crate::{DbError, IdList, Row, Tx, dialect, nodes::bytes};

/// A content that is stored.
#[derive(Debug, Clone)]
pub struct Blob {
    /// BLAKE3 of the content.
    pub hash: Blake3,
    /// Makes the key in storage, with the hash, unlike any before it.
    pub gen_: i64,
    /// Bytes.
    pub size: i64,
    /// MD5 of the content.
    pub md5: Md5,
    /// SHA-1 of the content.
    pub sha1: Sha1,
    /// When the janitor found it unnamed, 0 while it is in use.
    pub condemned_at: i64,
    /// Whether the row itself holds the content.
    pub inline: bool,
}

macro_rules! columns {
    () => {
        "hash, gen, size, md5, sha1, condemned_at, CAST(CASE WHEN content IS NULL THEN 0 ELSE 1 END AS BIGINT)"
    };
}

fn map(r: &Row<'_>) -> Result<Blob, DbError> {
    Ok(Blob {
        hash: Blake3(bytes(r.get(0)?)),
        gen_: r.get(1)?,
        size: r.get(2)?,
        md5: Md5(bytes(r.get(3)?)),
        sha1: Sha1(bytes(r.get(4)?)),
        condemned_at: r.get(5)?,
        inline: r.get::<i64>(6)? != 0,
    })
}

/// Reads the row of a content.
pub async fn get(tx: &mut Tx<'_>, hash: Blake3) -> Result<Option<Blob>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM blobs WHERE hash = $1");
    tx.query_opt(sql, &[&hash.0.to_vec()], map).await
}

/// Reads the row and keeps the janitor from deleting it until the transaction
/// ends; takes a condemnation back. `None`: there is no such content (any more).
pub async fn name(tx: &mut Tx<'_>, hash: Blake3) -> Result<Option<Blob>, DbError> {
    let sql = dialect::sql(
        tx.engine(),
        concat!("SELECT ", columns!(), " FROM blobs WHERE hash = $1"),
        concat!("SELECT ", columns!(), " FROM blobs WHERE hash = $1 FOR KEY SHARE"),
    );
    let found = tx.query_opt(sql, &[&hash.0.to_vec()], map).await?;
    if let Some(b) = &found
        && b.condemned_at != 0
    {
        tx.execute("UPDATE blobs SET condemned_at = 0 WHERE hash = $1", &[&hash.0.to_vec()])
            .await?;
    }
    Ok(found)
}

/// The content that the row itself holds.
pub async fn content(tx: &mut Tx<'_>, hash: Blake3) -> Result<Option<Vec<u8>>, DbError> {
    Ok(tx
        .query_opt("SELECT content FROM blobs WHERE hash = $1", &[&hash.0.to_vec()], |r| {
            r.get::<Option<Vec<u8>>>(0)
        })
        .await?
        .flatten())
}

/// The content of a version, to be read.
#[derive(Debug, Clone)]
pub struct Held {
    /// Bytes.
    pub size: i64,
    /// BLAKE3 of the content.
    pub hash: Blake3,
    /// With the hash the key in storage; `None` where there is no row of the content, as for the empty one.
    pub gen_: Option<i64>,
    /// The bytes, where the row holds them.
    pub content: Option<Vec<u8>>,
}

/// The content of a version in one statement; `None` if there is no such version.
pub async fn of_version(tx: &mut Tx<'_>, user: UserId, version: VersionId) -> Result<Option<Held>, DbError> {
    tx.query_opt(
        "SELECT v.size, v.blob_hash, b.gen, b.content FROM versions v LEFT JOIN blobs b ON b.hash = v.blob_hash \
         WHERE v.user_id = $1 AND v.id = $2",
        &[&user.0, &version.0],
        |r| {
            Ok(Held {
                size: r.get(0)?,
                hash: Blake3(bytes(r.get(1)?)),
                gen_: r.get(2)?,
                content: r.get(3)?,
            })
        },
    )
    .await
}

/// Adds a content; `false` if it is there already.
pub async fn insert(tx: &mut Tx<'_>, b: &Blob, content: Option<&[u8]>, now: i64) -> Result<bool, DbError> {
    let content = content.map(<[u8]>::to_vec);
    let n = tx
        .execute(
            "INSERT INTO blobs (hash, gen, size, md5, sha1, condemned_at, created_at, content) \
             VALUES ($1,$2,$3,$4,$5,0,$6,$7) ON CONFLICT DO NOTHING",
            &[
                &b.hash.0.to_vec(),
                &b.gen_,
                &b.size,
                &b.md5.0.to_vec(),
                &b.sha1.0.to_vec(),
                &now,
                &content,
            ],
        )
        .await?;
    Ok(n == 1)
}

/// Contents of anybody with this MD5 and size: only for the trusting setting.
pub async fn with_md5(tx: &mut Tx<'_>, md5: Md5, size: i64) -> Result<Option<Blob>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM blobs WHERE md5 = $1 AND size = $2 ORDER BY hash LIMIT 1"
    );
    tx.query_opt(sql, &[&md5.0.to_vec(), &size], map).await
}

/// Contents of anybody with this SHA-1: only for the trusting setting.
pub async fn with_sha1(tx: &mut Tx<'_>, sha1: Sha1) -> Result<Option<Blob>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM blobs WHERE sha1 = $1 ORDER BY hash LIMIT 1"
    );
    tx.query_opt(sql, &[&sha1.0.to_vec()], map).await
}

/// Notes that a content may have lost its last version. `id` is the version that went, or the
/// generation of the content that came: a row that was not there when the janitor looked stays.
pub async fn suspect(tx: &mut Tx<'_>, hash: Blake3, id: i64, now: i64) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO blob_suspects (hash, id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        &[&hash.0.to_vec(), &id, &now],
    )
    .await?;
    Ok(())
}

/// Contents to look at, and why, in the order of their hashes, after `(hash, id)`.
pub async fn suspects(tx: &mut Tx<'_>, after: (&[u8], i64), limit: i64) -> Result<Vec<(Blake3, i64)>, DbError> {
    tx.query(
        "SELECT hash, id FROM blob_suspects WHERE (hash, id) > ($1, $2) ORDER BY hash, id LIMIT $3",
        &[&after.0.to_vec(), &after.1, &limit],
        |r| Ok((Blake3(bytes(r.get(0)?)), r.get(1)?)),
    )
    .await
}

/// The look at a content is done, for these reasons and no others.
pub async fn cleared(tx: &mut Tx<'_>, hash: Blake3, ids: &[i64]) -> Result<(), DbError> {
    let sql = dialect::sql(
        tx.engine(),
        "DELETE FROM blob_suspects WHERE hash = $1 AND id IN (SELECT value FROM json_each($2))",
        "DELETE FROM blob_suspects WHERE hash = $1 AND id = ANY($2)",
    );
    tx.execute(sql, &[&hash.0.to_vec(), &IdList(ids.to_vec())]).await?;
    Ok(())
}

/// Locks a content for the janitor, unless somebody is naming it just now.
/// The caller must look again, in a second statement, whether it is unnamed.
pub async fn lock_for_janitor(tx: &mut Tx<'_>, hash: Blake3) -> Result<Option<Blob>, DbError> {
    let sql = dialect::sql(
        tx.engine(),
        concat!("SELECT ", columns!(), " FROM blobs WHERE hash = $1"),
        concat!(
            "SELECT ",
            columns!(),
            " FROM blobs WHERE hash = $1 FOR UPDATE SKIP LOCKED"
        ),
    );
    tx.query_opt(sql, &[&hash.0.to_vec()], map).await
}

/// Marks a content as unnamed since `at`.
pub async fn condemn(tx: &mut Tx<'_>, hash: Blake3, at: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE blobs SET condemned_at = $2 WHERE hash = $1",
        &[&hash.0.to_vec(), &at],
    )
    .await?;
    Ok(())
}

/// Contents condemned before `before`.
pub async fn condemned(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<Vec<Blake3>, DbError> {
    tx.query(
        "SELECT hash FROM blobs WHERE condemned_at > 0 AND condemned_at < $1 \
         ORDER BY condemned_at LIMIT $2",
        &[&before, &limit],
        |r| Ok(Blake3(bytes(r.get(0)?))),
    )
    .await
}

/// Removes a content's row.
pub async fn remove(tx: &mut Tx<'_>, hash: Blake3) -> Result<(), DbError> {
    tx.execute("DELETE FROM blobs WHERE hash = $1", &[&hash.0.to_vec()])
        .await?;
    Ok(())
}

/// All contents in the order of their hashes, for the check of the books.
pub async fn all(tx: &mut Tx<'_>, after: &[u8], limit: i64) -> Result<Vec<Blob>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM blobs WHERE hash > $1 ORDER BY hash LIMIT $2"
    );
    tx.query(sql, &[&after.to_vec(), &limit], map).await
}
