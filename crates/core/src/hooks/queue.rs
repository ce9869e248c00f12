//! The queue of deliveries: making them of what was noted, claiming one to send it, and writing how that ended.
//! Must not send.
//!
//! Every step holds the row of the app's webhook, so that steps of one app come one after the other in whichever process,
//! and those of two apps side by side.

use pantry_db::{
    Outcome, Tx, app_states, apps, audit,
    deliveries::{self, Claimed, DeliveryState, Ended, Named, NewDelivery},
    grants,
    hooks::{self, Hook},
};
use pantry_types::{Random, SecretText, random};

use super::{Body, BodyUser, Message, Sent, Target, backoff::Next, sign};
use crate::{Actor, Drive, Error, Reach, auth::seal, changes::Cursor};

/// People of one delivery, at most.
const PEOPLE: i64 = 500;
/// Deliveries of one app that are not delivered, at most: what fails for some people does not hold up the others, and what
/// fails for all does not pile up.
pub(super) const OPEN: i64 = 8;
/// Deliveries of one app that are being sent at once, by all processes together.
const UNDER_WAY: i64 = 2;
/// Seconds that a claim outlasts the longest attempt.
const CLAIM: i64 = 45;
/// Apps looked at in one round.
pub(super) const APPS: i64 = 200;
/// Deliveries that are kept of each app, delivered ones and dead ones each.
const KEPT: i64 = 200;
/// Rows of one transaction of the janitor.
const ROWS: i64 = 200;
const DAY: i64 = 86_400;
const LETTERS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new name of a delivery, `msg_` and 24 letters.
pub(crate) fn new_message_name(random: &dyn Random) -> String {
    format!("msg_{}", random::choose(random, LETTERS, 24))
}

/// What is to be sent, and as what.
pub(super) struct Outgoing {
    pub(super) client_id: String,
    pub(super) id: i64,
    pub(super) claim: i64,
    pub(super) attempt: i64,
    pub(super) is_test: bool,
    /// None if the address is not one any more that may be sent to.
    pub(super) message: Option<Message>,
}

