//! Where a follower stands. To whoever holds it, it is a text without meaning; it opens nothing that its holder could not
//! read without it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_types::NodeId;

use crate::Error;

/// A place in a person's change log, seen from a root: a number means nothing without the root that it was told for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The root; 0 for an app whose folder is not there.
    pub(super) root: NodeId,
    /// The last change that was seen.
    pub(super) seq: i64,
}

impl Cursor {
    /// The place after a change, for whoever sees this root.
    pub(crate) fn at(root: NodeId, seq: i64) -> Self {
        Self { root, seq }
    }

    /// Reads the text of one.
    ///
    /// # Errors
    /// [`Error::Invalid`]: it is none. (One that leads nowhere any more is no error; it is answered with a reset.)
    pub fn parse(text: &str) -> Result<Self, Error> {
        let read = || {
            let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (root, seq) = plain.split_once('/')?;
            let cursor = Self {
                root: NodeId(root.parse().ok()?),
                seq: seq.parse().ok()?,
            };
            // Exactly what we write, so that one place has one text.
            (cursor.root.0 >= 0 && cursor.seq >= 0 && cursor.to_string() == text).then_some(cursor)
        };
        read().ok_or_else(|| {
            Error::invalid(
                "cursor",
                "this is not a cursor of changes; call /v1/changes without one, and list what there is",
            )
        })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plain = format!("{}/{}", self.root.0, self.seq);
        f.write_str(&URL_SAFE_NO_PAD.encode(plain))
    }
}

#[cfg(test)]
mod tests {
    //! What is a cursor and what is none.
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went_and_nothing_else_is_one() {
        for (root, seq) in [(0, 0), (7, 1), (1 << 52, i64::MAX)] {
            let cursor = Cursor {
                root: NodeId(root),
                seq,
            };
            assert_eq!(Cursor::parse(&cursor.to_string()).expect("a cursor"), cursor);
        }
        let texts = [
            "7",
            "7/",
            "/7",
            "-1/7",
            "7/-1",
            "+7/1",
            "07/1",
            "7/1/1",
            "7/1 ",
            "x/1",
            "9223372036854775808/1",
        ];
        for text in texts.map(|plain| URL_SAFE_NO_PAD.encode(plain)) {
            assert!(Cursor::parse(&text).is_err(), "{text}");
        }
        for text in ["", "=", "Ny8x=", "Ny8x ", "\u{fffd}", "../.."] {
            assert!(Cursor::parse(text).is_err(), "{text}");
        }
        assert!(Cursor::parse("Ny8x").is_ok());
    }
}
