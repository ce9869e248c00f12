//! The web pages' face: every URL of it. Its files follow the URLs.
//! Must hold no rule of the drive, and know no other face.

mod assets;
mod home;
mod login;
mod logout;
mod setup;

use axum::{
    Router,
    routing::{get, post},
};

use crate::state::AppState;

/// Every URL of the pages.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(home::show))
        .route("/login", get(login::show).post(login::sign_in))
        .route("/logout", post(logout::sign_out))
        .route("/setup", post(setup::set_up))
        .route("/setup/{token}", get(setup::show))
        .route("/assets/{file}", get(assets::file))
}
