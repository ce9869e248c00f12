//! Why a call of the web page's API got no success, and how that is told.
//! Must not know a single route.

use std::{borrow::Cow, sync::Arc};

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, WWW_AUTHENTICATE},
};
use pantry_api::ErrorBody;
use pantry_core::{Error, auth::console::ConsoleError};

use crate::{envelope::Failure, request::RequestId};

/// A refusal.
#[derive(Debug)]
pub enum Fault {
    /// One that v1 has too.
    Failure(Failure),
    /// The same, from what is shared.
    Shared(Arc<Failure>),
    /// Nobody is signed in.
    NotSignedIn,
    /// The request comes from another site.
    CrossSite,
    /// The form token is missing or stale.
    NoToken,
    /// One of the console's own.
    Console(ConsoleError),
}

impl From<Failure> for Fault {
    fn from(e: Failure) -> Self {
        Self::Failure(e)
    }
}

impl From<Error> for Fault {
    fn from(e: Error) -> Self {
        Self::Failure(e.into())
    }
}

impl From<ConsoleError> for Fault {
    fn from(e: ConsoleError) -> Self {
        match e {
            // Of a session, not of a token.
            ConsoleError::Drive(Error::Unauthorized) => Self::NotSignedIn,
            ConsoleError::Drive(e) => e.into(),
            e => Self::Console(e),
        }
    }
}

/// Carries a refusal out to where the request's id is known.
#[derive(Clone, Debug)]
pub(super) struct Faulted(pub(super) Arc<Fault>);

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(Faulted(Arc::new(self)));
        response
    }
}

impl Fault {
    fn told(&self) -> (StatusCode, &'static str, Cow<'_, str>) {
        use StatusCode as S;
        match self {
            Self::Failure(failure) => of(failure),
            Self::Shared(failure) => of(failure),
            Self::NotSignedIn => (
                S::UNAUTHORIZED,
                "not_signed_in",
                "sign in first; tokens of apps open nothing here".into(),
            ),
            Self::CrossSite => (
                S::FORBIDDEN,
                "cross_site",
                "the request comes from another site; only this server's own pages may".into(),
            ),
            Self::NoToken => (
                S::FORBIDDEN,
                "csrf",
                "the header X-Pantry-CSRF is missing or stale; send the csrf of GET /web/v1/session".into(),
            ),
            Self::Console(e) => {
                let (status, code) = match e {
                    ConsoleError::NotAdmin => (S::FORBIDDEN, "not_administrator"),
                    ConsoleError::PasswordNeeded => (S::FORBIDDEN, "password_needed"),
                    ConsoleError::WrongPassword => (S::FORBIDDEN, "wrong_password"),
                    ConsoleError::Decided => (S::CONFLICT, "already_decided"),
                    ConsoleError::RequestOpen => (S::CONFLICT, "request_open"),
                    ConsoleError::DeliveryBusy(_) => (S::CONFLICT, "delivery_busy"),
                    ConsoleError::Yourself => (S::CONFLICT, "yourself"),
                    // Taken apart above.
                    ConsoleError::Drive(_) => (S::INTERNAL_SERVER_ERROR, "internal"),
                };
                (status, code, e.to_string().into())
            }
        }
    }
}

fn of(failure: &Failure) -> (StatusCode, &'static str, Cow<'_, str>) {
    let (status, code) = failure.status();
    (status, code, failure.message())
}

/// The whole answer; what the operator should know is logged.
pub(super) fn answered(fault: &Fault, request: RequestId) -> Response {
    match fault {
        Fault::Failure(failure) => {
            failure.log();
            return failure.render(request);
        }
        Fault::Shared(failure) => {
            failure.log();
            return failure.render(request);
        }
        Fault::NotSignedIn | Fault::CrossSite | Fault::NoToken | Fault::Console(_) => {}
    }
    let (status, code, message) = fault.told();
    let body = ErrorBody {
        errno: i64::from(status.as_u16()),
        errmsg: message.into_owned(),
        error: code.to_owned(),
        request_id: request.to_string(),
    };
    // A struct of texts and a number can always be written.
    let mut response = (status, serde_json::to_vec(&body).unwrap_or_default()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110, section 15.5.2 wants a scheme; browsers ask nobody about one that they do not know.
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Session realm=\"pantry\""));
    }
    response
}
