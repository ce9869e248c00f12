//! Rows of versions: each content that a file has or had.
//! Must not know which to drop; that is a rule of the drive.

use pantry_types::{Blake3, Md5, NodeId, Sha1, UserId, VersionId};

use crate::{DbError, IdList, Row, Tx, dialect, dialect::select_by, nodes::bytes};

/// One content of a file.
#[derive(Debug, Clone)]
pub struct Version {
    /// Whose file.
    pub user: UserId,
    /// Id.
    pub id: VersionId,
    /// The file.
    pub node: NodeId,
    /// Bytes.
    pub size: i64,
    /// MD5 of the content.
    pub md5: Md5,
    /// SHA-1 of the content.
    pub sha1: Sha1,
    /// Names the content in storage.
    pub blob: Blake3,
    /// Media type.
    pub mime: String,
    /// The app that wrote it, empty for the person.
    pub client_id: String,
    /// When it was written.
    pub created_at: i64,
    /// When the next one took its place, 0 for the current one.
    pub replaced_at: i64,
    /// Kept whatever its age.
    pub keep: bool,
}

macro_rules! columns {
    () => {
        "user_id, id, node_id, size, md5, sha1, blob_hash, mime, client_id, created_at, replaced_at, keep"
    };
}

fn map(r: &Row<'_>) -> Result<Version, DbError> {
    Ok(Version {
        user: UserId(r.get(0)?),
        id: VersionId(r.get(1)?),
        node: NodeId(r.get(2)?),
        size: r.get(3)?,
        md5: Md5(bytes(r.get(4)?)),
        sha1: Sha1(bytes(r.get(5)?)),
        blob: Blake3(bytes(r.get(6)?)),
        mime: r.get(7)?,
        client_id: r.get(8)?,
        created_at: r.get(9)?,
        replaced_at: r.get(10)?,
        keep: r.get::<i64>(11)? != 0,
    })
}

/// Adds a version.
pub async fn insert(tx: &mut Tx<'_>, v: &Version) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO versions (user_id, id, node_id, size, md5, sha1, blob_hash, mime, client_id, created_at, replaced_at, keep) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)",
        &[
            &v.user.0,
            &v.id.0,
            &v.node.0,
            &v.size,
            &v.md5.0.to_vec(),
            &v.sha1.0.to_vec(),
            &v.blob.0.to_vec(),
            &v.mime,
            &v.client_id,
            &v.created_at,
            &v.replaced_at,
            &i64::from(v.keep),
        ],
    )
    .await?;
    Ok(())
}

/// Reads one version.
pub async fn get(tx: &mut Tx<'_>, user: UserId, id: VersionId) -> Result<Option<Version>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM versions WHERE user_id = $1 AND id = $2");
    tx.query_opt(sql, &[&user.0, &id.0], map).await
}

/// Notes when a version was replaced; 0 makes it the current one again.
pub async fn set_replaced(tx: &mut Tx<'_>, user: UserId, id: VersionId, at: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE versions SET replaced_at = $3 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id.0, &at],
    )
    .await?;
    Ok(())
}

/// Keeps a version whatever its age, or no longer.
pub async fn set_keep(tx: &mut Tx<'_>, user: UserId, id: VersionId, keep: bool) -> Result<(), DbError> {
    tx.execute(
        "UPDATE versions SET keep = $3 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id.0, &i64::from(keep)],
    )
    .await?;
    Ok(())
}

/// Removes all versions of some files. Answers the bytes that they had; their contents are suspected of having lost their last version.
pub async fn remove_of(tx: &mut Tx<'_>, user: UserId, nodes: &[NodeId], now: i64) -> Result<i64, DbError> {
    let list: IdList = nodes.iter().map(|n| n.0).collect();
    let sql = dialect::sql(
        tx.engine(),
        // Left to choose, SQLite takes the primary key for as good and reads all versions of the person.
        "INSERT INTO blob_suspects (hash, id, at) SELECT blob_hash, id, CAST($3 AS BIGINT) \
         FROM versions INDEXED BY versions_node \
         WHERE user_id = $1 AND size > 0 AND node_id IN (SELECT value FROM json_each($2)) ON CONFLICT DO NOTHING",
        "INSERT INTO blob_suspects (hash, id, at) SELECT blob_hash, id, CAST($3 AS BIGINT) FROM versions \
         WHERE user_id = $1 AND size > 0 AND node_id = ANY($2) ON CONFLICT DO NOTHING",
    );
    tx.execute(sql, &[&user.0, &list, &now]).await?;
    let sql = dialect::sql(
        tx.engine(),
        "DELETE FROM versions INDEXED BY versions_node \
         WHERE user_id = $1 AND node_id IN (SELECT value FROM json_each($2)) RETURNING size",
        "DELETE FROM versions WHERE user_id = $1 AND node_id = ANY($2) RETURNING size",
    );
    let sizes = tx.query(sql, &[&user.0, &list], |r| r.get::<i64>(0)).await?;
    Ok(sizes.iter().sum())
}

