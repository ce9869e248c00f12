//! The digests of contents and secrets as types of their own, with their hexadecimal text. Owns no hashing.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::shown;

/// A text or a row that is no digest of the wanted kind.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HashError {
    /// The text is not made of the wanted number of hexadecimal digits.
    #[error("{shown} is no {kind}: send {digits} hexadecimal digits")]
    Text {
        /// The kind of digest, as people write it.
        kind: &'static str,
        /// How many digits it has.
        digits: usize,
        /// The text, escaped and shortened.
        shown: String,
    },
    /// The bytes of a row are too many or too few.
    #[error("a stored {kind} has {found} bytes in place of {wanted}")]
    Length {
        /// The kind of digest, as people write it.
        kind: &'static str,
        /// How many bytes it should have.
        wanted: usize,
        /// How many were found.
        found: usize,
    },
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// Reads hexadecimal digits of either case.
            pub fn parse(text: &str) -> Result<Self, HashError> {
                let mut bytes = [0; $bytes];
                match hex::decode_to_slice(text, &mut bytes) {
                    Ok(()) => Ok(Self(bytes)),
                    Err(_) => Err(HashError::Text { kind: $kind, digits: 2 * $bytes, shown: shown(text) }),
                }
            }

            /// The digest of a row.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, HashError> {
                let length = |_| HashError::Length { kind: $kind, wanted: $bytes, found: bytes.len() };
                bytes.try_into().map(Self).map_err(length)
            }

            /// The bytes, as a row holds them.
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl $name {
            /// The digits of its text, for what is written at once.
            pub fn hex(&self) -> [u8; $bytes * 2] {
                // A formatted write for each byte costs more than the rest of a small answer.
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let mut text = [0; $bytes * 2];
                for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
                    pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
                }
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl From<[u8; $bytes]> for $name {
            fn from(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = HashError;

            fn from_str(text: &str) -> Result<Self, HashError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

digest! {
    /// An MD5 (RFC 1321): 16 bytes.
    Md5, 16, "MD5"
}
digest! {
    /// A SHA-1 (RFC 3174): 20 bytes.
    Sha1, 20, "SHA-1"
}
digest! {
    /// A BLAKE3: 32 bytes. It names a blob.
    Blake3, 32, "BLAKE3"
}
digest! {
    /// A SHA-256 (RFC 6234): 32 bytes. Secrets are stored as one.
    Sha256, 32, "SHA-256"
}

#[cfg(test)]
mod tests {
    //! The hexadecimal text of digests.
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn upper_case_is_read_and_lower_case_written() {
        let md5 = Md5::parse("D41D8CD98F00B204E9800998ECF8427E").unwrap();
        assert_eq!(md5.to_string(), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(format!("{md5:?}"), "Md5(d41d8cd98f00b204e9800998ecf8427e)");
        assert_eq!(
            serde_json::to_string(&md5).unwrap(),
            "\"d41d8cd98f00b204e9800998ecf8427e\""
        );
    }

    #[test]
    fn what_is_no_digest_is_refused_with_its_text() {
        for text in [
            "",
            "d41d",
            "zz1d8cd98f00b204e9800998ecf8427e",
            "d41d8cd98f00b204e9800998ecf8427e00",
            "中",
        ] {
            let error = Md5::parse(text).unwrap_err();
            assert_eq!(
                error,
                HashError::Text {
                    kind: "MD5",
                    digits: 32,
                    shown: shown(text)
                }
            );
        }
        assert_eq!(
            Sha1::parse("12").unwrap_err().to_string(),
            "\"12\" is no SHA-1: send 40 hexadecimal digits"
        );
        assert!(Blake3::from_slice(&[0; 31]).is_err() && Blake3::from_slice(&[0; 32]).is_ok());
    }

    proptest! {
        #[test]
        fn a_digest_is_read_back_from_its_text(bytes in any::<[u8; 32]>()) {
            let hash = Sha256(bytes);
            prop_assert_eq!(Sha256::parse(&hash.to_string()).unwrap(), hash);
        }
    }
}
