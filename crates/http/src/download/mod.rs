//! Signed links: the contents of files, whole or a range (RFC 9110, sections 13 and 14), and archives. No token is asked for, since the
//! link carries its own signature. A content never becomes a page of the drive's origin. Must not decide whether a link is good.

mod archive;
mod range;
pub(crate) mod safe;

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{StreamExt, TryStreamExt};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
    },
};
use pantry_core::downloads::{Opened, Source};

use crate::{envelope::Failure, state::AppState};
use range::Wanted;

/// Nothing that a file holds may act in the name of the drive's origin.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Every URL of signed links.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/d/{claim}", get(download))
        .route("/a/{claim}", get(archive::archive))
}

/// `GET` and `HEAD /d/{claim}?sig=`
async fn download(
    State(state): State<AppState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    // Both parts as they came: what is decoded first could be written in several ways.
    let claim = uri.path().strip_prefix("/d/").unwrap_or("");
    let signature = uri.query().and_then(|query| query.strip_prefix("sig=")).unwrap_or("");
    let opened = state.drive().open_link(claim, signature).await?;
    let size = u64::try_from(opened.size).unwrap_or(0);
    let mut common = common_headers(&opened);
    if matches(&headers, &opened.etag) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let asked = headers
        .get(RANGE)
        .filter(|_| method == Method::GET && may_range(&headers, &opened.etag));
    let wanted = asked
        .and_then(|value| value.to_str().ok())
        .map_or(Wanted::Whole, |text| range::parse(text, size));
    let (status, start, end) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part { start, end } => {
            insert(&mut common, CONTENT_RANGE, &format!("bytes {start}-{}/{size}", end - 1));
            (StatusCode::PARTIAL_CONTENT, start, end)
        }
        Wanted::Nothing => {
            insert(&mut common, CONTENT_RANGE, &format!("bytes */{size}"));
            common.remove(CONTENT_DISPOSITION);
            common.remove(CONTENT_TYPE);
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, common).into_response());
        }
    };
    common.insert(CONTENT_LENGTH, HeaderValue::from(end - start));
    let body = match method {
        Method::HEAD => Body::empty(),
        _ => body(&state, opened.source, start, end)?,
    };
    Ok((status, common, body).into_response())
}

/// The bytes from `start` up to `end`, counted as they go.
fn body(state: &AppState, source: Source, start: u64, end: u64) -> Result<Body, Failure> {
    let counter = state.metrics().bytes_out.clone();
    match source {
        Source::Inline(bytes) => {
            counter.inc_by(end - start);
            // Inline contents are small, so both fit.
            Ok(Body::from(bytes.slice(start as usize..end as usize)))
        }
        Source::Stored(reader) => {
            let blocks = reader.stream(start..end).map_err(pantry_core::Error::from)?;
            let blocks = blocks
                .inspect_ok(move |block| {
                    counter.inc_by(block.len() as u64);
                })
                .inspect(|block| {
                    if let Err(e) = block {
                        tracing::error!(error = %e, "a content could not be read to its end");
                    }
                });
            Ok(Body::from_stream(blocks))
        }
    }
}

/// The headers of every answer about a content.
fn common_headers(opened: &Opened) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let kind = safe::kind(&opened.mime);
    insert(&mut headers, ETAG, &opened.etag);
    insert(&mut headers, CONTENT_TYPE, &kind.content_type);
    insert(
        &mut headers,
        CONTENT_DISPOSITION,
        &safe::disposition(kind.inline, &opened.name),
    );
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    // The link's life is short and its content never changes: keep it, but ask again.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers
}

fn insert(headers: &mut HeaderMap, name: http::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// Whether the client has this very version already (RFC 9110, section 13.1.2).
fn matches(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// Whether `If-Range` lets a range be sent (RFC 9110, section 13.1.5). A date never matches: no date is sent.
fn may_range(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get(IF_RANGE)
        .is_none_or(|value| value.as_bytes() == etag.as_bytes())
}
