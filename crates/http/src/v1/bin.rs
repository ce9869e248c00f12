//! `/v1/bin`: what was deleted, and having it back.

use axum::extract::State;
use pantry_api::{Affected, BinEntry, BinListing};
use pantry_core::files::OnConflict;

use super::{args, bearer::Bearer, show};
use crate::{
    Params,
    envelope::{Answer, Reply},
    state::AppState,
};

/// `GET /v1/bin`
pub async fn list(State(state): State<AppState>, caller: Bearer, params: Params) -> Reply<BinListing> {
    let (cursor, limit) = (args::cursor(&params)?, args::limit(&params)?);
    let page = state.drive().bin(&caller.actor(), cursor, limit).await?;
    let items = page.items.into_iter().map(|item| BinEntry {
        kind: show::kind(item.entry.kind),
        id: item.entry.node.0,
        name: item.entry.name,
        path: item.entry.path,
        size: item.node.size,
        deleted_at: item.entry.deleted_at,
        purge_at: item.purge_at,
    });
    Ok(Answer(BinListing {
        items: items.collect(),
        total: page.total,
        next_cursor: page.next_cursor,
    }))
}

/// `POST /v1/bin/restore`
pub async fn restore(State(state): State<AppState>, caller: Bearer, params: Params) -> Reply<Affected> {
    let what = args::selection(&params)?;
    let to = match params.opt_text("dest_path")? {
        None | Some("") => None,
        Some(_) => Some(args::dest_path(&params)?),
    };
    let on_conflict = args::on_conflict(&params, OnConflict::Fail)?;
    let done = state.drive().restore(&caller.actor(), what, to, on_conflict).await?;
    Ok(Answer(show::affected(&done)))
}

/// `POST /v1/bin/purge`
pub async fn purge(State(state): State<AppState>, caller: Bearer, params: Params) -> Reply<Affected> {
    let what = args::selection(&params)?;
    let done = state.drive().purge(&caller.actor(), what).await?;
    Ok(Answer(show::affected(&done)))
}

/// `POST /v1/bin/empty`
pub async fn empty(State(state): State<AppState>, caller: Bearer) -> Reply<Affected> {
    let done = state.drive().empty_bin(&caller.actor()).await?;
    Ok(Answer(show::affected(&done)))
}
