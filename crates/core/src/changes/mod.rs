//! What changed in a caller's root: the change log as they may see it, with each node as it is now.
//! Must tell nothing of what lies outside of the root, neither by name nor by id; and writes nothing.

mod cursor;
mod follow;
mod watch;

use std::collections::HashMap;

use pantry_db::{
    Tx, changes as log,
    nodes::{self, Kind},
};
use pantry_types::NodeId;

use crate::{
    Actor, Drive, Error, Reach,
    access::{self, Entry, Need, Place},
    item::Item,
};

pub use cursor::Cursor;
pub use follow::Follower;
pub(crate) use watch::Watch;
pub use watch::Watched;

/// Rows of the log that one read looks at: an app's own folder may be quiet while much goes on around it.
const SCAN: i64 = 5_000;

/// What happened to a node, seen from the caller's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It came to be in the root.
    Created,
    /// It got another content, name or place in the root.
    Updated,
    /// It left the root, with all that it held.
    Removed,
}

/// One change.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its number in the person's log; those that do not concern the root are left out.
    pub seq: i64,
    /// What happened.
    pub event: Event,
    /// To a folder or a file.
    pub kind: Kind,
    /// Which.
    pub id: NodeId,
    /// The node as it is now; its parent is 0 at the root. `None` where it left: what has left since is told as removed already.
    pub node: Option<Item>,
    /// A folder that came with what it holds, of which nothing else is told: to be listed. So is one that was moved, where what
    /// it lay in may have been told as removed before.
    pub subtree: bool,
}

/// A page of changes.
#[derive(Debug, Clone)]
pub struct Changes {
    /// In order; there may be none although there are more.
    pub changes: Vec<Change>,
    /// Where the next page begins.
    pub next: Cursor,
    /// Whether there are more already.
    pub has_more: bool,
    /// What was known does not lead here: all is to be listed anew, after this, and followed from `next`.
    pub reset: bool,
    /// The head of the log that was seen.
    head: i64,
}

impl Changes {
    /// Where whoever has seen this one of the changes, and no later one, goes on.
    pub fn after(&self, change: &Change) -> Cursor {
        Cursor {
            seq: change.seq,
            ..self.next
        }
    }

    fn nothing(next: Cursor, head: i64) -> Self {
        Self {
            changes: Vec::new(),
            next,
            has_more: false,
            reset: false,
            head,
        }
    }
}

impl Drive {
    /// What changed in the caller's root since a cursor; without one, a cursor for now.
    ///
    /// # Errors
    /// [`Error::Forbidden`]: the caller may read nothing. [`Error::Unauthorized`].
    pub async fn changes(&self, actor: &Actor, from: Option<Cursor>, limit: i64) -> Result<Changes, Error> {
        let args = (actor.clone(), from, limit.max(1), self.now());
        self.db()
            .read(args, |tx, (actor, from, limit, now)| {
                Box::pin(async move { page(tx, actor, *from, *limit, *now).await })
            })
            .await
    }
}

