//! Limits on what may be guessed. An attempt is counted before it is judged, so that many at once
//! do not all slip under the limit; one that was right is taken back.
//! Must not know what a guess would open.
//!
//! Two kinds. What people can remember (passwords, codes to type) is counted in the rows, and past its limit even the
//! right one is refused. What is random and long (tokens, codes, clients' secrets) cannot be found by trying; there
//! the limit keeps one address from loading the server, is counted in memory by each process, and never refuses what
//! is right: nobody is shut out by who shares their address.

use std::sync::Mutex;

use pantry_db::{Outcome, Tx, throttle};
use quick_cache::unsync::Cache;

use super::{OAuthCode, OAuthError, Origin, apps::is_client_id, lock};
use crate::{Drive, Error};

/// Addresses and apps whose guesses are counted.
const COUNTED: usize = 65_536;
/// Seconds of a window of guesses.
const MINUTE: i64 = 60;
/// How many times more guesses an app takes from all addresses together.
const ANYWHERE: i64 = 10;

/// What was guessed wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess<'a> {
    /// A token or a code.
    Token,
    /// The proof of an app, named by its id.
    Client(&'a str),
    /// The address of a share.
    Share,
}

/// Wrong guesses of the running minute: when it began, and how many.
pub(super) struct Guesses(Mutex<Cache<String, (i64, i64)>>);

impl Guesses {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Cache::new(COUNTED)))
    }

    /// Counts a wrong guess; seconds to wait if it was one too many.
    fn count(&self, key: String, max: i64, now: i64) -> Option<i64> {
        let mut all = lock(&self.0);
        let (start, hits) = all
            .get(&key)
            .copied()
            .filter(|(start, _)| (0..MINUTE).contains(&(now - start)))
            .unwrap_or((now, 0));
        all.insert(key, (start, hits + 1));
        (hits >= max).then_some((start + MINUTE - now).max(1))
    }
}

/// At most `max` wrong attempts in `window` seconds.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    pub(crate) key: String,
    pub(crate) max: i64,
    pub(crate) window: i64,
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

/// An attempt was right: forgets those of the narrowest limit, and takes this one back from the rest.
pub(super) async fn forgive(tx: &mut Tx<'_>, limits: &[Limit]) -> Result<(), Error> {
    for (i, limit) in limits.iter().enumerate() {
        match i {
            0 => throttle::clear(tx, &limit.key).await?,
            _ => throttle::take_back(tx, &limit.key).await?,
        }
    }
    Ok(())
}

async fn count_tx(tx: &mut Tx<'_>, (limits, now): &(Vec<Limit>, i64)) -> Outcome<Result<(), Error>, Error> {
    Outcome::Commit(count(tx, limits, *now).await)
}

impl Drive {
    /// Counts a wrong guess, and answers what to say instead if it was one too many.
    pub fn guessed(&self, what: Guess<'_>, origin: &Origin) -> Option<Error> {
        let limits = &self.0.settings.limits;
        let (kind, max, app) = match what {
            Guess::Token => ("token", limits.bad_tokens_per_minute, None),
            Guess::Share => ("share", limits.bad_shares_per_minute, None),
            // What cannot be an app's id is as long as a caller likes, and counts for the address alone.
            Guess::Client(id) => (
                "client",
                limits.bad_clients_per_minute,
                Some(id).filter(|id| is_client_id(id)),
            ),
        };
        if max <= 0 {
            return None;
        }
        let (now, guesses) = (self.now(), &self.0.auth.guesses);
        let from = guesses.count(format!("{kind} {}", origin.network()), max, now);
        let of = app.and_then(|id| guesses.count(format!("{kind} of {id}"), max.saturating_mul(ANYWHERE), now));
        from.max(of).map(|retry_after| Error::TooMany { retry_after })
    }

    /// An OAuth answer as it is to be given: a refusal that shows a wrong guess counts as one.
    pub fn with_guess_counted<T>(
        &self,
        what: Guess<'_>,
        origin: &Origin,
        answer: Result<T, OAuthError>,
    ) -> Result<T, OAuthError> {
        match answer {
            Err(e) if matches!(e.code(), Some(OAuthCode::InvalidGrant | OAuthCode::InvalidClient)) => {
                Err(self.guessed(what, origin).map_or(e, OAuthError::Drive))
            }
            answer => answer,
        }
    }

    /// Takes back an attempt that was right.
    pub(crate) async fn forgive(&self, limits: &[Limit]) -> Result<(), Error> {
        if limits.is_empty() {
            return Ok(());
        }
        self.0
            .db
            .write(limits.to_vec(), |tx, limits| {
                Box::pin(async move { forgive(tx, limits).await.into() })
            })
            .await
    }

    /// Counts an attempt, or answers [`Error::TooMany`].
    pub(crate) async fn attempt(&self, limits: &[Limit]) -> Result<(), Error> {
        if limits.is_empty() {
            return Ok(());
        }
        let args = (limits.to_vec(), self.now());
        self.0.db.write(args, |tx, a| Box::pin(count_tx(tx, a))).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_guesses_begins_with_the_first_and_is_its_own_for_each() {
        let guesses = Guesses::new();
        let guess = |key: &str, now| guesses.count(key.to_owned(), 2, now);
        assert_eq!([guess("a", 100), guess("a", 110)], [None, None]);
        assert_eq!([guess("a", 120), guess("a", 159)], [Some(40), Some(1)]);
        assert_eq!(guess("b", 120), None);
        assert_eq!(
            [guess("a", 160), guess("a", 161), guess("a", 162)],
            [None, None, Some(58)]
        );
        // A clock that was turned back shuts nobody out.
        assert_eq!(guess("a", 10), None);
    }
}
