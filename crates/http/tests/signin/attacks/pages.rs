//! Attacks by other sites on a person's browser.

use http::{Request, StatusCode};
use pantry_testkit::{Engine, Person};

use super::{opens, text, tokens};
use crate::{
    browser::{Answer, Browser, World},
    device,
};

pantry_testkit::both_engines!(
    consent_csrf,
    csrf_of_every_form,
    consent_framing,
    session_fixation,
    claimed_fresh_sign_in,
    leak_by_referrer,
    authorization_by_script,
);

/// Whether the person ever consented: without a page only what was consented to is given.
async fn consented(b: &mut Browser<'_>, w: &World) -> bool {
    let back = b.get(&w.authorize("&prompt=none")).await;
    match back.sent_on_with("error").as_deref() {
        None => true,
        Some("consent_required") => false,
        Some(other) => panic!("{other}"),
    }
}

async fn consent_csrf(engine: Engine) {
    let w = World::on(engine).await;
    w.server.person("eve").await;
    let mut eve = Browser::new(&w);
    eve.sign_in_as("eve", "/").await;
    let mut ada = w.signed_in().await;
    let address = w.authorize("&state=s");
    // Eve sees the very same page, with her own tokens in it; a page of hers sends them in Ada's browser.
    let (hers, adas) = (eve.get(&address).await, ada.get(&address).await);
    let (request, csrf, check) = (hers.hidden("request"), hers.hidden("csrf"), hers.hidden("check"));
    assert_eq!(request, adas.hidden("request"));
    assert!(csrf != adas.hidden("csrf") && check != adas.hidden("check"));
    for (csrf, check) in [
        (csrf.as_str(), check.as_str()),
        ("", ""),
        (&csrf, ""),
        ("", &check),
        (&adas.hidden("csrf"), &check),
        (&adas.hidden("csrf"), ""),
        (&csrf, &adas.hidden("check")),
    ] {
        let form = [
            ("request", request.as_str()),
            ("csrf", csrf),
            ("check", check),
            ("decision", "allow"),
        ];
        let answer = ada.post("/oauth/authorize", &form).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.header("location"), None);
    }
    // An image of hers whose address answers the question.
    for more in [
        "&decision=allow",
        "&decision=allow&csrf=x&check=x",
        "&prompt=none&decision=allow",
    ] {
        let answer = ada.get(&w.authorize(more)).await;
        assert!(
            answer.status == StatusCode::OK || answer.sent_on_with("code").is_none(),
            "{more}"
        );
    }
    assert!(!consented(&mut ada, &w).await);
    let back = ada.consent(&address, "allow", &[]).await;
    assert!(back.sent_on_with("code").is_some());
    assert!(consented(&mut ada, &w).await);
}

async fn csrf_of_every_form(engine: Engine) {
    let w = World::on(engine).await;
    w.server.person("eve").await;
    let mut eve = Browser::new(&w);
    let foreign_login = eve.get("/login").await.hidden("csrf");
    eve.sign_in_as("eve", "/").await;
    let foreign = eve.get("/").await.hidden("csrf");
    let mut ada = w.signed_in().await;
    let access = text(&tokens(&w, "").await, "access_token");
    let waiting = device::start(&w).await;
    let code = text(&waiting, "user_code");
    for csrf in ["", foreign.as_str(), foreign_login.as_str(), "x"] {
        let forms: [(&str, &[(&str, &str)]); 5] = [
            ("/logout", &[("csrf", csrf)]),
            ("/user/apps", &[("csrf", csrf), ("grant", "all")]),
            ("/oauth/device", &[("csrf", csrf), ("user_code", &code)]),
            (
                "/oauth/device",
                &[
                    ("csrf", csrf),
                    ("user_code", &code),
                    ("decision", "allow"),
                    ("check", csrf),
                ],
            ),
            (
                "/login",
                &[("csrf", csrf), ("account", "eve"), ("password", Person::PASSWORD)],
            ),
        ];
        for (path, form) in forms {
            let answer = ada.post(path, form).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {csrf:?}");
        }
        for (name, value) in [
            ("x-pantry-csrf", csrf),
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ] {
            let request = Request::post("/web/v1/grants/revoke-all").header(name, value);
            let answer = ada.send(request, "{}".into()).await;
            assert_eq!(
                answer.status,
                StatusCode::FORBIDDEN,
                "{name} {value:?}: {}",
                answer.text
            );
        }
    }
    // A form that is sent by GET does nothing either.
    assert_eq!(ada.get("/logout").await.status, StatusCode::METHOD_NOT_ALLOWED);
    ada.get("/user/apps?grant=all").await;
    assert!(ada.get("/").await.text.contains("ada"), "still signed in, as the same");
    assert!(opens(&w, &access).await);
    assert_eq!(device::poll(&w, &waiting).await.error(), "authorization_pending");
    // The honest forms.
    let csrf = ada.get("/user/apps").await.hidden("csrf");
    let ended = ada.post("/user/apps", &[("csrf", &csrf), ("grant", "all")]).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER);
    assert!(!opens(&w, &access).await);
    let csrf = ada.get("/").await.hidden("csrf");
    ada.post("/logout", &[("csrf", &csrf)]).await;
    assert!(!ada.get("/").await.text.contains("ada"));
}

