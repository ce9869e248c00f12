//! Contents on their way in: raw bodies, taken frame by frame and never held whole.
//! Must not know where they go.

use std::time::Duration;

use axum::body::Body;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body_util::BodyExt;
use pantry_core::Error;
use pantry_types::Md5;
use prometheus_client::metrics::counter::Counter;

use crate::envelope::Failure;

/// How long a body may stand still.
const IDLE: Duration = Duration::from_secs(60);

/// How much of a refused body is still taken, so that a client that sends before it reads gets to read why. More than the
/// largest body that is taken in one request, so that one a little too large is among them.
const DRAIN_BYTES: usize = 64 * 1024 * 1024;

/// How long that may take.
const DRAIN_SECONDS: Duration = Duration::from_secs(10);

/// What takes the bytes of a body.
pub trait Sink: Send {
    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Moves a whole body into a sink.
///
/// # Errors
/// The sink refused, the connection broke, or nothing came for a minute.
pub async fn pump(body: &mut Body, sink: &mut impl Sink, received: &Counter) -> Result<(), Failure> {
    loop {
        let frame = match tokio::time::timeout(IDLE, body.frame()).await {
            Err(_) => return Err(Failure::BodyTimeout),
            Ok(None) => return Ok(()),
            Ok(Some(Err(e))) => return Err(Error::BodyBroken(e.to_string()).into()),
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers carry nothing that is asked for.
        if let Ok(bytes) = frame.into_data() {
            received.inc_by(bytes.len() as u64);
            sink.write(&bytes).await?;
        }
    }
}

/// Takes what a client still sends after it was refused, within bounds.
pub async fn drain(mut body: Body) {
    let rest = async {
        let mut taken = 0;
        while let Some(Ok(frame)) = body.frame().await {
            taken += frame.data_ref().map_or(0, bytes::Bytes::len);
            if taken > DRAIN_BYTES {
                break;
            }
        }
    };
    // Slower than that, and the connection is better closed.
    let _ = tokio::time::timeout(DRAIN_SECONDS, rest).await;
}

/// The length that a body announces, if it does.
pub fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `Content-MD5` (RFC 1864): the digest in base64. Hex is understood too.
pub fn content_md5(headers: &HeaderMap) -> Result<Option<Md5>, Error> {
    let Some(value) = headers.get("content-md5") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or("").trim();
    let digest = STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| Md5::from_slice(&bytes).ok());
    digest
        .or_else(|| Md5::parse(text).ok())
        .map(Some)
        .ok_or_else(|| Error::invalid("Content-MD5", "must be the MD5 of the body in base64, 24 characters"))
}
