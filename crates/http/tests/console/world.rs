//! People with a browser each, and an administrator, before one drive.

use std::net::SocketAddr;

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use pantry_core::{
    Settings,
    auth::{NewUser, Origin},
};
use pantry_http::{AppState, Peer, router};
use pantry_testkit::{Engine, Person, TestServer, secrets};
use serde_json::{Value, json};
use tower::ServiceExt;

/// A served drive.
pub struct World {
    pub server: TestServer,
    router: Router,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }

    /// The `data` of a success.
    pub fn data(&self) -> Value {
        let json = self.json();
        assert_eq!(self.status, StatusCode::OK, "{json}");
        assert_eq!(json["errno"], 0, "{json}");
        json["data"].clone()
    }

    /// A refusal's status and code; proves that the body says the same and names the request.
    pub fn error(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(json["errno"].as_u64(), Some(u64::from(self.status.as_u16())), "{json}");
        assert_eq!(json["request_id"].as_str(), self.header("x-request-id"), "{json}");
        let text = json["errmsg"].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{json}");
        (
            self.status.as_u16(),
            json["error"].as_str().unwrap_or_default().to_owned(),
        )
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().expect("ASCII"))
    }
}

/// A browser in which somebody is signed in.
pub struct Browser<'a> {
    world: &'a World,
    pub cookie: String,
    pub csrf: String,
    pub uid: i64,
}

impl World {
    pub async fn new(engine: Engine) -> Self {
        Self::with(engine, |_| {}).await
    }

    pub async fn with(engine: Engine, change: impl FnOnce(&mut Settings)) -> Self {
        let server = TestServer::with(engine, change).await;
        let admin = NewUser {
            name: "root".into(),
            email: "root@example.com".into(),
            password: Person::PASSWORD.into(),
            is_admin: true,
            quota: None,
        };
        server.drive().add_user(admin).await.expect("an administrator");
        server.person("ada").await;
        server.person("bob").await;
        let router = router(AppState::new(server.drive().clone()).expect("settings"));
        Self { server, router }
    }

    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        let peer = Peer(SocketAddr::from(([192, 0, 2, 1], 4711)));
        request.extensions_mut().insert(peer);
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes().to_vec();
        secrets::met(&parts.headers, &bytes);
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes,
        }
    }

    pub async fn sign_in(&self, name: &str) -> Browser<'_> {
        self.sign_in_with(name, Person::PASSWORD).await
    }

    pub async fn sign_in_with(&self, name: &str, password: &str) -> Browser<'_> {
        let origin = Origin::new("192.0.2.1".parse().ok(), "Browser");
        let signed = self.server.drive().sign_in(name, password, &origin, None).await;
        let signed = signed.expect("signing in works").expect("the password is right");
        let mut browser = Browser {
            world: self,
            cookie: format!("pantry_session={}", signed.cookie.expose()),
            csrf: String::new(),
            uid: signed.user.0,
        };
        let session = browser.get("/session").await.data();
        browser.csrf = session["csrf"].as_str().expect("a token").to_owned();
        browser
    }

    /// Lets so many seconds pass.
    pub fn wait(&self, seconds: i64) {
        self.server.clock().advance(seconds);
    }

    /// A token that ada gave an app, as the operator issues it.
    pub async fn token(&self, client_id: &str, scope: &str) -> String {
        self.token_of("ada", client_id, scope).await
    }

    pub async fn token_of(&self, name: &str, client_id: &str, scope: &str) -> String {
        let issued = self.server.drive().issue_token(name, client_id, scope).await;
        issued.expect("a token").access_token.into_exposed()
    }

    /// Whether an access token opens v1.
    pub async fn opens(&self, token: &str) -> bool {
        let request = Request::get("/v1/user/info").header("authorization", format!("Bearer {token}"));
        let answer = self.send(request.body(Body::empty()).expect("a request")).await;
        match answer.status.as_u16() {
            200 => true,
            401 => false,
            other => panic!("{other}: {}", answer.text()),
        }
    }
}

impl Browser<'_> {
    /// A request as the page sends it, below `/web/v1`.
    pub fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let request = Request::builder()
            .method(method.clone())
            .uri(format!("/web/v1{path}"))
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", "same-origin");
        if method == Method::GET {
            request
        } else {
            request.header("x-pantry-csrf", &self.csrf)
        }
    }

    pub async fn send(&self, request: http::request::Builder, body: impl Into<Body>) -> Answer {
        self.world.send(request.body(body.into()).expect("a request")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path), Body::empty()).await
    }

    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).header("content-type", "application/json");
        self.send(request, body.to_string()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, &body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, &body).await
    }

    pub async fn delete(&self, path: &str, body: Value) -> Answer {
        self.call(Method::DELETE, path, &body).await
    }

    /// Registers an app and answers its id and its secret.
    pub async fn app(&self, name: &str) -> (String, String) {
        let body = json!({"name": name, "redirect_uris": ["https://app.example.com/callback"]});
        let data = self.post("/apps", body).await.data();
        let text = |v: &Value| v.as_str().expect("a text").to_owned();
        (text(&data["app"]["client_id"]), text(&data["client_secret"]))
    }

    /// All items of a listing, page by page.
    pub async fn all(&self, path: &str, limit: usize) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        let mark = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self
                .get(&format!("{path}{mark}limit={limit}&cursor={cursor}"))
                .await
                .data();
            let some = page["items"].as_array().expect("items");
            assert!(some.len() <= limit, "{page}");
            items.extend(some.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => {
                    assert_eq!(some.len(), limit, "a page that is not the last is full");
                    cursor = next.to_owned();
                }
                None => return items,
            }
        }
    }

    /// The events of the person's own audit log, oldest first.
    pub async fn events(&self) -> Vec<String> {
        let lines = self.all("/audit", 50).await;
        let events = lines
            .iter()
            .rev()
            .map(|l| l["event"].as_str().expect("an event").to_owned());
        events.collect()
    }
}
