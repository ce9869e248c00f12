//! The Rust client of v1 and OAuth: signing in by device code, tokens that renew themselves, every call of v1, and uploads
//! and downloads that go on where they were cut off.
//! Must not know the server's insides, print, or ask a person anything: that is for whoever uses it.
//!
//! ```no_run
//! # async fn example() -> Result<(), pantry_client::Error> {
//! use pantry_client::{Client, UploadOptions};
//!
//! let client = Client::new("http://127.0.0.1:8080")?.with_client_id("1234567890");
//! let code = client.start_device("user.read files.app_data").await?;
//! println!("open {} and enter {}", code.verification_uri, code.user_code);
//! client.wait_for_device(&code).await?;
//! let done = client.upload_file("film.mp4".as_ref(), "/", "film.mp4", &UploadOptions::default()).await?;
//! println!("{}", done.file.path);
//! # Ok(())
//! # }
//! ```

mod auth;
mod bin;
mod changes;
mod client;
mod download;
mod error;
mod events;
mod files;
mod hash;
mod list;
mod oauth;
mod retry;
mod store;
mod transport;
mod upload;
mod user;

pub use changes::{ChangeStream, Told};
pub use client::Client;
pub use download::{Download, DownloadOptions, Downloaded};
pub use error::Error;
pub use files::{OnConflict, Selection};
pub use hash::md5_of_file;
pub use list::{BinItems, Entries, Entry};
pub use oauth::DeviceCode;
pub use pantry_api as api;
pub use retry::Retry;
pub use store::{FileStore, Lock, MemoryStore, StoreError, TokenStore, Tokens};
pub use upload::{UploadOptions, Uploaded};

/// Told how far a transfer is: bytes done, bytes in all. It may be called from several tasks at once, and what is done
/// may shrink when a part has to be sent again.
pub type Progress = std::sync::Arc<dyn Fn(Step) + Send + Sync>;

/// How far a transfer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The local file is read for its MD5, which the server asks for before the first byte.
    Hashing {
        /// Bytes read.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// Bytes go over the wire; what was there already counts as done.
    Transferring {
        /// Bytes that are there.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
}
