//! Webhooks: telling apps that something changed in the drive of somebody who allowed them to read there.
//! Owns who is told what, the queue, the signature and the rules of where to; the developer's side stands in
//! [`crate::auth::console`]. Must not know HTTP: whoever sends is a [`Sender`].
//!
//! The change log is the source: who has changes since the last look is joined with the grants of apps that have a
//! webhook (`find`), and noted per app and person. A note becomes part of a delivery at most once an interval
//! (`queue`), and a delivery is claimed for a time, so that a process that dies leaves it to the others. Every step is
//! one transaction, and none of them is part of anybody's write.

mod address;
mod backoff;
mod courier;
mod find;
mod queue;
pub(crate) mod sign;

use std::{future::Future, pin::Pin};

use serde::Serialize;

pub use address::{Rules, Target, is_public};
pub use backoff::Schedule;
pub use courier::{Courier, Round};
pub(crate) use queue::new_message_name;

use crate::{Drive, Error};

/// One attempt at a delivery.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where to.
    pub target: Target,
    /// Names the delivery, the same at every attempt (`webhook-id`).
    pub id: String,
    /// When the attempt is made, in Unix seconds (`webhook-timestamp`).
    pub timestamp: i64,
    /// Signatures, separated by spaces (`webhook-signature`).
    pub signature: String,
    /// JSON.
    pub body: Vec<u8>,
}

/// What an app's server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Seconds after which it wants to be asked again, if it said so.
    pub retry_after: Option<i64>,
}

/// Why there was no answer. Told to the app's developer, so it does not say what they could not find out themselves: a
/// name that leads to a private address looks like one that leads nowhere, and a closed port like a silent one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The host has no address that may be sent to.
    #[error("the host has no public address")]
    Address,
    /// It cannot be reached.
    #[error("the host could not be reached")]
    Connect,
    /// Its certificate is not one for this host that is trusted, or it speaks no TLS.
    #[error("the host did not prove itself by TLS")]
    Tls,
    /// It did not answer in time.
    #[error("there was no answer in time")]
    Timeout,
    /// What it answered is not HTTP.
    #[error("the answer was broken off or is not HTTP")]
    Protocol,
}

/// What an attempt came to.
pub type Sent = Result<Answer, Unsent>;

/// Sends deliveries. It checks by [`Rules::permits`] each network address that it connects to, at that time; follows no
/// redirect; and ends within the times of the settings.
pub trait Sender: Send + Sync + 'static {
    /// Makes one attempt.
    fn send(&self, message: Message) -> Pin<Box<dyn Future<Output = Sent> + Send + '_>>;
}

/// What is sent.
#[derive(Debug, Serialize)]
struct Body<'a> {
    delivery: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    test: bool,
    users: Vec<BodyUser>,
}

/// One person of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct BodyUser {
    uid: i64,
    cursor: String,
}

impl Drive {
    /// Where webhooks may lead.
    ///
    /// # Errors
    /// The setting is malformed: [`Error::Internal`].
    pub fn hook_rules(&self) -> Result<Rules, Error> {
        Rules::parse(&self.settings().hooks.allow).map_err(|e| Error::Internal(format!("hooks.allow: {e}")))
    }
}
