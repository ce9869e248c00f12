//! The weipan face: `/?m=…&a=…`, and nothing else. One table says which method is what.
//! Must hold no rule of the drive, and know no other face.

mod args;
mod call;
mod fault;
mod methods;
mod multipart;
mod post;
mod reply;
mod show;
mod table;
pub mod wire;

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, Method as Verb, StatusCode, Uri,
    header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, USER_AGENT},
    request::Parts,
};
use http_body_util::BodyExt;
use pantry_core::{
    Drive,
    auth::Origin,
    weipan::{Dolog, WeipanActor},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use call::{Call, Done, Open};
use fault::{Cause, Fault};
use methods::session;
use reply::Reply;
use table::{Method, Run};
use wire::{FILE_BYTES, Gather, Sent};

use crate::{
    body::drain,
    rate::RateLimiter,
    request::{ClientAddress, Context},
    state::AppState,
};

pub use table::markdown;

/// How long a body may stand still.
const IDLE: Duration = Duration::from_secs(60);
/// How long a body waits for memory.
const MEMORY_WAIT: Duration = Duration::from_secs(30);
/// Memory for bodies with files that are held at once, in KiB: 128 MiB.
const MEMORY_KIB: u32 = 128 * 1024;
/// What a body with a file may hold, in KiB.
const ONE_KIB: u32 = (FILE_BYTES as u32) / 1024 + 2048;
/// Most bytes of a body that are looked at for what follows a file that is too large.
const LOOKED_AT: u64 = 64 * 1024 * 1024;

/// What the face keeps beside the drive.
#[derive(Debug)]
pub struct Shared {
    rate: RateLimiter,
    memory: Arc<Semaphore>,
}

impl Shared {
    /// As the settings say.
    pub fn new(drive: &Drive) -> Self {
        Self {
            rate: RateLimiter::per_minute(drive.settings().weipan.rate_per_minute),
            memory: Arc::new(Semaphore::new(MEMORY_KIB as usize)),
        }
    }

    fn count(&self, key: i64, now_ms: i64) -> Result<(), Fault> {
        self.rate.take(key, now_ms).map_err(|wait| {
            Fault::new(
                Cause::Rate,
                format!("too many calls in a minute; try again in {wait} seconds"),
            )
        })
    }
}

/// Takes what is the API's at `/`: every POST, and a GET whose query has `a`. The rest goes on to the web page.
pub async fn at_root(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if is_ours(request.method(), request.uri()) {
        serve(&state, request).await
    } else {
        next.run(request).await
    }
}

fn is_ours(verb: &Verb, uri: &Uri) -> bool {
    let has_a = || {
        let query = uri.query().unwrap_or("");
        query.split('&').any(|pair| pair == "a" || pair.starts_with("a="))
    };
    uri.path() == "/" && (*verb == Verb::POST || (*verb == Verb::GET && has_a()))
}

async fn serve(state: &AppState, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(ClientAddress(address)) = ClientAddress::from_request_parts(&mut parts, state).await;
    let (sent, memory) = match gather(state, &parts, body).await {
        Ok(gathered) => gathered,
        Err(fault) => return Reply::failure(fault.cause.number(), fault.message.into_owned()).into_response(),
    };
    if parts.method == Verb::POST && post::is_form(&sent) {
        return post::receive(state.drive(), sent).await;
    }
    let (m, a) = (sent.text("m").unwrap_or(""), sent.text("a").unwrap_or(""));
    let Some(method) = table::find(m, a) else {
        let fault = session::unknown(m, a);
        return Reply::failure(fault.cause.number(), fault.message.into_owned()).into_response();
    };
    let agent = parts
        .headers
        .get(USER_AGENT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    let origin = Origin::new(Some(address), agent);
    let response = match method.run {
        Run::Open(run) => {
            let open = Open {
                state: state.clone(),
                origin,
                sent,
            };
            answer(method, run(&open).await, None)
        }
        Run::Read(_) | Run::Look(_) | Run::Write(_) => match authenticate(state, &parts, &sent, &origin).await {
            Ok(caller) => {
                let since = args::dologid(&sent);
                let call = Call {
                    state: state.clone(),
                    sent,
                    reader: caller.actor(None),
                    caller,
                    since,
                };
                perform(method, &call).await
            }
            Err(fault) => answer(method, Err(fault), None),
        },
    };
    drop(memory);
    response
}

async fn authenticate(state: &AppState, parts: &Parts, sent: &Sent, origin: &Origin) -> Result<WeipanActor, Fault> {
    let token = sent.text("token").filter(|t| !t.is_empty());
    let token = token.ok_or_else(|| Fault::new(Cause::Token, "token is missing; call get_token for one"))?;
    let caller = state.drive().weipan_authenticate(token, origin).await?;
    if let Some(context) = parts.extensions.get::<Context>() {
        context.set_user(caller.user);
    }
    Ok(caller)
}

/// Runs a method with a token, and tells its caller of the changes: for a read those before it, so that nothing is shown
/// older than the number told with it; for a write those up to its own.
async fn perform(method: &Method, call: &Call) -> Response {
    let drive = call.drive();
    let user = call.caller.user;
    let key = session::rate_key((&call.uid(), &call.caller.client_id));
    let counted = call.state.weipan().count(key, drive.clock().now_ms());
    let reply = match (&method.run, counted) {
        (_, Err(fault)) => {
            let dolog = drive.dolog(user, call.since).await.ok();
            return answer(method, Err(fault), dolog);
        }
        (Run::Read(run), Ok(())) => match drive.dolog(user, call.since).await {
            Err(e) => return answer(method, Err(e.into()), None),
            Ok(dolog) => (run(call).await, Some(dolog)),
        },
        (Run::Look(run), Ok(())) => match run(call).await {
            Ok(Done::Seen(data, dolog)) => (Ok(Done::Read(data)), Some(dolog)),
            other => (other, drive.dolog(user, call.since).await.ok()),
        },
        (Run::Write(run), Ok(())) => match run(call).await {
            // The usual write of a program in step: it is the one change since, and there is nothing to look up.
            Ok(Done::WroteIn(data, head, folder)) if call.since == Some(head - 1) => {
                let folders = vec![folder];
                (Ok(Done::Read(data)), Some(Dolog { head, folders }))
            }
            Ok(Done::Wrote(data, head) | Done::WroteIn(data, head, _)) => {
                let told = drive.dolog_up_to(user, call.since, head).await;
                // The write stands whether or not this read worked; without folders its caller fetches all anew.
                let dolog = told.unwrap_or(Dolog {
                    head,
                    folders: Vec::new(),
                });
                (Ok(Done::Wrote(data, head)), Some(dolog))
            }
            other => (other, drive.dolog(user, call.since).await.ok()),
        },
        (Run::Open(_), Ok(())) => (Err(session::unknown(method.m, method.a)), None),
    };
    let response = answer(method, reply.0, reply.1);
    if method.calls_back
        && let Some(to) = callback(call)
    {
        return call_back(to, response).await;
    }
    response
}

fn answer(method: &Method, done: Result<Done, Fault>, dolog: Option<Dolog>) -> Response {
    let mut reply = match done {
        Ok(Done::Read(data) | Done::Seen(data, _) | Done::Wrote(data, _) | Done::WroteIn(data, _, _)) => {
            Reply::success(data)
        }
        Ok(Done::Beside(fields)) => Reply {
            beside: Some(fields),
            ..Reply::success(None)
        },
        Ok(Done::Redirect(to)) => return redirect(&to),
        Err(fault) => {
            let number = method.number(&fault);
            Reply::failure(number, fault.message.into_owned())
        }
    };
    reply.dolog = dolog;
    reply.into_response()
}

fn redirect(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(location) => (StatusCode::FOUND, [(LOCATION, location)]).into_response(),
        Err(_) => Reply::failure(Cause::Internal.number(), "the address cannot be written".into()).into_response(),
    }
}

/// Where a form is to go on: only to a place that the app registered.
fn callback(call: &Call) -> Option<Url> {
    let to = Url::parse(call.sent.text("callback")?).ok()?;
    let web = |url: &Url| matches!(url.scheme(), "http" | "https");
    let registered = call
        .caller
        .redirect_uris()
        .iter()
        .filter_map(|uri| Url::parse(uri).ok());
    let known = registered.filter(web).any(|uri| uri.origin() == to.origin());
    (web(&to) && known).then_some(to)
}

async fn call_back(mut to: Url, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return parts.status.into_response();
    };
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    to.set_fragment(None);
    to.query_pairs_mut().append_pair("msg", &text);
    redirect(to.as_str())
}

