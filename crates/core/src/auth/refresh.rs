//! A refresh token for a new pair (RFC 6749, section 6), once, with grace for an answer that was lost.
//! Must not keep an answer that can be read without the old token.

use pantry_db::{Outcome, Tx, audit, dialect, oidc as rows, tokens};
use pantry_types::{Scopes, SecretKind, SecretText, UserId, random, secret};
use serde::{Deserialize, Serialize};

use super::{
    BEARER, Client, OAuthCode, OAuthError, Origin, TokenAnswer,
    apps::{may_ask, wished},
    grant::{self, Given, Lives, Mint, Pair, entry},
    hash,
    oidc::SignedInAs,
    seal, term,
    throttle::Guess,
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
    Answer(TokenAnswer, SignedInAs),
    Refused(OAuthError),
    Reused(UserId, OAuthError),
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
    if !grant::stands(tx, given, a.now).await? {
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
            expires_in: term::lives(tx, old.family, a.now, a.lives).await?.access,
            scopes: scopes.to_bits(),
        };
        let text = serde_json::to_vec(&kept).map_err(|e| Error::Internal(e.to_string()))?;
        let sealed = seal::seal_answer(&a.key, &a.nonce, &text, &a.hash)?;
        let pair = dialect::next_id(tx).await?;
        let auth_time = rows::auth_time(tx, &a.hash).await?;
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
            let answer = grant::mint(tx, &a.pair, &m).await?;
            if auth_time > 0 {
                rows::set_auth_time(tx, pair, auth_time).await?;
            }
            return Ok(Came::Answer(answer, signed_in(given, auth_time, a.now)));
        }
    }
    again(tx, a, given, scopes).await
}

/// An `id_token` of a refresh tells of the sign-in that the tokens came from, without its `nonce`
/// (OpenID Connect Core 1.0, section 12.2).
fn signed_in(given: Given, auth_time: i64, at: i64) -> SignedInAs {
    SignedInAs {
        user: given.user,
        auth_time,
        nonce: String::new(),
        at,
    }
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
        Some(kept) if Scopes::from_bits(kept.scopes) == scopes => {
            let answer = TokenAnswer {
                access_token: SecretText::new(kept.access),
                refresh_token: SecretText::new(kept.refresh),
                expires_in: kept.expires_in,
                scope: scopes,
                token_type: BEARER,
                id_token: None,
            };
            // Says what the lost one said, its times included.
            let auth_time = rows::auth_time(tx, &a.hash).await?;
            Ok(Came::Answer(answer, signed_in(given, auth_time, old.used_at)))
        }
        Some(_) => Err(OAuthError::refused(
            OAuthCode::InvalidScope,
            "the lost answer had another scope; repeat the request as it was",
        )),
        None => {
            grant::take_back(tx, given, a.now).await?;
            let entry = entry(a.now, given.user, &a.client_id, "refresh_token_reused", &a.origin);
            audit::append(tx, &entry).await?;
            Ok(Came::Reused(
                given.user,
                refused("the refresh token was used before; everything of this app was revoked, ask the person again"),
            ))
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
        let answer = self.refresh_once(client, refresh_token, scope, origin).await;
        self.with_guess_counted(Guess::Token, origin, answer)
    }

    async fn refresh_once(
        &self,
        client: &Client,
        refresh_token: &str,
        scope: Option<&str>,
        origin: &Origin,
    ) -> Result<TokenAnswer, OAuthError> {
        if !secret::check(SecretKind::RefreshToken, refresh_token) {
            return Err(refused(DEAD));
        }
        let scope = scope.map(wished).transpose()?.filter(|s| !s.is_empty());
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
            Came::Answer(answer, who) => Ok(self.with_id_token(answer, &client.app().client_id, &who).await?),
            Came::Refused(e) => Err(e),
            Came::Reused(user, e) => {
                self.access_ended(Some(user));
                Err(e)
            }
        }
    }
}
