//! `/v1/files`, `/v1/files/search`, `/v1/files/{id}` and its link.

pub mod archive;
pub mod content;
pub mod folder;
pub mod manage;
pub mod upload;
pub mod versions;

use axum::extract::State;
use pantry_api::{DownloadLink, Listing, NodeInfo, SearchHits};
use pantry_core::files::FolderRef;
use pantry_types::{NodeId, VersionId};

use super::{args, bearer::Bearer, show};
use crate::{
    Params,
    envelope::{Answer, Reply},
    params::{self, Segment},
    state::AppState,
};

/// `GET /v1/files`
pub async fn list(State(state): State<AppState>, caller: Bearer, params: Params) -> Reply<Listing> {
    let folder = args::folder_or_id(&params)?;
    let (page, limit) = (args::page(&params)?, args::limit(&params)?);
    let found = state.drive().list(&caller.actor(), folder.clone(), page, limit).await?;
    let path = match (&folder, &found.folder) {
        (FolderRef::Id(_), Some(folder)) => folder.path.clone(),
        _ => params
            .opt_text("path")?
            .filter(|text| !text.is_empty())
            .unwrap_or("/")
            .to_owned(),
    };
    let (folders, files): (Vec<_>, Vec<_>) = found
        .items
        .into_iter()
        .partition(|item| item.kind == pantry_core::Kind::Folder);
    Ok(Answer(Listing {
        path,
        folders: folders.into_iter().map(show::folder_entry).collect(),
        files: files.into_iter().map(show::file_entry).collect(),
        total: found.total,
        next_cursor: found.next_cursor,
    }))
}

/// `GET /v1/files/search`
pub async fn search(State(state): State<AppState>, caller: Bearer, params: Params) -> Reply<SearchHits> {
    let q = params.text("q")?;
    let ext = params.opt_text("ext")?;
    let limit = args::limit(&params)?;
    let found = state.drive().search(&caller.actor(), q, ext, limit).await?;
    Ok(Answer(SearchHits {
        files: found.files.into_iter().map(show::file_info).collect(),
        total: found.total,
    }))
}

/// `GET /v1/files/{id}`
pub async fn info(State(state): State<AppState>, caller: Bearer, Segment(id): Segment) -> Reply<NodeInfo> {
    let id = NodeId(params::id("id", &id)?);
    let item = state.drive().stat(&caller.actor(), id).await?;
    Ok(Answer(show::node_info(item)))
}

/// `GET /v1/files/{id}/download`
pub async fn download(
    State(state): State<AppState>,
    caller: Bearer,
    Segment(id): Segment,
    params: Params,
) -> Reply<DownloadLink> {
    let id = NodeId(params::id("id", &id)?);
    let version = match params.opt_text("version")? {
        None | Some("") => None,
        Some(text) => Some(VersionId(params::id("version", text)?)),
    };
    let link = state.drive().link(&caller.actor(), id, version).await?;
    Ok(Answer(DownloadLink {
        url: format!("{}{}", state.download_url(), link.path),
        expires_in: link.expires_in,
        name: link.name,
        size: link.size,
        md5: link.md5.to_string(),
    }))
}
