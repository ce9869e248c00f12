//! The list of a person's shares, as far as the caller may know of them. Must not change any.

use std::collections::HashMap;

use pantry_db::{
    Tx,
    nodes::{self, Node},
    shares as rows,
};
use pantry_types::{NodeId, Scope, ShareId, limits};

use super::{Closed, Share, door};
use crate::{
    Actor, Drive, Error,
    access::{self, Entry, Need},
};

/// Shares that are read at once.
const BATCH: i64 = 200;

/// How a share stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It serves.
    Active,
    /// It does not, and why. What is gone for good counts as [`Closed::Trashed`].
    Closed(Closed),
}

/// A share in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The share.
    pub share: Share,
    /// Name of what it shows, of the first where there are several; empty if it is gone for good.
    pub name: String,
    /// How it stands.
    pub state: State,
}

/// One page of a person's shares, latest first.
#[derive(Debug, Clone)]
pub struct ShareList {
    /// The shares.
    pub shares: Vec<Listed>,
    /// How many there are that the caller may know of.
    pub total: i64,
    /// Where the next page begins; `None` on the last.
    pub next_cursor: Option<String>,
}

impl Drive {
    /// The caller's shares: those that the app made, and those of what it may read.
    ///
    /// # Errors
    /// [`Error::Forbidden`]: the token lacks `share.read`.
    pub async fn shares(&self, actor: &Actor, cursor: Option<&str>, limit: i64) -> Result<ShareList, Error> {
        let before = match cursor {
            None => ShareId(i64::MAX),
            Some(text) => ShareId(text.parse().map_err(|_| {
                Error::invalid(
                    "cursor",
                    "this is not a cursor of the list of shares; begin again without one",
                )
            })?),
        };
        let limit = limit.clamp(1, i64::from(limits::LIST_MAX));
        self.db()
            .read(
                (actor.clone(), before, limit, self.now()),
                |tx, (actor, before, limit, now)| {
                    Box::pin(async move {
                        let entry = access::enter(tx, actor, *now).await?;
                        list(tx, &entry, *before, *limit).await
                    })
                },
            )
            .await
    }
}

/// What an app made for the person and still serves, with an id below `before`, latest first: it stays when the app's access
/// ends.
pub(crate) async fn serving_of(
    tx: &mut Tx<'_>,
    entry: &Entry<'_>,
    client_id: &str,
    before: ShareId,
    limit: i64,
) -> Result<Vec<Listed>, Error> {
    let shares = rows::serving_of(tx, entry.user.id, client_id, entry.now, before, limit).await?;
    if shares.is_empty() {
        return Ok(Vec::new());
    }
    known(tx, entry, shares).await
}

/// The shares of a batch with what they show, as far as the caller may know of them.
async fn known(tx: &mut Tx<'_>, entry: &Entry<'_>, shares: Vec<Share>) -> Result<Vec<Listed>, Error> {
    let user = entry.user.id;
    let ids: Vec<i64> = shares.iter().map(|s| s.id.0).collect();
    let mut items: HashMap<ShareId, Vec<NodeId>> = HashMap::new();
    let mut all = Vec::new();
    for (share, node) in rows::items_of(tx, user, &ids).await? {
        items.entry(share).or_default().push(node);
        all.push(node.0);
    }
    all.sort_unstable();
    all.dedup();
    let nodes: HashMap<NodeId, Node> = nodes::many(tx, user, &all)
        .await?
        .into_iter()
        .map(|n| (n.id, n))
        .collect();
    let tops = nodes::tops(tx, user, &all).await?;
    let tops: HashMap<NodeId, (NodeId, NodeId)> =
        tops.into_iter().map(|(id, top, inside)| (id, (top, inside))).collect();
    let app = entry.actor.client_id();
    let mut found = Vec::new();
    for share in shares {
        let shown = items.remove(&share.id).unwrap_or_default();
        let is_live = |id: &NodeId| tops.get(id).is_some_and(|(top, _)| *top == entry.user.root_id);
        let readable = |id: &NodeId| {
            let inside = tops
                .get(id)
                .filter(|_| is_live(id))
                .map_or(NodeId(0), |(_, inside)| *inside);
            entry.reaches(Need::Read, inside)
        };
        let made = !app.is_empty() && share.client_id == app;
        let whole = entry.reaches(Need::Read, NodeId(0));
        if !made && !whole && (shown.is_empty() || !shown.iter().all(readable)) {
            continue;
        }
        let mut named: Vec<&Node> = shown.iter().filter_map(|id| nodes.get(id)).collect();
        named.sort_by(|a, b| door::order(a).cmp(&door::order(b)));
        let state = match door::closed(&share, entry.now) {
            Some(closed) => State::Closed(closed),
            None if shown.iter().any(is_live) => State::Active,
            None => State::Closed(Closed::Trashed),
        };
        found.push(Listed {
            // The app's own share says no more of what the app may not read (any more).
            name: match named.first() {
                Some(first) if shown.iter().all(readable) => first.name.clone(),
                _ => String::new(),
            },
            state,
            share,
        });
    }
    Ok(found)
}

async fn list(tx: &mut Tx<'_>, entry: &Entry<'_>, before: ShareId, limit: i64) -> Result<ShareList, Error> {
    if entry.actor.grant().0 != 0 && !entry.has(Scope::ShareRead) {
        return Err(Error::Forbidden(
            "the token may not list shares; ask for share.read".into(),
        ));
    }
    let user = entry.user.id;
    let whole = entry.reaches(Need::Read, NodeId(0));
    let limit = usize::try_from(limit).unwrap_or(1);
    let (mut page, mut more, mut total) = (Vec::new(), false, 0);
    // Who sees all of them is told how many there are without reading them.
    let (mut at, stop) = if whole {
        total = rows::count(tx, user).await?;
        (before, true)
    } else {
        (ShareId(i64::MAX), false)
    };
    loop {
        let batch = rows::of_user(tx, user, at, BATCH).await?;
        let Some(last) = batch.last() else { break };
        at = last.id;
        let is_last = (batch.len() as i64) < BATCH;
        for listed in known(tx, entry, batch).await? {
            if !whole {
                total += 1;
            }
            if listed.share.id.0 >= before.0 {
                continue;
            }
            if page.len() < limit {
                page.push(listed);
            } else {
                more = true;
            }
        }
        if is_last || (stop && more) {
            break;
        }
    }
    Ok(ShareList {
        next_cursor: page.last().filter(|_| more).map(|l: &Listed| l.share.id.to_string()),
        shares: page,
        total,
    })
}
