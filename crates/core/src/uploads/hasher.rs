//! The hashes of an upload, made while its parts arrive: md5 in one lane, sha1 and BLAKE3
//! in another, each following the contiguous frontier through the page cache on long-lived
//! threads. Must not write, nor keep a state beyond the process: a state over bytes that are
//! not on the disk would, after power loss, bless what was lost.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use md5::{Digest as _, Md5 as Md5Hasher};
use pantry_blob::{Layout, StageReader};
use pantry_types::{Blake3, Md5, Sha1};
use sha1::Sha1 as Sha1Hasher;
use tokio::sync::Notify;

use crate::Error;

/// Bytes read at once: fits the second-level cache.
const BLOCK: usize = 256 * 1024;
/// Bytes that a lane hashes before another lane gets the thread.
const TURN: u64 = 16 * 1024 * 1024;
/// Distance of the states kept for going back.
const MARK: u64 = 64 * 1024 * 1024;

/// All hashes of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashes {
    /// MD5.
    pub md5: Md5,
    /// SHA-1.
    pub sha1: Sha1,
    /// BLAKE3.
    pub blake3: Blake3,
}

/// Hashes of bytes that are at hand.
pub fn hash_all(bytes: &[u8]) -> Hashes {
    let mut all = Running::default();
    all.update(bytes);
    all.finish()
}

/// Hashes of bytes that come one after another.
#[derive(Clone, Default)]
pub struct Running {
    md5: Md5Hasher,
    sha1: Sha1Hasher,
    blake3: blake3::Hasher,
}

impl Running {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.sha1.update(bytes);
        self.blake3.update(bytes);
    }

    /// The hashes.
    pub fn finish(self) -> Hashes {
        Hashes {
            md5: Md5(self.md5.finalize().into()),
            sha1: Sha1(self.sha1.finalize().into()),
            blake3: Blake3(*self.blake3.finalize().as_bytes()),
        }
    }
}

#[derive(Clone)]
enum LaneHash {
    Md5(Md5Hasher),
    Rest(Sha1Hasher, Box<blake3::Hasher>),
}

impl LaneHash {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            LaneHash::Md5(h) => h.update(bytes),
            LaneHash::Rest(s, b) => {
                s.update(bytes);
                b.update(bytes);
            }
        }
    }
}

struct Lane {
    hash: LaneHash,
    at: u64,
    /// States at every 64 MiB, to go back to.
    marks: Vec<(u64, LaneHash)>,
    /// A thread has it, or will.
    queued: bool,
    /// Grows when the lane was set back while a thread had it.
    turn: u64,
}

impl Lane {
    fn new(hash: LaneHash) -> Self {
        Self {
            marks: vec![(0, hash.clone())],
            hash,
            at: 0,
            queued: false,
            turn: 0,
        }
    }

    fn rewind(&mut self, to: u64) {
        if self.at <= to && !self.queued {
            return;
        }
        self.marks.retain(|(at, _)| *at <= to);
        if let Some((at, hash)) = self.marks.last() {
            self.at = *at;
            self.hash = hash.clone();
            self.turn += 1;
        }
    }
}

struct State {
    lanes: [Lane; 2],
    layout: Arc<Layout>,
    frontier: u64,
    failed: Option<String>,
}

/// The hashing of one upload.
pub struct Hashing {
    state: Mutex<State>,
    reader: StageReader,
    progress: Notify,
    pool: Pool,
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashing")
    }
}

