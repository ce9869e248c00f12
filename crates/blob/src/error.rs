//! What can go wrong in object storage. Owns the error type and how an I/O error maps to it.
//! Must not carry a path: where the operator keeps the bytes is nobody else's business.

use std::io;

use thiserror::Error;

/// Why the store could not do what it was asked.
///
/// No text contains a path, a key or a name.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BlobError {
    /// No blob, upload or part has this key.
    #[error("storage has nothing under this key")]
    NotFound,
    /// The disk (or the bucket's allowance) is full.
    #[error("storage is full: free some space, or give the store more")]
    NoSpace,
    /// A key that is not what this program makes: hex digits of the right length, a generation not below 0.
    #[error("not a storage key: {0}")]
    BadKey(&'static str),
    /// A part or a content has another length than was announced.
    #[error("expected {expected} bytes, got {got}")]
    WrongLength {
        /// Bytes announced.
        expected: u64,
        /// Bytes seen (for a part that is too long: at least this many).
        got: u64,
    },
    /// A range that does not lie inside the content.
    #[error("bytes {start} to {end} lie outside the {len} bytes that are stored")]
    BadRange {
        /// First byte asked for.
        start: u64,
        /// One past the last byte asked for.
        end: u64,
        /// Length of the content.
        len: u64,
    },
    /// Empty content is never stored: its hash says all there is to say.
    #[error("empty content is not stored")]
    Empty,
    /// Somebody else is writing the same place, or the upload is being put together or removed.
    #[error("this part of the upload is being written by another request: try again")]
    Busy,
    /// The upload was put together or removed while this part was still arriving.
    #[error("the upload ended while this part was arriving: the part was not kept")]
    Closed,
    /// The storage address in the settings cannot be used.
    #[error("storage address {url:?} cannot be used: {why}")]
    BadUrl {
        /// The address as it was given.
        url: String,
        /// What is wrong with it, and what to write instead.
        why: String,
    },
    /// The operating system refused.
    #[error("storage failed while {op}: {source}")]
    Io {
        /// What was being done, as a phrase ("writing a part").
        op: &'static str,
        /// What the system said; never with a path.
        source: io::Error,
    },
}

impl BlobError {
    /// Maps a system error: "no such file" and "disk full" have kinds of their own.
    pub(crate) fn io(op: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Io { op, source },
        }
    }

    /// True for [`BlobError::NotFound`].
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound)
    }
}
