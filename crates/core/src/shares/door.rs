//! The door of a share: which share a code names, whether it serves, and who is let in. Everything that others do in a share
//! enters here, in its own transaction. Must not change what is shared.

use pantry_db::{
    Tx,
    nodes::{self, Kind, Node},
    shares as rows, users,
};
use pantry_types::{NodeId, Scope};

use super::{Closed, Leave, Share, Shows, Ticket, ticket, within};
use crate::{
    Drive, Error, Keys,
    auth::{Guess, Limit, Origin},
    item::Item,
};

/// Seconds in which wrong passwords are counted together.
const WINDOW: i64 = 15 * 60;
/// How many times more wrong passwords are taken from one address over all shares, and for one share from everywhere.
const ALL_SHARES: i64 = 5;
const ANYWHERE: i64 = 10;
/// Longer than any password that was ever set.
const PASSWORD_BYTES: usize = 1024;

/// Somebody at the door.
#[derive(Clone)]
pub struct Visit {
    /// The code of the share.
    pub code: String,
    /// The ticket that they show.
    pub ticket: Option<String>,
    /// Where they come from.
    pub origin: Origin,
}

impl std::fmt::Debug for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The code and the ticket open the share.
        f.write_str("Visit")
    }
}

/// A share that serves, found by its code.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) share: Share,
    /// The owner's name for others.
    pub(crate) owner: String,
    /// The owner's root.
    pub(crate) root: NodeId,
    /// What it shows and is in the tree, in the order of ids.
    pub(crate) items: Vec<NodeId>,
}

/// A share as somebody at its door may see it.
#[derive(Debug, Clone)]
pub struct Look {
    /// Names it in addresses.
    pub code: String,
    /// The owner's name for others.
    pub owner: String,
    /// Whether it opens only to who knows a password.
    pub needs_password: bool,
    /// What it is; not before a needed password was given.
    pub details: Option<Details>,
}

/// What a share is.
#[derive(Debug, Clone)]
pub struct Details {
    /// What kind of thing is shared.
    pub shows: Shows,
    /// Name of what is shared, of the first where there are several; of the folder of a drop box.
    pub name: String,
    /// What is shared, folders first; nothing of a drop box.
    pub items: Vec<Item>,
    /// Files that are shown first: those of a shared folder, else the shared ones.
    pub file_count: i64,
    /// The same of folders.
    pub folder_count: i64,
    /// Bytes of the shared files; what lies in folders is not added up.
    pub size: i64,
    /// When it ends; 0 for never.
    pub expires_at: i64,
    /// Whether others may save it to their own drives.
    pub allow_save: bool,
    /// Downloads after which it ends; 0 for no limit.
    pub max_downloads: i64,
    /// Of a drop box: most bytes of one file; 0 for no limit.
    pub max_file_size: i64,
    /// Of a drop box: how many files it takes; 0 for no limit.
    pub max_files: i64,
    /// What was received.
    pub received: i64,
    leave: Leave,
}

impl Door {
    /// Finds a share that serves.
    pub(crate) async fn find(tx: &mut Tx<'_>, code: &str, now: i64) -> Result<Self, Error> {
        let none = Error::ShareClosed(Closed::NotFound);
        let Some(share) = rows::by_code(tx, code).await? else {
            return Err(none);
        };
        let Some(owner) = users::get(tx, share.user).await?.filter(|u| !u.is_disabled) else {
            return Err(none);
        };
        if let Some(closed) = closed(&share, now) {
            return Err(Error::ShareClosed(closed));
        }
        let all: Vec<i64> = rows::items(tx, share.user, share.id)
            .await?
            .iter()
            .map(|id| id.0)
            .collect();
        let tops = nodes::tops(tx, share.user, &all).await?;
        let live = tops.iter().filter(|(_, top, _)| *top == owner.root_id);
        let items: Vec<NodeId> = live.map(|(id, ..)| *id).collect();
        if items.is_empty() {
            return Err(if tops.is_empty() {
                none
            } else {
                Error::ShareClosed(Closed::Trashed)
            });
        }
        Ok(Self {
            owner: owner.nickname,
            root: owner.root_id,
            share,
            items,
        })
    }

