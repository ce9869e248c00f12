//! `/v1/changes` and its stream: what changed in the token's root, by asking and as it comes. Must not keep a picture of the
//! tree: what a change means for it is the caller's.

use pantry_api::{Change, ChangeListing, Reset};
use reqwest::{Response, StatusCode, header::ACCEPT};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Client, Error,
    events::{Block, Events},
    retry::Repeat,
    transport::refusal,
};

#[derive(Serialize)]
struct ChangesQuery<'a> {
    limit: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

/// What a stream of changes tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// Something changed.
    Change(Change),
    /// What was known does not lead on: list everything anew. The stream goes on from here.
    Reset,
}

/// The changes of a root as they come. It survives lost connections, a server that is started anew, and tokens that are
/// renewed, and goes on after the last change that it told.
#[derive(Debug)]
pub struct ChangeStream {
    client: Client,
    cursor: Option<String>,
    open: Option<Response>,
    events: Events,
    failed: u32,
}

impl Client {
    /// Changes since a cursor, `limit` up to 200; without one, a cursor for now (`GET /v1/changes`).
    ///
    /// # Errors
    /// [`Error::Api`] 400: a malformed cursor; 403: the token may read nothing.
    pub async fn changes_page(&self, cursor: Option<&str>, limit: i64) -> Result<ChangeListing, Error> {
        self.get("/v1/changes", &ChangesQuery { limit, cursor }).await
    }

    /// Follows the changes after a cursor, or from now on (`GET /v1/changes/stream`). Nothing is asked for before the first
    /// [`ChangeStream::next`].
    ///
    /// To keep a picture of the tree: take a cursor from [`Client::changes_page`], list everything, then follow from there.
    pub fn follow_changes(&self, cursor: Option<&str>) -> ChangeStream {
        ChangeStream {
            client: self.clone(),
            cursor: cursor.map(str::to_owned),
            open: None,
            events: Events::default(),
            failed: 0,
        }
    }
}

impl ChangeStream {
    /// Where to go on after what was told last; `None` before the server has said anything. Worth keeping: it outlives
    /// this program.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Waits for what comes next. It never ends by itself, and may be dropped and asked again at any time.
    ///
    /// # Errors
    /// [`Error::SignInNeeded`], [`Error::Api`] as for [`Client::changes_page`], and 429: too many streams are open.
    /// [`Error::Connection`] when patience has ended; calling again begins anew, from the same place.
    pub async fn next(&mut self) -> Result<Told, Error> {
        loop {
            while let Some(block) = self.events.next()? {
                if let Some(told) = self.take(block)? {
                    return Ok(told);
                }
            }
            let Some(response) = &mut self.open else {
                self.connect().await?;
                continue;
            };
            let silence = self.client.retry.silence;
            let lost = match tokio::time::timeout(silence, response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    self.failed = 0;
                    self.events.push(&bytes);
                    continue;
                }
                Ok(Ok(None)) => Error::Connection("the stream ended".to_owned()),
                Ok(Err(e)) => Error::connection(e),
                Err(_) => Error::Connection(format!("nothing came for {} s", silence.as_secs())),
            };
            self.open = None;
            self.wait(lost).await?;
        }
    }

    /// What a block says; nothing if it only says where to go on, or something that we do not know.
    fn take(&mut self, block: Block) -> Result<Option<Told>, Error> {
        let told = match block.event.as_str() {
            "change" => Some(Told::Change(read(&block.data)?)),
            "reset" => read::<Reset>(&block.data).map(|_| Some(Told::Reset))?,
            _ => None,
        };
        if !block.id.is_empty() {
            self.cursor = Some(block.id);
        }
        Ok(told)
    }

    async fn wait(&mut self, lost: Error) -> Result<(), Error> {
        self.failed += 1;
        let waited = self.client.pause_after(lost, Repeat::Freely, self.failed).await;
        if waited.is_err() {
            self.failed = 0;
        }
        waited
    }

    async fn connect(&mut self) -> Result<(), Error> {
        let mut token = self.client.access_token().await?;
        let mut renewed = false;
        loop {
            let url = self.client.url("/v1/changes/stream")?;
            let mut request = self.client.http.get(url).bearer_auth(&token);
            request = request.header(ACCEPT, "text/event-stream");
            if let Some(cursor) = &self.cursor {
                request = request.header("last-event-id", cursor);
            }
            let response = match tokio::time::timeout(self.client.retry.silence, request.send()).await {
                Ok(Ok(response)) => response,
                Ok(Err(e)) => return self.wait(Error::connection(e)).await,
                Err(_) => return self.wait(Error::Connection("no answer came".to_owned())).await,
            };
            match response.status() {
                StatusCode::OK => {
                    // What was cut off in the middle is sent again.
                    self.events = Events::default();
                    self.open = Some(response);
                    return Ok(());
                }
                StatusCode::UNAUTHORIZED if !renewed => {
                    renewed = true;
                    token = self.client.renew(&token).await?;
                }
                StatusCode::UNAUTHORIZED => return Err(Error::SignInNeeded),
                _ => return self.wait(refusal(response).await).await,
            }
        }
    }
}

fn read<T: DeserializeOwned>(data: &str) -> Result<T, Error> {
    serde_json::from_str(data).map_err(|e| Error::Answer(e.to_string()))
}
