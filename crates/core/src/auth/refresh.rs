//! A refresh token for a new pair (RFC 6749, section 6), once, with grace for an answer that was lost.
//! Must not keep an answer that can be read without the old token.

use pantry_db::{Outcome, Tx, audit, dialect, tokens};
use pantry_types::{Scopes, SecretKind, SecretText, random, secret};
use serde::{Deserialize, Serialize};

use super::{
    BEARER, Client, OAuthCode, OAuthError, Origin, TokenAnswer,
    apps::may_ask,
    grant::{self, Given, Lives, Mint, Pair, entry},
    hash, seal,
};
use crate::{Drive, Error};

struct Refresh {
    hash: [u8; 32],
    key: [u8; 32],
    nonce: [u8; 12],
    client_id: String,
    /// What the app may ask for now.
    allowed: Scopes,
    scope: Option<Scopes>,
    pair: Pair,
    now: i64,
    grace: i64,
    lives: Lives,
    origin: Origin,
}

/// An answer as it is kept, sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    access: String,
    refresh: String,
    expires_in: i64,
    scopes: i64,
}

const DEAD: &str = "the refresh token is unknown, expired, used or revoked; start again";

fn refused(why: &'static str) -> OAuthError {
    OAuthError::refused(OAuthCode::InvalidGrant, why)
}

/// What came of it: some refusals took the grant back.
enum Came {
    Answer(TokenAnswer),
    Refused(OAuthError),
    Reused(OAuthError),
}

async fn refresh_tx(tx: &mut Tx<'_>, a: &Refresh) -> Outcome<Came, OAuthError> {
    match refresh_rows(tx, a).await {
        Ok(came) => Outcome::Commit(came),
        Err(e @ OAuthError::Refused { .. }) => Outcome::Commit(Came::Refused(e)),
        Err(e) => Outcome::Rollback(e),
    }
}

async fn refresh_rows(tx: &mut Tx<'_>, a: &Refresh) -> Result<Came, OAuthError> {
    let find = tokens::get(tx, &a.hash).await?;
    let Some(old) = find.filter(|t| t.client_id == a.client_id && a.now < t.expires_at) else {
        return Err(refused(DEAD));
    };
    let given = Given {
        user: old.user,
        grant: old.grant,
        epoch: old.epoch,
    };
    if !grant::stands(tx, given).await? {
        return Err(refused(DEAD));
    }
    let full = old.scopes.intersect(a.allowed);
    let scopes = a.scope.unwrap_or(full);
    if !scopes.is_subset(full) || scopes.is_empty() {
        return Err(OAuthError::refused(
            OAuthCode::InvalidScope,
            format!("a refresh cannot widen the scope; it may ask for {full}"),
        ));
    }
    if !old.used {
        let kept = Kept {
            access: a.pair.access.expose().to_owned(),
            refresh: a.pair.refresh.expose().to_owned(),
            expires_in: a.lives.access,
            scopes: scopes.to_bits(),
        };
        let text = serde_json::to_vec(&kept).map_err(|e| Error::Internal(e.to_string()))?;
        let sealed = seal::seal_answer(&a.key, &a.nonce, &text, &a.hash)?;
        let pair = dialect::next_id(tx).await?;
        if tokens::rotate(tx, &a.hash, a.now, pair, &sealed).await? {
            let m = Mint {
                given,
                client_id: &old.client_id,
                scopes,
                // A narrowed refresh narrows that access token only.
                refreshable: old.scopes,
                family: old.family,
                pair,
                now: a.now,
                lives: a.lives,
            };
            return Ok(Came::Answer(grant::mint(tx, &a.pair, &m).await?));
        }
    }
    again(tx, a, given, scopes).await
}

/// The token was exchanged before, perhaps a moment ago by the same request.
async fn again(tx: &mut Tx<'_>, a: &Refresh, given: Given, scopes: Scopes) -> Result<Came, OAuthError> {
    let Some(old) = tokens::get(tx, &a.hash).await? else {
        return Err(refused(DEAD));
    };
    let in_grace = a.now - old.used_at <= a.grace && tokens::pair_is_fresh(tx, old.next_pair).await?;
    let kept = old
        .answer
        .filter(|_| in_grace)
        .and_then(|sealed| seal::open_answer(&a.key, &sealed, &a.hash))
        .and_then(|text| serde_json::from_slice::<Kept>(&text).ok());
    match kept {
        Some(kept) if Scopes::from_bits(kept.scopes) == scopes => Ok(Came::Answer(TokenAnswer {
            access_token: SecretText::new(kept.access),
            refresh_token: SecretText::new(kept.refresh),
            expires_in: kept.expires_in,
            scope: scopes,
            token_type: BEARER,
        })),
        Some(_) => Err(OAuthError::refused(
            OAuthCode::InvalidScope,
            "the lost answer had another scope; repeat the request as it was",
        )),
        None => {
            grant::take_back(tx, given, a.now).await?;
            let entry = entry(a.now, given.user, &a.client_id, "refresh_token_reused", &a.origin);
            audit::append(tx, &entry).await?;
            Ok(Came::Reused(refused(
                "the refresh token was used before; everything of this app was revoked, ask the person again",
            )))
        }
    }
}

impl Drive {
    /// Exchanges a refresh token, once. The very same answer can be had again within the grace while the new
    /// pair is unused; any other second use takes the whole grant back.
    ///
    /// # Errors
    /// `invalid_grant`, `invalid_scope`.
    pub async fn refresh(
        &self,
        client: &Client,
        refresh_token: &str,
        scope: Option<&str>,
        origin: &Origin,
    ) -> Result<TokenAnswer, OAuthError> {
        if !secret::check(SecretKind::RefreshToken, refresh_token) {
            return Err(refused(DEAD));
        }
        let scope = scope
            .map(Scopes::parse)
            .transpose()
            .map_err(|e| OAuthError::refused(OAuthCode::InvalidScope, e.to_string()))?
            .filter(|s| !s.is_empty());
        let args = Refresh {
            hash: hash(refresh_token),
            key: seal::answer_key(refresh_token),
            nonce: random::bytes(&*self.0.random),
            client_id: client.app().client_id.clone(),
            allowed: may_ask(client.app()),
            scope,
            pair: self.new_pair(),
            now: self.now(),
            grace: self.0.settings.oauth.refresh_grace_seconds,
            lives: (&self.0.settings.oauth).into(),
            origin: origin.clone(),
        };
        match self.0.db.write(args, |tx, a| Box::pin(refresh_tx(tx, a))).await? {
            Came::Answer(answer) => Ok(answer),
            Came::Refused(e) => Err(e),
            Came::Reused(e) => {
                self.tokens_changed();
                Err(e)
            }
        }
    }
}
