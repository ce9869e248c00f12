//! Rows of requests for more scopes, and of what an administrator decided.
//! Must not know which scopes need one.

use pantry_types::{Scopes, UserId};

use crate::{DbError, Row, Tx, dialect};

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// Nobody has decided yet.
    Open,
    /// Granted, in whole or in part.
    Granted,
    /// Refused.
    Refused,
    /// Taken back by the developer.
    Withdrawn,
}

impl RequestState {
    fn code(self) -> i64 {
        match self {
            RequestState::Open => 0,
            RequestState::Granted => 1,
            RequestState::Refused => 2,
            RequestState::Withdrawn => 3,
        }
    }

    fn from_code(n: i64) -> Self {
        match n {
            0 => RequestState::Open,
            1 => RequestState::Granted,
            2 => RequestState::Refused,
            _ => RequestState::Withdrawn,
        }
    }
}

/// A request. Times in Unix seconds.
#[derive(Debug, Clone)]
pub struct ScopeRequest {
    /// Id.
    pub id: i64,
    /// The app.
    pub client_id: String,
    /// Its name.
    pub app_name: String,
    /// Whose app it is.
    pub owner: UserId,
    /// Login name of the owner.
    pub owner_name: String,
    /// What was asked for.
    pub scopes: Scopes,
    /// Why, in the developer's words.
    pub reason: String,
    /// Where it stands.
    pub state: RequestState,
    /// What was granted.
    pub granted: Scopes,
    /// What the administrator noted, for the developer.
    pub note: String,
    /// When it was decided, 0 before.
    pub decided_at: i64,
    /// When it was made.
    pub created_at: i64,
}

fn map(r: &Row<'_>) -> Result<ScopeRequest, DbError> {
    Ok(ScopeRequest {
        id: r.get(0)?,
        client_id: r.get(1)?,
        app_name: r.get(2)?,
        owner: UserId(r.get(3)?),
        owner_name: r.get::<Option<String>>(4)?.unwrap_or_default(),
        scopes: Scopes::from_bits(r.get(5)?),
        reason: r.get(6)?,
        state: RequestState::from_code(r.get(7)?),
        granted: Scopes::from_bits(r.get(8)?),
        note: r.get(9)?,
        decided_at: r.get(10)?,
        created_at: r.get(11)?,
    })
}

macro_rules! select {
    ($after:literal) => {
        concat!(
            "SELECT q.id, q.client_id, a.name, a.owner_id, u.name, q.scopes, q.reason, q.state, q.granted, q.note, \
             q.decided_at, q.created_at FROM scope_requests q JOIN apps a ON a.client_id = q.client_id \
             LEFT JOIN users u ON u.id = a.owner_id ",
            $after
        )
    };
}

/// Adds a request; `None` if one of the app's is open.
pub async fn insert(
    tx: &mut Tx<'_>,
    client_id: &str,
    scopes: Scopes,
    reason: &str,
    now: i64,
) -> Result<Option<i64>, DbError> {
    let id = dialect::next_id(tx).await?;
    let n = tx
        .execute(
            "INSERT INTO scope_requests (id, client_id, scopes, reason, created_at) VALUES ($1,$2,$3,$4,$5) \
             ON CONFLICT DO NOTHING",
            &[&id, &client_id, &scopes.to_bits(), &reason, &now],
        )
        .await?;
    Ok((n == 1).then_some(id))
}

/// One request.
pub async fn get(tx: &mut Tx<'_>, id: i64) -> Result<Option<ScopeRequest>, DbError> {
    tx.query_opt(select!("WHERE q.id = $1"), &[&id], map).await
}

/// What was decided.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Where the request stands now.
    pub state: RequestState,
    /// What was granted.
    pub granted: Scopes,
    /// A note for the developer.
    pub note: String,
    /// Who decided, 0 for the operator.
    pub by: UserId,
}

/// Closes a request; `false` if it was not open any more.
pub async fn close(tx: &mut Tx<'_>, id: i64, d: &Decision, now: i64) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "UPDATE scope_requests SET state = $2, granted = $3, note = $4, decided_by = $5, decided_at = $6 \
             WHERE id = $1 AND state = 0",
            &[&id, &d.state.code(), &d.granted.to_bits(), &d.note, &d.by.0, &now],
        )
        .await?;
    Ok(n == 1)
}

/// A page of an app's requests, newest first, from before `before`.
pub async fn of_app(tx: &mut Tx<'_>, client_id: &str, before: i64, limit: i64) -> Result<Vec<ScopeRequest>, DbError> {
    let sql = select!("WHERE q.client_id = $1 AND q.id < $2 ORDER BY q.id DESC LIMIT $3");
    tx.query(sql, &[&client_id, &before, &limit], map).await
}

/// A page of open requests, oldest first, from after `after`.
pub async fn open(tx: &mut Tx<'_>, after: i64, limit: i64) -> Result<Vec<ScopeRequest>, DbError> {
    let sql = select!("WHERE q.state = 0 AND q.id > $1 ORDER BY q.id LIMIT $2");
    tx.query(sql, &[&after, &limit], map).await
}

/// A page of closed requests, newest first, from before `before`.
pub async fn closed(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<Vec<ScopeRequest>, DbError> {
    let sql = select!("WHERE q.state > 0 AND q.id < $1 ORDER BY q.id DESC LIMIT $2");
    tx.query(sql, &[&before, &limit], map).await
}
