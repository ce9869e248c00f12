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

/// Writes a value that can always be written.
pub fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|_| b"null".to_vec())
}

/// The same for what is about this long, in bytes: it is not moved while it grows.
pub fn long_json<T: Serialize>(value: &T, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length);
    match serde_json::to_writer(&mut out, value) {
        Ok(()) => out,
        Err(_) => b"null".to_vec(),
    }
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
        let mut out = Vec::with_capacity(128 + self.data.as_ref().map_or(0, Vec::len));
        let mut field = |name: &str, value: &[u8]| {
            out.push(if out.is_empty() { b'{' } else { b',' });
            out.extend_from_slice(format!("\"{name}\":").as_bytes());
            out.extend_from_slice(value);
        };
        field("err_code", self.number.to_string().as_bytes());
        field("err_msg", &json(&self.message));
        if let Some(data) = &self.data {
            field("data", data);
        }
        if let Some(dolog) = &self.dolog {
            field("dologid", &json(&dolog.head.to_string()));
            field("dologdir", &json(&dolog.folders));
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
