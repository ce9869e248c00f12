//! Rows of the recycle bin, and of what has left it and is being freed.
//! Must not move nodes; it remembers where they were.

use pantry_types::{NodeId, UserId};

use crate::{DbError, IdList, Row, Tx, dialect, nodes::Kind};

/// What a node in the bin remembers.
#[derive(Debug, Clone)]
pub struct Binned {
    /// Whose.
    pub user: UserId,
    /// The node: the top of what was deleted.
    pub node: NodeId,
    /// Folder or file.
    pub kind: Kind,
    /// Folder it lay in.
    pub parent: NodeId,
    /// Name it had.
    pub name: String,
    /// Full path it had.
    pub path: String,
    /// Sandbox it was inside, 0 for none.
    pub sandbox: NodeId,
    /// When it was deleted.
    pub deleted_at: i64,
}

macro_rules! columns {
    () => {
        "user_id, node_id, kind, parent_id, name, path, sandbox_id, deleted_at"
    };
}

fn map(r: &Row<'_>) -> Result<Binned, DbError> {
    Ok(Binned {
        user: UserId(r.get(0)?),
        node: NodeId(r.get(1)?),
        kind: Kind::from_code(r.get(2)?),
        parent: NodeId(r.get(3)?),
        name: r.get(4)?,
        path: r.get(5)?,
        sandbox: NodeId(r.get(6)?),
        deleted_at: r.get(7)?,
    })
}

/// Adds what was deleted.
pub async fn insert(tx: &mut Tx<'_>, b: &Binned) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO bin (user_id, node_id, kind, parent_id, name, path, sandbox_id, deleted_at) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8)",
        &[
            &b.user.0,
            &b.node.0,
            &b.kind.code(),
            &b.parent.0,
            &b.name,
            &b.path,
            &b.sandbox.0,
            &b.deleted_at,
        ],
    )
    .await?;
    Ok(())
}

/// Reads one entry.
pub async fn get(tx: &mut Tx<'_>, user: UserId, node: NodeId) -> Result<Option<Binned>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM bin WHERE user_id = $1 AND node_id = $2");
    tx.query_opt(sql, &[&user.0, &node.0], map).await
}

/// Removes one entry.
pub async fn remove(tx: &mut Tx<'_>, user: UserId, node: NodeId) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM bin WHERE user_id = $1 AND node_id = $2",
        &[&user.0, &node.0],
    )
    .await?;
    Ok(())
}

/// A page of a person's bin, latest first, after the entry `(deleted_at, node)`.
pub async fn page(
    tx: &mut Tx<'_>,
    user: UserId,
    after: Option<(i64, NodeId)>,
    limit: i64,
) -> Result<Vec<Binned>, DbError> {
    let (at, node) = after.map_or((i64::MAX, i64::MAX), |(a, n)| (a, n.0));
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM bin WHERE user_id = $1 AND (deleted_at, node_id) < ($2, $3) \
         ORDER BY deleted_at DESC, node_id DESC LIMIT $4"
    );
    tx.query(sql, &[&user.0, &at, &node, &limit], map).await
}

/// A page of a person's bin by number, latest first: its cost grows with what it skips.
pub async fn page_at(tx: &mut Tx<'_>, user: UserId, skip: i64, limit: i64) -> Result<Vec<Binned>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM bin WHERE user_id = $1 ORDER BY deleted_at DESC, node_id DESC LIMIT $3 OFFSET $2"
    );
    tx.query(sql, &[&user.0, &skip, &limit], map).await
}

/// Entries, of anybody, deleted before `before`.
pub async fn stale(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<Vec<Binned>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM bin WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2"
    );
    tx.query(sql, &[&before, &limit], map).await
}

/// Queues a subtree to be freed, which nobody follows.
pub async fn queue_purge(tx: &mut Tx<'_>, user: UserId, node: NodeId, now: i64) -> Result<(), DbError> {
    queue_purge_of(tx, user, node, 0, now).await
}

/// Queues a subtree to be freed; a job (0 for none) tells how far that is.
pub async fn queue_purge_of(tx: &mut Tx<'_>, user: UserId, node: NodeId, job: i64, now: i64) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO purges (user_id, node_id, at, job_id) VALUES ($1,$2,$3,$4) ON CONFLICT DO NOTHING",
        &[&user.0, &node.0, &now, &job],
    )
    .await?;
    Ok(())
}

