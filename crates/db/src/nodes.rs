//! Rows of the tree: folders and files.
//! Must not know who may see what; every function is told the person.

use std::collections::HashMap;

use pantry_types::{Md5, NodeId, Sha1, UserId, VersionId};

use crate::{DbError, Engine, IdList, Row, Tx, dialect, dialect::select_by};

/// A folder or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Holds others.
    Folder,
    /// Holds content.
    File,
}

impl Kind {
    /// The number in the row; folders sort first.
    pub fn code(self) -> i64 {
        match self {
            Kind::Folder => 0,
            Kind::File => 1,
        }
    }

    /// From the number in the row.
    pub fn from_code(n: i64) -> Kind {
        if n == 0 { Kind::Folder } else { Kind::File }
    }
}

/// One node of a tree.
#[derive(Debug, Clone)]
pub struct Node {
    /// Whose tree.
    pub user: UserId,
    /// Id.
    pub id: NodeId,
    /// Folder it lies in; 0 for the root, the bin's id in the bin.
    pub parent: NodeId,
    /// Folder or file.
    pub kind: Kind,
    /// Name.
    pub name: String,
    /// Place in natural order.
    pub sort_key: Vec<u8>,
    /// Holds its name in its folder; 0 for the top of what lies in the bin.
    pub live: bool,
    /// Is (or was made as) an app's own folder.
    pub sandbox: bool,
    /// Bytes of the current content.
    pub size: i64,
    /// MD5 of the current content; zero for a folder.
    pub md5: Md5,
    /// SHA-1 of the current content; zero for a folder.
    pub sha1: Sha1,
    /// Media type, empty for a folder.
    pub mime: String,
    /// Current content.
    pub version: VersionId,
    /// Files directly inside.
    pub file_count: i64,
    /// Folders directly inside.
    pub folder_count: i64,
    /// The app that made it, empty for the person.
    pub client_id: String,
    /// When it was made.
    pub created_at: i64,
    /// When its content (or, for a folder, what lies in it) last changed.
    pub modified_at: i64,
}

macro_rules! columns {
    ($p:literal) => {
        concat!(
            $p,
            "user_id, ",
            $p,
            "id, ",
            $p,
            "parent_id, ",
            $p,
            "kind, ",
            $p,
            "name, ",
            $p,
            "sort_key, ",
            $p,
            "live, ",
            $p,
            "sandbox, ",
            $p,
            "size, ",
            $p,
            "md5, ",
            $p,
            "sha1, ",
            $p,
            "mime, ",
            $p,
            "version_id, ",
            $p,
            "file_count, ",
            $p,
            "folder_count, ",
            $p,
            "client_id, ",
            $p,
            "created_at, ",
            $p,
            "modified_at"
        )
    };
    () => {
        columns!("")
    };
}

fn map(r: &Row<'_>) -> Result<Node, DbError> {
    Ok(Node {
        user: UserId(r.get(0)?),
        id: NodeId(r.get(1)?),
        parent: NodeId(r.get(2)?),
        kind: Kind::from_code(r.get(3)?),
        name: r.get(4)?,
        sort_key: r.get(5)?,
        live: r.get::<i64>(6)? != 0,
        sandbox: r.get::<i64>(7)? != 0,
        size: r.get(8)?,
        md5: Md5(bytes(r.get(9)?)),
        sha1: Sha1(bytes(r.get(10)?)),
        mime: r.get(11)?,
        version: VersionId(r.get(12)?),
        file_count: r.get(13)?,
        folder_count: r.get(14)?,
        client_id: r.get(15)?,
        created_at: r.get(16)?,
        modified_at: r.get(17)?,
    })
}

/// A hash from a row: all zero where the row has none.
pub(crate) fn bytes<const N: usize>(v: Option<Vec<u8>>) -> [u8; N] {
    v.and_then(|v| v.try_into().ok()).unwrap_or([0; N])
}

/// Reads one node.
pub async fn get(tx: &mut Tx<'_>, user: UserId, id: NodeId) -> Result<Option<Node>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM nodes WHERE user_id = $1 AND id = $2");
    tx.query_opt(sql, &[&user.0, &id.0], map).await
}

