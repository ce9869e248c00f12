//! `/s/{code}`: the page of a share, and `/s/{code}/download`: its button.
//! Must not decide whether a share serves; core does.

use axum::{
    extract::{Path, State},
    response::Response,
};
use http::{HeaderValue, StatusCode, header::CONTENT_SECURITY_POLICY};
use pantry_core::{
    Kind,
    shares::{Closed, Look},
};

use crate::{
    download::safe,
    envelope::Failure,
    html::{
        self,
        share::{ClosedView, Preview, ShareView},
    },
    state::AppState,
    visitor::Visitor,
};

/// `GET /s/{code}`
pub async fn show(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(code): Path<String>,
) -> Result<Response, Failure> {
    match state.drive().look_at_share(&code).await? {
        Ok(look) => Ok(open(&state, &visitor, &code, &look)),
        Err(closed) => Ok(refuse(&visitor, closed)),
    }
}

/// `GET /s/{code}/download`
pub async fn download(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(code): Path<String>,
) -> Result<Response, Failure> {
    match state.drive().download_share(&code).await? {
        Ok(path) => Ok(visitor.see_other(&format!("{}{path}", state.download_url()))),
        Err(closed) => Ok(refuse(&visitor, closed)),
    }
}

fn open(state: &AppState, visitor: &Visitor, code: &str, look: &Look) -> Response {
    let csrf = visitor.csrf();
    let frame = visitor.frame(&visitor.path_and_query, &csrf);
    let Some(file) = look.nodes.iter().find(|n| n.kind == Kind::File) else {
        return refuse(visitor, Closed::NotFound);
    };
    let link = state.drive().preview_link(look, file);
    let link = link.map(|path| format!("{}{path}", state.download_url()));
    let view = ShareView {
        name: &file.name,
        size: u64::try_from(file.size).unwrap_or(0),
        owner: &look.owner,
        download: &format!("/s/{code}/download"),
        preview: link.as_deref().zip(preview(&file.mime)),
    };
    let page = html::share::share(&frame, &view);
    let mut response = visitor.page(StatusCode::OK, page, &[]);
    // What is shown in place comes from where links point, which may be another origin.
    let source = url::Url::parse(state.download_url()).map(|u| u.origin().ascii_serialization());
    let source = source.unwrap_or_else(|_| "'self'".into());
    let policy = format!(
        "{}; media-src {source}; frame-src {source}",
        html::content_security_policy(&[]).replace("img-src 'self'", &format!("img-src 'self' {source}"))
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// How a content may be looked at in place, if it may.
fn preview(mime: &str) -> Option<Preview> {
    if !safe::kind(mime).inline {
        return None;
    }
    let essence = mime.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match essence.split('/').next()? {
        "image" => Some(Preview::Image),
        "video" => Some(Preview::Video),
        "audio" => Some(Preview::Audio),
        "text" => Some(Preview::Text),
        // Browsers show these in a window of their own only.
        _ => Some(Preview::Link),
    }
}

fn refuse(visitor: &Visitor, closed: Closed) -> Response {
    let csrf = visitor.csrf();
    let frame = visitor.frame(&visitor.path_and_query, &csrf);
    let closed = match closed {
        Closed::NotFound => ClosedView::NotFound,
        Closed::Cancelled => ClosedView::Cancelled,
        Closed::Expired => ClosedView::Expired,
        Closed::UsedUp => ClosedView::UsedUp,
        Closed::Trashed => ClosedView::Trashed,
    };
    visitor.page(StatusCode::NOT_FOUND, html::share::closed(&frame, closed), &[])
}
