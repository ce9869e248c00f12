//! `/web/v1`: the web page's own JSON API, for people who are signed in. Owns how a request proves that it comes from
//! the page, and the shape of answers. Must not take tokens, and hold no rule of the drive.

pub(super) mod admin;
pub(super) mod apps;
mod fault;
pub(super) mod hooks;
pub(super) mod me;
pub(super) mod requests;
mod show;
mod signed;

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
};

use fault::Fault;
use fault::{Faulted, answered};
use signed::{Administrator, Json, Paged, Signed};

use crate::{
    envelope::{Answer, Failed, Failure},
    request::Context,
    state::AppState,
};

/// What a handler returns.
type Reply<T> = Result<Answer<T>, Fault>;

/// Gives the URLs of the API what they share: refusals in their shape.
pub(super) fn shaped(urls: Router<AppState>) -> Router<AppState> {
    urls.fallback(async || Fault::from(Failure::UnknownUrl))
        .method_not_allowed_fallback(async || Fault::from(Failure::Method))
        .layer(middleware::from_fn(shape))
}

/// Brings refusals into the envelope, with the request's id. Nobody but the page may read an answer.
async fn shape(context: Context, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let fault = match response.extensions_mut().remove::<Faulted>() {
        Some(Faulted(fault)) => Some(fault),
        None => response
            .extensions_mut()
            .remove::<Failed>()
            .map(|Failed(failure)| std::sync::Arc::new(Fault::Shared(failure))),
    };
    let Some(fault) = fault else {
        return response;
    };
    let kept = std::mem::take(response.headers_mut());
    let mut response = answered(&fault, context.id());
    response.headers_mut().extend(kept);
    response
}
