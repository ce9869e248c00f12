//! The form of opaque secrets: a prefix that secret scanners can know, a random body, a checksum.
//! Garbage is refused by its form, without a look-up. Must not know what a secret opens, nor how it is stored.

use std::fmt;

use crate::random::{self, Random};

/// Random bytes of a secret.
const BODY_BYTES: usize = 32;
/// Digits to base 62 that hold 32 bytes: 62^43 is just above 2^256.
const BODY_CHARS: usize = 43;
/// Digits to base 62 that hold a CRC-32.
const CHECK_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a secret is for. Each kind has a prefix of its own, so that one never passes for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SecretKind {
    /// An OAuth access token.
    AccessToken,
    /// An OAuth refresh token.
    RefreshToken,
    /// An app's client secret.
    ClientSecret,
    /// An OAuth authorization code.
    AuthorizationCode,
    /// A person's session, the value of a cookie.
    Session,
    /// The one-time link by which the first administrator is set up.
    SetupLink,
    /// The one-time link by which a person sets a new password.
    PasswordLink,
}

impl SecretKind {
    /// Every kind.
    pub const ALL: [SecretKind; 7] = [
        SecretKind::AccessToken,
        SecretKind::RefreshToken,
        SecretKind::ClientSecret,
        SecretKind::AuthorizationCode,
        SecretKind::Session,
        SecretKind::SetupLink,
        SecretKind::PasswordLink,
    ];

    /// What a secret of this kind begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            SecretKind::AccessToken => "pantry_at_",
            SecretKind::RefreshToken => "pantry_rt_",
            SecretKind::ClientSecret => "pantry_cs_",
            SecretKind::AuthorizationCode => "pantry_ac_",
            SecretKind::Session => "pantry_se_",
            SecretKind::SetupLink => "pantry_su_",
            SecretKind::PasswordLink => "pantry_pl_",
        }
    }

    /// The kind whose prefix `text` begins with; the rest is not looked at.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))
    }
}

/// A secret's text. It has no `Display` and its `Debug` is silent, so that it cannot slip into a log; [`SecretText::expose`] is the way out.
#[derive(Clone)]
pub struct SecretText(String);

impl SecretText {
    /// Takes a text that is secret.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, to be sent or hashed.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text itself, owned.
    pub fn into_exposed(self) -> String {
        self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// A new secret: prefix, 43 characters for 256 random bits, 6 for a CRC-32 over both. Letters, digits and `_` only.
pub fn generate(kind: SecretKind, random: &dyn Random) -> SecretText {
    let mut text = String::from(kind.prefix());
    push_base62(&mut text, random::bytes::<BODY_BYTES>(random), BODY_CHARS);
    push_checksum(&mut text);
    SecretText(text)
}

/// Whether `text` has the form of a secret of this kind and its checksum is right. Says nothing of whether it was ever given out.
pub fn check(kind: SecretKind, text: &str) -> bool {
    let signed = kind.prefix().len() + BODY_CHARS;
    let of_form = text.len() == signed + CHECK_CHARS
        && text.starts_with(kind.prefix())
        && text[kind.prefix().len()..].bytes().all(|b| b.is_ascii_alphanumeric());
    if !of_form {
        return false;
    }
    let mut right = text[..signed].to_owned();
    push_checksum(&mut right);
    right == text
}

fn push_checksum(text: &mut String) {
    let crc = crc32fast::hash(text.as_bytes());
    push_base62(text, crc.to_be_bytes(), CHECK_CHARS);
}

/// Appends the big-endian number as exactly `width` digits to base 62, the highest first.
fn push_base62<const N: usize>(text: &mut String, mut number: [u8; N], width: usize) {
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_usize;
        for byte in &mut number {
            let value = remainder << 8 | usize::from(*byte);
            // The quotient is below 256, since the remainder is below 62.
            *byte = (value / BASE62.len()) as u8;
            remainder = value % BASE62.len();
        }
        *digit = BASE62[remainder];
    }
    debug_assert!(number.iter().all(|byte| *byte == 0), "the width holds the number");
    text.extend(digits.into_iter().map(char::from));
}

#[cfg(test)]
mod tests {
    //! The form of secrets, and that damage is seen.
    use super::*;
    use crate::random::SeededRandom;
    use proptest::prelude::*;

    #[test]
    fn a_secret_has_prefix_body_and_checksum() {
        for kind in SecretKind::ALL {
            let secret = generate(kind, &SeededRandom::new(1));
            let text = secret.expose();
            assert!(text.starts_with(kind.prefix()) && text.len() == 59, "{text}");
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
            assert_eq!(SecretKind::of(text), Some(kind));
            for other in SecretKind::ALL {
                assert_eq!(check(other, text), other == kind);
            }
        }
    }

    #[test]
    fn widths_hold_the_largest_numbers() {
        let mut text = String::new();
        push_base62(&mut text, [0xff; 32], BODY_CHARS);
        push_base62(&mut text, [0xff; 4], CHECK_CHARS);
        assert_eq!(text.len(), 49);
        let mut small = String::new();
        push_base62(&mut small, [0, 0, 0, 62], CHECK_CHARS);
        assert_eq!(small, "000010");
    }

    #[test]
    fn garbage_is_refused() {
        let secret = generate(SecretKind::AccessToken, &SeededRandom::new(2));
        let text = secret.expose();
        for garbage in [
            "",
            "pantry_at_",
            "中文",
            &text[..58],
            &format!("{text}0"),
            &format!(" {text}"),
            &text.to_uppercase(),
        ] {
            assert!(!check(SecretKind::AccessToken, garbage), "{garbage}");
        }
        // A character of three bytes in place of three: the length is right, the form is not.
        assert!(!check(SecretKind::AccessToken, &format!("{}中", &text[..56])));
    }

    #[test]
    fn debug_does_not_tell() {
        let secret = generate(SecretKind::Session, &SeededRandom::new(3));
        assert_eq!(format!("{secret:?}"), "SecretText(…)");
    }

    proptest! {
        #[test]
        fn any_one_changed_character_is_seen(seed in any::<u64>(), at in 0..59_usize, to in "[0-9A-Za-z_]") {
            let text = generate(SecretKind::RefreshToken, &SeededRandom::new(seed)).into_exposed();
            prop_assert!(check(SecretKind::RefreshToken, &text));
            let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            prop_assert_eq!(check(SecretKind::RefreshToken, &changed), changed == text);
        }

        #[test]
        fn no_text_makes_the_check_panic(text in any::<String>()) {
            prop_assert!(!check(SecretKind::AccessToken, &text));
            let prefixed = format!("pantry_at_{text}");
            prop_assert!(!check(SecretKind::AccessToken, &prefixed));
        }
    }
}
