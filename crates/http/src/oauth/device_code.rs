//! `/oauth/device-code` (RFC 8628, section 3.1; the document's device flow, step 1).

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use pantry_core::auth::DeviceRequest;
use serde::Serialize;

use super::{
    answer::{Refusal, json},
    client, read, token,
};
use crate::{request::ClientAddress, state::AppState};

/// RFC 8628, section 3.2, and the document's `qr_url`.
#[derive(Serialize)]
struct Body<'a> {
    device_code: &'a str,
    user_code: &'a str,
    verification_uri: String,
    verification_uri_complete: String,
    qr_url: String,
    expires_in: i64,
    interval: i64,
}

/// Where a person types the code.
pub(super) fn verification_uri(state: &AppState) -> String {
    let base = state.drive().settings().server.public_url.trim_end_matches('/');
    format!("{base}/oauth/device")
}

/// The same with the code filled in.
pub(super) fn complete_uri(state: &AppState, user_code: &str) -> String {
    format!("{}?user_code={user_code}", verification_uri(state))
}

/// Begins the device grant.
pub(super) async fn device_code(
    State(state): State<AppState>,
    address: ClientAddress,
    request: Request,
) -> Result<Response, Refusal> {
    let origin = token::origin(address, &request);
    let headers = request.headers().clone();
    let form = read::form(request).await?;
    let app = client::identify(state.drive(), &headers, &form, &origin).await?;
    for resource in form.resources() {
        state.drive().check_resource(resource)?;
    }
    let owned = |name| form.get(name).map(|v| v.map(str::to_owned));
    let asked = DeviceRequest {
        scope: owned("scope")?,
        code_challenge: owned("code_challenge")?,
        code_challenge_method: owned("code_challenge_method")?,
    };
    let d = state.drive().start_device(&app, &asked, &origin).await?;
    let uri = verification_uri(&state);
    let body = Body {
        device_code: d.device_code.expose(),
        user_code: &d.user_code,
        verification_uri_complete: complete_uri(&state, &d.user_code),
        qr_url: format!("{uri}/qr?user_code={}", d.user_code),
        verification_uri: uri,
        expires_in: d.expires_in,
        interval: d.interval,
    };
    Ok(json(StatusCode::OK, &body))
}
