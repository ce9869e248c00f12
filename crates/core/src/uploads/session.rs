//! One upload in memory: which parts are there, where they lie, and its hashing.
//! Rows are the truth; this is made from them and may be dropped at any time while
//! no part is being received. Must not decide who may do what.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use pantry_blob::{BlobError, Extent, Layout, StageKey, Store};
use pantry_db::uploads::{Part, Upload};

use super::hasher::{Hashing, Pool};
use crate::Error;

/// Bytes received and not known to be on the disk, after which they are written through.
pub(super) const SYNC_EVERY: i64 = 64 * 1024 * 1024;

/// An upload that is in use.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) upload: Upload,
    pub(super) stage: StageKey,
    state: Mutex<State>,
    pub(super) hashing: Arc<Hashing>,
    /// Parts are acknowledged one at a time, so that rows and memory agree on the last one.
    pub(super) acknowledging: tokio::sync::Mutex<()>,
    /// Only one completes; others wait and get the same answer.
    pub(super) completing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    parts: BTreeMap<i64, Part>,
    layout: Layout,
    receiving: HashSet<i64>,
    next_side: i64,
    unsynced: i64,
    used_at: i64,
}

/// Where a part that is being received goes; lets go of its place when dropped.
#[derive(Debug)]
pub(super) struct Claim {
    session: Arc<Session>,
    seq: i64,
    pub(super) extent: i64,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.extent == 0 {
            self.session.lock().receiving.remove(&self.seq);
        }
    }
}

/// What a part's acknowledgement answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) received: i64,
    pub(super) sync_due: bool,
    /// Where the part lay before, aside: nobody needs it any more.
    pub(super) left: Option<Extent>,
}

pub(super) fn extent_of(n: i64) -> Extent {
    match u32::try_from(n) {
        Ok(0) | Err(_) => Extent::Main,
        Ok(n) => Extent::Side(n),
    }
}

