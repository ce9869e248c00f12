//! A developer's webhook of an own app: setting it, its secret, what was delivered and what was not.
//! Must not send; [`crate::hooks`] does.

use pantry_db::{
    Outcome, Tx, apps,
    deliveries::{self, Delivery, DeliveryState, NewDelivery},
    hooks::{self, Hook},
};
use pantry_types::{SecretText, UserId};

use super::{Act, Admin, ConsoleError, Page, Paging, apps::MAX_KEEP, apps::owned};
use crate::{
    Drive, Error,
    auth::{Origin, SessionActor, seal, throttle::Limit},
    hooks::{Target, new_message_name, sign},
};

/// Deliveries of one app that may be asked for in a minute: tests, and repetitions.
const ASKED_PER_MINUTE: i64 = 10;

/// A webhook as its developer or an administrator sees it.
#[derive(Debug, Clone)]
pub struct HookInfo {
    /// The row.
    pub hook: Hook,
    /// Until when the secret before the present one signs too; 0 if it does not.
    pub old_secret_until: i64,
    /// Deliveries that wait or are under way.
    pub open: i64,
    /// Deliveries that were given up.
    pub dead: i64,
}

/// A webhook that was set.
#[derive(Debug, Clone)]
pub struct HookSet {
    /// As it is now.
    pub hook: HookInfo,
    /// The secret that it was given, told this once; none if it had one.
    pub secret: Option<SecretText>,
}

fn no_hook() -> Error {
    Error::NotFound("webhook")
}

/// Whose app it must be; nobody's in particular for an administrator.
async fn allowed(tx: &mut Tx<'_>, owner: Option<UserId>, client_id: &str) -> Result<apps::Record, Error> {
    match owner {
        Some(owner) => owned(tx, owner, client_id).await,
        None => apps::record(tx, client_id).await?.ok_or(Error::NotFound("app")),
    }
}

async fn info(tx: &mut Tx<'_>, hook: Hook, now: i64) -> Result<HookInfo, Error> {
    let (open, dead) = deliveries::counts(tx, &hook.client_id).await?;
    Ok(HookInfo {
        old_secret_until: Some(hook.old_secret_until).filter(|until| *until > now).unwrap_or(0),
        open,
        dead,
        hook,
    })
}

struct Show {
    owner: Option<UserId>,
    client_id: String,
    now: i64,
}

async fn show(tx: &mut Tx<'_>, a: &Show) -> Result<Option<HookInfo>, ConsoleError> {
    look(tx, a.owner, &a.client_id).await?;
    match hooks::get(tx, &a.client_id).await? {
        Some(hook) => Ok(Some(info(tx, hook, a.now).await?)),
        None => Ok(None),
    }
}

/// The same as [`allowed`], for a read: nothing is held.
async fn look(tx: &mut Tx<'_>, owner: Option<UserId>, client_id: &str) -> Result<(), Error> {
    let app = apps::record(tx, client_id).await?.ok_or(Error::NotFound("app"))?;
    match owner {
        Some(owner) if app.app.owner != owner => Err(Error::NotFound("app")),
        _ => Ok(()),
    }
}

struct Set {
    owner: UserId,
    client_id: String,
    url: String,
    /// What is told of the address: the rest of it may hold a secret.
    host: String,
    sealed: Vec<u8>,
    act: Act,
}

async fn set_tx(tx: &mut Tx<'_>, a: &Set) -> Outcome<(HookInfo, bool), ConsoleError> {
    set_rows(tx, a).await.into()
}

async fn set_rows(tx: &mut Tx<'_>, a: &Set) -> Result<(HookInfo, bool), ConsoleError> {
    owned(tx, a.owner, &a.client_id).await?;
    let is_new = match hooks::lock(tx, &a.client_id).await? {
        None => hooks::insert(tx, &a.client_id, &a.url, &a.sealed, a.act.at).await?,
        Some(old) => {
            hooks::set_url(tx, &a.client_id, &a.url).await?;
            if !old.is_on {
                hooks::set_on(tx, &a.client_id, true, a.act.at).await?;
            }
            // What failed elsewhere does not wait as long as if it had failed here.
            deliveries::ask_all_again(tx, &a.client_id, a.act.at).await?;
            false
        }
    };
    a.act.note(tx, a.owner, &a.client_id, &a.host).await?;
    let hook = hooks::get(tx, &a.client_id).await?.ok_or_else(no_hook)?;
    Ok((info(tx, hook, a.act.at).await?, is_new))
}

