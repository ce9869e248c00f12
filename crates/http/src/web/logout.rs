//! `/logout`: signing out, by POST alone.

use axum::{extract::Request, response::Response};
use http::StatusCode;
use pantry_core::Drive;

use crate::{
    envelope::Failure,
    html::{error::Failure as Page, login::signed_out, paths},
    visitor::{Visitor, field, fields, local},
};

/// Signs out, and goes on if the form says where to.
pub(super) async fn sign_out(visitor: Visitor, request: Request) -> Result<Response, Failure> {
    let fields = fields(request).await?;
    if let Some(session) = &visitor.session {
        if !Drive::is_form_token(&visitor.csrf(), field(&fields, "csrf")) {
            return Ok(visitor.error(Page::FormExpired, None));
        }
        visitor.drive().sign_out(session).await?;
    }
    let next = field(&fields, "next");
    let response = if next.is_empty() {
        let csrf = visitor.anonymous_csrf();
        let page = signed_out(&visitor.anonymous_frame(paths::HOME, &csrf));
        visitor.page(StatusCode::OK, page, &[])
    } else {
        visitor.see_other(local(next))
    };
    Ok(visitor.without_session(response))
}
