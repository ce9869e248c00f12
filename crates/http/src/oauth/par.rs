//! `/oauth/par` (RFC 9126): an app leaves its authorization request, and gets an address for it.

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use pantry_core::auth::{AuthorizeError, OAuthCode, OAuthError};
use serde_json::json;

use super::{
    answer::{self, Refusal},
    authorize, client, read, token,
};
use crate::{request::ClientAddress, state::AppState, visitor::encoded};

/// What proves the client, and is no part of the request.
const PROOF: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// Checks a request as `/oauth/authorize` would, and keeps it.
pub(super) async fn par(
    State(state): State<AppState>,
    address: ClientAddress,
    request: Request,
) -> Result<Response, Refusal> {
    let drive = state.drive();
    let origin = token::origin(address, &request);
    let headers = request.headers().clone();
    let form = read::form(request).await?;
    let client = client::prove(drive, &headers, &form, &origin).await?;
    if form.get("request_uri")?.is_some() {
        return Err(Refusal::malformed(
            "request_uri cannot be pushed; send the parameters themselves",
        ));
    }
    // The others are judged below; these two would come back as something else.
    for name in ["state", "nonce"] {
        form.get(name)?;
    }
    let kept = form
        .iter()
        .filter(|(name, _)| !PROOF.contains(name) && *name != "client_id");
    let pairs = kept.map(|(name, value)| format!("{}={}", encoded(name.as_bytes()), encoded(value.as_bytes())));
    let id = format!("client_id={}", client.app().client_id);
    let query = std::iter::once(id).chain(pairs).collect::<Vec<_>>().join("&");
    let asked = drive.check_authorization(&authorize::request(&query)).await;
    asked.map_err(|e| match e {
        AuthorizeError::Redirect { code, description, .. } => OAuthError::refused(code, description),
        AuthorizeError::Drive(e) => OAuthError::Drive(e),
        e @ (AuthorizeError::UnknownClient(_) | AuthorizeError::WrongRedirect(_) | AuthorizeError::Repeated(_)) => {
            OAuthError::refused(OAuthCode::InvalidRequest, e.to_string())
        }
    })?;
    let pushed = drive.push_request(&client, query).await?;
    let body = json!({"request_uri": pushed.request_uri, "expires_in": pushed.expires_in});
    Ok(answer::json(StatusCode::CREATED, &body))
}