impl Hashing {
    /// Begins, over what `reader` finds where `layout` says.
    pub fn new(reader: StageReader, layout: Layout, pool: Pool) -> Arc<Self> {
        let rest = LaneHash::Rest(Sha1Hasher::new(), Box::default());
        Arc::new(Self {
            state: Mutex::new(State {
                lanes: [Lane::new(LaneHash::Md5(Md5Hasher::new())), Lane::new(rest)],
                layout: Arc::new(layout),
                frontier: 0,
                failed: None,
            }),
            reader,
            progress: Notify::new(),
            pool,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes before `frontier` are all there, where `layout` says. If bytes behind it changed,
    /// `changed_at` is the first of them.
    pub fn advance(self: &Arc<Self>, layout: Layout, frontier: u64, changed_at: Option<u64>) {
        let mut s = self.lock();
        s.layout = Arc::new(layout);
        s.frontier = frontier;
        for i in 0..2 {
            if let Some(at) = changed_at {
                s.lanes[i].rewind(at);
            }
            if !s.lanes[i].queued && s.lanes[i].at < frontier {
                s.lanes[i].queued = true;
                self.pool.send(self.clone(), i);
            }
        }
    }

    /// Waits until all `total` bytes are hashed, and answers the hashes.
    pub async fn finish(&self, total: u64) -> Result<Hashes, Error> {
        loop {
            let changed = self.progress.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let s = self.lock();
                if let Some(why) = &s.failed {
                    return Err(Error::Internal(format!("reading back the upload failed: {why}")));
                }
                if s.lanes.iter().all(|l| l.at == total && !l.queued)
                    && let [
                        Lane {
                            hash: LaneHash::Md5(m), ..
                        },
                        Lane {
                            hash: LaneHash::Rest(h, b),
                            ..
                        },
                    ] = &s.lanes
                {
                    return Ok(Hashes {
                        md5: Md5(m.clone().finalize().into()),
                        sha1: Sha1(h.clone().finalize().into()),
                        blake3: Blake3(*b.finalize().as_bytes()),
                    });
                }
            }
            changed.await;
        }
    }

    /// One turn of one lane, on a thread of the pool.
    fn run(self: &Arc<Self>, lane: usize, block: &mut [u8]) {
        let (mut hash, mut at, layout, end, turn) = {
            let s = self.lock();
            let l = &s.lanes[lane];
            (
                l.hash.clone(),
                l.at,
                s.layout.clone(),
                s.frontier.min(l.at + TURN),
                l.turn,
            )
        };
        let mut marks = Vec::new();
        let mut failed = None;
        while at < end {
            // Up to the next mark, so that a mark is a state of exactly so many bytes.
            let to_mark = MARK - at % MARK;
            let want = (end - at).min(to_mark).min(block.len() as u64) as usize;
            match self.reader.read_at(&layout, at, &mut block[..want]) {
                Ok(0) => {
                    failed = Some("the staged bytes end early".to_owned());
                    break;
                }
                Ok(n) => {
                    hash.update(&block[..n]);
                    at += n as u64;
                    if at % MARK == 0 {
                        marks.push((at, hash.clone()));
                    }
                }
                Err(e) => {
                    failed = Some(e.to_string());
                    break;
                }
            }
        }
        let mut s = self.lock();
        let frontier = s.frontier;
        let l = &mut s.lanes[lane];
        if l.turn == turn {
            l.hash = hash;
            l.at = at;
            l.marks.extend(marks);
            if failed.is_some() {
                l.queued = false;
                s.failed = failed;
                drop(s);
                self.progress.notify_waiters();
                return;
            }
        }
        if l.at < frontier {
            self.pool.send(self.clone(), lane);
        } else {
            l.queued = false;
        }
        drop(s);
        self.progress.notify_waiters();
    }
}

/// The threads that hash, for all uploads of the process.
#[derive(Clone)]
pub struct Pool(Arc<PoolInner>);

struct PoolInner {
    queue: mpsc::Sender<(Arc<Hashing>, usize)>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    /// Starts a thread for each core, two at least: the two lanes run beside each other.
    pub fn start() -> Self {
        let (queue, jobs) = mpsc::channel::<(Arc<Hashing>, usize)>();
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 16));
        for n in 0..threads {
            let jobs = jobs.clone();
            let body = move || {
                let mut block = vec![0; BLOCK];
                loop {
                    let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    match next {
                        Ok((hashing, lane)) => hashing.run(lane, &mut block),
                        Err(_) => return,
                    }
                }
            };
            // Without a thread nothing would ever complete: better to fail at start.
            std::thread::Builder::new()
                .name(format!("pantry-hash-{n}"))
                .spawn(body)
                .unwrap_or_else(|e| panic!("cannot start a hashing thread: {e}"));
        }
        Self(Arc::new(PoolInner { queue }))
    }

    fn send(&self, hashing: Arc<Hashing>, lane: usize) {
        // The threads live as long as the sender.
        let _ = self.0.queue.send((hashing, lane));
    }
}
