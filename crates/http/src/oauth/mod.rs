//! The OAuth face: every URL of it. Its files follow the URLs.
//! Must hold no rule of OAuth (those are `core::auth`'s), and know no other face.

mod answer;
mod authorize;
mod client;
mod device;
mod device_code;
mod device_token;
mod introspect;
mod jwks;
mod metadata;
mod par;
mod qr;
mod read;
mod revoke;
mod token;
mod userinfo;

use axum::{
    Router, middleware,
    response::Response,
    routing::{get, post},
};

use crate::{cors, state::AppState};

/// Every URL of OAuth. Programs may call from any origin; pages may not be called at all.
pub fn routes() -> Router<AppState> {
    let programs = Router::new()
        .route("/oauth/token", post(token::token).options(preflight))
        .route("/oauth/device-code", post(device_code::device_code).options(preflight))
        .route(
            "/oauth/device-token",
            post(device_token::device_token).options(preflight),
        )
        .route("/oauth/revoke", post(revoke::revoke).options(preflight))
        .route("/oauth/introspect", post(introspect::introspect).options(preflight))
        .route("/oauth/par", post(par::par).options(preflight))
        .route("/oauth/jwks", get(jwks::jwks).options(preflight))
        .route(
            "/oauth/userinfo",
            get(userinfo::userinfo).post(userinfo::userinfo).options(preflight),
        )
        .route(
            "/.well-known/oauth-authorization-server",
            get(metadata::server).options(preflight),
        )
        .route(
            "/.well-known/openid-configuration",
            get(metadata::server).options(preflight),
        )
        .route(
            "/.well-known/oauth-protected-resource",
            get(metadata::whole).options(preflight),
        )
        .route(
            "/.well-known/oauth-protected-resource/v1",
            get(metadata::v1).options(preflight),
        )
        .layer(middleware::from_fn(cors::open));
    let pages = Router::new()
        .route("/oauth/authorize", get(authorize::show).post(authorize::answer))
        .route("/oauth/device", get(device::show).post(device::answer))
        .route("/oauth/device/qr", get(qr::qr));
    programs.merge(pages)
}

/// Browsers ask before they send. Given its own place on each route, since a route without the method
/// would answer before the layer is asked.
async fn preflight() -> Response {
    cors::preflight()
}