impl Session {
    /// Made from the rows; `parts` were hashed again where power may have taken them.
    pub(super) async fn new(
        store: &Store,
        pool: &Pool,
        upload: Upload,
        parts: Vec<Part>,
        now: i64,
    ) -> Result<Arc<Self>, Error> {
        let stage = stage_key(&upload)?;
        let size = u64::try_from(upload.size).unwrap_or(0);
        match store.stage_create(stage, size).await {
            // Its bytes have their place already.
            Err(BlobError::NoSpace) if !parts.is_empty() => {}
            created => created?,
        }
        let mut layout = Layout::new(size, u64::try_from(upload.chunk_size).unwrap_or(0))?;
        let mut next_side = 1;
        for p in &parts {
            next_side = next_side.max(p.extent + 1);
            layout.set(index(p.seq), extent_of(p.extent))?;
        }
        // A side that a dead process was writing must not be taken for a new one.
        if next_side > 1 || !parts.is_empty() {
            next_side += 1_000;
        }
        let reader = store.stage_reader(stage).await?;
        let hashing = Hashing::new(reader, layout.clone(), pool.clone());
        let session = Arc::new(Self {
            stage,
            state: Mutex::new(State {
                unsynced: parts.iter().filter(|p| !p.synced).map(|p| p.size).sum(),
                parts: parts.into_iter().map(|p| (p.seq, p)).collect(),
                layout,
                receiving: HashSet::new(),
                next_side,
                used_at: now,
            }),
            upload,
            hashing,
            acknowledging: tokio::sync::Mutex::default(),
            completing: tokio::sync::Mutex::default(),
        });
        session.follow(None);
        Ok(session)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that part `seq` must have.
    pub(super) fn part_size(&self, seq: i64) -> Result<i64, Error> {
        let u = &self.upload;
        if !(1..=u.parts).contains(&seq) {
            return Err(Error::NoSuchPart { seq, total: u.parts });
        }
        Ok(u.chunk_size.min(u.size - (seq - 1) * u.chunk_size))
    }

    /// A place for a part: its own the first time, one aside if it is there already
    /// or is being received.
    pub(super) fn claim(self: &Arc<Self>, seq: i64, now: i64) -> Claim {
        let mut s = self.lock();
        s.used_at = now;
        let extent = if s.parts.contains_key(&seq) || !s.receiving.insert(seq) {
            s.next_side += 1;
            s.next_side
        } else {
            0
        };
        Claim {
            session: self.clone(),
            seq,
            extent,
        }
    }

    /// The part of this number that stands.
    pub(super) fn part(&self, seq: i64) -> Option<Part> {
        self.lock().parts.get(&seq).cloned()
    }

    /// The parts that stand, in order.
    pub(super) fn parts(&self) -> Vec<Part> {
        self.lock().parts.values().cloned().collect()
    }

    /// How many parts stand.
    pub(super) fn received(&self) -> i64 {
        self.lock().parts.len() as i64
    }

    /// Where the bytes of the parts lie.
    pub(super) fn layout(&self) -> Layout {
        self.lock().layout.clone()
    }

    /// Notes a part whose row is committed.
    pub(super) fn acknowledge(&self, part: Part) -> Result<Counts, Error> {
        let (seq, extent) = (part.seq, part.extent);
        let before = {
            let mut s = self.lock();
            s.layout.set(index(seq), extent_of(part.extent))?;
            s.unsynced += part.size;
            s.parts.insert(seq, part)
        };
        self.follow(before.is_some().then_some(seq));
        let mut s = self.lock();
        let sync_due = s.unsynced >= SYNC_EVERY;
        if sync_due {
            s.unsynced = 0;
        }
        Ok(Counts {
            received: s.parts.len() as i64,
            sync_due,
            left: before
                .filter(|p| p.extent > 0 && p.extent != extent)
                .map(|p| extent_of(p.extent)),
        })
    }

    /// Lets the hashing follow the frontier; `changed` is a part that has other bytes now.
    fn follow(&self, changed: Option<i64>) {
        let (layout, frontier) = {
            let s = self.lock();
            let whole = (1..).zip(s.parts.keys()).take_while(|(n, seq)| n == *seq).count() as i64;
            let bytes = (whole * self.upload.chunk_size).min(self.upload.size);
            (s.layout.clone(), u64::try_from(bytes).unwrap_or(0))
        };
        let at = changed.map(|seq| u64::try_from((seq - 1) * self.upload.chunk_size).unwrap_or(0));
        self.hashing.advance(layout, frontier, at);
    }

    /// Notes which of these parts are on the disk now, so that their rows are written once.
    pub(super) fn synced(&self, parts: &[Part]) {
        let mut s = self.lock();
        for p in parts {
            if let Some(stands) = s.parts.get_mut(&p.seq)
                && stands.hash == p.hash
                && stands.extent == p.extent
            {
                stands.synced = true;
            }
        }
    }

    fn idle_since(&self) -> Option<i64> {
        let s = self.lock();
        s.receiving.is_empty().then_some(s.used_at)
    }
}

fn index(seq: i64) -> u32 {
    u32::try_from(seq - 1).unwrap_or(u32::MAX)
}

/// The staging of an upload is named by its salt.
pub(super) fn stage_key(upload: &Upload) -> Result<StageKey, Error> {
    let salt: [u8; 16] = upload
        .salt
        .as_slice()
        .try_into()
        .map_err(|_| Error::Internal("an upload's salt has the wrong length".into()))?;
    Ok(StageKey(salt))
}

/// The uploads in use, by the id of their rows.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<i64, Arc<Session>>>,
    making: Mutex<HashMap<i64, Weak<tokio::sync::Mutex<()>>>>,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be held while the session of an upload is made, so that it has one. Each upload has its own: what is made from
    /// parts that must be read again may take long.
    pub(super) fn making(&self, id: i64) -> Arc<tokio::sync::Mutex<()>> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = making.get(&id).and_then(Weak::upgrade) {
            return there;
        }
        making.retain(|_, held| held.strong_count() > 0);
        let new = Arc::default();
        making.insert(id, Arc::downgrade(&new));
        new
    }

    pub(super) fn get(&self, id: i64) -> Option<Arc<Session>> {
        self.lock().get(&id).cloned()
    }

    pub(super) fn put(&self, session: Arc<Session>) {
        self.lock().insert(session.upload.id, session);
    }

    pub(super) fn remove(&self, id: i64) {
        self.lock().remove(&id);
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Lets go of uploads that nobody used since `before`; their hashing begins again if they are.
    pub(super) fn drop_idle(&self, before: i64) {
        self.lock()
            .retain(|_, s| Arc::strong_count(s) > 1 || s.idle_since().is_none_or(|at| at >= before));
    }
}

#[cfg(test)]
mod tests {
    //! Who waits for whom when sessions are made.
    use super::*;

    #[test]
    fn uploads_are_made_beside_each_other_and_each_once() {
        let sessions = Sessions::default();
        let (first, again, other) = (sessions.making(1), sessions.making(1), sessions.making(2));
        let held = first.try_lock().expect("free");
        assert!(again.try_lock().is_err(), "the same upload waits");
        assert!(other.try_lock().is_ok(), "another does not");
        drop(held);
        drop((first, again, other));
        let _last = sessions.making(3);
        assert_eq!(sessions.making.lock().expect("whole").len(), 1, "nothing is kept");
    }
}
