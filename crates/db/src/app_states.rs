//! Rows of apps whose grants have yet to follow a suspension, its end, or a deletion, and how they follow.
//! Must not know why.
//!
//! While its app is suspended a grant stands in an epoch far above any that was ever given out, so that whatever compares
//! epochs (tokens, uploads, links) finds it dead; afterwards it stands where it stood. What ends or renews a grant
//! meanwhile counts on from there.

use pantry_types::{GrantId, UserId};

use crate::{DbError, Tx, tokens};

/// What an epoch is raised by while the app is suspended: above every real one, and below 2^53.
const SUSPENDED: i64 = 1 << 40;

/// Whether a grant stands in the epoch of an app that is suspended.
pub fn is_suspended(epoch: i64) -> bool {
    epoch >= SUSPENDED
}

/// What became of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppState {
    /// It may act again.
    Resumed,
    /// It may not act.
    Suspended,
    /// It is gone.
    Deleted,
}

impl AppState {
    fn code(self) -> i64 {
        match self {
            AppState::Resumed => 0,
            AppState::Suspended => 1,
            AppState::Deleted => 2,
        }
    }

    fn from_code(n: i64) -> Self {
        match n {
            0 => AppState::Resumed,
            1 => AppState::Suspended,
            _ => AppState::Deleted,
        }
    }
}

/// Writes down that the grants of an app must follow.
pub async fn set(tx: &mut Tx<'_>, client_id: &str, state: AppState, now: i64) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO app_states (client_id, state, at) VALUES ($1,$2,$3) \
         ON CONFLICT (client_id) DO UPDATE SET state = excluded.state, at = excluded.at",
        &[&client_id, &state.code(), &now],
    )
    .await?;
    Ok(())
}

/// Apps whose grants may have to follow, by id, from after `after`.
pub async fn page(tx: &mut Tx<'_>, after: &str, limit: i64) -> Result<Vec<(String, AppState)>, DbError> {
    tx.query(
        "SELECT client_id, state FROM app_states WHERE client_id > $1 ORDER BY client_id LIMIT $2",
        &[&after, &limit],
        |r| Ok((r.get(0)?, AppState::from_code(r.get(1)?))),
    )
    .await
}

/// What became of an app, if its grants may have to follow.
pub async fn get(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<AppState>, DbError> {
    tx.query_opt(
        "SELECT state FROM app_states WHERE client_id = $1",
        &[&client_id],
        |r| Ok(AppState::from_code(r.get(0)?)),
    )
    .await
}

/// Forgets those that were written down before `before`.
pub async fn forget(tx: &mut Tx<'_>, before: i64) -> Result<u64, DbError> {
    tx.execute("DELETE FROM app_states WHERE at < $1", &[&before]).await
}

/// Lets up to `limit` grants follow, and says how many did.
pub async fn follow(tx: &mut Tx<'_>, client_id: &str, state: AppState, now: i64, limit: i64) -> Result<usize, DbError> {
    let (below, from) = match state {
        AppState::Suspended => (SUSPENDED, 0),
        AppState::Resumed => (i64::MAX, SUSPENDED),
        AppState::Deleted => (i64::MAX, 0),
    };
    // In the order in which rows of several people are always taken.
    let grants = tx
        .query(
            "SELECT user_id, id FROM grants WHERE client_id = $1 AND epoch >= $2 AND epoch < $3 \
             AND (CAST($4 AS BIGINT) = 0 OR revoked_at = 0) ORDER BY user_id, id LIMIT $5",
            &[
                &client_id,
                &from,
                &below,
                &i64::from(state == AppState::Deleted),
                &limit,
            ],
            |r| Ok((UserId(r.get(0)?), GrantId(r.get(1)?))),
        )
        .await?;
    for (user, grant) in &grants {
        match state {
            AppState::Suspended | AppState::Resumed => {
                let by = if state == AppState::Suspended {
                    SUSPENDED
                } else {
                    -SUSPENDED
                };
                // Asked again: another process may let them follow too.
                tx.execute(
                    "UPDATE grants SET epoch = epoch + $3 WHERE user_id = $1 AND id = $2 AND epoch >= $4 AND epoch < $5",
                    &[&user.0, &grant.0, &by, &from, &below],
                )
                .await?;
            }
            AppState::Deleted => {
                crate::grants::revoke(tx, *user, *grant, now).await?;
                tokens::remove_of_grant(tx, *user, *grant).await?;
            }
        }
    }
    Ok(grants.len())
}