    /// Finds it, and lets in who may come in.
    pub(crate) async fn enter(tx: &mut Tx<'_>, keys: &Keys, visit: &Visit, now: i64) -> Result<Self, Error> {
        let door = Self::find(tx, &visit.code, now).await?;
        if door.admits(keys, visit, now) {
            Ok(door)
        } else {
            Err(Error::TicketRequired)
        }
    }

    /// The same for what only a share can do that shows something.
    pub(crate) async fn enter_to_see(tx: &mut Tx<'_>, keys: &Keys, visit: &Visit, now: i64) -> Result<Self, Error> {
        let door = Self::enter(tx, keys, visit, now).await?;
        match door.share.shows {
            Shows::Drop => Err(Error::DropOnly),
            Shows::File | Shows::Folder | Shows::Several => Ok(door),
        }
    }

    fn needs_password(&self) -> bool {
        !self.share.password_hash.is_empty()
    }

    fn admits(&self, keys: &Keys, visit: &Visit, now: i64) -> bool {
        let shown = visit.ticket.as_deref();
        !self.needs_password() || shown.is_some_and(|t| ticket::admits(keys, t, &self.share, now))
    }

    /// What it shows, folders first, each in natural order.
    pub(crate) async fn nodes(&self, tx: &mut Tx<'_>) -> Result<Vec<Node>, Error> {
        let ids: Vec<i64> = self.items.iter().map(|id| id.0).collect();
        let mut nodes = nodes::many(tx, self.share.user, &ids).await?;
        nodes.sort_by(|a, b| order(a).cmp(&order(b)));
        Ok(nodes)
    }

    /// A node within it.
    pub(crate) async fn node(&self, tx: &mut Tx<'_>, id: NodeId, what: &'static str) -> Result<nodes::Line, Error> {
        within(tx, self.share.user, self.root, &self.items, id)
            .await?
            .ok_or(Error::NotFound(what))
    }
}

/// The order of a listing.
pub(super) fn order(n: &Node) -> (i64, &[u8], &str, i64) {
    (n.kind.code(), &n.sort_key, &n.name, n.id.0)
}

/// Why a share does not serve, as far as its row tells.
pub(super) fn closed(share: &Share, now: i64) -> Option<Closed> {
    if share.cancelled {
        return Some(Closed::Cancelled);
    }
    if share.expires_at != 0 && now >= share.expires_at {
        return Some(Closed::Expired);
    }
    let used_up = (share.max_downloads != 0 && share.downloads >= share.max_downloads)
        || (share.max_files != 0 && share.received >= share.max_files);
    used_up.then_some(Closed::UsedUp)
}

impl Details {
    async fn of(tx: &mut Tx<'_>, door: &Door) -> Result<Self, Error> {
        let nodes = door.nodes(tx).await?;
        let share = &door.share;
        let name = nodes.first().map(|n| n.name.clone()).unwrap_or_default();
        let hidden = share.shows == Shows::Drop;
        let (mut file_count, mut folder_count, mut size) = (0, 0, 0);
        for n in nodes.iter().filter(|_| !hidden) {
            match (share.shows, n.kind) {
                (Shows::Folder, Kind::Folder) => (file_count, folder_count) = (n.file_count, n.folder_count),
                (_, Kind::Folder) => folder_count += 1,
                (_, Kind::File) => file_count += 1,
            }
            size += n.size;
        }
        Ok(Self {
            shows: share.shows,
            name,
            items: if hidden {
                Vec::new()
            } else {
                nodes.iter().map(shared_item).collect()
            },
            file_count,
            folder_count,
            size,
            expires_at: share.expires_at,
            allow_save: share.allow_save && !hidden,
            max_downloads: share.max_downloads,
            max_file_size: share.max_file_size,
            max_files: share.max_files,
            received: share.received,
            leave: Leave::of(share),
        })
    }
}

/// One of the shared items: where it lies in its owner's drive is not shown.
pub(super) fn shared_item(node: &Node) -> Item {
    Item::below("", node, node.parent)
}

