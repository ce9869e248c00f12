//! The envelope of v1 and of the upload addresses: every success, and every failure with its status and code.
//! The one place where the drive's errors become HTTP. Must not be used by a face with shapes of its own.

use std::{borrow::Cow, sync::Arc};

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use pantry_api::{Envelope, ErrorBody};
use pantry_core::Error;
use pantry_types::Scope;
use serde::Serialize;

use crate::request::RequestId;

/// A success: 200 and `{"errno":0,"errmsg":"ok","data":…}`.
#[derive(Debug)]
pub struct Answer<T>(pub T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&Envelope::ok(self.0)) {
            Ok(body) => json(StatusCode::OK, body),
            Err(e) => Failure::from(Error::Internal(format!("an answer that cannot be written: {e}"))).into_response(),
        }
    }
}

/// What a handler of v1 or of the upload addresses returns.
pub type Reply<T> = Result<Answer<T>, Failure>;

/// Why a request got no success.
#[derive(Debug)]
pub enum Failure {
    /// The drive refused, or failed.
    Drive(Error),
    /// The `Authorization` header is missing or malformed, or the token came elsewhere.
    Token(&'static str),
    /// The token lacks the scope that the route needs.
    Scope(Scope),
    /// No route matched.
    UnknownUrl,
    /// The route is for other methods.
    Method,
    /// The body's type is none that is understood.
    MediaType(String),
    /// The body is larger than this address takes, in bytes.
    BodyTooLarge(u64),
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body is not what its type says.
    Body(String),
    /// A bug; its text is in the log.
    Panic,
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(e: E) -> Self {
        Self::Drive(e.into())
    }
}

/// Carries a failure out to where the request's id is known.
#[derive(Clone, Debug)]
pub struct Failed(pub Arc<Failure>);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().0.into_response();
        response.extensions_mut().insert(Failed(Arc::new(self)));
        response
    }
}

impl Failure {
    /// HTTP status and code.
    pub fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Drive(e) => of_drive(e),
            Self::Token(_) => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::Scope(_) => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::UnknownUrl => (StatusCode::NOT_FOUND, "unknown_url"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::MediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::BodyTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
            Self::Body(_) => (StatusCode::BAD_REQUEST, "malformed_body"),
            Self::Panic => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// The sentence for people. Of a fault of ours it tells nothing that only the log should.
    pub(crate) fn message(&self) -> Cow<'_, str> {
        match self {
            Self::Drive(Error::Internal(_) | Error::Rows(_)) | Self::Panic => {
                "the server could not do this; the log has the reason under this request_id".into()
            }
            Self::Drive(e) => e.to_string().into(),
            Self::Token(text) => (*text).into(),
            Self::Scope(scope) => {
                format!("the token needs the scope {scope}; ask the person for it at /oauth/authorize").into()
            }
            Self::UnknownUrl => "there is no such URL; check the path".into(),
            Self::Method => "this URL is for another method; the header Allow names it".into(),
            Self::MediaType(sent) => format!(
                "a body of type {} is not understood; send application/x-www-form-urlencoded, application/json or multipart/form-data",
                pantry_types::shown(sent)
            )
            .into(),
            Self::BodyTooLarge(limit) => format!("the body has more than {limit} bytes, the most that this URL takes").into(),
            Self::BodyTimeout => "the body did not arrive in time; send it again".into(),
            Self::Body(problem) => problem.as_str().into(),
        }
    }

    /// The whole answer.
    pub fn render(&self, request: RequestId) -> Response {
        let (status, code) = self.status();
        let body = ErrorBody {
            errno: i64::from(status.as_u16()),
            errmsg: self.message().into_owned(),
            error: code.to_owned(),
            request_id: request.to_string(),
        };
        // A struct of texts and a number can always be written.
        let mut response = json(status, serde_json::to_vec(&body).unwrap_or_default());
        let headers = response.headers_mut();
        match self {
            Self::Token(_) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"pantry\""));
            }
            Self::Drive(Error::Unauthorized) => {
                let value = "Bearer realm=\"pantry\", error=\"invalid_token\"";
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(value));
            }
            Self::Scope(scope) => {
                let value = format!("Bearer realm=\"pantry\", error=\"insufficient_scope\", scope=\"{scope}\"");
                if let Ok(value) = HeaderValue::from_str(&value) {
                    headers.insert(WWW_AUTHENTICATE, value);
                }
            }
            _ => {}
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// Seconds after which the same request may succeed, where that is known.
    pub(crate) fn retry_after(&self) -> Option<i64> {
        match self {
            Self::Drive(Error::TooMany { retry_after }) => Some((*retry_after).max(1)),
            Self::Drive(Error::Busy) => Some(1),
            _ => None,
        }
    }

    /// Logs what the operator should know of: faults of the server and its stores, once.
    pub fn log(&self) {
        match self {
            Self::Drive(Error::Storage(e)) => tracing::error!(error = chain(e), "object storage failed"),
            Self::Drive(Error::Rows(e)) => tracing::error!(error = chain(e), "the row store failed"),
            Self::Drive(Error::Internal(text)) => tracing::error!(error = text, "a rule of ours was broken"),
            Self::Drive(Error::DiskFull) => tracing::error!("the disk is full"),
            Self::Drive(Error::Busy) => tracing::warn!("the row store is busy"),
            _ => {}
        }
    }
}

