//! `/web/v1/session`, `sessions`, `password`, `grants`, `audit`: a person's own account.

use axum::extract::Path;
use pantry_api::{ShareEntry, web};
use pantry_core::auth::console::{AuditWanted, FRESH_SECONDS};
use pantry_types::GrantId;

use super::{Fault, Json, Paged, Reply, Signed, show};
use crate::{envelope::Answer, sharing};

/// Who is signed in.
pub async fn session(signed: Signed) -> Reply<web::SessionState> {
    let csrf = signed.csrf();
    let s = signed.session;
    Ok(Answer(web::SessionState {
        uid: s.user.0,
        username: s.name,
        nickname: s.nickname,
        email: s.email,
        is_admin: s.is_admin,
        auth_time: s.auth_time,
        fresh_until: s.auth_time + FRESH_SECONDS,
        csrf,
    }))
}

/// Shows the password again.
pub async fn confirm(signed: Signed, Json(body): Json<web::Confirm>) -> Reply<web::Done> {
    let drive = signed.drive();
    drive
        .confirm_password(&signed.session, &body.password, &signed.origin)
        .await?;
    Ok(Answer(web::Done {}))
}

/// Another password.
pub async fn password(signed: Signed, Json(body): Json<web::NewPassword>) -> Reply<web::Done> {
    let drive = signed.drive();
    let (old, new) = (&body.old_password, &body.new_password);
    drive.change_password(&signed.session, old, new, &signed.origin).await?;
    Ok(Answer(web::Done {}))
}

/// Where the person is signed in.
pub async fn sessions(signed: Signed) -> Reply<web::Sessions> {
    let found = signed.drive().sessions(&signed.session).await?;
    let sessions = found.into_iter().map(show::session).collect();
    Ok(Answer(web::Sessions { sessions }))
}

/// Ends one of them.
pub async fn end_session(signed: Signed, Path(id): Path<String>) -> Reply<web::Ended> {
    signed.drive().end_session(&signed.session, &id, &signed.origin).await?;
    Ok(Answer(web::Ended { ended: 1 }))
}

/// Ends all but this one.
pub async fn end_other_sessions(signed: Signed) -> Reply<web::Ended> {
    let ended = signed
        .drive()
        .end_other_sessions(&signed.session, &signed.origin)
        .await?;
    Ok(Answer(web::Ended { ended }))
}

/// What apps were allowed.
pub async fn grants(signed: Signed, paged: Paged) -> Reply<web::Page<web::GrantEntry>> {
    let page = signed.drive().grants(&signed.session, &paged.paging).await?;
    Ok(Answer(show::page(page, show::grant)))
}

/// What one app was allowed.
pub async fn grant(signed: Signed, Path(id): Path<String>) -> Reply<web::GrantEntry> {
    let grant = signed.drive().grant(&signed.session, grant_id(&id)).await?;
    Ok(Answer(show::grant(grant)))
}

/// Shares that the app of one made and that serve.
pub async fn grant_shares(signed: Signed, Path(id): Path<String>, paged: Paged) -> Reply<web::Page<ShareEntry>> {
    let page = signed
        .drive()
        .grant_shares(&signed.session, grant_id(&id), &paged.paging)
        .await?;
    Ok(Answer(show::page(page, |listed| {
        sharing::entry(signed.state(), listed)
    })))
}

/// Takes one back; with `cancel_shares` what it shared too.
pub async fn end_grant(signed: Signed, Path(id): Path<String>, paged: Paged) -> Reply<web::GrantsEnded> {
    let with_shares = paged.flag("cancel_shares")?;
    let done = signed
        .drive()
        .end_grant(&signed.session, grant_id(&id), with_shares, &signed.origin)
        .await?;
    Ok(Answer(show::taken_back(done)))
}

/// Takes all of them back; with `cancel_shares` what their apps shared too.
pub async fn end_all_grants(signed: Signed, paged: Paged) -> Reply<web::GrantsEnded> {
    let with_shares = paged.flag("cancel_shares")?;
    let done = signed
        .drive()
        .end_all_grants(&signed.session, with_shares, &signed.origin)
        .await?;
    Ok(Answer(show::taken_back(done)))
}

/// What is no id is an id that nothing has.
fn grant_id(text: &str) -> GrantId {
    GrantId(text.parse().unwrap_or(0))
}

/// Which entries of an audit log a query wants.
pub(super) fn wanted(paged: &Paged) -> Result<AuditWanted, Fault> {
    Ok(AuditWanted {
        user: None,
        client_id: paged.text("client_id"),
        event: paged.text("event"),
        since: paged.number("since")?,
        until: paged.number("until")?,
    })
}

/// What happened to the account.
pub async fn audit(signed: Signed, paged: Paged) -> Reply<web::Page<web::AuditEntry>> {
    let wanted = wanted(&paged)?;
    let page = signed
        .drive()
        .own_audit_log(&signed.session, wanted, &paged.paging)
        .await?;
    Ok(Answer(show::page(page, show::audit)))
}
