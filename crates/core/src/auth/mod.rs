//! Who calls: people by session, apps by token, and how each comes to it (OAuth 2.0).
//! Must not know HTTP: no cookie attributes, no redirects, no statuses.
//!
//! Three kinds of caller are three types. [`SessionActor`] is a person, [`TokenActor`] an app in
//! a person's name, and neither can be made from the other.

mod accounts;
mod apps;
mod authorize;
mod claim;
pub mod console;
mod device;
pub(crate) mod ended;
mod error;
mod exchange;
mod forms;
mod grant;
mod introspect;
mod jwks;
mod oidc;
mod origin;
mod passwords;
mod pushed;
mod redirect;
mod refresh;
mod revoke;
pub(crate) mod seal;
mod session;
mod setup;
mod signed;
mod sweep;
mod term;
mod throttle;
mod token;

use std::sync::Mutex;

use pantry_types::{Scopes, SecretText};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

pub use accounts::{MIN_PASSWORD, NewUser, User};
pub(crate) use accounts::{NewFromDirectory, insert_from_directory};
pub use apps::{AddedApp, App, Client, NewApp};
pub use authorize::{Asked, AuthorizeError, AuthorizeRequest, Prompt};
pub use claim::ClaimError;
pub use device::{DeviceAddress, DeviceAnswer, DeviceAsk, DeviceProblem, DeviceRequest};
pub use error::{OAuthCode, OAuthError};
pub(crate) use grant::give_by_password;
pub use introspect::Introspection;
pub use jwks::Alg;
pub use origin::Origin;
pub use pushed::Pushed;
pub(crate) use session::{Counted, Proof, Proven};
pub use session::{SessionActor, SignedIn};
pub use setup::{SetupClosed, SetupError};
pub use sweep::Swept;
pub use term::{Consent, Term};
pub use throttle::Guess;
pub(crate) use throttle::Limit;
pub use token::TokenActor;

/// What authentication keeps in memory; one for a process.
pub(crate) struct State {
    tokens: token::Tokens,
    pub(crate) ended: ended::Ended,
    last_used: Mutex<token::LastUsed>,
    guesses: throttle::Guesses,
    polls: device::Polls,
    keyring: jwks::Keyring,
    /// Argon2 hashes that run.
    hashing: Semaphore,
    /// Argon2 hashes that run or wait.
    hashing_queue: Semaphore,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            tokens: token::Tokens::new(token::CACHED),
            ended: ended::Ended::new(),
            last_used: Mutex::default(),
            guesses: throttle::Guesses::new(),
            polls: device::Polls::new(),
            keyring: jwks::Keyring::new(),
            hashing: Semaphore::new(passwords::AT_ONCE),
            hashing_queue: Semaphore::new(passwords::QUEUE),
        }
    }
}

/// A successful answer of the token endpoint (RFC 6749, section 5.1).
#[derive(Debug, Clone)]
pub struct TokenAnswer {
    /// Opens the API.
    pub access_token: SecretText,
    /// Opens a new pair, once.
    pub refresh_token: SecretText,
    /// Seconds that the access token lives.
    pub expires_in: i64,
    /// Scopes of the access token.
    pub scope: Scopes,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Who signed in, signed, where `openid` is among the scopes (OpenID Connect Core 1.0, section 3.1.3.3).
    pub id_token: Option<String>,
}

/// The only type of token there is (RFC 6750).
pub(crate) const BEARER: &str = "Bearer";

/// How a secret is kept in a row.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// An unread lock is fine here: what the maps hold is whole after every statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
