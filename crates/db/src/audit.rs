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

/// Appends an entry.
pub async fn append(tx: &mut Tx<'_>, e: &Entry) -> Result<(), DbError> {
    let id = dialect::next_id(tx).await?;
    tx.execute(
        "INSERT INTO audit (id, at, user_id, client_id, event, address, detail) VALUES ($1,$2,$3,$4,$5,$6,$7)",
        &[&id, &e.at, &e.user.0, &e.client_id, &e.event, &e.address, &e.detail],
    )
    .await?;
    Ok(())
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
