//! Two servers on one PostgreSQL, as two processes: what a person ends at one ends at the other within a second, whatever it
//! was. That they tell each other is proved where clocks stand still (`core`'s tests); here nothing is turned or waited out.

use std::time::{Duration, Instant};

use pantry_testkit::{ChildServer, Engine, Person, Place, Reply, Token, command};
use serde_json::Value;

use crate::{interop::Browser, leaks::sign};

/// What was promised.
const WITHIN: Duration = Duration::from_secs(1);

/// Something that opens a server until it is taken back.
struct Opens {
    what: &'static str,
    method: reqwest::Method,
    path: String,
    token: Option<String>,
}

impl Opens {
    fn new(what: &'static str, method: reqwest::Method, path: String, token: Option<&str>) -> Self {
        let token = token.map(str::to_owned);
        Self {
            what,
            method,
            path,
            token,
        }
    }

    async fn at(&self, http: &reqwest::Client, server: &ChildServer) -> bool {
        let mut request = http.request(self.method.clone(), server.url(&self.path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let reply = Reply::of(request).await;
        let refused = match reply.status.as_u16() {
            401 | 403 | 404 => true,
            200 => self.path.starts_with("/?") && reply.json()["err_code"] != 0,
            other => panic!("{}: {other}", self.what),
        };
        !refused
    }
}

fn text(json: &Value, name: &str) -> String {
    json[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name}: {json}"))
        .to_owned()
}

/// What an app and a program that signed in by password hold, all of it made at one server.
async fn held(http: &reqwest::Client, server: &ChildServer, app: &Value, mirror: &Value) -> Vec<Opens> {
    let issue = ["token", "issue", "--user", "ada", "--client-id"];
    let client_id = text(app, "client_id");
    let scope = ["--scope", "openid user.read files.app_data", "--json"];
    let issued = server.command(&[&issue[..], &[&client_id], &scope].concat());
    let access = text(&issued, "access_token");
    let token = Token::new(access.clone(), server.url(""), http.clone());
    let file = token.file("/", "a.txt", b"a content").await;
    let link = token.link(file).await;
    let begun = token.precreate("/", "b.txt", b"another content").await.data();
    let upload = text(&begun, "upload_id");

    let (id, secret) = (text(mirror, "client_id"), text(mirror, "client_secret"));
    let time = std::time::UNIX_EPOCH.elapsed().expect("a time").as_secs().to_string();
    let signature = sign(&secret, "ada", &id, Person::PASSWORD, &time);
    let form = [
        ("account", "ada"),
        ("password", Person::PASSWORD),
        ("appkey", &id),
        ("time", &time),
        ("signature", &signature),
    ];
    let signed_in = Reply::of(http.post(server.url("/?m=auth&a=get_token")).form(&form)).await;
    let by_password = text(&signed_in.json()["data"], "token");

    let path = |url: &str| url.replacen(&server.url(""), "", 1);
    vec![
        Opens::new(
            "access token",
            reqwest::Method::GET,
            "/v1/user/info".into(),
            Some(&access),
        ),
        Opens::new(
            "userinfo",
            reqwest::Method::GET,
            "/oauth/userinfo".into(),
            Some(&access),
        ),
        Opens::new("signed link", reqwest::Method::GET, path(&link), None),
        Opens::new("upload", reqwest::Method::GET, format!("/u/{upload}/parts"), None),
        Opens::new(
            "token by password",
            reqwest::Method::GET,
            format!("/?m=dir&a=get_list&dir_id=0&token={by_password}"),
            None,
        ),
    ]
}

#[test]
fn what_is_taken_back_at_one_server_is_dead_at_the_other_within_a_second() {
    pantry_testkit::run(async {
        let place = Place::new(Engine::Postgres, |_| {}).await;
        let user = [
            "user",
            "add",
            "ada",
            "--email",
            "ada@example.com",
            "--json",
            "--password",
        ];
        command(&place, &[&user[..], &[Person::PASSWORD]].concat());
        let add = ["app", "add", "--owner", "ada", "--json", "--scope", "openid", "--name"];
        let app = command(&place, &[&add[..], &["Notes"]].concat());
        let mirror = command(&place, &[&add[..], &["Mirror", "--weipan"]].concat());
        let here = ChildServer::start(place).await;
        let there = ChildServer::beside(&here).await;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        let http = client.build().expect("a client");
        for _ in 0..2 {
            let held = held(&http, &here, &app, &mirror).await;
            for _ in 0..3 {
                for one in &held {
                    assert!(
                        one.at(&http, &here).await && one.at(&http, &there).await,
                        "{}",
                        one.what
                    );
                }
            }
            let ended = Browser::new().take_everything_back(&here.url("")).await;
            for one in &held {
                assert!(!one.at(&http, &here).await, "{}, here", one.what);
                loop {
                    let asked = Instant::now();
                    if !one.at(&http, &there).await {
                        break;
                    }
                    assert!(asked - ended < WITHIN, "{}, there, {:?} later", one.what, asked - ended);
                }
            }
        }
    });
}
