//! What a person allowed apps, for that person: looking at it and taking it back.
//! Must not know how a grant ends; [`crate::auth`] does.

use std::collections::HashMap;

use pantry_db::{
    Tx, given,
    given::{Given, Size},
    shares,
};
use pantry_types::{GrantId, Scopes, ShareId, UserId};

use super::{ConsoleError, Page, Paging};
use crate::{
    Drive, Error, access,
    actor::Actor,
    auth::{Origin, SessionActor},
    shares::Listed,
};

/// How many nodes of a folder are counted where many folders are shown, and where one is.
const COUNTED_OF_MANY: usize = 2_000;
const COUNTED_OF_ONE: usize = 100_000;

/// What one app was allowed. Times in Unix seconds.
#[derive(Debug, Clone)]
pub struct GrantInfo {
    /// Id.
    pub id: GrantId,
    /// The app.
    pub client_id: String,
    /// Its name, as it is now.
    pub app_name: String,
    /// Login name of its owner.
    pub owner_name: String,
    /// Address of its home page.
    pub home_page: String,
    /// Names its picture.
    pub icon: String,
    /// An administrator suspended the app: it gets nothing until it may act again.
    pub suspended: bool,
    /// What was consented to.
    pub scopes: Scopes,
    /// Full path of its folder, none while there is none.
    pub sandbox: Option<String>,
    /// How much lies in it.
    pub size: Size,
    /// When it was first given.
    pub created_at: i64,
    /// Last use, within minutes.
    pub last_used_at: i64,
    /// From which address, empty before the first use.
    pub last_address: String,
    /// When it ends by itself, 0 for never.
    pub expires_at: i64,
    /// When the person last signed in to the app by password, 0 for never: the app has the whole drive then.
    pub weipan_at: i64,
    /// Shares that it made and that serve. They stay when its access ends, unless they are ended with it.
    pub shares: i64,
}

/// What taking access back did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TakenBack {
    /// Grants that ended.
    pub grants: u64,
    /// Shares that were ended with them.
    pub shares: u64,
}

struct List {
    user: UserId,
    after: GrantId,
    /// This one alone.
    one: bool,
    now: i64,
    limit: i64,
}

async fn list(tx: &mut Tx<'_>, a: &List) -> Result<Vec<GrantInfo>, ConsoleError> {
    let (given, counted) = if a.one {
        let one = given::one(tx, a.user, a.after, a.now).await?;
        (one.into_iter().collect(), COUNTED_OF_ONE)
    } else {
        (given::page(tx, a.user, a.after, a.now, a.limit).await?, COUNTED_OF_MANY)
    };
    let shares: HashMap<String, i64> = shares::serving_by_app(tx, a.user, a.now).await?.into_iter().collect();
    let mut found = Vec::with_capacity(given.len());
    for g in given {
        let count = shares.get(&g.grant.client_id).copied().unwrap_or(0);
        found.push(describe(tx, a, g, counted, count).await?);
    }
    Ok(found)
}

async fn describe(tx: &mut Tx<'_>, a: &List, g: Given, counted: usize, shares: i64) -> Result<GrantInfo, ConsoleError> {
    let mut sandbox = None;
    let mut size = Size {
        complete: true,
        ..Size::default()
    };
    if g.grant.sandbox.0 != 0 {
        let person = Actor::person(a.user);
        let entry = access::enter(tx, &person, a.now).await?;
        // A folder in the bin is not the app's any more.
        if let Some(place) = entry.place(tx, g.grant.sandbox).await? {
            sandbox = Some(place.path());
            size = given::size(tx, a.user, g.grant.sandbox, counted).await?;
        }
    }
    Ok(GrantInfo {
        id: g.grant.id,
        client_id: g.grant.client_id,
        app_name: g.app_name,
        owner_name: g.owner_name,
        home_page: g.home_page,
        icon: g.icon,
        suspended: g.suspended,
        scopes: g.grant.scopes,
        sandbox,
        size,
        created_at: g.grant.created_at,
        last_used_at: g.grant.last_used_at,
        last_address: g.grant.last_address,
        expires_at: g.grant.expires_at,
        weipan_at: g.grant.weipan_at,
        shares,
    })
}

