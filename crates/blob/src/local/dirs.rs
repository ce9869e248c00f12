//! Remembers which folders of blobs exist durably, so that a commit does not sync three levels of
//! them every time. Must not trust what an earlier run of the program left: only what was synced
//! in this one.

use std::sync::atomic::{AtomicU64, Ordering};

/// One bit for each of the 256 × 256 folders.
#[derive(Debug)]
pub(super) struct KnownDirs {
    bits: Box<[AtomicU64]>,
}

impl KnownDirs {
    pub(super) fn new() -> Self {
        Self {
            bits: (0..65_536 / 64).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn place(&self, hash: &[u8; 32]) -> (&AtomicU64, u64) {
        let number = usize::from(hash[0]) * 256 + usize::from(hash[1]);
        (&self.bits[number / 64], 1 << (number % 64))
    }

    pub(super) fn has(&self, hash: &[u8; 32]) -> bool {
        let (word, bit) = self.place(hash);
        word.load(Ordering::Acquire) & bit != 0
    }

    pub(super) fn add(&self, hash: &[u8; 32]) {
        let (word, bit) = self.place(hash);
        word.fetch_or(bit, Ordering::AcqRel);
    }

    pub(super) fn forget(&self, hash: &[u8; 32]) {
        let (word, bit) = self.place(hash);
        word.fetch_and(!bit, Ordering::AcqRel);
    }
}
