//! Introspection (RFC 7662): what an app's own token is good for now.
//! Must not tell of another app's token, and does not count as a use.

use pantry_db::{Tx, grants, tokens, tokens::TokenKind};
use pantry_types::{Scopes, SecretKind, UserId, secret};

use super::{
    Client, OAuthCode, OAuthError,
    grant::{self, Given},
    hash, oidc,
};
use crate::{Drive, Error};

/// What a live token is good for (RFC 7662, section 2.2). Times in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Introspection {
    /// Opens the API; a refresh token opens a new pair instead.
    pub is_access: bool,
    /// What it may do now.
    pub scopes: Scopes,
    /// The app.
    pub client_id: String,
    /// Login name of the person.
    pub username: String,
    /// The person, as `id_token`s name them.
    pub subject: String,
    /// When it was made.
    pub issued_at: i64,
    /// From when on it is dead.
    pub expires_at: i64,
}

struct Look {
    hash: [u8; 32],
    client_id: String,
    now: i64,
}

async fn look(tx: &mut Tx<'_>, a: &Look) -> Result<Option<Introspection>, Error> {
    let find = tokens::get(tx, &a.hash).await?;
    let Some(token) = find.filter(|t| t.client_id == a.client_id && a.now < t.expires_at) else {
        return Ok(None);
    };
    let is_access = token.kind == TokenKind::Access;
    let given = Given {
        user: token.user,
        grant: token.grant,
        epoch: token.epoch,
    };
    // One that was exchanged opens nothing any more.
    if (!is_access && token.used) || !grant::stands(tx, given, a.now).await? {
        return Ok(None);
    }
    let granted = grants::get(tx, token.user, token.grant).await?;
    let granted = granted.map_or(Scopes::EMPTY, |g| g.scopes);
    Ok(Some(Introspection {
        is_access,
        scopes: token.scopes.intersect(granted),
        client_id: token.client_id,
        username: name_of(tx, token.user).await?,
        subject: oidc::subject(token.user),
        issued_at: token.created_at,
        expires_at: token.expires_at,
    }))
}

async fn name_of(tx: &mut Tx<'_>, user: UserId) -> Result<String, Error> {
    Ok(pantry_db::users::get(tx, user)
        .await?
        .map_or_else(String::new, |u| u.name))
}

impl Drive {
    /// Looks a token of the client's own up. `None`: garbage, dead, or another's, which of these is not told.
    ///
    /// # Errors
    /// `invalid_client`: one that has no secret cannot prove that the token is its own.
    pub async fn introspect(&self, client: &Client, token: &str) -> Result<Option<Introspection>, OAuthError> {
        if client.app().public {
            return Err(OAuthError::refused(
                OAuthCode::InvalidClient,
                "only clients that authenticate with a secret may introspect",
            ));
        }
        let of_form = [SecretKind::AccessToken, SecretKind::RefreshToken];
        if !of_form.iter().any(|kind| secret::check(*kind, token)) {
            return Ok(None);
        }
        let args = Look {
            hash: hash(token),
            client_id: client.app().client_id.clone(),
            now: self.now(),
        };
        Ok(self.0.db.read(args, |tx, a| Box::pin(look(tx, a))).await?)
    }
}
