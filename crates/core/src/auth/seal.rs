//! What is kept sealed: secrets of apps and of their webhooks to the server's own key, and a refresh's last answer to the
//! old refresh token. Must not know rows.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use crypto_box::{
    PublicKey, SecretKey,
    aead::rand_core::{CryptoRng, Error as RandError, RngCore},
};
use pantry_types::{Random, SecretText};

use crate::{Error, Keys};

const NONCE: usize = 12;

/// The key pair that apps' secrets are sealed to.
fn secret_key(keys: &Keys) -> SecretKey {
    SecretKey::from_bytes(keys.derive("pantry 2026 app secrets"))
}

/// Its public half, which the database carries.
pub(super) fn public_key(keys: &Keys) -> [u8; 32] {
    secret_key(keys).public_key().to_bytes()
}

/// Seals an app's secret to a public key.
pub(crate) fn seal_secret(public: &[u8], secret: &SecretText, random: &dyn Random) -> Result<Vec<u8>, Error> {
    let public = PublicKey::from_slice(public)
        .map_err(|_| Error::Internal("the database's key for app secrets has another length".into()))?;
    public
        .seal(&mut Source(random), secret.expose().as_bytes())
        .map_err(|_| Error::Internal("an app's secret could not be sealed".into()))
}

/// Opens an app's secret.
pub(crate) fn open_secret(keys: &Keys, sealed: &[u8]) -> Result<SecretText, Error> {
    let opened = secret_key(keys).unseal(sealed).ok();
    opened
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(SecretText::new)
        .ok_or_else(|| {
            Error::Internal("an app's secret was sealed for another server's secret; restore the secret file".into())
        })
}

/// The key under which the answer of an exchange is kept for those who show the old token again.
pub(super) fn answer_key(old_token: &str) -> [u8; 32] {
    blake3::derive_key("pantry 2026 refresh answers", old_token.as_bytes())
}

/// Seals an answer; the nonce stands before it.
pub(super) fn seal_answer(key: &[u8; 32], nonce: &[u8; NONCE], text: &[u8], to: &[u8]) -> Result<Vec<u8>, Error> {
    let payload = Payload { msg: text, aad: to };
    let sealed = ChaCha20Poly1305::new(&(*key).into())
        .encrypt(&Nonce::from(*nonce), payload)
        .map_err(|_| Error::Internal("an answer could not be sealed".into()))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Opens an answer.
pub(super) fn open_answer(key: &[u8; 32], sealed: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: sealed, aad: to };
    ChaCha20Poly1305::new(&(*key).into())
        .decrypt(&Nonce::from(*nonce), payload)
        .ok()
}

/// The drive's source of randomness, as the sealed box takes it.
struct Source<'a>(&'a dyn Random);

impl RngCore for Source<'_> {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(pantry_types::random::bytes(self.0))
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(pantry_types::random::bytes(self.0))
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.0.fill(dest);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), RandError> {
        self.0.fill(dest);
        Ok(())
    }
}

impl CryptoRng for Source<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use pantry_types::SeededRandom;

    #[test]
    fn a_secret_is_sealed_by_the_public_half_and_opened_by_the_servers() {
        let (ours, theirs) = (Keys::new([1; 32]), Keys::new([2; 32]));
        let secret = SecretText::new("pantry_cs_x".into());
        let sealed = seal_secret(&public_key(&ours), &secret, &SeededRandom::new(1)).expect("sealed");
        assert!(!sealed.windows(6).any(|w| w == b"pantry"));
        assert_eq!(open_secret(&ours, &sealed).expect("opened").expose(), "pantry_cs_x");
        assert!(open_secret(&theirs, &sealed).is_err());
        assert!(open_secret(&ours, &sealed[1..]).is_err());
    }

    #[test]
    fn an_answer_opens_with_the_old_token_and_for_its_row_only() {
        let key = answer_key("old");
        let sealed = seal_answer(&key, &[7; 12], b"pair", b"row").expect("sealed");
        assert_eq!(open_answer(&key, &sealed, b"row").as_deref(), Some(&b"pair"[..]));
        assert_eq!(open_answer(&key, &sealed, b"other"), None);
        assert_eq!(open_answer(&answer_key("new"), &sealed, b"row"), None);
        assert_eq!(open_answer(&key, &sealed[..5], b"row"), None);
    }
}
