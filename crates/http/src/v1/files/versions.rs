//! `/v1/files/{id}/versions`: what a file held before, and having it back.

use axum::extract::{Path, State};
use pantry_api::{NodeInfo, VersionEntry, Versions};
use pantry_types::{NodeId, VersionId};

use crate::{
    envelope::{Answer, Failure, Reply},
    params::{self, Segment},
    state::AppState,
    v1::{bearer::Bearer, show},
};

/// `GET /v1/files/{id}/versions`
pub async fn list(State(state): State<AppState>, caller: Bearer, Segment(id): Segment) -> Reply<Versions> {
    let id = NodeId(params::id("id", &id)?);
    let versions = state.drive().versions(&caller.actor(), id).await?;
    let versions = versions.into_iter().map(|v| VersionEntry {
        version: v.id.0,
        size: v.size,
        md5: v.md5.to_string(),
        created_at: v.created_at,
        current: v.replaced_at == 0,
    });
    Ok(Answer(Versions {
        versions: versions.collect(),
    }))
}

/// `POST /v1/files/{id}/versions/{version}/restore`
pub async fn restore(
    State(state): State<AppState>,
    caller: Bearer,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
) -> Reply<NodeInfo> {
    // What is no UTF-8 is no id.
    let Path((id, version)) = path.map_err(|_| Failure::UnknownUrl)?;
    let id = NodeId(params::id("id", &id)?);
    let version = VersionId(params::id("version", &version)?);
    let restored = state.drive().restore_version(&caller.actor(), id, version).await?;
    Ok(Answer(show::node_info(restored.item)))
}