/// The webhook of an app that may act, held; what waits of one that may not is forgotten.
async fn held(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<Hook>, Error> {
    let Some(hook) = hooks::lock(tx, client_id).await? else {
        return Ok(None);
    };
    if !hook.is_on || apps::get(tx, client_id).await?.is_none() {
        hooks::forget_open(tx, client_id).await?;
        return Ok(None);
    }
    Ok(Some(hook))
}

struct Make {
    client_id: String,
    message: String,
    interval: i64,
    now: i64,
}

async fn make_tx(tx: &mut Tx<'_>, a: &Make) -> Outcome<bool, Error> {
    make_rows(tx, a).await.into()
}

async fn make_rows(tx: &mut Tx<'_>, a: &Make) -> Result<bool, Error> {
    if held(tx, &a.client_id).await?.is_none() || !hooks::take_turn(tx, &a.client_id, a.now, a.now + a.interval).await?
    {
        return Ok(false);
    }
    let id = hooks::next_number(tx, &a.client_id).await?;
    let people = hooks::move_due(tx, &a.client_id, id, PEOPLE).await?;
    if people == 0 {
        return Ok(false);
    }
    let new = NewDelivery {
        id,
        message: &a.message,
        client_id: &a.client_id,
        is_test: false,
        people: i64::try_from(people).unwrap_or(i64::MAX),
        now: a.now,
    };
    deliveries::insert(tx, &new).await?;
    if new.people == PEOPLE {
        // There may be more, who have waited as long.
        hooks::set_turn(tx, &a.client_id, a.now).await?;
    }
    Ok(true)
}

struct Claim {
    client_id: String,
    now: i64,
    until: i64,
}

/// What a claim finds.
enum Found {
    /// Nothing that may be sent now.
    Nothing,
    /// Nobody is left whom the delivery could name; it is gone, and there may be another.
    Nobody,
    /// One to be sent.
    One(Box<(Claimed, Hook, Vec<BodyUser>)>),
}

async fn claim_tx(tx: &mut Tx<'_>, a: &Claim) -> Outcome<Found, Error> {
    claim_rows(tx, a).await.into()
}

async fn claim_rows(tx: &mut Tx<'_>, a: &Claim) -> Result<Found, Error> {
    let Some(hook) = held(tx, &a.client_id).await? else {
        return Ok(Found::Nothing);
    };
    if deliveries::under_way(tx, &a.client_id, a.now).await? >= UNDER_WAY {
        return Ok(Found::Nothing);
    }
    let Some(claimed) = deliveries::claim(tx, &a.client_id, a.now, a.until).await? else {
        return Ok(Found::Nothing);
    };
    let id = claimed.delivery.id;
    let mut users = Vec::new();
    for named in deliveries::named(tx, &a.client_id, id, a.now).await? {
        users.extend(told(tx, &a.client_id, &named, a.now).await?);
    }
    if users.is_empty() && !claimed.delivery.is_test {
        deliveries::drop_claimed(tx, &a.client_id, id).await?;
        return Ok(Found::Nobody);
    }
    Ok(Found::One(Box::new((claimed, hook, users))))
}

/// What an app is told of somebody now, if it may still hear it: what it could read when the change was noted it must be
/// able to read yet.
async fn told(tx: &mut Tx<'_>, client_id: &str, n: &Named, now: i64) -> Result<Option<BodyUser>, Error> {
    if app_states::is_suspended(n.epoch) {
        return Ok(None);
    }
    let scopes = if n.scopes == n.lasting {
        n.scopes
    } else {
        n.lasting
            .union(grants::scopes_of_terms(tx, n.user, n.grant, now).await?)
    };
    let app = Actor::app(n.user, client_id.to_owned(), n.grant, n.epoch, scopes);
    let may = match app.read() {
        Reach::None => false,
        Reach::Sandbox => !n.whole,
        Reach::All => true,
    };
    Ok(may.then(|| BodyUser {
        uid: n.user.0,
        cursor: cursor(&app, n),
    }))
}

/// The cursor of the change feed after the change that the app is told of, for the root that its tokens see.
fn cursor(app: &Actor, named: &Named) -> String {
    let root = match app.read() {
        Reach::All => named.root,
        Reach::Sandbox | Reach::None => named.sandbox,
    };
    Cursor::at(root, named.seq).to_string()
}

struct End {
    client_id: String,
    id: i64,
    claim: i64,
    next: Next,
    status: i64,
    error: String,
    now: i64,
}

async fn end_tx(tx: &mut Tx<'_>, a: &End) -> Outcome<(), Error> {
    end_rows(tx, a).await.into()
}

async fn end_rows(tx: &mut Tx<'_>, a: &End) -> Result<(), Error> {
    if hooks::lock(tx, &a.client_id).await?.is_none() {
        return Ok(());
    }
    let (state, next_at) = match a.next {
        Next::Done => (DeliveryState::Delivered, 0),
        Next::Again(seconds) => (DeliveryState::Waiting, a.now + seconds),
        Next::GiveUp | Next::Gone => (DeliveryState::Dead, 0),
    };
    let ended = Ended {
        client_id: &a.client_id,
        id: a.id,
        claim: a.claim,
        state,
        next_at,
        status: a.status,
        error: &a.error,
        now: a.now,
    };
    if !deliveries::end(tx, &ended).await? {
        return Ok(());
    }
    match a.next {
        Next::Done => deliveries::supersede(tx, &a.client_id, a.id).await?,
        Next::Gone => switch_off(tx, a).await?,
        Next::Again(_) | Next::GiveUp => {}
    }
    Ok(())
}

async fn switch_off(tx: &mut Tx<'_>, a: &End) -> Result<(), Error> {
    hooks::set_on(tx, &a.client_id, false, a.now).await?;
    deliveries::give_up(
        tx,
        &a.client_id,
        "the webhook was switched off: its address answered 410 Gone",
    )
    .await?;
    hooks::forget_open(tx, &a.client_id).await?;
    if let Some(app) = apps::record(tx, &a.client_id).await? {
        let entry = audit::Entry {
            at: a.now,
            user: app.app.owner,
            client_id: a.client_id.clone(),
            event: "webhook_switched_off".into(),
            address: String::new(),
            detail: "its address answered 410 Gone".into(),
        };
        audit::append(tx, &entry).await?;
    }
    Ok(())
}

async fn ready(tx: &mut Tx<'_>, now: &i64) -> Result<Vec<String>, Error> {
    Ok(hooks::ready(tx, *now, OPEN, APPS).await?)
}

async fn due(tx: &mut Tx<'_>, now: &i64) -> Result<Vec<String>, Error> {
    Ok(deliveries::due(tx, *now, UNDER_WAY, APPS).await?)
}

async fn with_hooks(tx: &mut Tx<'_>, after: &str) -> Result<Vec<String>, Error> {
    Ok(deliveries::apps(tx, after, ROWS).await?)
}

async fn sweep_tx(tx: &mut Tx<'_>, before: &i64) -> Outcome<usize, Error> {
    deliveries::sweep(tx, *before, ROWS).await.map_err(Error::from).into()
}

async fn thin_out_tx(tx: &mut Tx<'_>, client_id: &str) -> Outcome<u64, Error> {
    deliveries::thin_out(tx, client_id, KEPT)
        .await
        .map_err(Error::from)
        .into()
}

impl Drive {
    /// Makes the deliveries that may be made now, at most one an app, and says how many.
    pub(super) async fn make_deliveries(&self) -> Result<u64, Error> {
        let now = self.now();
        let mut made = 0;
        for client_id in self.db().read(now, |tx, now| Box::pin(ready(tx, now))).await? {
            let args = Make {
                client_id,
                message: new_message_name(&**self.random()),
                interval: self.settings().hooks.interval_seconds.max(1),
                now,
            };
            made += u64::from(self.db().write(args, |tx, a| Box::pin(make_tx(tx, a))).await?);
        }
        Ok(made)
    }

    /// Apps that have something to be sent now.
    pub(super) async fn hooks_due(&self) -> Result<Vec<String>, Error> {
        self.db().read(self.now(), |tx, now| Box::pin(due(tx, now))).await
    }

    /// Claims one delivery of an app.
    pub(super) async fn claim_delivery(&self, client_id: &str) -> Result<Option<Outgoing>, Error> {
        let now = self.now();
        let longest = i64::try_from(self.settings().hooks.timeout_seconds).unwrap_or(DAY);
        loop {
            let args = Claim {
                client_id: client_id.to_owned(),
                now,
                until: now + longest.min(DAY) + CLAIM,
            };
            match self.db().write(args, |tx, a| Box::pin(claim_tx(tx, a))).await? {
                Found::Nothing => return Ok(None),
                Found::Nobody => {}
                Found::One(found) => {
                    let (claimed, hook, users) = *found;
                    return self.outgoing(claimed, &hook, users, now).map(Some);
                }
            }
        }
    }

    fn outgoing(&self, claimed: Claimed, hook: &Hook, users: Vec<BodyUser>, now: i64) -> Result<Outgoing, Error> {
        let delivery = claimed.delivery;
        let body = Body {
            delivery: &delivery.message,
            client_id: &delivery.client_id,
            test: delivery.is_test,
            users,
        };
        let body = serde_json::to_vec(&body).map_err(|e| Error::Internal(e.to_string()))?;
        let mut secrets: Vec<SecretText> = vec![seal::open_secret(self.keys(), &hook.secret)?];
        if hook.old_secret_until > now {
            secrets.push(seal::open_secret(self.keys(), &hook.old_secret)?);
        }
        let signature = sign::signatures(&secrets, &delivery.message, now, &body)?;
        // The operator may have changed the rules since it was set.
        let target = Target::parse(&hook.url, &self.hook_rules()?).ok();
        Ok(Outgoing {
            id: delivery.id,
            claim: claimed.claim,
            attempt: delivery.attempts,
            is_test: delivery.is_test,
            message: target.map(|target| Message {
                target,
                id: delivery.message,
                timestamp: now,
                signature,
                body,
            }),
            client_id: delivery.client_id,
        })
    }

    /// Writes how an attempt ended.
    pub(super) async fn end_attempt(&self, outgoing: &Outgoing, sent: Sent) -> Result<(), Error> {
        let schedule = super::Schedule::parse(&self.settings().hooks.retry_seconds)
            .map_err(|e| Error::Internal(format!("hooks.retry_seconds: {e}")))?;
        let next = schedule.after(outgoing.attempt, outgoing.is_test, &sent, &**self.random());
        let (status, error) = match (&sent, next) {
            (Ok(answer), Next::Done) => (answer.status, String::new()),
            (Ok(answer), _) => (answer.status, format!("it answered {}", answer.status)),
            (Err(unsent), _) => (0, unsent.to_string()),
        };
        tracing::debug!(app = %outgoing.client_id, delivery = outgoing.id, status, error, "a webhook was sent");
        let args = End {
            client_id: outgoing.client_id.clone(),
            id: outgoing.id,
            claim: outgoing.claim,
            next,
            status: i64::from(status),
            error,
            now: self.now(),
        };
        self.db().write(args, |tx, a| Box::pin(end_tx(tx, a))).await
    }

    /// Forgets old deliveries that are over. For the janitor.
    ///
    /// # Errors
    /// The row store's; what went before stays gone.
    pub async fn sweep_hooks(&self) -> Result<u64, Error> {
        let mut swept = 0;
        let before = self.now() - self.settings().hooks.keep_days.max(0).saturating_mul(DAY);
        loop {
            let n = self.db().write(before, |tx, b| Box::pin(sweep_tx(tx, b))).await?;
            swept += n as u64;
            if (n as i64) < ROWS {
                break;
            }
        }
        let mut after = String::new();
        loop {
            let page = self
                .db()
                .read(after.clone(), |tx, a| Box::pin(with_hooks(tx, a)))
                .await?;
            let Some(last) = page.last() else { return Ok(swept) };
            after.clone_from(last);
            for client_id in page {
                swept += self.db().write(client_id, |tx, c| Box::pin(thin_out_tx(tx, c))).await?;
            }
        }
    }
}
