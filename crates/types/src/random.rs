//! Chance as a parameter. Owns the only reading of the system's random source, and the unbiased drawing of digits and letters.
//! Must not know what is drawn: the form of tokens stands in [`crate::secret`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A random source that many parts of one process share.
pub type SharedRandom = Arc<dyn Random>;

/// Fills buffers with random bytes.
pub trait Random: Send + Sync {
    /// Overwrites the whole of `buffer`.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's random source, fit for secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        // Without randomness every token could be guessed, so there is no going on.
        getrandom::fill(buffer).expect("the operating system gives random bytes");
    }
}

/// A source that repeats itself from its seed (SplitMix64). For tests alone: who sees some of its bytes knows the rest.
#[derive(Debug)]
pub struct SeededRandom(AtomicU64);

/// SplitMix64's step; odd, so that the state passes through every value.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl SeededRandom {
    /// A source that always gives the same bytes for the same `seed`.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Random for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// `N` random bytes.
pub fn bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut out = [0; N];
    random.fill(&mut out);
    out
}

/// A number from 0 to `n - 1`, each equally likely. `n` must not be 0.
pub fn below(random: &dyn Random, n: u32) -> u32 {
    assert!(n > 0, "cannot draw a number below 0");
    // Values past the last whole multiple of n would favour the small remainders: draw again.
    let fair = u32::MAX - (u32::MAX % n + 1) % n;
    loop {
        let drawn = u32::from_le_bytes(bytes(random));
        if drawn <= fair {
            return drawn % n;
        }
    }
}

/// `n` decimal digits, the first of them not 0.
pub fn digits(random: &dyn Random, n: usize) -> String {
    let mut out = String::with_capacity(n);
    if n > 0 {
        out.push_str(&choose(random, "123456789", 1));
        out.push_str(&choose(random, "0123456789", n - 1));
    }
    out
}

/// `n` characters of `alphabet`, each drawn evenly. `alphabet` is ASCII and not empty.
pub fn choose(random: &dyn Random, alphabet: &str, n: usize) -> String {
    assert!(
        alphabet.is_ascii() && !alphabet.is_empty(),
        "an alphabet is ASCII and not empty"
    );
    let letters = alphabet.as_bytes();
    let size = u32::try_from(letters.len()).expect("an alphabet is short");
    (0..n)
        .map(|_| char::from(letters[below(random, size) as usize]))
        .collect()
}

#[cfg(test)]
mod tests {
    //! Repetition of the seeded source, and evenness of what is drawn.
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_seeds_differ() {
        let draw = |seed| bytes::<32>(&SeededRandom::new(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn the_system_source_does_not_repeat_itself() {
        assert_ne!(bytes::<16>(&SystemRandom), bytes::<16>(&SystemRandom));
    }

    #[test]
    fn draws_are_even() {
        let random = SeededRandom::new(3);
        let mut seen = [0_u32; 7];
        for _ in 0..70_000 {
            seen[below(&random, 7) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (9_500..10_500).contains(n)), "{seen:?}");
        assert_eq!(below(&random, 1), 0);
    }

    /// Gives prepared words, to reach the draw that must be thrown away.
    struct Words(std::sync::Mutex<Vec<u32>>);
    impl Random for Words {
        fn fill(&self, buffer: &mut [u8]) {
            let word = self.0.lock().unwrap().remove(0);
            buffer.copy_from_slice(&word.to_le_bytes());
        }
    }

    #[test]
    fn a_draw_past_the_last_whole_multiple_is_thrown_away() {
        // 2^32 = 613566756 * 7 + 4: the last four values would favour 0 to 3.
        let words = Words(std::sync::Mutex::new(vec![u32::MAX, u32::MAX - 3, u32::MAX - 4]));
        assert_eq!(below(&words, 7), 6);
        // A power of two divides evenly: nothing is thrown away.
        let words = Words(std::sync::Mutex::new(vec![u32::MAX]));
        assert_eq!(below(&words, 8), 7);
    }

    #[test]
    fn digits_do_not_begin_with_zero() {
        let random = SeededRandom::new(4);
        for _ in 0..500 {
            let text = digits(&random, 10);
            assert!(
                text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0'),
                "{text}"
            );
        }
        assert_eq!(digits(&random, 0), "");
    }
}