/// An error with its sources, as one line.
fn chain(e: &dyn std::error::Error) -> String {
    let mut out = e.to_string();
    let mut source = e.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if !out.contains(&text) {
            out.push_str(": ");
            out.push_str(&text);
        }
        source = inner.source();
    }
    out
}

/// Status and code of the drive's errors on v1. No arm for the rest: a new error must be thought about here.
fn of_drive(e: &Error) -> (StatusCode, &'static str) {
    use StatusCode as S;
    match e {
        Error::NotFound(_) => (S::NOT_FOUND, "not_found"),
        Error::Forbidden(_) => (S::FORBIDDEN, "forbidden"),
        Error::Unauthorized => (S::UNAUTHORIZED, "invalid_token"),
        Error::Invalid { .. } => (S::BAD_REQUEST, "invalid_parameter"),
        Error::Name(_) => (S::BAD_REQUEST, "invalid_name"),
        Error::Path(_) => (S::BAD_REQUEST, "invalid_path"),
        Error::TooDeep => (S::BAD_REQUEST, "too_deep"),
        Error::NameTaken { .. } => (S::CONFLICT, "name_taken"),
        Error::KindMismatch { .. } => (S::CONFLICT, "kind_mismatch"),
        Error::IntoItself | Error::IntoOwnSubfolder => (S::CONFLICT, "into_itself"),
        Error::NestedSandbox => (S::FORBIDDEN, "nested_sandbox"),
        Error::SystemFolder => (S::FORBIDDEN, "system_folder"),
        Error::ParentMissing => (S::CONFLICT, "parent_missing"),
        Error::Quota { .. } => (S::INSUFFICIENT_STORAGE, "over_quota"),
        Error::StaleHead { .. } => (S::CONFLICT, "stale_head"),
        Error::NoUpload => (S::NOT_FOUND, "upload_not_found"),
        Error::UploadExpired => (S::GONE, "upload_expired"),
        Error::UploadCompleted => (S::CONFLICT, "upload_completed"),
        Error::UploadStored => (S::CONFLICT, "upload_stored"),
        Error::Incomplete { .. } => (S::TOO_EARLY, "incomplete"),
        Error::NoSuchPart { .. } => (S::BAD_REQUEST, "no_such_part"),
        Error::PartLength { .. } => (S::BAD_REQUEST, "wrong_part_length"),
        Error::HashMismatch { .. } => (S::UNPROCESSABLE_ENTITY, "hash_mismatch"),
        Error::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "too_large"),
        Error::BodyBroken(_) => (S::BAD_REQUEST, "body_broken"),
        Error::ShareNotEnabled => (S::FORBIDDEN, "share_not_enabled"),
        Error::ShareClosed(closed) => (S::NOT_FOUND, closed.code()),
        Error::TicketRequired => (S::UNAUTHORIZED, "share_ticket_required"),
        Error::WrongPassword => (S::FORBIDDEN, "wrong_password"),
        Error::SaveNotAllowed => (S::FORBIDDEN, "save_not_allowed"),
        Error::DropOnly => (S::FORBIDDEN, "drop_only"),
        Error::NotDrop => (S::FORBIDDEN, "not_a_drop_box"),
        Error::DropFull { .. } => (S::INSUFFICIENT_STORAGE, "drop_box_full"),
        Error::TooMany { .. } => (S::TOO_MANY_REQUESTS, "too_many_requests"),
        Error::Taken { .. } => (S::CONFLICT, "taken"),
        Error::Storage(_) => (S::BAD_GATEWAY, "storage_failed"),
        Error::DiskFull => (S::BAD_GATEWAY, "disk_full"),
        Error::Busy => (S::SERVICE_UNAVAILABLE, "busy"),
        Error::Rows(_) | Error::Internal(_) => (S::INTERNAL_SERVER_ERROR, "internal"),
    }
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = (status, body).into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
