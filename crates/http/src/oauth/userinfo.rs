//! `/oauth/userinfo` (OpenID Connect Core 1.0, section 5.3): who the person is, for an app's access token.
//! Errors are those of bearer tokens (RFC 6750, section 3).

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE},
};
use pantry_core::{
    Error,
    auth::{OAuthCode, OAuthError},
};
use pantry_types::Scope;
use serde_json::json;

use super::{answer, answer::Refusal, read, token};
use crate::{
    envelope::Failure,
    request::{ClientAddress, Context},
    state::AppState,
};

fn challenge(status: StatusCode, error: Option<&str>, description: &str) -> Response {
    let malformed = OAuthCode::InvalidRequest.as_str();
    let mut body = json!({"error": error.unwrap_or(malformed), "error_description": description});
    let mut header = "Bearer realm=\"pantry\"".to_owned();
    if let Some(error) = error {
        header.push_str(&format!(", error=\"{error}\""));
        // What is said of a malformed request may repeat it, and a header is no place for that.
        if error != malformed {
            header.push_str(&format!(", error_description=\"{description}\""));
        }
    }
    if status == StatusCode::FORBIDDEN {
        body["scope"] = Scope::OpenId.as_str().into();
        header.push_str(&format!(", scope=\"{}\"", Scope::OpenId));
    }
    let mut response = answer::json(status, &body);
    // Both are texts of this file.
    if let Ok(value) = HeaderValue::from_str(&header) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

/// The token of the header, `None` without one. Another scheme is none: who tries it does not know what is wanted, and is
/// told that and no error (RFC 6750, section 3.1).
fn of_header(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        return Err(Refusal::malformed("send one header Authorization: Bearer <token>"));
    }
    let (scheme, token) = header.to_str().unwrap_or_default().split_once(' ').unwrap_or_default();
    let token = Some(token.trim()).filter(|token| !token.is_empty() && scheme.eq_ignore_ascii_case("bearer"));
    Ok(token.map(str::to_owned))
}

/// Tells who the person is. The token comes in the header, or by POST in the body (RFC 6750, section 2.2).
pub(super) async fn userinfo(
    State(state): State<AppState>,
    address: ClientAddress,
    request: Request,
) -> Result<Response, Refusal> {
    match told(state, address, request).await {
        // As a resource refuses, not as an endpoint of clients: with a challenge (RFC 6750, section 3).
        Err(Refusal::OAuth {
            error: OAuthError::Refused { code, description },
            ..
        }) => Ok(challenge(StatusCode::BAD_REQUEST, Some(code.as_str()), &description)),
        answer => answer,
    }
}

async fn told(state: AppState, address: ClientAddress, request: Request) -> Result<Response, Refusal> {
    let origin = token::origin(address, &request);
    let in_header = of_header(request.headers())?;
    let is_post = request.method() == Method::POST;
    let context = request.extensions().get::<Context>().cloned();
    let form = read::form(request).await?;
    let in_body = form.get("access_token")?.filter(|_| is_post).map(str::to_owned);
    let shown = match (in_header, in_body) {
        (Some(_), Some(_)) => return Err(Refusal::malformed("the token was sent twice; send it in the header")),
        (Some(token), None) | (None, Some(token)) => token,
        (None, None) => {
            let why = "send the access token as Authorization: Bearer <token>";
            return Ok(challenge(StatusCode::UNAUTHORIZED, None, why));
        }
    };
    let drive = state.drive();
    let dead = "the access token is unknown, expired or revoked";
    let caller = match drive.authenticate_from(&shown, &origin).await {
        Ok(caller) => caller,
        Err(Error::Unauthorized) => return Ok(challenge(StatusCode::UNAUTHORIZED, Some("invalid_token"), dead)),
        Err(e) => return Err(Failure::from(e).into()),
    };
    if let Some(context) = context {
        context.set_user(caller.user);
    }
    if let Err(retry_after) = state.v1_rate().take(caller.grant.0, drive.clock().now_ms()) {
        let mut response = Failure::from(Error::TooMany { retry_after }).into_response();
        let seconds = HeaderValue::from(retry_after.max(1));
        response.headers_mut().insert(RETRY_AFTER, seconds);
        return Ok(response);
    }
    match drive.userinfo(&caller).await {
        Ok(told) => Ok(answer::json(StatusCode::OK, &told)),
        Err(Error::Forbidden(_)) => {
            let why = "the token was not given the scope openid";
            Ok(challenge(StatusCode::FORBIDDEN, Some("insufficient_scope"), why))
        }
        Err(Error::Unauthorized) => Ok(challenge(StatusCode::UNAUTHORIZED, Some("invalid_token"), dead)),
        Err(e) => Err(Failure::from(e).into()),
    }
}