async fn consent_framing(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let address = w.authorize("&scope=user.read+files.write_all");
    let bad = format!(
        "/oauth/authorize?client_id={}&redirect_uri=https://evil.example",
        w.app.client_id
    );
    let mut pages = Vec::new();
    for path in [
        address.as_str(),
        &bad,
        "/",
        "/login",
        "/oauth/device",
        "/user/apps",
        "/setup/x",
        "/password/x",
    ] {
        pages.push((path.to_owned(), b.get(path).await));
    }
    // Also what is answered to forms: the approval of a device, a consent that is asked for again.
    let code = text(&device::start(&w).await, "user_code");
    let csrf = b.get("/oauth/device").await.hidden("csrf");
    let approval = b.post("/oauth/device", &[("csrf", &csrf), ("user_code", &code)]).await;
    assert!(approval.text.contains(&code));
    pages.push(("the approval".into(), approval));
    let request = pages[0].1.hidden("request");
    let again = b
        .post("/oauth/authorize", &[("request", &request), ("decision", "allow")])
        .await;
    pages.push(("the consent again".into(), again));
    for (path, page) in &pages {
        let policy = page
            .header("content-security-policy")
            .unwrap_or_else(|| panic!("no policy: {path}"));
        let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
        for wanted in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(directives.contains(&wanted), "{path}: {policy}");
        }
        let form_action = directives.iter().find(|d| d.starts_with("form-action "));
        assert!(
            form_action.is_some_and(|d| !d.contains('*') && !d.contains("evil")),
            "{path}: {policy}"
        );
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{path}");
        assert!(
            !page.text.contains("<script") && !page.text.contains("javascript:"),
            "{path}"
        );
    }
    let nothing = b.get("/nothing").await;
    assert!(
        nothing
            .header("content-security-policy")
            .is_some_and(|p| p.contains("frame-ancestors 'none'"))
    );
    // What a stray click or Enter does is a refusal: that button stands first, and no sensitive scope is ticked.
    let page = &pages[0].1.text;
    let (deny, allow) = (page.find("value=\"deny\""), page.find("value=\"allow\""));
    assert!(deny.is_some() && deny < allow);
    let mut boxes = page.split("<input").filter(|tag| tag.contains("\"checkbox\""));
    assert!(boxes.all(|tag| !tag.split('>').next().is_some_and(|t| t.contains(" checked"))));
    assert!(page.contains("files.write_all"));
    // And it works without any script.
    assert!(
        b.consent(&address, "allow", &["files.write_all"])
            .await
            .sent_on_with("code")
            .is_some()
    );
}

async fn session_fixation(engine: Engine) {
    let w = World::on(engine).await;
    w.server.person("eve").await;
    let mut eve = Browser::new(&w);
    eve.sign_in_as("eve", "/").await;
    let eves = eve.cookies["pantry_session"].clone();
    for planted in [eves.as_str(), "pantry_se_planted", ""] {
        let mut ada = Browser::new(&w);
        ada.cookies.insert("pantry_session".into(), planted.to_owned());
        ada.sign_in(Person::PASSWORD, "/").await;
        let own = ada.cookies["pantry_session"].clone();
        assert_ne!(own, planted);
        assert!(ada.get("/").await.text.contains("ada"), "signed in");
        let mut thief = Browser::new(&w);
        thief.cookies.insert("pantry_session".into(), planted.to_owned());
        assert!(!thief.get("/").await.text.contains("ada"), "{planted:?}");
        // Nor does a session come in any other way than by its cookie.
        for path in [format!("/?pantry_session={own}"), format!("/;pantry_session={own}")] {
            assert!(!Browser::new(&w).get(&path).await.text.contains("ada"));
        }
    }
    // Over TLS a neighbour's page can set no cookie that counts: neither a session, nor what forms are bound to.
    let w = World::on_with(engine, |s| s.server.public_url = "https://drive.example".into()).await;
    w.server.person("eve").await;
    let mut eve = Browser::new(&w);
    let csrf = eve.get("/login").await.hidden("csrf");
    let form_cookie = eve.cookies["__Host-pantry_form"].clone();
    eve.sign_in_as("eve", "/").await;
    let session = eve.cookies["__Host-pantry_session"].clone();
    let mut ada = Browser::new(&w);
    ada.get("/login").await;
    ada.cookies.insert("pantry_form".into(), form_cookie);
    ada.cookies.insert("pantry_session".into(), session);
    let form = [
        ("account", "eve"),
        ("password", Person::PASSWORD),
        ("csrf", csrf.as_str()),
    ];
    assert_eq!(ada.post("/login", &form).await.status, StatusCode::FORBIDDEN);
    assert!(!ada.get("/").await.text.contains("eve"));
    ada.sign_in(Person::PASSWORD, "/").await;
    assert!(ada.get("/").await.text.contains("ada"));
}

