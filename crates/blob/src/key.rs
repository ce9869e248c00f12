//! The keys of blobs and uploads, and the names they have in storage.
//! Must not accept anything but lower-case hex: a key never carries what a person typed.

use std::{fmt, str::FromStr};

use crate::BlobError;

/// The key of a stored content: its BLAKE3 hash and a generation.
///
/// The generation makes a key that is never used twice, so that a late deletion cannot hit content
/// that was stored again meanwhile. Written as 64 hex digits, a dot, and 16 hex digits, so that
/// the order of the texts is the order of the keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey {
    /// BLAKE3 of the content.
    pub hash: [u8; 32],
    /// Not below 0; a key with another one is refused wherever it is used.
    pub generation: i64,
}

impl BlobKey {
    /// Length of the text form.
    const TEXT: usize = 64 + 1 + 16;

    /// Puts the two together.
    #[must_use]
    pub fn new(hash: [u8; 32], generation: i64) -> Self {
        Self { hash, generation }
    }

    /// Refuses a key that must not reach storage.
    pub(crate) fn check(&self) -> Result<(), BlobError> {
        if self.generation < 0 {
            return Err(BlobError::BadKey("the generation is below 0"));
        }
        Ok(())
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:016x}", hex::encode(self.hash), self.generation)
    }
}

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobKey({self})")
    }
}

impl FromStr for BlobKey {
    type Err = BlobError;

    fn from_str(text: &str) -> Result<Self, BlobError> {
        const WHY: &str = "a blob's key is 64 hex digits, a dot and 16 hex digits";
        let bytes = text.as_bytes();
        if bytes.len() != Self::TEXT || bytes[64] != b'.' {
            return Err(BlobError::BadKey(WHY));
        }
        let hash = lower_hex(&bytes[..64]).ok_or(BlobError::BadKey(WHY))?;
        let generation: [u8; 8] = lower_hex(&bytes[65..]).ok_or(BlobError::BadKey(WHY))?;
        let key = Self::new(hash, i64::from_be_bytes(generation));
        key.check()?;
        Ok(key)
    }
}

/// The key of an upload that is under way: 128 random bits, chosen by the caller.
///
/// It may be the secret that lets a client send parts, so `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageKey(pub [u8; 16]);

impl StageKey {
    /// The name in storage: 32 hex digits.
    pub(crate) fn text(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for StageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StageKey(..)")
    }
}

impl FromStr for StageKey {
    type Err = BlobError;

    fn from_str(text: &str) -> Result<Self, BlobError> {
        lower_hex(text.as_bytes())
            .map(Self)
            .ok_or(BlobError::BadKey("an upload's key is 32 hex digits"))
    }
}

/// Exactly `N` bytes of lower-case hex; there is one way to write a key.
fn lower_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if !text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut out = [0; N];
    hex::decode_to_slice(text, &mut out).ok()?;
    Some(out)
}
