//! The addresses that the parts of an upload go to: every URL of them. No token is asked for, since the `upload_id` is the
//! secret. Must not log it, nor put it into an error.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    routing::{get, post},
};
use http::request::Parts;
use pantry_api::{Aborted, Completed, PartInfo, PartReceived, Parts as PartList};
use pantry_core::{Error, uploads::PartReceiver};

use crate::{
    Params,
    body::{self, Sink},
    envelope::{Answer, Failure, Reply},
    params::Segment,
    state::AppState,
};

/// Every URL of uploads in parts.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/u", post(chunk))
        .route("/u/{upload_id}/parts", get(parts))
        .route("/u/{upload_id}/complete", post(complete))
        .route("/u/{upload_id}/abort", post(abort))
}

impl Sink for PartReceiver {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        PartReceiver::write(self, bytes).await
    }
}

/// `POST /u?upload_id=&part_seq=`: the bytes of one part, as they are.
async fn chunk(State(state): State<AppState>, request: Request) -> Reply<PartReceived> {
    let (parts, mut body) = request.into_parts();
    let open = &state.metrics().parts_open;
    open.inc();
    let received = receive(&state, &parts, &mut body).await;
    open.dec();
    let done = match received {
        Ok(receiver) => receiver.finish().await?,
        Err(refused) => {
            body::drain(body).await;
            return Err(refused);
        }
    };
    Ok(Answer(PartReceived {
        part_seq: done.part.seq,
        etag: done.part.etag,
        size: done.part.size,
        received_parts: done.received,
        total_parts: done.total,
    }))
}

async fn receive(state: &AppState, parts: &Parts, body: &mut Body) -> Result<PartReceiver, Failure> {
    let params = Params::of_query(parts.uri.query().unwrap_or(""));
    let upload_id = params.text("upload_id")?;
    let seq = params.int("part_seq")?;
    let md5 = body::content_md5(&parts.headers)?;
    let length = body::announced(&parts.headers);
    let mut receiver = state.drive().receive_part(upload_id, seq, length, md5).await?;
    body::pump(body, &mut receiver, &state.metrics().bytes_in).await?;
    Ok(receiver)
}

/// `GET /u/{upload_id}/parts`
async fn parts(State(state): State<AppState>, Segment(upload_id): Segment) -> Reply<PartList> {
    let progress = state.drive().upload_progress(&upload_id).await?;
    let received: Vec<i64> = progress.parts.iter().map(|part| part.seq).collect();
    let total = progress.total_parts.max(1) as f64;
    let parts = progress.parts.into_iter().map(|part| {
        let info = PartInfo {
            part_number: part.seq,
            etag: part.etag,
            size: part.size,
        };
        (part.seq, info)
    });
    Ok(Answer(PartList {
        upload_id,
        total_parts: progress.total_parts,
        progress: (received.len() as f64 * 10_000.0 / total).round() / 100.0,
        received_parts: received,
        parts: parts.collect(),
    }))
}

/// `POST /u/{upload_id}/complete`
async fn complete(State(state): State<AppState>, Segment(upload_id): Segment) -> Reply<Completed> {
    let done = state.drive().complete_upload(&upload_id).await?;
    Ok(Answer(Completed {
        file_id: done.id.0,
        path: done.path,
        size: done.size,
        md5: done.md5.to_string(),
    }))
}

/// `POST /u/{upload_id}/abort`
async fn abort(State(state): State<AppState>, Segment(upload_id): Segment) -> Reply<Aborted> {
    state.drive().abort_upload(&upload_id).await?;
    Ok(Answer(Aborted { ok: true }))
}
