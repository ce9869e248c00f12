//! The wire types of v1, for the server that writes them and the clients that read them: fields, names and units.
//! Must hold no logic but their JSON form, and know neither HTTP nor the drive.

use serde::{Deserialize, Serialize};

mod bin;
mod changes;
mod files;
mod jobs;
mod shares;
mod upload;
mod user;
mod versions;
pub mod web;

pub use bin::{BinEntry, BinListing};
pub use changes::{Change, ChangeEvent, ChangeListing, ChangedNode, Reset};
pub use files::{
    Affected, ArchiveLink, CreatedFolder, DownloadLink, FileEntry, FileInfo, FolderEntry, FolderInfo, Kind, Listing,
    NodeInfo, SearchHits,
};
pub use jobs::{Job, JobState};
pub use shares::{
    ShareDetails, ShareEntry, ShareInfo, ShareKind, ShareListing, ShareMade, ShareState, ShareTicket, Transferred,
};
pub use upload::{Aborted, Completed, Instant, PartInfo, PartReceived, Parts, Precreated, Session};
pub use user::{OAuthInfo, Quota, ShareEnabled, UserInfo};
pub use versions::{VersionEntry, Versions};

/// A success: `{"errno":0,"errmsg":"ok","data":…}`, with HTTP 200.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// 0.
    pub errno: i64,
    /// `ok`.
    #[serde(default)]
    pub errmsg: String,
    /// The answer itself.
    pub data: T,
}

impl<T> Envelope<T> {
    /// Wraps an answer.
    pub fn ok(data: T) -> Self {
        Self {
            errno: 0,
            errmsg: "ok".to_owned(),
            data,
        }
    }
}

/// A failure, with the HTTP status that `errno` repeats.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The HTTP status.
    pub errno: i64,
    /// A sentence for people: what was wrong, which value, what to do.
    pub errmsg: String,
    /// A code for programs, in snake case.
    pub error: String,
    /// Names the request in the server's log: 16 hex digits.
    pub request_id: String,
}