impl Drive {
    /// What the person allowed apps and did not take back, by id. Of a large folder only a part is counted.
    ///
    /// # Errors
    /// [`Error::Invalid`] (cursor).
    pub async fn grants(&self, session: &SessionActor, paging: &Paging) -> Result<Page<GrantInfo>, ConsoleError> {
        let args = List {
            user: session.user,
            after: GrantId(paging.number(0)?),
            one: false,
            now: self.now(),
            limit: paging.fetch(),
        };
        let found = self.0.db.read(args, |tx, a| Box::pin(list(tx, a))).await?;
        Ok(Page::of(found, paging.limit(), |g| g.id.to_string()))
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`]: another person's too.
    pub async fn grant(&self, session: &SessionActor, id: GrantId) -> Result<GrantInfo, ConsoleError> {
        let args = List {
            user: session.user,
            after: id,
            one: true,
            now: self.now(),
            limit: 1,
        };
        let found = self.0.db.read(args, |tx, a| Box::pin(list(tx, a))).await?;
        Ok(found.into_iter().next().ok_or(Error::NotFound("grant"))?)
    }

    /// The shares that the app of one of them made and that serve, latest first.
    ///
    /// # Errors
    /// [`Error::NotFound`]: another person's grant too; [`Error::Invalid`] (cursor).
    pub async fn grant_shares(
        &self,
        session: &SessionActor,
        id: GrantId,
        paging: &Paging,
    ) -> Result<Page<Listed>, ConsoleError> {
        let before = ShareId(paging.number(i64::MAX)?);
        let args = (session.user, id, before, paging.fetch(), self.now());
        let found = self
            .0
            .db
            .read(args, |tx, (user, id, before, limit, now)| {
                Box::pin(async move {
                    let one = given::one(tx, *user, *id, *now).await?;
                    let client_id = one.ok_or(Error::NotFound("grant"))?.grant.client_id;
                    let person = Actor::person(*user);
                    let entry = access::enter(tx, &person, *now).await?;
                    crate::shares::serving_of(tx, &entry, &client_id, *before, *limit).await
                })
            })
            .await?;
        Ok(Page::of(found, paging.limit(), |l| l.share.id.to_string()))
    }

    /// Takes one back, with the shares that the app made if that is wanted: without it they stay, they are the person's.
    ///
    /// # Errors
    /// [`Error::NotFound`]: another person's too.
    pub async fn end_grant(
        &self,
        session: &SessionActor,
        id: GrantId,
        with_shares: bool,
        origin: &Origin,
    ) -> Result<TakenBack, ConsoleError> {
        let clients = self.clients(session, Some(id)).await?;
        let client_id = clients.first().ok_or(Error::NotFound("grant"))?;
        Ok(self.take_back(session, client_id, with_shares, origin).await?)
    }

    /// The app of this grant, or some of those that the person allowed anything, without counting what they have.
    async fn clients(&self, session: &SessionActor, one: Option<GrantId>) -> Result<Vec<String>, Error> {
        let args = (session.user, one, Paging::default().limit(), self.now());
        self.0
            .db
            .read(args, |tx, (user, one, limit, now)| {
                Box::pin(async move {
                    let found = match one {
                        Some(id) => given::one(tx, *user, *id, *now).await?.into_iter().collect(),
                        None => given::page(tx, *user, GrantId(0), *now, *limit).await?,
                    };
                    Ok::<_, Error>(found.into_iter().map(|g| g.grant.client_id).collect())
                })
            })
            .await
    }

    /// Access ends first, so that nothing is shared any more; what was shared ends after it, also when whoever asked has gone.
    async fn take_back(
        &self,
        session: &SessionActor,
        client_id: &str,
        with_shares: bool,
        origin: &Origin,
    ) -> Result<TakenBack, Error> {
        self.revoke_grant(session, client_id, origin).await?;
        let shares = self.end_shares(session, client_id, with_shares, origin).await?;
        Ok(TakenBack { grants: 1, shares })
    }

    async fn end_shares(
        &self,
        session: &SessionActor,
        client_id: &str,
        with_shares: bool,
        origin: &Origin,
    ) -> Result<u64, Error> {
        if !with_shares {
            return Ok(0);
        }
        let (drive, user, client_id, origin) = (self.clone(), session.user, client_id.to_owned(), origin.clone());
        let ending = tokio::spawn(async move { drive.cancel_shares_of(user, &client_id, &origin).await });
        ending.await.map_err(|e| Error::Internal(e.to_string()))?
    }

    /// Takes all of them back, and says how many.
    ///
    /// # Errors
    /// The row store's; what was taken back stays so.
    pub async fn end_all_grants(
        &self,
        session: &SessionActor,
        with_shares: bool,
        origin: &Origin,
    ) -> Result<TakenBack, ConsoleError> {
        let mut sum = TakenBack::default();
        loop {
            let clients = self.clients(session, None).await?;
            if clients.is_empty() {
                return Ok(sum);
            }
            for client_id in clients {
                match self.take_back(session, &client_id, with_shares, origin).await {
                    Ok(done) => {
                        sum.grants += 1;
                        sum.shares += done.shares;
                    }
                    // Somebody was quicker.
                    Err(Error::NotFound(_)) => {
                        sum.grants += 1;
                        sum.shares += self.end_shares(session, &client_id, with_shares, origin).await?;
                    }
                    Err(e) => return Err(e.into()),
                }
            }
        }
    }
}
