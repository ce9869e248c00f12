//! What surrounds every request: its id, its line in the log, its numbers, the headers that every answer has, and what
//! becomes of a panic. Must not know what a route does.

use std::panic::AssertUnwindSafe;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
        WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    },
};
use pantry_types::Scopes;
use tracing::Instrument;

use crate::{
    cors,
    envelope::{Failed, Failure},
    html::{self, Frame, Lang, error::ErrorView},
    request::{Context, RequestId},
    state::AppState,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who is spoken to, as far as the address tells: it decides the shape of an answer that no route gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    /// Programs that expect the envelope, from any origin.
    Envelope,
    /// Programs that expect plain OAuth.
    OAuth,
    /// Everyone else: people, mostly.
    Page,
}

impl Side {
    fn of(path: &str) -> Self {
        let first = path.split('/').nth(1).unwrap_or("");
        match first {
            "v1" | "u" | "d" | "a" => Self::Envelope,
            "oauth" | ".well-known" => Self::OAuth,
            _ => Self::Page,
        }
    }
}

/// Surrounds a request.
pub async fn surround(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let started = state.drive().clock().now_ms();
    let context = Context::new(state.ids().next());
    let side = Side::of(request.uri().path());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
    let reader = match side {
        Side::Envelope => None,
        Side::OAuth | Side::Page => reader(request.headers()),
    };
    // The path is not logged, only the route that matched: a path or a query may hold a secret.
    let span = tracing::info_span!("request", id = %context.id(), %method, route);
    let running = Running::start(&state);

    let mut response = if side == Side::Envelope && cors::is_preflight(&method, request.headers()) {
        cors::preflight()
    } else {
        request.extensions_mut().insert(context.clone());
        let answered = AssertUnwindSafe(next.run(request).instrument(span.clone()));
        // The panic itself was told by the panic hook, inside of the span.
        answered
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Failure::Panic.into_response())
    };
    drop(running);

    if let Some(Failed(failure)) = response.extensions_mut().remove::<Failed>() {
        span.in_scope(|| failure.log());
        let kept = std::mem::take(response.headers_mut());
        response = match side {
            Side::Envelope => with_resource(failure.render(context.id()), &state),
            Side::OAuth | Side::Page => plain(side, reader, &failure, context.id()),
        };
        if let Some(seconds) = failure.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.headers_mut().extend(kept);
    }
    let status = response.status();
    dress(response.headers_mut(), side, context.id());
    let ms = (state.drive().clock().now_ms() - started).max(0);
    state.metrics().answered(route, &method, status, ms as f64 / 1000.0);
    span.in_scope(|| {
        let (status, user) = (status.as_u16(), context.user());
        if status < 400 {
            tracing::debug!(status, ms, user, "answered");
        } else {
            tracing::info!(status, ms, user, "answered");
        }
    });
    response
}

/// Tells a client that lacks a token where it learns how to get one (RFC 9728, section 5.1), and what it may ask for
/// without further ado: clients that are not told ask for whatever the metadata name, also what they were never granted.
fn with_resource(mut response: Response, state: &AppState) -> Response {
    if let Some(challenge) = response.headers().get(WWW_AUTHENTICATE)
        && let Ok(text) = challenge.to_str()
    {
        let at = format!("{}/.well-known/oauth-protected-resource/v1", state.drive().issuer());
        // A refusal for want of a scope names it already (RFC 6750, section 3).
        let scope = match text.contains("scope=\"") {
            true => String::new(),
            false => format!(", scope=\"{}\"", Scopes::DEFAULT),
        };
        // An address that no header can carry is left out.
        if let Ok(value) = HeaderValue::from_str(&format!("{text}{scope}, resource_metadata=\"{at}\"")) {
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
        }
    }
    response
}

/// Counts a request as running until it is answered or given up.
struct Running<'a>(&'a AppState);

impl<'a> Running<'a> {
    fn start(state: &'a AppState) -> Self {
        state.metrics().running.inc();
        Self(state)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.metrics().running.dec();
    }
}

/// The headers that every answer has, unless the route said otherwise.
fn dress(headers: &mut HeaderMap, side: Side, id: RequestId) {
    // Sixteen hex digits are a legal header.
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    let usual = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in usual {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if side == Side::Envelope {
        cors::allow(headers);
    }
}

/// A failure outside of the envelope: a page for people, OAuth's shape or a line of text for programs.
fn plain(side: Side, reader: Option<Lang>, failure: &Failure, id: RequestId) -> Response {
    let (status, _) = failure.status();
    if let Some(lang) = reader {
        return page(status, lang, id);
    }
    let (kind, body) = match side {
        Side::OAuth => {
            let error = match status {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
                s if s.is_server_error() => "server_error",
                _ => "invalid_request",
            };
            ("application/json", format!(r#"{{"error":"{error}"}}"#))
        }
        Side::Envelope | Side::Page => ("text/plain; charset=utf-8", format!("{}\n", failure.message())),
    };
    (status, [(CONTENT_TYPE, kind)], body).into_response()
}

fn page(status: StatusCode, lang: Lang, id: RequestId) -> Response {
    let failure = match status {
        StatusCode::NOT_FOUND => html::error::Failure::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => html::error::Failure::MethodNotAllowed,
        StatusCode::SERVICE_UNAVAILABLE => html::error::Failure::Unavailable,
        s if s.is_client_error() => html::error::Failure::BadRequest,
        _ => html::error::Failure::Internal,
    };
    // Nobody was looked up for this answer, so the page speaks to nobody in particular.
    let frame = Frame {
        lang,
        path_and_query: html::paths::HOME,
        user: None,
        csrf: "",
    };
    let view = ErrorView {
        failure,
        detail: None,
        request_id: &id.to_string(),
    };
    let body = html::error::error(&frame, &view).into_string();
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, html::content_security_policy(&[])),
    ];
    (status, headers, body).into_response()
}

/// The language to speak to a reader of pages; none for a program.
fn reader(headers: &HeaderMap) -> Option<Lang> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let reads = text(ACCEPT).is_some_and(|accept| accept.contains("text/html"));
    reads.then(|| Lang::negotiate(None, None, text(ACCEPT_LANGUAGE), Lang::default()))
}
