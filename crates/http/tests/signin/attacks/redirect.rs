//! Attacks on where answers go, and on whose they are taken for.

use axum::body::Body;
use http::{Request, StatusCode};
use pantry_testkit::{Engine, Person};

use super::{VERIFIER, challenge, opens, text, tokens};
use crate::browser::{Answer, Browser, CALLBACK, World, encoded, form_text};

pantry_testkit::both_engines!(
    redirect_mutations,
    loopback_mutations,
    open_redirect_after_login,
    post_is_not_repeated_at_the_app,
    mix_up,
    host_header,
);

/// A page that sends nobody anywhere.
fn is_page(answer: &Answer, what: &str) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}");
    assert_eq!(answer.header("location"), None, "{what}");
    assert_eq!(answer.header("refresh"), None, "{what}");
    assert!(!answer.text.contains("http-equiv"), "{what}");
}

async fn redirect_mutations(engine: Engine) {
    let w = World::on(engine).await;
    let (mut b, mut nobody) = (w.signed_in().await, Browser::new(&w));
    let mutations: &[&[u8]] = &[
        b"https://evil.example/callback",
        b"https://app.example.com.evil.example/callback",
        b"https://evil.app.example.com/callback",
        b"https://evilapp.example.com/callback",
        b"https://app.example.com@evil.example/callback",
        b"https://app.example.com:443@evil.example/callback",
        b"https://evil.example#@app.example.com/callback",
        b"https://evil.example\\@app.example.com/callback",
        b"https://evil.example%2523@app.example.com/callback",
        b"https://app.example.com\\.evil.example/callback",
        b"https://app.example.com:443/callback",
        b"https://app.example.com:8443/callback",
        b"https://app.example.com./callback",
        b"http://app.example.com/callback",
        b"HTTPS://app.example.com/callback",
        b"https://APP.example.com/callback",
        b"https://user@app.example.com/callback",
        b"https:app.example.com/callback",
        b"https:///app.example.com/callback",
        b"https:\\\\app.example.com\\callback",
        b"//app.example.com/callback",
        b"/callback",
        b"https://app.example.com/callback/",
        b"https://app.example.com/callback/../evil",
        b"https://app.example.com/callback/..%2fevil",
        b"https://app.example.com/evil/../callback",
        b"https://app.example.com/./callback",
        b"https://app.example.com//callback",
        b"https://app.example.com/callback%00",
        b"https://app.example.com/callback\0",
        b"https://app.example.com/callback%2f",
        b"https://app.example.com/%63allback",
        b"https://app.example.com/Callback",
        b"https://app.example.com/callback;evil",
        b"https://app.example.com/callback?",
        b"https://app.example.com/callback?next=https://evil.example",
        b"https://app.example.com/callback#",
        b"https://app.example.com/callback#fragment",
        b"https://app.example.com/callback\r\nLocation: https://evil.example",
        b" https://app.example.com/callback",
        b"https://app.example.com/callback ",
        b"https://app.example.com/callback\t",
        b"https://app.example.com/callback,https://evil.example",
        b"https://app.example.com/callback https://evil.example",
        b"https://app.example.com/callbac",
        b"https://app.example.com",
        b"https://app\xef\xbc\x8eexample.com/callback",
        b"https://app.example.com/callback\xff",
        b"javascript:alert(1)",
        b"data:text/html,hello",
        b"null",
        b"*",
    ];
    for uri in mutations {
        let told = String::from_utf8_lossy(uri);
        for more in ["", "&prompt=none", "&scope=nonsense", "&response_type=token"] {
            let address = format!(
                "/oauth/authorize?client_id={}&redirect_uri={}&response_type=code{more}",
                w.app.client_id,
                encoded(uri)
            );
            is_page(&b.get(&address).await, &told);
            if more.is_empty() {
                is_page(&nobody.get(&address).await, &told);
            }
        }
        let pushed = form_text(&w.form(&[("response_type", "code")]));
        let kind = "application/x-www-form-urlencoded";
        let pushed = w
            .post_as(
                "/oauth/par",
                &[],
                kind,
                &format!("{pushed}&redirect_uri={}", encoded(uri)),
            )
            .await;
        assert_ne!(pushed.status, StatusCode::CREATED, "{told}");
    }
    // Two of them, or two clients: neither is chosen.
    let evil = encoded(b"https://evil.example/");
    is_page(&b.get(&w.authorize(&format!("&redirect_uri={evil}"))).await, "twice");
    is_page(&b.get(&w.authorize("&client_id=1234567890")).await, "two clients");

    // Changed in the form of the consent, and at the exchange.
    let page = b.get(&w.authorize("")).await;
    let (csrf, check, request) = (page.hidden("csrf"), page.hidden("check"), page.hidden("request"));
    let changed = request.replace("app%2Eexample%2Ecom", "evil%2Eexample");
    assert_ne!(request, changed);
    let form = [
        ("csrf", csrf.as_str()),
        ("check", &check),
        ("request", &changed),
        ("decision", "allow"),
    ];
    is_page(&b.post("/oauth/authorize", &form).await, "the form");
    for uri in [
        "https://evil.example/callback",
        "https://app.example.com/callback/",
        "http://app.example.com/callback",
    ] {
        let code = w.code("").await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", uri),
        ];
        assert_eq!(
            w.post("/oauth/token", &w.form(&form)).await.error(),
            "invalid_grant",
            "{uri}"
        );
        assert_eq!(w.exchange(&code).await.error(), "invalid_grant", "burnt by {uri}");
    }
    assert!(opens(&w, &text(&tokens(&w, "").await, "access_token")).await);
}

