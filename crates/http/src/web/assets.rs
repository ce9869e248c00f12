//! `/assets/{file}`: stylesheet and icon, kept by browsers for ever since their names change with them.

use axum::response::{IntoResponse, Response};
use http::{
    Uri,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

use crate::{envelope::Failure, html};

/// A file of the pages.
pub(super) async fn file(uri: Uri) -> Response {
    let Some((kind, bytes)) = html::asset(uri.path()) else {
        return Failure::UnknownUrl.into_response();
    };
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, bytes).into_response()
}
