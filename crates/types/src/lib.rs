//! The words that every crate of Pantry shares: ids, names, paths, scopes, hashes, secrets, the clock and the random source.
//! Owns their rules and their text forms. Must not do I/O (but for the system's clock and random source), know async, SQL or HTTP.

pub mod clock;
pub mod hash;
pub mod ids;
pub mod limits;
pub mod name;
pub mod path;
pub mod random;
pub mod scope;
pub mod search;
pub mod secret;
pub mod sort;

pub use clock::{Clock, ManualClock, SharedClock, SystemClock};
pub use hash::{Blake3, HashError, Md5, Sha1, Sha256};
pub use ids::{GrantId, NodeId, ShareId, UserId, VersionId};
pub use name::{Name, NameError};
pub use path::{DrivePath, PathError};
pub use random::{Random, SeededRandom, SharedRandom, SystemRandom};
pub use scope::{Scope, ScopeError, Scopes};
pub use secret::{SecretKind, SecretText};

/// How many characters of a refused value an error text repeats.
const SHOWN_CHARS: usize = 40;

/// A refused value as an error text may repeat it: quoted, control characters escaped, shortened to 40 characters.
pub fn shown(value: &str) -> String {
    let mut out = String::from("\"");
    let mut chars = value.chars();
    for c in chars.by_ref().take(SHOWN_CHARS) {
        out.extend(c.escape_debug());
    }
    if chars.next().is_some() {
        out.push('…');
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    //! How refused values are shown.
    use super::shown;

    #[test]
    fn a_shown_value_is_quoted_escaped_and_shortened() {
        assert_eq!(shown("a\nb"), r#""a\nb""#);
        assert_eq!(shown(&"中".repeat(41)), format!("\"{}…\"", "中".repeat(40)));
        assert_eq!(shown(&"中".repeat(40)), format!("\"{}\"", "中".repeat(40)));
    }
}
