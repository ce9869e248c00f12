//! `/v1/changes`: what changed in the token's root, by asking; `stream` tells it as it comes.

pub mod stream;

use axum::extract::State;
use pantry_api::{Change, ChangeEvent, ChangeListing, ChangedNode};
use pantry_core::{
    Kind,
    changes::{self, Changes, Cursor},
    item::Item,
};

use super::{args, bearer::Bearer, show};
use crate::{
    Params,
    envelope::{Answer, Reply},
    state::AppState,
};

/// `GET /v1/changes`
pub async fn list(State(state): State<AppState>, caller: Bearer, params: Params) -> Reply<ChangeListing> {
    let from = args::cursor(&params)?.map(Cursor::parse).transpose()?;
    let limit = args::limit(&params)?;
    let page = state.drive().changes(&caller.actor(), from, limit).await?;
    Ok(Answer(listing(page)))
}

fn listing(page: Changes) -> ChangeListing {
    ChangeListing {
        next_cursor: page.next.to_string(),
        has_more: page.has_more,
        reset: page.reset,
        changes: page.changes.into_iter().map(change).collect(),
    }
}

fn change(change: changes::Change) -> Change {
    Change {
        seq: change.seq,
        event: match change.event {
            changes::Event::Created => ChangeEvent::Created,
            changes::Event::Updated => ChangeEvent::Updated,
            changes::Event::Removed => ChangeEvent::Removed,
        },
        kind: show::kind(change.kind),
        id: change.id.0,
        node: change.node.map(node),
        subtree: change.subtree,
    }
}

fn node(item: Item) -> ChangedNode {
    ChangedNode {
        id: item.id.0,
        kind: show::kind(item.kind),
        parent_id: item.parent.0,
        size: item.size,
        md5: match item.kind {
            Kind::File => item.md5.to_string(),
            Kind::Folder => String::new(),
        },
        version: item.version.0,
        mtime: item.modified_at,
        name: item.name,
        path: item.path,
    }
}
