//! Rows of grants: what one person allowed one app.
//! Must not know what a scope allows; tokens stand elsewhere.

use pantry_types::{GrantId, NodeId, Scopes, UserId};

use crate::{DbError, Row, Tx};

/// What one person allowed one app. One row a person and app.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Who allowed.
    pub user: UserId,
    /// Id.
    pub id: GrantId,
    /// The app.
    pub client_id: String,
    /// Everything consented to that was not taken back and has not ended.
    pub scopes: Scopes,
    /// What of it was consented to without an end.
    pub lasting: Scopes,
    /// The app's folder, 0 before the first write or after it was deleted.
    pub sandbox: NodeId,
    /// Tokens, uploads and links of an older epoch are dead.
    pub epoch: i64,
    /// Whether the share endpoints were switched on.
    pub share_enabled: bool,
    /// When it was first given.
    pub created_at: i64,
    /// Last use, within minutes.
    pub last_used_at: i64,
    /// Address of the last use, empty before the first.
    pub last_address: String,
    /// When it was taken back, 0 while it stands.
    pub revoked_at: i64,
    /// From when on it counts as taken back, 0 for never.
    pub expires_at: i64,
    /// When the person last signed in to the app by password, 0 for never: the app has the whole drive then.
    pub weipan_at: i64,
}

/// Whether a grant of these columns is neither taken back nor past its end.
pub(crate) fn stands(revoked_at: i64, expires_at: i64, now: i64) -> bool {
    revoked_at == 0 && (expires_at == 0 || now < expires_at)
}

impl Grant {
    /// Whether it is neither taken back nor past its end.
    pub fn is_live(&self, now: i64) -> bool {
        stands(self.revoked_at, self.expires_at, now)
    }

    /// Whether what was made under it in this epoch still holds.
    pub fn holds(&self, epoch: i64, now: i64) -> bool {
        self.epoch == epoch && self.is_live(now)
    }
}

/// A grant whose time is over, as the janitor finds it.
#[derive(Debug, Clone)]
pub struct Over {
    /// Who allowed.
    pub user: UserId,
    /// Id.
    pub id: GrantId,
    /// The app.
    pub client_id: String,
}

macro_rules! columns {
    () => {
        "user_id, id, client_id, scopes, sandbox_id, epoch, share_enabled, created_at, last_used_at, last_address, \
         revoked_at, expires_at, weipan_at, lasting_scopes"
    };
}

fn map(r: &Row<'_>) -> Result<Grant, DbError> {
    Ok(Grant {
        user: UserId(r.get(0)?),
        id: GrantId(r.get(1)?),
        client_id: r.get(2)?,
        scopes: Scopes::from_bits(r.get(3)?),
        sandbox: NodeId(r.get(4)?),
        epoch: r.get(5)?,
        share_enabled: r.get::<i64>(6)? != 0,
        created_at: r.get(7)?,
        last_used_at: r.get(8)?,
        last_address: r.get(9)?,
        revoked_at: r.get(10)?,
        expires_at: r.get(11)?,
        weipan_at: r.get(12)?,
        lasting: Scopes::from_bits(r.get(13)?),
    })
}

/// Reads one grant by id.
pub async fn get(tx: &mut Tx<'_>, user: UserId, id: GrantId) -> Result<Option<Grant>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM grants WHERE user_id = $1 AND id = $2");
    tx.query_opt(sql, &[&user.0, &id.0], map).await
}

/// Reads the grant that a person gave an app.
pub async fn of_client(tx: &mut Tx<'_>, user: UserId, client_id: &str) -> Result<Option<Grant>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM grants WHERE user_id = $1 AND client_id = $2"
    );
    tx.query_opt(sql, &[&user.0, &client_id], map).await
}

/// All grants of a person, oldest first.
pub async fn of_user(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<Grant>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM grants WHERE user_id = $1 ORDER BY id");
    tx.query(sql, &[&user.0], map).await
}