async fn claimed_fresh_sign_in(engine: Engine) {
    let w = World::on(engine).await;
    let mut ada = w.signed_in().await;
    w.server.clock().advance(600);
    let now = w.server.drive().now();
    let (mut eve, address) = (Browser::new(&w), w.authorize("&scope=openid&prompt=login&state=s"));
    let is_login = |answer: &Answer| answer.location().starts_with("/login?next=");
    // What the server itself wrote: for a browser of Eve's, for another request, at another time.
    let way_back = eve.get(&address).await.sent_on_with("next").expect("the way back");
    let mark = way_back.split_once("signed_in_since=").expect("the mark").1.to_owned();
    let of_another = ada
        .get(&w.authorize("&scope=openid&max_age=1&state=another"))
        .await
        .sent_on_with("next")
        .expect("the way back");
    let of_another = of_another
        .split_once("signed_in_since=")
        .expect("the mark")
        .1
        .to_owned();
    let older = |mark: &str| format!("{}{}", now - 700, &mark[now.to_string().len()..]);
    for more in ["&prompt=login", "&max_age=60", "&max_age=0", "&prompt=select_account"] {
        let address = w.authorize(&format!("&scope=openid&state=s{more}"));
        for claim in [
            (now - 700).to_string(),
            (now - 700 + 4).to_string(),
            format!("{}.", now - 700),
            format!("{}.{}", now - 700, "0".repeat(32)),
            mark.clone(),
            older(&mark),
            older(&of_another),
            format!("{}&signed_in_since={}", now - 700, now - 700),
        ] {
            for address in [
                format!("{address}&signed_in_since={claim}"),
                address.replacen('?', &format!("?signed_in_since={claim}&"), 1),
            ] {
                let answer = ada.get(&address).await;
                assert!(is_login(&answer), "{address}");
                // A form that the page never showed leads to the same place.
                let query = address.split_once('?').expect("a query").1;
                let form = [("request", query), ("decision", "allow"), ("csrf", "x"), ("check", "x")];
                assert!(is_login(&ada.post("/oauth/authorize", &form).await), "{address}");
            }
        }
    }
    // Nor can an app so tell away that it takes the person for somebody else.
    let hint = format!("&scope=openid&id_token_hint=x.y.z&signed_in_since={now}");
    assert!(is_login(&ada.get(&w.authorize(&hint)).await));
    // The honest way, by signing in.
    let next = ada.get(&address).await.sent_on_with("next").expect("the way back");
    assert!(is_login(&ada.get(&next).await), "not by coming back alone");
    w.server.clock().advance(30);
    ada.sign_in(Person::PASSWORD, &next).await;
    assert_eq!(ada.get(&next).await.status, StatusCode::OK);
    // For a while, not for good.
    w.server.clock().advance(901);
    assert!(is_login(&ada.get(&next).await));
}

async fn leak_by_referrer(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = Browser::new(&w);
    let address = w.authorize("&state=s");
    let answers = [
        b.get(&address).await,
        b.sign_in(Person::PASSWORD, &address).await,
        b.get(&address).await,
        b.consent(&address, "allow", &[]).await,
        b.get("/setup/x").await,
        b.get("/password/x").await,
    ];
    assert!(answers[3].sent_on_with("code").is_some());
    for answer in answers {
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        // Nothing of the page comes from elsewhere, so nobody is told its address.
        for outside in [
            "src=\"http",
            "src=\"//",
            "<link rel=\"stylesheet\" href=\"http",
            "<iframe",
            "<object",
        ] {
            assert!(!answer.text.contains(outside), "{outside}");
        }
    }
}

async fn authorization_by_script(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    for (method, path) in [
        ("GET", w.authorize("")),
        ("OPTIONS", w.authorize("")),
        ("OPTIONS", "/login".into()),
        ("GET", "/oauth/device".into()),
        ("GET", "/web/v1/session".into()),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path.as_str())
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "POST");
        let answer = b.send(request, String::new()).await;
        for name in [
            "access-control-allow-origin",
            "access-control-allow-credentials",
            "access-control-allow-methods",
        ] {
            assert_eq!(answer.header(name), None, "{method} {path} {name}");
        }
    }
    // Programs' addresses are open to every origin, and never with cookies.
    let answer = w
        .post_as(
            "/oauth/token",
            &[("origin", "https://app.example.com")],
            "application/x-www-form-urlencoded",
            "",
        )
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}
