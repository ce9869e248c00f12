//! Secrets in the log: the real program, as talkative as it gets, through every flow that makes or takes a secret. None of
//! them may stand in what it wrote, in the audit log, or as itself in its rows. Owns the flows; what is done to find them is
//! in the folder of the same name.

mod run;

use pantry_testkit::{Engine, Person, both_engines, md5_hex};
use reqwest::Method;
use serde_json::{Value, json};

pub use run::sign;
use run::{Browser, Run, challenge};

both_engines!(log_leakage);

const CALLBACK: &str = "https://app.example.com/callback";
const VERIFIER: &str = "a-verifier-that-nobody-may-find-in-any-log-file";

/// An app of somebody who is signed in: its id and its newest secret.
struct App {
    id: String,
    secret: String,
}

impl App {
    fn form<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = [("client_id", self.id.as_str()), ("client_secret", self.secret.as_str())];
        [&own, more].concat()
    }
}

fn text(json: &Value, name: &str) -> String {
    json[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name}: {json}"))
        .to_owned()
}

async fn log_leakage(engine: Engine) {
    let mut run = Run::start(engine).await;
    let mut root = set_up(&mut run).await;
    let app = register(&mut run, &mut root).await;
    let access = code_and_refresh(&mut run, &mut root, &app).await;
    device(&mut run, &mut root, &app).await;
    files(&mut run, &access).await;
    by_password(&mut run).await;
    passwords(&mut run, &mut root).await;
    careless(&mut run, &app, &access).await;
    revoke(&mut run, &app).await;
    let csrf = root.api_csrf(&mut run).await;
    let audit = root.audit(&run).await;
    run.secret("the console's token", &csrf);
    run.ended(&audit);
}

/// The first administrator, by the link; wrong passwords; the right one.
async fn set_up(run: &mut Run) -> Browser {
    let link = run.setup_token();
    let password = run.secret("the first password", "the first password of root");
    let mut b = Browser::new();
    let page = b.get(run, &format!("/setup/{link}")).await;
    let csrf = page.hidden("csrf");
    let form = [
        ("token", link.as_str()),
        ("name", "root"),
        ("email", "root@example.com"),
        ("password", &password),
        ("password_again", &password),
        ("csrf", &csrf),
    ];
    assert_eq!(b.post(run, "/setup", &form).await.status, 303);
    let wrong = run.secret("a mistyped password", "a password that was mistyped");
    let typed = run.secret("a password in the wrong field", "a password as a name");
    for (account, password, status) in [
        ("root", &wrong, 403),
        (typed.as_str(), &wrong, 403),
        ("root", &password, 303),
    ] {
        let mut other = Browser::new();
        assert_eq!(other.sign_in(run, account, password).await.status, status);
    }
    assert_eq!(b.sign_in(run, "root", &password).await.status, 303);
    b
}

/// An app whose secret is made anew.
async fn register(run: &mut Run, root: &mut Browser) -> App {
    let made = root
        .api(
            run,
            Method::POST,
            "/apps",
            json!({"name": "Notes", "redirect_uris": [CALLBACK]}),
        )
        .await;
    let id = text(&made["app"], "client_id");
    run.secret("the first secret", &text(&made, "client_secret"));
    let path = format!("/apps/{id}/secret");
    let made = root
        .api(run, Method::POST, &path, json!({"keep_old_seconds": 60}))
        .await;
    let secret = run.secret("the secret made anew", &text(&made, "client_secret"));
    App { id, secret }
}

/// The code, with everything that may stand beside it; tokens; what is told of them.
async fn code_and_refresh(run: &mut Run, root: &mut Browser, app: &App) -> String {
    let state = run.secret("the state", "a-state-that-only-the-client-knows");
    run.secret("the verifier", VERIFIER);
    let asked = format!(
        "client_id={}&redirect_uri={CALLBACK}&response_type=code&scope=openid+user.read+files.app_data&state={state}\
         &nonce=n&code_challenge={}&code_challenge_method=S256",
        app.id,
        challenge(VERIFIER)
    );
    let code = root.consent(run, &asked).await;
    // By HTTP Basic, whose header is a form of the secret of its own.
    run.basic(&app.id, &app.secret);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let request = run
        .request(Method::POST, "/oauth/token")
        .basic_auth(&app.id, Some(&app.secret));
    let pair = run.json(request.form(&form)).await;
    run.tokens(&pair);
    let refresh = app.form(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", pair["refresh_token"].as_str().expect("a token")),
    ]);
    let next = run.post("/oauth/token", &refresh).await;
    assert_eq!(
        run.post("/oauth/token", &refresh).await,
        next,
        "told again, from where it was sealed"
    );
    run.tokens(&next);
    let access = text(&next, "access_token");
    for path in ["/v1/user/info", "/v1/files", "/oauth/userinfo"] {
        run.json(run.request(Method::GET, path).bearer_auth(&access)).await;
    }
    let told = run.post("/oauth/introspect", &app.form(&[("token", &access)])).await;
    assert_eq!(told["active"], true);
    // A request that was pushed.
    let pushed = app.form(&[("response_type", "code"), ("redirect_uri", CALLBACK)]);
    let uri = text(&run.post("/oauth/par", &pushed).await, "request_uri");
    run.secret("the pushed request", &uri);
    root.consent(run, &format!("client_id={}&request_uri={uri}", app.id))
        .await;
    access
}

