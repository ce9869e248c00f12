//! Following the changes of a root as they come. Owns when there is something to read; must keep nothing of what was read,
//! so that a slow reader costs no memory.

use super::{
    Changes, Cursor,
    watch::{Held, Watched},
};
use crate::{Actor, Drive, Error};

/// One who follows the changes of a caller's root, page by page. It counts against its grant until it is dropped.
pub struct Follower {
    drive: Drive,
    actor: Actor,
    at: Cursor,
    /// The head that was seen.
    seen: i64,
    has_more: bool,
    watched: Watched,
    _place: Held,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Drive {
    /// Begins to follow, and reads the first page; without a cursor, from now on.
    ///
    /// # Errors
    /// As [`Drive::changes`]; [`Error::TooMany`]: the grant has as many followers as it may.
    pub async fn follow(&self, actor: &Actor, from: Option<Cursor>, limit: i64) -> Result<(Follower, Changes), Error> {
        let most = self.settings().changes.streams_per_grant;
        let place = self.0.watch.hold(actor.grant(), most)?;
        // Watched before it is read: what comes in between is not missed.
        let watched = self.watch(actor.user());
        let first = self.changes(actor, from, limit).await?;
        let follower = Follower {
            drive: self.clone(),
            actor: actor.clone(),
            at: first.next,
            seen: first.head,
            has_more: first.has_more,
            watched,
            _place: place,
        };
        Ok((follower, first))
    }
}

impl Follower {
    /// Up to where was read.
    pub fn cursor(&self) -> Cursor {
        self.at
    }

    /// Waits until there is something to read, if there is nothing yet. `false`: the drive is stopping. May be dropped and asked again at any time.
    pub async fn news(&mut self) -> bool {
        self.has_more || self.watched.beyond(self.seen).await
    }

    /// Whether the drive is stopping.
    pub fn has_stopped(&self) -> bool {
        self.watched.has_stopped()
    }

    /// Reads the next page, which may be empty. After a page that says `reset`, the next ones go on from its cursor.
    ///
    /// # Errors
    /// As [`Drive::changes`]: [`Error::Unauthorized`] once the grant has ended.
    pub async fn read(&mut self, limit: i64) -> Result<Changes, Error> {
        let page = self.drive.changes(&self.actor, Some(self.at), limit).await?;
        self.at = page.next;
        self.seen = page.head;
        self.has_more = page.has_more;
        Ok(page)
    }
}
