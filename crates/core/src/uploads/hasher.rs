//! The hashes of an upload, made while its parts arrive: long-lived threads follow the contiguous
//! frontier through the page cache, in pairs, one for MD5 and SHA-1, one that reads and makes BLAKE3.
//! And the gate that keeps parts from running far ahead of them. Must not write, nor keep a state
//! beyond the process: a state over bytes that are not on the disk would, after power loss, bless
//! what was lost.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use pantry_blob::{Layout, StageReader};
use pantry_types::Blake3;
use tokio::sync::Notify;

use super::digest::Md5Sha1;
pub use super::digest::{Hashes, Running, hash_all};
use crate::Error;
use aside::{Aside, Job, Piece};

mod aside;
#[cfg(test)]
mod tests;

/// Bytes that a pair of threads hashes before another upload gets it.
const TURN: u64 = 16 * 1024 * 1024;
/// Received bytes that may wait to be hashed before parts are held back. A twentieth of a second for MD5: no longer does
/// `complete` wait for it. Enough to bridge the commit of a part's row on a busy disk.
const WINDOW: u64 = 32 * 1024 * 1024;
/// A part that is held back goes on when so many times its bytes were hashed, however much is left. More than one, so
/// that what is left shrinks; bounded, so that nobody waits until all is hashed again after an early part was replaced.
const WAY: u64 = 2;
/// And after this long in any case: clients give up, too.
const PATIENCE: Duration = Duration::from_secs(10);
/// Distance of the states kept for going back.
const MARK: u64 = 64 * 1024 * 1024;

/// A state of all hashes.
#[derive(Clone, Default)]
struct Mid {
    pair: Md5Sha1,
    blake3: Box<blake3::Hasher>,
}

struct State {
    mid: Mid,
    /// Bytes that `mid` is a state of.
    at: u64,
    /// Bytes hashed beyond, in the turn under way.
    ahead: u64,
    /// Bytes hashed in all, again and again if it was set back: it only grows.
    done: u64,
    /// States at every 64 MiB, to go back to.
    marks: Vec<(u64, Mid)>,
    /// A thread has it, or will.
    queued: bool,
    /// Grows when it was set back while a thread had it.
    turn: u64,
    layout: Arc<Layout>,
    frontier: u64,
    failed: Option<String>,
}

impl State {
    fn rewind(&mut self, to: u64) {
        if self.at <= to && !self.queued {
            return;
        }
        self.marks.retain(|(at, _)| *at <= to);
        if let Some((at, mid)) = self.marks.last() {
            self.at = *at;
            self.mid = mid.clone();
            self.ahead = 0;
            self.turn += 1;
        }
    }
}

/// Where received bytes are read back.
pub(super) trait Source: Send + Sync {
    /// As [`StageReader::read_at`].
    fn read_at(&self, layout: &Layout, offset: u64, buf: &mut [u8]) -> pantry_blob::Result<usize>;

    /// As [`StageReader::keep`].
    fn keep(&self, layout: &Layout);
}

impl Source for StageReader {
    fn read_at(&self, layout: &Layout, offset: u64, buf: &mut [u8]) -> pantry_blob::Result<usize> {
        StageReader::read_at(self, layout, offset, buf)
    }

    fn keep(&self, layout: &Layout) {
        StageReader::keep(self, layout);
    }
}

/// The hashing of one upload.
pub(super) struct Hashing {
    state: Mutex<State>,
    source: Box<dyn Source>,
    progress: Notify,
    /// Parts that are held back go on one after another.
    gate: tokio::sync::Mutex<()>,
    pool: Pool,
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashing")
    }
}