/// A device, approved.
async fn device(run: &mut Run, root: &mut Browser, app: &App) {
    let waiting = run.post("/oauth/device-code", &[("client_id", &app.id)]).await;
    let (device_code, user_code) = (text(&waiting, "device_code"), text(&waiting, "user_code"));
    run.secret("the device's code", &device_code);
    run.secret("the code to type", &user_code);
    root.get(run, &format!("/oauth/device/qr?user_code={user_code}")).await;
    let entry = root.get(run, &format!("/oauth/device?user_code={user_code}")).await;
    let csrf = entry.hidden("csrf");
    let page = root
        .post(run, "/oauth/device", &[("csrf", &csrf), ("user_code", &user_code)])
        .await;
    let check = page.hidden("check");
    run.secret("the approval's check", &check);
    let form = [
        ("csrf", csrf.as_str()),
        ("check", &check),
        ("user_code", &user_code),
        ("decision", "allow"),
    ];
    assert_eq!(root.post(run, "/oauth/device", &form).await.status, 200);
    let form = [("client_id", app.id.as_str()), ("device_code", &device_code)];
    let pair = run.post("/oauth/device-token", &form).await;
    run.tokens(&pair);
}

/// An upload in parts, and a signed link, whole and with a byte changed.
async fn files(run: &mut Run, access: &str) {
    let content = b"the content of a file";
    let (size, md5) = (content.len().to_string(), md5_hex(content));
    let form = [("name", "a.txt"), ("size", &size), ("md5", &md5)];
    let request = run
        .request(Method::POST, "/v1/files/upload/precreate")
        .bearer_auth(access);
    let upload = run.json(request.form(&form)).await["data"].clone();
    let id = run.secret("the upload's id", &text(&upload, "upload_id"));
    let part = run.request(Method::POST, &format!("/u?upload_id={id}&part_seq=1"));
    run.json(part.body(content.to_vec())).await;
    run.json(run.request(Method::GET, &format!("/u/{id}/parts"))).await;
    let file = run.json(run.request(Method::POST, &format!("/u/{id}/complete"))).await["data"]["file_id"].to_string();
    let link = run
        .request(Method::GET, &format!("/v1/files/{file}/download"))
        .bearer_auth(access);
    let url = text(&run.json(link).await["data"], "url");
    let (claim, signature) = url
        .split_once("/d/")
        .and_then(|(_, rest)| rest.split_once("?sig="))
        .expect("a signed link");
    run.secret("the link's claim", claim);
    run.secret("the link's signature", signature);
    for (path, status) in [
        (format!("/d/{claim}?sig={signature}"), 200),
        (format!("/d/{claim}?sig={signature}x"), 403),
        (format!("/d/x{claim}?sig={signature}"), 403),
    ] {
        let answer = run.request(Method::GET, &path).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}");
    }
}

/// An app that signs in with a person's password, and is called by GET as well, token and all.
async fn by_password(run: &mut Run) {
    let made = run.command(&[
        "app", "add", "--owner", "root", "--name", "Mirror", "--weipan", "--json",
    ]);
    let (id, secret) = (text(&made, "client_id"), text(&made, "client_secret"));
    run.secret("the signing secret", &secret);
    let time = std::time::UNIX_EPOCH.elapsed().expect("a time").as_secs().to_string();
    let password = "the first password of root";
    for right in [false, true] {
        let signature = sign(&secret, "root@example.com", &id, password, &time);
        run.secret("the signature", &signature);
        let signature = if right { signature } else { format!("{signature}00") };
        let form = [
            ("account", "root@example.com"),
            ("password", password),
            ("appkey", &id),
            ("time", &time),
            ("signature", &signature),
        ];
        let posted = run.post("/?m=auth&a=get_token", &form).await;
        let request = run.request(Method::GET, "/?m=auth&a=get_token").query(&form);
        let gotten = run.json(request).await;
        assert_eq!(posted["err_code"] == 0, right, "{posted}");
        for reply in [posted, gotten].iter().filter(|_| right) {
            let token = run.secret("the token by password", &text(&reply["data"], "token"));
            let kept = run
                .json(run.request(Method::GET, &format!("/?a=keep&token={token}")))
                .await;
            assert_eq!(kept["err_code"], 0, "{kept}");
            run.post("/?m=dir&a=get_list", &[("token", &token), ("dir_id", "0")])
                .await;
            run.post(&format!("/?m=nothing&a=nothing&token={token}"), &[]).await;
        }
    }
}