/// A folder that a node lies in, as far as a path needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Above {
    /// Id.
    pub id: NodeId,
    /// Folder it lies in; 0 for the root and for the top of what lies in the bin.
    pub parent: NodeId,
    /// Name; empty for the root.
    pub name: String,
    /// Whether it is an app's own folder.
    pub sandbox: bool,
}

impl From<&Node> for Above {
    fn from(node: &Node) -> Self {
        Self {
            id: node.id,
            parent: node.parent,
            name: node.name.clone(),
            sandbox: node.sandbox,
        }
    }
}

/// A node and what it lies in.
#[derive(Debug, Clone)]
pub struct Line {
    /// The node.
    pub node: Node,
    /// What it lies in, nearest first, up to the root (or to the top of what lies in the bin).
    pub above: Vec<Above>,
}

impl Line {
    /// The last folder on the way up; the node itself if it lies in nothing.
    pub fn top(&self) -> NodeId {
        self.above.last().map_or(self.node.id, |top| top.id)
    }

    /// The nearest app's own folder that the node is or lies in; 0 for none.
    pub fn sandbox(&self) -> NodeId {
        if self.node.sandbox {
            return self.node.id;
        }
        self.above.iter().find(|a| a.sandbox).map_or(NodeId(0), |a| a.id)
    }
}

/// Bounds a walk up through rows that a fault might have tied in a ring.
const LEVELS: usize = 4096;

/// The node and what it lies in. `None` if there is no such node.
pub async fn lineage(tx: &mut Tx<'_>, user: UserId, id: NodeId) -> Result<Option<Line>, DbError> {
    if tx.engine() == Engine::Postgres {
        return lineage_at_once(tx, user, id).await;
    }
    // A look-up by key costs SQLite a tenth of what a recursive query costs to be set up.
    let Some(node) = get(tx, user, id).await? else {
        return Ok(None);
    };
    let mut above = Vec::new();
    let mut next = node.parent;
    while next.0 != 0 && above.len() < LEVELS {
        let sql = "SELECT id, parent_id, name, sandbox FROM nodes WHERE user_id = $1 AND id = $2";
        let Some(one) = tx.query_opt(sql, &[&user.0, &next.0], map_above).await? else {
            break;
        };
        next = one.parent;
        above.push(one);
    }
    Ok(Some(Line { node, above }))
}

fn map_above(r: &Row<'_>) -> Result<Above, DbError> {
    Ok(Above {
        id: NodeId(r.get(0)?),
        parent: NodeId(r.get(1)?),
        name: r.get(2)?,
        sandbox: r.get::<i64>(3)? != 0,
    })
}

/// The same in one statement, where each costs a round trip.
async fn lineage_at_once(tx: &mut Tx<'_>, user: UserId, id: NodeId) -> Result<Option<Line>, DbError> {
    let sql = concat!(
        "WITH RECURSIVE up(at, depth) AS (VALUES (CAST($2 AS BIGINT), CAST(0 AS BIGINT)) \
         UNION ALL SELECT n.parent_id, up.depth + 1 FROM up CROSS JOIN nodes n \
         WHERE n.user_id = $1 AND n.id = up.at AND up.depth < 4096 AND n.parent_id > 0) \
         SELECT ",
        columns!("n."),
        " FROM up CROSS JOIN nodes n WHERE n.user_id = $1 AND n.id = up.at ORDER BY up.depth"
    );
    let mut nodes = tx.query(sql, &[&user.0, &id.0], map).await?.into_iter();
    Ok(nodes.next().map(|node| Line {
        node,
        above: nodes.map(|n| Above::from(&n)).collect(),
    }))
}

