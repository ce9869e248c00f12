//! The token of the next request: read from the store, renewed before it dies or when the server refuses it, by one task
//! of one process at a time. Must not know how a token is renewed; `oauth` does.

use std::sync::Arc;

use crate::{Client, Error, StoreError, TokenStore, Tokens};

/// An access token that dies within so many seconds is renewed first.
const MARGIN: i64 = 30;

impl Client {
    /// The kept tokens; none when nobody is signed in.
    ///
    /// # Errors
    /// The store's.
    pub async fn tokens(&self) -> Result<Option<Tokens>, Error> {
        self.stored().await
    }

    /// The access token for the next request.
    pub(crate) async fn access_token(&self) -> Result<String, Error> {
        let tokens = self.stored().await?.ok_or(Error::SignInNeeded)?;
        let dying = tokens.expires_at != 0 && self.clock.now() >= tokens.expires_at - MARGIN;
        if dying && tokens.refresh_token.is_some() {
            return self.renew(&tokens.access_token).await;
        }
        Ok(tokens.access_token)
    }

    /// A token in place of `refused`. Whoever comes while another renews waits, and takes what that one got: a refresh
    /// token works once, and using it twice ends the grant.
    pub(crate) async fn renew(&self, refused: &str) -> Result<String, Error> {
        // In a task of its own: a caller that is dropped in the middle must not lose the answer with the new pair.
        let (client, refused) = (self.clone(), refused.to_owned());
        let renewing = tokio::spawn(async move { client.renew_alone(&refused).await });
        renewing
            .await
            .map_err(|e| Error::Connection(format!("the renewal of the token was cut off: {e}")))?
    }

    async fn renew_alone(&self, refused: &str) -> Result<String, Error> {
        let _in_this_process = self.renewing.lock().await;
        let _in_others = self.with_store_blocking(|store| store.lock()).await?;
        let tokens = self.stored().await?.ok_or(Error::SignInNeeded)?;
        if tokens.access_token != refused {
            return Ok(tokens.access_token);
        }
        let refresh_token = tokens.refresh_token.clone().ok_or(Error::SignInNeeded)?;
        Ok(self.refresh(&tokens, &refresh_token).await?.access_token)
    }

    pub(crate) async fn stored(&self) -> Result<Option<Tokens>, Error> {
        self.with_store_blocking(|store| store.load()).await
    }

    pub(crate) async fn save(&self, tokens: &Tokens) -> Result<(), Error> {
        let tokens = tokens.clone();
        self.with_store_blocking(move |store| store.save(&tokens)).await
    }

    pub(crate) async fn forget(&self) -> Result<(), Error> {
        self.with_store_blocking(|store| store.clear()).await
    }

    async fn with_store_blocking<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn TokenStore) -> Result<T, StoreError> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || work(&*store)).await;
        match done {
            Ok(done) => Ok(done?),
            Err(e) => Err(StoreError::new("used", std::io::Error::other(e)).into()),
        }
    }
}
