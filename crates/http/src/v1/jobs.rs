//! `GET /v1/jobs/{id}`.

use axum::extract::State;
use pantry_api::{Job, JobState};

use super::bearer::Bearer;
use crate::{
    envelope::{Answer, Reply},
    params::{self, Segment},
    state::AppState,
};

/// `GET /v1/jobs/{id}`
pub async fn job(State(state): State<AppState>, caller: Bearer, Segment(id): Segment) -> Reply<Job> {
    let job = state.drive().job(&caller.actor(), params::id("id", &id)?).await?;
    Ok(Answer(Job {
        job_id: job.id,
        state: match job.state {
            pantry_core::JobState::Running => JobState::Running,
            pantry_core::JobState::Done => JobState::Done,
            pantry_core::JobState::Failed => JobState::Failed,
        },
        done: job.done,
        total: job.total,
        error: job.error,
    }))
}
