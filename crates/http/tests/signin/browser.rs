//! A browser without scripts, and a program, both without a network.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{Router, body::Body};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use pantry_http::{AppState, Peer, router};
use pantry_testkit::{App, Engine, Person, TestServer, secrets};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use serde_json::Value;
use tower::ServiceExt;

/// Names of parameters stay readable.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_');

pub const CALLBACK: &str = "https://app.example.com/callback";

/// A served drive with a person and an app.
pub struct World {
    pub server: TestServer,
    pub router: Router,
    pub app: App,
    ada: Person,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().expect("ASCII"))
    }

    pub fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.header("location").expect("a location")
    }

    /// A parameter of the address that it sends on to.
    pub fn sent_on_with(&self, name: &str) -> Option<String> {
        let query = self.location().split_once('?')?.1;
        let found = query.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_decode_str(found).decode_utf8().expect("UTF-8").into_owned())
    }

    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.text);
        serde_json::from_str(&self.text).expect("JSON")
    }

    pub fn error(&self) -> String {
        self.json()["error"].as_str().expect("an error").to_owned()
    }

    /// The value of a hidden field of a page.
    pub fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let from = self.text.find(&start).unwrap_or_else(|| panic!("no field {name}")) + start.len();
        let value = &self.text[from..from + self.text[from..].find('"').expect("an end")];
        value
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
    }

    pub fn cookies(&self) -> Vec<&str> {
        let all = self.headers.get_all(header::SET_COOKIE).iter();
        all.map(|v| v.to_str().expect("ASCII")).collect()
    }
}

impl World {
    pub async fn on(engine: Engine) -> Self {
        Self::at(TestServer::new(engine).await).await
    }

    /// On this engine, with other settings.
    pub async fn on_with(engine: Engine, change: impl FnOnce(&mut pantry_core::Settings)) -> Self {
        Self::at(TestServer::with(engine, change).await).await
    }

    async fn at(server: TestServer) -> Self {
        let ada = server.person("ada").await;
        let app = server.app(&ada, "GPTGet").await;
        let router = router(AppState::new(server.drive().clone()).expect("settings"));
        Self {
            server,
            router,
            app,
            ada,
        }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from([192, 0, 2, 1], request).await
    }

    /// A request that comes from this address.
    pub async fn send_from(&self, address: [u8; 4], request: Request<Body>) -> Answer {
        let mut request = request;
        let peer = Peer(SocketAddr::from((address, 4711)));
        request.extensions_mut().insert(peer);
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        secrets::met(&parts.headers, &bytes);
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).expect("UTF-8"),
        }
    }

    /// A program's GET, with an access token or without.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let mut request = Request::builder().uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    /// What a code is exchanged for.
    pub async fn exchange(&self, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
        ];
        self.post("/oauth/token", &self.form(&form)).await
    }

    /// What a refresh token is exchanged for.
    pub async fn refresh(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = self.form(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
        form.extend_from_slice(more);
        self.post("/oauth/token", &form).await
    }

    /// A program's POST of a form.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_as(path, &[], "application/x-www-form-urlencoded", &form_text(form))
            .await
    }

    /// A program's POST by HTTP Basic.
    pub async fn post_basic(&self, path: &str, user: &str, password: &str, form: &[(&str, &str)]) -> Answer {
        let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let kind = "application/x-www-form-urlencoded";
        self.post_as(path, &[("authorization", &basic)], kind, &form_text(form))
            .await
    }

    pub async fn post_as(&self, path: &str, headers: &[(&str, &str)], kind: &str, body: &str) -> Answer {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("content-type", kind);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).expect("a request"))
            .await
    }

    /// The person of every test.
    pub fn ada(&self) -> Person {
        self.ada.clone()
    }

    /// An app that cannot keep a secret; its id.
    pub async fn public_app(&self, name: &str, redirect_uri: &str) -> String {
        let new = pantry_core::auth::NewApp {
            owner: self.ada.name.clone(),
            name: name.to_owned(),
            redirect_uris: vec![redirect_uri.to_owned()],
            scopes: pantry_types::Scopes::EMPTY,
            public: true,
            weipan: false,
        };
        self.server.drive().add_app(new).await.expect("an app").client_id
    }

    pub fn secret(&self) -> &str {
        self.app.client_secret.as_deref().expect("a secret")
    }

    /// Client, secret and more.
    pub fn form<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut form = vec![
            ("client_id", self.app.client_id.as_str()),
            ("client_secret", self.secret()),
        ];
        form.extend_from_slice(more);
        form
    }

    pub fn authorize(&self, more: &str) -> String {
        format!(
            "/oauth/authorize?client_id={}&redirect_uri={}&response_type=code{more}",
            self.app.client_id,
            encoded(CALLBACK.as_bytes())
        )
    }

    /// A browser that is signed in.
    pub async fn signed_in(&self) -> Browser<'_> {
        let mut browser = Browser::new(self);
        let answer = browser.sign_in(Person::PASSWORD, "/").await;
        assert_eq!(answer.location(), "/");
        browser
    }

    /// A code that was consented to.
    pub async fn code(&self, more: &str) -> String {
        let mut browser = self.signed_in().await;
        let answer = browser.consent(&self.authorize(more), "allow", &[]).await;
        answer.sent_on_with("code").expect("a code")
    }
}

