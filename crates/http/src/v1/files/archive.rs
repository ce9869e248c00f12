//! `POST /v1/files/archive`: a link to many files and folders as one.

use axum::extract::State;
use pantry_api::ArchiveLink;
use pantry_core::Error;
use pantry_types::Name;

use crate::{
    Params,
    envelope::{Answer, Reply},
    state::AppState,
    v1::{args, bearer::Bearer},
};

/// `POST /v1/files/archive`
pub async fn link(State(state): State<AppState>, caller: Bearer, params: Params) -> Reply<ArchiveLink> {
    let what = args::selection(&params)?;
    let name = name(&params)?;
    let link = state.drive().archive(&caller.actor(), what, name).await?;
    Ok(Answer(ArchiveLink {
        url: format!("{}{}", state.download_url(), link.path),
        expires_in: link.expires_in,
    }))
}

/// What an archive is to be called, if that was said.
pub fn name(params: &Params) -> Result<Option<Name>, Error> {
    match params.opt_text("name")? {
        None | Some("") => Ok(None),
        Some(_) => args::node_name(params, "name").map(Some),
    }
}
