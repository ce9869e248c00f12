//! `/oauth/token` (RFC 6749, section 3.2).

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::header::USER_AGENT;
use pantry_core::auth::{DeviceAddress, OAuthCode, OAuthError, Origin};

use super::{
    answer::{Refusal, tokens},
    client, read,
};
use crate::{request::ClientAddress, state::AppState};

/// Where a program calls from.
pub(super) fn origin(address: ClientAddress, request: &Request) -> Origin {
    let agent = request.headers().get(USER_AGENT).and_then(|v| v.to_str().ok());
    Origin::new(Some(address.0), agent.unwrap_or_default())
}

/// Gives tokens for a code, a refresh token or a device code.
pub(super) async fn token(
    State(state): State<AppState>,
    address: ClientAddress,
    request: Request,
) -> Result<Response, Refusal> {
    let drive = state.drive();
    let origin = origin(address, &request);
    let headers = request.headers().clone();
    let form = read::form(request).await?;
    let grant = form.need("grant_type")?;
    let client = client::prove(drive, &headers, &form, &origin).await?;
    for resource in form.resources() {
        drive.check_resource(resource)?;
    }
    let answer = match grant {
        "authorization_code" => {
            let (code, uri) = (form.need("code")?, form.get("redirect_uri")?);
            let verifier = form.get("code_verifier")?;
            drive.exchange_code(&client, code, uri, verifier, &origin).await?
        }
        "refresh_token" => {
            let (token, scope) = (form.need("refresh_token")?, form.get("scope")?);
            drive.refresh(&client, token, scope, &origin).await?
        }
        "urn:ietf:params:oauth:grant-type:device_code" => {
            let (code, verifier) = (form.need("device_code")?, form.get("code_verifier")?);
            let at = DeviceAddress::Standard;
            drive.poll_device(client.app(), code, verifier, at).await?
        }
        _ => {
            let why =
                "grant_type must be authorization_code, refresh_token or urn:ietf:params:oauth:grant-type:device_code";
            return Err(OAuthError::refused(OAuthCode::UnsupportedGrantType, why).into());
        }
    };
    Ok(tokens(&answer))
}
