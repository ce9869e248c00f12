//! `/.well-known/oauth-authorization-server` (RFC 8414): what stands, and nothing else.

use axum::{extract::State, response::Response};
use http::StatusCode;
use pantry_types::{Scope, Scopes};
use serde_json::json;

use super::answer;
use crate::state::AppState;

/// Tells standard clients where everything is.
pub(super) async fn metadata(State(state): State<AppState>) -> Response {
    let issuer = state.drive().settings().server.public_url.trim_end_matches('/');
    let at = |path: &str| format!("{issuer}/oauth/{path}");
    let openid = [Scope::OpenId, Scope::Profile, Scope::Email];
    let scopes = Scopes::all().iter().filter(|s| !openid.contains(s)).map(Scope::as_str);
    let methods = ["client_secret_basic", "client_secret_post", "none"];
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "device_authorization_endpoint": at("device-code"),
        "revocation_endpoint": at("revoke"),
        "scopes_supported": scopes.collect::<Vec<_>>(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    answer::json(StatusCode::OK, &body)
}
