//! What standard clients read first: the authorization server (RFC 8414, OpenID Connect Discovery 1.0) and the
//! resource (RFC 9728). What stands, and nothing else.

use axum::{extract::State, response::Response};
use http::StatusCode;
use pantry_core::{Drive, auth::Alg};
use pantry_types::{Scope, Scopes};
use serde_json::json;

use super::answer;
use crate::{html::Lang, state::AppState};

/// The authorization server, at both of its addresses: RFC 8414 and OpenID Connect name their members alike.
pub(super) async fn server(State(state): State<AppState>) -> Response {
    let drive = state.drive();
    let issuer = drive.issuer();
    let at = |path: &str| format!("{issuer}/oauth/{path}");
    let all_clients = ["client_secret_basic", "client_secret_post", "none"];
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at("jwks"),
        "device_authorization_endpoint": at("device-code"),
        "pushed_authorization_request_endpoint": at("par"),
        "revocation_endpoint": at("revoke"),
        "introspection_endpoint": at("introspect"),
        "scopes_supported": Scopes::all().iter().map(Scope::as_str).collect::<Vec<_>>(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "token_endpoint_auth_methods_supported": all_clients,
        "revocation_endpoint_auth_methods_supported": all_clients,
        // Who has no secret cannot prove that a token is its own.
        "introspection_endpoint_auth_methods_supported": all_clients[..2],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "require_pushed_authorization_requests": false,
        "protected_resources": [drive.resource()],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": Alg::ALL.map(Alg::as_str),
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash",
            "name", "nickname", "preferred_username", "picture", "email", "email_verified",
        ],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        // Left out, it would mean yes (OpenID Connect Discovery 1.0, section 3).
        "request_uri_parameter_supported": false,
        "ui_locales_supported": Lang::ALL.map(Lang::tag),
    });
    answer::json(StatusCode::OK, &body)
}

/// The server as a resource: for clients that know no more than its address.
pub(super) async fn whole(State(state): State<AppState>) -> Response {
    let drive = state.drive();
    resource(drive, drive.issuer())
}

/// The v1 API as a resource.
pub(super) async fn v1(State(state): State<AppState>) -> Response {
    let drive = state.drive();
    resource(drive, &drive.resource())
}

fn resource(drive: &Drive, resource: &str) -> Response {
    // Those of OpenID Connect open nothing of the API.
    let openid = [Scope::OpenId, Scope::Profile, Scope::Email];
    let scopes = Scopes::all().iter().filter(|s| !openid.contains(s)).map(Scope::as_str);
    let body = json!({
        "resource": resource,
        "authorization_servers": [drive.issuer()],
        "scopes_supported": scopes.collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
        "resource_name": "Pantry",
    });
    answer::json(StatusCode::OK, &body)
}
