//! `/oauth/device/qr`: the address with a device's code filled in, as a picture.
//! Looks no code up, so that none can be guessed here.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{
    StatusCode, Uri,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};
use pantry_core::{Drive, Error};
use qrcode::{QrCode, render::svg};

use super::{answer::Refusal, device_code::complete_uri};
use crate::{envelope::Failure, params::Params, state::AppState};

/// Least width of the picture, in pixels.
const WIDTH: u32 = 240;

/// Draws the code.
pub(super) async fn qr(State(state): State<AppState>, uri: Uri) -> Result<Response, Refusal> {
    let query = Params::of_query(uri.query().unwrap_or_default());
    let code = query
        .all("user_code")
        .next()
        .and_then(Drive::device_user_code)
        .ok_or_else(|| Refusal::malformed("user_code must look like 8KXH-Y8R"))?;
    let drawn = QrCode::new(complete_uri(&state, &code))
        .map_err(|e| Failure::from(Error::Internal(format!("the QR code: {e}"))))?
        .render::<svg::Color<'_>>()
        .min_dimensions(WIDTH, WIDTH)
        .build();
    let headers = [
        (CONTENT_TYPE, "image/svg+xml"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    Ok((StatusCode::OK, headers, drawn).into_response())
}
