//! Revocation by the app (RFC 7009). Must not tell whether a token ever was.

use pantry_db::{Outcome, Tx, audit, tokens, tokens::TokenKind};
use pantry_types::{SecretKind, UserId, secret};

use super::{
    Client, OAuthCode, OAuthError, Origin,
    grant::{self, Given, entry},
    hash,
};
use crate::Drive;

struct Revoke {
    hash: [u8; 32],
    client_id: String,
    now: i64,
    origin: Origin,
}

/// Whose access it ended, if anybody's.
async fn revoke_tx(tx: &mut Tx<'_>, a: &Revoke) -> Outcome<Option<UserId>, OAuthError> {
    revoke_rows(tx, a).await.into()
}

async fn revoke_rows(tx: &mut Tx<'_>, a: &Revoke) -> Result<Option<UserId>, OAuthError> {
    let Some(token) = tokens::get(tx, &a.hash).await? else {
        return Ok(None);
    };
    if token.client_id != a.client_id {
        return Err(OAuthError::refused(
            OAuthCode::InvalidGrant,
            "the token was issued to another client",
        ));
    }
    let given = Given {
        user: token.user,
        grant: token.grant,
        epoch: token.epoch,
    };
    match token.kind {
        TokenKind::Access => {
            tokens::remove(tx, &a.hash).await?;
        }
        // One that was exchanged still names its grant: signing out is never refused.
        TokenKind::Refresh if grant::stands(tx, given, a.now).await? => grant::take_back(tx, given, a.now).await?,
        TokenKind::Refresh => return Ok(None),
    }
    let entry = entry(a.now, given.user, &a.client_id, "token_revoked", &a.origin);
    audit::append(tx, &entry).await?;
    Ok(Some(given.user))
}

impl Drive {
    /// Ends an access token, or with a refresh token everything of its grant. A token that is not there is
    /// no error.
    ///
    /// # Errors
    /// `invalid_grant`: another client's.
    pub async fn revoke_token(&self, client: &Client, token: &str, origin: &Origin) -> Result<(), OAuthError> {
        let of_form = [SecretKind::AccessToken, SecretKind::RefreshToken];
        if !of_form.iter().any(|kind| secret::check(*kind, token)) {
            return Ok(());
        }
        let args = Revoke {
            hash: hash(token),
            client_id: client.app().client_id.clone(),
            now: self.now(),
            origin: origin.clone(),
        };
        let ended = self.0.db.write(args, |tx, a| Box::pin(revoke_tx(tx, a))).await;
        match &ended {
            Ok(None) => {}
            Ok(who) => self.access_ended(*who),
            // Whether it was committed may be unknown.
            Err(_) => self.access_ended(None),
        }
        ended.map(drop)
    }
}