/// Takes a request in. Its memory is given back when the permit goes.
async fn gather(
    state: &AppState,
    parts: &Parts,
    mut body: Body,
) -> Result<(Sent, Option<OwnedSemaphorePermit>), Fault> {
    let header = |name| {
        parts
            .headers
            .get(name)
            .map(|v: &HeaderValue| String::from_utf8_lossy(v.as_bytes()))
    };
    let kind = header(CONTENT_TYPE);
    let spool = u64::try_from(state.drive().settings().weipan.post_bytes).unwrap_or(0);
    let query = parts.uri.query().unwrap_or("");
    let mut gather = Gather::new(query, kind.as_deref(), spool);
    let mut memory = None;
    if gather.is_multipart() {
        let announced = header(CONTENT_LENGTH).and_then(|t| t.parse::<u64>().ok());
        let kib = announced.map_or(ONE_KIB, |n| {
            u32::try_from(n / 1024 + 1).unwrap_or(u32::MAX).min(ONE_KIB)
        });
        let wait = Arc::clone(&state.weipan().memory).acquire_many_owned(kib);
        match tokio::time::timeout(MEMORY_WAIT, wait).await {
            Ok(Ok(permit)) => memory = Some(permit),
            _ => {
                drain(body).await;
                return Err(Fault::new(
                    Cause::Rate,
                    "the server is busy with other uploads; try again in a moment",
                ));
            }
        }
    }
    let mut looked_at: u64 = 0;
    let broken = loop {
        let frame = match tokio::time::timeout(IDLE, body.frame()).await {
            Ok(None) => break false,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) | Err(_) => break true,
        };
        let Ok(bytes) = frame.into_data() else { continue };
        looked_at += bytes.len() as u64;
        let most = if gather.is_spooling() {
            spool.saturating_add(LOOKED_AT)
        } else {
            LOOKED_AT
        };
        if !gather.push(&bytes) || looked_at > most {
            drain(body).await;
            break true;
        }
    };
    Ok((gather.finish(broken), memory))
}