/// Takes entries out of a person's bin and queues all of them to be freed.
pub async fn queue_purges(tx: &mut Tx<'_>, user: UserId, nodes: &[NodeId], job: i64, now: i64) -> Result<(), DbError> {
    let list: IdList = nodes.iter().map(|n| n.0).collect();
    let sql = dialect::sql(
        tx.engine(),
        "INSERT INTO purges (user_id, node_id, at, job_id) SELECT user_id, node_id, CAST($3 AS BIGINT), CAST($4 AS BIGINT) FROM bin \
         WHERE user_id = $1 AND node_id IN (SELECT value FROM json_each($2)) ON CONFLICT DO NOTHING",
        "INSERT INTO purges (user_id, node_id, at, job_id) SELECT user_id, node_id, CAST($3 AS BIGINT), CAST($4 AS BIGINT) FROM bin \
         WHERE user_id = $1 AND node_id = ANY($2) ON CONFLICT DO NOTHING",
    );
    tx.execute(sql, &[&user.0, &list, &now, &job]).await?;
    let sql = dialect::sql(
        tx.engine(),
        "DELETE FROM bin WHERE user_id = $1 AND node_id IN (SELECT value FROM json_each($2))",
        "DELETE FROM bin WHERE user_id = $1 AND node_id = ANY($2)",
    );
    tx.execute(sql, &[&user.0, &list]).await?;
    Ok(())
}

/// Whose subtree is to be freed next: the one that has waited longest.
pub async fn next_purge(tx: &mut Tx<'_>) -> Result<Option<UserId>, DbError> {
    tx.query_opt(
        "SELECT user_id FROM purges ORDER BY at, user_id, node_id LIMIT 1",
        &[],
        |r| Ok(UserId(r.get(0)?)),
    )
    .await
}

/// Subtrees of a person that wait to be freed, each with its job (0 for none).
pub async fn purges_of(tx: &mut Tx<'_>, user: UserId, limit: i64) -> Result<Vec<(NodeId, i64)>, DbError> {
    tx.query(
        "SELECT node_id, job_id FROM purges WHERE user_id = $1 ORDER BY node_id LIMIT $2",
        &[&user.0, &limit],
        |r| Ok((NodeId(r.get(0)?), r.get(1)?)),
    )
    .await
}

/// Whether anything of a job waits to be freed.
pub async fn job_waits(tx: &mut Tx<'_>, user: UserId, job: i64) -> Result<bool, DbError> {
    Ok(tx
        .query_opt(
            "SELECT node_id FROM purges WHERE user_id = $1 AND job_id = $2 AND job_id > 0 LIMIT 1",
            &[&user.0, &job],
            |r| r.get::<i64>(0),
        )
        .await?
        .is_some())
}

/// How many nodes the subtrees have that wait to be freed for a job: folders are walked, files counted by their index.
pub async fn count_purges(tx: &mut Tx<'_>, user: UserId, job: i64) -> Result<i64, DbError> {
    tx.query_one(
        "WITH RECURSIVE tops(id) AS (SELECT node_id FROM purges WHERE user_id = $1 AND job_id = $2 AND job_id > 0), \
         folders(id) AS (SELECT id FROM tops \
         UNION ALL SELECT n.id FROM folders f CROSS JOIN nodes n \
         WHERE n.user_id = $1 AND n.parent_id = f.id AND n.kind = 0) \
         SELECT CAST((SELECT COUNT(*) FROM tops) + COALESCE((SELECT SUM( \
         (SELECT COUNT(*) FROM nodes c WHERE c.user_id = $1 AND c.parent_id = folders.id)) FROM folders), 0) AS BIGINT)",
        &[&user.0, &job],
        |r| r.get(0),
    )
    .await
}

/// Whether a subtree is waiting to be freed.
pub async fn is_purging(tx: &mut Tx<'_>, user: UserId, node: NodeId) -> Result<bool, DbError> {
    Ok(tx
        .query_opt(
            "SELECT node_id FROM purges WHERE user_id = $1 AND node_id = $2",
            &[&user.0, &node.0],
            |r| r.get::<i64>(0),
        )
        .await?
        .is_some())
}

/// A subtree is freed.
pub async fn purged(tx: &mut Tx<'_>, user: UserId, node: NodeId) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM purges WHERE user_id = $1 AND node_id = $2",
        &[&user.0, &node.0],
    )
    .await?;
    Ok(())
}

/// How many entries a person's bin has, or those from one sandbox.
pub async fn count(tx: &mut Tx<'_>, user: UserId, sandbox: Option<NodeId>) -> Result<i64, DbError> {
    match sandbox {
        None => {
            tx.query_one("SELECT COUNT(*) FROM bin WHERE user_id = $1", &[&user.0], |r| r.get(0))
                .await
        }
        Some(s) => {
            tx.query_one(
                "SELECT COUNT(*) FROM bin WHERE user_id = $1 AND sandbox_id = $2",
                &[&user.0, &s.0],
                |r| r.get(0),
            )
            .await
        }
    }
}
