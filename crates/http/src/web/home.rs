//! `/`: signed in or not, who, how much space, what to do next.

use axum::response::Response;
use http::StatusCode;
use pantry_core::account;

use crate::{
    envelope::Failure,
    html::home::{HomeView, Space, home, welcome},
    visitor::Visitor,
};

fn bytes(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// The start page.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Failure> {
    let csrf = visitor.csrf();
    let frame = visitor.frame(&visitor.path_and_query, &csrf);
    let Some(session) = &visitor.session else {
        return Ok(visitor.page(StatusCode::OK, welcome(&frame), &[]));
    };
    let user = visitor.drive().account(&session.actor()).await?;
    let space = account::Space::of(&user);
    let view = HomeView {
        name: &session.nickname,
        account: &session.name,
        email: &session.email,
        is_admin: session.is_admin,
        space: Space {
            used: bytes(space.used),
            free: Some(bytes(space.free)),
            total: Some(bytes(space.total)),
        },
    };
    Ok(visitor.page(StatusCode::OK, home(&frame, &view), &[]))
}
