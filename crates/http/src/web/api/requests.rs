//! `/web/v1/apps/{client_id}/scope-requests`: a developer asks for more scopes.

use axum::extract::Path;
use pantry_api::web;

use super::{Json, Paged, Reply, Signed, show};
use crate::envelope::Answer;

/// What was asked for, and what became of it.
pub async fn list(signed: Signed, Path(id): Path<String>, paged: Paged) -> Reply<web::Page<web::ScopeRequest>> {
    let page = signed.drive().app_requests(&signed.session, &id, &paged.paging).await?;
    Ok(Answer(show::page(page, show::request)))
}

/// Asks.
pub async fn ask(signed: Signed, Path(id): Path<String>, Json(ask): Json<web::AskScopes>) -> Reply<web::ScopeRequest> {
    let scopes = show::read_scopes(&ask.scopes)?;
    let drive = signed.drive();
    let request = drive
        .request_scopes(&signed.session, &id, scopes, &ask.reason, &signed.origin)
        .await?;
    Ok(Answer(show::request(request)))
}

/// Takes it back.
pub async fn withdraw(signed: Signed, Path((id, request)): Path<(String, String)>) -> Reply<web::ScopeRequest> {
    let request = request.parse().unwrap_or(0);
    let drive = signed.drive();
    let closed = drive
        .withdraw_request(&signed.session, &id, request, &signed.origin)
        .await?;
    Ok(Answer(show::request(closed)))
}
