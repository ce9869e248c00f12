//! `/v1/share/{code}*`: what others do with a share, most of it without a token.

use axum::extract::State;
use pantry_api::{ArchiveLink, DownloadLink, Listing, Precreated, ShareDetails, ShareInfo, ShareTicket, Transferred};
use pantry_core::{
    Error, Kind,
    files::{FolderRef, OnConflict},
    shares::{Details, Transfer},
};
use pantry_types::NodeId;

use super::guest::Guest;
use crate::{
    Params,
    envelope::{Answer, Reply},
    params, sharing,
    state::AppState,
    v1::{
        args,
        bearer::Bearer,
        files::{self, upload},
        show,
    },
};

/// `GET /v1/share/{code}`
pub async fn show(State(state): State<AppState>, guest: Guest, params: Params) -> Reply<ShareInfo> {
    let look = state.drive().look_at_share(&guest.visit(&params)?).await?;
    Ok(Answer(ShareInfo {
        code: look.code,
        owner: look.owner,
        needs_password: look.needs_password,
        details: look.details.map(details),
    }))
}

fn details(d: Details) -> ShareDetails {
    ShareDetails {
        name: d.name,
        kind: sharing::kind(d.shows),
        file_count: d.file_count,
        folder_count: d.folder_count,
        size: d.size,
        expires_at: d.expires_at,
        allow_save: d.allow_save,
        max_file_size: d.max_file_size,
        max_files: d.max_files,
    }
}

/// `POST /v1/share/{code}/verify`
pub async fn verify(State(state): State<AppState>, guest: Guest, params: Params) -> Reply<ShareTicket> {
    let password = params.opt_text("password")?.unwrap_or("").to_owned();
    let ticket = state.drive().verify_share(&guest.visit(&params)?, &password).await?;
    Ok(Answer(ShareTicket {
        ticket: ticket.text,
        expires_in: ticket.expires_in,
    }))
}

/// The folder of a share that is asked for: by id, by path, or its top.
fn folder(params: &Params) -> Result<FolderRef, Error> {
    match params.opt_text("folder_id")? {
        None | Some("" | "0") => args::folder(params, "path"),
        Some(id) => Ok(FolderRef::Id(NodeId(params::id("folder_id", id)?))),
    }
}

/// `GET /v1/share/{code}/files`
pub async fn list(State(state): State<AppState>, guest: Guest, params: Params) -> Reply<Listing> {
    let (page, limit) = (args::page(&params)?, args::limit(&params)?);
    let folder = folder(&params)?;
    let found = state
        .drive()
        .list_share(&guest.visit(&params)?, folder, page, limit)
        .await?;
    let path = match (params.opt_text("path")?.filter(|text| !text.is_empty()), &found.folder) {
        (Some(path), _) => path.to_owned(),
        (None, Some(folder)) => folder.path.clone(),
        (None, None) => "/".to_owned(),
    };
    let (folders, files): (Vec<_>, Vec<_>) = found.items.into_iter().partition(|item| item.kind == Kind::Folder);
    Ok(Answer(Listing {
        path,
        folders: folders.into_iter().map(show::folder_entry).collect(),
        files: files.into_iter().map(show::file_entry).collect(),
        total: found.total,
        next_cursor: found.next_cursor,
    }))
}

/// `GET /v1/share/{code}/download`
pub async fn download(State(state): State<AppState>, guest: Guest, params: Params) -> Reply<DownloadLink> {
    let file = match params.opt_text("file_id")? {
        None | Some("") => None,
        Some(text) => Some(NodeId(params::id("file_id", text)?)),
    };
    let link = state
        .drive()
        .share_download(&guest.visit(&params)?, file, false)
        .await?;
    Ok(Answer(DownloadLink {
        url: format!("{}{}", state.download_url(), link.path),
        expires_in: link.expires_in,
        name: link.name,
        size: link.size,
        md5: link.md5.to_string(),
    }))
}

/// `POST /v1/share/{code}/archive`
pub async fn archive(State(state): State<AppState>, guest: Guest, params: Params) -> Reply<ArchiveLink> {
    let (what, name) = (args::selection(&params)?, files::archive::name(&params)?);
    let link = state.drive().share_archive(&guest.visit(&params)?, what, name).await?;
    Ok(Answer(ArchiveLink {
        url: format!("{}{}", state.download_url(), link.path),
        expires_in: link.expires_in,
    }))
}

/// `POST /v1/share/{code}/transfer`
pub async fn transfer(
    State(state): State<AppState>,
    caller: Bearer,
    guest: Guest,
    params: Params,
) -> Reply<Transferred> {
    let transfer = Transfer {
        what: args::selection(&params)?,
        to: args::folder(&params, "parent_path")?,
        on_conflict: args::on_conflict(&params, OnConflict::Rename)?,
    };
    let visit = guest.visit(&params)?;
    let done = state.drive().transfer(&caller.actor(), &visit, transfer).await?;
    let ids = |kind| {
        let of_kind = done.items.iter().filter(move |item| item.kind == kind);
        of_kind.map(|item| item.id.0).collect()
    };
    Ok(Answer(Transferred {
        affected: done.affected,
        file_ids: ids(Kind::File),
        folder_ids: ids(Kind::Folder),
        job_id: done.job,
    }))
}

/// `POST /v1/share/{code}/upload/precreate`
pub async fn precreate(State(state): State<AppState>, guest: Guest, params: Params) -> Reply<Precreated> {
    let declared = upload::declared(&params)?;
    let begun = state.drive().drop_precreate(&guest.visit(&params)?, declared).await?;
    Ok(Answer(upload::begun_as(&state, begun)))
}
