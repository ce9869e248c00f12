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
    /// Everything ever consented to and not taken back.
    pub scopes: Scopes,
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
    /// When it was taken back, 0 while it stands.
    pub revoked_at: i64,
}

macro_rules! columns {
    () => {
        "user_id, id, client_id, scopes, sandbox_id, epoch, share_enabled, created_at, last_used_at, revoked_at"
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
        revoked_at: r.get(9)?,
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
        "INSERT INTO grants (user_id, id, client_id, scopes, sandbox_id, epoch, share_enabled, created_at, last_used_at) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
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
        ],
    )
    .await?;
    Ok(())
}

/// Writes scopes, and that the grant stands (again).
pub async fn set_scopes(tx: &mut Tx<'_>, user: UserId, id: GrantId, scopes: Scopes) -> Result<(), DbError> {
    tx.execute(
        "UPDATE grants SET scopes = $3, revoked_at = 0 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id.0, &scopes.to_bits()],
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

/// Takes the grant back: everything made under an older epoch dies.
pub async fn revoke(tx: &mut Tx<'_>, user: UserId, id: GrantId, now: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE grants SET epoch = epoch + 1, scopes = 0, share_enabled = 0, revoked_at = $3 \
         WHERE user_id = $1 AND id = $2",
        &[&user.0, &id.0, &now],
    )
    .await?;
    Ok(())
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
pub async fn touch(tx: &mut Tx<'_>, user: UserId, id: GrantId, at: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE grants SET last_used_at = $3 WHERE user_id = $1 AND id = $2 AND last_used_at < $3",
        &[&user.0, &id.0, &at],
    )
    .await?;
    Ok(())
}
