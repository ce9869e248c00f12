//! [`Client`]: where the server is, who the app is, and what the client was given to work with.
//! Must not send requests; `transport` does.

use std::{fmt, sync::Arc};

use pantry_types::{SecretText, SharedClock, SharedRandom, SystemClock, SystemRandom};
use reqwest::Url;

use crate::{Error, MemoryStore, Retry, TokenStore};

/// A connection to one server in the name of one sign-in. Clones share everything, and are cheap.
#[derive(Clone)]
pub struct Client {
    pub(crate) base: Url,
    pub(crate) http: reqwest::Client,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretText>,
    pub(crate) store: Arc<dyn TokenStore>,
    pub(crate) renewing: Arc<tokio::sync::Mutex<()>>,
    pub(crate) retry: Retry,
    pub(crate) clock: SharedClock,
    pub(crate) random: SharedRandom,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .field("client_id", &self.client_id)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the server at `base_url`, such as `http://127.0.0.1:8080`, that keeps tokens in memory.
    ///
    /// # Errors
    /// [`Error::Address`]: no http(s) address; or https in a build without the feature `tls`.
    pub fn new(base_url: &str) -> Result<Self, Error> {
        let base = parse_base(base_url)?;
        let builder = reqwest::Client::builder()
            .user_agent(concat!("pantry-client/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(std::time::Duration::from_secs(15))
            .tcp_keepalive(std::time::Duration::from_secs(30));
        let http = with_tls(builder)?.build().map_err(Error::connection)?;
        Ok(Self {
            base,
            http,
            client_id: None,
            client_secret: None,
            store: Arc::new(MemoryStore::default()),
            renewing: Arc::default(),
            retry: Retry::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        })
    }

    /// Names the app: needed to sign in and to renew tokens.
    #[must_use]
    pub fn with_client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// The app's secret; a public app has none.
    #[must_use]
    pub fn with_client_secret(mut self, secret: SecretText) -> Self {
        self.client_secret = Some(secret);
        self
    }

    /// Keeps tokens in `store`.
    #[must_use]
    pub fn with_store(mut self, store: Arc<dyn TokenStore>) -> Self {
        self.store = store;
        self
    }

    /// Sets how patient the client is.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Reads the time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// Draws pauses from `random`.
    #[must_use]
    pub fn with_random(mut self, random: SharedRandom) -> Self {
        self.random = random;
        self
    }

    /// Where the server is, without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// An address below the server's.
    pub(crate) fn url(&self, path: &str) -> Result<Url, Error> {
        parse_url(&format!("{}{path}", self.base_url()))
    }
}

/// An address that the server or the caller named. It may be a secret, so the error does not repeat it.
pub(crate) fn parse_url(text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|e| Error::Answer(format!("an address in it is malformed ({e})")))
}

fn parse_base(text: &str) -> Result<Url, Error> {
    let refuse = |reason: &str| Error::Address {
        address: text.to_owned(),
        reason: reason.to_owned(),
    };
    let mut url = Url::parse(text.trim()).map_err(|e| refuse(&e.to_string()))?;
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "tls") => {}
        "https" => return Err(refuse("this build speaks http only; build it with --features tls")),
        _ => return Err(refuse("it must begin with http:// or https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Address {
            address: url.host_str().unwrap_or_default().to_owned(),
            reason: "name and password do not belong into it".to_owned(),
        });
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(not(feature = "tls"))]
fn with_tls(builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Error> {
    Ok(builder)
}

/// TLS 1.2 and 1.3 by rustls, trusting what the system trusts. A system that trusts nobody can still use http.
#[cfg(feature = "tls")]
fn with_tls(builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Connection(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(builder.tls_backend_preconfigured(config))
}

#[cfg(test)]
mod tests {
    //! Which addresses are taken.
    use super::*;

    #[test]
    fn addresses_of_servers() {
        for (text, base) in [
            ("http://a", "http://a"),
            ("http://a:8080/", "http://a:8080"),
            (" http://a/pantry/?x#y ", "http://a/pantry"),
        ] {
            let client = Client::new(text).expect(text);
            assert_eq!(client.base_url(), base);
            assert_eq!(
                client.url("/v1/files").expect("an address").as_str(),
                format!("{base}/v1/files")
            );
        }
        for text in ["", "a", "ftp://a", "http://"] {
            assert!(matches!(Client::new(text), Err(Error::Address { .. })), "{text}");
        }
        let refused = Client::new("http://me:secret@a").expect_err("a password in it");
        assert!(!refused.to_string().contains("secret"), "{refused}");
        assert_eq!(Client::new("https://a").is_ok(), cfg!(feature = "tls"));
    }
}
