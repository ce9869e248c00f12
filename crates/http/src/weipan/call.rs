//! One call: who calls, what came, what was done, and the addresses that replies name.
//! Must not know a method.

use std::{future::Future, pin::Pin};

use pantry_core::{
    Actor, Drive,
    auth::Origin,
    downloads::Links,
    item::Item,
    weipan::{Dolog, WeipanActor},
};
use pantry_types::NodeId;

use super::{fault::Fault, reply::push, wire::Sent};
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
        self.state.share_url(code)
    }

    /// What writes the addresses of files.
    pub fn urls(&self) -> Urls<'_> {
        Urls {
            call: self,
            links: self.drive().links(&self.reader),
        }
    }

    /// `url` of one file.
    pub fn file_url(&self, item: &Item, share: Option<&str>) -> String {
        self.urls().file(item, share)
    }
}

/// Addresses of files, of which a reply may hold many.
#[derive(Debug)]
pub struct Urls<'a> {
    call: &'a Call,
    links: Links<'a>,
}

impl Urls<'_> {
    /// `url`: the page of the share that opens a file, else a signed link.
    pub fn file(&self, item: &Item, share: Option<&str>) -> String {
        match share {
            Some(code) => self.call.share_url(code),
            None => self.link(item, false),
        }
    }

    /// `s3_url`: a signed link for saving.
    pub fn raw(&self, item: &Item) -> String {
        self.link(item, true)
    }

    /// Writes the same as JSON.
    pub fn push_json(&self, out: &mut Vec<u8>, item: &Item, share: Option<&str>) {
        match share {
            Some(code) => push(out, &self.call.share_url(code)),
            None => {
                // The address as a text without its last quote; what follows has nothing to escape.
                push(out, self.call.state.download_url());
                out.pop();
                self.links.push(out, item.version, false);
                out.push(b'"');
            }
        }
    }

    fn link(&self, item: &Item, raw: bool) -> String {
        let base = self.call.state.download_url();
        let mut out = Vec::with_capacity(base.len() + 80);
        out.extend_from_slice(base.as_bytes());
        self.links.push(&mut out, item.version, raw);
        String::from_utf8(out).unwrap_or_default()
    }
}
