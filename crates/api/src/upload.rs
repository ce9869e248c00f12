//! Uploads: `POST /v1/files/upload/precreate`, the chunk addresses, and `PUT /v1/files/content`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `POST /v1/files/upload/precreate`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Precreated {
    /// The content is there already: the file is made.
    Instant(Instant),
    /// The parts are to be sent.
    Session(Session),
}

/// A file that needed no upload.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Instant {
    /// `true`.
    pub instant_upload: bool,
    /// The file.
    pub file_id: i64,
    /// Full path from the drive's root.
    pub path: String,
    /// Bytes.
    pub size: i64,
    /// MD5, 32 lower-case hex digits.
    pub md5: String,
}

/// An upload that waits for its parts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// `false`.
    pub instant_upload: bool,
    /// The upload; a secret, for it is all that the chunk addresses ask for.
    pub upload_id: String,
    /// Where the parts go: `{endpoint}/u`.
    pub endpoint: String,
    /// Bytes of each part but the last.
    pub chunk_size: i64,
    /// Parts to send.
    pub total_parts: i64,
    /// Seconds until the upload expires.
    pub expires_in: i64,
}

/// `POST {endpoint}/u`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartReceived {
    /// The part's number, from 1.
    pub part_seq: i64,
    /// Names the part's bytes.
    pub etag: String,
    /// Bytes of the part.
    pub size: i64,
    /// Parts received so far.
    pub received_parts: i64,
    /// Parts in all.
    pub total_parts: i64,
}

/// `GET {endpoint}/u/{upload_id}/parts`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Parts {
    /// The upload.
    pub upload_id: String,
    /// Parts in all.
    pub total_parts: i64,
    /// Numbers of the parts received, ascending.
    pub received_parts: Vec<i64>,
    /// Percent of parts received, two digits after the point.
    pub progress: f64,
    /// Part by number.
    pub parts: BTreeMap<i64, PartInfo>,
}

/// A part that was received.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartInfo {
    /// Its number, from 1.
    pub part_number: i64,
    /// Names its bytes.
    pub etag: String,
    /// Bytes.
    pub size: i64,
}

/// `POST {endpoint}/u/{upload_id}/complete`, and `PUT /v1/files/content`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Completed {
    /// The file.
    pub file_id: i64,
    /// Full path from the drive's root.
    pub path: String,
    /// Bytes.
    pub size: i64,
    /// MD5, 32 lower-case hex digits.
    pub md5: String,
}

/// `POST {endpoint}/u/{upload_id}/abort`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Aborted {
    /// `true`.
    pub ok: bool,
}
