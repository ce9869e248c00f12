//! What a server answered, read whole. Owns the ways in which tests look at it.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::secrets;

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Reply {
    /// Sends a request and reads the answer.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.expect("a whole body");
        secrets::met(&headers, &body);
        Self { status, headers, body }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("no JSON ({e}): {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// The `data` of a success.
    pub fn data(&self) -> Value {
        let json = self.json();
        assert_eq!(self.status, StatusCode::OK, "{json}");
        assert_eq!(
            (json["errno"].as_i64(), json["errmsg"].as_str()),
            (Some(0), Some("ok")),
            "{json}"
        );
        json["data"].clone()
    }

    /// A failure's status and code; proves that the body says the same and names the request.
    pub fn error(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(json["errno"].as_u64(), Some(u64::from(self.status.as_u16())), "{json}");
        assert_eq!(json["request_id"].as_str(), self.header("x-request-id"), "{json}");
        assert!(json["errmsg"].as_str().is_some_and(|text| !text.is_empty()), "{json}");
        (
            self.status.as_u16(),
            json["error"].as_str().unwrap_or_default().to_owned(),
        )
    }

    /// The sentence of a failure.
    pub fn message(&self) -> String {
        self.json()["errmsg"].as_str().unwrap_or_default().to_owned()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body without what differs between two answers alike: the request's id.
    pub fn body_without_request_id(&self) -> String {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        match self.header("x-request-id") {
            Some(id) => text.replace(id, "…"),
            None => text,
        }
    }
}
