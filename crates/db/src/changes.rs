//! Rows of the change log: per person, numbered, its head in the person's row.
//! Must not decide who may see a change; it stores what deciding needs.

use pantry_types::{NodeId, UserId};

use crate::{DbError, Row, Tx, nodes::Kind};

/// What happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It came to be where it is.
    Created,
    /// Its content or its sharing changed.
    Updated,
    /// It got another name or place.
    Moved,
    /// It left the tree.
    Removed,
}

impl Event {
    fn code(self) -> i64 {
        match self {
            Event::Created => 1,
            Event::Updated => 2,
            Event::Moved => 3,
            Event::Removed => 4,
        }
    }

    fn from_code(n: i64) -> Event {
        match n {
            1 => Event::Created,
            2 => Event::Updated,
            3 => Event::Moved,
            _ => Event::Removed,
        }
    }
}

/// One change. Ids of folders and sandboxes are 0 for "none".
#[derive(Debug, Clone)]
pub struct Change {
    /// Whose tree.
    pub user: UserId,
    /// Number, without gaps within a person.
    pub seq: i64,
    /// What happened.
    pub event: Event,
    /// To a folder or a file.
    pub kind: Kind,
    /// The node.
    pub node: NodeId,
    /// A folder that came or went with what it holds.
    pub subtree: bool,
    /// The folder it lay in before.
    pub parent_before: NodeId,
    /// The folder it lies in since.
    pub parent_after: NodeId,
    /// The sandbox it was inside before: cannot be found out later.
    pub sandbox_before: NodeId,
    /// The sandbox it is inside since.
    pub sandbox_after: NodeId,
    /// When.
    pub at: i64,
}

fn map(r: &Row<'_>) -> Result<Change, DbError> {
    Ok(Change {
        user: UserId(r.get(0)?),
        seq: r.get(1)?,
        event: Event::from_code(r.get(2)?),
        kind: Kind::from_code(r.get(3)?),
        node: NodeId(r.get(4)?),
        subtree: r.get::<i64>(5)? != 0,
        parent_before: NodeId(r.get(6)?),
        parent_after: NodeId(r.get(7)?),
        sandbox_before: NodeId(r.get(8)?),
        sandbox_after: NodeId(r.get(9)?),
        at: r.get(10)?,
    })
}

/// Appends a change under the number it carries; the caller holds the person's row.
pub async fn append(tx: &mut Tx<'_>, c: &Change) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO changes (user_id, seq, event, kind, node_id, subtree, parent_before, \
         parent_after, sandbox_before, sandbox_after, at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)",
        &[
            &c.user.0,
            &c.seq,
            &c.event.code(),
            &c.kind.code(),
            &c.node.0,
            &i64::from(c.subtree),
            &c.parent_before.0,
            &c.parent_after.0,
            &c.sandbox_before.0,
            &c.sandbox_after.0,
            &c.at,
        ],
    )
    .await?;
    Ok(())
}

/// Changes after a number, in order.
pub async fn since(tx: &mut Tx<'_>, user: UserId, after: i64, limit: i64) -> Result<Vec<Change>, DbError> {
    tx.query(
        "SELECT user_id, seq, event, kind, node_id, subtree, parent_before, parent_after, \
         sandbox_before, sandbox_after, at FROM changes \
         WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        &[&user.0, &after, &limit],
        map,
    )
    .await
}

/// Changes after a number, up to and with `up_to`, in order: those that touched the sandbox `inside` (0: all), but for
/// those of `inside` itself.
pub async fn touching(
    tx: &mut Tx<'_>,
    user: UserId,
    inside: NodeId,
    after: i64,
    up_to: i64,
    limit: i64,
) -> Result<Vec<Change>, DbError> {
    tx.query(
        "SELECT user_id, seq, event, kind, node_id, subtree, parent_before, parent_after, \
         sandbox_before, sandbox_after, at FROM changes \
         WHERE user_id = $1 AND seq > $3 AND seq <= $4 AND node_id <> $2 \
         AND (CAST($2 AS BIGINT) = 0 OR sandbox_before = $2 OR sandbox_after = $2) ORDER BY seq LIMIT $5",
        &[&user.0, &inside.0, &after, &up_to, &limit],
        map,
    )
    .await
}

/// Whether the change of this number is still there.
pub async fn is_kept(tx: &mut Tx<'_>, user: UserId, seq: i64) -> Result<bool, DbError> {
    let sql = "SELECT seq FROM changes WHERE user_id = $1 AND seq = $2";
    let found = tx.query_opt(sql, &[&user.0, &seq], |r| r.get::<i64>(0)).await?;
    Ok(found.is_some())
}

/// The folders now in the tree in which something changed after `after`, up to and with `up_to`: what changes name as
/// a node's folder before or since, in the order of their ids. `root` is the tree's.
pub async fn folders_touched(
    tx: &mut Tx<'_>,
    user: UserId,
    root: NodeId,
    after: i64,
    up_to: i64,
) -> Result<Vec<NodeId>, DbError> {
    // 4096 bounds a walk through rows that a fault might have tied in a ring.
    tx.query(
        "WITH RECURSIVE touched(id) AS (SELECT parent_before FROM changes WHERE user_id = $1 AND seq > $3 AND seq <= $4 \
         UNION SELECT parent_after FROM changes WHERE user_id = $1 AND seq > $3 AND seq <= $4), \
         up(origin, at, depth) AS (SELECT id, id, CAST(0 AS BIGINT) FROM touched WHERE id > 0 \
         UNION ALL SELECT up.origin, n.parent_id, up.depth + 1 FROM up JOIN nodes n \
         ON n.user_id = $1 AND n.id = up.at WHERE up.at <> $2 AND up.depth < 4096) \
         SELECT origin FROM up WHERE at = $2 ORDER BY origin",
        &[&user.0, &root.0, &after, &up_to],
        |r| Ok(NodeId(r.get(0)?)),
    )
    .await
}

/// Who has changes older than `before`, in order of id, and the number of the latest of those.
pub async fn stale(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<Vec<(UserId, i64)>, DbError> {
    tx.query(
        "SELECT user_id, MAX(seq) FROM (SELECT user_id, seq FROM changes WHERE at < $1 \
         ORDER BY at LIMIT $2) old GROUP BY user_id ORDER BY user_id",
        &[&before, &limit],
        |r| Ok((UserId(r.get(0)?), r.get(1)?)),
    )
    .await
}

/// Removes a person's changes up to and with a number.
pub async fn trim(tx: &mut Tx<'_>, user: UserId, up_to: i64) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM changes WHERE user_id = $1 AND seq <= $2",
        &[&user.0, &up_to],
    )
    .await
}
