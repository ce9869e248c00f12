//! The keys that sign `id_token`s (RFC 7517, RFC 7518): made at first need, replaced by age or by the operator, published
//! until the last token that they signed has expired. Must not know what a token says, nor let a private half out of core.
//!
//! The rows are what all nodes share: every signature begins with a read of the key that signs now, and only the opening
//! of its private half is kept in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_db::{Outcome, Tx, oidc, oidc::SigningKey};
use pantry_types::{Random, random};
use ring::{
    rand::SystemRandom,
    rsa::{KeyPair as RsaPair, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_SHA256, UnparsedPublicKey,
    },
};
use rsa::{RsaPrivateKey, pkcs1::EncodeRsaPrivateKey, rand_core};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{lock, seal};
use crate::{Drive, Error};

/// Bits of an RSA key: what RFC 7518, section 3.3 asks for at least.
const RSA_BITS: usize = 2048;
/// Seconds that a key stays published after the last token that it can have signed: another node may
/// have been signing while the key retired.
const MARGIN: i64 = 300;
const DAY: i64 = 86_400;

/// How an `id_token` is signed (RFC 7518, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256: what every client understands.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Alg {
    /// Both.
    pub const ALL: [Alg; 2] = [Alg::Rs256, Alg::Es256];

    /// The registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Alg::Rs256 => "RS256",
            Alg::Es256 => "ES256",
        }
    }

    /// The algorithm of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == name)
    }
}

/// What this process keeps of the keys.
pub(super) struct Keyring {
    /// Held while a key is made, so that a crowd makes one.
    making: tokio::sync::Mutex<()>,
    /// Opened keys by id.
    open: Mutex<HashMap<String, Arc<Signer>>>,
}

impl Keyring {
    pub(super) fn new() -> Self {
        Self {
            making: tokio::sync::Mutex::new(()),
            open: Mutex::new(HashMap::new()),
        }
    }
}

enum Pair {
    Rsa(Box<RsaPair>),
    P256(Box<EcdsaKeyPair>),
}

/// An opened key.
pub(super) struct Signer {
    kid: String,
    alg: Alg,
    pair: Pair,
}

fn broken(what: &str) -> Error {
    Error::Internal(format!("a key that signs id_tokens {what}"))
}

impl Signer {
    fn open(kid: &str, alg: Alg, private: &[u8]) -> Result<Self, Error> {
        let unusable = |_| broken("cannot be used");
        let pair = match alg {
            Alg::Rs256 => Pair::Rsa(Box::new(RsaPair::from_der(private).map_err(unusable)?)),
            Alg::Es256 => {
                let rng = SystemRandom::new();
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private, &rng);
                Pair::P256(Box::new(pair.map_err(unusable)?))
            }
        };
        Ok(Self {
            kid: kid.to_owned(),
            alg,
            pair,
        })
    }

    /// Signs claims as a compact JWS (RFC 7515, section 7.1).
    pub(super) fn sign(&self, claims: &Value) -> Result<String, Error> {
        let header = json!({"alg": self.alg.as_str(), "kid": self.kid, "typ": "JWT"});
        let mut token = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        // Signatures take fresh randomness against faults and timing; ring takes no other source than the system's.
        let rng = SystemRandom::new();
        let failed = |_| broken("did not sign");
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut out = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rng, token.as_bytes(), &mut out)
                    .map_err(failed)?;
                out
            }
            Pair::P256(pair) => pair.sign(&rng, token.as_bytes()).map_err(failed)?.as_ref().to_vec(),
        };
        token.push('.');
        token.push_str(&encode(signature));
        Ok(token)
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A new key: its id, its public half as a JWK, its private half.
struct Made {
    kid: String,
    public: String,
    private: Vec<u8>,
}

fn make(alg: Alg, random: &dyn Random) -> Result<Made, Error> {
    let failed = || broken("could not be made");
    let (private, members) = match alg {
        Alg::Rs256 => {
            let key = RsaPrivateKey::new(&mut Source(random), RSA_BITS).map_err(|_| failed())?;
            let private = key.to_pkcs1_der().map_err(|_| failed())?.as_bytes().to_vec();
            // The other library's reading checks the key over: that it is consistent, and that no half is short.
            let pair = RsaPair::from_der(&private).map_err(|_| failed())?;
            let public: PublicKeyComponents<Vec<u8>> = pair.public().into();
            (
                private,
                vec![("e", encode(public.e)), ("kty", "RSA".into()), ("n", encode(public.n))],
            )
        }
        Alg::Es256 => {
            let rng = SystemRandom::new();
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).map_err(|_| failed())?;
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &rng)
                .map_err(|_| failed())?;
            // Uncompressed: 4, x, y.
            let point = pair.public_key().as_ref();
            let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
            let members = vec![
                ("crv", "P-256".to_owned()),
                ("kty", "EC".into()),
                ("x", encode(x)),
                ("y", encode(y)),
            ];
            (made.as_ref().to_vec(), members)
        }
    };
    // RFC 7638: the required members in order, without white space.
    let listed: Vec<String> = members.iter().map(|(n, v)| format!("\"{n}\":\"{v}\"")).collect();
    let kid = encode(Sha256::digest(format!("{{{}}}", listed.join(","))));
    let mut jwk = json!({"use": "sig", "alg": alg.as_str(), "kid": kid});
    for (name, value) in members {
        jwk[name] = value.into();
    }
    Ok(Made {
        kid,
        public: jwk.to_string(),
        private,
    })
}

