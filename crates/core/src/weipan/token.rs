//! Tokens of the weipan API: who calls with one, and how long it lives from its last use. Each stands under a grant,
//! by which the person takes them back.
//! Must not make one; [`super::login`] does.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use pantry_db::{Tx, weipan_tokens as rows};
use pantry_types::{GrantId, Scope, Scopes, UserId};
use quick_cache::sync::Cache;

use crate::{
    Actor, Drive, Error,
    auth::{
        Guess, Origin,
        ended::{FRESH_MS, Stamp},
        hash,
    },
    keys,
};

/// Tokens held in memory.
pub(super) const CACHED: usize = 16_384;
/// Seconds between two notes of a use, at most.
const NOTE_EVERY: i64 = 60;

pub(super) type Tokens = Cache<[u8; 32], Arc<Cached>>;

/// A token as it was read, and how it was used since.
pub(super) struct Cached {
    actor: WeipanActor,
    read_at_ms: i64,
    stamp: Stamp,
    ends_at: i64,
    used_at: AtomicI64,
    noted_at: AtomicI64,
}

/// A program that signed in with a person's password and an app's signature. Never a session, never an app's OAuth token.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WeipanActor {
    /// Whose drive.
    pub user: UserId,
    /// The app.
    pub client_id: Arc<str>,
    grant: GrantId,
    epoch: i64,
    scopes: Scopes,
    redirect_uris: Arc<[String]>,
}

impl WeipanActor {
    /// The caller as the drive's operations take it; its writes hold only while the change log's head is this.
    pub fn actor(&self, expected_head: Option<i64>) -> Actor {
        Actor::weipan(self.user, self.client_id.to_string())
            .with_links_of(self.grant, self.epoch)
            .expecting_head(expected_head)
    }

    /// The grant that the token stands under, and its epoch.
    pub(super) fn grant(&self) -> (GrantId, i64) {
        (self.grant, self.epoch)
    }

    /// Whether the app may share.
    pub fn may_share(&self) -> bool {
        self.scopes.contains(Scope::ShareCreate)
    }

    /// Addresses that the app registered.
    pub fn redirect_uris(&self) -> &[String] {
        &self.redirect_uris
    }
}

/// What a person's password hash was, without giving it away.
pub(super) fn mark(password_hash: &str) -> [u8; 8] {
    let full = hash(password_hash);
    let mut out = [0; 8];
    out.copy_from_slice(&full[..8]);
    out
}

fn is_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

async fn live(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Result<Option<rows::LiveToken>, Error> {
    Ok(rows::live(tx, hash).await?)
}

impl Drive {
    /// Who calls with this token. It counts as a use.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]: garbage, unknown, idle for too long, taken back, or ended with the password it was
    /// made by; [`Error::TooMany`] in its place after too many of them from one address.
    pub async fn weipan_authenticate(&self, token: &str, origin: &Origin) -> Result<WeipanActor, Error> {
        match self.weipan_caller(token, origin).await {
            Err(Error::Unauthorized) => Err(self.guessed(Guess::Token, origin).unwrap_or(Error::Unauthorized)),
            known => known,
        }
    }

    async fn weipan_caller(&self, token: &str, origin: &Origin) -> Result<WeipanActor, Error> {
        if !is_token(token) {
            return Err(Error::Unauthorized);
        }
        let key = hash(token);
        let trusted = self.may_trust_memory();
        let stamp = self.0.auth.ended.stamp();
        let now_ms = self.clock().now_ms();
        let now = now_ms.div_euclid(1000);
        let known = self.0.weipan.tokens.get(&key);
        let cached = match &known {
            Some(c)
                if trusted
                    && (0..FRESH_MS).contains(&(now_ms - c.read_at_ms))
                    && self.0.auth.ended.is_current(c.actor.user, c.stamp) =>
            {
                Arc::clone(c)
            }
            _ => {
                let read = self.read_token(key, known.as_deref(), now_ms, stamp).await?;
                self.note_use(read.actor.user, read.actor.grant, now, Some(origin));
                self.0.weipan.tokens.insert(key, Arc::clone(&read));
                read
            }
        };
        let idle = self.settings().weipan.token_idle_seconds;
        let is_over = cached.ends_at > 0 && now >= cached.ends_at;
        if is_over || now - cached.used_at.load(Ordering::Acquire) >= idle {
            return Err(Error::Unauthorized);
        }
        cached.used_at.fetch_max(now, Ordering::AcqRel);
        let every = NOTE_EVERY.min(idle / 4).max(1);
        let noted = cached.noted_at.load(Ordering::Acquire);
        let due = now - noted >= every
            && cached
                .noted_at
                .compare_exchange(noted, now, Ordering::AcqRel, Ordering::Acquire)
                .is_ok();
        if due {
            self.db()
                .write((key, now), |tx, (key, now)| {
                    Box::pin(async move { rows::touch(tx, key, *now).await.map_err(Error::from).into() })
                })
                .await?;
        }
        Ok(cached.actor.clone())
    }

    async fn read_token(
        &self,
        key: [u8; 32],
        known: Option<&Cached>,
        now_ms: i64,
        stamp: Stamp,
    ) -> Result<Arc<Cached>, Error> {
        let found = self.db().read(key, |tx, k| Box::pin(live(tx, k))).await?;
        // Another password ends what the old one opened.
        let row = found
            .filter(|t| keys::same(&mark(&t.password_hash), &t.mark))
            .ok_or(Error::Unauthorized)?;
        // What this process saw is newer than what it wrote down.
        let seen = known.map_or(0, |c| c.used_at.load(Ordering::Acquire));
        Ok(Arc::new(Cached {
            actor: WeipanActor {
                user: row.user,
                client_id: row.client_id.into(),
                grant: row.grant,
                epoch: row.epoch,
                scopes: row.scopes,
                redirect_uris: row.redirect_uris.into(),
            },
            read_at_ms: now_ms,
            stamp,
            ends_at: row.ends_at,
            used_at: AtomicI64::new(row.used_at.max(seen)),
            noted_at: AtomicI64::new(row.used_at),
        }))
    }
}
