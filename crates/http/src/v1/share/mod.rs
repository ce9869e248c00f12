//! `/v1/share/create`, `/list`, `/update`, `/cancel`: an app with the person's shares. What others do there is in `visit`.

mod guest;
pub mod visit;

use axum::extract::State;
use pantry_api::{Affected, ShareListing, ShareMade};
use pantry_core::{
    Error,
    shares::{self, NewShare, ShareChange},
};
use pantry_types::ShareId;

use super::{
    args,
    bearer::{Scoped, ShareCreate, ShareRead},
};
use crate::{
    Params,
    envelope::{Answer, Reply},
    params, sharing,
    state::AppState,
};

fn change(params: &Params) -> Result<ShareChange, Error> {
    let what = args::selection(params)?;
    Ok(ShareChange {
        what: (!what.is_empty()).then_some(what),
        password: params.opt_text("password")?.map(str::to_owned),
        auto_password: params.opt_flag("auto_password")?.unwrap_or(false),
        expires_in: params.opt_int("expires_in")?,
        max_downloads: params.opt_int("max_downloads")?,
        allow_save: params.opt_flag("allow_save")?,
        max_file_size: params.opt_int("max_file_size")?,
        max_files: params.opt_int("max_files")?,
    })
}

fn made(state: &AppState, made: shares::Made) -> ShareMade {
    ShareMade {
        share_id: made.id.0,
        url: state.share_url(&made.code),
        code: made.code,
        password: made.password,
        expires_at: made.expires_at,
    }
}

/// `POST /v1/share/create`
pub async fn create(State(state): State<AppState>, scoped: Scoped<ShareCreate>, params: Params) -> Reply<ShareMade> {
    let new = NewShare {
        like: change(&params)?,
        drop: params.opt_word("kind", &[("drop", true)])?.unwrap_or(false),
    };
    let share = state.drive().create_share(&scoped.caller.actor(), new).await?;
    Ok(Answer(made(&state, share)))
}

/// `POST /v1/share/update`
pub async fn update(State(state): State<AppState>, scoped: Scoped<ShareCreate>, params: Params) -> Reply<ShareMade> {
    let id = ShareId(params::id("share_id", params.text("share_id")?)?);
    let change = change(&params)?;
    let share = state.drive().update_share(&scoped.caller.actor(), id, change).await?;
    Ok(Answer(made(&state, share)))
}

/// `POST /v1/share/cancel`
pub async fn cancel(State(state): State<AppState>, scoped: Scoped<ShareCreate>, params: Params) -> Reply<Affected> {
    let ids = params.ids("share_ids")?.into_iter().map(|id| ShareId(id.0)).collect();
    let affected = state.drive().cancel_shares(&scoped.caller.actor(), ids).await?;
    Ok(Answer(Affected { affected, job_id: None }))
}

/// `GET /v1/share/list`
pub async fn list(State(state): State<AppState>, scoped: Scoped<ShareRead>, params: Params) -> Reply<ShareListing> {
    let (cursor, limit) = (args::cursor(&params)?, args::limit(&params)?);
    let page = state.drive().shares(&scoped.caller.actor(), cursor, limit).await?;
    let shares = page.shares.into_iter().map(|listed| sharing::entry(&state, listed));
    Ok(Answer(ShareListing {
        shares: shares.collect(),
        total: page.total,
        next_cursor: page.next_cursor,
    }))
}
