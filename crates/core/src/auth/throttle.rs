//! Limits on what may be guessed. An attempt is counted before it is judged, so that many at once
//! do not all slip under the limit; one that was right is taken back.
//! Must not know what is guessed.

use pantry_db::{Outcome, Tx, throttle};

use crate::{Drive, Error};

/// At most `max` wrong attempts in `window` seconds.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub(super) key: String,
    pub(super) max: i64,
    pub(super) window: i64,
}

/// Counts an attempt under all limits, the narrowest first, or refuses it under the first that is exhausted.
/// A refused attempt counts nowhere: nobody is locked out by what was never tried.
pub(super) async fn count(tx: &mut Tx<'_>, limits: &[Limit], now: i64) -> Result<(), Error> {
    for (i, limit) in limits.iter().enumerate() {
        let (hits, start) = throttle::hit(tx, &limit.key, now, now - limit.window).await?;
        if hits > limit.max {
            for counted in &limits[..=i] {
                throttle::take_back(tx, &counted.key).await?;
            }
            return Err(Error::TooMany {
                retry_after: (start + limit.window - now).max(1),
            });
        }
    }
    Ok(())
}

async fn count_tx(tx: &mut Tx<'_>, (limits, now): &(Vec<Limit>, i64)) -> Outcome<Result<(), Error>, Error> {
    Outcome::Commit(count(tx, limits, *now).await)
}

impl Drive {
    /// Counts an attempt, or answers [`Error::TooMany`].
    pub(super) async fn attempt(&self, limits: &[Limit]) -> Result<(), Error> {
        if limits.is_empty() {
            return Ok(());
        }
        let args = (limits.to_vec(), self.now());
        self.0.db.write(args, |tx, a| Box::pin(count_tx(tx, a))).await?
    }
}
