//! The rules that the weipan API adds to the drive: how its programs sign in, what a program is told of changes, and its
//! tighter limits on paths and folders. Must not know its numbers, its shapes, or HTTP.

mod directory;
mod dolog;
mod login;
mod loose;
mod put;
mod token;
mod tree;
mod view;

use pantry_db::DbError;

use crate::{Drive, Error};

pub use dolog::Dolog;
pub use login::{Asked, LoginRefused, SignedApp, SignedIn};
pub use loose::{LooseReceiver, PostTicket};
pub use put::{Target, Upload};
pub use token::WeipanActor;
pub use tree::Placed;
pub use view::{Binned, Listed, Listing};

/// Longest path of what is made, in characters, the leading slash counted.
pub const PATH_CHARS: usize = 200;

/// Why an operation did not happen. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// By the rules of the drive.
    #[error(transparent)]
    Drive(#[from] Error),
    /// The folder that something was to go to does not exist.
    #[error("the folder to put it into does not exist")]
    NoDestination,
    /// The path would be longer than the API allows.
    #[error(
        "the path would be longer than {PATH_CHARS} characters; choose a shorter name or a folder nearer to the root"
    )]
    PathTooLong,
    /// The folder holds as many entries as the installation allows.
    #[error("the folder has {entries} entries already, and {limit} is the most; use another folder")]
    FolderFull {
        /// Entries that it has.
        entries: i64,
        /// Entries allowed.
        limit: i64,
    },
    /// The person has no content of this hash.
    #[error("there is no content of this hash; upload the file")]
    NoContent,
    /// Nothing was sent under this key, or too long ago.
    #[error("nothing was uploaded under this key; begin again with upload_sign")]
    NoPost,
}

impl From<DbError> for Refused {
    fn from(e: DbError) -> Self {
        Refused::Drive(e.into())
    }
}

/// What is kept in memory; one for a process.
pub(crate) struct State {
    tokens: token::Tokens,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            tokens: token::Tokens::new(token::CACHED),
        }
    }
}

/// Rows of one statement.
const BATCH: i64 = 500;

impl Drive {
    /// Removes tokens that are dead and contents that nobody named.
    pub(crate) async fn sweep_weipan(&self) -> Result<(), Error> {
        let now = self.now();
        let idle = now - self.settings().weipan.token_idle_seconds;
        loop {
            let n = self
                .db()
                .write((idle, now), |tx, (idle, now)| {
                    Box::pin(async move {
                        let swept: Result<u64, DbError> = async {
                            let tokens = pantry_db::weipan_tokens::sweep(tx, *idle, BATCH).await?;
                            Ok(tokens.max(pantry_db::loose::sweep(tx, *now, BATCH).await?))
                        }
                        .await;
                        swept.map_err(Error::from).into()
                    })
                })
                .await?;
            if n < BATCH as u64 {
                return Ok(());
            }
        }
    }
}
