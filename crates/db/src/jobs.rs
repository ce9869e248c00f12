//! Rows of long work that a caller follows.
//! Must not do the work.

use pantry_types::UserId;

use crate::{DbError, Row, Tx};

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Waiting or running; goes on after a restart.
    Running,
    /// Done.
    Done,
    /// Given up; nothing of it remains.
    Failed,
}

impl JobState {
    fn code(self) -> i64 {
        match self {
            JobState::Running => 0,
            JobState::Done => 1,
            JobState::Failed => 2,
        }
    }
}

/// One job.
#[derive(Debug, Clone)]
pub struct Job {
    /// For whom.
    pub user: UserId,
    /// Id.
    pub id: i64,
    /// The app that asked, empty for the person.
    pub client_id: String,
    /// What it is, e.g. `copy`.
    pub kind: String,
    /// How far it has come.
    pub state: JobState,
    /// Nodes done.
    pub done: i64,
    /// Nodes in all.
    pub total: i64,
    /// Bytes reserved against the quota until it ends.
    pub reserved: i64,
    /// What the work needs to know, as JSON.
    pub payload: String,
    /// Why it was given up.
    pub error: String,
    /// When it was asked for.
    pub created_at: i64,
}

fn map(r: &Row<'_>) -> Result<Job, DbError> {
    Ok(Job {
        user: UserId(r.get(0)?),
        id: r.get(1)?,
        client_id: r.get(2)?,
        kind: r.get(3)?,
        state: match r.get::<i64>(4)? {
            0 => JobState::Running,
            1 => JobState::Done,
            _ => JobState::Failed,
        },
        done: r.get(5)?,
        total: r.get(6)?,
        reserved: r.get(7)?,
        payload: r.get(8)?,
        error: r.get(9)?,
        created_at: r.get(10)?,
    })
}

macro_rules! columns {
    () => {
        "user_id, id, client_id, kind, state, done, total, reserved, payload, error, created_at"
    };
}

/// Adds a job.
pub async fn insert(tx: &mut Tx<'_>, j: &Job) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO jobs (user_id, id, client_id, kind, state, done, total, reserved, payload, error, created_at, updated_at) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$11)",
        &[
            &j.user.0,
            &j.id,
            &j.client_id,
            &j.kind,
            &j.state.code(),
            &j.done,
            &j.total,
            &j.reserved,
            &j.payload,
            &j.error,
            &j.created_at,
        ],
    )
    .await?;
    Ok(())
}

/// Reads a job.
pub async fn get(tx: &mut Tx<'_>, user: UserId, id: i64) -> Result<Option<Job>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM jobs WHERE user_id = $1 AND id = $2");
    tx.query_opt(sql, &[&user.0, &id], map).await
}

/// What a job is that only tells how far the freeing of nodes is: it has no work of its own.
pub const PURGE: &str = "purge";

/// Jobs with work of their own, of anybody, that are to go on, oldest first.
pub async fn running(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Job>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM jobs WHERE state = 0 AND kind <> 'purge' ORDER BY created_at, id LIMIT $1"
    );
    tx.query(sql, &[&limit], map).await
}

/// Writes how far a job has come.
pub async fn update(tx: &mut Tx<'_>, j: &Job, now: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE jobs SET state = $3, done = $4, reserved = $5, payload = $6, error = $7, updated_at = $8 \
         WHERE user_id = $1 AND id = $2",
        &[
            &j.user.0,
            &j.id,
            &j.state.code(),
            &j.done,
            &j.reserved,
            &j.payload,
            &j.error,
            &now,
        ],
    )
    .await?;
    Ok(())
}

/// Removes jobs that ended before `before`.
pub async fn forget(tx: &mut Tx<'_>, before: i64) -> Result<u64, DbError> {
    tx.execute("DELETE FROM jobs WHERE state <> 0 AND updated_at < $1", &[&before])
        .await
}

/// Bytes that running jobs of a person hold reserved.
pub async fn reserved(tx: &mut Tx<'_>, user: UserId) -> Result<i64, DbError> {
    tx.query_one(
        "SELECT CAST(COALESCE(SUM(reserved), 0) AS BIGINT) FROM jobs WHERE user_id = $1 AND state = 0",
        &[&user.0],
        |r| r.get(0),
    )
    .await
}

/// Running jobs of a person that have work of their own.
pub async fn running_of(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<Job>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM jobs WHERE user_id = $1 AND state = 0 AND kind <> 'purge'"
    );
    tx.query(sql, &[&user.0], map).await
}

/// Running jobs of a person that follow the freeing of nodes.
pub async fn following(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<i64>, DbError> {
    tx.query(
        "SELECT id FROM jobs WHERE user_id = $1 AND state = 0 AND kind = 'purge'",
        &[&user.0],
        |r| r.get(0),
    )
    .await
}

/// A job, of anybody, that follows the freeing of nodes which nobody has counted yet.
pub async fn uncounted(tx: &mut Tx<'_>) -> Result<Option<Job>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM jobs WHERE state = 0 AND kind = 'purge' AND total = 0 LIMIT 1"
    );
    tx.query_opt(sql, &[], map).await
}

/// Notes how many nodes a running job has in all: those that are done, and `left`.
pub async fn counted(tx: &mut Tx<'_>, user: UserId, id: i64, left: i64, now: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE jobs SET total = done + $3, updated_at = $4 WHERE user_id = $1 AND id = $2 AND state = 0",
        &[&user.0, &id, &left, &now],
    )
    .await?;
    Ok(())
}

/// Notes that a job has come on by so many nodes. What is done is never more than all, once that is known.
pub async fn advance(tx: &mut Tx<'_>, user: UserId, id: i64, by: i64, now: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE jobs SET done = done + $3, updated_at = $4, \
         total = CASE WHEN total > 0 AND total < done + $3 THEN done + $3 ELSE total END \
         WHERE user_id = $1 AND id = $2",
        &[&user.0, &id, &by, &now],
    )
    .await?;
    Ok(())
}

/// A job is done: what it has done is all there was.
pub async fn finish(tx: &mut Tx<'_>, user: UserId, id: i64, now: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE jobs SET state = 1, total = done, updated_at = $3 WHERE user_id = $1 AND id = $2 AND state = 0",
        &[&user.0, &id, &now],
    )
    .await?;
    Ok(())
}

/// A job gets more to follow: it goes on, should it have been done already, and is counted anew.
pub async fn reopen(tx: &mut Tx<'_>, user: UserId, id: i64, now: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE jobs SET state = 0, total = 0, updated_at = $3 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id, &now],
    )
    .await?;
    Ok(())
}