/// All versions of a file, newest first.
pub async fn of_node(tx: &mut Tx<'_>, user: UserId, node: NodeId) -> Result<Vec<Version>, DbError> {
    let sql = select_by!(
        tx.engine(),
        columns!(),
        "versions",
        "versions_node",
        "WHERE user_id = $1 AND node_id = $2 ORDER BY id DESC"
    );
    tx.query(sql, &[&user.0, &node.0], map).await
}

/// A person's versions with this MD5, newest first.
pub async fn with_md5(tx: &mut Tx<'_>, user: UserId, md5: Md5, size: i64, limit: i64) -> Result<Vec<Version>, DbError> {
    let sql = select_by!(
        tx.engine(),
        columns!(),
        "versions",
        "versions_md5",
        "WHERE user_id = $1 AND md5 = $2 AND size = $3 ORDER BY id DESC LIMIT $4"
    );
    tx.query(sql, &[&user.0, &md5.0.to_vec(), &size, &limit], map).await
}

/// A person's versions with this SHA-1, newest first.
pub async fn with_sha1(tx: &mut Tx<'_>, user: UserId, sha1: Sha1, limit: i64) -> Result<Vec<Version>, DbError> {
    let sql = select_by!(
        tx.engine(),
        columns!(),
        "versions",
        "versions_sha1",
        "WHERE user_id = $1 AND sha1 = $2 ORDER BY id DESC LIMIT $3"
    );
    tx.query(sql, &[&user.0, &sha1.0.to_vec(), &limit], map).await
}

/// Old versions of a person that may be dropped for space, oldest first.
pub async fn droppable(tx: &mut Tx<'_>, user: UserId, limit: i64) -> Result<Vec<Version>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM versions WHERE user_id = $1 AND replaced_at > 0 AND keep = 0 \
         ORDER BY replaced_at, id LIMIT $2"
    );
    tx.query(sql, &[&user.0, &limit], map).await
}

/// Bytes that dropping all old versions of a person would free.
pub async fn droppable_bytes(tx: &mut Tx<'_>, user: UserId) -> Result<i64, DbError> {
    tx.query_one(
        "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM versions \
         WHERE user_id = $1 AND replaced_at > 0 AND keep = 0",
        &[&user.0],
        |r| r.get(0),
    )
    .await
}

/// Versions, of anybody, that were replaced before `before`.
pub async fn stale(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<Vec<(UserId, VersionId)>, DbError> {
    tx.query(
        "SELECT user_id, id FROM versions WHERE replaced_at > 0 AND replaced_at < $1 AND keep = 0 \
         ORDER BY replaced_at LIMIT $2",
        &[&before, &limit],
        |r| Ok((UserId(r.get(0)?), VersionId(r.get(1)?))),
    )
    .await
}

/// Removes a version's row.
pub async fn remove(tx: &mut Tx<'_>, user: UserId, id: VersionId) -> Result<(), DbError> {
    tx.execute("DELETE FROM versions WHERE user_id = $1 AND id = $2", &[&user.0, &id.0])
        .await?;
    Ok(())
}

/// Whether any file of anybody has or had this content.
pub async fn names_blob(tx: &mut Tx<'_>, blob: Blake3) -> Result<bool, DbError> {
    Ok(tx
        .query_opt(
            "SELECT id FROM versions WHERE blob_hash = $1 LIMIT 1",
            &[&blob.0.to_vec()],
            |r| r.get::<i64>(0),
        )
        .await?
        .is_some())
}

/// All versions of a person in the order of their ids, for the check of the books.
pub async fn all(tx: &mut Tx<'_>, user: UserId, after: VersionId, limit: i64) -> Result<Vec<Version>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM versions WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"
    );
    tx.query(sql, &[&user.0, &after.0, &limit], map).await
}
