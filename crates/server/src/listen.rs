//! Taking connections: HTTP/1.1 and HTTP/2 without TLS (prior knowledge), time limits, and an end that lets requests finish.
//! Must not know what is answered.

use std::{io, net::SocketAddr, pin::pin, time::Duration};

use axum::Router;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use pantry_http::Peer;
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

/// How long the head of a request may take to arrive; idle connections end as soon.
const HEADER_SECONDS: Duration = Duration::from_secs(60);

/// Pause after a failed accept: out of file descriptors, mostly, and trying again at once would burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// HTTP/2: how many bytes of one body may come before they are taken. Uploads over a long line need more than the usual 64 KiB.
const STREAM_WINDOW: u32 = 1 << 20;

/// HTTP/2: the same for a whole connection.
const CONNECTION_WINDOW: u32 = 4 << 20;

/// HTTP/2: requests at once on one connection.
const STREAMS: u32 = 200;

/// Binds an address.
///
/// # Errors
/// A text that names it.
pub async fn bind(address: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}")))
}

/// Serves until `stop` is ready, then takes no new connections, and ends once the running requests are answered or
/// `grace` is over. True if all were answered.
pub async fn serve(listener: TcpListener, router: Router, grace: Duration, stop: impl Future<Output = ()>) -> bool {
    let builder = builder();
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => connect(&builder, &graceful, stream, peer, router.clone()),
            Err(e) => {
                // One caller who hung up at once is no reason to wait.
                if !matches!(
                    e.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) {
                    tracing::warn!(error = %e, "a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    tokio::time::timeout(grace, graceful.shutdown()).await.is_ok()
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Never pipeline_flush: with it hyper takes a body as fast as it comes, however slow the reader.
        .header_read_timeout(HEADER_SECONDS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_SECONDS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS);
    builder
}

fn connect(
    builder: &Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) {
    // Answers are written whole; waiting for more to send with them only costs time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().call(request)
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(e) = watched.await {
            tracing::debug!(error = %e, "a connection broke");
        }
    });
}
