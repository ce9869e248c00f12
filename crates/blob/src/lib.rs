//! Object storage: immutable blobs, and the staging area where uploads become blobs.
//!
//! Owns: where bytes lie, how parts are put together, when bytes are durable.
//! Must not: know rows, users, names, quotas, HTTP or the time. A key is made of a hash and a
//! generation, or of a random upload id, and of nothing that a person typed.
//!
//! [`Store`] is the only door. Today one engine stands behind it, a local folder; the interface is
//! cut so that an object store (one object per part, put together by server-side copies) fits too:
//! whatever may wait for a network is `async`, and the rest is documented as blocking.
//!
//! The order that makes a crash harmless: bytes first, row second. [`Store::stage_commit`] and
//! [`Store::put_bytes`] answer only when the bytes *and* their name survive a power failure.

#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod fault;
mod key;
mod layout;
mod local;
mod store;
mod url;

pub use error::BlobError;
pub use fault::{Event, Fault, Faults, Op};
pub use key::{BlobKey, StageKey};
pub use layout::{Extent, Layout};
pub use store::{
    BlobEntry, BlobStream, Committed, Options, PartDone, PartWriter, Reader, Scratch, StageEntry, StageReader, Store,
};
pub use url::StorageUrl;

/// The answer of everything that touches storage.
pub type Result<T, E = BlobError> = std::result::Result<T, E>;