/// A link to a new password, and a change of one's own.
async fn passwords(run: &mut Run, root: &mut Browser) {
    let made = run.command(&[
        "user",
        "add",
        "bob",
        "--email",
        "bob@example.com",
        "--password",
        Person::PASSWORD,
        "--json",
    ]);
    run.secret("bob's password", Person::PASSWORD);
    let uid = made["uid"].to_string();
    let confirm = json!({"password": "the first password of root"});
    root.api(run, Method::POST, "/session/confirm", confirm).await;
    let path = format!("/admin/users/{uid}/password-link");
    let made = root.api(run, Method::POST, &path, json!({})).await;
    let url = text(&made, "url");
    let token = url.rsplit('/').next().expect("a token").to_owned();
    run.secret("the password link", &token);
    let second = run.secret("bob's second password", "the second password of bob");
    let mut bob = Browser::new();
    let page = bob.get(run, &format!("/password/{token}")).await;
    let csrf = page.hidden("csrf");
    for again in ["another", &second] {
        let form = [
            ("token", token.as_str()),
            ("password", &second),
            ("password_again", again),
            ("csrf", &csrf),
        ];
        bob.post(run, "/password", &form).await;
    }
    let third = run.secret("bob's third password", "the third password of bob");
    let change = json!({"old_password": second, "new_password": third});
    bob.api(run, Method::POST, "/password", change).await;
    let by_operator = run.command(&["user", "password-link", "bob", "--json"]);
    let token = text(&by_operator, "url")
        .rsplit('/')
        .next()
        .expect("a token")
        .to_owned();
    run.secret("the operator's password link", &token);
    bob.get(run, &format!("/password/{token}")).await;
}

/// What careless clients do: secrets in addresses, in broken bodies, in headers that nobody reads.
async fn careless(run: &mut Run, app: &App, access: &str) {
    let secret = app.secret.as_str();
    for path in [
        format!("/v1/user/info?access_token={access}"),
        format!("/v1/{access}"),
        format!("/{access}"),
        format!("/oauth/userinfo?access_token={access}"),
        format!("/oauth/{secret}?client_secret={secret}"),
        format!("/oauth/authorize?client_id={}&client_secret={secret}", app.id),
        format!("/oauth/authorize?client_id={secret}&redirect_uri={access}"),
        format!("/setup/{secret}"),
        format!("/password/{secret}"),
        format!("/d/{access}?sig={secret}"),
        format!("/u/{access}/parts"),
        format!("/web/v1/apps/{secret}"),
        format!("/login?next=/{secret}&account={secret}"),
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let request = run.request(method, &path).header("accept", "text/html");
            request
                .header("referer", format!("https://x.example/{access}"))
                .send()
                .await
                .expect("an answer");
        }
    }
    let form = format!("client_id={}&client_secret={secret}&token={access}", app.id);
    for path in [
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/introspect",
        "/oauth/device-code",
        "/v1/files/manage",
        "/login",
        "/",
    ] {
        for (kind, body) in [
            (
                "application/json",
                format!("{{\"client_secret\":\"{secret}\",\"token\":{access}"),
            ),
            ("application/json", format!("[\"{secret}\"]")),
            (
                "multipart/form-data; boundary=x",
                format!("--x\r\n{secret}\r\n{access}"),
            ),
            ("multipart/form-data", secret.to_owned()),
            ("text/plain", form.clone()),
            (
                "application/x-www-form-urlencoded",
                format!("{form}%zz&{secret}&client_secret={secret}"),
            ),
        ] {
            let request = run.request(Method::POST, path).header("content-type", kind);
            request.body(body).send().await.expect("an answer");
        }
    }
    for header in [
        format!("Bearer {secret}"),
        format!("bearer {access} {access}"),
        format!("Basic {secret}"),
        format!("Digest {access}"),
        access.to_owned(),
    ] {
        for path in ["/v1/files", "/oauth/userinfo"] {
            let request = run.request(Method::GET, path).header("authorization", &header);
            request
                .header("cookie", format!("pantry_session={access}; {secret}"))
                .send()
                .await
                .expect("an answer");
        }
        let request = run
            .request(Method::POST, "/oauth/token")
            .header("authorization", &header);
        request
            .form(&[("grant_type", "refresh_token")])
            .send()
            .await
            .expect("an answer");
    }
}

/// A token that is shown again, and one that its app gives back.
async fn revoke(run: &mut Run, app: &App) {
    let issued = run.command(&["token", "issue", "--user", "root", "--client-id", &app.id, "--json"]);
    let token = run.secret("the operator's token", &text(&issued, "access_token"));
    run.tokens(&issued);
    run.json(run.request(Method::GET, "/v1/user/info").bearer_auth(&token))
        .await;
    assert_eq!(
        run.post("/oauth/revoke", &app.form(&[("token", &token)])).await,
        json!({})
    );
    let answer = run
        .request(Method::GET, "/v1/user/info")
        .bearer_auth(&token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 401);
}
