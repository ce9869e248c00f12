//! `/setup/{token}` and `/setup`: the first administrator, by a link that works once.

use axum::{
    extract::{Path, Request},
    response::Response,
};
use http::StatusCode;
use pantry_core::{
    Drive, Error,
    auth::{MIN_PASSWORD, NewUser, SetupClosed, SetupError},
};

use crate::{
    envelope::Failure,
    html::{
        paths,
        setup::{SetupClosed as Closed, SetupProblem, SetupView, setup, setup_closed},
    },
    visitor::{Visitor, encoded, field, fields},
};

/// What was typed, shown again.
#[derive(Clone, Copy)]
struct Typed<'a> {
    token: &'a str,
    name: &'a str,
    email: &'a str,
}

fn form(visitor: &Visitor, typed: Typed<'_>, problem: Option<SetupProblem>) -> Response {
    let csrf = visitor.anonymous_csrf();
    let here = format!("{}/{}", paths::SETUP, encoded(typed.token.as_bytes()));
    let view = SetupView {
        token: typed.token,
        name: typed.name,
        email: typed.email,
        min_password: MIN_PASSWORD,
        problem,
    };
    let status = match problem {
        None => StatusCode::OK,
        Some(SetupProblem::FormExpired) => StatusCode::FORBIDDEN,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    visitor.page(status, setup(&visitor.anonymous_frame(&here, &csrf), &view), &[])
}

fn closed(visitor: &Visitor, why: SetupClosed) -> Response {
    let csrf = visitor.anonymous_csrf();
    let (status, why) = match why {
        SetupClosed::Invalid => (StatusCode::NOT_FOUND, Closed::Invalid),
        SetupClosed::Used => (StatusCode::GONE, Closed::Used),
    };
    let page = setup_closed(&visitor.anonymous_frame(paths::HOME, &csrf), why);
    visitor.page(status, page, &[])
}

/// The form, while the link works.
pub(super) async fn show(visitor: Visitor, Path(token): Path<String>) -> Result<Response, Failure> {
    Ok(match visitor.drive().setup_state(&token).await? {
        Ok(()) => form(
            &visitor,
            Typed {
                token: &token,
                name: "",
                email: "",
            },
            None,
        ),
        Err(why) => closed(&visitor, why),
    })
}

/// What a refused account is told as.
fn problem_of(e: &Error, name: &str) -> Option<SetupProblem> {
    match e {
        Error::Invalid { parameter: "name", .. } if name.is_empty() => Some(SetupProblem::NameMissing),
        Error::Invalid { parameter: "name", .. } => Some(SetupProblem::NameIllegal),
        Error::Invalid { parameter: "email", .. } => Some(SetupProblem::EmailIllegal),
        Error::Invalid {
            parameter: "password", ..
        } => Some(SetupProblem::PasswordTooShort),
        Error::Taken {
            what: "the user name", ..
        } => Some(SetupProblem::NameTaken),
        Error::Taken { .. } => Some(SetupProblem::EmailTaken),
        _ => None,
    }
}

/// Makes the first administrator and signs in.
pub(super) async fn set_up(visitor: Visitor, request: Request) -> Result<Response, Failure> {
    let fields = fields(request).await?;
    let typed = Typed {
        token: field(&fields, "token"),
        name: field(&fields, "name"),
        email: field(&fields, "email"),
    };
    if !Drive::is_form_token(&visitor.anonymous_csrf(), field(&fields, "csrf")) {
        return Ok(form(&visitor, typed, Some(SetupProblem::FormExpired)));
    }
    let password = field(&fields, "password");
    if password != field(&fields, "password_again") {
        return Ok(form(&visitor, typed, Some(SetupProblem::PasswordsDiffer)));
    }
    let new = NewUser {
        name: typed.name.to_owned(),
        email: typed.email.to_owned(),
        password: password.to_owned(),
        is_admin: true,
        quota: None,
    };
    match visitor.drive().set_up(typed.token, new, &visitor.origin).await {
        Ok(signed) => Ok(visitor.with_session(visitor.see_other(paths::HOME), &signed)),
        Err(SetupError::Closed(why)) => Ok(closed(&visitor, why)),
        Err(SetupError::Drive(e)) => match problem_of(&e, typed.name) {
            Some(problem) => Ok(form(&visitor, typed, Some(problem))),
            None => Err(e.into()),
        },
    }
}
