//! `/oauth/revoke` (RFC 7009).

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;

use super::{
    answer::{Refusal, json},
    client, read, token,
};
use crate::{request::ClientAddress, state::AppState};

/// Ends a token. `token_type_hint` is not needed: a token tells its type itself.
pub(super) async fn revoke(
    State(state): State<AppState>,
    address: ClientAddress,
    request: Request,
) -> Result<Response, Refusal> {
    let origin = token::origin(address, &request);
    let headers = request.headers().clone();
    let form = read::form(request).await?;
    let client = client::prove(state.drive(), &headers, &form, &origin).await?;
    let token = form.need("token")?;
    state.drive().revoke_token(&client, token, &origin).await?;
    Ok(json(StatusCode::OK, &serde_json::json!({})))
}