/// Several nodes and what each lies in, all of one moment, in no order; unknown ids are left out.
pub async fn lines(tx: &mut Tx<'_>, user: UserId, ids: &[i64]) -> Result<Vec<Line>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // UNION takes each folder once, however many of the nodes lie in it, and ends in a ring too.
    let sql = dialect::sql(
        tx.engine(),
        concat!(
            "WITH RECURSIVE up(at) AS (SELECT value FROM json_each($2) \
             UNION SELECT n.parent_id FROM up CROSS JOIN nodes n \
             WHERE n.user_id = $1 AND n.id = up.at AND n.parent_id > 0) SELECT ",
            columns!("n."),
            " FROM up CROSS JOIN nodes n WHERE n.user_id = $1 AND n.id = up.at"
        ),
        concat!(
            "WITH RECURSIVE up(at) AS (SELECT unnest(CAST($2 AS BIGINT[])) \
             UNION SELECT n.parent_id FROM up CROSS JOIN nodes n \
             WHERE n.user_id = $1 AND n.id = up.at AND n.parent_id > 0) SELECT ",
            columns!("n."),
            " FROM up CROSS JOIN nodes n WHERE n.user_id = $1 AND n.id = up.at"
        ),
    );
    let found = tx.query(sql, &[&user.0, &IdList(ids.to_vec())], map).await?;
    let found: HashMap<NodeId, Node> = found.into_iter().map(|n| (n.id, n)).collect();
    let line = |id: &i64| {
        let node = found.get(&NodeId(*id))?.clone();
        let mut above: Vec<Above> = Vec::new();
        let mut next = node.parent;
        while let Some(folder) = found.get(&next).filter(|_| above.len() < LEVELS) {
            above.push(Above::from(folder));
            next = folder.parent;
        }
        Some(Line { node, above })
    };
    Ok(ids.iter().filter_map(line).collect())
}

/// The node of a name in a folder.
pub async fn child(tx: &mut Tx<'_>, user: UserId, parent: NodeId, name: &str) -> Result<Option<Node>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM nodes WHERE user_id = $1 AND parent_id = $2 AND name = $3 AND live = 1"
    );
    tx.query_opt(sql, &[&user.0, &parent.0, &name], map).await
}

/// Where a page of a folder begins: after this entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// Kind of the last entry seen.
    pub kind: Kind,
    /// Its place in natural order.
    pub sort_key: Vec<u8>,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: NodeId,
}

impl From<&Node> for After {
    fn from(last: &Node) -> Self {
        Self {
            kind: last.kind,
            sort_key: last.sort_key.clone(),
            name: last.name.clone(),
            id: last.id,
        }
    }
}

/// One page of a folder: folders first, each in natural order. The cost does
/// not depend on how much lies before the page.
pub async fn page(
    tx: &mut Tx<'_>,
    user: UserId,
    parent: NodeId,
    after: Option<&After>,
    limit: i64,
) -> Result<Vec<Node>, DbError> {
    match after {
        None => {
            let sql = concat!(
                "SELECT ",
                columns!(),
                " FROM nodes WHERE user_id = $1 AND parent_id = $2 \
                 ORDER BY kind, sort_key, name, id LIMIT $3"
            );
            tx.query(sql, &[&user.0, &parent.0, &limit], map).await
        }
        Some(a) => {
            let sql = concat!(
                "SELECT ",
                columns!(),
                " FROM nodes WHERE user_id = $1 AND parent_id = $2 \
                 AND (kind, sort_key, name, id) > ($3, $4, $5, $6) \
                 ORDER BY kind, sort_key, name, id LIMIT $7"
            );
            let p: [&dyn crate::Param; 7] = [
                &user.0,
                &parent.0,
                &a.kind.code(),
                &a.sort_key,
                &a.name,
                &a.id.0,
                &limit,
            ];
            tx.query(sql, &p, map).await
        }
    }
}

/// A page by number: its cost grows with what it skips.
pub async fn page_at(
    tx: &mut Tx<'_>,
    user: UserId,
    parent: NodeId,
    skip: i64,
    limit: i64,
) -> Result<Vec<Node>, DbError> {
    // Only index entries are skipped: the rows themselves are fetched after.
    let sql = concat!(
        "SELECT ",
        columns!("n."),
        " FROM (SELECT id FROM nodes WHERE user_id = $1 AND parent_id = $2 \
         ORDER BY kind, sort_key, name, id LIMIT $4 OFFSET $3) p \
         JOIN nodes n ON n.user_id = $1 AND n.id = p.id \
         ORDER BY n.kind, n.sort_key, n.name, n.id"
    );
    tx.query(sql, &[&user.0, &parent.0, &skip, &limit], map).await
}

