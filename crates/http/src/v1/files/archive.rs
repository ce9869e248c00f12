//! `POST /v1/files/archive`: a link to many files and folders as one.

use axum::extract::State;
use pantry_api::ArchiveLink;

use crate::{
    Params,
    envelope::{Answer, Reply},
    state::AppState,
    v1::{args, bearer::Bearer},
};

/// `POST /v1/files/archive`
pub async fn link(State(state): State<AppState>, caller: Bearer, params: Params) -> Reply<ArchiveLink> {
    let what = args::selection(&params)?;
    let name = match params.opt_text("name")? {
        None | Some("") => None,
        Some(_) => Some(args::node_name(&params, "name")?),
    };
    let link = state.drive().archive(&caller.actor(), what, name).await?;
    Ok(Answer(ArchiveLink {
        url: format!("{}{}", state.download_url(), link.path),
        expires_in: link.expires_in,
    }))
}
