//! `/user/apps`: what a person allowed apps, and taking it back, without a script.

use axum::{extract::Request, response::Response};
use http::{StatusCode, Uri};
use pantry_core::{
    Error,
    auth::{
        SessionActor,
        console::{ConsoleError, GrantInfo, Paging},
    },
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
/// How many of the shares of each are named.
const LATEST: i64 = 100;

fn unsigned(span: i64) -> u64 {
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
        bytes: (unsigned(grant.size.bytes), grant.size.complete),
        given: unsigned(now - grant.created_at),
        used: unsigned(now - grant.last_used_at),
        address: &grant.last_address,
        shares: unsigned(grant.shares),
        latest_shares: shares,
        ends: Some(grant.expires_at).filter(|e| *e > 0).map(|e| unsigned(e - now)),
    }
}

fn shared(listed: &Listed) -> SharedView<'_> {
    SharedView {
        name: &listed.name,
        code: &listed.share.code,
    }
}

/// A page of the list, with the latest of what each app shared.
async fn page(
    visitor: &Visitor,
    session: &SessionActor,
    cursor: Option<String>,
    status: StatusCode,
    note: Option<AppsNote>,
) -> Result<Response, Failure> {
    let drive = visitor.drive();
    let paging = |cursor, limit| Paging {
        cursor,
        limit: Some(limit),
    };
    let page = match drive.grants(session, &paging(cursor, A_PAGE)).await {
        Ok(page) => page,
        Err(e) => return failed(visitor, e),
    };
    let mut latest = Vec::with_capacity(page.items.len());
    for grant in &page.items {
        latest.push(match grant.shares {
            0 => Vec::new(),
            _ => match drive.grant_shares(session, grant.id, &paging(None, LATEST)).await {
                Ok(shares) => shares.items,
                // It ended meanwhile.
                Err(ConsoleError::Drive(Error::NotFound(_))) => Vec::new(),
                Err(e) => return failed(visitor, e),
            },
        });
    }
    let now = drive.now();
    let scopes: Vec<Vec<Scope>> = page.items.iter().map(|g| g.scopes.iter().collect()).collect();
    let shares: Vec<Vec<SharedView<'_>>> = latest.iter().map(|l| l.iter().map(shared).collect()).collect();
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
    Ok(visitor.page(status, apps(&visitor.frame(paths::USER_APPS, &csrf), &shown), &[]))
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
    let note = query.all("ended").next().map(|what| match what {
        "shares" => AppsNote::EndedWithShares,
        _ => AppsNote::Ended,
    });
    let cursor = query.all("cursor").next().map(str::to_owned);
    page(&visitor, session, cursor, StatusCode::OK, note).await
}

/// Takes back what one app, or all, were allowed.
pub(super) async fn end(visitor: Visitor, request: Request) -> Result<Response, Failure> {
    let Some(session) = &visitor.session else {
        return Ok(visitor.to_login(paths::USER_APPS));
    };
    let fields = fields(request).await?;
    let drive = visitor.drive();
    if !pantry_core::Drive::is_form_token(&visitor.csrf(), field(&fields, "csrf")) {
        let note = Some(AppsNote::FormExpired);
        return page(&visitor, session, None, StatusCode::FORBIDDEN, note).await;
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
