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
mod error;
mod exchange;
mod forms;
mod grant;
mod origin;
mod passwords;
mod introspect;
mod jwks;
mod oidc;
mod redirect;
mod refresh;
mod pushed;
mod revoke;
mod seal;
mod session;
mod setup;
mod signed;
mod sweep;
mod throttle;
mod token;

use std::{
    collections::HashMap,
    sync::{Mutex, atomic::AtomicU64},
};

use pantry_types::{GrantId, Scopes, SecretText, UserId};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

pub use accounts::{MIN_PASSWORD, NewUser, User};
pub(crate) use accounts::{NewFromDirectory, insert_from_directory};
pub use apps::{AddedApp, App, Client, NewApp};
pub use authorize::{Asked, AuthorizeError, AuthorizeRequest, Prompt};
pub use claim::ClaimError;
pub use device::{DeviceAddress, DeviceAnswer, DeviceAsk, DeviceProblem, DeviceRequest};
pub use error::{OAuthCode, OAuthError};
pub use origin::Origin;
pub(crate) use session::{Counted, Proof, Proven};
pub use introspect::Introspection;
pub use jwks::Alg;
pub use session::{SessionActor, SignedIn};
pub use pushed::Pushed;
pub use setup::{SetupClosed, SetupError};
pub use sweep::Swept;
pub use token::TokenActor;

/// What authentication keeps in memory; one for a process.
pub(crate) struct State {
    tokens: token::Tokens,
    /// Raised after every commit that may have ended a token.
    generation: AtomicU64,
    last_used: Mutex<HashMap<(UserId, GrantId), i64>>,
    polls: device::Polls,
    /// Argon2 hashes that run.
    hashing: Semaphore,
    /// Argon2 hashes that run or wait.
    keyring: jwks::Keyring,
    hashing_queue: Semaphore,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            tokens: token::Tokens::new(token::CACHED),
            generation: AtomicU64::new(0),
            last_used: Mutex::new(HashMap::new()),
            polls: device::Polls::new(),
            hashing: Semaphore::new(passwords::AT_ONCE),
            hashing_queue: Semaphore::new(passwords::QUEUE),
        }
    }
            keyring: jwks::Keyring::new(),
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
}

/// The only type of token there is (RFC 6750).
pub(crate) const BEARER: &str = "Bearer";
    /// Who signed in, signed, where `openid` is among the scopes (OpenID Connect Core 1.0, section 3.1.3.3).
    pub id_token: Option<String>,

/// How a secret is kept in a row.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// An unread lock is fine here: what the maps hold is whole after every statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
