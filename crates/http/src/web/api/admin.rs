//! `/web/v1/admin`: everybody's apps and accounts, for administrators. Every handler takes the proof.

use axum::extract::Path;
use pantry_api::web;
use pantry_core::auth::console::{AuditWanted, Review};
use pantry_types::{Scopes, UserId};

use super::{Administrator, Json, Paged, Reply, me, show};
use crate::envelope::Answer;

/// Requests for scopes: the open ones; with `state=closed` the others.
pub async fn requests(by: Administrator, paged: Paged) -> Reply<web::Page<web::ScopeRequest>> {
    let open = paged.text("state").is_none_or(|state| state != "closed");
    let page = by.drive().scope_requests(&by.admin, open, &paged.paging).await?;
    Ok(Answer(show::page(page, show::request)))
}

/// Decides one.
pub async fn review(
    by: Administrator,
    Path(id): Path<String>,
    Json(body): Json<web::Review>,
) -> Reply<web::ScopeRequest> {
    let id = id.parse().unwrap_or(0);
    let review = Review {
        granted: match (body.decision, &body.scopes) {
            (web::Verdict::Refuse, _) => Scopes::EMPTY,
            (web::Verdict::Approve, Some(part)) => show::granted(part)?,
            (web::Verdict::Approve, None) => by.drive().scope_request(&by.admin, id).await?.scopes,
        },
        note: body.note,
    };
    let closed = by.drive().review(&by.admin, id, review).await?;
    Ok(Answer(show::request(closed)))
}

/// All apps; with `suspended=true` those that are.
pub async fn apps(by: Administrator, paged: Paged) -> Reply<web::Page<web::App>> {
    let suspended = paged.text("suspended").is_some_and(|s| s == "true" || s == "1");
    let page = by.drive().all_apps(&by.admin, suspended, &paged.paging).await?;
    Ok(Answer(show::page(page, show::app)))
}

/// One app.
pub async fn app(by: Administrator, Path(id): Path<String>) -> Reply<web::App> {
    let app = by.drive().any_app(&by.admin, &id).await?;
    Ok(Answer(show::app(app)))
}

/// Suspends it.
pub async fn suspend(by: Administrator, Path(id): Path<String>, Json(body): Json<web::Suspend>) -> Reply<web::App> {
    let app = by.drive().suspend_app(&by.admin, &id, &body.reason).await?;
    Ok(Answer(show::app(app)))
}

/// Lets it act again.
pub async fn resume(by: Administrator, Path(id): Path<String>) -> Reply<web::App> {
    let app = by.drive().resume_app(&by.admin, &id).await?;
    Ok(Answer(show::app(app)))
}

/// All accounts; with `q` those in whose name or mail address it stands.
pub async fn users(by: Administrator, paged: Paged) -> Reply<web::Page<web::User>> {
    let part = paged.text("q").unwrap_or_default();
    let page = by.drive().users(&by.admin, &part, &paged.paging).await?;
    Ok(Answer(show::page(page, show::user)))
}

fn user_id(text: &str) -> UserId {
    UserId(text.parse().unwrap_or(0))
}

/// One account.
pub async fn user(by: Administrator, Path(id): Path<String>) -> Reply<web::User> {
    let user = by.drive().any_user(&by.admin, user_id(&id)).await?;
    Ok(Answer(show::user(user)))
}

/// Disables or enables it, or changes its quota.
pub async fn change_user(
    by: Administrator,
    Path(id): Path<String>,
    Json(change): Json<web::UserChange>,
) -> Reply<web::User> {
    let (disabled, quota) = (change.is_disabled, change.quota_bytes);
    let user = by.drive().change_user(&by.admin, user_id(&id), disabled, quota).await?;
    Ok(Answer(show::user(user)))
}

/// A link by which its person sets a new password.
pub async fn password_link(by: Administrator, Path(id): Path<String>) -> Reply<web::PasswordLink> {
    let link = by.drive().password_link(&by.admin, user_id(&id)).await?;
    Ok(Answer(web::PasswordLink {
        url: link.url.into_exposed(),
        expires_at: link.expires_at,
    }))
}

/// The audit log of the installation; with `uid` of one account.
pub async fn audit(by: Administrator, paged: Paged) -> Reply<web::Page<web::AuditEntry>> {
    let wanted = AuditWanted {
        user: paged.number("uid")?.map(UserId),
        ..me::wanted(&paged)?
    };
    let page = by.drive().audit_log(&by.admin, wanted, &paged.paging).await?;
    Ok(Answer(show::page(page, show::audit)))
}
