//! Shares as JSON tells them, whichever face does. Must not look anything up.

use pantry_api::{ShareEntry, ShareKind, ShareState};
use pantry_core::shares::{Closed, Listed, Shows, State};

use crate::state::AppState;

/// What is shared.
pub fn kind(shows: Shows) -> ShareKind {
    match shows {
        Shows::File => ShareKind::File,
        Shows::Folder => ShareKind::Folder,
        Shows::Several => ShareKind::Several,
        Shows::Drop => ShareKind::Drop,
    }
}

/// A share in a list.
pub fn entry(state: &AppState, listed: Listed) -> ShareEntry {
    let share = listed.share;
    ShareEntry {
        share_id: share.id.0,
        url: state.share_url(&share.code),
        code: share.code,
        name: listed.name,
        kind: kind(share.shows),
        has_password: !share.password_hash.is_empty(),
        created_at: share.created_at,
        expires_at: share.expires_at,
        max_downloads: share.max_downloads,
        downloads: share.downloads,
        views: share.views,
        saves: share.saves,
        allow_save: share.allow_save,
        state: match listed.state {
            State::Active => ShareState::Active,
            State::Closed(Closed::Cancelled) => ShareState::Cancelled,
            State::Closed(Closed::Expired) => ShareState::Expired,
            State::Closed(Closed::UsedUp) => ShareState::UsedUp,
            State::Closed(Closed::Trashed | Closed::NotFound) => ShareState::Trashed,
        },
        max_file_size: share.max_file_size,
        max_files: share.max_files,
        received: share.received,
    }
}