/// Adds a node; `false` if its name is taken in its folder.
pub async fn insert(tx: &mut Tx<'_>, n: &Node) -> Result<bool, DbError> {
    let (md5, sha1) = match n.kind {
        Kind::Folder => (None, None),
        Kind::File => (Some(n.md5.0.to_vec()), Some(n.sha1.0.to_vec())),
    };
    let done = tx
        .execute(
            "INSERT INTO nodes (user_id, id, parent_id, kind, name, sort_key, live, sandbox, size, \
             md5, sha1, mime, version_id, file_count, folder_count, client_id, created_at, modified_at) \
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18) \
             ON CONFLICT DO NOTHING",
            &[
                &n.user.0,
                &n.id.0,
                &n.parent.0,
                &n.kind.code(),
                &n.name,
                &n.sort_key,
                &i64::from(n.live),
                &i64::from(n.sandbox),
                &n.size,
                &md5,
                &sha1,
                &n.mime,
                &n.version.0,
                &n.file_count,
                &n.folder_count,
                &n.client_id,
                &n.created_at,
                &n.modified_at,
            ],
        )
        .await?;
    Ok(done == 1)
}

/// Puts a node in another place, under another name, or in or out of the bin.
/// The caller has made sure that the name is free.
pub async fn put(
    tx: &mut Tx<'_>,
    user: UserId,
    id: NodeId,
    parent: NodeId,
    name: &str,
    sort_key: &[u8],
    live: bool,
) -> Result<(), DbError> {
    tx.execute(
        "UPDATE nodes SET parent_id = $3, name = $4, sort_key = $5, live = $6 \
         WHERE user_id = $1 AND id = $2",
        &[&user.0, &id.0, &parent.0, &name, &sort_key.to_vec(), &i64::from(live)],
    )
    .await?;
    Ok(())
}

/// Gives a file other content.
pub async fn set_content(tx: &mut Tx<'_>, n: &Node) -> Result<(), DbError> {
    tx.execute(
        "UPDATE nodes SET size = $3, md5 = $4, sha1 = $5, mime = $6, version_id = $7, \
         client_id = $8, modified_at = $9 WHERE user_id = $1 AND id = $2",
        &[
            &n.user.0,
            &n.id.0,
            &n.size,
            &n.md5.0.to_vec(),
            &n.sha1.0.to_vec(),
            &n.mime,
            &n.version.0,
            &n.client_id,
            &n.modified_at,
        ],
    )
    .await?;
    Ok(())
}

/// Moves the counters of a folder and notes when it changed.
pub async fn count(
    tx: &mut Tx<'_>,
    user: UserId,
    folder: NodeId,
    files: i64,
    folders: i64,
    now: i64,
) -> Result<(), DbError> {
    tx.execute(
        "UPDATE nodes SET file_count = file_count + $3, folder_count = folder_count + $4, \
         modified_at = $5 WHERE user_id = $1 AND id = $2",
        &[&user.0, &folder.0, &files, &folders, &now],
    )
    .await?;
    Ok(())
}

/// Sets the counters of a folder outright.
pub async fn set_counts(
    tx: &mut Tx<'_>,
    user: UserId,
    folder: NodeId,
    files: i64,
    folders: i64,
) -> Result<(), DbError> {
    tx.execute(
        "UPDATE nodes SET file_count = $3, folder_count = $4 WHERE user_id = $1 AND id = $2",
        &[&user.0, &folder.0, &files, &folders],
    )
    .await?;
    Ok(())
}

/// Marks or unmarks a folder as an app's own.
pub async fn set_sandbox(tx: &mut Tx<'_>, user: UserId, id: NodeId, sandbox: bool) -> Result<(), DbError> {
    tx.execute(
        "UPDATE nodes SET sandbox = $3 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id.0, &i64::from(sandbox)],
    )
    .await?;
    Ok(())
}

