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
    /// Up to which change nodes may have been told as gone too early: those that had left by the time their change was read. A
    /// folder that was moved from under one of them is listed again. 0 for none.
    pub(super) gone_early: i64,
}

impl Cursor {
    /// The place after a change, for whoever sees this root.
    pub(crate) fn at(root: NodeId, seq: i64) -> Self {
        Self {
            root,
            seq,
            gone_early: 0,
        }
    }

    /// Reads the text of one.
    ///
    /// # Errors
    /// [`Error::Invalid`]: it is none. (One that leads nowhere any more is no error; it is answered with a reset.)
    pub fn parse(text: &str) -> Result<Self, Error> {
        let read = || {
            let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (root, rest) = plain.split_once('/')?;
            let (seq, gone_early) = rest.split_once('/').unwrap_or((rest, "0"));
            let cursor = Self {
                root: NodeId(root.parse().ok()?),
                seq: seq.parse().ok()?,
                gone_early: gone_early.parse().ok()?,
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
        let mut plain = format!("{}/{}", self.root.0, self.seq);
        if self.gone_early > self.seq {
            plain.push_str(&format!("/{}", self.gone_early));
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(plain))
    }
}

#[cfg(test)]
mod tests {
    //! What is a cursor and what is none.
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went_and_nothing_else_is_one() {
        for (root, seq, gone_early) in [(0, 0, 0), (7, 1, 0), (7, 1, 2), (1 << 52, i64::MAX, 0)] {
            let cursor = Cursor {
                root: NodeId(root),
                seq,
                gone_early,
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
            "7/1/0",
            "7/1/2/3",
            "7/1/-2",
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
