//! The program under test, what it wrote, and the secrets that were made with it. Owns the looking for them.

use std::{
    collections::BTreeMap,
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use pantry_testkit::{Engine, Place, pantryd};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How long the program may take to answer.
const START: Duration = Duration::from_secs(30);

/// The challenge of a verifier (RFC 7636).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// What an app signs when it signs in with a password.
pub fn sign(secret: &str, account: &str, appkey: &str, password: &str, time: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(format!("account={account}&appkey={appkey}&password={password}&time={time}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The program, which logs everything, and all secrets so far.
pub struct Run {
    child: Child,
    engine: Engine,
    base: String,
    http: reqwest::Client,
    secrets: BTreeMap<String, String>,
    setup: String,
    place: Place,
}

/// A page.
pub struct Page {
    pub status: u16,
    location: String,
    body: String,
}

impl Page {
    /// The value of a hidden field.
    pub fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let rest = self
            .body
            .split_once(&start)
            .unwrap_or_else(|| panic!("no field {name}: {}", self.body))
            .1;
        rest.split('"').next().unwrap_or_default().replace("&amp;", "&")
    }
}

impl Run {
    /// Starts the program on an empty place.
    pub async fn start(engine: Engine) -> Self {
        let place = Place::new(engine, |_| {}).await;
        let log = |name: &str| File::create(place.folder().join(name)).expect("a log");
        let child = Command::new(pantryd())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(Self::arguments(&place))
            .env("PANTRY_LOG__FILTER", "trace")
            .env(
                "PANTRY_LOG__FORMAT",
                if engine == Engine::Sqlite { "text" } else { "json" },
            )
            .env("RUST_BACKTRACE", "full")
            .stdin(Stdio::null())
            .stdout(log("out"))
            .stderr(log("err"))
            .spawn()
            .expect("pantryd starts");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        let mut run = Self {
            child,
            engine,
            base: String::new(),
            http: http.build().expect("a client"),
            secrets: BTreeMap::new(),
            setup: String::new(),
            place,
        };
        let deadline = Instant::now() + START;
        while !run.wrote("out").contains("/setup/pantry_") {
            assert!(
                Instant::now() < deadline,
                "pantryd does not start: {}",
                run.wrote("err")
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let told = run.wrote("out");
        let word = |start: &str| {
            told.split_whitespace()
                .find_map(|w| w.split_once(start))
                .map(|(_, rest)| rest.to_owned())
        };
        run.base = format!("http://{}", word("http://").expect("an address"));
        run.setup = word("/setup/").expect("a set-up link");
        run
    }

    fn arguments(place: &Place) -> Vec<String> {
        let mut all = vec!["--data-dir".to_owned(), place.settings.server.data_dir.clone()];
        if !place.settings.server.database.is_empty() {
            all.extend(["--database".to_owned(), place.settings.server.database.clone()]);
        }
        all
    }

    fn wrote(&self, name: &str) -> String {
        let bytes = std::fs::read(self.place.folder().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The token of the link that it told its operator, as it must.
    pub fn setup_token(&mut self) -> String {
        let token = self.setup.clone();
        self.secret("the set-up link", &token)
    }

    /// Keeps a secret to be looked for, and answers it.
    pub fn secret(&mut self, what: &str, value: &str) -> String {
        assert!(value.len() >= 7, "{what} is too short to be looked for: {value:?}");
        self.secrets.insert(value.to_owned(), what.to_owned());
        value.to_owned()
    }

    /// What HTTP Basic makes of a secret.
    pub fn basic(&mut self, id: &str, secret: &str) {
        self.secret("the header of HTTP Basic", &STANDARD.encode(format!("{id}:{secret}")));
    }

    /// Keeps the tokens of an answer.
    pub fn tokens(&mut self, answer: &Value) {
        assert!(answer["access_token"].is_string(), "{answer}");
        for name in ["access_token", "refresh_token", "id_token"] {
            if let Some(token) = answer[name].as_str() {
                self.secret(name, token);
            }
        }
    }

    /// Another command of the program, beside it.
    pub fn command(&self, words: &[&str]) -> Value {
        pantry_testkit::command(&self.place, words)
    }

    /// A request to it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// The JSON that a request is answered.
    pub async fn json(&self, request: RequestBuilder) -> Value {
        let text = request.send().await.expect("an answer").text().await.expect("a body");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// The JSON that a form is answered.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        self.json(self.request(Method::POST, path).form(form)).await
    }

    /// Ends the program, and looks for every secret in all that it wrote, and in the audit log as the console shows it.
    pub fn ended(mut self, audit: &str) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(asked.expect("kill runs").success());
        assert!(self.child.wait().expect("ended").success());
        let (out, err) = (self.wrote("out"), self.wrote("err"));
        // It was talkative, and we have read all of it: what it must tell is there.
        assert!(err.contains("DEBUG") && err.matches("answered").count() > 100, "{err}");
        assert!(out.contains(&self.setup), "{out}");
        assert!(
            audit.contains("sign_in_failed") && audit.contains("token_issued_by_operator"),
            "{audit}"
        );
        assert!(self.secrets.len() > 30, "{} secrets", self.secrets.len());
        let mut found = Vec::new();
        for (secret, what) in &self.secrets {
            // Its operator is told the link once, on standard output.
            let out = if *secret == self.setup { "" } else { &out };
            for (place, text) in [("standard output", out), ("the log", &err), ("the audit log", audit)] {
                for form in [secret.clone(), secret.replace(' ', "+"), secret.replace(' ', "%20")] {
                    if let Some((before, _)) = text.split_once(&form) {
                        let line = before.lines().last().unwrap_or_default();
                        found.push(format!("{what} in {place}: {line}…"));
                    }
                }
            }
        }
        // Nor anything that has the form of one, whoever made it.
        for prefix in [
            "pantry_at_",
            "pantry_rt_",
            "pantry_cs_",
            "pantry_ac_",
            "pantry_se_",
            "pantry_pl_",
            "$argon2",
            "PRIVATE KEY",
        ] {
            for (place, text) in [("the log", err.as_str()), ("the audit log", audit)] {
                if let Some((before, _)) = text.split_once(prefix) {
                    found.push(format!(
                        "{prefix} in {place}: {}…",
                        before.lines().last().unwrap_or_default()
                    ));
                }
            }
        }
        found.extend(self.in_rows());
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    /// Tokens, passwords and apps' secrets that stand in the rows as themselves, where rows are files to be read.
    fn in_rows(&self) -> Vec<String> {
        if self.engine != Engine::Sqlite {
            return Vec::new();
        }
        let mut found = Vec::new();
        let folder = PathBuf::from(&self.place.settings.server.data_dir);
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.starts_with("pantry.db") {
                continue;
            }
            let bytes = std::fs::read(&path).expect("a file");
            let text = String::from_utf8_lossy(&bytes);
            let kept = self
                .secrets
                .iter()
                .filter(|(s, what)| s.starts_with("pantry_") || what.contains("password"));
            for (secret, what) in kept {
                if text.contains(secret.as_str()) {
                    found.push(format!("{what} in {name}"));
                }
            }
        }
        found
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A person's browser.
pub struct Browser {
    cookies: BTreeMap<String, String>,
    csrf: String,
}

impl Browser {
    pub fn new() -> Self {
        Self {
            cookies: BTreeMap::new(),
            csrf: String::new(),
        }
    }

    fn cookie(&self) -> String {
        let all = self.cookies.iter().map(|(n, v)| format!("{n}={v}"));
        all.collect::<Vec<_>>().join("; ")
    }

    async fn send(&mut self, run: &mut Run, request: RequestBuilder) -> Page {
        let answer = request
            .header("accept", "text/html")
            .header("cookie", self.cookie())
            .send();
        let answer = answer.await.expect("an answer");
        for header in answer.headers().get_all("set-cookie") {
            let pair = header
                .to_str()
                .expect("ASCII")
                .split(';')
                .next()
                .unwrap_or_default()
                .to_owned();
            let (name, value) = pair.split_once('=').expect("a pair");
            if value.len() >= 7 {
                run.secret(&format!("the cookie {name}"), value);
            }
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = answer
            .headers()
            .get("location")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let status = answer.status().as_u16();
        let page = Page {
            status,
            location,
            body: answer.text().await.expect("a body"),
        };
        for field in ["csrf", "check"] {
            if page.body.contains(&format!("name=\"{field}\" value=\"")) {
                run.secret(&format!("the field {field}"), &page.hidden(field));
            }
        }
        page
    }

    pub async fn get(&mut self, run: &mut Run, path: &str) -> Page {
        let request = run.request(Method::GET, path);
        self.send(run, request).await
    }

    pub async fn post(&mut self, run: &mut Run, path: &str, form: &[(&str, &str)]) -> Page {
        let request = run.request(Method::POST, path).form(form);
        self.send(run, request).await
    }

    pub async fn sign_in(&mut self, run: &mut Run, account: &str, password: &str) -> Page {
        let csrf = self.get(run, "/login").await.hidden("csrf");
        let form = [
            ("account", account),
            ("password", password),
            ("next", "/"),
            ("csrf", &csrf),
        ];
        self.post(run, "/login", &form).await
    }

    /// Opens a consent page, allows what it asks, and answers the code.
    pub async fn consent(&mut self, run: &mut Run, query: &str) -> String {
        let page = self.get(run, &format!("/oauth/authorize?{query}")).await;
        let [csrf, check, request] = ["csrf", "check", "request"].map(|name| page.hidden(name));
        let form = [
            ("csrf", csrf.as_str()),
            ("check", &check),
            ("request", &request),
            ("decision", "allow"),
        ];
        let back = self.post(run, "/oauth/authorize", &form).await;
        let code = back.location.split(['?', '&']).find_map(|p| p.strip_prefix("code="));
        let code = code
            .unwrap_or_else(|| panic!("no code: {} {}", back.location, back.body))
            .to_owned();
        run.secret("the code", &code)
    }

    /// The token of the console's forms.
    pub async fn api_csrf(&mut self, run: &mut Run) -> String {
        let request = run
            .request(Method::GET, "/web/v1/session")
            .header("cookie", self.cookie());
        let session = run.json(request).await;
        let csrf = session["data"]["csrf"].as_str().unwrap_or_else(|| panic!("{session}"));
        run.secret("the console's token", csrf)
    }

    /// A call of the console, which must succeed; its `data`.
    pub async fn api(&mut self, run: &mut Run, method: Method, path: &str, body: Value) -> Value {
        self.csrf = self.api_csrf(run).await;
        let request = run
            .request(method, &format!("/web/v1{path}"))
            .header("cookie", self.cookie())
            .header("x-pantry-csrf", &self.csrf)
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = run.json(request).await;
        assert_eq!(answer["errno"], 0, "{path}: {answer}");
        answer["data"].clone()
    }

    /// The whole audit log, as text.
    pub async fn audit(&self, run: &Run) -> String {
        let (mut all, mut cursor) = (String::new(), String::new());
        loop {
            let path = format!("/web/v1/admin/audit?limit=50&cursor={cursor}");
            let page = run
                .json(run.request(Method::GET, &path).header("cookie", self.cookie()))
                .await;
            assert_eq!(page["errno"], 0, "{page}");
            all.push_str(&page["data"]["items"].to_string());
            match page["data"]["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return all,
            }
        }
    }
}
