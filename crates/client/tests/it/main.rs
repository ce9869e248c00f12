//! The client against a server that plays a part: refusals, lost answers, cut connections, tokens that die.
//! Nothing here knows the real server; that is for the tests of the command line.

mod changes;
mod downloads;
mod server;
mod tokens;
mod uploads;

use std::{sync::Arc, time::Duration};

use pantry_client::{Client, MemoryStore, Retry, Tokens};
use pantry_types::{ManualClock, SeededRandom};

/// Noon of some day.
pub const NOW: i64 = 1_700_000_000;

/// Quick to try again.
pub const RETRY: Retry = Retry {
    attempts: 4,
    first_pause: Duration::from_millis(2),
    longest_pause: Duration::from_secs(2),
    silence: Duration::from_secs(2),
};

/// Tokens that die at `expires_at`.
pub fn tokens(access: &str, expires_at: i64) -> Tokens {
    Tokens {
        access_token: access.to_owned(),
        refresh_token: Some(format!("{access}-refresh")),
        expires_at,
        scope: "user.read".to_owned(),
    }
}

/// A client whose token is good for an hour.
pub fn client(url: &str) -> Client {
    let store = MemoryStore::with(tokens("one", NOW + 3600));
    Client::new(url)
        .expect("an address")
        .with_client_id("1234567890")
        .with_store(Arc::new(store))
        .with_retry(RETRY)
        .with_clock(ManualClock::at(NOW).shared())
        .with_random(Arc::new(SeededRandom::new(7)))
}
