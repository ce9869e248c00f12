//! Requests for more scopes: a developer asks and says why, an administrator decides.
//! Must not know what a scope allows.

use pantry_db::{
    Outcome, Tx, apps, scope_requests,
    scope_requests::{Decision, RequestState, ScopeRequest},
};
use pantry_types::{Scope, Scopes, UserId};

use super::{Act, Admin, ConsoleError, Page, Paging, apps::owned, text};
use crate::{
    Drive, Error,
    auth::{Origin, SessionActor, apps::may_ask},
};

const MAX_REASON: usize = 2000;
const MAX_NOTE: usize = 2000;

/// An administrator's decision.
#[derive(Debug, Clone, Default)]
pub struct Review {
    /// What is granted of what was asked for; nothing refuses it.
    pub granted: Scopes,
    /// A note for the developer, at most 2,000 characters.
    pub note: String,
}

struct Ask {
    owner: UserId,
    client_id: String,
    scopes: Scopes,
    reason: String,
    act: Act,
}

async fn ask_tx(tx: &mut Tx<'_>, a: &Ask) -> Outcome<ScopeRequest, ConsoleError> {
    ask_rows(tx, a).await.into()
}

async fn ask_rows(tx: &mut Tx<'_>, a: &Ask) -> Result<ScopeRequest, ConsoleError> {
    let app = owned(tx, a.owner, &a.client_id).await?;
    let has = a.scopes.intersect(may_ask(&app.app));
    if !has.is_empty() {
        return Err(Error::invalid("scopes", format!("the app may ask for {has} already; leave it out")).into());
    }
    let id = scope_requests::insert(tx, &a.client_id, a.scopes, &a.reason, a.act.at)
        .await?
        .ok_or(ConsoleError::RequestOpen)?;
    a.act.note(tx, a.owner, &a.client_id, &a.scopes.to_string()).await?;
    Ok(get(tx, id).await?)
}

async fn get(tx: &mut Tx<'_>, id: i64) -> Result<ScopeRequest, Error> {
    scope_requests::get(tx, id)
        .await?
        .ok_or(Error::NotFound("request for scopes"))
}

struct Close {
    /// The developer, who may only withdraw; none for an administrator.
    owner: Option<(UserId, String)>,
    id: i64,
    decision: Decision,
    act: Act,
}

async fn close_tx(tx: &mut Tx<'_>, a: &Close) -> Outcome<ScopeRequest, ConsoleError> {
    close_rows(tx, a).await.into()
}

async fn close_rows(tx: &mut Tx<'_>, a: &Close) -> Result<ScopeRequest, ConsoleError> {
    let request = get(tx, a.id).await?;
    if let Some((owner, client_id)) = &a.owner
        && (request.owner != *owner || request.client_id != *client_id)
    {
        return Err(Error::NotFound("request for scopes").into());
    }
    // The app's row first, as everywhere; who closes the request is the one whose decision holds.
    if !apps::lock(tx, &request.client_id).await? {
        return Err(Error::NotFound("app").into());
    }
    let beyond = a.decision.granted.difference(request.scopes);
    if !beyond.is_empty() {
        return Err(Error::invalid("scopes", format!("{beyond} was not asked for; grant only what was")).into());
    }
    if !scope_requests::close(tx, a.id, &a.decision, a.act.at).await? {
        return Err(ConsoleError::Decided);
    }
    if !a.decision.granted.is_empty() {
        let app = apps::record(tx, &request.client_id)
            .await?
            .ok_or(Error::NotFound("app"))?;
        apps::set_scopes(tx, &request.client_id, app.app.scopes.union(a.decision.granted)).await?;
    }
    let detail = match a.decision.state {
        RequestState::Granted => format!("granted {} of {}", a.decision.granted, request.scopes),
        RequestState::Refused => format!("refused {}", request.scopes),
        RequestState::Withdrawn | RequestState::Open => request.scopes.to_string(),
    };
    a.act.note(tx, request.owner, &request.client_id, &detail).await?;
    Ok(get(tx, a.id).await?)
}

struct OfApp {
    owner: UserId,
    client_id: String,
    before: i64,
    limit: i64,
}

async fn of_app(tx: &mut Tx<'_>, a: &OfApp) -> Result<Vec<ScopeRequest>, ConsoleError> {
    apps::record(tx, &a.client_id)
        .await?
        .filter(|r| r.app.owner == a.owner)
        .ok_or(Error::NotFound("app"))?;
    Ok(scope_requests::of_app(tx, &a.client_id, a.before, a.limit).await?)
}

