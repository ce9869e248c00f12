//! A program of the API: it signs in, calls methods, and looks at replies. Keeps which numbers were seen of which method.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use hmac::{Hmac, KeyInit, Mac};
use pantry_core::{Settings, auth::NewApp};
use pantry_testkit::{App, Engine, Person, Reply, TestServer, secrets};
use pantry_types::{Scope, Scopes};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use sha2::Sha256;

static SEEN: Mutex<BTreeSet<(String, i64)>> = Mutex::new(BTreeSet::new());

/// Methods and numbers that replies had in this process.
pub fn seen() -> BTreeSet<(String, i64)> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Keeps what a reply says.
pub fn see(method: &str, reply: &Value) {
    let number = reply["err_code"].as_i64().expect("a number");
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    seen.insert((method.to_owned(), number));
}

/// A server with one person, one app that may use the API, and a token of both.
pub struct Program {
    pub server: TestServer,
    pub person: Person,
    pub app: App,
    pub token: String,
}

/// A signature as the API defines it.
pub fn sign(secret: &str, account: &str, appkey: &str, password: &str, time: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(format!("account={account}&appkey={appkey}&password={password}&time={time}").as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// An app that may use the API.
pub async fn weipan_app(server: &TestServer, owner: &Person, name: &str, scopes: Scopes) -> App {
    let new = NewApp {
        owner: owner.name.clone(),
        name: name.to_owned(),
        redirect_uris: vec!["https://app.example.com/callback".to_owned()],
        scopes,
        public: false,
        weipan: true,
    };
    let app = server.drive().add_app(new).await.expect("an app");
    if let Some(secret) = &app.client_secret {
        secrets::note_client(&app.client_id, secret.expose());
    }
    App {
        client_id: app.client_id,
        client_secret: app.client_secret.map(|secret| secret.into_exposed()),
        name: app.name,
    }
}

impl Program {
    pub async fn new(engine: Engine) -> Self {
        Self::with(engine, |_| {}).await
    }

    pub async fn with(engine: Engine, change: impl FnOnce(&mut Settings)) -> Self {
        let server = TestServer::with(engine, |s| {
            s.weipan.rate_per_minute = 0;
            change(s);
        })
        .await;
        Self::on(server).await
    }

    /// On a server that is there, whose calls are not counted.
    pub async fn on(server: TestServer) -> Self {
        let person = server.person("ada").await;
        let app = weipan_app(&server, &person, "Mirror", Scopes::from(Scope::ShareCreate)).await;
        let mut program = Self {
            server,
            person,
            app,
            token: String::new(),
        };
        program.token = program.sign_in().await;
        program
    }

    pub fn now(&self) -> i64 {
        self.server.drive().now()
    }

    /// The fields of `get_token`, signed.
    pub fn credentials(&self, account: &str, password: &str, time: &str) -> Vec<(&'static str, String)> {
        let secret = self.app.client_secret.as_deref().expect("a secret");
        let signature = hex::encode(sign(secret, account, &self.app.client_id, password, time));
        secrets::note("signature", &signature);
        vec![
            ("account", account.to_owned()),
            ("password", password.to_owned()),
            ("appkey", self.app.client_id.clone()),
            ("time", time.to_owned()),
            ("signature", signature),
        ]
    }

    pub async fn get_token(&self, fields: &[(&str, String)]) -> Value {
        let request = self
            .server
            .http
            .post(self.server.url("/?m=auth&a=get_token"))
            .form(fields);
        let reply = Reply::of(request).await.json();
        see("auth/get_token", &reply);
        reply
    }

    pub async fn sign_in(&self) -> String {
        let fields = self.credentials("ada@example.com", Person::PASSWORD, &self.now().to_string());
        let reply = self.get_token(&fields).await;
        assert_eq!(reply["err_code"], 0, "{reply}");
        reply["data"]["token"].as_str().expect("a token").to_owned()
    }

    /// Calls a method by POST; `form` is written as it is.
    pub async fn call(&self, method: &str, form: &str) -> Value {
        let reply = self.raw_call(method, form).await;
        assert_eq!(reply.status, 200, "{method}");
        let reply = reply.json();
        see(method, &reply);
        reply
    }

    pub async fn raw_call(&self, method: &str, form: &str) -> Reply {
        let url = self.server.url(&address(method));
        let body = format!("token={}&{form}", self.token);
        let request = self.server.http.post(url);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Reply::of(request.body(body)).await
    }

    /// The same, which must succeed.
    pub async fn ok(&self, method: &str, form: &str) -> Value {
        let reply = self.call(method, form).await;
        assert_eq!(reply["err_code"], 0, "{method} {form}: {reply}");
        assert_eq!(reply["err_msg"], "success");
        reply
    }

    /// Uploads by one of the methods that take a file.
    pub async fn upload(&self, method: &str, name: &str, bytes: &[u8], fields: &[(&str, &str)]) -> Value {
        let mut form = Form::new().text("token", self.token.clone());
        for (name, value) in fields {
            form = form.text((*name).to_owned(), (*value).to_owned());
        }
        let form = form.part("file", Part::bytes(bytes.to_vec()).file_name(name.to_owned()));
        let request = self.server.http.post(self.server.url(&address(method))).multipart(form);
        let reply = Reply::of(request).await.json();
        see(method, &reply);
        reply
    }

    /// The first two of the three steps; the key.
    pub async fn post_form(&self, bytes: &[u8]) -> String {
        let signed = self.ok("file/upload_sign", "file_name=x").await;
        let mut form = Form::new();
        for name in ["key", "policy", "signature"] {
            form = form.text(name, text(&signed[name]));
        }
        let part = Part::bytes(bytes.to_vec()).file_name("x");
        let request = self.server.http.post(self.server.url("/"));
        let reply = Reply::of(request.multipart(form.part("file", part))).await;
        assert_eq!(reply.status, 201);
        text(&signed["key"])
    }

    /// A file in a folder; its id.
    pub async fn file(&self, folder: &str, name: &str, bytes: &[u8]) -> String {
        let fields = [("cover", "no"), ("dir_id", folder)];
        let reply = self.upload("file/upload_file", name, bytes, &fields).await;
        assert_eq!(reply["err_code"], 0, "{name}: {reply}");
        text(&reply["data"]["fid"])
    }

    /// A folder in a folder; its id.
    pub async fn folder(&self, parent: &str, name: &str) -> String {
        let form = format!("create_name={name}&parent_id={parent}");
        text(&self.ok("dir/create_dir", &form).await["data"]["dir_id"])
    }

    /// The latest dologid.
    pub async fn head(&self) -> i64 {
        number(&self.ok("keep", "").await["dologid"])
    }
}

/// `m/a` or `a`, as an address.
pub fn address(method: &str) -> String {
    match method.split_once('/') {
        Some((m, a)) => format!("/?m={m}&a={a}"),
        None => format!("/?a={method}"),
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A number that is written as a text.
pub fn number(value: &Value) -> i64 {
    text(value).parse().unwrap_or_else(|_| panic!("no number: {value}"))
}
