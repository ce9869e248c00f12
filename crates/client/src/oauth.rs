//! OAuth: signing in by device code at the published addresses, renewing, signing out. Replies are plain OAuth, not the
//! envelope of v1. Must not decide when to renew; `auth` does.

use std::{fmt, time::Duration};

use pantry_types::SecretText;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Client, Error, Tokens, retry::Repeat};

/// How long a call may take.
const SHORT: Duration = Duration::from_secs(60);
/// Pause between questions when the server names none (RFC 8628, section 3.2), seconds.
const INTERVAL: u64 = 5;

/// What a person needs to sign a device in. Its `Debug` shows no code.
#[derive(Clone)]
pub struct DeviceCode {
    /// The code to enter.
    pub user_code: String,
    /// Where to enter it.
    pub verification_uri: String,
    /// The same with the code in it, for a QR code.
    pub verification_uri_complete: Option<String>,
    /// A picture of a QR code.
    pub qr_url: Option<String>,
    /// When the code runs out, Unix seconds.
    pub expires_at: i64,
    device_code: SecretText,
    interval: Duration,
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCode")
            .field("verification_uri", &self.verification_uri)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct DeviceReply {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    qr_url: Option<String>,
    expires_in: i64,
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct TokenReply {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<i64>,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct OAuthFailure {
    error: String,
    error_description: Option<String>,
}

impl Client {
    /// Asks for a device code (RFC 8628, section 3.1). `scope`: names with spaces between them; empty for the server's
    /// default.
    ///
    /// # Errors
    /// [`Error::OAuth`]: no such app (`invalid_client`), or a scope that it may not ask for (`invalid_scope`).
    pub async fn start_device(&self, scope: &str) -> Result<DeviceCode, Error> {
        let mut form = self.app_form()?;
        if !scope.is_empty() {
            form.push(("scope", scope.to_owned()));
        }
        let reply: DeviceReply = self.oauth("/oauth/device-code", &form).await?;
        Ok(DeviceCode {
            user_code: reply.user_code,
            verification_uri: reply.verification_uri,
            verification_uri_complete: reply.verification_uri_complete,
            qr_url: reply.qr_url,
            expires_at: self.clock.now().saturating_add(reply.expires_in),
            device_code: SecretText::new(reply.device_code),
            // An interval of 0 would be a busy loop.
            interval: Duration::from_secs(reply.interval.unwrap_or(INTERVAL)).max(Duration::from_millis(100)),
        })
    }

    /// Waits until the person has answered, and keeps the tokens.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::DeviceExpired`]. A lost connection is waited out until the code expires.
    pub async fn wait_for_device(&self, code: &DeviceCode) -> Result<Tokens, Error> {
        let mut form = self.app_form()?;
        form.push(("device_code", code.device_code.expose().to_owned()));
        let mut interval = code.interval;
        loop {
            tokio::time::sleep(interval).await;
            match self.oauth_once::<TokenReply>("/oauth/device-token", &form).await {
                Ok(reply) => return self.keep(reply, None).await,
                Err(Error::OAuth { error, .. }) if error == "authorization_pending" => {}
                Err(Error::OAuth { error, .. }) if error == "slow_down" => interval += Duration::from_secs(INTERVAL),
                Err(Error::OAuth { error, .. }) if error == "access_denied" => return Err(Error::Denied),
                Err(Error::OAuth { error, .. }) if error == "expired_token" => return Err(Error::DeviceExpired),
                Err(Error::Connection(_)) => {}
                Err(e) if matches!(e.status(), Some(429 | 500..)) => interval += Duration::from_secs(1),
                Err(e) => return Err(e),
            }
            if self.clock.now() >= code.expires_at {
                return Err(Error::DeviceExpired);
            }
        }
    }

    /// Ends the sign-in: the server forgets the grant's tokens (RFC 7009), and so does the store, whatever the server
    /// says.
    ///
    /// # Errors
    /// The store's. That the server could not be told gives `false`.
    pub async fn sign_out(&self) -> Result<bool, Error> {
        let told = match self.stored().await? {
            None => true,
            Some(tokens) => {
                let token = tokens.refresh_token.unwrap_or(tokens.access_token);
                match self.app_form() {
                    Ok(mut form) => {
                        form.push(("token", token));
                        self.oauth::<serde_json::Value>("/oauth/revoke", &form).await.is_ok()
                    }
                    Err(_) => false,
                }
            }
        };
        self.forget().await?;
        Ok(told)
    }

    /// A new pair for `refresh_token`, not yet kept.
    pub(crate) async fn refresh(&self, tokens: &Tokens, refresh_token: &str) -> Result<Tokens, Error> {
        let mut form = self.app_form()?;
        form.push(("grant_type", "refresh_token".to_owned()));
        form.push(("refresh_token", refresh_token.to_owned()));
        // After a lost answer the same request gets the same pair again, so it may be repeated.
        match self.oauth::<TokenReply>("/oauth/token", &form).await {
            Ok(reply) => self.keep(reply, Some(tokens)).await,
            Err(Error::OAuth { error, .. }) if error == "invalid_grant" => Err(Error::SignInNeeded),
            Err(e) => Err(e),
        }
    }

    async fn keep(&self, reply: TokenReply, old: Option<&Tokens>) -> Result<Tokens, Error> {
        let tokens = Tokens {
            access_token: reply.access_token,
            refresh_token: reply
                .refresh_token
                .or_else(|| old.and_then(|old| old.refresh_token.clone())),
            expires_at: reply.expires_in.map_or(0, |s| self.clock.now().saturating_add(s)),
            scope: reply
                .scope
                .or_else(|| old.map(|old| old.scope.clone()))
                .unwrap_or_default(),
        };
        self.save(&tokens).await?;
        Ok(tokens)
    }

    fn app_form(&self) -> Result<Vec<(&'static str, String)>, Error> {
        let id = self.client_id.clone().ok_or(Error::SignInNeeded)?;
        let mut form = vec![("client_id", id)];
        if let Some(secret) = &self.client_secret {
            form.push(("client_secret", secret.expose().to_owned()));
        }
        Ok(form)
    }

    async fn oauth<T: DeserializeOwned>(&self, path: &str, form: &[(&'static str, String)]) -> Result<T, Error> {
        let mut failed = 0;
        loop {
            match self.oauth_once(path, form).await {
                Err(e) => {
                    failed += 1;
                    self.pause_after(e, Repeat::Freely, failed).await?;
                }
                done => return done,
            }
        }
    }

    async fn oauth_once<T: DeserializeOwned>(&self, path: &str, form: &[(&'static str, String)]) -> Result<T, Error> {
        let request = self.http.post(self.url(path)?).form(form).timeout(SHORT);
        let response = request.send().await.map_err(Error::connection)?;
        let status = response.status().as_u16();
        // Errors of the server itself, and throttling, come as on every other address.
        if status == 429 || status >= 500 {
            return Err(crate::transport::refusal(response).await);
        }
        let body = response.bytes().await.map_err(Error::connection)?;
        // The published text shows errors without their status, so the body decides.
        if let Ok(refused) = serde_json::from_slice::<OAuthFailure>(&body) {
            return Err(Error::OAuth {
                status,
                error: refused.error,
                description: refused.error_description,
            });
        }
        if !(200..300).contains(&status) {
            return Err(Error::Answer(format!("{path} answered {status}")));
        }
        // Neither this text nor serde's repeats a token: serde names the field and the place.
        serde_json::from_slice(&body).map_err(|e| Error::Answer(format!("{path}: {e}")))
    }
}
