//! `/password/{token}` and `/password`: a new password, by a link that an administrator made and that works once.

use axum::{
    extract::{Path, Request},
    response::Response,
};
use http::StatusCode;
use pantry_core::{
    Drive, Error,
    auth::{MIN_PASSWORD, console::ConsoleError},
};

use crate::{
    envelope::Failure,
    html::{
        password::{PasswordProblem, PasswordView, password, password_closed},
        paths,
    },
    visitor::{Visitor, encoded, field, fields},
};

fn form(visitor: &Visitor, token: &str, account: &str, problem: Option<PasswordProblem>) -> Response {
    let csrf = visitor.anonymous_csrf();
    let here = format!("{}/{}", paths::PASSWORD, encoded(token.as_bytes()));
    let view = PasswordView {
        token,
        account,
        min_password: MIN_PASSWORD,
        problem,
    };
    let status = match problem {
        None => StatusCode::OK,
        Some(PasswordProblem::FormExpired) => StatusCode::FORBIDDEN,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    visitor.page(status, password(&visitor.anonymous_frame(&here, &csrf), &view), &[])
}

fn closed(visitor: &Visitor) -> Response {
    let csrf = visitor.anonymous_csrf();
    let page = password_closed(&visitor.anonymous_frame(paths::HOME, &csrf));
    visitor.page(StatusCode::NOT_FOUND, page, &[])
}

/// The form, while the link works.
pub(super) async fn show(visitor: Visitor, Path(token): Path<String>) -> Result<Response, Failure> {
    Ok(match visitor.drive().password_link_of(&token).await? {
        Some(account) => form(&visitor, &token, &account, None),
        None => closed(&visitor),
    })
}

/// Sets the password and signs in.
pub(super) async fn set(visitor: Visitor, request: Request) -> Result<Response, Failure> {
    let fields = fields(request).await?;
    let token = field(&fields, "token");
    let Some(account) = visitor.drive().password_link_of(token).await? else {
        return Ok(closed(&visitor));
    };
    let again = |problem| Ok(form(&visitor, token, &account, Some(problem)));
    if !Drive::is_form_token(&visitor.anonymous_csrf(), field(&fields, "csrf")) {
        return again(PasswordProblem::FormExpired);
    }
    let new = field(&fields, "password");
    if new != field(&fields, "password_again") {
        return again(PasswordProblem::Differ);
    }
    match visitor.drive().set_password_by_link(token, new, &visitor.origin).await {
        Ok(Some(signed)) => Ok(visitor.with_session(visitor.see_other(paths::HOME), &signed)),
        Ok(None) => Ok(closed(&visitor)),
        Err(ConsoleError::Drive(Error::Invalid { .. })) if new.chars().count() < MIN_PASSWORD => {
            again(PasswordProblem::TooShort)
        }
        Err(ConsoleError::Drive(Error::Invalid { .. })) => again(PasswordProblem::TooLong),
        Err(ConsoleError::Drive(e)) => Err(e.into()),
        Err(_) => Ok(closed(&visitor)),
    }
}