async fn loopback_mutations(engine: Engine) {
    let w = World::on(engine).await;
    let client = w.public_app("Desk", "http://127.0.0.1/cb").await;
    let mut b = w.signed_in().await;
    let address = |uri: &str| {
        format!(
            "/oauth/authorize?client_id={client}&redirect_uri={}&response_type=code&code_challenge={}&code_challenge_method=S256",
            encoded(uri.as_bytes()),
            challenge(VERIFIER)
        )
    };
    for uri in [
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:4711/evil",
        "http://127.0.0.1:4711/cb/",
        "http://127.0.0.1:4711/cb?x",
        "http://127.0.0.1:4711/cb#x",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:-1/cb",
        "http://127.0.0.1:4711:80/cb",
        "http://127.0.0.1.evil.example:4711/cb",
        "http://127.0.0.2:4711/cb",
        "http://127.1:4711/cb",
        "http://2130706433/cb",
        "http://0x7f.0.0.1/cb",
        "http://0.0.0.0:4711/cb",
        "http://localhost:4711/cb",
        "http://[::1]:4711/cb",
        "https://127.0.0.1:4711/cb",
        "http://user@127.0.0.1:4711/cb",
        "http://127.0.0.1\\@evil.example/cb",
    ] {
        is_page(&b.get(&address(uri)).await, uri);
    }
    for uri in [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:4711/cb",
        "http://127.0.0.1:65535/cb",
    ] {
        let back = b.consent(&address(uri), "allow", &[]).await;
        assert!(
            back.location().starts_with(&format!("{uri}?code=")),
            "{}",
            back.location()
        );
    }
}

async fn open_redirect_after_login(engine: Engine) {
    let w = World::on(engine).await;
    let evils = [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\r\n/evil.example",
        " //evil.example",
        "https:evil.example",
        "http:/evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "@evil.example",
        "/\u{2f}\u{2f}evil.example",
        "/ /evil.example",
        "\u{ff0f}/evil.example",
        "",
    ];
    let mut b = Browser::new(&w);
    for evil in evils {
        assert_eq!(b.sign_in(Person::PASSWORD, evil).await.location(), "/", "{evil:?}");
        // The field of the form itself, and the other door.
        let page = b.get("/login").await;
        let csrf = page.hidden("csrf");
        let form = [
            ("account", "ada"),
            ("password", Person::PASSWORD),
            ("next", evil),
            ("csrf", &csrf),
        ];
        assert_eq!(b.post("/login", &form).await.location(), "/", "{evil:?}");
        let csrf = b.get("/").await.hidden("csrf");
        let out = b.post("/logout", &[("csrf", &csrf), ("next", evil)]).await;
        assert!(
            ["/", ""].contains(&out.header("location").unwrap_or_default()),
            "{evil:?}"
        );
    }
    // A local address that the browser would read as another site, after it was put together.
    let next = "/oauth/device?user_code=8KXH-Y8R";
    assert_eq!(b.sign_in(Person::PASSWORD, next).await.location(), next);
}

async fn post_is_not_repeated_at_the_app(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = Browser::new(&w);
    // 303, never 307 or 308: the browser must not post the password, or the consent, once more to where it is sent.
    let address = w.authorize("");
    assert_eq!(
        b.sign_in(Person::PASSWORD, &address).await.status,
        StatusCode::SEE_OTHER
    );
    for (decision, there) in [("allow", "code"), ("deny", "error")] {
        let back = b.consent(&address, decision, &[]).await;
        assert_eq!(back.status, StatusCode::SEE_OTHER);
        assert!(back.sent_on_with(there).is_some());
        for secret in ["csrf", "check", "password", "decision"] {
            assert_eq!(back.sent_on_with(secret), None);
        }
    }
}

