//! When a request is sent again, and after how long. Must not send anything.

use std::time::Duration;

use pantry_types::{Random, random};

use crate::Error;

/// How patient the client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retry {
    /// How often one request is tried in all. A transfer counts from anew whenever bytes came through.
    pub attempts: u32,
    /// The first pause, about; each further one is twice as long.
    pub first_pause: Duration,
    /// The longest pause between two tries of our own; and the longest `Retry-After` that is waited for.
    pub longest_pause: Duration,
    /// How long a connection may be silent before it counts as broken.
    pub silence: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_pause: Duration::from_millis(400),
            longest_pause: Duration::from_secs(30),
            silence: Duration::from_secs(90),
        }
    }
}

/// Whether a request may reach the server twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Repeat {
    /// Twice does as much as once.
    Freely,
    /// Only when the server said that it did nothing.
    IfRefused,
}

impl Retry {
    /// The pause before the next try; `None` when trying again is of no use. `failed` counts the tries that failed, this
    /// one included.
    pub(crate) fn pause(&self, error: &Error, repeat: Repeat, failed: u32, random: &dyn Random) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let asked = match error {
            Error::Api {
                status: 425 | 429 | 503,
                retry_after,
                ..
            } => *retry_after,
            Error::Api {
                status: 408 | 500 | 502 | 504,
                retry_after,
                code,
                ..
            } if repeat == Repeat::Freely && code != "disk_full" => *retry_after,
            Error::Connection(_) if repeat == Repeat::Freely => None,
            _ => return None,
        };
        match asked {
            Some(asked) if asked > self.longest_pause => None,
            Some(asked) => Some(asked),
            None => Some(self.own_pause(failed, random)),
        }
    }

    /// Twice as long each time, and never quite the same, so that many clients do not come back at once.
    pub(crate) fn own_pause(&self, failed: u32, random: &dyn Random) -> Duration {
        let factor = 1_u32 << failed.saturating_sub(1).min(16);
        let full = self.first_pause.saturating_mul(factor).min(self.longest_pause);
        let per_mille = 500 + random::below(random, 501);
        full.saturating_mul(per_mille) / 1000
    }
}

#[cfg(test)]
mod tests {
    //! What is tried again, and after how long.
    use super::*;
    use pantry_types::SeededRandom;

    fn api(status: u16, retry_after: Option<u64>) -> Error {
        Error::Api {
            status,
            code: "x".to_owned(),
            message: String::new(),
            request_id: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn refusals_that_may_pass_are_tried_again_and_others_are_not() {
        let (retry, random) = (Retry::default(), SeededRandom::new(1));
        for (error, freely, if_refused) in [
            (api(425, None), true, true),
            (api(429, None), true, true),
            (api(503, None), true, true),
            (api(500, None), true, false),
            (api(502, None), true, false),
            (Error::Connection(String::new()), true, false),
            (api(400, None), false, false),
            (api(401, None), false, false),
            (api(404, None), false, false),
            (api(409, None), false, false),
            (api(422, None), false, false),
            (api(507, None), false, false),
        ] {
            let again = |repeat| retry.pause(&error, repeat, 1, &random).is_some();
            assert_eq!(again(Repeat::Freely), freely, "{error:?}");
            assert_eq!(again(Repeat::IfRefused), if_refused, "{error:?}");
        }
        assert_eq!(retry.pause(&api(503, None), Repeat::Freely, 6, &random), None);
    }

    #[test]
    fn what_the_server_asks_for_is_kept_unless_it_is_too_long() {
        let (retry, random) = (Retry::default(), SeededRandom::new(1));
        let pause = |seconds| retry.pause(&api(429, Some(seconds)), Repeat::Freely, 1, &random);
        assert_eq!(pause(7), Some(Duration::from_secs(7)));
        assert_eq!(pause(31), None);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let (retry, random) = (Retry::default(), SeededRandom::new(1));
        for failed in 1..40 {
            let full = Duration::from_millis(400 << (failed - 1).min(16)).min(retry.longest_pause);
            let pause = retry.own_pause(failed as u32, &random);
            assert!(full / 2 <= pause && pause <= full, "{failed}: {pause:?}");
        }
    }
}