struct Rotate {
    owner: UserId,
    client_id: String,
    /// Empty: no new one, only the end of the old one.
    sealed: Vec<u8>,
    until: i64,
    act: Act,
}

async fn rotate_tx(tx: &mut Tx<'_>, a: &Rotate) -> Outcome<HookInfo, ConsoleError> {
    rotate_rows(tx, a).await.into()
}

async fn rotate_rows(tx: &mut Tx<'_>, a: &Rotate) -> Result<HookInfo, ConsoleError> {
    owned(tx, a.owner, &a.client_id).await?;
    hooks::lock(tx, &a.client_id).await?.ok_or_else(no_hook)?;
    let detail = if a.sealed.is_empty() {
        if !hooks::end_old_secret(tx, &a.client_id, a.act.at).await? {
            return Err(Error::NotFound("old secret").into());
        }
        String::new()
    } else {
        hooks::set_secret(tx, &a.client_id, &a.sealed, a.act.at, a.until).await?;
        format!("old secret until {}", a.until)
    };
    a.act.note(tx, a.owner, &a.client_id, &detail).await?;
    let hook = hooks::get(tx, &a.client_id).await?.ok_or_else(no_hook)?;
    Ok(info(tx, hook, a.act.at).await?)
}

struct Remove {
    owner: Option<UserId>,
    client_id: String,
    act: Act,
}

async fn remove_tx(tx: &mut Tx<'_>, a: &Remove) -> Outcome<(), ConsoleError> {
    remove_rows(tx, a).await.into()
}

async fn remove_rows(tx: &mut Tx<'_>, a: &Remove) -> Result<(), ConsoleError> {
    let app = allowed(tx, a.owner, &a.client_id).await?;
    hooks::lock(tx, &a.client_id).await?.ok_or_else(no_hook)?;
    hooks::remove(tx, &a.client_id).await?;
    a.act.note(tx, app.app.owner, &a.client_id, "").await?;
    Ok(())
}

/// What is done to one delivery.
enum What {
    /// Makes one, a test, of this name.
    Test(String),
    /// Sends it again.
    Again(i64),
    /// Removes it.
    Discard(i64),
}

struct One {
    owner: UserId,
    client_id: String,
    what: What,
    now: i64,
}

async fn one_tx(tx: &mut Tx<'_>, a: &One) -> Outcome<Option<Delivery>, ConsoleError> {
    one_rows(tx, a).await.into()
}

async fn one_rows(tx: &mut Tx<'_>, a: &One) -> Result<Option<Delivery>, ConsoleError> {
    owned(tx, a.owner, &a.client_id).await?;
    let hook = hooks::lock(tx, &a.client_id).await?.ok_or_else(no_hook)?;
    if !hook.is_on && !matches!(a.what, What::Discard(_)) {
        return Err(Error::Forbidden(
            "the webhook is off, since its address said that it is gone; set the address to switch it on".into(),
        )
        .into());
    }
    let id = match &a.what {
        What::Test(message) => {
            let id = hooks::next_number(tx, &a.client_id).await?;
            let new = NewDelivery {
                id,
                message,
                client_id: &a.client_id,
                is_test: true,
                people: 0,
                now: a.now,
            };
            deliveries::insert(tx, &new).await?;
            id
        }
        What::Again(id) => {
            if !deliveries::ask_again(tx, &a.client_id, *id, a.now).await? {
                return Err(not_open(tx, a, *id, "is delivered, or under way just now").await?);
            }
            *id
        }
        What::Discard(id) => {
            if !deliveries::remove(tx, &a.client_id, *id, a.now).await? {
                return Err(not_open(tx, a, *id, "is under way just now; try again in a minute").await?);
            }
            return Ok(None);
        }
    };
    Ok(deliveries::get(tx, &a.client_id, id).await?)
}

/// Why a delivery was not touched: it is not there, or this.
async fn not_open(tx: &mut Tx<'_>, a: &One, id: i64, why: &str) -> Result<ConsoleError, ConsoleError> {
    Ok(match deliveries::get(tx, &a.client_id, id).await? {
        Some(_) => ConsoleError::DeliveryBusy(why.to_owned()),
        None => Error::NotFound("delivery").into(),
    })
}

struct List {
    owner: Option<UserId>,
    client_id: String,
    state: Option<DeliveryState>,
    before: i64,
    limit: i64,
}

