//! `GET /v1/changes/stream`: changes as server-sent events (HTML standard, section 9.2), for as long as the token is good.
//! Must not read ahead of its reader: a page is read when the one before it was taken.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use pantry_api::Reset;
use pantry_core::{
    Drive, Error,
    changes::{Changes, Cursor, Follower},
};
use pantry_types::SecretText;
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::{
    Params,
    envelope::Failure,
    state::AppState,
    v1::{args, bearer::Lasting},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Changes read at once.
const PAGE: i64 = 100;

/// How often the token is looked at.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// What keeps everybody on the way from holding the events back, compressing or keeping them.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform")),
    (
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    ),
];

/// `GET /v1/changes/stream`
pub async fn stream(
    State(state): State<AppState>,
    lasting: Lasting,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Failure> {
    let from = from(&headers, &params)?;
    let drive = state.drive().clone();
    let (follower, first) = drive.follow(&lasting.caller.actor(), from, PAGE).await?;
    let heartbeat = drive.settings().changes.heartbeat_seconds.max(1);
    let mut tail = Tail {
        drive,
        token: lasting.token,
        first: None,
        told: from,
        follower,
        check: every(CHECK_EVERY),
        beat: every(Duration::from_secs(heartbeat)),
    };
    // At once, so that the client sees that it is open, and knows where to go on before anything has happened.
    let opening = match from {
        Some(_) => ":\n\n".to_owned(),
        None => tail.sign_of_life(),
    };
    tail.first = Some(opening + &tail.tell(first));
    let events = stream::unfold(tail, async |mut tail| {
        let text = tail.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), tail))
    });
    Ok((HEADERS, Body::from_stream(events)).into_response())
}

/// Ticks for the first time after one period.
fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.reset();
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Where to go on. The header is what a client that lost the stream had last; the URL is where it began.
fn from(headers: &HeaderMap, params: &Params) -> Result<Option<Cursor>, Error> {
    let text = match headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) {
        Some(value) => Some(value.to_str().unwrap_or("\u{fffd}")),
        None => args::cursor(params)?,
    };
    text.map(Cursor::parse).transpose()
}

/// An open stream.
struct Tail {
    drive: Drive,
    token: SecretText,
    /// What was there before the answer began.
    first: Option<String>,
    /// The cursor that the client had last.
    told: Option<Cursor>,
    follower: Follower,
    check: Interval,
    beat: Interval,
}

impl Tail {
    /// What to send next; `None` when the stream ends, and the client may find out why by coming back.
    async fn next(&mut self) -> Option<String> {
        if let Some(text) = self.first.take() {
            return Some(text);
        }
        while !self.follower.has_stopped() {
            tokio::select! {
                biased;
                _ = self.check.tick() => {
                    self.drive.authenticate(self.token.expose()).await.ok()?;
                }
                _ = self.beat.tick() => return Some(self.sign_of_life()),
                goes_on = self.follower.news() => {
                    goes_on.then_some(())?;
                    let page = self.follower.read(PAGE).await;
                    let text = self.tell(page.map_err(|e| Failure::from(e).log()).ok()?);
                    if !text.is_empty() {
                        return Some(text);
                    }
                }
            }
        }
        None
    }

    /// A sign of life, and where to go on if that has moved without an event: a block with an id alone is none (HTML
    /// standard, section 9.2.6).
    fn sign_of_life(&mut self) -> String {
        let at = self.follower.cursor();
        match self.told.replace(at) {
            Some(told) if told == at => ":\n\n".to_owned(),
            _ => format!(":\nid: {at}\n\n"),
        }
    }

    /// The events of a page; none if it holds none.
    fn tell(&mut self, page: Changes) -> String {
        let mut text = String::new();
        if page.reset {
            let cursor = page.next;
            let data = Reset {
                reset: true,
                next_cursor: cursor.to_string(),
            };
            write(&mut text, "reset", cursor, &data);
            self.told = Some(cursor);
        }
        let after: Vec<Cursor> = page.changes.iter().map(|change| page.after(change)).collect();
        for (change, cursor) in page.changes.into_iter().zip(after) {
            write(&mut text, "change", cursor, &super::change(change));
            self.told = Some(cursor);
        }
        text
    }
}

/// One event. JSON of ours has no line breaks, and structs of texts and numbers can always be written.
fn write(text: &mut String, event: &str, cursor: Cursor, data: &impl Serialize) {
    let data = serde_json::to_string(data).unwrap_or_default();
    text.push_str(&format!("id: {cursor}\nevent: {event}\ndata: {data}\n\n"));
}
