//! `/v1/bin*` and `/v1/jobs/{id}`. Must not decide what is worth restoring.

use std::time::Duration;

use pantry_api::{Affected, BinListing, Job, JobState};
use serde::Serialize;

use crate::{BinItems, Client, Error, OnConflict, Selection, retry::Repeat};

/// The longest pause between two questions about a job.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Serialize)]
struct BinQuery<'a> {
    limit: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

#[derive(Serialize)]
struct Restore<'a> {
    #[serde(flatten)]
    what: &'a Selection,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_path: Option<&'a str>,
    on_conflict: OnConflict,
}

impl Client {
    /// One page of the bin (`GET /v1/bin`), `limit` up to 200 items, latest first.
    ///
    /// # Errors
    /// [`Error::Api`] 400: a malformed cursor.
    pub async fn bin_page(&self, cursor: Option<&str>, limit: i64) -> Result<BinListing, Error> {
        self.get("/v1/bin", &BinQuery { limit, cursor }).await
    }

    /// The whole bin, page by page.
    pub fn bin(&self) -> BinItems {
        BinItems::new(self.clone())
    }

    /// Takes `what` out of the bin, to where it was or into the folder at `dest_path` (`POST /v1/bin/restore`).
    ///
    /// # Errors
    /// [`Error::Api`] 409 `parent_missing`: its folder is gone, name another; 409 `name_taken`; 404: not in the bin.
    pub async fn restore(
        &self,
        what: &Selection,
        dest_path: Option<&str>,
        on_conflict: OnConflict,
    ) -> Result<Affected, Error> {
        let body = Restore {
            what,
            dest_path,
            on_conflict,
        };
        self.post("/v1/bin/restore", &body, Repeat::IfRefused).await
    }

    /// Deletes `what`, which is in the bin, for good (`POST /v1/bin/purge`).
    ///
    /// # Errors
    /// [`Error::Api`] 404: not in the bin.
    pub async fn purge(&self, what: &Selection) -> Result<Affected, Error> {
        self.post("/v1/bin/purge", what, Repeat::IfRefused).await
    }

    /// Deletes all that is in the bin for good (`POST /v1/bin/empty`).
    ///
    /// # Errors
    /// [`Error::Api`] 403: the token may not write.
    pub async fn empty_bin(&self) -> Result<Affected, Error> {
        self.post("/v1/bin/empty", &serde_json::json!({}), Repeat::IfRefused)
            .await
    }

    /// How far a job is (`GET /v1/jobs/{id}`).
    ///
    /// # Errors
    /// [`Error::Api`] 404: no such job.
    pub async fn job(&self, id: i64) -> Result<Job, Error> {
        self.get(&format!("/v1/jobs/{id}"), &()).await
    }

    /// Waits until the work that an answer began is done; an answer without a job is done already.
    ///
    /// # Errors
    /// [`Error::Job`]: the server gave it up, and undid what it had begun.
    pub async fn wait_for_job(&self, begun: &Affected) -> Result<(), Error> {
        let Some(id) = begun.job_id else { return Ok(()) };
        let mut pause = Duration::from_millis(100);
        loop {
            let job = self.job(id).await?;
            match job.state {
                JobState::Done => return Ok(()),
                JobState::Failed => return Err(Error::Job(job.error)),
                JobState::Running => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
