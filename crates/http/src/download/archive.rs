//! Signed links of archives: one ZIP, made while it is sent. It has no length beforehand and no ranges: who is cut off begins
//! again. Must not decide whether a link is good, nor know the format.

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri,
    header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};
use pantry_core::{Error, archive::Archive};
use prometheus_client::metrics::counter::Counter;
use tracing::{Instrument, Span};

use super::{POLICY, insert, safe};
use crate::{envelope::Failure, state::AppState};

/// `GET` and `HEAD /a/{claim}?sig=`
pub async fn archive(State(state): State<AppState>, method: Method, uri: Uri) -> Result<Response, Failure> {
    // Both parts as they came: what is decoded first could be written in several ways.
    let claim = uri.path().strip_prefix("/a/").unwrap_or("");
    let signature = uri.query().and_then(|query| query.strip_prefix("sig=")).unwrap_or("");
    let archive = state.drive().open_archive(claim, signature).await?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    insert(
        &mut headers,
        CONTENT_DISPOSITION,
        &safe::disposition(false, archive.name()),
    );
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    // Another time it may hold something else.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    let body = match method {
        Method::HEAD => Body::empty(),
        _ => body(archive, state.metrics().bytes_out.clone()),
    };
    Ok((StatusCode::OK, headers, body).into_response())
}

/// The archive as far as the client takes it. After an error the connection breaks, so that nobody takes a part for the whole.
fn body(archive: Archive, counter: Counter) -> Body {
    let span = Span::current();
    Body::from_stream(stream::try_unfold(archive, move |mut archive| {
        let counter = counter.clone();
        let next = async move {
            match archive.next().await {
                Ok(Some(piece)) => {
                    counter.inc_by(piece.len() as u64);
                    Ok(Some((piece, archive)))
                }
                Ok(None) => Ok(None),
                Err(e) => {
                    tell(&e);
                    Err::<Option<(Bytes, Archive)>, _>(e)
                }
            }
        };
        next.instrument(span.clone())
    }))
}

/// A right that ended, or a folder that was taken away meanwhile, is no fault of ours.
fn tell(error: &Error) {
    match error {
        Error::Forbidden(_) | Error::NotFound(_) => tracing::info!(%error, "an archive was broken off"),
        _ => tracing::error!(%error, "an archive could not be made to its end"),
    }
}
