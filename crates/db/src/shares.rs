//! Rows of shares, and of what each shows.
//! Must not decide whether a share serves; it stores what deciding needs.

use std::collections::HashSet;

use pantry_types::{NodeId, ShareId, UserId};

use crate::{DbError, IdList, Row, Tx, dialect, dialect::select_by, nodes::Kind};

/// What a share shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// One folder.
    Folder,
    /// One file.
    File,
    /// Several nodes.
    Several,
    /// Nothing: a folder that others put files into.
    Drop,
}

impl Shows {
    fn code(self) -> i64 {
        match self {
            Shows::Folder => 0,
            Shows::File => 1,
            Shows::Several => 2,
            Shows::Drop => 3,
        }
    }

    fn from_code(n: i64) -> Self {
        match n {
            0 => Shows::Folder,
            1 => Shows::File,
            2 => Shows::Several,
            _ => Shows::Drop,
        }
    }
}

impl From<Kind> for Shows {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Folder => Shows::Folder,
            Kind::File => Shows::File,
        }
    }
}

/// A share. Times in Unix seconds; 0 means never, and without a limit.
#[derive(Debug, Clone)]
pub struct Share {
    /// Whose.
    pub user: UserId,
    /// Id.
    pub id: ShareId,
    /// Names it in addresses.
    pub code: String,
    /// What it shows.
    pub shows: Shows,
    /// The app that made it, empty for the person.
    pub client_id: String,
    /// Argon2id in PHC form; empty without a password.
    pub password_hash: String,
    /// From when on it serves nobody.
    pub expires_at: i64,
    /// Downloads after which it serves nobody.
    pub max_downloads: i64,
    /// Downloads so far.
    pub downloads: i64,
    /// Times it was looked at.
    pub views: i64,
    /// Times it was saved to another drive.
    pub saves: i64,
    /// Others may save it to their own drives.
    pub allow_save: bool,
    /// Its owner ended it.
    pub cancelled: bool,
    /// When it was made.
    pub created_at: i64,
    /// Raised with every other password: tickets, links and uploads of an older one are dead.
    pub epoch: i64,
    /// Of a drop box: most bytes of one file.
    pub max_file_size: i64,
    /// Of a drop box: files after which it takes no more.
    pub max_files: i64,
    /// Files that came in through it.
    pub received: i64,
}

macro_rules! columns {
    () => {
        "s.user_id, s.id, s.code, s.kind, s.client_id, s.password_hash, s.expires_at, s.max_downloads, s.downloads, \
         s.views, s.saves, s.allow_save, s.state, s.created_at, s.epoch, s.max_file_size, s.max_files, s.received"
    };
}

fn map(r: &Row<'_>) -> Result<Share, DbError> {
    Ok(Share {
        user: UserId(r.get(0)?),
        id: ShareId(r.get(1)?),
        code: r.get(2)?,
        shows: Shows::from_code(r.get(3)?),
        client_id: r.get(4)?,
        password_hash: r.get(5)?,
        expires_at: r.get(6)?,
        max_downloads: r.get(7)?,
        downloads: r.get(8)?,
        views: r.get(9)?,
        saves: r.get(10)?,
        allow_save: r.get::<i64>(11)? != 0,
        cancelled: r.get::<i64>(12)? != 0,
        created_at: r.get(13)?,
        epoch: r.get(14)?,
        max_file_size: r.get(15)?,
        max_files: r.get(16)?,
        received: r.get(17)?,
    })
}

/// Adds a share with what it shows; `false` if its code is taken.
pub async fn insert(tx: &mut Tx<'_>, s: &Share, nodes: &[NodeId]) -> Result<bool, DbError> {
    let done = tx
        .execute(
            "INSERT INTO shares (user_id, id, code, kind, client_id, password_hash, expires_at, max_downloads, \
             downloads, views, saves, allow_save, state, created_at, epoch, max_file_size, max_files, received) \
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18) ON CONFLICT DO NOTHING",
            &[
                &s.user.0,
                &s.id.0,
                &s.code,
                &s.shows.code(),
                &s.client_id,
                &s.password_hash,
                &s.expires_at,
                &s.max_downloads,
                &s.downloads,
                &s.views,
                &s.saves,
                &i64::from(s.allow_save),
                &i64::from(s.cancelled),
                &s.created_at,
                &s.epoch,
                &s.max_file_size,
                &s.max_files,
                &s.received,
            ],
        )
        .await?;
    if done == 0 {
        return Ok(false);
    }
    add_items(tx, s.user, s.id, nodes).await?;
    Ok(true)
}

