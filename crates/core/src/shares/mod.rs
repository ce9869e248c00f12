//! Shares: giving others files and folders by an address, and taking that back. What a share shows is live, and never
//! outside of it. Must know no face: no numbers, no pages, no address.

mod closed;
mod door;
pub(crate) mod inbox;
mod inside;
mod made;
mod make;
mod open;
mod ticket;
mod transfer;

use pantry_db::{
    Tx,
    nodes::{self, Line},
    shares as rows, users,
};
use pantry_types::{NodeId, ShareId, UserId, random};

use crate::{Drive, Error};

pub use closed::Closed;
pub(crate) use door::Door;
pub use door::{Details, Look, Visit};
pub use inbox::Dropped;
pub(crate) use made::serving_of;
pub use made::{Listed, ShareList, State};
pub(crate) use make::Codes;
pub use make::{Made, NewShare, ShareChange};
pub use open::Opened;
pub(crate) use open::{open, open_code};
pub use pantry_db::shares::{Share, Shows};
pub use ticket::Ticket;
pub use transfer::{Transfer, Transferred};

/// Letters of a code: none that are taken for another.
const ALPHABET: &str = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Some 58 bits: nobody comes upon one by trying.
const CODE_CHARS: usize = 10;
/// How many codes are drawn for one share.
const DRAWS: usize = 4;

/// What outlives the call that a share allowed: a link, an upload, a job. It ends with the share, with another password, and
/// where it leads outside of what the share shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leave {
    /// The share's owner.
    pub(crate) owner: UserId,
    pub(crate) share: ShareId,
    /// The share's then.
    pub(crate) epoch: i64,
}

impl Leave {
    pub(crate) fn of(share: &Share) -> Self {
        Self {
            owner: share.user,
            share: share.id,
            epoch: share.epoch,
        }
    }

    /// The share, while it serves those whom it let in under this epoch. How often it was downloaded does not matter:
    /// that was counted when leave was given.
    pub(crate) async fn stands(self, tx: &mut Tx<'_>, now: i64) -> Result<Option<Share>, Error> {
        let owner = users::get(tx, self.owner).await?;
        if owner.is_none_or(|user| user.is_disabled) {
            return Ok(None);
        }
        let share = rows::get(tx, self.owner, self.share).await?;
        Ok(share.filter(|s| !s.cancelled && s.epoch == self.epoch && (s.expires_at == 0 || now < s.expires_at)))
    }

    /// Whether a node is among what the share shows, or lies in it. It is for the caller to see that it is in the tree.
    pub(crate) async fn holds(self, tx: &mut Tx<'_>, line: &Line) -> Result<bool, Error> {
        let items = rows::items(tx, self.owner, self.share).await?;
        Ok(is_within(line, &items))
    }
}

/// Whether a node is one of these, or lies in one of them.
fn is_within(line: &Line, items: &[NodeId]) -> bool {
    let ids = std::iter::once(line.node.id).chain(line.above.iter().map(|a| a.id));
    // The rows come in the order of their ids.
    ids.into_iter().any(|id| items.binary_search(&id).is_ok())
}

/// The node of an id in a person's tree, if it lies within some of its nodes.
async fn within(
    tx: &mut Tx<'_>,
    owner: UserId,
    root: NodeId,
    items: &[NodeId],
    id: NodeId,
) -> Result<Option<Line>, Error> {
    let line = nodes::lineage(tx, owner, id).await?;
    Ok(line.filter(|l| l.top() == root && is_within(l, items)))
}

impl Drive {
    pub(crate) fn draw_codes(&self) -> Codes {
        let draw = |_| random::choose(self.random().as_ref(), ALPHABET, CODE_CHARS);
        Codes((0..DRAWS).map(draw).collect())
    }
}