/// The drive's source of randomness, as the maker of RSA keys takes it.
struct Source<'a>(&'a dyn Random);

impl rand_core::TryRng for Source<'_> {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_le_bytes(random::bytes(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_le_bytes(random::bytes(self.0)))
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(dest);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Source<'_> {}

struct Replace {
    /// The key that makes room.
    old: Option<String>,
    new: SigningKey,
    gone_before: i64,
}

async fn current(tx: &mut Tx<'_>, alg: &Alg) -> Result<Option<SigningKey>, Error> {
    Ok(oidc::current(tx, alg.as_str()).await?)
}

async fn published(tx: &mut Tx<'_>, since: &i64) -> Result<Vec<SigningKey>, Error> {
    Ok(oidc::published(tx, *since).await?)
}

async fn alg_of(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<String>, Error> {
    Ok(oidc::alg_of(tx, client_id).await?)
}

async fn set_alg_tx(tx: &mut Tx<'_>, (client_id, alg): &(String, Alg)) -> Outcome<bool, Error> {
    oidc::set_alg(tx, client_id, alg.as_str())
        .await
        .map_err(Error::from)
        .into()
}

async fn replace_tx(tx: &mut Tx<'_>, a: &Replace) -> Outcome<(), Error> {
    replace_rows(tx, a).await.into()
}

/// Another node may have been faster: then its key stands, and this one is forgotten.
async fn replace_rows(tx: &mut Tx<'_>, a: &Replace) -> Result<(), Error> {
    if let Some(old) = &a.old
        && !oidc::retire(tx, old, a.new.created_at).await?
    {
        return Ok(());
    }
    oidc::insert(tx, &a.new).await?;
    oidc::sweep(tx, a.gone_before).await?;
    Ok(())
}

impl Drive {
    /// The algorithm that an app's `id_token`s are signed by.
    pub(super) async fn id_token_alg(&self, client_id: &str) -> Result<Alg, Error> {
        let found = self
            .0
            .db
            .read(client_id.to_owned(), |tx, c| Box::pin(alg_of(tx, c)))
            .await?;
        Ok(found.and_then(|name| Alg::parse(&name)).unwrap_or(Alg::Rs256))
    }

    /// Chooses how an app's `id_token`s are signed. Those that are out stay good.
    ///
    /// # Errors
    /// [`Error::NotFound`]: the app.
    pub async fn set_id_token_alg(&self, client_id: &str, alg: Alg) -> Result<(), Error> {
        let args = (client_id.to_owned(), alg);
        let found = self.0.db.write(args, |tx, a| Box::pin(set_alg_tx(tx, a))).await?;
        found.then_some(()).ok_or(Error::NotFound("app"))
    }

    /// The key that signs by an algorithm now; made if there is none, replaced if it is too old.
    pub(super) async fn signer(&self, alg: Alg) -> Result<Arc<Signer>, Error> {
        let is_due = |key: &SigningKey| {
            let days = self.0.settings.oauth.key_days;
            days > 0 && self.now() - key.created_at >= days * DAY
        };
        let found = self.current_key(alg).await?;
        let key = match found.filter(|key| !is_due(key)) {
            Some(key) => key,
            None => {
                let _one_at_a_time = self.0.auth.keyring.making.lock().await;
                match self.current_key(alg).await? {
                    Some(key) if !is_due(&key) => key,
                    old => self.replace_key(alg, old).await?,
                }
            }
        };
        self.open_key(alg, &key)
    }

    async fn current_key(&self, alg: Alg) -> Result<Option<SigningKey>, Error> {
        self.0.db.read(alg, |tx, a| Box::pin(current(tx, a))).await
    }

    /// Puts a new key in the place of `old`, and answers the one that stands then.
    async fn replace_key(&self, alg: Alg, old: Option<SigningKey>) -> Result<SigningKey, Error> {
        let source = Arc::clone(&self.0.random);
        // Primes are looked for: some hundredths of a second, or a good deal more on a weak machine.
        let made = tokio::task::spawn_blocking(move || make(alg, &*source))
            .await
            .map_err(|_| broken("could not be made"))??;
        let now = self.now();
        let nonce = random::bytes(&*self.0.random);
        let private = seal::seal_answer(&self.sealing_of_keys(), &nonce, &made.private, made.kid.as_bytes())?;
        let args = Replace {
            old: old.map(|key| key.kid),
            new: SigningKey {
                kid: made.kid,
                alg: alg.as_str().to_owned(),
                public: made.public,
                private,
                created_at: now,
                retired_at: 0,
            },
            gone_before: now - super::oidc::ID_TOKEN_SECONDS - MARGIN,
        };
        self.0.db.write(args, |tx, a| Box::pin(replace_tx(tx, a))).await?;
        self.current_key(alg)
            .await?
            .ok_or_else(|| broken("is gone as soon as it was made"))
    }

    fn sealing_of_keys(&self) -> [u8; 32] {
        self.0.keys.derive("pantry 2026 signing keys")
    }

    fn open_key(&self, alg: Alg, key: &SigningKey) -> Result<Arc<Signer>, Error> {
        if let Some(signer) = lock(&self.0.auth.keyring.open).get(&key.kid) {
            return Ok(Arc::clone(signer));
        }
        let private = seal::open_answer(&self.sealing_of_keys(), &key.private, key.kid.as_bytes())
            .ok_or_else(|| broken("was sealed by another server's secret; restore the secret file"))?;
        let signer = Arc::new(Signer::open(&key.kid, alg, &private)?);
        let mut open = lock(&self.0.auth.keyring.open);
        // One stands for each algorithm: what retired is let go of.
        open.retain(|_, other| other.alg != alg);
        open.insert(key.kid.clone(), Arc::clone(&signer));
        Ok(signer)
    }

    /// The published set of keys (RFC 7517, section 5): those that sign, and those whose tokens may still live.
    /// Keys that are not there yet are made, so that who fetches the set early finds the key of their first token.
    ///
    /// # Errors
    /// The row store's.
    pub async fn jwks(&self) -> Result<Value, Error> {
        for alg in Alg::ALL {
            if self.current_key(alg).await?.is_none() {
                self.signer(alg).await?;
            }
        }
        let keys: Vec<Value> = self.published_keys().await?;
        Ok(json!({ "keys": keys }))
    }

    async fn published_keys(&self) -> Result<Vec<Value>, Error> {
        let since = self.now() - super::oidc::ID_TOKEN_SECONDS - MARGIN;
        let keys = self.0.db.read(since, |tx, a| Box::pin(published(tx, a))).await?;
        keys.iter()
            .map(|key| serde_json::from_str(&key.public).map_err(|_| broken("has no public half")))
            .collect()
    }

    /// Replaces the keys that sign, and answers the new ids. The old ones stay published until their last token has
    /// expired.
    ///
    /// # Errors
    /// The row store's.
    pub async fn rotate_signing_keys(&self) -> Result<Vec<(Alg, String)>, Error> {
        let mut new = Vec::new();
        for alg in Alg::ALL {
            let _one_at_a_time = self.0.auth.keyring.making.lock().await;
            let old = self.current_key(alg).await?;
            new.push((alg, self.replace_key(alg, old).await?.kid));
        }
        Ok(new)
    }

    /// The claims of a token that one of the published keys signed; whether they hold now is not asked.
    pub(super) async fn claims_signed_here(&self, token: &str) -> Result<Option<Value>, Error> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return Ok(None);
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let read = |part: &str| serde_json::from_slice::<Value>(&decode(part)?).ok();
        let (Some(header), Some(said), Some(signature)) = (read(header), read(claims), decode(signature)) else {
            return Ok(None);
        };
        let signed = &token[..token.rfind('.').unwrap_or(0)];
        let keys = self.published_keys().await?;
        // The key says which algorithm it is for; the token's own word counts for nothing.
        let right = keys
            .iter()
            .filter(|key| key["kid"] == header["kid"])
            .any(|key| verifies(key, signed.as_bytes(), &signature));
        Ok(right.then_some(said))
    }
}

