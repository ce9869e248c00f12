//! `/oauth/device-token` (the document's device flow, step 3).

use axum::{
    extract::{Request, State},
    response::Response,
};
use pantry_core::auth::DeviceAddress;

use super::{
    answer::{Refusal, tokens},
    client, read, token,
};
use crate::{request::ClientAddress, state::AppState};

/// A device asks for its tokens.
pub(super) async fn device_token(
    State(state): State<AppState>,
    address: ClientAddress,
    request: Request,
) -> Result<Response, Refusal> {
    let origin = token::origin(address, &request);
    let headers = request.headers().clone();
    let form = read::form(request).await?;
    let app = client::identify(state.drive(), &headers, &form, &origin).await?;
    let (code, verifier) = (form.need("device_code")?, form.get("code_verifier")?);
    let at = DeviceAddress::Document;
    let answer = state.drive().poll_device(&app, code, verifier, at).await?;
    Ok(tokens(&answer))
}
