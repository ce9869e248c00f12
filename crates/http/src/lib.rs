//! The faces of Pantry over HTTP. Owns requests and responses; must hold no
//! rule of the drive.

use axum::{Router, middleware};

mod body;
pub mod cors;
mod download;
pub mod edge;
pub mod envelope;
pub mod html;
pub mod metrics;
mod oauth;
mod ops;
pub mod params;
pub mod rate;
pub mod request;
mod sharing;
pub mod state;
mod upload;
mod v1;
mod visitor;
mod web;
pub mod weipan;

pub use params::Params;
pub use request::{ClientAddress, Context, Peer, RequestId};
pub use state::AppState;

use envelope::Failure;

/// All that the main listener answers.
pub fn router(state: AppState) -> Router {
    Router::new()
        .merge(ops::routes(&state))
        .merge(upload::routes())
        .merge(download::routes())
        .merge(v1::routes())
        .merge(oauth::routes())
        .merge(web::routes())
        .fallback(async || Failure::UnknownUrl)
        .method_not_allowed_fallback(async || Failure::Method)
        .layer(middleware::from_fn_with_state(state.clone(), weipan::at_root))
        .layer(middleware::from_fn_with_state(state.clone(), edge::surround))
        .with_state(state)
}

/// What the listener of the metrics answers, where there is one.
pub fn metrics_router(state: AppState) -> Router {
    ops::metrics_routes()
        .fallback(async || Failure::UnknownUrl)
        .layer(middleware::from_fn_with_state(state.clone(), edge::surround))
        .with_state(state)
}
