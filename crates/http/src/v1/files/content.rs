//! `PUT /v1/files/content`: a small file in one request.

use axum::{
    body::Body,
    extract::{Request, State},
};
use http::request::Parts;
use pantry_api::Completed;
use pantry_core::{Error, files::OnConflict, uploads::ContentReceiver};
use pantry_types::limits::CONTENT_BYTES;

use crate::{
    Params,
    body::{self, Sink},
    envelope::{Answer, Failure, Reply},
    state::AppState,
    v1::{args, bearer::Bearer},
};

impl Sink for ContentReceiver {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        ContentReceiver::write(self, bytes).await
    }
}

/// `PUT /v1/files/content`
pub async fn put(State(state): State<AppState>, caller: Bearer, request: Request) -> Reply<Completed> {
    let (parts, mut body) = request.into_parts();
    let received = receive(&state, &caller, &parts, &mut body).await;
    let item = match received {
        Ok(receiver) => receiver.finish().await?,
        Err(refused) => {
            body::drain(body).await;
            return Err(refused);
        }
    };
    Ok(Answer(Completed {
        file_id: item.id.0,
        path: item.path,
        size: item.size,
        md5: item.md5.to_string(),
    }))
}

async fn receive(
    state: &AppState,
    caller: &Bearer,
    parts: &Parts,
    body: &mut Body,
) -> Result<ContentReceiver, Failure> {
    let params = Params::of_query(parts.uri.query().unwrap_or(""));
    let md5 = match args::opt_md5(&params)? {
        Some(md5) => Some(md5),
        None => body::content_md5(&parts.headers)?,
    };
    let mut receiver = state
        .drive()
        .receive_content(
            &caller.actor(),
            args::folder(&params, "parent_path")?,
            args::node_name(&params, "name")?,
            args::on_conflict(&params, OnConflict::Overwrite)?,
            md5,
            args::content_type(&parts.headers)?,
            body::announced(&parts.headers),
            CONTENT_BYTES,
        )
        .await?;
    body::pump(body, &mut receiver, &state.metrics().bytes_in).await?;
    Ok(receiver)
}