async fn add_items(tx: &mut Tx<'_>, user: UserId, share: ShareId, nodes: &[NodeId]) -> Result<(), DbError> {
    for node in nodes {
        tx.execute(
            "INSERT INTO share_items (user_id, share_id, node_id) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING",
            &[&user.0, &share.0, &node.0],
        )
        .await?;
    }
    Ok(())
}

/// Writes what its owner may change of a share. Its counts stay.
pub async fn update(tx: &mut Tx<'_>, s: &Share) -> Result<(), DbError> {
    tx.execute(
        "UPDATE shares SET kind = $3, password_hash = $4, expires_at = $5, max_downloads = $6, allow_save = $7, \
         epoch = $8, max_file_size = $9, max_files = $10 WHERE user_id = $1 AND id = $2",
        &[
            &s.user.0,
            &s.id.0,
            &s.shows.code(),
            &s.password_hash,
            &s.expires_at,
            &s.max_downloads,
            &i64::from(s.allow_save),
            &s.epoch,
            &s.max_file_size,
            &s.max_files,
        ],
    )
    .await?;
    Ok(())
}

/// Lets a share show other nodes than before.
pub async fn set_items(tx: &mut Tx<'_>, user: UserId, share: ShareId, nodes: &[NodeId]) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM share_items WHERE user_id = $1 AND share_id = $2",
        &[&user.0, &share.0],
    )
    .await?;
    add_items(tx, user, share, nodes).await
}

/// The share of a code.
pub async fn by_code(tx: &mut Tx<'_>, code: &str) -> Result<Option<Share>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM shares s WHERE s.code = $1");
    tx.query_opt(sql, &[&code], map).await
}

/// A person's share.
pub async fn get(tx: &mut Tx<'_>, user: UserId, id: ShareId) -> Result<Option<Share>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM shares s WHERE s.user_id = $1 AND s.id = $2"
    );
    tx.query_opt(sql, &[&user.0, &id.0], map).await
}

/// A person's share, held until the transaction ends.
pub async fn lock(tx: &mut Tx<'_>, user: UserId, id: ShareId) -> Result<Option<Share>, DbError> {
    let sql = dialect::sql(
        tx.engine(),
        concat!(
            "SELECT ",
            columns!(),
            " FROM shares s WHERE s.user_id = $1 AND s.id = $2"
        ),
        concat!(
            "SELECT ",
            columns!(),
            " FROM shares s WHERE s.user_id = $1 AND s.id = $2 FOR UPDATE"
        ),
    );
    tx.query_opt(sql, &[&user.0, &id.0], map).await
}

/// A person's shares with an id below `before`, latest first.
pub async fn of_user(tx: &mut Tx<'_>, user: UserId, before: ShareId, limit: i64) -> Result<Vec<Share>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM shares s WHERE s.user_id = $1 AND s.id < $2 ORDER BY s.id DESC LIMIT $3"
    );
    tx.query(sql, &[&user.0, &before.0, &limit], map).await
}

/// Neither ended, nor over, nor used up. What lies in the bin is not looked at.
macro_rules! serving {
    ($now:literal) => {
        concat!(
            "s.state = 0 AND (s.expires_at = 0 OR s.expires_at > ",
            $now,
            ") AND (s.max_downloads = 0 OR s.downloads < s.max_downloads) \
             AND (s.max_files = 0 OR s.received < s.max_files)"
        )
    };
}