impl Drive {
    /// What a refusal at a door becomes: a code that nobody has counts as a guess.
    pub(crate) fn at_door<T>(&self, visit: &Visit, answer: Result<T, Error>) -> Result<T, Error> {
        match answer {
            Err(e @ Error::ShareClosed(Closed::NotFound)) => {
                Err(self.guessed(Guess::Share, &visit.origin).unwrap_or(e))
            }
            answer => answer,
        }
    }

    /// What somebody sees who has the code. A look at what it is counts.
    ///
    /// # Errors
    /// [`Error::ShareClosed`], [`Error::TooMany`].
    pub async fn look_at_share(&self, visit: &Visit) -> Result<Look, Error> {
        let args = (visit.clone(), self.keys().clone(), self.now());
        let seen = self
            .db()
            .read(args, |tx, (visit, keys, now)| {
                Box::pin(async move { look(tx, keys, visit, *now).await })
            })
            .await;
        let look = self.at_door(visit, seen)?;
        if let Some(details) = &look.details {
            self.db()
                .write(details.leave, |tx, leave| {
                    Box::pin(async move {
                        let viewed = rows::viewed(tx, leave.owner, leave.share).await;
                        viewed.map_err(Error::from).into()
                    })
                })
                .await?;
        }
        Ok(look)
    }

    /// Exchanges the password of a share for a ticket. A share without one gives a ticket to whoever asks.
    ///
    /// # Errors
    /// [`Error::ShareClosed`], [`Error::WrongPassword`], [`Error::TooMany`].
    pub async fn verify_share(&self, visit: &Visit, password: &str) -> Result<Ticket, Error> {
        let found = self
            .db()
            .read((visit.code.clone(), self.now()), |tx, (code, now)| {
                Box::pin(async move { Door::find(tx, code, *now).await })
            })
            .await;
        let share = self.at_door(visit, found)?.share;
        if share.password_hash.is_empty() {
            return Ok(self.issue_ticket(&share));
        }
        let limits = self.password_limits(&share, &visit.origin);
        self.attempt(&limits).await?;
        let is_possible = password.len() <= PASSWORD_BYTES;
        let password = if is_possible { password } else { "" };
        let right = self
            .verify_password(password.to_owned(), Some(share.password_hash.clone()))
            .await?;
        if !right || !is_possible {
            return Err(Error::WrongPassword);
        }
        self.forgive(&limits).await?;
        Ok(self.issue_ticket(&share))
    }

    /// The narrowest first.
    fn password_limits(&self, share: &Share, origin: &Origin) -> Vec<Limit> {
        let max = self.settings().limits.bad_share_passwords;
        if max <= 0 {
            return Vec::new();
        }
        let limit = |key: String, times: i64| Limit {
            key,
            max: max.saturating_mul(times),
            window: WINDOW,
        };
        let network = origin.network();
        vec![
            limit(format!("share {} from {network}", share.id), 1),
            limit(format!("shares from {network}"), ALL_SHARES),
            limit(format!("share {}", share.id), ANYWHERE),
        ]
    }

    /// A link to a file that a share shows itself, to look at in place. It is no download, and none is given where downloads
    /// are numbered.
    pub fn preview_link(&self, details: &Details, file: &Item) -> Option<String> {
        let shown = details.items.iter().any(|item| item.id == file.id) && file.kind == Kind::File;
        (shown && details.max_downloads == 0).then(|| self.leave_link(details.leave, file.version, false))
    }
}

async fn look(tx: &mut Tx<'_>, keys: &Keys, visit: &Visit, now: i64) -> Result<Look, Error> {
    let door = Door::find(tx, &visit.code, now).await?;
    let details = if door.admits(keys, visit, now) {
        Some(Details::of(tx, &door).await?)
    } else {
        None
    };
    Ok(Look {
        needs_password: door.needs_password(),
        code: door.share.code,
        owner: door.owner,
        details,
    })
}

/// The scope that a share of an app's needs.
pub(super) const CREATE: Scope = Scope::ShareCreate;
