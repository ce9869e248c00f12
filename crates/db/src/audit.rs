//! Rows of the audit log: what happened to accounts, apps and grants.
//! Must not hold a secret.

use pantry_types::UserId;

use crate::{DbError, Tx, dialect};

/// One entry. Texts are short and never secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, Unix seconds.
    pub at: i64,
    /// Whose account, 0 for nobody's.
    pub user: UserId,
    /// Which app, empty for none.
    pub client_id: String,
    /// What happened, `snake_case`.
    pub event: String,
    /// From which address, empty for the operator's own commands.
    pub address: String,
    /// More, for people.
    pub detail: String,
}

/// Appends an entry: what the person did, or what befell the account.
pub async fn append(tx: &mut Tx<'_>, e: &Entry) -> Result<(), DbError> {
    append_by(tx, e, UserId(0)).await
}

/// Appends an entry about what somebody else did: `actor`, 0 for the person or the operator.
pub async fn append_by(tx: &mut Tx<'_>, e: &Entry, actor: UserId) -> Result<(), DbError> {
    let id = dialect::next_id(tx).await?;
    tx.execute(
        "INSERT INTO audit (id, at, user_id, client_id, event, address, detail, actor_id) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8)",
        &[
            &id,
            &e.at,
            &e.user.0,
            &e.client_id,
            &e.event,
            &e.address,
            &e.detail,
            &actor.0,
        ],
    )
    .await?;
    Ok(())
}

/// An entry as it is read, with the names of whom it names.
#[derive(Debug, Clone)]
pub struct Line {
    /// Id; later ones are greater.
    pub id: i64,
    /// The entry.
    pub entry: Entry,
    /// Login name of the account's person, empty for nobody.
    pub user_name: String,
    /// Who did it, where that is somebody else.
    pub actor: UserId,
    /// Login name of that person.
    pub actor_name: String,
    /// Name of the app, empty without one and for one that is gone.
    pub app_name: String,
}

/// Which entries are wanted; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this account.
    pub user: Option<UserId>,
    /// About this app.
    pub client_id: Option<String>,
    /// Of this kind.
    pub event: Option<String>,
    /// Not before this time.
    pub since: Option<i64>,
    /// Before this time.
    pub until: Option<i64>,
}

/// A page of entries, newest first, from before `before`.
pub async fn page(tx: &mut Tx<'_>, f: &Filter, before: i64, limit: i64) -> Result<Vec<Line>, DbError> {
    let mut params: Vec<&dyn crate::Param> = vec![&before, &limit];
    let mut sql = String::from(
        "SELECT l.id, l.at, l.user_id, l.client_id, l.event, l.address, l.detail, l.actor_id, u.name, b.name, a.name \
         FROM audit l LEFT JOIN users u ON u.id = l.user_id LEFT JOIN users b ON b.id = l.actor_id \
         LEFT JOIN apps a ON a.client_id = l.client_id WHERE l.id < $1",
    );
    let wanted: [(&str, Option<&dyn crate::Param>); 5] = [
        ("l.user_id =", f.user.as_ref().map(|u| &u.0 as &dyn crate::Param)),
        ("l.client_id =", f.client_id.as_ref().map(|c| c as &dyn crate::Param)),
        ("l.event =", f.event.as_ref().map(|e| e as &dyn crate::Param)),
        ("l.at >=", f.since.as_ref().map(|s| s as &dyn crate::Param)),
        ("l.at <", f.until.as_ref().map(|s| s as &dyn crate::Param)),
    ];
    for (column, value) in wanted {
        if let Some(value) = value {
            params.push(value);
            sql.push_str(&format!(" AND {column} ${}", params.len()));
        }
    }
    sql.push_str(" ORDER BY l.id DESC LIMIT $2");
    tx.query(&sql, &params, |r| {
        Ok(Line {
            id: r.get(0)?,
            entry: Entry {
                at: r.get(1)?,
                user: UserId(r.get(2)?),
                client_id: r.get(3)?,
                event: r.get(4)?,
                address: r.get(5)?,
                detail: r.get(6)?,
            },
            actor: UserId(r.get(7)?),
            user_name: r.get::<Option<String>>(8)?.unwrap_or_default(),
            actor_name: r.get::<Option<String>>(9)?.unwrap_or_default(),
            app_name: r.get::<Option<String>>(10)?.unwrap_or_default(),
        })
    })
    .await
}

/// Removes up to `limit` entries from before `before`, and says how many.
pub async fn sweep(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at, id LIMIT $2)",
        &[&before, &limit],
    )
    .await
}

/// The latest entries of a person, newest first.
pub async fn of_user(tx: &mut Tx<'_>, user: UserId, limit: i64) -> Result<Vec<Entry>, DbError> {
    tx.query(
        "SELECT at, user_id, client_id, event, address, detail FROM audit WHERE user_id = $1 \
         ORDER BY id DESC LIMIT $2",
        &[&user.0, &limit],
        |r| {
            Ok(Entry {
                at: r.get(0)?,
                user: UserId(r.get(1)?),
                client_id: r.get(2)?,
                event: r.get(3)?,
                address: r.get(4)?,
                detail: r.get(5)?,
            })
        },
    )
    .await
}
