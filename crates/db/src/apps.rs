//! Rows of apps: the OAuth clients, and how they present themselves.
//! Must not know what a scope allows, nor how a secret is sealed.

use pantry_types::{Scopes, UserId};

use crate::{DbError, Row, Tx};

/// An app. Times in Unix seconds.
#[derive(Debug, Clone)]
pub struct App {
    /// Ten digits.
    pub client_id: String,
    /// Who registered it.
    pub owner: UserId,
    /// Name, a legal name of a folder.
    pub name: String,
    /// The client secret, sealed; empty for a public client.
    pub secret: Vec<u8>,
    /// Addresses that an answer may go to.
    pub redirect_uris: Vec<String>,
    /// What it may ask for.
    pub scopes: Scopes,
    /// Cannot keep a secret.
    pub public: bool,
    /// May use the weipan API.
    pub weipan: bool,
    /// When it was registered.
    pub created_at: i64,
}

/// An app as its developer and an administrator see it. Times in Unix seconds.
#[derive(Debug, Clone)]
pub struct Record {
    /// The app.
    pub app: App,
    /// Login name of its owner, empty if there is no such account.
    pub owner_name: String,
    /// What it is for.
    pub description: String,
    /// Address of its home page, empty without one.
    pub home_page: String,
    /// Names its picture's content, empty without one.
    pub icon: String,
    /// When the secret was made, 0 for a public app.
    pub secret_at: i64,
    /// When the secret before it was made.
    pub old_secret_at: i64,
    /// Until when that one is right too.
    pub old_secret_until: i64,
    /// When it was suspended, 0 while it may act.
    pub suspended_at: i64,
    /// What the administrator noted then.
    pub suspended_why: String,
}

macro_rules! columns {
    () => {
        "a.client_id, a.owner_id, a.name, a.secret, a.redirect_uris, a.scopes, a.public, a.weipan, a.created_at"
    };
}

macro_rules! record {
    ($after:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", u.name, a.description, a.home_page, a.icon, a.secret_at, a.old_secret_at, a.old_secret_until, \
             a.suspended_at, a.suspended_why FROM apps a LEFT JOIN users u ON u.id = a.owner_id ",
            $after
        )
    };
}

fn map(r: &Row<'_>) -> Result<App, DbError> {
    let uris: String = r.get(4)?;
    Ok(App {
        client_id: r.get(0)?,
        owner: UserId(r.get(1)?),
        name: r.get(2)?,
        secret: r.get(3)?,
        redirect_uris: uris.lines().map(str::to_owned).collect(),
        scopes: Scopes::from_bits(r.get(5)?),
        public: r.get::<i64>(6)? != 0,
        weipan: r.get::<i64>(7)? != 0,
        created_at: r.get(8)?,
    })
}

fn map_record(r: &Row<'_>) -> Result<Record, DbError> {
    Ok(Record {
        app: map(r)?,
        owner_name: r.get::<Option<String>>(9)?.unwrap_or_default(),
        description: r.get(10)?,
        home_page: r.get(11)?,
        icon: r.get(12)?,
        secret_at: r.get(13)?,
        old_secret_at: r.get(14)?,
        old_secret_until: r.get(15)?,
        suspended_at: r.get(16)?,
        suspended_why: r.get(17)?,
    })
}

/// The name of an app.
pub async fn name(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<String>, DbError> {
    tx.query_opt("SELECT name FROM apps WHERE client_id = $1", &[&client_id], |r| {
        r.get(0)
    })
    .await
}

/// Reads one app that may act: one that is suspended is as if it were not there.
pub async fn get(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<App>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM apps a WHERE a.client_id = $1 AND a.suspended_at = 0"
    );
    tx.query_opt(sql, &[&client_id], map).await
}

