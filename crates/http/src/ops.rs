//! What operators and their machines ask: is it alive, is it ready, how does it fare.
//! Must not tell anything about a person or a file.

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header::CONTENT_TYPE};

use crate::{metrics, state::AppState};

/// `/healthz` and `/readyz`; `/metrics` too unless it has a listener of its own.
pub fn routes(state: &AppState) -> Router<AppState> {
    let routes = Router::new().route("/healthz", get(alive)).route("/readyz", get(ready));
    if state.drive().settings().server.metrics_listen.is_empty() {
        routes.merge(metrics_routes())
    } else {
        routes
    }
}

/// `/metrics`, for a listener of its own.
pub fn metrics_routes() -> Router<AppState> {
    Router::new().route("/metrics", get(numbers))
}

async fn alive() -> &'static str {
    "ok\n"
}

/// 503 while rows or bytes are not usable.
async fn ready(State(state): State<AppState>) -> Response {
    if let Err(e) = state.drive().db().ping().await {
        tracing::warn!(error = %e, "not ready: the row store does not answer");
        return (StatusCode::SERVICE_UNAVAILABLE, "rows\n").into_response();
    }
    if let Err(e) = state.drive().blobs().stage_list(None, 1).await {
        tracing::warn!(error = %e, "not ready: the object store does not answer");
        return (StatusCode::SERVICE_UNAVAILABLE, "contents\n").into_response();
    }
    "ok\n".into_response()
}

async fn numbers(State(state): State<AppState>) -> Response {
    let open = i64::try_from(state.drive().open_uploads()).unwrap_or(i64::MAX);
    state.metrics().uploads_open.set(open);
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], state.metrics().text()).into_response()
}
