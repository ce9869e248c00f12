//! `POST /v1/files/upload/precreate`: the first step of an upload in parts. The others are the face `upload`.

use axum::extract::State;
use pantry_api::{Instant, Precreated, Session};
use pantry_core::{
    Error,
    files::OnConflict,
    uploads::{self, Declared},
};

use crate::{
    Params,
    envelope::{Answer, Reply},
    state::AppState,
    v1::{args, bearer::Bearer},
};

/// `POST /v1/files/upload/precreate`
pub async fn precreate(State(state): State<AppState>, caller: Bearer, params: Params) -> Reply<Precreated> {
    let folder = args::folder(&params, "parent_path")?;
    let declared = declared(&params)?;
    let begun = state.drive().precreate(&caller.actor(), folder, declared).await?;
    Ok(Answer(begun_as(&state, begun)))
}

/// What was begun, or is there already.
pub fn begun_as(state: &AppState, begun: uploads::Precreated) -> Precreated {
    match begun {
        uploads::Precreated::Instant(item) => Precreated::Instant(Instant {
            instant_upload: true,
            file_id: item.id.0,
            path: item.path,
            size: item.size,
            md5: item.md5.to_string(),
        }),
        uploads::Precreated::Session {
            upload_id,
            chunk_size,
            total_parts,
            expires_in,
        } => Precreated::Session(Session {
            instant_upload: false,
            upload_id,
            endpoint: state.upload_url().to_owned(),
            chunk_size,
            total_parts,
            expires_in,
        }),
    }
}

/// What a client says of a file that it wants to upload.
pub fn declared(params: &Params) -> Result<Declared, Error> {
    let name = args::node_name(params, "name")?;
    let size = params.int("size")?;
    if size < 0 {
        return Err(Error::invalid(
            "size",
            format!("{size} is negative; send the file's bytes"),
        ));
    }
    Ok(Declared {
        name,
        size,
        md5: args::md5(params)?,
        mime: args::media_type("content_type", params.opt_text("content_type")?)?,
        on_conflict: args::on_conflict(params, OnConflict::Overwrite)?,
    })
}