/// Adds a grant. The caller holds the person's row, so there is no race.
pub async fn insert(tx: &mut Tx<'_>, g: &Grant) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO grants (user_id, id, client_id, scopes, sandbox_id, epoch, share_enabled, created_at, last_used_at, \
         last_address, expires_at, weipan_at, lasting_scopes) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)",
        &[
            &g.user.0,
            &g.id.0,
            &g.client_id,
            &g.scopes.to_bits(),
            &g.sandbox.0,
            &g.epoch,
            &i64::from(g.share_enabled),
            &g.created_at,
            &g.last_used_at,
            &g.last_address,
            &g.expires_at,
            &g.weipan_at,
            &g.lasting.to_bits(),
        ],
    )
    .await?;
    Ok(())
}

/// Writes what a new consent changes: scopes, times and end, and that the grant stands (again).
pub async fn renew(tx: &mut Tx<'_>, g: &Grant) -> Result<(), DbError> {
    tx.execute(
        "UPDATE grants SET scopes = $3, created_at = $4, last_used_at = $5, expires_at = $6, weipan_at = $7, \
         lasting_scopes = $8, revoked_at = 0 WHERE user_id = $1 AND id = $2",
        &[
            &g.user.0,
            &g.id.0,
            &g.scopes.to_bits(),
            &g.created_at,
            &g.last_used_at,
            &g.expires_at,
            &g.weipan_at,
            &g.lasting.to_bits(),
        ],
    )
    .await?;
    Ok(())
}

/// Points the grant at its folder.
pub async fn set_sandbox(tx: &mut Tx<'_>, user: UserId, id: GrantId, sandbox: NodeId) -> Result<(), DbError> {
    tx.execute(
        "UPDATE grants SET sandbox_id = $3 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id.0, &sandbox.0],
    )
    .await?;
    Ok(())
}

/// Lets go of a folder that was deleted, whichever grant had it.
pub async fn forget_sandbox(tx: &mut Tx<'_>, user: UserId, sandbox: NodeId) -> Result<(), DbError> {
    tx.execute(
        "UPDATE grants SET sandbox_id = 0 WHERE user_id = $1 AND sandbox_id = $2",
        &[&user.0, &sandbox.0],
    )
    .await?;
    Ok(())
}

/// Takes the grant back: everything made under an older epoch dies, and the app is told nothing of the person any more.
pub async fn revoke(tx: &mut Tx<'_>, user: UserId, id: GrantId, now: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE grants SET epoch = epoch + 1, scopes = 0, lasting_scopes = 0, share_enabled = 0, revoked_at = $3, \
         expires_at = 0, weipan_at = 0 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id.0, &now],
    )
    .await?;
    let client_id = tx
        .query_opt(
            "SELECT client_id FROM grants WHERE user_id = $1 AND id = $2",
            &[&user.0, &id.0],
            |r| r.get::<String>(0),
        )
        .await?;
    match client_id {
        Some(client_id) => crate::hooks::forget_person(tx, &client_id, user).await,
        None => Ok(()),
    }
}

/// Switches the share endpoints on.
pub async fn enable_share(tx: &mut Tx<'_>, user: UserId, id: GrantId) -> Result<(), DbError> {
    tx.execute(
        "UPDATE grants SET share_enabled = 1 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id.0],
    )
    .await?;
    Ok(())
}

/// Notes a use; called now and then, never on the request's own way.
pub async fn touch(tx: &mut Tx<'_>, user: UserId, id: GrantId, at: i64, address: &str) -> Result<(), DbError> {
    tx.execute(
        "UPDATE grants SET last_used_at = $3, last_address = $4 \
         WHERE user_id = $1 AND id = $2 AND last_used_at <= $3",
        &[&user.0, &id.0, &at, &address],
    )
    .await?;
    Ok(())
}

fn map_over(r: &Row<'_>) -> Result<Over, DbError> {
    Ok(Over {
        user: UserId(r.get(0)?),
        id: GrantId(r.get(1)?),
        client_id: r.get(2)?,
    })
}

/// Up to `limit` grants that stand in their rows and whose end was at or before `now`.
pub async fn ended(tx: &mut Tx<'_>, now: i64, limit: i64) -> Result<Vec<Over>, DbError> {
    tx.query(
        "SELECT user_id, id, client_id FROM grants \
         WHERE expires_at > 0 AND revoked_at = 0 AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
        &[&now, &limit],
        map_over,
    )
    .await
}

