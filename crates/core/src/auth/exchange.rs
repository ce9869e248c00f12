//! A code for tokens (RFC 6749, section 4.1.3; RFC 7636, section 4.6).
//! Must not know how the code came to the client.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_db::{Outcome, Tx, audit, codes, dialect, oidc as rows, tokens};
use pantry_types::{Scope, SecretKind, UserId, secret};
use sha2::{Digest, Sha256};

use super::{
    Client, OAuthCode, OAuthError, Origin, TokenAnswer,
    grant::{self, Given, Lives, Mint, Pair, entry},
    hash,
    oidc::SignedInAs,
    throttle::Guess,
};
use crate::{Drive, keys};

/// Whether a text can be an S256 challenge.
pub(super) fn is_challenge(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Whether a verifier answers a challenge; a verifier without a challenge does not.
pub(super) fn verifies(challenge: &str, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        ("", None) => true,
        ("", Some(_)) | (_, None) => false,
        (challenge, Some(verifier)) => {
            let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
            let well_formed = (43..=128).contains(&verifier.len()) && verifier.bytes().all(legal);
            let right = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
            well_formed && keys::same(right.as_bytes(), challenge.as_bytes())
        }
    }
}

struct Exchange {
    hash: [u8; 32],
    client_id: String,
    redirect_uri: Option<String>,
    verifier: Option<String>,
    pair: Pair,
    now: i64,
    lives: Lives,
    origin: Origin,
}

fn refused(why: &'static str) -> OAuthError {
    OAuthError::refused(OAuthCode::InvalidGrant, why)
}

const UNKNOWN: &str = "the code is unknown, expired or used; start again";

/// What came of it: a replay took back what the first use got.
enum Came {
    Answer(TokenAnswer, SignedInAs),
    Refused(OAuthError),
    Replayed(UserId),
}

/// A refusal commits: the code stays burnt, and a replay's tokens stay gone.
async fn exchange_tx(tx: &mut Tx<'_>, a: &Exchange) -> Outcome<Came, OAuthError> {
    match exchange_rows(tx, a).await {
        Ok(came) => Outcome::Commit(came),
        Err(e @ OAuthError::Refused { .. }) => Outcome::Commit(Came::Refused(e)),
        Err(e) => Outcome::Rollback(e),
    }
}

async fn exchange_rows(tx: &mut Tx<'_>, a: &Exchange) -> Result<Came, OAuthError> {
    let Some(code) = codes::consume(tx, &a.hash, a.now).await? else {
        if let Some(code) = codes::get(tx, &a.hash).await?
            && code.client_id == a.client_id
        {
            tokens::remove_family(tx, code.family).await?;
            let entry = entry(a.now, code.user, &code.client_id, "code_replayed", &a.origin);
            audit::append(tx, &entry).await?;
            return Ok(Came::Replayed(code.user));
        }
        return Err(refused(UNKNOWN));
    };
    let given = Given {
        user: code.user,
        grant: code.grant,
        epoch: code.epoch,
    };
    if a.now >= code.expires_at || code.client_id != a.client_id || !grant::stands(tx, given, a.now).await? {
        return Err(refused(UNKNOWN));
    }
    if a.redirect_uri.as_ref().is_some_and(|uri| *uri != code.redirect_uri) {
        return Err(refused(
            "redirect_uri is not the one that the code was sent to; start again",
        ));
    }
    if !verifies(&code.challenge, a.verifier.as_deref()) {
        return Err(refused("code_verifier does not answer the code_challenge; start again"));
    }
    let m = Mint {
        given,
        client_id: &code.client_id,
        scopes: code.scopes,
        refreshable: code.scopes,
        family: code.family,
        pair: dialect::next_id(tx).await?,
        now: a.now,
        lives: a.lives,
    };
    let answer = grant::mint(tx, &a.pair, &m).await?;
    if code.scopes.contains(Scope::OpenId) {
        rows::set_auth_time(tx, m.pair, code.auth_time).await?;
    }
    let who = SignedInAs {
        user: code.user,
        auth_time: code.auth_time,
        nonce: code.nonce,
        at: a.now,
    };
    Ok(Came::Answer(answer, who))
}

impl Drive {
    /// Exchanges a code, once. A wrong `redirect_uri` or `code_verifier` burns it; showing it again takes back
    /// what it led to.
    ///
    /// # Errors
    /// `invalid_grant`; `invalid_request` where `redirect_uri` may not be left out.
    pub async fn exchange_code(
        &self,
        client: &Client,
        code: &str,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
        origin: &Origin,
    ) -> Result<TokenAnswer, OAuthError> {
        let answer = self.exchange(client, code, redirect_uri, verifier, origin).await;
        self.with_guess_counted(Guess::Token, origin, answer)
    }

    async fn exchange(
        &self,
        client: &Client,
        code: &str,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
        origin: &Origin,
    ) -> Result<TokenAnswer, OAuthError> {
        if !secret::check(SecretKind::AuthorizationCode, code) {
            return Err(refused(UNKNOWN));
        }
        if redirect_uri.is_none() && client.app().redirect_uris.len() != 1 {
            return Err(OAuthError::refused(
                OAuthCode::InvalidRequest,
                "redirect_uri is missing; it may be left out only where exactly one is registered",
            ));
        }
        let args = Exchange {
            hash: hash(code),
            client_id: client.app().client_id.clone(),
            redirect_uri: redirect_uri.map(str::to_owned),
            verifier: verifier.map(str::to_owned),
            pair: self.new_pair(),
            now: self.now(),
            lives: (&self.0.settings.oauth).into(),
            origin: origin.clone(),
        };
        match self.0.db.write(args, |tx, a| Box::pin(exchange_tx(tx, a))).await? {
            Came::Answer(answer, who) => Ok(self.with_id_token(answer, &client.app().client_id, &who).await?),
            Came::Refused(e) => Err(e),
            Came::Replayed(user) => {
                self.access_ended(Some(user));
                Err(refused(UNKNOWN))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_answers_its_challenge_only() {
        // RFC 7636, appendix B.
        let (v, c) = (
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        );
        assert!(is_challenge(c) && verifies(c, Some(v)));
        assert!(!verifies(c, Some(c)) && !verifies(c, None) && !verifies(c, Some("")));
        assert!(!verifies("", Some(v)), "a verifier without a challenge");
        assert!(verifies("", None));
        let short = "a";
        let of_short = URL_SAFE_NO_PAD.encode(Sha256::digest(short));
        assert!(!verifies(&of_short, Some(short)), "too short to be a verifier");
        assert!(!is_challenge(&format!("{c}=")) && !is_challenge("E9Mel"));
    }
}
