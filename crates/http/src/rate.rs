//! A limit on calls by key, in memory: a token bucket for each, spread over shards.
//! Must not know what the keys are. It is each process's own: nodes do not share it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

const SHARDS: usize = 16;

/// A shard with more buckets than this drops those that are full again.
const SWEEP_ABOVE: usize = 1024;

/// Buckets that hold a minute's calls and fill evenly.
#[derive(Debug)]
pub struct RateLimiter {
    per_minute: u32,
    shards: Vec<Mutex<Shard>>,
}

#[derive(Debug, Default)]
struct Shard {
    buckets: HashMap<i64, Bucket>,
    sweep_above: usize,
}

#[derive(Debug)]
struct Bucket {
    calls: f64,
    at_ms: i64,
}

impl RateLimiter {
    /// So many calls a minute for each key; 0 is no limit.
    pub fn per_minute(per_minute: u32) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { per_minute, shards }
    }

    /// Takes one call of `key` at `now_ms` (Unix milliseconds).
    ///
    /// # Errors
    /// The seconds to wait, at least 1. Nothing was taken.
    pub fn take(&self, key: i64, now_ms: i64) -> Result<(), i64> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let most = f64::from(self.per_minute);
        let per_ms = most / 60_000.0;
        let index = usize::try_from(key.rem_euclid(SHARDS as i64)).unwrap_or(0);
        let mut shard = self.shards[index].lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |b: &Bucket| (b.calls + (now_ms - b.at_ms).max(0) as f64 * per_ms).min(most);
        if shard.buckets.len() > shard.sweep_above.max(SWEEP_ABOVE) {
            shard.buckets.retain(|_, b| filled(b) < most);
            // Where many are busy at once, the next sweep waits until their number has doubled.
            shard.sweep_above = shard.buckets.len() * 2;
        }
        let bucket = shard.buckets.entry(key).or_insert(Bucket {
            calls: most,
            at_ms: now_ms,
        });
        bucket.calls = filled(bucket);
        bucket.at_ms = now_ms;
        if bucket.calls >= 1.0 {
            bucket.calls -= 1.0;
            return Ok(());
        }
        Err((((1.0 - bucket.calls) / per_ms / 1000.0).ceil() as i64).max(1))
    }
}

#[cfg(test)]
mod tests {
    //! The bucket's edges, and that idle buckets go.
    use super::*;

    #[test]
    fn a_minutes_calls_may_come_at_once_and_then_evenly() {
        let limiter = RateLimiter::per_minute(10);
        for _ in 0..10 {
            assert_eq!(limiter.take(7, 0), Ok(()));
        }
        assert_eq!(limiter.take(7, 0), Err(6));
        assert_eq!(limiter.take(8, 0), Ok(()), "another key has its own bucket");
        assert_eq!(limiter.take(7, 5_999), Err(1));
        assert_eq!(limiter.take(7, 6_000), Ok(()));
        assert_eq!(limiter.take(7, 6_000), Err(6));
        // A clock that was set back gives nothing, and takes nothing.
        assert_eq!(limiter.take(7, 0), Err(6));
    }

    #[test]
    fn zero_is_no_limit() {
        let limiter = RateLimiter::per_minute(0);
        assert!((0..1_000).all(|_| limiter.take(1, 0).is_ok()));
    }

    #[test]
    fn buckets_that_are_full_again_are_dropped() {
        let limiter = RateLimiter::per_minute(60);
        for key in 0..100_000 {
            assert_eq!(limiter.take(key, key * 10), Ok(()));
        }
        let left: usize = limiter
            .shards
            .iter()
            .map(|s| s.lock().expect("shard").buckets.len())
            .sum();
        assert!(left < 40_000, "{left}");
    }
}