/// Reads one app that may act and its owner's login name.
pub async fn with_owner(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<(App, String)>, DbError> {
    let sql = record!("WHERE a.client_id = $1 AND a.suspended_at = 0");
    let found = tx.query_opt(sql, &[&client_id], map_record).await?;
    Ok(found.map(|r| (r.app, r.owner_name)))
}

/// Reads one app, suspended or not.
pub async fn record(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<Record>, DbError> {
    tx.query_opt(record!("WHERE a.client_id = $1"), &[&client_id], map_record)
        .await
}

/// Holds the row of an app until the transaction ends; `false` if there is none.
pub async fn lock(tx: &mut Tx<'_>, client_id: &str) -> Result<bool, DbError> {
    let sql = crate::dialect::sql(
        tx.engine(),
        "SELECT 1 FROM apps WHERE client_id = $1",
        "SELECT CAST(1 AS BIGINT) FROM apps WHERE client_id = $1 FOR UPDATE",
    );
    Ok(tx.query_opt(sql, &[&client_id], |r| r.get::<i64>(0)).await?.is_some())
}

/// The secret before the present one, sealed, while it is right: the app's, at `now`.
pub async fn old_secret(tx: &mut Tx<'_>, client_id: &str, now: i64) -> Result<Option<Vec<u8>>, DbError> {
    tx.query_opt(
        "SELECT old_secret FROM apps WHERE client_id = $1 AND old_secret_until > $2",
        &[&client_id, &now],
        |r| r.get(0),
    )
    .await
}

/// Adds an app; `false` if the id is taken.
pub async fn insert(tx: &mut Tx<'_>, a: &App) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "INSERT INTO apps (client_id, owner_id, name, secret, redirect_uris, scopes, public, weipan, created_at, \
             secret_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10) ON CONFLICT DO NOTHING",
            &[
                &a.client_id,
                &a.owner.0,
                &a.name,
                &a.secret,
                &a.redirect_uris.join("\n"),
                &a.scopes.to_bits(),
                &i64::from(a.public),
                &i64::from(a.weipan),
                &a.created_at,
                &(if a.public { 0 } else { a.created_at }),
            ],
        )
        .await?;
    Ok(n == 1)
}

/// How an app presents itself, and where its answers go.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Name, a legal name of a folder.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Address of its home page, empty without one.
    pub home_page: String,
    /// Addresses that an answer may go to.
    pub redirect_uris: Vec<String>,
}

/// Replaces what an app shows.
pub async fn set_shown(tx: &mut Tx<'_>, client_id: &str, s: &Shown) -> Result<(), DbError> {
    tx.execute(
        "UPDATE apps SET name = $2, description = $3, home_page = $4, redirect_uris = $5 WHERE client_id = $1",
        &[
            &client_id,
            &s.name,
            &s.description,
            &s.home_page,
            &s.redirect_uris.join("\n"),
        ],
    )
    .await?;
    Ok(())
}

/// Replaces the secret; the one before is right until `old_until`. An empty secret makes the app a public one.
pub async fn set_secret(
    tx: &mut Tx<'_>,
    client_id: &str,
    sealed: &[u8],
    now: i64,
    old_until: i64,
) -> Result<(), DbError> {
    tx.execute(
        "UPDATE apps SET old_secret = secret, old_secret_at = secret_at, old_secret_until = $4, secret = $2, \
         secret_at = $3 WHERE client_id = $1",
        &[&client_id, &sealed, &now, &old_until],
    )
    .await?;
    tx.execute(
        "UPDATE apps SET public = $2 WHERE client_id = $1",
        &[&client_id, &i64::from(sealed.is_empty())],
    )
    .await?;
    Ok(())
}

/// Forgets the secret before the present one; `false` if none was right at `now`.
pub async fn end_old_secret(tx: &mut Tx<'_>, client_id: &str, now: i64) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "UPDATE apps SET old_secret_until = $2 WHERE client_id = $1 AND old_secret_until > $2",
            &[&client_id, &now],
        )
        .await?;
    Ok(n == 1)
}

/// Replaces what an app may ask for.
pub async fn set_scopes(tx: &mut Tx<'_>, client_id: &str, scopes: Scopes) -> Result<(), DbError> {
    tx.execute(
        "UPDATE apps SET scopes = $2 WHERE client_id = $1",
        &[&client_id, &scopes.to_bits()],
    )
    .await?;
    Ok(())
}

