//! The name of a file, a folder or an app: what is legal, its extension, its numbered siblings.
//! Must not know paths on disk: a name never becomes one.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::limits::NAME_BYTES;
use crate::shown;

/// Characters that no name may have, for they mean something to one of the systems a drive is synchronised with.
const FORBIDDEN: &[char] = &['\\', '/', ':', '?', '*', '<', '>', '"', '|'];

/// Longest extension that is kept when a name is numbered. What is longer is a sentence with a dot in it.
const EXT_BYTES: usize = 32;

/// Extensions that stand before one of compression: `backup.tar.gz` is numbered `backup (1).tar.gz`.
const INNER_EXT: &str = "tar";

/// A legal name: 1 to 255 bytes of UTF-8 in Unicode NFC. Ordered by bytes; for people's order see [`crate::sort`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct Name(String);

/// Which rule a name breaks. Each text shows the refused name and says what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// Nothing is left.
    #[error("a name must not be empty: send at least one character")]
    Empty,
    /// More than 255 bytes after NFC.
    #[error("the name {shown} has {bytes} bytes of UTF-8, the most is {NAME_BYTES}: shorten it")]
    TooLong {
        /// The name, escaped and shortened.
        shown: String,
        /// Its length in bytes, after NFC.
        bytes: usize,
    },
    /// One of `\ / : ? * < > " |`.
    #[error("the name {shown} has the character {character}, which no name may have: leave out \\ / : ? * < > \" |")]
    Forbidden {
        /// The name, escaped and shortened.
        shown: String,
        /// The first forbidden character.
        character: char,
    },
    /// A control character, NUL included.
    #[error("the name {shown} has the control character U+{code:04X}: leave it out")]
    Control {
        /// The name, escaped and shortened.
        shown: String,
        /// The code point of the first one.
        code: u32,
    },
    /// `.` or `..`.
    #[error("{shown} is not a name: it means a folder itself or the one above it")]
    Dots {
        /// The name.
        shown: String,
    },
    /// A space at its beginning or end.
    #[error("the name {shown} begins or ends with a space: take the space away")]
    OuterSpace {
        /// The name, escaped and shortened.
        shown: String,
    },
    /// A dot at its end.
    #[error("the name {shown} ends with a dot: take the dot away")]
    TrailingDot {
        /// The name, escaped and shortened.
        shown: String,
    },
}

impl Name {
    /// Brings `text` into NFC and checks it against every rule of a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name: String = if is_nfc(text) {
            text.to_owned()
        } else {
            text.nfc().collect()
        };
        let shown = || shown(&name);
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(c) = name.chars().find(|c| c.is_control()) {
            return Err(NameError::Control {
                shown: shown(),
                code: u32::from(c),
            });
        }
        if let Some(character) = name.chars().find(|c| FORBIDDEN.contains(c)) {
            return Err(NameError::Forbidden {
                shown: shown(),
                character,
            });
        }
        if name == "." || name == ".." {
            return Err(NameError::Dots { shown: shown() });
        }
        if name.starts_with(' ') || name.ends_with(' ') {
            return Err(NameError::OuterSpace { shown: shown() });
        }
        if name.ends_with('.') {
            return Err(NameError::TrailingDot { shown: shown() });
        }
        if name.len() > NAME_BYTES {
            return Err(NameError::TooLong {
                shown: shown(),
                bytes: name.len(),
            });
        }
        Ok(Self(name))
    }

    /// The name of a row, which was checked before it was stored.
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name's text, owned.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The extension in lower case without its dot, or "" where there is none. A dotfile's own dot begins no extension.
    pub fn ext(&self) -> String {
        split_ext(&self.0).map_or_else(String::new, |(_, ext)| ext.to_lowercase())
    }

    /// The `n`th sibling of this name: `movie.mp4` gives `movie (1).mp4`. The extension stays (`.tar.gz` whole), and a stem that
    /// would make the name longer than 255 bytes is shortened.
    pub fn numbered(&self, n: u64) -> Self {
        let (stem, tail) = self.stem_and_tail();
        let mark = format!(" ({n})");
        let room = NAME_BYTES - mark.len() - tail.len();
        let kept = if stem.len() > room {
            // A space before the mark's own would look like a slip.
            stem[..stem.floor_char_boundary(room)].trim_end_matches(' ')
        } else {
            stem
        };
        Self(format!("{kept}{mark}{tail}"))
    }

    /// What a number is put behind, and what stays behind the number with its dots.
    fn stem_and_tail(&self) -> (&str, &str) {
        let Some((mut stem, _)) = split_ext(&self.0) else {
            return (&self.0, "");
        };
        if let Some((outer, inner)) = split_ext(stem)
            && inner.eq_ignore_ascii_case(INNER_EXT)
        {
            stem = outer;
        }
        (stem, &self.0[stem.len()..])
    }
}

