//! What a person allowed apps, for that person: looking at it and taking it back.
//! Must not know how a grant ends; [`crate::auth`] does.

use pantry_db::{
    Tx, given,
    given::{Given, Size},
};
use pantry_types::{GrantId, Scopes, UserId};

use super::{ConsoleError, Page, Paging};
use crate::{
    Drive, Error, access,
    actor::Actor,
    auth::{Origin, SessionActor},
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
    let mut found = Vec::with_capacity(given.len());
    for g in given {
        found.push(describe(tx, a, g, counted).await?);
    }
    Ok(found)
}

async fn describe(tx: &mut Tx<'_>, a: &List, g: Given, counted: usize) -> Result<GrantInfo, ConsoleError> {
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

    /// Takes one back.
    ///
    /// # Errors
    /// [`Error::NotFound`]: another person's too.
    pub async fn end_grant(&self, session: &SessionActor, id: GrantId, origin: &Origin) -> Result<(), ConsoleError> {
        let grant = self.grant(session, id).await?;
        Ok(self.revoke_grant(session, &grant.client_id, origin).await?)
    }

    /// Takes all of them back, and says how many.
    ///
    /// # Errors
    /// The row store's; what was taken back stays so.
    pub async fn end_all_grants(&self, session: &SessionActor, origin: &Origin) -> Result<usize, ConsoleError> {
        let mut sum = 0;
        loop {
            let page = self.grants(session, &Paging::default()).await?;
            if page.items.is_empty() {
                return Ok(sum);
            }
            for grant in page.items {
                match self.revoke_grant(session, &grant.client_id, origin).await {
                    // Somebody was quicker.
                    Ok(()) | Err(Error::NotFound(_)) => sum += 1,
                    Err(e) => return Err(e.into()),
                }
            }
        }
    }
}