/// Suspends an app (`at` above 0) or lets it act again.
pub async fn set_suspended(tx: &mut Tx<'_>, client_id: &str, at: i64, why: &str) -> Result<(), DbError> {
    tx.execute(
        "UPDATE apps SET suspended_at = $2, suspended_why = $3 WHERE client_id = $1",
        &[&client_id, &at, &why],
    )
    .await?;
    Ok(())
}

/// Removes an app with all that is its own; grants follow by [`crate::app_states`].
pub async fn remove(tx: &mut Tx<'_>, client_id: &str) -> Result<(), DbError> {
    for sql in [
        "DELETE FROM apps WHERE client_id = $1",
        "DELETE FROM app_icons WHERE client_id = $1",
        "DELETE FROM scope_requests WHERE client_id = $1",
        "DELETE FROM codes WHERE client_id = $1",
        "DELETE FROM devices WHERE client_id = $1",
        "DELETE FROM weipan_tokens WHERE client_id = $1",
    ] {
        tx.execute(sql, &[&client_id]).await?;
    }
    crate::hooks::remove(tx, client_id).await
}

/// A page of apps, by id, from after `after`: those of one owner, or all. `suspended` leaves out those that may act.
pub async fn page(
    tx: &mut Tx<'_>,
    owner: Option<UserId>,
    suspended: bool,
    after: &str,
    limit: i64,
) -> Result<Vec<Record>, DbError> {
    let least = i64::from(suspended);
    match owner {
        Some(owner) => {
            let sql = record!(
                "WHERE a.owner_id = $1 AND a.client_id > $2 AND a.suspended_at >= $3 ORDER BY a.client_id LIMIT $4"
            );
            tx.query(sql, &[&owner.0, &after, &least, &limit], map_record).await
        }
        None => {
            let sql = record!("WHERE a.client_id > $1 AND a.suspended_at >= $2 ORDER BY a.client_id LIMIT $3");
            tx.query(sql, &[&after, &least, &limit], map_record).await
        }
    }
}

/// How many apps a person has.
pub async fn count_of(tx: &mut Tx<'_>, owner: UserId) -> Result<i64, DbError> {
    tx.query_one("SELECT COUNT(*) FROM apps WHERE owner_id = $1", &[&owner.0], |r| {
        r.get(0)
    })
    .await
}

/// How many people use an app, counted to `most` at the furthest.
pub async fn users(tx: &mut Tx<'_>, client_id: &str, most: i64) -> Result<i64, DbError> {
    tx.query_one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM grants WHERE client_id = $1 AND revoked_at = 0 LIMIT $2) AS g",
        &[&client_id, &most],
        |r| r.get(0),
    )
    .await
}

/// Sets the picture of an app, or takes it away. `tag` names the content.
pub async fn set_icon(tx: &mut Tx<'_>, client_id: &str, tag: &str, icon: Option<(&str, &[u8])>) -> Result<(), DbError> {
    tx.execute("DELETE FROM app_icons WHERE client_id = $1", &[&client_id])
        .await?;
    if let Some((mime, content)) = icon {
        tx.execute(
            "INSERT INTO app_icons (client_id, mime, content) VALUES ($1,$2,$3)",
            &[&client_id, &mime, &content],
        )
        .await?;
    }
    tx.execute("UPDATE apps SET icon = $2 WHERE client_id = $1", &[&client_id, &tag])
        .await?;
    Ok(())
}

/// The picture of an app, if it is still the one of this tag: its media type and content.
pub async fn icon(tx: &mut Tx<'_>, client_id: &str, tag: &str) -> Result<Option<(String, Vec<u8>)>, DbError> {
    tx.query_opt(
        "SELECT i.mime, i.content FROM app_icons i JOIN apps a ON a.client_id = i.client_id \
         WHERE i.client_id = $1 AND a.icon = $2 AND a.icon <> ''",
        &[&client_id, &tag],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )
    .await
}
