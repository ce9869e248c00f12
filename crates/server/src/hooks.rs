//! Sending webhooks over HTTP: names are resolved here, every address is judged by the drive's rules at the moment it is
//! connected to, and that very address is spoken to. Owns connections, TLS and times; must not know what is sent, nor when.
//!
//! There is no pool, no proxy and no redirect: a connection serves one request, and nothing but the rules, the resolver and
//! the settings says where it goes.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, OnceLock},
    time::{Duration, UNIX_EPOCH},
};

use anyhow::Context;
use http::{
    HeaderMap, HeaderValue, Method, Request,
    header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT},
};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use pantry_core::{
    hooks::{Answer, Message, Rules, Sender, Sent, Target, Unsent},
    settings::Hooks,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Host;

/// Addresses of one name that are tried, at most.
const TRIED: usize = 4;
/// Largest head of an answer, in bytes.
const HEAD: usize = 16 * 1024;
/// Fields of it, at most.
const FIELDS: usize = 64;
/// Bytes of an answer's body that are taken before it is broken off; nobody looks at them.
const BODY: usize = 16 * 1024;
/// How long they are waited for.
const BODY_TIME: Duration = Duration::from_secs(1);

type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Finds the network addresses of a host's name. A test gives its own.
pub trait Resolve: Send + Sync + 'static {
    /// All of them, in the order in which they are to be tried.
    fn resolve<'a>(&'a self, host: &'a str) -> Later<'a, io::Result<Vec<IpAddr>>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Later<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            Ok(tokio::net::lookup_host((host, 0))
                .await?
                .map(|found| found.ip())
                .collect())
        })
    }
}

/// Sends over HTTP/1.1.
pub struct HttpSender {
    rules: Rules,
    resolver: Arc<dyn Resolve>,
    connect: Duration,
    total: Duration,
    ca_file: String,
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl std::fmt::Debug for HttpSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpSender")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl HttpSender {
    /// By the settings, with the system's resolver.
    ///
    /// # Errors
    /// A setting is malformed; the file of certificates cannot be read.
    pub fn new(settings: &Hooks) -> anyhow::Result<Self> {
        Self::with_resolver(settings, Arc::new(SystemResolver))
    }

    /// By the settings, with another resolver.
    ///
    /// # Errors
    /// As [`HttpSender::new`].
    pub fn with_resolver(settings: &Hooks, resolver: Arc<dyn Resolve>) -> anyhow::Result<Self> {
        if !settings.ca_file.is_empty() {
            // At the start, where the operator looks; the certificates of the system are read when first needed.
            certificates(&settings.ca_file)?;
        }
        Ok(Self {
            rules: Rules::parse(&settings.allow).map_err(|e| anyhow::anyhow!("hooks.allow: {e}"))?,
            resolver,
            connect: Duration::from_secs(settings.connect_seconds.max(1)),
            total: Duration::from_secs(settings.timeout_seconds.max(1)),
            ca_file: settings.ca_file.clone(),
            tls: OnceLock::new(),
        })
    }

    async fn attempt(&self, message: Message) -> Sent {
        let target = &message.target;
        let stream = match timeout(self.connect, self.reach(target)).await {
            Ok(stream) => stream?,
            Err(_) => return Err(Unsent::Connect),
        };
        if !target.is_secure() {
            return exchange(stream, &message).await;
        }
        let name = match target.host() {
            Host::Domain(host) => ServerName::try_from(host.clone()).map_err(|_| Unsent::Tls)?,
            Host::Ipv4(ip) => ServerName::from(IpAddr::from(*ip)),
            Host::Ipv6(ip) => ServerName::from(IpAddr::from(*ip)),
        };
        let stream = TlsConnector::from(self.tls()?).connect(name, stream).await;
        exchange(stream.map_err(|_| Unsent::Tls)?, &message).await
    }

