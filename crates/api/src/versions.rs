//! The versions of a file, as `GET /v1/files/{id}/versions` lists them. Must not know contents.

use serde::{Deserialize, Serialize};

/// `GET /v1/files/{id}/versions`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Versions {
    /// Newest first.
    pub versions: Vec<VersionEntry>,
}

/// One content that a file has or had.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VersionEntry {
    /// Its id, for `?version=` of a download and for `restore`.
    pub version: i64,
    /// Bytes.
    pub size: i64,
    /// MD5, 32 hex digits.
    pub md5: String,
    /// When it came, Unix seconds.
    pub created_at: i64,
    /// Whether it is the file's content now.
    pub current: bool,
    /// Whether it is kept whatever its age.
    #[serde(default)]
    pub kept: bool,
}
