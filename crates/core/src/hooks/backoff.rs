//! When a delivery that failed is tried again, and when it is given up.
//! Must not look at rows or clocks.

use pantry_types::{Random, random};

use super::{Answer, Sent};

/// Longest wait that an app's server may ask for, in seconds.
const LONGEST_WAIT: i64 = 86_400;

/// Waits between attempts, in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<i64>);

impl Schedule {
    /// Reads the setting `hooks.retry_seconds`.
    ///
    /// # Errors
    /// What in it is no number of seconds, at most 30 days, or that there are more than 50.
    pub fn parse(text: &str) -> Result<Self, String> {
        let waits = text
            .split(',')
            .map(str::trim)
            .filter(|wait| !wait.is_empty())
            .map(|wait| {
                let seconds = wait.parse().ok().filter(|seconds| (1..=2_592_000).contains(seconds));
                seconds.ok_or_else(|| format!("{} is not from 1 to 2592000 seconds", pantry_types::shown(wait)))
            });
        let waits = waits.collect::<Result<Vec<_>, _>>()?;
        if waits.len() > 50 {
            return Err("has more than 50 waits".to_owned());
        }
        Ok(Self(waits))
    }

    /// What follows the attempt of this number, counted from 1. `luck` spreads those who failed together.
    pub(super) fn after(&self, attempt: i64, is_test: bool, sent: &Sent, luck: &dyn Random) -> Next {
        let asked = match sent {
            Ok(Answer { status: 200..=299, .. }) => return Next::Done,
            Ok(Answer { status: 410, .. }) => return Next::Gone,
            Ok(Answer { retry_after, .. }) => retry_after.unwrap_or(0).clamp(0, LONGEST_WAIT),
            Err(_) => 0,
        };
        let at = usize::try_from(attempt - 1).unwrap_or(usize::MAX);
        match self.0.get(at) {
            Some(wait) if !is_test => {
                let more = u32::try_from(wait / 4 + 1).unwrap_or(u32::MAX);
                Next::Again(wait.max(&asked) + i64::from(random::below(luck, more)))
            }
            _ => Next::GiveUp,
        }
    }
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It was taken.
    Done,
    /// It is sent again, in so many seconds.
    Again(i64),
    /// It is kept for the developer to look at.
    GiveUp,
    /// The address said that it is gone: nothing more is sent there.
    Gone,
}

#[cfg(test)]
mod tests {
    use pantry_types::SeededRandom;

    use super::*;
    use crate::hooks::Unsent;

    fn answer(status: u16, retry_after: Option<i64>) -> Sent {
        Ok(Answer { status, retry_after })
    }

    fn wait(next: Next) -> i64 {
        match next {
            Next::Again(seconds) => seconds,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn waits_grow_and_are_spread_and_end() {
        let schedule = Schedule::parse(" 5,300 , 1800,").expect("a schedule");
        let luck = SeededRandom::new(1);
        let after = |attempt| schedule.after(attempt, false, &Err(Unsent::Connect), &luck);
        for (attempt, least) in [(1, 5), (2, 300), (3, 1800)] {
            let waits: Vec<i64> = (0..100).map(|_| wait(after(attempt))).collect();
            assert!(
                waits.iter().all(|w| (least..=least + least / 4).contains(w)),
                "{waits:?}"
            );
            assert!(waits.iter().any(|w| *w != waits[0]), "{waits:?}");
        }
        assert_eq!(after(4), Next::GiveUp);
        assert_eq!(after(i64::MAX), Next::GiveUp);
        assert_eq!(schedule.after(1, true, &Err(Unsent::Tls), &luck), Next::GiveUp);
    }

    #[test]
    fn the_answer_says_what_follows() {
        let schedule = Schedule::parse("10").expect("a schedule");
        let luck = SeededRandom::new(1);
        let after = |sent: Sent| schedule.after(1, false, &sent, &luck);
        for status in [200, 202, 204, 299] {
            assert_eq!(after(answer(status, None)), Next::Done);
        }
        assert_eq!(after(answer(410, None)), Next::Gone);
        // A redirect is no success, and is not followed.
        for status in [100, 301, 302, 307, 308, 400, 404, 500, 503] {
            assert!((10..=12).contains(&wait(after(answer(status, None)))), "{status}");
        }
        assert!((100..=102).contains(&wait(after(answer(503, Some(100))))));
        assert!(
            (10..=12).contains(&wait(after(answer(429, Some(1))))),
            "not sooner than ours"
        );
        assert!((10..=12).contains(&wait(after(answer(429, Some(-5))))));
        assert!((86_400..=86_402).contains(&wait(after(answer(503, Some(i64::MAX))))));
    }

    #[test]
    fn a_schedule_is_numbers() {
        assert_eq!(Schedule::parse(""), Ok(Schedule(Vec::new())));
        for bad in ["x", "0", "-1", "1;2", "1.5", "2592001", &"1,".repeat(51)] {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
        let default = crate::settings::Hooks::default().retry_seconds;
        assert_eq!(Schedule::parse(&default).expect("the default").0.len(), 9);
    }
}