fn verifies(key: &Value, signed: &[u8], signature: &[u8]) -> bool {
    let member = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap_or_default());
    match key["kty"].as_str() {
        Some("RSA") => match (member("n"), member("e")) {
            (Ok(n), Ok(e)) => PublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
                .is_ok(),
            _ => false,
        },
        Some("EC") => match (member("x"), member("y")) {
            (Ok(x), Ok(y)) => {
                let point = [&[4], x.as_slice(), &y].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(signed, signature).is_ok()
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantry_types::SeededRandom;

    #[test]
    fn what_a_key_signs_its_public_half_verifies_and_no_other() {
        for alg in Alg::ALL {
            let [one, other] = [1, 2].map(|seed| make(alg, &SeededRandom::new(seed)).expect("a key"));
            let signer = Signer::open(&one.kid, alg, &one.private).expect("opened");
            let token = signer.sign(&json!({"sub": "1"})).expect("signed");
            let (signed, signature) = token.rsplit_once('.').expect("parts");
            let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
            let public = |made: &Made| serde_json::from_str::<Value>(&made.public).expect("a JWK");
            assert!(verifies(&public(&one), signed.as_bytes(), &signature), "{alg:?}");
            assert!(!verifies(&public(&other), signed.as_bytes(), &signature));
            assert!(!verifies(&public(&one), format!("{signed}x").as_bytes(), &signature));
            let private = ["d", "p", "q", "dp", "dq", "qi"];
            assert!(private.iter().all(|name| public(&one).get(name).is_none()));
        }
    }

    #[test]
    fn an_rsa_key_comes_from_the_given_source() {
        let kid = |seed| make(Alg::Rs256, &SeededRandom::new(seed)).expect("a key").kid;
        assert_eq!(kid(3), kid(3));
        assert_ne!(kid(3), kid(4));
    }
}
