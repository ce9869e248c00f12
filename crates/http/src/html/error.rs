//! The pages for what went wrong. Owns their sentences and the status that
//! each goes with; a failure is logged elsewhere.

use maud::{Markup, html};

use super::layout::{Frame, Page, Width};
use super::paths;
use super::text::{self, Msg};

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Authorization was asked for by a client that is not known.
    UnknownClient,
    /// The `redirect_uri` is none of the client's.
    WrongRedirect,
    /// A parameter is missing or malformed.
    BadRequest,
    /// The form token was missing or stale, and the form cannot be shown again.
    FormExpired,
    /// Signed in, but not allowed.
    Forbidden,
    /// No such page.
    NotFound,
    /// The page exists, for other methods.
    MethodNotAllowed,
    /// Too many attempts; open again after so many minutes (at least one).
    TooMany {
        /// Minutes to wait, rounded up.
        wait_minutes: u64,
    },
    /// A fault of the server.
    Internal,
    /// Rows or bytes cannot be reached just now.
    Unavailable,
}

impl Failure {
    /// The HTTP status that the page is served with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::UnknownClient | Self::WrongRedirect | Self::BadRequest => 400,
            Self::FormExpired | Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooMany { .. } => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// The error page.
#[derive(Debug, Clone, Copy)]
pub struct ErrorView<'a> {
    /// What went wrong.
    pub failure: Failure,
    /// The value or parameter it was about, shown as it is; never a secret.
    pub detail: Option<&'a str>,
    /// The request's id, as in the log.
    pub request_id: &'a str,
}

/// Tells what went wrong and what to do.
#[must_use]
pub fn error(frame: &Frame<'_>, view: &ErrorView<'_>) -> Markup {
    let lang = frame.lang;
    let (title, body, next) = match view.failure {
        Failure::UnknownClient => (Msg::ErrClientTitle, Msg::ErrClientBody, Msg::ErrClientNext),
        Failure::WrongRedirect => (Msg::ErrRedirectTitle, Msg::ErrRedirectBody, Msg::ErrRedirectNext),
        Failure::BadRequest => (Msg::ErrRequestTitle, Msg::ErrRequestBody, Msg::ErrRequestNext),
        Failure::FormExpired => (Msg::ErrExpiredTitle, Msg::ErrExpiredBody, Msg::ErrExpiredNext),
        Failure::Forbidden => (Msg::ErrForbiddenTitle, Msg::ErrForbiddenBody, Msg::ErrForbiddenNext),
        Failure::NotFound => (Msg::ErrNotFoundTitle, Msg::ErrNotFoundBody, Msg::ErrNotFoundNext),
        Failure::MethodNotAllowed => (Msg::ErrMethodTitle, Msg::ErrMethodBody, Msg::ErrMethodNext),
        Failure::TooMany { .. } => (Msg::ErrTooManyTitle, Msg::ErrTooManyBody, Msg::ErrBusyNext),
        Failure::Internal => (Msg::ErrInternalTitle, Msg::ErrInternalBody, Msg::ErrInternalNext),
        Failure::Unavailable => (Msg::ErrBusyTitle, Msg::ErrBusyBody, Msg::ErrBusyNext),
    };
    let next = match view.failure {
        Failure::TooMany { wait_minutes } => text::too_many_next(lang, wait_minutes),
        _ => next.text(lang).to_owned(),
    };
    Page {
        title: title.text(lang),
        failed: true,
        width: Width::Card,
        body: html! {
            p.status aria-hidden="true" { (view.failure.status()) }
            div role="alert" aria-live="assertive" {
                h1 { (title.text(lang)) }
                p.lead { (body.text(lang)) }
            }
            @if let Some(detail) = view.detail {
                p.label { (Msg::ErrDetail.text(lang)) }
                pre.value { code { (detail) } }
            }
            p { (next) }
            p { a.button href=(paths::HOME) { (Msg::BackHome.text(lang)) } }
            p.request { (Msg::ErrRequest.text(lang)) " " code { (view.request_id) } }
        },
    }
    .render(frame)
}