/// A value of a query or a form.
pub fn encoded(bytes: &[u8]) -> String {
    percent_encode(bytes, RESERVED).to_string()
}

pub fn form_text(form: &[(&str, &str)]) -> String {
    let pairs = form.iter().map(|(n, v)| format!("{n}={}", encoded(v.as_bytes())));
    pairs.collect::<Vec<_>>().join("&")
}

/// A browser: it keeps cookies and follows nothing.
pub struct Browser<'a> {
    world: &'a World,
    pub cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    pub fn new(world: &'a World) -> Self {
        Self {
            world,
            cookies: BTreeMap::new(),
        }
    }

    pub async fn send(&mut self, request: http::request::Builder, body: String) -> Answer {
        let cookies = self.cookies.iter().map(|(n, v)| format!("{n}={v}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let mut request = request.header("accept", "text/html").header("accept-language", "en");
        if !cookies.is_empty() {
            request = request.header("cookie", cookies);
        }
        let answer = self
            .world
            .send(request.body(Body::from(body)).expect("a request"))
            .await;
        for cookie in answer.cookies() {
            let pair = cookie.split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a name");
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::builder().uri(path), String::new()).await
    }

    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request, form_text(form)).await
    }

    pub async fn sign_in(&mut self, password: &str, next: &str) -> Answer {
        self.sign_in_with("ada", password, next).await
    }

    pub async fn sign_in_as(&mut self, account: &str, next: &str) -> Answer {
        self.sign_in_with(account, Person::PASSWORD, next).await
    }

    async fn sign_in_with(&mut self, account: &str, password: &str, next: &str) -> Answer {
        let page = self.get(&format!("/login?next={}", encoded(next.as_bytes()))).await;
        let (csrf, next) = (page.hidden("csrf"), page.hidden("next"));
        let form = [
            ("account", account),
            ("password", password),
            ("next", next.as_str()),
            ("csrf", csrf.as_str()),
        ];
        self.post("/login", &form).await
    }

    /// Opens a consent page and answers it.
    pub async fn consent(&mut self, address: &str, decision: &str, ticks: &[&str]) -> Answer {
        let page = self.get(address).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let hidden = ["csrf", "request", "check"].map(|name| (name, page.hidden(name)));
        let mut form: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (*n, v.as_str())).collect();
        form.push(("decision", decision));
        form.extend(ticks.iter().map(|scope| ("scope", *scope)));
        self.post("/oauth/authorize", &form).await
    }
}
