//! A person's books: the columns of their row that an operation on the drive needs, read together with the grant it is done
//! under. Every request reads them, so nothing else is read here. Must not know rules.

use pantry_types::{GrantId, NodeId, UserId};

use crate::{DbError, Engine, Row, Tx, grants};

/// A person as an operation sees them. Sizes in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Books {
    /// Id.
    pub id: UserId,
    /// May not sign in, nor may any app in their name.
    pub is_disabled: bool,
    /// Bytes allowed.
    pub quota: i64,
    /// Bytes used by contents, old versions and the bin included.
    pub used: i64,
    /// Bytes promised to running uploads and jobs.
    pub reserved: i64,
    /// Number of the latest change.
    pub head: i64,
    /// Changes up to this number are no longer listed.
    pub floor: i64,
    /// The folder `/`.
    pub root_id: NodeId,
    /// The parent of what lies in the bin; no row of its own.
    pub bin_id: NodeId,
    /// The folder that holds the sandboxes, 0 before the first.
    pub apps_id: NodeId,
}

/// As much of a grant as tells whether it holds, and where its sandbox is. Times in Unix seconds.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// The app's folder, 0 before the first write or after it was deleted.
    pub sandbox: NodeId,
    /// What was made in an older epoch is dead.
    pub epoch: i64,
    /// When it was taken back, 0 while it stands.
    pub revoked_at: i64,
    /// From when on it counts as taken back, 0 for never.
    pub expires_at: i64,
}

impl Standing {
    /// Whether what was made under it in this epoch still holds.
    pub fn holds(&self, epoch: i64, now: i64) -> bool {
        self.epoch == epoch && grants::stands(self.revoked_at, self.expires_at, now)
    }
}

macro_rules! columns {
    () => {
        "u.id, u.is_disabled, u.quota, u.used, u.reserved, u.head, u.floor, u.root_id, u.bin_id, u.apps_id"
    };
}

fn map(r: &Row<'_>) -> Result<Books, DbError> {
    Ok(Books {
        id: UserId(r.get(0)?),
        is_disabled: r.get::<i64>(1)? != 0,
        quota: r.get(2)?,
        used: r.get(3)?,
        reserved: r.get(4)?,
        head: r.get(5)?,
        floor: r.get(6)?,
        root_id: NodeId(r.get(7)?),
        bin_id: NodeId(r.get(8)?),
        apps_id: NodeId(r.get(9)?),
    })
}

fn map_both(r: &Row<'_>) -> Result<(Books, Option<Standing>), DbError> {
    let standing = match r.get::<Option<i64>>(10)? {
        None => None,
        Some(sandbox) => Some(Standing {
            sandbox: NodeId(sandbox),
            epoch: r.get(11)?,
            revoked_at: r.get(12)?,
            expires_at: r.get(13)?,
        }),
    };
    Ok((map(r)?, standing))
}

/// A person's books and one of their grants; no grant where there is none of this id.
pub async fn read(tx: &mut Tx<'_>, user: UserId, grant: GrantId) -> Result<Option<(Books, Option<Standing>)>, DbError> {
    if grant.0 == 0 {
        let sql = concat!("SELECT ", columns!(), " FROM users u WHERE u.id = $1");
        let books = tx.query_opt(sql, &[&user.0], map).await?;
        return Ok(books.map(|b| (b, None)));
    }
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", g.sandbox_id, g.epoch, g.revoked_at, g.expires_at FROM users u \
         LEFT JOIN grants g ON g.user_id = u.id AND g.id = $2 WHERE u.id = $1"
    );
    tx.query_opt(sql, &[&user.0, &grant.0], map_both).await
}

/// The same, and holds the person's row until the transaction ends: the first statement of every write, which serialises the
/// writes of one person.
pub async fn lock(tx: &mut Tx<'_>, user: UserId, grant: GrantId) -> Result<Option<(Books, Option<Standing>)>, DbError> {
    // SQLite has one writer. On PostgreSQL the lock is a statement of its own: one that locks and reads sees a snapshot from
    // before it waited.
    if tx.engine() == Engine::Postgres {
        let held = tx
            .query_opt("SELECT id FROM users WHERE id = $1 FOR UPDATE", &[&user.0], |r| {
                r.get::<i64>(0)
            })
            .await?;
        if held.is_none() {
            return Ok(None);
        }
    }
    read(tx, user, grant).await
}

/// A person's books, their row held until the transaction ends.
pub async fn of(tx: &mut Tx<'_>, user: UserId) -> Result<Option<Books>, DbError> {
    Ok(lock(tx, user, GrantId(0)).await?.map(|(books, _)| books))
}
