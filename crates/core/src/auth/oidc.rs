//! OpenID Connect: what an `id_token` says (Core 1.0, section 2) and what `userinfo` tells (section 5.3).
//! Must not know keys, nor how either travels.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_types::{Scope, UserId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{SessionActor, TokenActor, TokenAnswer};
use crate::{Drive, Error};

/// Seconds that an `id_token` is good for: it tells of a sign-in, and is looked at once, at once.
pub(super) const ID_TOKEN_SECONDS: i64 = 3600;

/// Who signed in, when, and for which question of the app.
#[derive(Debug, Clone)]
pub(super) struct SignedInAs {
    pub(super) user: UserId,
    /// When the person showed a password, 0 if that is not known.
    pub(super) auth_time: i64,
    /// The app's `nonce`, empty without one.
    pub(super) nonce: String,
    /// When the tokens beside were made.
    pub(super) at: i64,
}

/// How a person is called towards apps: always the same, never another's.
pub(super) fn subject(user: UserId) -> String {
    user.0.to_string()
}

/// The left half of a token's SHA-256 (OpenID Connect Core 1.0, section 3.1.3.6).
fn half_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(token.as_bytes())[..16])
}

impl Drive {
    /// The issuer: the public address, without a slash at the end.
    pub fn issuer(&self) -> &str {
        self.0.settings.server.public_url.trim_end_matches('/')
    }

    /// Adds the `id_token`, where `openid` was asked for.
    pub(super) async fn with_id_token(
        &self,
        mut answer: TokenAnswer,
        client_id: &str,
        who: &SignedInAs,
    ) -> Result<TokenAnswer, Error> {
        if !answer.scope.contains(Scope::OpenId) {
            return Ok(answer);
        }
        let mut claims = json!({
            "iss": self.issuer(),
            "sub": subject(who.user),
            "aud": client_id,
            "iat": who.at,
            "exp": who.at + ID_TOKEN_SECONDS,
            "at_hash": half_hash(answer.access_token.expose()),
        });
        if who.auth_time > 0 {
            claims["auth_time"] = who.auth_time.into();
        }
        if !who.nonce.is_empty() {
            claims["nonce"] = who.nonce.as_str().into();
        }
        let alg = self.id_token_alg(client_id).await?;
        answer.id_token = Some(self.signer(alg).await?.sign(&claims)?);
        Ok(answer)
    }

    /// What an app may know of the person, by the scopes of its token: `openid` the subject, `profile` the names,
    /// `email` the address.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without `openid`.
    pub async fn userinfo(&self, caller: &TokenActor) -> Result<Value, Error> {
        if !caller.has(Scope::OpenId) {
            return Err(Error::Forbidden("the token was not given the scope openid".into()));
        }
        let user = self.account(&caller.actor()).await?;
        let mut told = json!({"sub": subject(user.id)});
        if caller.has(Scope::Profile) {
            let shown = if user.nickname.is_empty() {
                &user.name
            } else {
                &user.nickname
            };
            told["name"] = shown.as_str().into();
            told["preferred_username"] = user.name.as_str().into();
            if !user.nickname.is_empty() {
                told["nickname"] = user.nickname.as_str().into();
            }
            if !user.avatar_url.is_empty() {
                told["picture"] = user.avatar_url.as_str().into();
            }
        }
        if caller.has(Scope::Email) && !user.email.is_empty() {
            told["email"] = user.email.as_str().into();
            // Nobody wrote to it to find out.
            told["email_verified"] = false.into();
        }
        Ok(told)
    }

    /// Whether an `id_token_hint` names somebody else than who is signed in, or cannot be read (Core 1.0, section 3.1.2.1).
    /// That it has expired does not matter.
    ///
    /// # Errors
    /// The row store's.
    pub async fn hints_at_another(&self, hint: &str, client_id: &str, session: &SessionActor) -> Result<bool, Error> {
        let claims = self.claims_signed_here(hint).await?;
        Ok(claims.is_none_or(|c| {
            c["iss"] != self.issuer() || c["aud"] != client_id || c["sub"] != subject(session.user).as_str()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::half_hash;

    #[test]
    fn at_hash_is_the_left_half_of_the_digest() {
        // SHA-256 of "abc" begins ba7816bf 8f01cfea 414140de 5dae2223.
        assert_eq!(half_hash("abc"), "ungWv48Bz-pBQUDeXa4iIw");
    }
}
