//! Pages: signing in and out, setting up, their headers and cookies.

use http::StatusCode;
use pantry_testkit::{Engine, Person};

use crate::browser::{Browser, World};

pantry_testkit::both_engines!(
    signing_in_leads_to_where_one_was_going_and_only_here,
    a_wrong_password_says_no_more_than_that,
    a_form_from_elsewhere_does_nothing,
    the_session_is_new_at_each_sign_in_and_ends_at_sign_out,
    cookies_are_kept_from_scripts_other_sites_and_plain_http,
    every_page_carries_its_policy,
    a_page_speaks_the_language_that_was_chosen,
    a_setup_link_is_closed_once_there_is_somebody
);

async fn signing_in_leads_to_where_one_was_going_and_only_here(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = Browser::new(&w);
    assert!(b.get("/").await.text.contains("/login"));
    let answer = b.sign_in(Person::PASSWORD, "/oauth/device?user_code=8KXH-Y8R").await;
    assert_eq!(answer.location(), "/oauth/device?user_code=8KXH-Y8R");
    let home = b.get("/").await;
    assert!(home.text.contains("ada") && home.text.contains("100"), "{}", home.text);
    for evil in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let answer = b.sign_in(Person::PASSWORD, evil).await;
        assert_eq!(answer.location(), "/", "{evil}");
    }
}

async fn a_wrong_password_says_no_more_than_that(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = Browser::new(&w);
    let wrong = b.sign_in("wrong", "/").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(!wrong.text.contains("wrong\""), "no password is shown again");
    assert!(b.cookies.keys().all(|name| name != "pantry_session"));
    for _ in 0..9 {
        b.sign_in("wrong", "/").await;
    }
    let locked = b.sign_in(Person::PASSWORD, "/").await;
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(locked.header("retry-after"), Some("900"));
}

async fn a_form_from_elsewhere_does_nothing(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = Browser::new(&w);
    // Signing somebody in as somebody else: no form cookie, or another's token.
    let form = [("account", "ada"), ("password", Person::PASSWORD), ("csrf", "")];
    assert_eq!(b.post("/login", &form).await.status, StatusCode::FORBIDDEN);
    let others = Browser::new(&w).get("/login").await.hidden("csrf");
    let form = [
        ("account", "ada"),
        ("password", Person::PASSWORD),
        ("csrf", others.as_str()),
    ];
    assert_eq!(b.post("/login", &form).await.status, StatusCode::FORBIDDEN);

    let mut b = w.signed_in().await;
    assert_eq!(
        b.post("/logout", &[("csrf", &others)]).await.status,
        StatusCode::FORBIDDEN
    );
    assert!(b.get("/").await.text.contains("ada"), "still signed in");
    assert_eq!(b.get("/logout").await.status, StatusCode::METHOD_NOT_ALLOWED);
    let csrf = b.get("/").await.hidden("csrf");
    let out = b.post("/logout", &[("csrf", &csrf)]).await;
    assert_eq!(out.status, StatusCode::OK);
    assert!(!b.get("/").await.text.contains("ada"));
}

async fn the_session_is_new_at_each_sign_in_and_ends_at_sign_out(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let first = b.cookies["pantry_session"].clone();
    b.sign_in(Person::PASSWORD, "/").await;
    let second = b.cookies["pantry_session"].clone();
    assert_ne!(first, second);
    let mut thief = Browser::new(&w);
    thief.cookies.insert("pantry_session".into(), first);
    assert!(!thief.get("/").await.text.contains("ada"));
    let csrf = b.get("/").await.hidden("csrf");
    let out = b.post("/logout", &[("csrf", &csrf), ("next", "/oauth/device")]).await;
    assert_eq!(out.location(), "/oauth/device");
    let gone = out
        .cookies()
        .into_iter()
        .any(|c| c.starts_with("pantry_session=;") && c.contains("Max-Age=0"));
    assert!(gone, "{:?}", out.cookies());
    thief.cookies.insert("pantry_session".into(), second);
    assert!(!thief.get("/").await.text.contains("ada"));
}

async fn cookies_are_kept_from_scripts_other_sites_and_plain_http(engine: Engine) {
    let w = World::on(engine).await;
    let answer = Browser::new(&w).sign_in(Person::PASSWORD, "/").await;
    let session = *answer.cookies().last().expect("a cookie");
    assert!(session.starts_with("pantry_session=pantry_se_"), "{session}");
    assert!(
        session.contains("; Path=/; HttpOnly; SameSite=Lax; Max-Age="),
        "{session}"
    );
    assert!(!session.contains("Secure"));

    let w = World::on_with(engine, |s| s.server.public_url = "https://drive.example".into()).await;
    let answer = Browser::new(&w).sign_in(Person::PASSWORD, "/").await;
    let session = *answer.cookies().last().expect("a cookie");
    assert!(session.starts_with("__Host-pantry_session="), "{session}");
    assert!(session.contains("; Secure") && !session.contains("Domain"), "{session}");
    // A cookie without the prefix could have been set by a neighbour.
    let mut b = Browser::new(&w);
    let value = session.split(['=', ';']).nth(1).expect("a value").to_owned();
    b.cookies.insert("pantry_session".into(), value.clone());
    assert!(!b.get("/").await.text.contains("ada"));
    b.cookies.insert("__Host-pantry_session".into(), value);
    assert!(b.get("/").await.text.contains("ada"));
}

async fn every_page_carries_its_policy(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    for path in ["/", "/login", "/oauth/device", "/oauth/authorize", "/setup/x"] {
        let page = b.get(path).await;
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("access-control-allow-origin"), None, "{path}");
        assert!(
            !page.text.contains("<script") && !page.text.contains("style="),
            "{path}"
        );
    }
    let page = b.get("/").await.text;
    let css = page
        .split('"')
        .find(|s| s.starts_with("/assets/") && s.ends_with(".css"))
        .expect("a stylesheet");
    let css = b.get(css).await;
    assert_eq!(css.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(css.header("cache-control").expect("cached").contains("immutable"));
    assert_eq!(b.get("/assets/none.css").await.status, StatusCode::NOT_FOUND);
}

async fn a_page_speaks_the_language_that_was_chosen(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = Browser::new(&w);
    assert!(b.get("/login").await.text.contains("<html lang=\"en\""));
    assert!(b.get("/login?lang=zh").await.text.contains("<html lang=\"zh-CN\""));
    assert!(
        b.get("/login").await.text.contains("<html lang=\"zh-CN\""),
        "remembered"
    );
}

async fn a_setup_link_is_closed_once_there_is_somebody(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = Browser::new(&w);
    assert_eq!(b.get("/setup/pantry_su_x").await.status, StatusCode::GONE);
    let csrf = b.get("/login").await.hidden("csrf");
    let form = [
        ("token", "x"),
        ("name", "root"),
        ("email", "root@example.com"),
        ("password", Person::PASSWORD),
        ("password_again", Person::PASSWORD),
        ("csrf", &csrf),
    ];
    assert_eq!(b.post("/setup", &form).await.status, StatusCode::GONE);
}
