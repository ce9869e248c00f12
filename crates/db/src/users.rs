//! Rows of people: who they are, their quota, and the head of their change log.
//! Must not know rules: it reads, locks and writes single rows.

use pantry_types::{NodeId, UserId};

use crate::{DbError, Tx, dialect};

/// One person. Sizes in bytes, times in Unix seconds.
#[derive(Debug, Clone)]
pub struct User {
    /// Id.
    pub id: UserId,
    /// Login name as given.
    pub name: String,
    /// Mail address as given.
    pub email: String,
    /// Name shown to others.
    pub nickname: String,
    /// Address of the picture, empty without one.
    pub avatar_url: String,
    /// Argon2id in PHC form; empty means no password signs in.
    pub password_hash: String,
    /// May administer this installation.
    pub is_admin: bool,
    /// May not sign in, nor may any app in their name.
    pub is_disabled: bool,
    /// Plan, 0 without one.
    pub vip_group: i64,
    /// End of the plan, 0 for none.
    pub vip_expire: i64,
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
    /// When the account was made.
    pub created_at: i64,
}

macro_rules! columns {
    () => {
        "id, name, email, nickname, avatar_url, password_hash, is_admin, is_disabled, \
     vip_group, vip_expire, quota, used, reserved, head, floor, root_id, bin_id, apps_id, created_at"
    };
}

fn map(r: &crate::Row<'_>) -> Result<User, DbError> {
    Ok(User {
        id: UserId(r.get(0)?),
        name: r.get(1)?,
        email: r.get(2)?,
        nickname: r.get(3)?,
        avatar_url: r.get(4)?,
        password_hash: r.get(5)?,
        is_admin: r.get::<i64>(6)? != 0,
        is_disabled: r.get::<i64>(7)? != 0,
        vip_group: r.get(8)?,
        vip_expire: r.get(9)?,
        quota: r.get(10)?,
        used: r.get(11)?,
        reserved: r.get(12)?,
        head: r.get(13)?,
        floor: r.get(14)?,
        root_id: NodeId(r.get(15)?),
        bin_id: NodeId(r.get(16)?),
        apps_id: NodeId(r.get(17)?),
        created_at: r.get(18)?,
    })
}

/// Reads one person.
pub async fn get(tx: &mut Tx<'_>, id: UserId) -> Result<Option<User>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");
    tx.query_opt(sql, &[&id.0], map).await
}

/// Reads one person and holds the row until the transaction ends: the first
/// statement of every write, which serialises the writes of one person.
pub async fn lock(tx: &mut Tx<'_>, id: UserId) -> Result<Option<User>, DbError> {
    let sql = dialect::sql(
        tx.engine(),
        concat!("SELECT ", columns!(), " FROM users WHERE id = $1"),
        concat!("SELECT ", columns!(), " FROM users WHERE id = $1 FOR UPDATE"),
    );
    tx.query_opt(sql, &[&id.0], map).await
}

/// Finds a person by folded login name or mail address.
pub async fn find(tx: &mut Tx<'_>, folded: &str) -> Result<Option<User>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE name_fold = $1 OR email_fold = $1 ORDER BY id LIMIT 1"
    );
    tx.query_opt(sql, &[&folded], map).await
}

/// Adds a person; `false` if the folded name or mail address is taken.
pub async fn insert(tx: &mut Tx<'_>, u: &User, name_fold: &str, email_fold: &str) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "INSERT INTO users (id, name, name_fold, email, email_fold, nickname, avatar_url, \
             password_hash, is_admin, is_disabled, vip_group, vip_expire, quota, root_id, bin_id, created_at) \
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16) ON CONFLICT DO NOTHING",
            &[
                &u.id.0,
                &u.name,
                &name_fold,
                &u.email,
                &email_fold,
                &u.nickname,
                &u.avatar_url,
                &u.password_hash,
                &i64::from(u.is_admin),
                &i64::from(u.is_disabled),
                &u.vip_group,
                &u.vip_expire,
                &u.quota,
                &u.root_id.0,
                &u.bin_id.0,
                &u.created_at,
            ],
        )
        .await?;
    Ok(n == 1)
}

/// Writes the sums that every change to the tree moves.
pub async fn set_books(tx: &mut Tx<'_>, id: UserId, used: i64, reserved: i64, head: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE users SET used = $2, reserved = $3, head = $4 WHERE id = $1",
        &[&id.0, &used, &reserved, &head],
    )
    .await?;
    Ok(())
}

