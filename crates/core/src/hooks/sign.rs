//! How deliveries are signed: as Standard Webhooks 1.0.0 say, by HMAC-SHA256 over `id.timestamp.body`.
//! Must not know where a secret is kept.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use pantry_types::{Random, SecretText, random};
use sha2::Sha256;

use crate::Error;

/// What a secret begins with; the key follows in base64.
const PREFIX: &str = "whsec_";
/// Bytes of a key; the specification asks for 24 to 64.
const KEY: usize = 32;

/// A new secret, `whsec_` and a random key.
pub(crate) fn new_secret(random: &dyn Random) -> SecretText {
    SecretText::new(format!("{PREFIX}{}", STANDARD.encode(random::bytes::<KEY>(random))))
}

/// One signature, `v1,` and base64.
///
/// # Errors
/// The secret has not the form of one: [`Error::Internal`].
fn signature(secret: &SecretText, id: &str, timestamp: i64, body: &[u8]) -> Result<String, Error> {
    let key = secret.expose().strip_prefix(PREFIX);
    let key = key
        .and_then(|key| STANDARD.decode(key).ok())
        .filter(|key| !key.is_empty())
        .ok_or_else(|| Error::Internal("a webhook's secret has not the form of one".into()))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|e| Error::Internal(e.to_string()))?;
    mac.update(id.as_bytes());
    mac.update(format!(".{timestamp}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// The signatures of all secrets that are right, one after the other: whoever knows one of them finds theirs.
///
/// # Errors
/// As [`signature`].
pub(super) fn signatures(secrets: &[SecretText], id: &str, timestamp: i64, body: &[u8]) -> Result<String, Error> {
    let each = secrets.iter().map(|secret| signature(secret, id, timestamp, body));
    Ok(each.collect::<Result<Vec<_>, _>>()?.join(" "))
}

#[cfg(test)]
mod tests {
    use pantry_types::SeededRandom;

    use super::*;

    /// The vector that the specification's libraries are tested by.
    #[test]
    fn the_known_vector_is_signed_as_by_everybody() {
        let secret = SecretText::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into());
        let made = signature(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(made.expect("signed"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_new_secret_has_the_form_and_signs() {
        let secret = new_secret(&SeededRandom::new(1));
        let key = secret.expose().strip_prefix("whsec_").expect("the prefix");
        assert_eq!(STANDARD.decode(key).expect("base64").len(), 32);
        let other = new_secret(&SeededRandom::new(2));
        let both = signatures(&[secret.clone(), other.clone()], "m", 1, b"{}").expect("signed");
        let (first, second) = both.split_once(' ').expect("two");
        assert_eq!(first, signature(&secret, "m", 1, b"{}").expect("signed"));
        assert_eq!(second, signature(&other, "m", 1, b"{}").expect("signed"));
        assert_ne!(first, signature(&secret, "m", 2, b"{}").expect("signed"));
        assert_ne!(first, signature(&secret, "n", 1, b"{}").expect("signed"));
        assert_ne!(first, signature(&secret, "m", 1, b"{ }").expect("signed"));
    }

    #[test]
    fn what_is_no_secret_signs_nothing() {
        for bad in ["", "whsec_", "whsec_%", "c2VjcmV0"] {
            let made = signature(&SecretText::new(bad.into()), "m", 1, b"");
            // An empty key is a key to HMAC: it must not be one to us.
            assert!(made.is_err(), "{bad}");
        }
    }
}
