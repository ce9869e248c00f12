//! `GET /v1/jobs/{id}`: long work that goes on after its request was answered.

use serde::{Deserialize, Serialize};

/// How far a job is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Id.
    pub job_id: i64,
    /// Where it stands.
    pub state: JobState,
    /// Nodes done.
    pub done: i64,
    /// Nodes in all.
    pub total: i64,
    /// Why it failed; empty otherwise.
    pub error: String,
}

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It is being done, or waits its turn.
    Running,
    /// All is done.
    Done,
    /// It was given up, and what it had begun was undone.
    Failed,
}