/// Names the folder that holds the sandboxes.
pub async fn set_apps_folder(tx: &mut Tx<'_>, id: UserId, folder: NodeId) -> Result<(), DbError> {
    tx.execute("UPDATE users SET apps_id = $2 WHERE id = $1", &[&id.0, &folder.0])
        .await?;
    Ok(())
}

/// Replaces the password.
pub async fn set_password(tx: &mut Tx<'_>, id: UserId, hash: &str) -> Result<(), DbError> {
    tx.execute("UPDATE users SET password_hash = $2 WHERE id = $1", &[&id.0, &hash])
        .await?;
    Ok(())
}

/// A page of people, by id, from after `after`; with `part`, those in whose folded name or mail address it stands.
pub async fn search(tx: &mut Tx<'_>, part: &str, after: UserId, limit: i64) -> Result<Vec<User>, DbError> {
    if part.is_empty() {
        let sql = concat!("SELECT ", columns!(), " FROM users WHERE id > $1 ORDER BY id LIMIT $2");
        return tx.query(sql, &[&after.0, &limit], map).await;
    }
    let sql = dialect::sql(
        tx.engine(),
        concat!(
            "SELECT ",
            columns!(),
            " FROM users WHERE id > $1 AND (instr(name_fold, $3) > 0 OR instr(email_fold, $3) > 0) ORDER BY id LIMIT $2"
        ),
        concat!(
            "SELECT ",
            columns!(),
            " FROM users WHERE id > $1 AND (strpos(name_fold, $3) > 0 OR strpos(email_fold, $3) > 0) ORDER BY id LIMIT $2"
        ),
    );
    tx.query(sql, &[&after.0, &limit, &part], map).await
}

/// Says whether a person may sign in.
pub async fn set_disabled(tx: &mut Tx<'_>, id: UserId, disabled: bool) -> Result<(), DbError> {
    tx.execute(
        "UPDATE users SET is_disabled = $2 WHERE id = $1",
        &[&id.0, &i64::from(disabled)],
    )
    .await?;
    Ok(())
}

/// Replaces the bytes allowed.
pub async fn set_quota(tx: &mut Tx<'_>, id: UserId, quota: i64) -> Result<(), DbError> {
    tx.execute("UPDATE users SET quota = $2 WHERE id = $1", &[&id.0, &quota])
        .await?;
    Ok(())
}

/// Raises the number below which changes are no longer listed.
pub async fn set_floor(tx: &mut Tx<'_>, id: UserId, floor: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE users SET floor = $2 WHERE id = $1 AND floor < $2",
        &[&id.0, &floor],
    )
    .await?;
    Ok(())
}

/// The number of the latest change of each of these people.
pub async fn heads(tx: &mut Tx<'_>, people: &[i64]) -> Result<Vec<(UserId, i64)>, DbError> {
    let sql = dialect::sql(
        tx.engine(),
        "SELECT id, head FROM users WHERE id IN (SELECT value FROM json_each($1))",
        "SELECT id, head FROM users WHERE id = ANY($1)",
    );
    let people = crate::IdList(people.to_vec());
    tx.query(sql, &[&people], |r| Ok((UserId(r.get(0)?), r.get(1)?))).await
}

/// Whether anybody has an account yet.
pub async fn any(tx: &mut Tx<'_>) -> Result<bool, DbError> {
    Ok(tx
        .query_opt("SELECT id FROM users LIMIT 1", &[], |r| r.get::<i64>(0))
        .await?
        .is_some())
}

/// Ids in order, from after `after`, for work that walks everybody.
pub async fn page(tx: &mut Tx<'_>, after: UserId, limit: i64) -> Result<Vec<UserId>, DbError> {
    tx.query(
        "SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT $2",
        &[&after.0, &limit],
        |r| Ok(UserId(r.get(0)?)),
    )
    .await
}

/// Corrects the sums: only `check --repair` may.
pub async fn repair_used(tx: &mut Tx<'_>, id: UserId, used: i64) -> Result<(), DbError> {
    tx.execute("UPDATE users SET used = $2 WHERE id = $1", &[&id.0, &used])
        .await?;
    Ok(())
}

/// Corrects the promised bytes: only `check --repair` may.
pub async fn repair_reserved(tx: &mut Tx<'_>, id: UserId, reserved: i64) -> Result<(), DbError> {
    tx.execute("UPDATE users SET reserved = $2 WHERE id = $1", &[&id.0, &reserved])
        .await?;
    Ok(())
}
