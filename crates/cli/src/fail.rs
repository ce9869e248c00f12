//! What becomes of a failure: an exit code, and one line that says what was wrong and what to do.
//! Must not decide what counts as one.

use std::{io, process::ExitCode};

use pantry_client::Error;

use crate::{
    lang::{t, tf},
    text::Text,
};

/// Exit codes; the help text lists them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Anything else.
    Failed = 1,
    /// Wrong use.
    Usage = 2,
    /// Nobody is signed in.
    SignIn = 3,
    /// It does not exist.
    NotFound = 4,
    /// Scope or sandbox.
    Forbidden = 5,
    /// A name is taken.
    Conflict = 6,
    /// Over quota.
    NoSpace = 7,
    /// No answer, or a fault of the server.
    Server = 8,
    /// Damaged, or changed under way.
    Damaged = 9,
    /// Some of several failed.
    Partly = 10,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The client's error, about a path if one is known.
    Client(Error, Option<String>),
    /// One of our own.
    Said(Exit, &'static str, String),
    /// The output cannot be written. A closed pipe is no failure: whoever reads has enough.
    Output(io::Error),
    /// So many of so many failed, each told already.
    Partly(usize, usize),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Self::Client(e, None)
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        Self::Output(e)
    }
}

/// The error of a call about one path.
pub fn about(path: &str) -> impl Fn(Error) -> Failure {
    let path = path.to_owned();
    move |e| Failure::Client(e, Some(path.clone()))
}

impl Failure {
    /// One of our own, with its code for programs.
    pub fn said(exit: Exit, code: &'static str, text: String) -> Self {
        Self::Said(exit, code, text)
    }

    /// Nothing of that path.
    pub fn not_found(path: &str) -> Self {
        Self::said(Exit::NotFound, "not_found", tf(Text::ErrNotFound, &[&path]))
    }

    /// Whether the pipe was closed by its reader.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(e) if e.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Said(exit, ..) => *exit,
            Self::Output(_) => Exit::Failed,
            Self::Partly(..) => Exit::Partly,
            Self::Client(e, _) => match e {
                Error::SignInNeeded | Error::Denied | Error::DeviceExpired | Error::OAuth { .. } => Exit::SignIn,
                Error::Connection(_) | Error::Answer(_) => Exit::Server,
                Error::LocalChanged(_) | Error::RemoteChanged(_) | Error::Damaged { .. } => Exit::Damaged,
                Error::Address { .. } => Exit::Usage,
                Error::Api { status, .. } => match status {
                    400 | 413 | 415 => Exit::Failed,
                    401 => Exit::SignIn,
                    403 => Exit::Forbidden,
                    404 | 410 => Exit::NotFound,
                    409 => Exit::Conflict,
                    422 => Exit::Damaged,
                    507 => Exit::NoSpace,
                    429 | 500.. => Exit::Server,
                    _ => Exit::Failed,
                },
                _ => Exit::Failed,
            },
        }
    }

    /// One line: what was wrong, and what to do.
    pub fn line(&self) -> String {
        match self {
            Self::Said(_, _, text) => text.clone(),
            Self::Output(e) => tf(Text::ErrOutput, &[e]),
            Self::Partly(failed, all) => tf(Text::ErrPartly, &[failed, all]),
            Self::Client(e, path) => client_line(e, path.as_deref()),
        }
    }

    /// The same for programs.
    pub fn json(&self) -> serde_json::Value {
        let (status, code, request_id) = match self {
            Self::Said(_, code, _) => (None, Some(*code), None),
            Self::Output(_) => (None, Some("output"), None),
            Self::Partly(..) => (None, Some("partly_failed"), None),
            Self::Client(e, _) => (e.status(), e.code().or(Some(own_code(e))), e.request_id()),
        };
        serde_json::json!({"error": {
            "exit": self.exit() as u8, "code": code, "status": status, "message": self.line(), "request_id": request_id,
        }})
    }
}

fn own_code(e: &Error) -> &'static str {
    match e {
        Error::SignInNeeded => "sign_in_needed",
        Error::Denied => "access_denied",
        Error::DeviceExpired => "expired_token",
        Error::Connection(_) => "no_answer",
        Error::Answer(_) => "bad_answer",
        Error::Address { .. } => "bad_address",
        Error::Local { .. } => "local",
        Error::LocalChanged(_) => "local_changed",
        Error::RemoteChanged(_) => "remote_changed",
        Error::Damaged { .. } => "damaged",
        Error::Job(_) => "job_failed",
        Error::Store(_) => "store",
        _ => "failed",
    }
}

fn client_line(e: &Error, path: Option<&str>) -> String {
    match e {
        Error::SignInNeeded => t(Text::ErrSignInEnded).to_owned(),
        Error::Denied => t(Text::ErrDenied).to_owned(),
        Error::DeviceExpired => t(Text::ErrDeviceExpired).to_owned(),
        Error::OAuth { error, .. } if error == "invalid_client" || error == "unauthorized_client" => {
            tf(Text::ErrClient, &[e])
        }
        Error::OAuth { error, .. } if error == "invalid_scope" => tf(Text::ErrScope, &[e]),
        Error::OAuth { .. } => tf(Text::ErrOAuth, &[e]),
        Error::Connection(why) => tf(Text::ErrConnection, &[why]),
        Error::Answer(why) => tf(Text::ErrAnswer, &[why]),
        Error::Address { address, reason } => tf(Text::ErrAddress, &[address, reason]),
        Error::Local { path, source } => tf(Text::ErrLocal, &[&path.display(), source]),
        Error::LocalChanged(path) => tf(Text::ErrLocalChanged, &[&path.display()]),
        Error::RemoteChanged(name) => tf(Text::ErrRemoteChanged, &[name]),
        Error::Damaged { name, expected, found } => tf(Text::ErrDamaged, &[name, found, expected]),
        Error::Job(why) => tf(Text::ErrJob, &[why]),
        Error::Store(why) => {
            let place = crate::session::folder().map_or_else(|_| String::new(), |path| path.display().to_string());
            tf(Text::ErrStore, &[why, &place])
        }
        Error::Api { status, code, .. } => {
            let mut line = api_line(e, *status, code, path);
            if let Some(id) = e.request_id() {
                line.push_str(&tf(Text::ErrRequest, &[&id]));
            }
            line
        }
        e => e.to_string(),
    }
}

fn api_line(e: &Error, status: u16, code: &str, path: Option<&str>) -> String {
    match (status, code, path) {
        (404, "not_found", Some(path)) => tf(Text::ErrNotFound, &[&path]),
        (409, "name_taken", Some(path)) => tf(Text::ErrTaken, &[&path]),
        (403, "insufficient_scope", _) => tf(Text::ErrScopeMissing, &[e]),
        (403, ..) => tf(Text::ErrForbidden, &[e]),
        (429, ..) => t(Text::ErrTooMany).to_owned(),
        (507, ..) => tf(Text::ErrQuota, &[e]),
        (500.., ..) => tf(Text::ErrServer, &[e]),
        (_, _, Some(path)) => tf(Text::ErrRefused, &[&format!("{path}: {e}")]),
        _ => tf(Text::ErrRefused, &[e]),
    }
}
