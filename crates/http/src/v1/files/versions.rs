//! `/v1/files/{id}/versions`: what a file held before, having it back, and keeping it.

use axum::extract::{Path, State};
use pantry_api::{NodeInfo, VersionEntry, Versions};
use pantry_core::{Error, history::Version};
use pantry_types::{NodeId, VersionId};

use crate::{
    Params,
    envelope::{Answer, Failure, Reply},
    params::{self, Segment},
    state::AppState,
    v1::{bearer::Bearer, show},
};

/// `GET /v1/files/{id}/versions`
pub async fn list(State(state): State<AppState>, caller: Bearer, Segment(id): Segment) -> Reply<Versions> {
    let id = NodeId(params::id("id", &id)?);
    let versions = state.drive().versions(&caller.actor(), id).await?;
    Ok(Answer(Versions {
        versions: versions.iter().map(entry).collect(),
    }))
}

fn entry(v: &Version) -> VersionEntry {
    VersionEntry {
        version: v.id.0,
        size: v.size,
        md5: v.md5.to_string(),
        created_at: v.created_at,
        current: v.replaced_at == 0,
        kept: v.keep,
    }
}

/// The two ids of an address below `/v1/files/{id}/versions`.
type Ids = Result<Path<(String, String)>, axum::extract::rejection::PathRejection>;

fn ids(path: Ids) -> Result<(NodeId, VersionId), Failure> {
    // What is no UTF-8 is no id.
    let Path((id, version)) = path.map_err(|_| Failure::UnknownUrl)?;
    let id = NodeId(params::id("id", &id)?);
    Ok((id, VersionId(params::id("version", &version)?)))
}

/// `POST /v1/files/{id}/versions/{version}/keep`
pub async fn keep(State(state): State<AppState>, caller: Bearer, path: Ids, params: Params) -> Reply<VersionEntry> {
    let (id, version) = ids(path)?;
    let keep = params
        .opt_flag("keep")?
        .ok_or_else(|| Error::invalid("keep", "is missing; send true or false"))?;
    let version = state.drive().keep_version(&caller.actor(), id, version, keep).await?;
    Ok(Answer(entry(&version)))
}

/// `POST /v1/files/{id}/versions/{version}/restore`
pub async fn restore(State(state): State<AppState>, caller: Bearer, path: Ids) -> Reply<NodeInfo> {
    let (id, version) = ids(path)?;
    let restored = state.drive().restore_version(&caller.actor(), id, version).await?;
    Ok(Answer(show::node_info(restored.item)))
}