/// A person's shares that an app made and that serve, with an id below `before`, latest first.
pub async fn serving_of(
    tx: &mut Tx<'_>,
    user: UserId,
    client_id: &str,
    now: i64,
    before: ShareId,
    limit: i64,
) -> Result<Vec<Share>, DbError> {
    let sql = select_by!(
        tx.engine(),
        columns!(),
        "shares s",
        "shares_app",
        concat!(
            "WHERE s.user_id = $1 AND s.client_id = $2 AND s.id < $4 AND ",
            serving!("$3"),
            " ORDER BY s.id DESC LIMIT $5"
        )
    );
    tx.query(sql, &[&user.0, &client_id, &now, &before.0, &limit], map)
        .await
}

/// How many of a person's shares serve, by the app that made them.
pub async fn serving_by_app(tx: &mut Tx<'_>, user: UserId, now: i64) -> Result<Vec<(String, i64)>, DbError> {
    let sql = concat!(
        "SELECT s.client_id, COUNT(*) FROM shares s WHERE s.user_id = $1 AND ",
        serving!("$2"),
        " GROUP BY s.client_id"
    );
    tx.query(sql, &[&user.0, &now], |r| Ok((r.get(0)?, r.get(1)?))).await
}

/// How many shares a person has, those that ended too.
pub async fn count(tx: &mut Tx<'_>, user: UserId) -> Result<i64, DbError> {
    tx.query_one("SELECT COUNT(*) FROM shares WHERE user_id = $1", &[&user.0], |r| {
        r.get(0)
    })
    .await
}

/// What some shares show: share and node, in the order of their ids.
pub async fn items_of(tx: &mut Tx<'_>, user: UserId, shares: &[i64]) -> Result<Vec<(ShareId, NodeId)>, DbError> {
    let sql = dialect::sql(
        tx.engine(),
        "SELECT share_id, node_id FROM share_items WHERE user_id = $1 AND share_id IN (SELECT value FROM json_each($2)) \
         ORDER BY share_id, node_id",
        "SELECT share_id, node_id FROM share_items WHERE user_id = $1 AND share_id = ANY($2) ORDER BY share_id, node_id",
    );
    tx.query(sql, &[&user.0, &IdList(shares.to_vec())], |r| {
        Ok((ShareId(r.get(0)?), NodeId(r.get(1)?)))
    })
    .await
}

/// How much is shown by shares that are not there, for the check of the books.
pub async fn loose(tx: &mut Tx<'_>) -> Result<i64, DbError> {
    tx.query_one(
        "SELECT COUNT(*) FROM share_items i WHERE NOT EXISTS (SELECT 1 FROM shares s WHERE s.user_id = i.user_id AND s.id = i.share_id)",
        &[],
        |r| r.get(0),
    )
    .await
}

/// What a share shows, in the order of their ids.
pub async fn items(tx: &mut Tx<'_>, user: UserId, id: ShareId) -> Result<Vec<NodeId>, DbError> {
    tx.query(
        "SELECT node_id FROM share_items WHERE user_id = $1 AND share_id = $2 ORDER BY node_id",
        &[&user.0, &id.0],
        |r| Ok(NodeId(r.get(0)?)),
    )
    .await
}

/// Shares that show some nodes alone, to everybody, without an end. Found from the nodes: SQLite keeps to the order of a cross join,
/// and of another reads all shares of the person for the order of their ids.
macro_rules! open_shares {
    ($columns:literal, $nodes:literal, $end:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM share_items i CROSS JOIN shares s \
             WHERE s.user_id = i.user_id AND s.id = i.share_id AND i.user_id = $1 AND i.node_id ",
            $nodes,
            " AND s.state = 0 AND s.kind < 2 AND s.password_hash = '' AND s.expires_at = 0 AND s.max_downloads = 0 \
             ORDER BY s.id",
            $end
        )
    };
}

/// The shares that show each of some nodes alone, to everybody, without an end: the node and the code, oldest first.
pub async fn open_of(tx: &mut Tx<'_>, user: UserId, nodes: &[i64]) -> Result<Vec<(NodeId, ShareId, String)>, DbError> {
    let nodes = shared_of(tx, user, nodes).await?;
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let sql = dialect::sql(
        tx.engine(),
        open_shares!("i.node_id, s.id, s.code", "IN (SELECT value FROM json_each($2))", ""),
        open_shares!("i.node_id, s.id, s.code", "= ANY($2)", ""),
    );
    tx.query(sql, &[&user.0, &IdList(nodes)], |r| {
        Ok((NodeId(r.get(0)?), ShareId(r.get(1)?), r.get(2)?))
    })
    .await
}

