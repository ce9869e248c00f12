//! Pushed authorization requests (RFC 9126): an app leaves its request here, and sends the person with its address.
//! And the resources that a request may name (RFC 8707). Must not judge the rest of a request; `authorize` does.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_db::{Outcome, Tx, pushed};
use pantry_types::random;

use super::{Client, OAuthCode, OAuthError, hash};
use crate::{Drive, Error};

/// How the address of a pushed request begins (RFC 9126, section 2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// Seconds that a request waits: the person may have to sign in first.
const SECONDS: i64 = 600;
/// Longest request that is kept, in bytes.
const LONGEST: usize = 16_384;

/// A request that was kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pushed {
    /// Its address.
    pub request_uri: String,
    /// Seconds that it waits.
    pub expires_in: i64,
}

async fn keep_tx(tx: &mut Tx<'_>, (row, now): &(pushed::Pushed, i64)) -> Outcome<(), Error> {
    pushed::insert(tx, row, *now).await.map_err(Error::from).into()
}

async fn find(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Result<Option<pushed::Pushed>, Error> {
    Ok(pushed::get(tx, hash).await?)
}

async fn forget_tx(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Outcome<(), Error> {
    pushed::remove(tx, hash).await.map(drop).map_err(Error::from).into()
}

impl Drive {
    /// Keeps an authorization request, as a query, for the person to be sent with its address.
    ///
    /// # Errors
    /// `invalid_request`: it is too long.
    pub async fn push_request(&self, client: &Client, query: String) -> Result<Pushed, OAuthError> {
        if query.len() > LONGEST {
            return Err(OAuthError::refused(
                OAuthCode::InvalidRequest,
                "the request is longer than 16384 bytes",
            ));
        }
        let name = URL_SAFE_NO_PAD.encode(random::bytes::<32>(&*self.0.random));
        let request_uri = format!("{PREFIX}{name}");
        let now = self.now();
        let row = pushed::Pushed {
            hash: hash(&request_uri).to_vec(),
            client_id: client.app().client_id.clone(),
            query,
            expires_at: now + SECONDS,
        };
        self.0.db.write((row, now), |tx, a| Box::pin(keep_tx(tx, a))).await?;
        Ok(Pushed {
            request_uri,
            expires_in: SECONDS,
        })
    }

    /// Whether an address can be that of a pushed request.
    pub fn is_pushed(request_uri: &str) -> bool {
        request_uri.starts_with(PREFIX)
    }

    /// The request that an app left under this address, while it waits.
    ///
    /// # Errors
    /// The row store's.
    pub async fn pushed_request(&self, client_id: &str, request_uri: &str) -> Result<Option<String>, Error> {
        let found = self.0.db.read(hash(request_uri), |tx, h| Box::pin(find(tx, h))).await?;
        let now = self.now();
        let mine = found.filter(|p| p.client_id == client_id && now < p.expires_at);
        Ok(mine.map(|p| p.query))
    }

    /// Forgets a request that was answered: its address works once.
    ///
    /// # Errors
    /// The row store's.
    pub async fn forget_pushed(&self, request_uri: &str) -> Result<(), Error> {
        self.0
            .db
            .write(hash(request_uri), |tx, h| Box::pin(forget_tx(tx, h)))
            .await
    }

    /// The resource that tokens are for (RFC 8707, RFC 9728): the v1 API.
    pub fn resource(&self) -> String {
        format!("{}/v1", self.issuer())
    }

    /// Whether a request may name this resource: the API, or the server that it is on. There is no other, so a token
    /// is always for it.
    ///
    /// # Errors
    /// `invalid_target`.
    pub fn check_resource(&self, resource: &str) -> Result<(), OAuthError> {
        let rest = resource.strip_prefix(self.issuer());
        match rest {
            Some("" | "/" | "/v1" | "/v1/") => Ok(()),
            _ => Err(OAuthError::refused(
                OAuthCode::InvalidTarget,
                format!("resource must be {}, the only one here", self.resource()),
            )),
        }
    }
}
