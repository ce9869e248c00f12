//! Everything that can go wrong between a caller and the drive, told apart by what the caller can do about it.
//! Must not hold a secret: addresses of parts and links are secrets, so no error repeats an address.

use std::{io, path::PathBuf, time::Duration};

use crate::StoreError;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused, by the envelope of v1.
    #[error("{message}")]
    Api {
        /// HTTP status.
        status: u16,
        /// Code for programs, in snake case; empty when the answer was not in the envelope.
        code: String,
        /// The server's sentence.
        message: String,
        /// Names the request in the server's log; may be empty.
        request_id: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// The authorization server refused (RFC 6749, section 5.2; RFC 8628, section 3.5).
    #[error("{}", description.as_deref().unwrap_or(error))]
    OAuth {
        /// HTTP status.
        status: u16,
        /// The code, such as `invalid_client`.
        error: String,
        /// A sentence, if the server gave one.
        description: Option<String>,
    },
    /// Nobody is signed in, or the sign-in has ended: sign in again.
    #[error("not signed in, or the sign-in has ended")]
    SignInNeeded,
    /// The person said no to the device code.
    #[error("the request was denied")]
    Denied,
    /// The device code ran out before anybody approved it.
    #[error("the code has expired")]
    DeviceExpired,
    /// No answer came: no route, no server, a broken or silent connection.
    #[error("the server did not answer: {0}")]
    Connection(String),
    /// The answer is not what the protocol says.
    #[error("the server's answer was not understood: {0}")]
    Answer(String),
    /// An address that is none.
    #[error("{address} is no address of a server: {reason}")]
    Address {
        /// What was given.
        address: String,
        /// Why not.
        reason: String,
    },
    /// A local file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Local {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The local file changed while it was being sent; nothing was stored.
    #[error("{} changed while it was being sent", .0.display())]
    LocalChanged(PathBuf),
    /// The file on the server changed while it was being fetched.
    #[error("{0} changed on the server while it was being fetched")]
    RemoteChanged(String),
    /// What was fetched does not have the MD5 that the server announced.
    #[error("{name} arrived damaged: its MD5 is {found}, not {expected}")]
    Damaged {
        /// The file.
        name: String,
        /// The announced MD5.
        expected: String,
        /// The MD5 of what came.
        found: String,
    },
    /// Long work on the server failed.
    #[error("the server gave the work up: {0}")]
    Job(String),
    /// The token store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// HTTP status, where the server answered with one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api { status, .. } | Self::OAuth { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Code for programs, where the server answered with one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Api { code, .. } if !code.is_empty() => Some(code),
            Self::OAuth { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Names the request in the server's log.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Api { request_id, .. } if !request_id.is_empty() => Some(request_id),
            _ => None,
        }
    }

    /// Whether the server refused with this status.
    pub fn is_status(&self, wanted: u16) -> bool {
        self.status() == Some(wanted)
    }

    /// Whether the server refused with this code.
    pub fn is_code(&self, wanted: &str) -> bool {
        self.code() == Some(wanted)
    }

    pub(crate) fn local(path: &std::path::Path, source: io::Error) -> Self {
        Self::Local {
            path: path.to_owned(),
            source,
        }
    }

    /// A failure to get an answer. The address is left out, since links and upload ids are secrets.
    pub(crate) fn connection(e: reqwest::Error) -> Self {
        let e = e.without_url();
        let mut text = e.to_string();
        let mut source = std::error::Error::source(&e);
        while let Some(inner) = source {
            let inner_text = inner.to_string();
            if !text.contains(&inner_text) {
                text = format!("{text}: {inner_text}");
            }
            source = inner.source();
        }
        // What reqwest calls a decoding error is a body that was cut off: it decodes nothing for us.
        Self::Connection(text)
    }
}
