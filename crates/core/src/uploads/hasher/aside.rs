//! The thread beside one that hashes: it reads, makes BLAKE3, and hands the bytes over while they are in the cache. So
//! they are read once, and the slowest of the hashes waits for none of it. Must not know when a turn begins or ends.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
};

use pantry_blob::Layout;

use super::{Hashing, spawn};

/// Bytes read at once: half of a second-level cache, usually.
const BLOCK: usize = 512 * 1024;
/// Blocks under way: one is hashed, one waits, one is read.
const BLOCKS: usize = 3;

/// What to read.
pub(super) struct Job {
    pub(super) hashing: Arc<Hashing>,
    pub(super) layout: Arc<Layout>,
    pub(super) at: u64,
    pub(super) end: u64,
    /// BLAKE3 of what is before `at`.
    pub(super) blake3: Box<blake3::Hasher>,
}

/// What comes back, in order.
pub(super) enum Piece {
    /// The next bytes.
    Bytes(Vec<u8>),
    /// The last: BLAKE3 of what is before the end, or what was wrong.
    End(Result<Box<blake3::Hasher>, String>),
}

/// The thread, seen from the one it is beside; it ends with this.
pub(super) struct Aside {
    jobs: mpsc::Sender<Job>,
    pieces: mpsc::Receiver<Piece>,
    empty: mpsc::Sender<Vec<u8>>,
}

impl Aside {
    pub(super) fn start(n: usize) -> Self {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (out, pieces) = mpsc::channel();
        let (empty, blocks) = mpsc::channel();
        for _ in 0..BLOCKS {
            // It gets its memory when it is first used.
            let _ = empty.send(Vec::new());
        }
        spawn(format!("pantry-read-{n}"), move || {
            while let Ok(job) = todo.recv() {
                let read = catch_unwind(AssertUnwindSafe(|| read(job, &out, &blocks)));
                let ended = read.unwrap_or_else(|_| Err("reading it back broke off".to_owned()));
                if out.send(Piece::End(ended)).is_err() {
                    return;
                }
            }
        });
        Self { jobs, pieces, empty }
    }

    /// Begins with a job; the one before must have ended.
    pub(super) fn begin(&self, job: Job) {
        let _ = self.jobs.send(job);
    }

    /// The next piece of the job.
    pub(super) fn next(&self) -> Piece {
        let gone = |_| Piece::End(Err("the thread that reads is gone".to_owned()));
        let piece = self.pieces.recv().unwrap_or_else(gone);
        if let Piece::End(Err(_)) = piece {
            // The block that could not be filled is lost: another in its place.
            let _ = self.empty.send(Vec::new());
        }
        piece
    }

    /// Bytes that were hashed.
    pub(super) fn give_back(&self, bytes: Vec<u8>) {
        let _ = self.empty.send(bytes);
    }
}

fn read(job: Job, out: &mpsc::Sender<Piece>, blocks: &mpsc::Receiver<Vec<u8>>) -> Result<Box<blake3::Hasher>, String> {
    let Job {
        hashing,
        layout,
        mut at,
        end,
        mut blake3,
    } = job;
    while at < end {
        // Nobody gives back any more if the process is ending.
        let mut bytes = blocks.recv().map_err(|e| e.to_string())?;
        bytes.resize(BLOCK.min(usize::try_from(end - at).unwrap_or(BLOCK)), 0);
        match hashing.source.read_at(&layout, at, &mut bytes) {
            Ok(0) => return Err("the staged bytes end early".to_owned()),
            Ok(n) => bytes.truncate(n),
            Err(e) => return Err(e.to_string()),
        }
        blake3.update(&bytes);
        at += bytes.len() as u64;
        out.send(Piece::Bytes(bytes)).map_err(|e| e.to_string())?;
    }
    Ok(blake3)
}
