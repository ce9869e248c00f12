//! Plain OAuth answers: tokens and errors as JSON, never in v1's envelope.
//! Must not decide what is answered.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE},
};
use pantry_core::auth::{OAuthCode, OAuthError, TokenAnswer};
use serde::Serialize;

use crate::envelope::Failure;

const BASIC: &str = "Basic realm=\"pantry\", charset=\"UTF-8\"";

/// JSON that nobody may keep (RFC 6749, section 5.1).
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Structs of texts and numbers can always be written.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
        (PRAGMA, "no-cache"),
    ];
    (status, headers, body).into_response()
}

/// A pair of tokens (RFC 6749, section 5.1).
#[derive(Serialize)]
struct Tokens<'a> {
    access_token: &'a str,
    token_type: &'a str,
    expires_in: i64,
    refresh_token: &'a str,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
}

/// Answers a pair of tokens.
pub(super) fn tokens(answer: &TokenAnswer) -> Response {
    json(
        StatusCode::OK,
        &Tokens {
            access_token: answer.access_token.expose(),
            token_type: answer.token_type,
            expires_in: answer.expires_in,
            refresh_token: answer.refresh_token.expose(),
            scope: answer.scope.to_string(),
            id_token: answer.id_token.as_deref(),
        },
    )
}

/// An error (RFC 6749, section 5.2).
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
}

/// Why a request got no success.
#[derive(Debug)]
pub(super) enum Refusal {
    /// In OAuth's words; `basic`: the client used HTTP Basic.
    OAuth { error: OAuthError, basic: bool },
    /// Not even read.
    Failure(Failure),
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self::OAuth { error, basic: false }
    }
}

impl From<Failure> for Refusal {
    /// What is wrong with a body is an error of OAuth, and those are 400 (RFC 6749, section 5.2).
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::MediaType(_) | Failure::BodyTooLarge(_) | Failure::Body(_) => {
                Self::malformed(failure.message().into_owned())
            }
            other => Self::Failure(other),
        }
    }
}

impl Refusal {
    /// A malformed request.
    pub(super) fn malformed(description: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        OAuthError::refused(OAuthCode::InvalidRequest, description).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::OAuth {
                error: OAuthError::Refused { code, description },
                basic,
            } => {
                let status = match code {
                    OAuthCode::InvalidClient => StatusCode::UNAUTHORIZED,
                    _ => StatusCode::BAD_REQUEST,
                };
                // The document shows these two bare, and a client that compares whole bodies must be right.
                let bare = matches!(code, OAuthCode::AuthorizationPending | OAuthCode::SlowDown);
                let body = ErrorBody {
                    error: code.as_str(),
                    error_description: (!bare).then_some(&description),
                };
                let mut response = json(status, &body);
                if basic && status == StatusCode::UNAUTHORIZED {
                    let header = HeaderValue::from_static(BASIC);
                    response.headers_mut().insert(WWW_AUTHENTICATE, header);
                }
                response
            }
            Self::OAuth {
                error: OAuthError::Drive(e),
                ..
            } => Failure::from(e).into_response(),
            Self::Failure(failure) => failure.into_response(),
        }
    }
}
