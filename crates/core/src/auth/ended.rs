//! Which reads of who may call are out of date: people whose access may have ended, in this process or another.
//! Must not know what was read. The age limit of what is kept is the promise to other processes ("within a second");
//! the line between them makes it at once, and while it is down nothing that was kept counts.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use pantry_db::{Engine, News};
use pantry_types::UserId;

use crate::Drive;

/// How old what was read may be, whatever was told: a process may die between its commit and its word.
pub(crate) const FRESH_MS: i64 = 900;
/// People are told apart by this many numbers; those who share one share their misses.
const SLOTS: usize = 1024;

/// When something was read, in the order of endings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

/// Counts endings.
pub(crate) struct Ended {
    /// Raised by every ending.
    serial: AtomicU64,
    everybody: AtomicU64,
    of: Box<[AtomicU64]>,
    line: OnceLock<bool>,
    /// Whether other processes are heard, where there are any.
    hears: AtomicBool,
}

impl Ended {
    pub(crate) fn new() -> Self {
        Self {
            serial: AtomicU64::new(0),
            everybody: AtomicU64::new(0),
            of: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            line: OnceLock::new(),
            hears: AtomicBool::new(false),
        }
    }

    fn slot(&self, user: UserId) -> &AtomicU64 {
        &self.of[user.0.unsigned_abs() as usize % SLOTS]
    }

    /// To be taken before the rows are read: what ends a token is counted after its commit, so what was read in
    /// between is never used.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp(self.serial.load(Ordering::Acquire))
    }

    /// Whether nothing of this person's ended since.
    pub(crate) fn is_current(&self, user: UserId, stamp: Stamp) -> bool {
        self.everybody.load(Ordering::Acquire) <= stamp.0 && self.slot(user).load(Ordering::Acquire) <= stamp.0
    }

    fn count(&self, who: Option<UserId>) {
        let number = self.serial.fetch_add(1, Ordering::AcqRel) + 1;
        let slot = who.map_or(&self.everybody, |user| self.slot(user));
        slot.fetch_max(number, Ordering::AcqRel);
    }

    fn hear(&self, news: News) {
        match news {
            News::Ended(who) => self.count(who),
            News::Deaf => self.hears.store(false, Ordering::Release),
            News::Listening => {
                // What was told before was missed.
                self.count(None);
                self.hears.store(true, Ordering::Release);
            }
        }
    }
}

impl Drive {
    /// Whether what was read a moment ago may be used again: not while other processes could end it unheard.
    pub(crate) fn may_trust_memory(&self) -> bool {
        let ended = &self.0.auth.ended;
        let has_line = *ended.line.get_or_init(|| {
            if self.0.db.engine() == Engine::Sqlite {
                return false;
            }
            let drive = Arc::downgrade(&self.0);
            self.0.db.listen(Arc::new(move |news| {
                if let Some(drive) = drive.upgrade() {
                    drive.auth.ended.hear(news);
                }
            }))
        });
        !has_line || ended.hears.load(Ordering::Acquire)
    }

    /// Whether other processes on the same rows are heard when they end somebody's access. Always false on SQLite,
    /// where there is no line: there what was read is used for less than a second.
    pub fn hears_of_endings(&self) -> bool {
        self.0.auth.ended.hears.load(Ordering::Acquire)
    }

    /// Says that tokens of anybody may have ended. To be called after the commit that ended them.
    pub fn tokens_changed(&self) {
        self.access_ended(None);
    }

    /// Says that tokens of a person may have ended (of anybody, if nobody is named): what is kept of them is read anew
    /// from the next request on, in this process and, told by the row store, in every other.
    /// To be called after the commit that ended them.
    pub fn access_ended(&self, who: Option<UserId>) {
        self.0.auth.ended.count(who);
        self.0.db.tell_ended(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_concerns_its_person_and_only_what_was_read_before() {
        let ended = Ended::new();
        let (ann, bob) = (UserId(1), UserId(2));
        let before = ended.stamp();
        assert!(ended.is_current(ann, before));
        ended.count(Some(ann));
        assert!(!ended.is_current(ann, before) && ended.is_current(bob, before));
        let after = ended.stamp();
        assert!(ended.is_current(ann, after));
        ended.count(None);
        assert!(!ended.is_current(ann, after) && !ended.is_current(bob, before));
        assert!(ended.is_current(bob, ended.stamp()));
    }

    #[test]
    fn a_line_that_comes_back_outdates_everything() {
        let ended = Ended::new();
        ended.hear(News::Listening);
        assert!(ended.hears.load(Ordering::Acquire));
        let read = ended.stamp();
        ended.hear(News::Deaf);
        assert!(!ended.hears.load(Ordering::Acquire));
        ended.hear(News::Listening);
        assert!(!ended.is_current(UserId(5), read));
    }
}
