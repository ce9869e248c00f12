//! `/v1/bin`: what was deleted and can be had back.

use serde::{Deserialize, Serialize};

use crate::Kind;

/// `GET /v1/bin`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BinListing {
    /// What was deleted, latest first. What lay in a deleted folder is in it and not listed.
    pub items: Vec<BinEntry>,
    /// Items in all.
    pub total: i64,
    /// What to send as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// One deleted file or folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BinEntry {
    /// Folder or file.
    pub kind: Kind,
    /// Id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Full path where it was.
    pub path: String,
    /// Bytes; 0 for a folder.
    pub size: i64,
    /// When it was deleted.
    pub deleted_at: i64,
    /// When it will be purged.
    pub purge_at: i64,
}
