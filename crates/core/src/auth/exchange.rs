//! A code for tokens (RFC 6749, section 4.1.3; RFC 7636, section 4.6).
//! Must not know how the code came to the client.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_db::{Outcome, Tx, audit, codes, dialect, tokens};
use pantry_types::{SecretKind, secret};
use sha2::{Digest, Sha256};

use super::{
    Client, OAuthCode, OAuthError, Origin, TokenAnswer,
    grant::{self, Given, Lives, Mint, Pair, entry},
    hash,
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

/// A refusal commits: the code stays burnt, and a replay's tokens stay gone.
async fn exchange_tx(tx: &mut Tx<'_>, a: &Exchange) -> Outcome<Result<TokenAnswer, OAuthError>, OAuthError> {
    match exchange_rows(tx, a).await {
        Ok(answer) => Outcome::Commit(Ok(answer)),
        Err(e @ OAuthError::Refused { .. }) => Outcome::Commit(Err(e)),
        Err(e) => Outcome::Rollback(e),
    }
}

async fn exchange_rows(tx: &mut Tx<'_>, a: &Exchange) -> Result<TokenAnswer, OAuthError> {
    let Some(code) = codes::consume(tx, &a.hash, a.now).await? else {
        if let Some(code) = codes::get(tx, &a.hash).await?
            && code.client_id == a.client_id
        {
            tokens::remove_family(tx, code.family).await?;
            let entry = entry(a.now, code.user, &code.client_id, "code_replayed", &a.origin);
            audit::append(tx, &entry).await?;
        }
        return Err(refused(UNKNOWN));
    };
    let given = Given {
        user: code.user,
        grant: code.grant,
        epoch: code.epoch,
    };
    if a.now >= code.expires_at || code.client_id != a.client_id || !grant::stands(tx, given).await? {
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
    Ok(grant::mint(tx, &a.pair, &m).await?)
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
        let answer = self.0.db.write(args, |tx, a| Box::pin(exchange_tx(tx, a))).await?;
        if answer.is_err() {
            // A replay may have ended tokens.
            self.tokens_changed();
        }
        answer
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
