//! The v1 face: every URL of it. Its files follow the URLs.
//! Must hold no rule of the drive, and know no other face.

mod args;
mod bearer;
mod bin;
mod changes;
mod files;
mod jobs;
mod share;
mod show;
mod user;

use axum::{
    Router,
    routing::{get, post, put},
};

use crate::state::AppState;

/// Every URL of v1.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/v1/user/info", get(user::info))
        .route("/v1/user/quota", get(user::quota))
        .route("/v1/user/share-enable", post(user::share_enable))
        .route("/v1/files", get(files::list))
        .route("/v1/files/search", get(files::search))
        .route("/v1/files/folder", post(files::folder::create))
        .route("/v1/files/manage", post(files::manage::manage))
        .route("/v1/files/content", put(files::content::put))
        .route("/v1/files/upload/precreate", post(files::upload::precreate))
        .route("/v1/files/{id}", get(files::info))
        .route("/v1/files/{id}/download", get(files::download))
        .route("/v1/files/{id}/versions", get(files::versions::list))
        .route(
            "/v1/files/{id}/versions/{version}/restore",
            post(files::versions::restore),
        )
        .route("/v1/files/{id}/versions/{version}/keep", post(files::versions::keep))
        .route("/v1/files/archive", post(files::archive::link))
        .route("/v1/bin", get(bin::list))
        .route("/v1/bin/restore", post(bin::restore))
        .route("/v1/bin/purge", post(bin::purge))
        .route("/v1/bin/empty", post(bin::empty))
        .route("/v1/changes", get(changes::list))
        .route("/v1/changes/stream", get(changes::stream::stream))
        .route("/v1/jobs/{id}", get(jobs::job))
        .route("/v1/share/create", post(share::create))
        .route("/v1/share/list", get(share::list))
        .route("/v1/share/update", post(share::update))
        .route("/v1/share/cancel", post(share::cancel))
        .route("/v1/share/{code}", get(share::visit::show))
        .route("/v1/share/{code}/verify", post(share::visit::verify))
        .route("/v1/share/{code}/files", get(share::visit::list))
        .route("/v1/share/{code}/download", get(share::visit::download))
        .route("/v1/share/{code}/archive", post(share::visit::archive))
        .route("/v1/share/{code}/transfer", post(share::visit::transfer))
        .route("/v1/share/{code}/upload/precreate", post(share::visit::precreate))
}
