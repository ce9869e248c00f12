//! A server whose answers a test writes: it records what came and cuts connections where it is told to.
//! Must not know the protocol.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{Request, Response, body::Frame, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};

/// What came.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub query: String,
    pub token: String,
    pub range: String,
    pub last_event_id: String,
    pub body: Vec<u8>,
}

/// What is answered.
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Cut the connection after the body instead of ending it.
    cut: bool,
    length: usize,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            status,
            headers: Vec::new(),
            length: body.len(),
            body,
            cut: false,
        }
    }

    /// A success of v1.
    pub fn data(data: serde_json::Value) -> Self {
        let envelope = serde_json::json!({"errno": 0, "errmsg": "ok", "data": data});
        Self::new(200, envelope.to_string())
    }

    /// A failure of v1.
    pub fn error(status: u16, code: &str) -> Self {
        let body = serde_json::json!({"errno": status, "errmsg": code, "error": code, "request_id": "00ff"});
        Self::new(status, body.to_string())
    }

    pub fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Announces the whole body and sends only `bytes` of it.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self.cut = true;
        self
    }
}

/// The server and what came to it.
pub struct Server {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Server {
    /// Answers with `answer`, which also gets how many calls came before to the same path.
    pub async fn start(answer: impl Fn(&Call, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let (seen, answer) = (Arc::clone(&calls), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    let service = service_fn(move |request| handle(request, Arc::clone(&seen), Arc::clone(&answer)));
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A connection that was cut on purpose ends with an error.
                    let _cut = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, calls }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no panic while it is held").clone()
    }

    /// How many calls came to this path.
    pub fn count(&self, path: &str) -> usize {
        self.calls().iter().filter(|call| call.path == path).count()
    }
}

async fn handle(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Call>>>,
    answer: Arc<impl Fn(&Call, usize) -> Reply>,
) -> Result<Response<UnsyncBoxBody<Bytes, std::io::Error>>, Infallible> {
    let (parts, body) = request.into_parts();
    let header = |name: &str| {
        let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let call = Call {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        token: header("authorization").trim_start_matches("Bearer ").to_owned(),
        range: header("range"),
        last_event_id: header("last-event-id"),
        body: body
            .collect()
            .await
            .map(|body| body.to_bytes().to_vec())
            .unwrap_or_default(),
    };
    let before = {
        let mut seen = seen.lock().expect("no panic while it is held");
        let before = seen.iter().filter(|old| old.path == call.path).count();
        seen.push(call.clone());
        before
    };
    let reply = answer(&call, before);
    let mut response = Response::builder()
        .status(reply.status)
        .header("content-length", reply.length);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let mut frames = vec![Ok(Frame::data(Bytes::from(reply.body)))];
    if reply.cut {
        frames.push(Err(std::io::Error::other("cut on purpose")));
    }
    // One by one, or the first would be lost with the cut.
    let frames = stream::unfold(frames.into_iter(), |mut frames| async move {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        frames.next().map(|frame| (frame, frames))
    });
    let body = StreamBody::new(frames).boxed_unsync();
    Ok(response.body(body).expect("a response"))
}
