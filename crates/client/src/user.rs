//! `/v1/user/*`. Must not cache.

use pantry_api::{Quota, ShareEnabled, UserInfo};

use crate::{Client, Error, retry::Repeat};

impl Client {
    /// Who the token speaks for (`GET /v1/user/info`). Needs `user.read`.
    ///
    /// # Errors
    /// [`Error::Api`] 403: the token lacks the scope.
    pub async fn user_info(&self) -> Result<UserInfo, Error> {
        self.get("/v1/user/info", &()).await
    }

    /// How much space there is (`GET /v1/user/quota`). Needs `user.read`.
    ///
    /// # Errors
    /// [`Error::Api`] 403: the token lacks the scope.
    pub async fn quota(&self) -> Result<Quota, Error> {
        self.get("/v1/user/quota", &()).await
    }

    /// Switches the making of shares on for this app (`POST /v1/user/share-enable`). Needs `share.create`.
    ///
    /// # Errors
    /// [`Error::Api`] 403: the token lacks the scope.
    pub async fn enable_shares(&self) -> Result<ShareEnabled, Error> {
        self.post("/v1/user/share-enable", &serde_json::json!({}), Repeat::Freely)
            .await
    }
}
