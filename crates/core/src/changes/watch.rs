//! When the head of a person's change log moves, for those who wait for it: one look at all heads that are waited for, after
//! this process wrote something and else twice a second, for other processes write too. Must not know who waits, nor why.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use pantry_db::users;
use pantry_types::{GrantId, UserId};
use tokio::sync::watch;

use crate::{Drive, Error, Inner, auth::lock};

/// How often heads are looked at while this process writes nothing.
const EVERY: Duration = Duration::from_millis(500);
/// The shortest rest between two looks: what many writes changed is seen by one.
const REST: Duration = Duration::from_millis(5);
/// A rest is at least so many times as long as the look before it took, however many wait and write.
const REST_PER_LOOK: u32 = 20;
/// Seconds after which who was refused a place may find one.
const RETRY_AFTER: i64 = 10;

/// Whom this process looks after.
#[derive(Default)]
pub(crate) struct Watch {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    heads: HashMap<UserId, watch::Sender<i64>>,
    followers: HashMap<GrantId, u32>,
    /// Whether somebody looks.
    looking: bool,
    stopped: bool,
}

impl State {
    /// The people who are waited for; none once nobody waits.
    fn wanted(&mut self) -> Vec<i64> {
        self.heads.retain(|_, head| head.receiver_count() > 0);
        self.heads.keys().map(|user| user.0).collect()
    }
}

/// The head of one person's change log, as far as it was seen.
#[derive(Debug)]
pub struct Watched(watch::Receiver<i64>);

impl Watched {
    /// Waits for a later change than this. `false`: the drive is stopping, and there will be no news. May be dropped and
    /// asked again at any time.
    pub async fn beyond(&mut self, seq: i64) -> bool {
        self.0.wait_for(|head| *head > seq).await.is_ok()
    }

    /// Whether the drive is stopping.
    pub fn has_stopped(&self) -> bool {
        self.0.has_changed().is_err()
    }
}

/// A follower's place among those of its grant, until it is dropped.
pub(super) struct Held {
    state: Arc<Mutex<State>>,
    grant: GrantId,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(n) = state.followers.get_mut(&self.grant) {
            *n -= 1;
            if *n == 0 {
                state.followers.remove(&self.grant);
            }
        }
    }
}

impl Watch {
    /// A place for one more follower of a grant, of which there are so many; 0 is no limit.
    pub(super) fn hold(&self, grant: GrantId, most: u32) -> Result<Held, Error> {
        let mut state = lock(&self.state);
        let n = state.followers.entry(grant).or_default();
        if most != 0 && *n >= most {
            return Err(Error::TooMany {
                retry_after: RETRY_AFTER,
            });
        }
        *n += 1;
        Ok(Held {
            state: Arc::clone(&self.state),
            grant,
        })
    }
}

impl Drive {
    /// Watches the head of a person's change log from now on. Changes of this process are seen at once, those of others
    /// within a second.
    pub fn watch(&self, user: UserId) -> Watched {
        let mut state = lock(&self.0.watch.state);
        if state.stopped {
            return Watched(watch::channel(0).1);
        }
        let heads = state
            .heads
            .entry(user)
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe();
        if !std::mem::replace(&mut state.looking, true) {
            tokio::spawn(look(Arc::downgrade(&self.0), self.db().commits()));
        }
        Watched(heads)
    }

    /// Tells all who wait for changes that there will be no more news, now and for good: their requests would not end
    /// by themselves.
    pub fn stop_watching(&self) {
        let mut state = lock(&self.0.watch.state);
        state.stopped = true;
        state.heads.clear();
    }
}

/// Looks for as long as somebody waits.
async fn look(drive: Weak<Inner>, mut commits: watch::Receiver<u64>) {
    let mut blind = false;
    loop {
        let took = {
            let Some(drive) = drive.upgrade() else { return };
            let began = drive.clock.now_ms();
            let wanted = {
                let mut state = lock(&drive.watch.state);
                let wanted = state.wanted();
                if wanted.is_empty() {
                    state.looking = false;
                    return;
                }
                wanted
            };
            // Before the rows are read: a write that comes in between is looked for again.
            commits.mark_unchanged();
            let heads = drive
                .db
                .read(wanted, |tx, wanted| {
                    Box::pin(async move { Ok::<_, Error>(users::heads(tx, wanted).await?) })
                })
                .await;
            match heads {
                Ok(heads) => {
                    blind = false;
                    let state = lock(&drive.watch.state);
                    for (user, head) in heads {
                        if let Some(known) = state.heads.get(&user) {
                            known.send_if_modified(|known| {
                                let moved = head > *known;
                                *known = head.max(*known);
                                moved
                            });
                        }
                    }
                }
                // Said once, however long it lasts.
                Err(e) if !std::mem::replace(&mut blind, true) => {
                    tracing::warn!(error = %e, "changes cannot be looked for; who follows them is told when they can");
                }
                Err(_) => {}
            }
            Duration::from_millis(drive.clock.now_ms().saturating_sub(began).unsigned_abs())
        };
        let rest = took.saturating_mul(REST_PER_LOOK).clamp(REST, EVERY);
        tokio::time::sleep(rest).await;
        // A sender that is gone is a drive that is closed: the next look ends this.
        let _ = tokio::time::timeout(EVERY - rest, commits.changed()).await;
    }
}
