//! `/v1/files*` but for uploads: listings, single files and folders, links, and what a change did.

use serde::{Deserialize, Serialize};

/// Folder or file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// A folder in a listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FolderEntry {
    /// Id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Files directly inside.
    pub file_count: i64,
    /// Folders directly inside.
    pub folder_count: i64,
    /// When it was made.
    pub create_time: i64,
    /// When it was last changed itself.
    pub modify_time: i64,
}

/// A file in a listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileEntry {
    /// Id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// MD5, 32 lower-case hex digits.
    pub md5: String,
    /// Media type.
    pub mime: String,
    /// When it was made.
    pub create_time: i64,
    /// When its content or name was last changed.
    pub modify_time: i64,
}

/// `GET /v1/files`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Listing {
    /// The path that was asked for.
    pub path: String,
    /// Folders of this page, in natural order.
    pub folders: Vec<FolderEntry>,
    /// Files of this page, in natural order; they come after all folders.
    pub files: Vec<FileEntry>,
    /// Folders and files in all.
    pub total: i64,
    /// What to send as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// `GET /v1/files/search`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SearchHits {
    /// Files, newest first.
    pub files: Vec<FileInfo>,
    /// Hits in all, counted up to 1,000.
    pub total: i64,
}

/// A file: `GET /v1/files/{id}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileInfo {
    /// Always `file`.
    pub kind: Kind,
    /// Id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// MD5, 32 lower-case hex digits.
    pub md5: String,
    /// SHA-1, 40 lower-case hex digits.
    pub sha1: String,
    /// Extension, lower case, without the dot.
    pub ext: String,
    /// Media type.
    pub mime: String,
    /// Full path from the drive's root.
    pub path: String,
    /// The folder it lies in, 0 for the drive's root.
    pub parent_folder: i64,
    /// The current version.
    pub version: i64,
    /// When it was made.
    pub create_time: i64,
    /// When its content or name was last changed.
    pub modify_time: i64,
}

/// A folder: `GET /v1/files/{id}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FolderInfo {
    /// Always `folder`.
    pub kind: Kind,
    /// Id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Full path from the drive's root.
    pub path: String,
    /// The folder it lies in, 0 for the drive's root.
    pub parent_folder: i64,
    /// Files directly inside.
    pub file_count: i64,
    /// Folders directly inside.
    pub folder_count: i64,
    /// When it was made.
    pub create_time: i64,
    /// When it was last changed itself.
    pub modify_time: i64,
}

/// A file or a folder; the field `kind` tells which.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NodeInfo {
    /// A file. It has fields that a folder lacks, so it is tried first.
    File(FileInfo),
    /// A folder.
    Folder(FolderInfo),
}

/// `POST /v1/files/archive`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ArchiveLink {
    /// Where the archive is, for whoever has this address: no token is sent with it.
    pub url: String,
    /// Seconds that a download may begin in.
    pub expires_in: i64,
}

/// `GET /v1/files/{id}/download`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DownloadLink {
    /// The signed address; it needs no header.
    pub url: String,
    /// Seconds until it no longer works.
    pub expires_in: i64,
    /// The file's name.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// MD5, 32 lower-case hex digits.
    pub md5: String,
}

/// `POST /v1/files/folder`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CreatedFolder {
    /// Id.
    pub folder_id: i64,
    /// Name as stored.
    pub name: String,
    /// Full path from the drive's root.
    pub path: String,
}

/// `POST /v1/files/manage` and other operations on many.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Affected {
    /// How many of the given ids it concerned.
    pub affected: i64,
    /// The job that does it, where it is long: ask `GET /v1/jobs/{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<i64>,
}