    /// A connection to one of the addresses that the target may be reached at.
    async fn reach(&self, target: &Target) -> Result<TcpStream, Unsent> {
        let found = match (target.literal(), target.host()) {
            (Some(ip), _) => vec![ip],
            (None, Host::Domain(host)) => self.resolver.resolve(host).await.unwrap_or_default(),
            (None, _) => Vec::new(),
        };
        let mut permitted = found
            .into_iter()
            .filter(|ip| self.rules.permits(target, *ip))
            .peekable();
        if permitted.peek().is_none() {
            return Err(Unsent::Address);
        }
        for ip in permitted.take(TRIED) {
            let address = SocketAddr::new(ip, target.port());
            // One that swallows what is sent to it leaves time for the next.
            let tried = timeout(self.connect / 2, TcpStream::connect(address)).await;
            if let Ok(Ok(stream)) = tried
                // What we are connected to, by the system's word.
                && stream.peer_addr().is_ok_and(|peer| self.rules.permits(target, peer.ip()))
            {
                return Ok(stream);
            }
        }
        Err(Unsent::Connect)
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, Unsent> {
        let made = self.tls.get_or_init(|| {
            let config = trusting(&self.ca_file).map_err(|e| format!("{e:#}"));
            if let Err(e) = &config {
                tracing::error!(error = %e, "webhooks cannot be sent by TLS");
            }
            config
        });
        made.clone().map_err(|_| Unsent::Tls)
    }
}

impl Sender for HttpSender {
    fn send(&self, message: Message) -> Later<'_, Sent> {
        Box::pin(async move {
            let attempt = timeout(self.total, self.attempt(message));
            attempt.await.unwrap_or(Err(Unsent::Timeout))
        })
    }
}

/// One request over a connection that ends with it.
async fn exchange<S>(stream: S, message: &Message) -> Sent
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = request(message).map_err(|_| Unsent::Protocol)?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD).max_headers(FIELDS);
    let (mut sender, connection) = builder
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(|_| Unsent::Protocol)?;
    let driver = Driver(tokio::spawn(async move {
        // How it ended shows in the answer, or in its absence.
        let _ = connection.await;
    }));
    let response = sender.send_request(request).await.map_err(|_| Unsent::Protocol)?;
    let answer = Answer {
        status: response.status().as_u16(),
        retry_after: retry_after(response.headers(), message.timestamp),
    };
    // A server that is read to the end is not told that its client went away. What it says is not looked at.
    let _ = timeout(BODY_TIME, drain(response.into_body())).await;
    drop(driver);
    Ok(answer)
}

/// Ends the connection when nobody waits for it any more.
struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn drain(mut body: Incoming) {
    let mut taken = 0;
    while taken < BODY {
        match body.frame().await {
            Some(Ok(frame)) => taken += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}

fn request(message: &Message) -> http::Result<Request<Full<Bytes>>> {
    Request::builder()
        .method(Method::POST)
        .uri(message.target.path())
        .header(HOST, message.target.authority())
        .header(USER_AGENT, HeaderValue::from_static("Pantry-Webhooks/1"))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", message.timestamp)
        .header("webhook-signature", &message.signature)
        .body(Full::new(Bytes::from(message.body.clone())))
}

/// Seconds, or a date (RFC 9110, section 10.2.3), seen from when the attempt was made.
fn retry_after(headers: &HeaderMap, now: i64) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(at.as_secs()).ok()?.checked_sub(now)
}

fn certificates(file: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = || CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>();
    read().with_context(|| format!("hooks.ca_file {file}"))
}

/// The certificates of the system, and those of a file if one is named.
fn trusting(ca_file: &str) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if !ca_file.is_empty() {
        for certificate in certificates(ca_file)? {
            roots.add(certificate).context("hooks.ca_file")?;
        }
    }
    if roots.is_empty() {
        tracing::warn!("this system has no certificates to check others by: no webhook can be sent by https");
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Option<i64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().expect("a value"));
        // Sun, 06 Nov 1994 08:49:37 GMT.
        retry_after(&headers, 784_111_777)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(asked(" 120 "), Some(120));
        for garbage in ["", "-1", "1.5", "soon", "99999999999999999999"] {
            assert_eq!(asked(garbage), None, "{garbage}");
        }
        assert_eq!(asked("Sun, 06 Nov 1994 08:51:17 GMT"), Some(100));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:36 GMT"), Some(-1));
    }
}