async fn list(tx: &mut Tx<'_>, a: &List) -> Result<Vec<Delivery>, ConsoleError> {
    look(tx, a.owner, &a.client_id).await?;
    Ok(deliveries::page(tx, &a.client_id, a.state, a.before, a.limit).await?)
}

impl Drive {
    /// The webhook of an own app, none if it has none.
    ///
    /// # Errors
    /// [`Error::NotFound`]: another's app too.
    pub async fn webhook(&self, session: &SessionActor, client_id: &str) -> Result<Option<HookInfo>, ConsoleError> {
        self.show_webhook(Some(session.user), client_id).await
    }

    /// The webhook of any app.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn any_webhook(&self, _: &Admin, client_id: &str) -> Result<Option<HookInfo>, ConsoleError> {
        self.show_webhook(None, client_id).await
    }

    async fn show_webhook(&self, owner: Option<UserId>, client_id: &str) -> Result<Option<HookInfo>, ConsoleError> {
        let args = Show {
            owner,
            client_id: client_id.to_owned(),
            now: self.now(),
        };
        self.0.db.read(args, |tx, a| Box::pin(show(tx, a))).await
    }

    /// Sets where an own app is told of changes. The first time it gets a secret. One that was switched off is on again,
    /// and what waits is sent soon.
    ///
    /// # Errors
    /// [`ConsoleError::PasswordNeeded`], [`Error::NotFound`], [`Error::Invalid`] (the address).
    pub async fn set_webhook(
        &self,
        session: &SessionActor,
        client_id: &str,
        url: &str,
        origin: &Origin,
    ) -> Result<HookSet, ConsoleError> {
        self.fresh(session)?;
        let target = Target::parse(url.trim(), &self.hook_rules()?)?;
        let (secret, sealed) = self.new_hook_secret().await?;
        let args = Set {
            owner: session.user,
            client_id: client_id.to_owned(),
            url: target.as_str().to_owned(),
            host: target.host().to_string(),
            sealed,
            act: Act::own(self, "webhook_set", origin),
        };
        let (hook, is_new) = self.0.db.write(args, |tx, a| Box::pin(set_tx(tx, a))).await?;
        Ok(HookSet {
            hook,
            secret: is_new.then_some(secret),
        })
    }

    /// Gives a webhook a new secret. The one that it had signs too for `keep_seconds` more, at most 30 days.
    ///
    /// # Errors
    /// [`ConsoleError::PasswordNeeded`], [`Error::NotFound`], [`Error::Invalid`].
    pub async fn rotate_webhook_secret(
        &self,
        session: &SessionActor,
        client_id: &str,
        keep_seconds: i64,
        origin: &Origin,
    ) -> Result<HookSet, ConsoleError> {
        self.fresh(session)?;
        if !(0..=MAX_KEEP).contains(&keep_seconds) {
            return Err(Error::invalid(
                "keep_old_seconds",
                format!("{keep_seconds} is not from 0 to {MAX_KEEP} (30 days)"),
            )
            .into());
        }
        let (secret, sealed) = self.new_hook_secret().await?;
        let act = Act::own(self, "webhook_secret_rotated", origin);
        let args = Rotate {
            owner: session.user,
            client_id: client_id.to_owned(),
            sealed,
            until: act.at + keep_seconds,
            act,
        };
        let hook = self.0.db.write(args, |tx, a| Box::pin(rotate_tx(tx, a))).await?;
        Ok(HookSet {
            hook,
            secret: Some(secret),
        })
    }

    /// Ends the secret before the present one.
    ///
    /// # Errors
    /// [`Error::NotFound`]: none signed any more, or another's app.
    pub async fn end_old_webhook_secret(
        &self,
        session: &SessionActor,
        client_id: &str,
        origin: &Origin,
    ) -> Result<HookInfo, ConsoleError> {
        let args = Rotate {
            owner: session.user,
            client_id: client_id.to_owned(),
            sealed: Vec::new(),
            until: 0,
            act: Act::own(self, "webhook_old_secret_ended", origin),
        };
        self.0.db.write(args, |tx, a| Box::pin(rotate_tx(tx, a))).await
    }

    /// Removes the webhook of an own app, with all that waits.
    ///
    /// # Errors
    /// [`Error::NotFound`]: there is none, or another's app.
    pub async fn remove_webhook(
        &self,
        session: &SessionActor,
        client_id: &str,
        origin: &Origin,
    ) -> Result<(), ConsoleError> {
        let act = Act::own(self, "webhook_removed", origin);
        self.remove_hook(Some(session.user), client_id, act).await
    }

    /// The same with any app's.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_any_webhook(&self, admin: &Admin, client_id: &str) -> Result<(), ConsoleError> {
        let act = Act::of(self, "webhook_removed", admin);
        self.remove_hook(None, client_id, act).await
    }

    async fn remove_hook(&self, owner: Option<UserId>, client_id: &str, act: Act) -> Result<(), ConsoleError> {
        let args = Remove {
            owner,
            client_id: client_id.to_owned(),
            act,
        };
        self.0.db.write(args, |tx, a| Box::pin(remove_tx(tx, a))).await
    }

    /// Has a test sent, which names nobody. How it went is seen in the list.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Forbidden`] (it is off), [`Error::TooMany`].
    pub async fn test_webhook(&self, session: &SessionActor, client_id: &str) -> Result<Delivery, ConsoleError> {
        let name = new_message_name(&*self.0.random);
        self.asked_delivery(session, client_id, What::Test(name)).await
    }

    /// Has a delivery that waits or was given up sent now, as if it were new.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`ConsoleError::DeliveryBusy`], [`Error::Forbidden`] (it is off), [`Error::TooMany`].
    pub async fn redeliver(&self, session: &SessionActor, client_id: &str, id: i64) -> Result<Delivery, ConsoleError> {
        self.asked_delivery(session, client_id, What::Again(id)).await
    }

    async fn asked_delivery(
        &self,
        session: &SessionActor,
        client_id: &str,
        what: What,
    ) -> Result<Delivery, ConsoleError> {
        // Only what is the caller's own is counted.
        self.webhook(session, client_id).await?.ok_or_else(no_hook)?;
        let limit = Limit {
            key: format!("webhook {client_id}"),
            max: ASKED_PER_MINUTE,
            window: 60,
        };
        self.attempt(&[limit]).await?;
        let done = self.on_delivery(session, client_id, what).await?;
        Ok(done.ok_or(Error::NotFound("delivery"))?)
    }

    /// Removes a delivery that is not under way from the list; one that waits is never sent.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`ConsoleError::DeliveryBusy`].
    pub async fn discard_delivery(&self, session: &SessionActor, client_id: &str, id: i64) -> Result<(), ConsoleError> {
        self.on_delivery(session, client_id, What::Discard(id)).await.map(drop)
    }

    async fn on_delivery(
        &self,
        session: &SessionActor,
        client_id: &str,
        what: What,
    ) -> Result<Option<Delivery>, ConsoleError> {
        let args = One {
            owner: session.user,
            client_id: client_id.to_owned(),
            what,
            now: self.now(),
        };
        self.0.db.write(args, |tx, a| Box::pin(one_tx(tx, a))).await
    }

    /// Deliveries of an own app's webhook, the latest first: all, or those in one state.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] (cursor).
    pub async fn webhook_deliveries(
        &self,
        session: &SessionActor,
        client_id: &str,
        state: Option<DeliveryState>,
        paging: &Paging,
    ) -> Result<Page<Delivery>, ConsoleError> {
        self.deliveries(Some(session.user), client_id, state, paging).await
    }

    /// The same of any app.
    ///
    /// # Errors
    /// As [`Drive::webhook_deliveries`].
    pub async fn any_webhook_deliveries(
        &self,
        _: &Admin,
        client_id: &str,
        state: Option<DeliveryState>,
        paging: &Paging,
    ) -> Result<Page<Delivery>, ConsoleError> {
        self.deliveries(None, client_id, state, paging).await
    }

    async fn deliveries(
        &self,
        owner: Option<UserId>,
        client_id: &str,
        state: Option<DeliveryState>,
        paging: &Paging,
    ) -> Result<Page<Delivery>, ConsoleError> {
        let args = List {
            owner,
            client_id: client_id.to_owned(),
            state,
            before: paging.number(i64::MAX)?,
            limit: paging.fetch(),
        };
        let found = self.0.db.read(args, |tx, a| Box::pin(list(tx, a))).await?;
        Ok(Page::of(found, paging.limit(), |d| d.id.to_string()))
    }

    /// A new secret, and the same sealed.
    async fn new_hook_secret(&self) -> Result<(SecretText, Vec<u8>), Error> {
        let random = &*self.0.random;
        let secret = sign::new_secret(random);
        let sealed = seal::seal_secret(&self.sealing_key().await?, &secret, random)?;
        Ok((secret, sealed))
    }
}
