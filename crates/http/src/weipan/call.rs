//! One call: who calls, what came, what was done, and the addresses that replies name.
//! Must not know a method.

use std::{future::Future, pin::Pin};

use pantry_core::{
    Actor, Drive,
    auth::Origin,
    item::Item,
    weipan::{Dolog, WeipanActor},
};
use pantry_types::NodeId;

use super::{fault::Fault, wire::Sent};
use crate::state::AppState;

/// A call by nobody who is known yet.
#[derive(Debug)]
pub struct Open {
    /// What every handler shares.
    pub state: AppState,
    /// What came.
    pub sent: Sent,
    /// Where it came from.
    pub origin: Origin,
}

/// A call with a good token.
#[derive(Debug)]
pub struct Call {
    /// What every handler shares.
    pub state: AppState,
    /// What came.
    pub sent: Sent,
    /// Who calls.
    pub caller: WeipanActor,
    /// The dologid that the caller knows.
    pub since: Option<i64>,
    /// The caller, to read.
    pub reader: Actor,
}

/// What a method did.
#[derive(Debug)]
pub enum Done {
    /// It answers this (JSON), or nothing.
    Read(Option<Vec<u8>>),
    /// It answers this (JSON), looked at together with the caller's changes.
    Seen(Option<Vec<u8>>, Dolog),
    /// It answers fields beside `err_code` (JSON with its braces).
    Beside(Vec<u8>),
    /// It changed something; the change log's head after it.
    Wrote(Option<Vec<u8>>, i64),
    /// It changed one thing that lies in this folder; the change log's head after it.
    WroteIn(Option<Vec<u8>>, i64, NodeId),
    /// It sends the caller on.
    Redirect(String),
}

/// A method's future.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Done, Fault>> + Send + 'a>>;

impl Call {
    /// The drive.
    pub fn drive(&self) -> &Drive {
        self.state.drive()
    }

    /// The caller, to read.
    pub fn reader(&self) -> Actor {
        self.reader.clone()
    }

    /// The caller, to write: only while the dologid that was sent is the latest.
    pub fn writer(&self) -> Actor {
        self.caller.actor(self.since)
    }

    /// `uid`
    pub fn uid(&self) -> String {
        self.caller.user.to_string()
    }

    /// The page of a share.
    pub fn share_url(&self, code: &str) -> String {
        share_url(self.drive(), code)
    }

    /// `url`: the page of the share that opens a file, else a signed link.
    pub fn file_url(&self, item: &Item, share: Option<&str>) -> String {
        match share {
            Some(code) => self.share_url(code),
            None => self.link(item, false),
        }
    }

    /// `s3_url`: a signed link for saving.
    pub fn raw_url(&self, item: &Item) -> String {
        self.link(item, true)
    }

    fn link(&self, item: &Item, raw: bool) -> String {
        let path = self.drive().item_link(&self.reader, item, raw);
        [self.state.download_url(), &path].concat()
    }
}

/// The page of a share.
pub fn share_url(drive: &Drive, code: &str) -> String {
    format!("{}/s/{code}", drive.settings().server.public_url.trim_end_matches('/'))
}
