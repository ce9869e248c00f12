//! Removing what is dead: codes, devices, tokens, sessions, counters, kept answers; and ending grants whose time is over.
//! Must not remove what a replay must still be known by.

use pantry_db::{
    DbError, Outcome, Tx, audit, codes, devices,
    grants::{self, Over},
    sessions, throttle, tokens, users,
};
use pantry_types::{GrantId, UserId};

use super::{
    Origin,
    grant::{Given, entry, take_back},
};
use crate::{Drive, Error};

/// Rows of one statement.
const BATCH: i64 = 500;
/// Seconds that a code is remembered after its death: a replay takes back what it led to.
const REPLAY: i64 = 86_400;
const DAY: i64 = 86_400;
/// Seconds after which a counter's window is surely over.
const WINDOWS: i64 = 3_600;

/// How many rows went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Codes.
    pub codes: u64,
    /// Device codes.
    pub devices: u64,
    /// Tokens.
    pub tokens: u64,
    /// Answers of refreshes that were kept for their grace.
    pub answers: u64,
    /// Sessions.
    pub sessions: u64,
    /// Counters of attempts.
    pub counters: u64,
    /// Grants that came to their end, or were not used for too long.
    pub grants: u64,
    /// Consents for a time that are over, beside others of their grant.
    pub terms: u64,
}

#[derive(Clone, Copy)]
enum What {
    Codes,
    Devices,
    Tokens,
    Answers,
    Sessions,
    Counters,
}

async fn sweep_tx(tx: &mut Tx<'_>, (what, before): &(What, i64)) -> Outcome<u64, Error> {
    let swept: Result<u64, DbError> = match what {
        What::Codes => codes::sweep(tx, *before, BATCH).await,
        What::Devices => devices::sweep(tx, *before, BATCH).await,
        What::Tokens => tokens::sweep(tx, *before, BATCH).await,
        What::Answers => tokens::sweep_answers(tx, *before, BATCH).await,
        What::Sessions => sessions::sweep(tx, *before, BATCH).await,
        What::Counters => throttle::sweep(tx, *before, BATCH).await,
    };
    swept.map_err(Error::from).into()
}

struct End {
    grant: Over,
    now: i64,
    idle_before: i64,
}

async fn over(tx: &mut Tx<'_>, (now, idle_before): &(i64, i64)) -> Result<Vec<Over>, Error> {
    let mut found = grants::ended(tx, *now, BATCH).await?;
    found.extend(grants::idle(tx, *idle_before, BATCH).await?);
    Ok(found)
}

async fn end_tx(tx: &mut Tx<'_>, a: &End) -> Outcome<bool, Error> {
    end_rows(tx, a).await.into()
}

async fn end_rows(tx: &mut Tx<'_>, a: &End) -> Result<bool, Error> {
    users::lock(tx, a.grant.user).await?;
    // Looked at again under the lock: it may have been used, or consented to anew.
    let Some(g) = grants::get(tx, a.grant.user, a.grant.id)
        .await?
        .filter(|g| g.revoked_at == 0)
    else {
        return Ok(false);
    };
    let why = if !g.is_live(a.now) {
        "its time was over"
    } else if g.last_used_at < a.idle_before {
        "it was not used for too long"
    } else {
        return Ok(false);
    };
    take_back(tx, Given::of(&g), a.now).await?;
    let mut entry = entry(a.now, g.user, &g.client_id, "grant_ended", &Origin::operator());
    entry.detail = why.to_owned();
    audit::append(tx, &entry).await?;
    Ok(true)
}

async fn terms_over(tx: &mut Tx<'_>, now: &i64) -> Result<Vec<(UserId, GrantId)>, Error> {
    Ok(grants::with_ended_terms(tx, *now, BATCH).await?)
}

async fn end_terms_tx(tx: &mut Tx<'_>, a: &(UserId, GrantId, i64)) -> Outcome<u64, Error> {
    end_terms_rows(tx, a).await.into()
}

async fn end_terms_rows(tx: &mut Tx<'_>, (user, grant, now): &(UserId, GrantId, i64)) -> Result<u64, Error> {
    users::lock(tx, *user).await?;
    Ok(grants::end_terms(tx, *user, *grant, *now).await?)
}

impl Drive {
    /// Removes what was dead at `now`, in batches of one transaction each. For the janitor.
    ///
    /// # Errors
    /// The row store's; what went before stays gone.
    pub async fn sweep_auth(&self, now: i64) -> Result<Swept, Error> {
        Ok(Swept {
            codes: self.sweep_one(What::Codes, now - REPLAY).await?,
            // A moment longer, so that a device hears that its code has expired.
            devices: self.sweep_one(What::Devices, now - 300).await?,
            tokens: self.sweep_one(What::Tokens, now).await?,
            answers: self
                .sweep_one(What::Answers, now - self.0.settings.oauth.refresh_grace_seconds)
                .await?,
            sessions: self.sweep_one(What::Sessions, now).await?,
            counters: self.sweep_one(What::Counters, now - WINDOWS).await?,
            grants: self.end_grants(now).await?,
            terms: self.end_terms(now).await?,
        })
    }

    /// Takes back the grants whose time is over, and those that nobody used for as long as the setting says.
    async fn end_grants(&self, now: i64) -> Result<u64, Error> {
        let days = self.0.settings.oauth.grant_idle_days;
        let idle_before = if days > 0 {
            now - days.saturating_mul(DAY)
        } else {
            i64::MIN
        };
        // What this process saw is newer than what it wrote down.
        self.flush_last_used().await?;
        let mut sum = 0;
        loop {
            let over = self
                .0
                .db
                .read((now, idle_before), |tx, a| Box::pin(over(tx, a)))
                .await?;
            let found = over.len();
            let mut ended = 0;
            for grant in over {
                let user = grant.user;
                let args = End {
                    grant,
                    now,
                    idle_before,
                };
                if self.0.db.write(args, |tx, a| Box::pin(end_tx(tx, a))).await? {
                    self.access_ended(Some(user));
                    ended += 1;
                }
            }
            sum += ended;
            if found < BATCH as usize || ended == 0 {
                return Ok(sum);
            }
        }
    }

    async fn end_terms(&self, now: i64) -> Result<u64, Error> {
        let mut sum = 0;
        loop {
            let over = self.0.db.read(now, |tx, now| Box::pin(terms_over(tx, now))).await?;
            let mut gone = 0;
            for (user, grant) in &over {
                let args = (*user, *grant, now);
                gone += self.0.db.write(args, |tx, a| Box::pin(end_terms_tx(tx, a))).await?;
            }
            sum += gone;
            if over.len() < BATCH as usize || gone == 0 {
                return Ok(sum);
            }
        }
    }

    async fn sweep_one(&self, what: What, before: i64) -> Result<u64, Error> {
        let mut sum = 0;
        loop {
            let n = self
                .0
                .db
                .write((what, before), |tx, a| Box::pin(sweep_tx(tx, a)))
                .await?;
            sum += n;
            if n < BATCH as u64 {
                return Ok(sum);
            }
        }
    }
}