/// The statements' order is of weight: on PostgreSQL each sees a later state. Nodes read after the log are never older
/// than it, and what changes in between is told by the next page.
async fn page(tx: &mut Tx<'_>, actor: &Actor, from: Option<Cursor>, limit: i64, now: i64) -> Result<Changes, Error> {
    let mut entry = access::enter(tx, actor, now).await?;
    let (user, head) = (entry.user.id, entry.user.head);
    let root = match entry.require(Need::Read)? {
        Reach::All => entry.user.root_id,
        Reach::Sandbox | Reach::None => entry.live_sandbox(tx).await?,
    };
    let latest = Cursor::at(root, head);
    let reset = Changes {
        reset: true,
        ..Changes::nothing(latest, head)
    };
    let Some(from) = from else {
        return Ok(Changes::nothing(latest, head));
    };
    // Another token's root, an app's folder that was made or lost since, or a log that was longer once.
    if from.root != root || from.seq > head {
        return Ok(reset);
    }
    // An app whose folder is not made yet is told nothing: with the folder comes another root.
    if root.0 == 0 || from.seq == head {
        return Ok(Changes::nothing(latest, head));
    }
    let inside = Root::of(&entry, root);
    let up_to = head.min(from.seq + SCAN);
    // One more than asked for tells whether the rows that are looked at hold more.
    let mut rows = log::touching(tx, user, inside.sandbox(), from.seq, up_to, limit + 1).await?;
    // The log is cut off at its beginning: if its first row is still there, no later one was missed.
    if !log::is_kept(tx, user, from.seq + 1).await? {
        return Ok(reset);
    }
    let all = rows.len() as i64 <= limit;
    rows.truncate(limit as usize);
    let reached = rows.last().filter(|_| !all).map_or(up_to, |row| row.seq);
    let told: Vec<_> = rows.iter().filter_map(|row| Some((row, inside.event(row)?))).collect();
    let items = states(tx, &entry, root, &told).await?;
    let mut gone_early = from.gone_early;
    let change = |&(row, event): &(&log::Change, Event)| {
        let node = items.get(&row.node).filter(|_| event != Event::Removed).cloned();
        // What is gone by now is told as gone: it may have left with a folder that it was put into since, of which alone
        // a later change tells. What was moved from under it before that is listed again, for it may be dropped with it.
        if node.is_none() && event != Event::Removed {
            gone_early = head;
        }
        let event = if node.is_none() { Event::Removed } else { event };
        let came = event == Event::Created || (row.event == log::Event::Moved && row.seq <= gone_early);
        Change {
            seq: row.seq,
            event,
            kind: row.kind,
            id: row.node,
            node,
            subtree: row.subtree && came && event != Event::Removed,
        }
    };
    let changes = told.iter().map(change).collect();
    Ok(Changes {
        changes,
        next: Cursor {
            root,
            seq: reached,
            gone_early: if gone_early > reached { gone_early } else { 0 },
        },
        has_more: reached < head,
        reset: false,
        head,
    })
}

/// What the caller's root is: it decides what a row of the log means to them.
#[derive(Clone, Copy)]
enum Root {
    Drive,
    Sandbox(NodeId),
}

impl Root {
    fn of(entry: &Entry<'_>, root: NodeId) -> Self {
        if root == entry.user.root_id {
            Root::Drive
        } else {
            Root::Sandbox(root)
        }
    }

    fn sandbox(self) -> NodeId {
        match self {
            Root::Drive => NodeId(0),
            Root::Sandbox(id) => id,
        }
    }

    fn event(self, row: &log::Change) -> Option<Event> {
        let (before, after) = match self {
            Root::Drive => (row.parent_before.0 != 0, row.parent_after.0 != 0),
            Root::Sandbox(id) => (row.sandbox_before == id, row.sandbox_after == id),
        };
        match (before, after) {
            (false, true) => Some(Event::Created),
            (true, true) => Some(Event::Updated),
            (true, false) => Some(Event::Removed),
            (false, false) => None,
        }
    }
}

/// The nodes of these changes as they are now, those that lie in the root.
async fn states(
    tx: &mut Tx<'_>,
    entry: &Entry<'_>,
    root: NodeId,
    told: &[(&log::Change, Event)],
) -> Result<HashMap<NodeId, Item>, Error> {
    let mut ids: Vec<i64> = told
        .iter()
        .filter(|(_, event)| *event != Event::Removed)
        .map(|(row, _)| row.node.0)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let mut items = HashMap::with_capacity(ids.len());
    for line in nodes::lines(tx, entry.user.id, &ids).await? {
        if line.top() != entry.user.root_id {
            continue;
        }
        let place = Place::from(line);
        if !entry.reaches(Need::Read, place.sandbox) {
            continue;
        }
        let mut item = Item::of(&place, entry.user.root_id);
        if place.node.parent == root {
            item.parent = NodeId(0);
        }
        items.insert(place.node.id, item);
    }
    Ok(items)
}
