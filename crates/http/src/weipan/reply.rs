//! The shape of every reply: HTTP 200 and compact JSON, the outcome in `err_code`.
//! Must not know a method.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use pantry_core::weipan::Dolog;
use serde::Serialize;

/// What is to be told.
#[derive(Debug)]
pub struct Reply {
    /// The outcome; 0 is success.
    pub number: i64,
    /// A sentence; `success` on success.
    pub message: String,
    /// `data`, as JSON.
    pub data: Option<Vec<u8>>,
    /// Fields beside these, as JSON with its braces.
    pub beside: Option<Vec<u8>>,
    /// The caller's changes; none before it is known who calls.
    pub dolog: Option<Dolog>,
}

/// Writes JSON after what is there. A vector takes every byte, and what replies hold can always be written.
pub fn push<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let _ = serde_json::to_writer(out, value);
}

/// What most replies fit into, in bytes: they are not moved while they grow.
const USUAL: usize = 1024;

/// Writes JSON.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL);
    push(&mut out, value);
    out
}

impl Reply {
    /// A success.
    pub fn success(data: Option<Vec<u8>>) -> Self {
        Self {
            number: 0,
            message: "success".into(),
            data,
            beside: None,
            dolog: None,
        }
    }

    /// A failure.
    pub fn failure(number: i64, message: String) -> Self {
        Self {
            number,
            message,
            ..Self::success(None)
        }
    }

    /// The JSON.
    pub fn body(&self) -> Vec<u8> {
        let long = self.data.as_ref().map_or(0, Vec::len) + self.dolog.as_ref().map_or(0, |d| d.folders.len() * 20);
        let mut out = Vec::with_capacity(256 + self.message.len() + long);
        let mut number = itoa::Buffer::new();
        out.extend_from_slice(b"{\"err_code\":");
        out.extend_from_slice(number.format(self.number).as_bytes());
        out.extend_from_slice(b",\"err_msg\":");
        push(&mut out, &self.message);
        if let Some(data) = &self.data {
            out.extend_from_slice(b",\"data\":");
            out.extend_from_slice(data);
        }
        if let Some(dolog) = &self.dolog {
            out.extend_from_slice(b",\"dologid\":\"");
            out.extend_from_slice(number.format(dolog.head).as_bytes());
            out.extend_from_slice(b"\",\"dologdir\":");
            push(&mut out, &dolog.folders);
        }
        if let Some(fields) = self
            .beside
            .as_deref()
            .and_then(|b| b.strip_prefix(b"{"))
            .filter(|b| b.len() > 1)
        {
            out.push(b',');
            out.extend_from_slice(fields);
        } else {
            out.push(b'}');
        }
        out
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        (StatusCode::OK, [(CONTENT_TYPE, kind)], self.body()).into_response()
    }
}
