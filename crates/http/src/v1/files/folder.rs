//! `POST /v1/files/folder`.

use axum::extract::State;
use pantry_api::CreatedFolder;

use crate::{
    Params,
    envelope::{Answer, Reply},
    state::AppState,
    v1::{args, bearer::Bearer},
};

/// `POST /v1/files/folder`
pub async fn create(State(state): State<AppState>, caller: Bearer, params: Params) -> Reply<CreatedFolder> {
    let parent = args::folder(&params, "parent_path")?;
    let name = args::node_name(&params, "name")?;
    let made = state.drive().create_folder(&caller.actor(), parent, name).await?;
    Ok(Answer(CreatedFolder {
        folder_id: made.item.id.0,
        name: made.item.name,
        path: made.item.path,
    }))
}
