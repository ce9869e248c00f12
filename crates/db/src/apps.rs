//! Rows of apps: the OAuth clients.
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

macro_rules! columns {
    () => {
        "client_id, owner_id, name, secret, redirect_uris, scopes, public, weipan, created_at"
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

/// The name of an app.
pub async fn name(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<String>, DbError> {
    tx.query_opt("SELECT name FROM apps WHERE client_id = $1", &[&client_id], |r| {
        r.get(0)
    })
    .await
}

/// Reads one app.
pub async fn get(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<App>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM apps WHERE client_id = $1");
    tx.query_opt(sql, &[&client_id], map).await
}

/// Reads one app and its owner's login name.
pub async fn with_owner(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<(App, String)>, DbError> {
    tx.query_opt(
        "SELECT a.client_id, a.owner_id, a.name, a.secret, a.redirect_uris, a.scopes, a.public, a.weipan, \
         a.created_at, u.name FROM apps a LEFT JOIN users u ON u.id = a.owner_id WHERE a.client_id = $1",
        &[&client_id],
        |r| Ok((map(r)?, r.get::<Option<String>>(9)?.unwrap_or_default())),
    )
    .await
}

/// Adds an app; `false` if the id is taken.
pub async fn insert(tx: &mut Tx<'_>, a: &App) -> Result<bool, DbError> {
    let n = tx
        .execute(
            concat!(
                "INSERT INTO apps (",
                columns!(),
                ") VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) ON CONFLICT DO NOTHING"
            ),
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
            ],
        )
        .await?;
    Ok(n == 1)
}

/// All apps, or those of one owner, by id.
pub async fn list(tx: &mut Tx<'_>, owner: Option<UserId>) -> Result<Vec<App>, DbError> {
    match owner {
        Some(owner) => {
            let sql = concat!(
                "SELECT ",
                columns!(),
                " FROM apps WHERE owner_id = $1 ORDER BY client_id"
            );
            tx.query(sql, &[&owner.0], map).await
        }
        None => {
            tx.query(
                concat!("SELECT ", columns!(), " FROM apps ORDER BY client_id"),
                &[],
                map,
            )
            .await
        }
    }
}