/// Some of a folder's entries in the order of their ids, which a new name does not change. `many`: the folder holds so many
/// that the person's nodes are read in that order; where it holds few of them, its own are read and put in order.
pub async fn by_id(
    tx: &mut Tx<'_>,
    user: UserId,
    parent: NodeId,
    after: NodeId,
    many: bool,
    limit: i64,
) -> Result<Vec<Node>, DbError> {
    let sql = if many {
        concat!(
            "SELECT ",
            columns!(),
            " FROM nodes WHERE user_id = $1 AND parent_id = $2 AND id > $3 ORDER BY id LIMIT $4"
        )
    } else {
        // The sum keeps PostgreSQL off the order of ids.
        select_by!(
            tx.engine(),
            columns!(),
            "nodes",
            "nodes_order",
            "WHERE user_id = $1 AND parent_id = $2 AND id + 0 > $3 ORDER BY id + 0 LIMIT $4"
        )
    };
    tx.query(sql, &[&user.0, &parent.0, &after.0, &limit], map).await
}

/// Several nodes at once, in no order; unknown ids are left out.
pub async fn many(tx: &mut Tx<'_>, user: UserId, ids: &[i64]) -> Result<Vec<Node>, DbError> {
    let sql = dialect::sql(
        tx.engine(),
        concat!(
            "SELECT ",
            columns!(),
            " FROM nodes WHERE user_id = $1 AND id IN (SELECT value FROM json_each($2))"
        ),
        concat!("SELECT ", columns!(), " FROM nodes WHERE user_id = $1 AND id = ANY($2)"),
    );
    tx.query(sql, &[&user.0, &IdList(ids.to_vec())], map).await
}

/// Of several nodes at once: the folder that ends the way up from each, and the app's own folder that it is or lies in (0 for
/// none). Unknown ids are left out.
pub async fn tops(tx: &mut Tx<'_>, user: UserId, ids: &[i64]) -> Result<Vec<(NodeId, NodeId, NodeId)>, DbError> {
    macro_rules! sql {
        ($list:literal) => {
            concat!(
                "WITH RECURSIVE up(origin, at, next, inside, depth) AS (\
                 SELECT id, id, parent_id, CASE WHEN sandbox = 1 THEN id ELSE CAST(0 AS BIGINT) END, CAST(0 AS BIGINT) \
                 FROM nodes WHERE user_id = $1 AND id ",
                $list,
                " UNION ALL SELECT up.origin, n.id, n.parent_id, \
                 CASE WHEN up.inside = 0 AND n.sandbox = 1 THEN n.id ELSE up.inside END, up.depth + 1 \
                 FROM up JOIN nodes n ON n.user_id = $1 AND n.id = up.next WHERE up.depth < 4096) \
                 SELECT origin, at, inside FROM up WHERE NOT EXISTS \
                 (SELECT 1 FROM nodes n WHERE n.user_id = $1 AND n.id = up.next) ORDER BY origin"
            )
        };
    }
    let sql = dialect::sql(
        tx.engine(),
        sql!("IN (SELECT value FROM json_each($2))"),
        sql!("= ANY($2)"),
    );
    tx.query(sql, &[&user.0, &IdList(ids.to_vec())], |r| {
        Ok((NodeId(r.get(0)?), NodeId(r.get(1)?), NodeId(r.get(2)?)))
    })
    .await
}

/// Removes a row for good.
pub async fn remove(tx: &mut Tx<'_>, user: UserId, id: NodeId) -> Result<(), DbError> {
    tx.execute("DELETE FROM nodes WHERE user_id = $1 AND id = $2", &[&user.0, &id.0])
        .await?;
    Ok(())
}

/// Removes several rows for good.
pub async fn remove_all(tx: &mut Tx<'_>, user: UserId, ids: &[NodeId]) -> Result<(), DbError> {
    let list: IdList = ids.iter().map(|n| n.0).collect();
    let sql = dialect::sql(
        tx.engine(),
        "DELETE FROM nodes WHERE user_id = $1 AND id IN (SELECT value FROM json_each($2))",
        "DELETE FROM nodes WHERE user_id = $1 AND id = ANY($2)",
    );
    tx.execute(sql, &[&user.0, &list]).await?;
    Ok(())
}

/// All nodes of a person in the order of their ids, for the check of the books.
pub async fn all(tx: &mut Tx<'_>, user: UserId, after: NodeId, limit: i64) -> Result<Vec<Node>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM nodes WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"
    );
    tx.query(sql, &[&user.0, &after.0, &limit], map).await
}
