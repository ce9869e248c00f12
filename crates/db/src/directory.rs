//! Rows that tie entries of the external directory to accounts.
//! Must not know what an entry is.

use pantry_types::UserId;

use crate::{DbError, Tx};

/// The account of an entry.
pub async fn account(tx: &mut Tx<'_>, entry: &str) -> Result<Option<UserId>, DbError> {
    tx.query_opt(
        "SELECT user_id FROM directory_people WHERE entry = $1",
        &[&entry],
        |r| Ok(UserId(r.get(0)?)),
    )
    .await
}

/// Ties an entry to an account; `false` if it is tied already.
pub async fn tie(tx: &mut Tx<'_>, entry: &str, user: UserId) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "INSERT INTO directory_people (entry, user_id) VALUES ($1,$2) ON CONFLICT DO NOTHING",
            &[&entry, &user.0],
        )
        .await?;
    Ok(n == 1)
}
