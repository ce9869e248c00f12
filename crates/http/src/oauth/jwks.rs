//! `/oauth/jwks` (RFC 7517): the keys that `id_token`s are verified by.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::{envelope::Failure, state::AppState};

/// The set of keys. Whoever finds a token's key missing asks again, so a copy may be kept for a while.
pub(super) async fn jwks(State(state): State<AppState>) -> Result<Response, Failure> {
    let keys = state.drive().jwks().await?;
    let headers = [
        (CONTENT_TYPE, "application/jwk-set+json"),
        (CACHE_CONTROL, "public, max-age=300"),
    ];
    Ok((headers, keys.to_string()).into_response())
}
