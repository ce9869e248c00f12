//! `/oauth/introspect` (RFC 7662).

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use serde_json::json;

use super::{
    answer::{Refusal, json as answer},
    client, read, token,
};
use crate::{request::ClientAddress, state::AppState};

/// Tells a client what its token is good for. `token_type_hint` is not needed: a token tells its type itself.
pub(super) async fn introspect(
    State(state): State<AppState>,
    address: ClientAddress,
    request: Request,
) -> Result<Response, Refusal> {
    let drive = state.drive();
    let origin = token::origin(address, &request);
    let headers = request.headers().clone();
    let form = read::form(request).await?;
    let client = client::prove(drive, &headers, &form, &origin).await?;
    let Some(live) = drive.introspect(&client, form.need("token")?).await? else {
        return Ok(answer(StatusCode::OK, &json!({"active": false})));
    };
    let mut body = json!({
        "active": true,
        "scope": live.scopes.to_string(),
        "client_id": live.client_id,
        "username": live.username,
        "sub": live.subject,
        "iss": drive.issuer(),
        "iat": live.issued_at,
        "exp": live.expires_at,
    });
    if live.is_access {
        body["token_type"] = "Bearer".into();
        body["aud"] = drive.resource().into();
    }
    Ok(answer(StatusCode::OK, &body))
}
