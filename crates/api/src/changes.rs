//! `/v1/changes` and what `/v1/changes/stream` sends. Must not know how a client applies them.

use serde::{Deserialize, Serialize};

use crate::Kind;

/// `GET /v1/changes`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChangeListing {
    /// In the order in which they happened. There may be none although `has_more` is true.
    pub changes: Vec<Change>,
    /// Where to go on, also when there were none.
    pub next_cursor: String,
    /// Whether there is more to read at once.
    pub has_more: bool,
    /// The cursor leads nowhere any more: list everything anew, and go on from `next_cursor`.
    pub reset: bool,
}

/// The data of a stream's event `reset`; its id is the same cursor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reset {
    /// True.
    pub reset: bool,
    /// Where the stream goes on.
    pub next_cursor: String,
}

/// What happened to a node, seen from the token's root.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeEvent {
    /// It came to be there.
    Created,
    /// It got another content, name or place there.
    Updated,
    /// It left, with all that it held.
    Removed,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Rises from change to change; numbers of what lies outside of the root are left out.
    pub seq: i64,
    /// What happened.
    pub event: ChangeEvent,
    /// To a file or a folder.
    pub kind: Kind,
    /// Its id.
    pub id: i64,
    /// The node as it is now, not as it was then; `null` where it was removed. What has left since is told as removed already.
    pub node: Option<ChangedNode>,
    /// A folder came with what it holds, of which nothing else is told, or was moved from where it may have been told as
    /// removed: list it.
    pub subtree: bool,
}

/// A node that changed, as it is now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChangedNode {
    /// Its id.
    pub id: i64,
    /// File or folder.
    pub kind: Kind,
    /// Name.
    pub name: String,
    /// The folder it lies in, 0 for the token's root.
    pub parent_id: i64,
    /// Full path from the drive's root.
    pub path: String,
    /// Bytes; 0 for a folder.
    pub size: i64,
    /// MD5, 32 lower-case hex digits; empty for a folder.
    pub md5: String,
    /// The current version; 0 for a folder.
    pub version: i64,
    /// When its content (of a folder: what lies in it) last changed.
    pub mtime: i64,
}