impl Hashing {
    /// Begins, over what `source` finds where `layout` says.
    pub(super) fn new(source: impl Source + 'static, layout: Layout, pool: Pool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                mid: Mid::default(),
                at: 0,
                ahead: 0,
                done: 0,
                marks: vec![(0, Mid::default())],
                queued: false,
                turn: 0,
                layout: Arc::new(layout),
                frontier: 0,
                failed: None,
            }),
            source: Box::new(source),
            progress: Notify::new(),
            gate: tokio::sync::Mutex::default(),
            pool,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes before `frontier` are all there, where `layout` says. If bytes behind it changed,
    /// `changed_at` is the first of them.
    pub(super) fn advance(self: &Arc<Self>, layout: Layout, frontier: u64, changed_at: Option<u64>) {
        let mut s = self.lock();
        if let Some(at) = changed_at {
            self.source.keep(&layout);
            s.rewind(at);
        }
        s.layout = Arc::new(layout);
        s.frontier = frontier;
        if !s.queued && s.at < frontier && s.failed.is_none() {
            s.queued = true;
            self.pool.send(self.clone());
        }
    }

    /// Waits, before a part of `len` bytes is taken, while the hashing is far behind what was received: what the hashing
    /// cannot follow only piles up until `complete`, and takes the processor from it meanwhile.
    ///
    /// It waits for nothing but hashing that is under way: without a backlog it never waits, whichever parts are
    /// missing, and of a backlog only for a bounded piece.
    pub(super) async fn make_way(&self, len: u64) {
        self.make_way_within(len, PATIENCE).await;
    }

    async fn make_way_within(&self, len: u64, patience: Duration) {
        if self.has_way(u64::MAX, len) {
            return;
        }
        let made = async {
            let _next = self.gate.lock().await;
            let until = {
                let s = self.lock();
                s.done + WAY * len
            };
            self.wait_for(|| self.has_way(until, len).then_some(())).await;
        };
        // Late, it is let through: slow is better than refused.
        let _ = tokio::time::timeout(patience, made).await;
    }

    /// Whether the hashing is near the frontier, or has done so much.
    fn has_way(&self, until: u64, len: u64) -> bool {
        let s = self.lock();
        let left = s.frontier.saturating_sub(s.at + s.ahead);
        s.failed.is_some() || left <= WINDOW.max(len) || s.done >= until
    }

    /// Waits until there is an answer, asking at every progress.
    async fn wait_for<T>(&self, answer: impl Fn() -> Option<T>) -> T {
        loop {
            let changed = self.progress.notified();
            tokio::pin!(changed);
            // Before the question, so that no progress is missed.
            changed.as_mut().enable();
            if let Some(answer) = answer() {
                return answer;
            }
            changed.await;
        }
    }

    /// Waits until all `total` bytes are hashed, and answers the hashes.
    pub(super) async fn finish(&self, total: u64) -> Result<Hashes, Error> {
        self.wait_for(|| {
            let s = self.lock();
            if let Some(why) = &s.failed {
                return Some(Err(Error::Internal(format!("hashing the upload failed: {why}"))));
            }
            (s.at == total && !s.queued).then(|| {
                let (md5, sha1) = s.mid.pair.clone().finish();
                let blake3 = Blake3(*s.mid.blake3.finalize().as_bytes());
                Ok(Hashes { md5, sha1, blake3 })
            })
        })
        .await
    }

    /// One turn, on a thread of the pool and the one beside it.
    fn run(self: &Arc<Self>, aside: &Aside) {
        let (mut pair, job, turn) = {
            let s = self.lock();
            // Up to the next mark, so that a mark is a state of exactly so many bytes.
            let end = s.frontier.min(s.at + TURN.min(MARK - s.at % MARK));
            let job = Job {
                hashing: self.clone(),
                layout: s.layout.clone(),
                at: s.at,
                end,
                blake3: s.mid.blake3.clone(),
            };
            (s.mid.pair.clone(), job, s.turn)
        };
        let end = job.end;
        aside.begin(job);
        let ended = loop {
            match aside.next() {
                Piece::Bytes(bytes) => {
                    pair.update(&bytes);
                    let len = bytes.len() as u64;
                    aside.give_back(bytes);
                    let mut s = self.lock();
                    s.done += len;
                    if s.turn == turn {
                        s.ahead += len;
                    }
                    drop(s);
                    self.progress.notify_waiters();
                }
                Piece::End(ended) => break ended,
            }
        };
        let mut s = self.lock();
        if s.turn == turn {
            s.ahead = 0;
            match ended {
                Ok(blake3) => {
                    s.mid = Mid { pair, blake3 };
                    s.at = end;
                    if end % MARK == 0 {
                        let mark = (end, s.mid.clone());
                        s.marks.push(mark);
                    }
                }
                Err(why) => s.failed = Some(why),
            }
        }
        s.queued = s.at < s.frontier && s.failed.is_none();
        if s.queued {
            self.pool.send(self.clone());
        }
        drop(s);
        self.progress.notify_waiters();
    }

    /// The hashes are lost: whoever waits for them is told.
    fn fail(&self, why: String) {
        let mut s = self.lock();
        s.queued = false;
        s.failed = Some(why);
        drop(s);
        self.progress.notify_waiters();
    }
}

/// The threads that hash, for all uploads of the process.
#[derive(Clone)]
pub(super) struct Pool(mpsc::Sender<Arc<Hashing>>);

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    /// Starts a pair of threads for each core, two pairs at least.
    pub(super) fn start() -> Self {
        let pairs = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 16));
        Self::with_pairs(pairs)
    }

    fn with_pairs(pairs: usize) -> Self {
        let (queue, jobs) = mpsc::channel::<Arc<Hashing>>();
        let jobs = Arc::new(Mutex::new(jobs));
        for n in 0..pairs {
            let jobs = jobs.clone();
            let mut aside = Aside::start(n);
            spawn(format!("pantry-hash-{n}"), move || {
                loop {
                    let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(hashing) = next else { return };
                    // The threads serve all uploads: what ends one must not end them.
                    if catch_unwind(AssertUnwindSafe(|| hashing.run(&aside))).is_err() {
                        hashing.fail("it broke off".to_owned());
                        aside = Aside::start(n);
                    }
                }
            });
        }
        Self(queue)
    }

    fn send(&self, hashing: Arc<Hashing>) {
        // The threads live as long as the sender.
        let _ = self.0.send(hashing);
    }
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) {
    // Without a thread nothing would ever complete: better to fail at start.
    std::thread::Builder::new()
        .name(name)
        .spawn(body)
        .unwrap_or_else(|e| panic!("cannot start a hashing thread: {e}"));
}
