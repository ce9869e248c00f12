//! `/user/apps`: what a person allowed apps, and taking it back, without a script.

use axum::{extract::Request, response::Response};
use http::{StatusCode, Uri};
use pantry_core::{
    Error,
    auth::console::{ConsoleError, GrantInfo, Page, Paging},
    shares::Listed,
};
use pantry_types::{GrantId, Scope};

use crate::{
    envelope::Failure,
    html::{
        apps::{AppsNote, AppsView, GrantView, SharedView, apps},
        error::Failure as ErrorPage,
        paths,
    },
    params::Params,
    visitor::{Visitor, field, fields},
};

/// How many apps stand on one page.
const A_PAGE: i64 = 20;

fn seconds(span: i64) -> u64 {
    u64::try_from(span).unwrap_or(0)
}

fn view<'a>(grant: &'a GrantInfo, scopes: &'a [Scope], shares: &'a [SharedView<'a>], now: i64) -> GrantView<'a> {
    GrantView {
        id: grant.id.0,
        app: if grant.app_name.is_empty() {
            &grant.client_id
        } else {
            &grant.app_name
        },
        owner: &grant.owner_name,
        suspended: grant.suspended,
        scopes,
        whole_drive: grant.weipan_at > 0,
        sandbox: grant.sandbox.as_deref(),
        bytes: (seconds(grant.size.bytes), grant.size.complete),
        given: seconds(now - grant.created_at),
        used: seconds(now - grant.last_used_at),
        address: &grant.last_address,
        shares: seconds(grant.shares),
        latest_shares: shares,
        ends: Some(grant.expires_at).filter(|e| *e > 0).map(|e| seconds(e - now)),
    }
}

fn shared(listed: &Listed) -> SharedView<'_> {
    SharedView {
        name: &listed.name,
        code: &listed.share.code,
    }
}

fn answer(visitor: &Visitor, status: StatusCode, page: &Page<GrantInfo>, note: Option<AppsNote>) -> Response {
    let now = visitor.drive().now();
    let scopes: Vec<Vec<Scope>> = page.items.iter().map(|g| g.scopes.iter().collect()).collect();
    let shares: Vec<Vec<SharedView<'_>>> = page
        .items
        .iter()
        .map(|g| g.latest_shares.iter().map(shared).collect())
        .collect();
    let all = page.items.iter().zip(&scopes).zip(&shares);
    let grants: Vec<GrantView<'_>> = all.map(|((g, s), l)| view(g, s, l, now)).collect();
    let next = page
        .next
        .as_ref()
        .map(|cursor| format!("{}?cursor={cursor}", paths::USER_APPS));
    let csrf = visitor.csrf();
    let shown = AppsView {
        grants: &grants,
        next: next.as_deref(),
        note,
    };
    visitor.page(status, apps(&visitor.frame(paths::USER_APPS, &csrf), &shown), &[])
}

fn failed(visitor: &Visitor, e: ConsoleError) -> Result<Response, Failure> {
    match e {
        ConsoleError::Drive(Error::Invalid { .. }) => Ok(visitor.error(ErrorPage::BadRequest, None)),
        ConsoleError::Drive(e) => Err(e.into()),
        // What stands here needs neither an administrator nor a password.
        _ => Ok(visitor.error(ErrorPage::Forbidden, None)),
    }
}

/// The list.
pub(super) async fn show(visitor: Visitor, uri: Uri) -> Result<Response, Failure> {
    let Some(session) = &visitor.session else {
        return Ok(visitor.to_login(paths::USER_APPS));
    };
    let query = Params::of_query(uri.query().unwrap_or_default());
    let paging = Paging {
        cursor: query.all("cursor").next().map(str::to_owned),
        limit: Some(A_PAGE),
    };
    let note = query.all("ended").next().map(|what| match what {
        "shares" => AppsNote::EndedWithShares,
        _ => AppsNote::Ended,
    });
    match visitor.drive().grants(session, &paging).await {
        Ok(page) => Ok(answer(&visitor, StatusCode::OK, &page, note)),
        Err(e) => failed(&visitor, e),
    }
}

/// Takes back what one app, or all, were allowed.
pub(super) async fn end(visitor: Visitor, request: Request) -> Result<Response, Failure> {
    let Some(session) = &visitor.session else {
        return Ok(visitor.to_login(paths::USER_APPS));
    };
    let fields = fields(request).await?;
    let drive = visitor.drive();
    if !pantry_core::Drive::is_form_token(&visitor.csrf(), field(&fields, "csrf")) {
        let paging = Paging {
            cursor: None,
            limit: Some(A_PAGE),
        };
        return match drive.grants(session, &paging).await {
            Ok(page) => Ok(answer(
                &visitor,
                StatusCode::FORBIDDEN,
                &page,
                Some(AppsNote::FormExpired),
            )),
            Err(e) => failed(&visitor, e),
        };
    }
    let with_shares = field(&fields, "shares") == "cancel";
    let done = match field(&fields, "grant") {
        "all" => drive.end_all_grants(session, with_shares, &visitor.origin).await,
        id => {
            let id = GrantId(id.parse().unwrap_or(0));
            drive.end_grant(session, id, with_shares, &visitor.origin).await
        }
    };
    match done {
        Ok(done) => {
            let what = if done.shares > 0 { "=shares" } else { "" };
            Ok(visitor.see_other(&format!("{}?ended{what}", paths::USER_APPS)))
        }
        Err(ConsoleError::Drive(Error::NotFound(_))) => Ok(visitor.error(ErrorPage::NotFound, None)),
        Err(e) => failed(&visitor, e),
    }
}
