//! Access tokens: from the text of a request to who calls. The hottest path of the house.
//! Must not make or end tokens.

use std::sync::{Arc, atomic::Ordering};

use pantry_db::{Outcome, Tx, grants, tokens};
use pantry_types::{GrantId, Scope, Scopes, SecretKind, UserId, secret};
use quick_cache::sync::Cache;

use super::{hash, lock};
use crate::{Actor, Drive, Error};

/// Tokens held in memory.
pub(super) const CACHED: usize = 16_384;
/// How old an entry may be. What another process ended is dead here within a second.
const FRESH_MS: i64 = 900;

pub(super) type Tokens = Cache<[u8; 32], Cached>;

/// A token as it was read.
#[derive(Clone)]
pub(super) struct Cached {
    actor: Arc<TokenActor>,
    read_at_ms: i64,
    generation: u64,
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

async fn touch_tx(tx: &mut Tx<'_>, uses: &[((UserId, GrantId), i64)]) -> Outcome<(), Error> {
    for ((user, grant), at) in uses {
        if let Err(e) = grants::touch(tx, *user, *grant, *at).await {
            return Outcome::Rollback(e.into());
        }
    }
    Outcome::Commit(())
}

impl Drive {
    /// Who calls with this access token.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]: garbage (refused without a look-up), unknown, expired or revoked.
    pub async fn authenticate(&self, bearer: &str) -> Result<Arc<TokenActor>, Error> {
        if !secret::check(SecretKind::AccessToken, bearer) {
            return Err(Error::Unauthorized);
        }
        let key = hash(bearer);
        let now_ms = self.0.clock.now_ms();
        // Read before the row: what ends a token raises it after the commit, so an entry that was
        // read in between is never used.
        let generation = self.0.auth.generation.load(Ordering::Acquire);
        if let Some(c) = self.0.auth.tokens.get(&key)
            && c.generation == generation
            && (0..FRESH_MS).contains(&(now_ms - c.read_at_ms))
        {
            return if now_ms < c.actor.expires_at.saturating_mul(1000) {
                Ok(c.actor)
            } else {
                Err(Error::Unauthorized)
            };
        }
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
        lock(&self.0.auth.last_used).insert((actor.user, actor.grant), now_ms.div_euclid(1000));
        self.0.auth.tokens.insert(
            key,
            Cached {
                actor: Arc::clone(&actor),
                read_at_ms: now_ms,
                generation,
            },
        );
        Ok(actor)
    }

    /// Says that tokens may have ended. To be called after the commit that ended them.
    pub fn tokens_changed(&self) {
        self.0.auth.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Writes down when grants were last used; the janitor calls it now and then.
    ///
    /// # Errors
    /// The row store's; what was not written is written the next time.
    pub async fn flush_last_used(&self) -> Result<usize, Error> {
        let uses: Vec<_> = lock(&self.0.auth.last_used).drain().collect();
        if uses.is_empty() {
            return Ok(0);
        }
        let n = uses.len();
        let written = self.0.db.write(uses.clone(), |tx, u| Box::pin(touch_tx(tx, u))).await;
        if written.is_err() {
            let mut map = lock(&self.0.auth.last_used);
            for (key, at) in uses {
                let entry = map.entry(key).or_insert(at);
                *entry = (*entry).max(at);
            }
        }
        written.map(|()| n)
    }
}
