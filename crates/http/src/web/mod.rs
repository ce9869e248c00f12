//! The web pages' face: every URL of it. Its files follow the URLs.
//! Must hold no rule of the drive, and know no other face.

mod api;
mod apps;
mod assets;
mod home;
mod login;
mod logout;
mod password;
mod setup;
mod share;

use axum::{
    Router,
    routing::{delete, get, post, put},
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
        .route("/password", post(password::set))
        .route("/password/{token}", get(password::show))
        .route("/user/apps", get(apps::show).post(apps::end))
        .route("/s/{code}", get(share::show).post(share::enter))
        .route("/s/{code}/download", get(share::download))
        .route("/s/{code}/archive", get(share::archive))
        .route("/s/{code}/drop", post(share::receive))
        .route("/assets/{file}", get(assets::file))
        .nest("/web/v1", api::shaped(api_routes()))
}

/// Every URL of the pages' own API, below `/web/v1`.
fn api_routes() -> Router<AppState> {
    use api::{admin, apps, hooks, me, requests};
    Router::new()
        .route("/session", get(me::session))
        .route("/session/confirm", post(me::confirm))
        .route("/password", post(me::password))
        .route("/sessions", get(me::sessions))
        .route("/sessions/end-others", post(me::end_other_sessions))
        .route("/sessions/{id}", delete(me::end_session))
        .route("/grants", get(me::grants))
        .route("/grants/revoke-all", post(me::end_all_grants))
        .route("/grants/{id}", get(me::grant).delete(me::end_grant))
        .route("/grants/{id}/shares", get(me::grant_shares))
        .route("/audit", get(me::audit))
        .route("/apps", get(apps::list).post(apps::create))
        .route("/apps/{id}", get(apps::show).patch(apps::change).delete(apps::delete))
        .route("/apps/{id}/secret", post(apps::rotate))
        .route("/apps/{id}/secret/old", delete(apps::end_old_secret))
        .route("/apps/{id}/icon", put(apps::set_icon).delete(apps::remove_icon))
        .route("/apps/{id}/scope-requests", get(requests::list).post(requests::ask))
        .route("/apps/{id}/scope-requests/{request}", delete(requests::withdraw))
        .route(
            "/apps/{id}/webhook",
            get(hooks::show).put(hooks::set).delete(hooks::remove),
        )
        .route("/apps/{id}/webhook/secret", post(hooks::rotate))
        .route("/apps/{id}/webhook/secret/old", delete(hooks::end_old_secret))
        .route("/apps/{id}/webhook/test", post(hooks::test))
        .route("/apps/{id}/webhook/deliveries", get(hooks::deliveries))
        .route("/apps/{id}/webhook/deliveries/{delivery}", delete(hooks::discard))
        .route(
            "/apps/{id}/webhook/deliveries/{delivery}/redeliver",
            post(hooks::redeliver),
        )
        .route("/icons/{id}/{tag}", get(apps::icon))
        .route("/admin/scope-requests", get(admin::requests))
        .route("/admin/scope-requests/{id}", post(admin::review))
        .route("/admin/apps", get(admin::apps))
        .route("/admin/apps/{id}", get(admin::app))
        .route("/admin/apps/{id}/suspend", post(admin::suspend))
        .route("/admin/apps/{id}/resume", post(admin::resume))
        .route(
            "/admin/apps/{id}/webhook",
            get(hooks::show_any).delete(hooks::remove_any),
        )
        .route("/admin/apps/{id}/webhook/deliveries", get(hooks::deliveries_of_any))
        .route("/admin/users", get(admin::users))
        .route("/admin/users/{id}", get(admin::user).patch(admin::change_user))
        .route("/admin/users/{id}/password-link", post(admin::password_link))
        .route("/admin/audit", get(admin::audit))
}
