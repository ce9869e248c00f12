//! Access tokens: from the text of a request to who calls. The hottest path of the house.
//! Must not make or end tokens.

use std::{collections::HashMap, sync::Arc};

use pantry_db::{Outcome, Tx, grants, tokens};
use pantry_types::{GrantId, Scope, Scopes, SecretKind, UserId, secret};
use quick_cache::sync::Cache;

use super::{
    Origin,
    ended::{FRESH_MS, Stamp},
    hash, lock,
    throttle::Guess,
};
use crate::{Actor, Drive, Error};

/// Tokens held in memory.
pub(super) const CACHED: usize = 16_384;
/// Last uses written by one transaction.
const BATCH: usize = 500;

/// When grants were last used, and from which address.
pub(super) type LastUsed = HashMap<(UserId, GrantId), (i64, String)>;
type Use = ((UserId, GrantId), (i64, String));

pub(super) type Tokens = Cache<[u8; 32], Cached>;

/// A token as it was read.
#[derive(Clone)]
pub(super) struct Cached {
    actor: Arc<TokenActor>,
    read_at_ms: i64,
    stamp: Stamp,
}

/// An app that calls in a person's name, by its access token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenActor {
    /// In whose name.
    pub user: UserId,
    /// The app.
    pub client_id: String,
    /// The grant.
    pub grant: GrantId,
    /// The epoch of token and grant.
    pub epoch: i64,
    /// Scopes of the token.
    pub scopes: Scopes,
    /// When the token dies, Unix seconds.
    pub expires_at: i64,
}

impl TokenActor {
    /// The caller as the drive's operations take it.
    pub fn actor(&self) -> Actor {
        Actor::app(self.user, self.client_id.clone(), self.grant, self.epoch, self.scopes)
    }

    /// Whether the token carries a scope.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }
}

async fn find(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Result<Option<tokens::LiveAccess>, Error> {
    Ok(tokens::live_access(tx, hash).await?)
}

async fn mark_tx(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Outcome<(), Error> {
    tokens::mark_shown(tx, hash).await.map_err(Error::from).into()
}

async fn touch_tx(tx: &mut Tx<'_>, uses: &[Use]) -> Outcome<(), Error> {
    for ((user, grant), (at, address)) in uses {
        if let Err(e) = grants::touch(tx, *user, *grant, *at, address).await {
            return Outcome::Rollback(e.into());
        }
    }
    Outcome::Commit(())
}

impl Drive {
    /// Who calls with this access token, wherever from.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]: garbage (refused without a look-up), unknown, expired or revoked.
    pub async fn authenticate(&self, bearer: &str) -> Result<Arc<TokenActor>, Error> {
        self.token_actor(bearer, None).await
    }

    /// Who calls with this access token from this place. The place is noted as that of the grant's last use, and
    /// tokens that are none are counted against it; a good one is always taken.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] as for [`Self::authenticate`]; [`Error::TooMany`] in its place after too many of them.
    pub async fn authenticate_from(&self, bearer: &str, origin: &Origin) -> Result<Arc<TokenActor>, Error> {
        match self.token_actor(bearer, Some(origin)).await {
            Err(Error::Unauthorized) => Err(self.guessed(Guess::Token, origin).unwrap_or(Error::Unauthorized)),
            known => known,
        }
    }

    async fn token_actor(&self, bearer: &str, origin: Option<&Origin>) -> Result<Arc<TokenActor>, Error> {
        if !secret::check(SecretKind::AccessToken, bearer) {
            return Err(Error::Unauthorized);
        }
        let key = hash(bearer);
        let now_ms = self.0.clock.now_ms();
        let ended = &self.0.auth.ended;
        let stamp = ended.stamp();
        if let Some(c) = self.0.auth.tokens.get(&key)
            && (0..FRESH_MS).contains(&(now_ms - c.read_at_ms))
            && ended.is_current(c.actor.user, c.stamp)
            && self.may_trust_memory()
        {
            return if now_ms < c.actor.expires_at.saturating_mul(1000) {
                Ok(c.actor)
            } else {
                Err(Error::Unauthorized)
            };
        }
        // Begins to listen before the first read that is kept.
        self.may_trust_memory();
        let found = self.0.db.read(key, |tx, k| Box::pin(find(tx, k))).await?;
        let live = found
            .filter(|t| now_ms < t.expires_at.saturating_mul(1000))
            .ok_or(Error::Unauthorized)?;
        if !live.used {
            // The grace of a refresh depends on it: once the new pair was shown, the answer was not lost.
            self.0.db.write(key, |tx, k| Box::pin(mark_tx(tx, k))).await?;
        }
        let actor = Arc::new(TokenActor {
            user: live.user,
            client_id: live.client_id,
            grant: live.grant,
            epoch: live.epoch,
            scopes: live.scopes.intersect(live.granted),
            expires_at: live.expires_at,
        });
        self.note_use(actor.user, actor.grant, now_ms.div_euclid(1000), origin);
        self.0.auth.tokens.insert(
            key,
            Cached {
                actor: Arc::clone(&actor),
                read_at_ms: now_ms,
                stamp,
            },
        );
        Ok(actor)
    }

    /// Notes a use of a grant, to be written down later.
    pub(crate) fn note_use(&self, user: UserId, grant: GrantId, now: i64, origin: Option<&Origin>) {
        let address = origin.map(Origin::address);
        let mut uses = lock(&self.0.auth.last_used);
        let last = uses.entry((user, grant)).or_default();
        last.0 = last.0.max(now);
        if let Some(address) = address {
            last.1 = address;
        }
    }

    /// Writes down when grants were last used; the janitor calls it now and then.
    ///
    /// # Errors
    /// The row store's; what was not written is written the next time.
    pub async fn flush_last_used(&self) -> Result<usize, Error> {
        let mut uses: Vec<Use> = lock(&self.0.auth.last_used).drain().collect();
        // In one order, so that two processes that note the same uses do not wait for each other in a circle.
        uses.sort_unstable_by_key(|(key, _)| (key.0.0, key.1.0));
        let mut done = 0;
        for batch in uses.chunks(BATCH) {
            let written = self.0.db.write(batch.to_vec(), |tx, u| Box::pin(touch_tx(tx, u))).await;
            if let Err(e) = written {
                let mut map = lock(&self.0.auth.last_used);
                for (key, last) in &uses[done..] {
                    // What came since is newer.
                    map.entry(*key).or_insert_with(|| last.clone());
                }
                return Err(e);
            }
            done += batch.len();
        }
        Ok(done)
    }
}