/// The code of the oldest such share of one node.
pub async fn open_code(tx: &mut Tx<'_>, user: UserId, node: NodeId) -> Result<Option<String>, DbError> {
    let sql = open_shares!("s.code", "= $2", " LIMIT 1");
    tx.query_opt(sql, &[&user.0, &node.0], |r| r.get(0)).await
}

/// Shared nodes that are read to see which of a listing are among them.
const NEAR: i64 = 200;

/// Those of some nodes that may be shared. Few of a person's files are: one look at the span of a listing is cheaper than
/// one for each of its entries.
async fn shared_of(tx: &mut Tx<'_>, user: UserId, nodes: &[i64]) -> Result<Vec<i64>, DbError> {
    let (Some(first), Some(last)) = (nodes.iter().min(), nodes.iter().max()) else {
        return Ok(Vec::new());
    };
    let near: Vec<i64> = tx
        .query(
            "SELECT node_id FROM share_items WHERE user_id = $1 AND node_id >= $2 AND node_id <= $3 LIMIT $4",
            &[&user.0, first, last, &NEAR],
            |r| r.get(0),
        )
        .await?;
    if near.len() as i64 == NEAR {
        return Ok(nodes.to_vec());
    }
    let near: HashSet<i64> = near.into_iter().collect();
    Ok(nodes.iter().copied().filter(|id| near.contains(id)).collect())
}

/// Ends a share; `false` if it had ended.
pub async fn cancel(tx: &mut Tx<'_>, user: UserId, id: ShareId) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "UPDATE shares SET state = 1 WHERE user_id = $1 AND id = $2 AND state = 0",
            &[&user.0, &id.0],
        )
        .await?;
    Ok(n == 1)
}

/// Counts a look.
pub async fn viewed(tx: &mut Tx<'_>, user: UserId, id: ShareId) -> Result<(), DbError> {
    tx.execute(
        "UPDATE shares SET views = views + 1 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id.0],
    )
    .await?;
    Ok(())
}

/// Counts that it was saved to another drive.
pub async fn saved(tx: &mut Tx<'_>, user: UserId, id: ShareId) -> Result<(), DbError> {
    tx.execute(
        "UPDATE shares SET saves = saves + 1 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id.0],
    )
    .await?;
    Ok(())
}

/// Counts a file that came in; `false` if it takes no more, or the share has ended.
pub async fn received(tx: &mut Tx<'_>, user: UserId, id: ShareId) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "UPDATE shares SET received = received + 1 WHERE user_id = $1 AND id = $2 AND state = 0 \
             AND (max_files = 0 OR received < max_files)",
            &[&user.0, &id.0],
        )
        .await?;
    Ok(n == 1)
}

/// Counts a download; `false` if there is none left, or the share has ended.
pub async fn downloaded(tx: &mut Tx<'_>, user: UserId, id: ShareId) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "UPDATE shares SET downloads = downloads + 1 WHERE user_id = $1 AND id = $2 AND state = 0 \
             AND (max_downloads = 0 OR downloads < max_downloads)",
            &[&user.0, &id.0],
        )
        .await?;
    Ok(n == 1)
}

/// Takes a node that is no more out of every share.
pub async fn forget_node(tx: &mut Tx<'_>, user: UserId, node: NodeId) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM share_items WHERE user_id = $1 AND node_id = $2",
        &[&user.0, &node.0],
    )
    .await?;
    Ok(())
}

/// Takes several nodes that are no more out of every share.
pub async fn forget_nodes(tx: &mut Tx<'_>, user: UserId, nodes: &[NodeId]) -> Result<(), DbError> {
    let list: IdList = nodes.iter().map(|n| n.0).collect();
    let sql = dialect::sql(
        tx.engine(),
        "DELETE FROM share_items WHERE user_id = $1 AND node_id IN (SELECT value FROM json_each($2))",
        "DELETE FROM share_items WHERE user_id = $1 AND node_id = ANY($2)",
    );
    tx.execute(sql, &[&user.0, &list]).await?;
    Ok(())
}