/// Stem and extension (without the dot). None for a dotfile, and where what follows the dot is no extension but text.
fn split_ext(name: &str) -> Option<(&str, &str)> {
    let (stem, ext) = name.rsplit_once('.')?;
    let is_ext = !ext.is_empty() && ext.len() <= EXT_BYTES && !ext.contains(char::is_whitespace);
    let has_stem = !stem.trim_matches('.').is_empty();
    (is_ext && has_stem).then_some((stem, ext))
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    //! Every rule of a name, and numbered names.
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn legal_names_are_kept() {
        for text in [
            "a",
            "我的文件",
            "a b",
            "..a",
            "a..b",
            ".a",
            "...a",
            "a'b",
            "C#",
            "%2e",
            "\u{3000}a",
            "😀.png",
        ] {
            assert_eq!(name(text).as_str(), text);
        }
        assert_eq!(name(&"a".repeat(255)).as_str().len(), 255);
        assert_eq!(name(&"中".repeat(85)).as_str().len(), 255);
    }

    #[test]
    fn each_rule_has_its_error() {
        let refused = |text: &str| Name::parse(text).unwrap_err();
        assert_eq!(refused(""), NameError::Empty);
        for c in FORBIDDEN {
            assert!(matches!(refused(&format!("a{c}b")), NameError::Forbidden { character, .. } if character == *c));
        }
        for c in ['\0', '\n', '\u{1f}', '\u{7f}', '\u{85}'] {
            assert!(matches!(refused(&format!("a{c}b")), NameError::Control { code, .. } if code == u32::from(c)));
        }
        for text in [".", ".."] {
            assert!(matches!(refused(text), NameError::Dots { .. }));
        }
        for text in [" ", " a", "a "] {
            assert!(matches!(refused(text), NameError::OuterSpace { .. }));
        }
        for text in ["a.", "..."] {
            assert!(matches!(refused(text), NameError::TrailingDot { .. }));
        }
        assert!(matches!(
            refused(&"a".repeat(256)),
            NameError::TooLong { bytes: 256, .. }
        ));
        assert!(matches!(
            refused(&"中".repeat(86)),
            NameError::TooLong { bytes: 258, .. }
        ));
    }

    #[test]
    fn an_error_shows_the_name_escaped() {
        assert_eq!(
            Name::parse("a\nb").unwrap_err().to_string(),
            "the name \"a\\nb\" has the control character U+000A: leave it out"
        );
    }

    #[test]
    fn names_are_stored_in_nfc_and_measured_after_it() {
        assert_eq!(name("e\u{301}").as_str(), "\u{e9}");
        // 3 bytes a letter as sent, 2 as stored.
        assert_eq!(name(&"e\u{301}".repeat(127)).as_str().len(), 254);
        // U+0958 grows under NFC, from 3 bytes to 6.
        assert!(matches!(
            Name::parse(&"\u{958}".repeat(43)),
            Err(NameError::TooLong { bytes: 258, .. })
        ));
        // Checked after NFC: the overlay makes "<" another character, which is legal.
        assert_eq!(name("<\u{338}").as_str(), "\u{226e}");
    }

    #[test]
    fn extensions() {
        for (text, ext) in [
            ("a.MP4", "mp4"),
            ("a.tar.gz", "gz"),
            ("a", ""),
            (".bashrc", ""),
            (".config.json", "json"),
            ("..a", ""),
            ("Mr. Smith goes home", ""),
            ("文.文档", "文档"),
        ] {
            assert_eq!(name(text).ext(), ext, "{text}");
        }
    }

    #[test]
    fn numbered_names() {
        for (text, expected) in [
            ("movie.mp4", "movie (1).mp4"),
            ("movie", "movie (1)"),
            (".bashrc", ".bashrc (1)"),
            (".config.json", ".config (1).json"),
            ("a.tar.gz", "a (1).tar.gz"),
            ("a.TAR.GZ", "a (1).TAR.GZ"),
            (".tar.gz", ".tar (1).gz"),
            ("Mr. Smith goes home", "Mr. Smith goes home (1)"),
            ("movie (1).mp4", "movie (1) (1).mp4"),
        ] {
            assert_eq!(name(text).numbered(1).as_str(), expected);
        }
    }

    #[test]
    fn a_numbered_name_is_shortened_at_a_character() {
        let long = format!("{}.mp4", "中".repeat(83));
        let numbered = name(&long).numbered(1);
        assert_eq!(numbered.as_str(), format!("{}.mp4", "中".repeat(82) + " (1)"));
        let spaced = format!("{} {}", "a".repeat(250), "b".repeat(4));
        assert_eq!(name(&spaced).numbered(1).as_str(), format!("{} (1)", "a".repeat(250)));
    }

    proptest! {
        #[test]
        fn a_legal_name_parses_to_itself(text in any::<String>()) {
            if let Ok(once) = Name::parse(&text) {
                prop_assert_eq!(Name::parse(once.as_str()).unwrap(), once.clone());
                prop_assert!(once.as_str().len() <= NAME_BYTES && is_nfc(once.as_str()));
            }
        }

        #[test]
        fn a_numbered_name_is_legal_keeps_its_extension_and_differs_by_number(
            text in prop_oneof![any::<String>(), "[a .é中\u{301}]{1,255}", ".{100,200}"], n in any::<u64>(),
        ) {
            let Ok(name) = Name::parse(&text) else { return Ok(()) };
            let numbered = name.numbered(n);
            prop_assert_eq!(&Name::parse(numbered.as_str()).unwrap(), &numbered);
            prop_assert_eq!(numbered.ext(), name.ext());
            prop_assert_ne!(&numbered, &name.numbered(n ^ 1));
            let mark = format!("({n})");
            prop_assert!(numbered.as_str().contains(&mark));
        }
    }
}
