//! `POST /v1/files/manage`: rename, move, copy, delete.

use axum::extract::State;
use pantry_api::Affected;
use pantry_core::{
    Error, Kind,
    files::{OnConflict, Selection},
};
use pantry_types::NodeId;

use crate::{
    Params,
    envelope::{Answer, Reply},
    state::AppState,
    v1::{args, bearer::Bearer, show},
};

#[derive(Clone, Copy)]
enum Action {
    Rename,
    Move,
    Copy,
    Delete,
}

const ACTIONS: [(&str, Action); 4] = [
    ("rename", Action::Rename),
    ("move", Action::Move),
    ("copy", Action::Copy),
    ("delete", Action::Delete),
];

/// `POST /v1/files/manage`
pub async fn manage(State(state): State<AppState>, caller: Bearer, params: Params) -> Reply<Affected> {
    params.text("action")?;
    let action = params
        .opt_word("action", &ACTIONS)?
        .ok_or_else(|| Error::invalid("action", "is missing; it is required"))?;
    let (drive, actor) = (state.drive(), caller.actor());
    let what = args::selection(&params)?;
    let on_conflict = args::on_conflict(&params, OnConflict::Fail)?;
    let done = match action {
        Action::Rename => {
            let (id, kind) = only(&what)?;
            let name = args::node_name(&params, "new_name")?;
            drive.rename(&actor, id, kind, name, on_conflict).await?;
            return Ok(Answer(Affected {
                affected: 1,
                job_id: None,
            }));
        }
        Action::Move => {
            let to = args::dest_path(&params)?;
            drive.relocate(&actor, what, to, None, on_conflict).await?
        }
        Action::Copy => {
            let to = args::dest_path(&params)?;
            drive.copy(&actor, what, to, None, on_conflict).await?
        }
        Action::Delete => drive.delete(&actor, what).await?,
    };
    Ok(Answer(show::affected(&done)))
}

/// The one file or folder that was chosen.
fn only(what: &Selection) -> Result<(NodeId, Kind), Error> {
    match (what.files.as_slice(), what.folders.as_slice()) {
        ([id], []) => Ok((*id, Kind::File)),
        ([], [id]) => Ok((*id, Kind::Folder)),
        ([], []) => Err(Error::invalid(
            "file_ids",
            "is missing; rename takes one file_ids or one folder_ids",
        )),
        _ => Err(Error::invalid(
            "file_ids",
            "rename takes exactly one id, in file_ids or in folder_ids",
        )),
    }
}