/// Up to `limit` grants that stand and were last used before `before`.
pub async fn idle(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<Vec<Over>, DbError> {
    tx.query(
        "SELECT user_id, id, client_id FROM grants \
         WHERE revoked_at = 0 AND last_used_at < $1 ORDER BY last_used_at LIMIT $2",
        &[&before, &limit],
        map_over,
    )
    .await
}

/// A consent for a time.
#[derive(Debug, Clone)]
pub struct NewTerm {
    /// Names all tokens that it leads to.
    pub family: i64,
    /// Who allowed.
    pub user: UserId,
    /// The grant.
    pub grant: GrantId,
    /// What was consented to.
    pub scopes: Scopes,
    /// From when on it is over.
    pub ends_at: i64,
}

/// Notes a consent for a time: no token of its family outlives it.
pub async fn add_term(tx: &mut Tx<'_>, t: &NewTerm) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO grant_terms (family, user_id, grant_id, scopes, ends_at) VALUES ($1,$2,$3,$4,$5)",
        &[&t.family, &t.user.0, &t.grant.0, &t.scopes.to_bits(), &t.ends_at],
    )
    .await?;
    Ok(())
}

/// When a consent ends, `None` if it has no end.
pub async fn term(tx: &mut Tx<'_>, family: i64) -> Result<Option<i64>, DbError> {
    let sql = "SELECT ends_at FROM grant_terms WHERE family = $1";
    tx.query_opt(sql, &[&family], |r| r.get(0)).await
}

/// What a grant's consents for a time give that are not over at `now`.
pub async fn scopes_of_terms(tx: &mut Tx<'_>, user: UserId, id: GrantId, now: i64) -> Result<Scopes, DbError> {
    let each = tx
        .query(
            "SELECT scopes FROM grant_terms WHERE user_id = $1 AND grant_id = $2 AND ends_at > $3",
            &[&user.0, &id.0, &now],
            |r| Ok(Scopes::from_bits(r.get(0)?)),
        )
        .await?;
    Ok(each.into_iter().fold(Scopes::EMPTY, Scopes::union))
}

/// Forgets every consent for a time of a grant that was taken back.
pub async fn remove_terms(tx: &mut Tx<'_>, user: UserId, id: GrantId) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM grant_terms WHERE user_id = $1 AND grant_id = $2",
        &[&user.0, &id.0],
    )
    .await?;
    Ok(())
}

/// Up to `limit` grants with a consent that was over at `now`; one with several may come several times.
pub async fn with_ended_terms(tx: &mut Tx<'_>, now: i64, limit: i64) -> Result<Vec<(UserId, GrantId)>, DbError> {
    tx.query(
        "SELECT user_id, grant_id FROM grant_terms WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2",
        &[&now, &limit],
        |r| Ok((UserId(r.get(0)?), GrantId(r.get(1)?))),
    )
    .await
}

/// Forgets the consents of a grant that were over at `now`, and takes their scopes off it where nothing else gives them.
/// The caller holds the person's row.
pub async fn end_terms(tx: &mut Tx<'_>, user: UserId, id: GrantId, now: i64) -> Result<u64, DbError> {
    let gone = tx
        .execute(
            "DELETE FROM grant_terms WHERE user_id = $1 AND grant_id = $2 AND ends_at <= $3",
            &[&user.0, &id.0, &now],
        )
        .await?;
    let left = tx
        .query(
            "SELECT scopes FROM grant_terms WHERE user_id = $1 AND grant_id = $2",
            &[&user.0, &id.0],
            |r| Ok(Scopes::from_bits(r.get(0)?)),
        )
        .await?;
    if let Some(grant) = get(tx, user, id).await?.filter(|g| g.revoked_at == 0) {
        let scopes = left.into_iter().fold(grant.lasting, Scopes::union);
        tx.execute(
            "UPDATE grants SET scopes = $3 WHERE user_id = $1 AND id = $2",
            &[&user.0, &id.0, &scopes.to_bits()],
        )
        .await?;
    }
    Ok(gone)
}
