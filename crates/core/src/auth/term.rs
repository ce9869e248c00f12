//! For how long a person lets an app in, and what that makes of the tokens.
//! Must not know pages.

use pantry_db::{Tx, grants};
use pantry_types::Scopes;

use super::grant::{Given, Lives};
use crate::Error;

/// For how long consent holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Term {
    /// Until the person takes it back.
    #[default]
    UntilRevoked,
    /// 30 days.
    Month,
    /// One hour.
    Hour,
}

impl Term {
    /// Every choice, in the order to show.
    pub const ALL: [Term; 3] = [Term::UntilRevoked, Term::Month, Term::Hour];

    /// As forms name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Term::UntilRevoked => "until_revoked",
            Term::Month => "month",
            Term::Hour => "hour",
        }
    }

    /// Reads the name. What is unknown is `None`, and must not become the longest.
    pub fn parse(text: &str) -> Option<Term> {
        Term::ALL.into_iter().find(|t| t.as_str() == text)
    }

    /// When consent that is given at `now` ends, 0 for never.
    pub(super) const fn ends_at(self, now: i64) -> i64 {
        match self {
            Term::UntilRevoked => 0,
            Term::Month => now + 30 * 86_400,
            Term::Hour => now + 3_600,
        }
    }
}

/// What a person consented to: the sensitive scopes that were ticked, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Consent {
    /// Sensitive scopes that were ticked.
    pub ticked: Scopes,
    /// For how long.
    pub term: Term,
}

impl From<Scopes> for Consent {
    /// Until it is taken back.
    fn from(ticked: Scopes) -> Self {
        Self {
            ticked,
            term: Term::UntilRevoked,
        }
    }
}

/// The later of two ends, where 0 is never: another consent never shortens what stands.
pub(super) fn later(a: i64, b: i64) -> i64 {
    if a == 0 || b == 0 { 0 } else { a.max(b) }
}

/// Notes that what one consent leads to ends then, if it ends at all.
pub(super) async fn limit(
    tx: &mut Tx<'_>,
    given: Given,
    family: i64,
    scopes: Scopes,
    ends_at: i64,
) -> Result<(), Error> {
    if ends_at > 0 {
        let term = grants::NewTerm {
            family,
            user: given.user,
            grant: given.grant,
            scopes,
            ends_at,
        };
        grants::add_term(tx, &term).await?;
    }
    Ok(())
}

/// Consent as the audit log tells of it.
pub(super) fn told(scopes: Scopes, ends_at: i64) -> String {
    match ends_at {
        0 => scopes.to_string(),
        at => format!("{scopes} until {at}"),
    }
}

/// How long tokens of a family may live: not beyond its consent.
pub(super) async fn lives(tx: &mut Tx<'_>, family: i64, now: i64, wanted: Lives) -> Result<Lives, Error> {
    let Some(ends_at) = grants::term(tx, family).await? else {
        return Ok(wanted);
    };
    let left = (ends_at - now).max(0);
    Ok(Lives {
        access: wanted.access.min(left),
        refresh: wanted.refresh.min(left),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_as_it_is_written_and_nothing_else_is() {
        for term in Term::ALL {
            assert_eq!(Term::parse(term.as_str()), Some(term));
        }
        for text in ["", "forever", "Hour", "hour ", "0"] {
            assert_eq!(Term::parse(text), None, "{text}");
        }
        assert_eq!(Term::UntilRevoked.ends_at(5), 0);
        assert_eq!(Term::Hour.ends_at(5), 3_605);
        assert_eq!(Term::Month.ends_at(5), 2_592_005);
    }

    #[test]
    fn never_is_later_than_any_time() {
        assert_eq!((later(0, 5), later(5, 0), later(5, 7), later(7, 5)), (0, 0, 7, 7));
    }
}
