//! Sending: one request, its retries, and the envelope of v1. Must not know any call.

use std::time::Duration;

use pantry_api::{Envelope, ErrorBody};
use reqwest::{Method, RequestBuilder, Response, header::RETRY_AFTER};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Client, Error, retry::Repeat};

/// How long a short call may take.
const SHORT: Duration = Duration::from_secs(120);
/// Most bytes of an error's body that are read.
const ERROR_BYTES: usize = 64 * 1024;

impl Client {
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, Error> {
        let url = self.url(path)?;
        self.call(Repeat::Freely, || {
            self.http.request(Method::GET, url.clone()).query(query).timeout(SHORT)
        })
        .await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        repeat: Repeat,
    ) -> Result<T, Error> {
        let url = self.url(path)?;
        self.call(repeat, || {
            self.http.request(Method::POST, url.clone()).json(body).timeout(SHORT)
        })
        .await
    }

    /// A call of v1 with the token: renewed when it is old or refused, sent again when it may be.
    pub(crate) async fn call<T, B>(&self, repeat: Repeat, build: B) -> Result<T, Error>
    where
        T: DeserializeOwned,
        B: Fn() -> RequestBuilder,
    {
        let mut token = self.access_token().await?;
        let mut renewed = false;
        let mut failed = 0;
        loop {
            match answer(build().bearer_auth(&token)).await {
                // What the server refused for its token it did not do, so this is safe for every call.
                Err(e) if e.is_status(401) && !renewed => {
                    renewed = true;
                    token = self.renew(&token).await?;
                }
                Err(e) if e.is_status(401) => return Err(Error::SignInNeeded),
                Err(e) => {
                    failed += 1;
                    self.pause_after(e, repeat, failed).await?;
                }
                done => return done,
            }
        }
    }

    /// A call that carries its own secret in its address, and no token.
    pub(crate) async fn call_open<T, B>(&self, build: B) -> Result<T, Error>
    where
        T: DeserializeOwned,
        B: Fn() -> RequestBuilder,
    {
        let mut failed = 0;
        loop {
            match answer(build()).await {
                Err(e) => {
                    failed += 1;
                    self.pause_after(e, Repeat::Freely, failed).await?;
                }
                done => return done,
            }
        }
    }

    /// Waits until the next try, or gives the error back when there shall be none.
    pub(crate) async fn pause_after(&self, error: Error, repeat: Repeat, failed: u32) -> Result<(), Error> {
        match self.retry.pause(&error, repeat, failed, &*self.random) {
            None => Err(error),
            Some(pause) => {
                tokio::time::sleep(pause).await;
                Ok(())
            }
        }
    }
}

/// Sends one request and reads its envelope.
pub(crate) async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Error> {
    let response = request.send().await.map_err(Error::connection)?;
    if !response.status().is_success() {
        return Err(refusal(response).await);
    }
    let body = response.bytes().await.map_err(Error::connection)?;
    match serde_json::from_slice::<Envelope<T>>(&body) {
        Ok(envelope) => Ok(envelope.data),
        Err(e) => Err(Error::Answer(e.to_string())),
    }
}

/// The error that an answer other than a success means.
pub(crate) async fn refusal(mut response: Response) -> Error {
    let status = response.status();
    let retry_after = retry_after(&response);
    let mut body = Vec::new();
    // What cannot be read of it does not matter: the status says enough.
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR_BYTES {
            break;
        }
    }
    let (code, message, request_id) = match serde_json::from_slice::<ErrorBody>(&body) {
        Ok(body) => (body.error, body.errmsg, body.request_id),
        Err(_) => (String::new(), format!("the server answered {status}"), String::new()),
    };
    Error::Api {
        status: status.as_u16(),
        code,
        message,
        request_id,
        retry_after,
    }
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3). A date is not understood: our clock may differ.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