async fn all(tx: &mut Tx<'_>, (open, from, limit): &(bool, i64, i64)) -> Result<Vec<ScopeRequest>, ConsoleError> {
    Ok(if *open {
        scope_requests::open(tx, *from, *limit).await?
    } else {
        scope_requests::closed(tx, *from, *limit).await?
    })
}

impl Drive {
    /// Asks for more scopes for one's own app.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] (nothing that needs a review, or no reason), [`ConsoleError::RequestOpen`].
    pub async fn request_scopes(
        &self,
        session: &SessionActor,
        client_id: &str,
        scopes: Scopes,
        reason: &str,
        origin: &Origin,
    ) -> Result<ScopeRequest, ConsoleError> {
        let reviewed: Scopes = scopes.iter().filter(|s| Scope::needs_review(*s)).collect();
        if scopes.is_empty() || reviewed != scopes {
            let free = scopes.difference(reviewed);
            let problem = if scopes.is_empty() {
                "name at least one scope".to_owned()
            } else {
                format!("{free} needs no review; leave it out")
            };
            return Err(Error::invalid("scopes", problem).into());
        }
        let reason = text("reason", reason, MAX_REASON)?;
        if reason.is_empty() {
            return Err(Error::invalid("reason", "is missing; say what the app needs this for").into());
        }
        let args = Ask {
            owner: session.user,
            client_id: client_id.to_owned(),
            scopes,
            reason,
            act: Act::own(self, "scopes_requested", origin),
        };
        self.0.db.write(args, |tx, a| Box::pin(ask_tx(tx, a))).await
    }

    /// Takes a request of one's own app back.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`ConsoleError::Decided`].
    pub async fn withdraw_request(
        &self,
        session: &SessionActor,
        client_id: &str,
        id: i64,
        origin: &Origin,
    ) -> Result<ScopeRequest, ConsoleError> {
        let args = Close {
            owner: Some((session.user, client_id.to_owned())),
            id,
            decision: Decision {
                state: RequestState::Withdrawn,
                granted: Scopes::EMPTY,
                note: String::new(),
                by: session.user,
            },
            act: Act::own(self, "scope_request_withdrawn", origin),
        };
        self.0.db.write(args, |tx, a| Box::pin(close_tx(tx, a))).await
    }

    /// The requests of one's own app, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] (cursor).
    pub async fn app_requests(
        &self,
        session: &SessionActor,
        client_id: &str,
        paging: &Paging,
    ) -> Result<Page<ScopeRequest>, ConsoleError> {
        let args = OfApp {
            owner: session.user,
            client_id: client_id.to_owned(),
            before: paging.number(i64::MAX)?,
            limit: paging.fetch(),
        };
        let found = self.0.db.read(args, |tx, a| Box::pin(of_app(tx, a))).await?;
        Ok(Page::of(found, paging.limit(), |r| r.id.to_string()))
    }

    /// Requests of all apps: the open ones, oldest first, or the others, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] (cursor).
    pub async fn scope_requests(
        &self,
        _: &Admin,
        open: bool,
        paging: &Paging,
    ) -> Result<Page<ScopeRequest>, ConsoleError> {
        let first = if open { 0 } else { i64::MAX };
        let args = (open, paging.number(first)?, paging.fetch());
        let found = self.0.db.read(args, |tx, a| Box::pin(all(tx, a))).await?;
        Ok(Page::of(found, paging.limit(), |r| r.id.to_string()))
    }

    /// One request, of any app.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn scope_request(&self, _: &Admin, id: i64) -> Result<ScopeRequest, ConsoleError> {
        Ok(self.0.db.read(id, |tx, id| Box::pin(get(tx, *id))).await?)
    }

    /// Decides a request. What is granted may be asked for from now on; people still consent to it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] (a scope that was not asked for), [`ConsoleError::Decided`].
    pub async fn review(&self, admin: &Admin, id: i64, review: Review) -> Result<ScopeRequest, ConsoleError> {
        let state = if review.granted.is_empty() {
            RequestState::Refused
        } else {
            RequestState::Granted
        };
        let args = Close {
            owner: None,
            id,
            decision: Decision {
                state,
                granted: review.granted,
                note: text("note", &review.note, MAX_NOTE)?,
                by: admin.user,
            },
            act: Act::of(self, "scopes_reviewed", admin),
        };
        self.0.db.write(args, |tx, a| Box::pin(close_tx(tx, a))).await
    }
}