async fn mix_up(engine: Engine) {
    // Two servers; an honest client of both is made to take the answer of one for that of the other.
    let (honest, other) = (World::on(engine).await, World::on(engine).await);
    for w in [&honest, &other] {
        let issuer = w.server.url("");
        let metadata = w.get("/.well-known/oauth-authorization-server", None).await.json();
        assert_eq!(metadata["issuer"], issuer.as_str());
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        let mut b = w.signed_in().await;
        // Every answer says whose it is, once, errors and answers without a page too.
        let mut answers = vec![
            b.get(&w.authorize("&prompt=none")).await,
            b.get(&w.authorize("&scope=nonsense&iss=https://evil.example")).await,
            Browser::new(w).get(&w.authorize("&prompt=none")).await,
        ];
        for decision in ["deny", "allow"] {
            let forged = w.authorize("&iss=https%3A%2F%2Fevil.example&state=a%26iss%3Dhttps%3A%2F%2Fevil.example");
            answers.push(b.consent(&forged, decision, &[]).await);
        }
        answers.push(b.get(&w.authorize("&prompt=none")).await);
        for answer in answers {
            assert_eq!(answer.sent_on_with("iss").as_deref(), Some(issuer.as_str()));
            let query = answer.location().split_once('?').expect("a query").1;
            assert_eq!(query.split('&').filter(|p| p.starts_with("iss=")).count(), 1, "{query}");
        }
    }
    // What one gave is nothing to the other, whatever the client makes of it.
    let code = honest.code("").await;
    assert_eq!(other.exchange(&code).await.error(), "invalid_grant");
    let pair = honest.exchange(&code).await.json();
    assert!(!opens(&other, &text(&pair, "access_token")).await);
    assert_eq!(
        other.refresh(&text(&pair, "refresh_token"), &[]).await.error(),
        "invalid_grant"
    );
    assert!(opens(&honest, &text(&pair, "access_token")).await);
}

async fn host_header(engine: Engine) {
    let w = World::on(engine).await;
    let pair = tokens(&w, "&scope=user.read+files.app_data").await;
    let bearer = format!("Bearer {}", text(&pair, "access_token"));
    let put = Request::put("/v1/files/content?name=a").header("authorization", &bearer);
    let put = w.send(put.body(Body::from("content")).expect("a request")).await;
    let id = put.json()["data"]["file_id"].to_string();
    let par = form_text(&w.form(&[("response_type", "code"), ("redirect_uri", CALLBACK)]));
    let device = format!("client_id={}", w.app.client_id);
    let authorize = w.authorize("");
    let download = format!("/v1/files/{id}/download");
    let precreate = "parent_path=/&name=b&size=3&md5=900150983cd24fb0d6963f7d28e17f72";
    let signed_in = w.signed_in().await;
    let cookies = signed_in.cookies.iter().map(|(n, v)| format!("{n}={v}"));
    let cookies = cookies.collect::<Vec<_>>().join("; ");
    let requests: &[(&str, &str, &str)] = &[
        ("GET", "/", ""),
        ("GET", "/login", ""),
        ("GET", &authorize, ""),
        ("GET", "/oauth/device", ""),
        ("GET", "/user/apps", ""),
        ("GET", "/oauth/device/qr?user_code=8KXH-Y8R", ""),
        ("GET", "/.well-known/oauth-authorization-server", ""),
        ("GET", "/.well-known/openid-configuration", ""),
        ("GET", "/.well-known/oauth-protected-resource/v1", ""),
        ("POST", "/oauth/par", &par),
        ("POST", "/oauth/device-code", &device),
        ("GET", "/v1/user/info", ""),
        ("GET", &download, ""),
        ("POST", "/v1/files/upload/precreate", precreate),
        ("GET", "/nothing", ""),
    ];
    let send = async |request: &(&str, &str, &str), hostile: bool, who: Option<&str>| {
        let (method, path, body) = *request;
        let mut request = Request::builder().method(method);
        request = if hostile {
            request
                .uri(format!("http://evil.example{path}"))
                .header("host", "evil.example")
                .header("x-forwarded-host", "evil.example")
                .header("x-forwarded-proto", "https")
                .header("x-original-url", "https://evil.example/")
                .header("forwarded", "host=evil.example;proto=https")
        } else {
            request.uri(path).header("host", "127.0.0.1")
        };
        request = match who {
            Some("app") => request.header("authorization", &bearer),
            Some(_) => request.header("cookie", &cookies),
            None => request,
        };
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        w.send(request.body(Body::from(body.to_owned())).expect("a request"))
            .await
    };
    for request in requests {
        for who in [None, Some("app"), Some("person")] {
            // An app proves itself in the body or in the header, not by a token.
            if who == Some("app") && request.1.starts_with("/oauth/") {
                continue;
            }
            let (usual, hostile) = (send(request, false, who).await, send(request, true, who).await);
            assert_eq!(usual.status, hostile.status, "{request:?} {who:?}: {}", hostile.text);
            assert!(!hostile.text.contains("evil.example"), "{request:?}: {}", hostile.text);
            for (name, value) in &hostile.headers {
                assert!(
                    !value.to_str().unwrap_or_default().contains("evil.example"),
                    "{request:?} {name}"
                );
            }
        }
    }
    let told = send(&requests[10], true, None).await.json();
    assert_eq!(told["verification_uri"], w.server.url("/oauth/device"));
    let link = send(&requests[12], true, Some("app")).await.json();
    assert!(text(&link["data"], "url").starts_with(&w.server.url("/d/")), "{link}");
}
