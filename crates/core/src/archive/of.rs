//! For whom an archive is made, and whether that still stands: asked again for every page of the walk and every file, so that
//! a right which ends takes the download along. Must not know what is chosen.

use pantry_db::{Tx, shares as share_rows};
use pantry_types::{GrantId, NodeId, ShareId, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    Actor, Error, Reach,
    access::{self, Place},
    shares::Leave,
};

/// By what right an archive is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Of {
    /// A person, or an app in their name.
    #[serde(rename = "g")]
    Grant {
        /// Whose drive.
        #[serde(rename = "u")]
        user: UserId,
        /// The grant, 0 for the person.
        #[serde(rename = "g")]
        grant: GrantId,
        /// The grant's epoch: in another the archive is dead.
        #[serde(rename = "e")]
        epoch: i64,
        /// Whether it reads the whole drive, and not the app's own folder alone.
        #[serde(rename = "a")]
        all: bool,
    },
    /// A share: whoever has its address, and its password where it has one.
    #[serde(rename = "s")]
    Share {
        /// Whose drive.
        #[serde(rename = "u")]
        user: UserId,
        /// The share.
        #[serde(rename = "s")]
        share: ShareId,
        /// The share's epoch: in another the archive is dead.
        #[serde(rename = "e")]
        epoch: i64,
    },
}

/// A right that stands, within one transaction.
#[derive(Debug)]
pub(super) struct Gate {
    root: NodeId,
    to: To,
}

/// How far it goes.
#[derive(Debug)]
enum To {
    All,
    Sandbox(NodeId),
    Items(Vec<NodeId>),
}

impl Of {
    /// What a caller may read now, for links that end with their grant.
    pub fn reading(actor: &Actor) -> Self {
        let (grant, epoch) = actor.links_of();
        Self::Grant {
            user: actor.user(),
            grant,
            epoch,
            all: actor.read() == Reach::All,
        }
    }

    /// Whose drive it is.
    pub fn user(&self) -> UserId {
        match self {
            Self::Grant { user, .. } | Self::Share { user, .. } => *user,
        }
    }

    /// Asks whether the right stands.
    ///
    /// # Errors
    /// [`Error::Forbidden`]: it has ended.
    pub(super) async fn enter(&self, tx: &mut Tx<'_>, now: i64) -> Result<Gate, Error> {
        match *self {
            Self::Grant {
                user,
                grant,
                epoch,
                all,
            } => {
                let stands = access::standing(tx, user, grant, epoch, now).await?;
                let (books, sandbox) =
                    stands.ok_or_else(|| Error::Forbidden("the app that made this link has lost its access".into()))?;
                Ok(Gate {
                    root: books.root_id,
                    to: if all { To::All } else { To::Sandbox(sandbox) },
                })
            }
            Self::Share { user, share, epoch } => {
                let ended = || Error::Forbidden("the share that gave this link has ended".into());
                let leave = Leave {
                    owner: user,
                    share,
                    epoch,
                };
                leave.stands(tx, now).await?.ok_or_else(ended)?;
                let owner = access::outlived(tx, user, GrantId(0), 0, now).await?;
                let owner = owner.ok_or_else(ended)?;
                Ok(Gate {
                    root: owner.root_id,
                    to: To::Items(share_rows::items(tx, user, share).await?),
                })
            }
        }
    }
}

impl Gate {
    /// Whether a node is in the tree and the right reaches it where it lies now.
    pub(super) fn admits(&self, place: &Place) -> bool {
        let top = place.above.last().map_or(place.node.id, |a| a.id);
        top == self.root
            && match &self.to {
                To::All => true,
                To::Sandbox(own) => own.0 != 0 && place.sandbox == *own,
                To::Items(items) => items.iter().any(|item| place.is_within(*item)),
            }
    }
}
