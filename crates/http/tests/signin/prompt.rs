//! `prompt`, `max_age`, the hints: when a page is shown, and when an answer comes without one
//! (OpenID Connect Core 1.0, section 3.1.2).

use http::StatusCode;
use pantry_testkit::{Engine, Person, both_engines};

use crate::browser::{Browser, CALLBACK, World, encoded};

both_engines!(
    without_a_page_only_what_was_consented_to,
    without_a_page_only_a_fresh_enough_sign_in,
    without_a_page_nothing_for_an_address_that_anybody_can_take,
    a_sign_in_that_is_too_old_is_asked_for_anew,
    a_hint_at_somebody_else_asks_who_it_is,
    hints_are_only_hints,
    what_is_not_supported_is_said,
);

async fn error_of(b: &mut Browser<'_>, address: &str) -> String {
    let back = b.get(address).await;
    assert!(back.location().starts_with(CALLBACK), "{}", back.location());
    assert!(back.sent_on_with("iss").is_some(), "errors carry it too");
    assert_eq!(back.sent_on_with("state").as_deref(), Some("s"));
    back.sent_on_with("error").unwrap_or_default()
}

async fn without_a_page_only_what_was_consented_to(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let silent = |scope: &str| w.authorize(&format!("&scope={scope}&prompt=none&state=s&nonce=n"));
    assert_eq!(error_of(&mut b, &silent("openid")).await, "consent_required");
    b.consent(&w.authorize("&scope=openid+user.read"), "allow", &[]).await;
    let back = b.get(&silent("openid+user.read")).await;
    let code = back.sent_on_with("code").expect("a code, without a page");
    assert_eq!(back.sent_on_with("iss").as_deref(), Some(w.server.url("").as_str()));
    let tokens = w.exchange(&code).await;
    assert_eq!(
        (tokens.status, &tokens.json()["scope"]),
        (StatusCode::OK, &"user.read openid".into())
    );
    assert_eq!(
        error_of(&mut b, &silent("openid+files.read_all")).await,
        "consent_required"
    );
    assert_eq!(
        error_of(&mut Browser::new(&w), &silent("openid")).await,
        "login_required"
    );
    w.server.revoke(&w.ada(), &w.app).await;
    assert_eq!(error_of(&mut b, &silent("openid")).await, "consent_required");
}

async fn without_a_page_only_a_fresh_enough_sign_in(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    b.consent(&w.authorize("&scope=openid"), "allow", &[]).await;
    w.server.clock().advance(100);
    let silent = |age: &str| w.authorize(&format!("&scope=openid&prompt=none&state=s&max_age={age}"));
    assert_eq!(error_of(&mut b, &silent("99")).await, "login_required");
    assert_eq!(error_of(&mut b, &silent("0")).await, "login_required");
    assert_eq!(
        error_of(&mut b, &format!("{}&signed_in_since=1", silent("99"))).await,
        "login_required"
    );
    assert!(b.get(&silent("100")).await.sent_on_with("code").is_some());
}

async fn without_a_page_nothing_for_an_address_that_anybody_can_take(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let id = w.public_app("Pocket", "http://127.0.0.1/cb").await;
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let address = format!(
        "/oauth/authorize?client_id={id}&response_type=code&scope=openid&redirect_uri={}\
         &code_challenge={challenge}&code_challenge_method=S256",
        encoded(b"http://127.0.0.1:4711/cb")
    );
    let back = b.consent(&address, "allow", &[]).await;
    assert!(back.sent_on_with("code").is_some());
    let back = b.get(&format!("{address}&prompt=none")).await;
    assert_eq!(back.sent_on_with("error").as_deref(), Some("interaction_required"));
}

async fn a_sign_in_that_is_too_old_is_asked_for_anew(engine: Engine) {
    let w = World::on(engine).await;
    for more in [
        "&max_age=60",
        "&max_age=0",
        "&prompt=login",
        "&prompt=select_account+consent",
    ] {
        let mut b = w.signed_in().await;
        w.server.clock().advance(61);
        let address = w.authorize(&format!("&scope=openid{more}"));
        let login = b.get(&address).await;
        assert!(login.location().starts_with("/login?next="), "{more}");
        let next = login.sent_on_with("next").expect("the way back");
        // Coming back without having signed in leads to the same place.
        w.server.clock().advance(30);
        let again = b.get(&next).await;
        assert!(again.location().starts_with("/login?next="), "{more}");
        let next = again.sent_on_with("next").expect("the way back");
        assert_eq!(next.matches("signed_in_since").count(), 1);
        let signed_in = w.server.drive().now();
        assert_eq!(b.sign_in(Person::PASSWORD, &next).await.location(), next);
        // However slowly one reads.
        w.server.clock().advance(100);
        let back = b.consent(&next, "allow", &[]).await;
        let tokens = w.exchange(&back.sent_on_with("code").expect("a code")).await.json();
        let id_token = tokens["id_token"].as_str().expect("an id_token");
        assert!(claims(id_token)["auth_time"] == signed_in, "{more}");
    }
    let mut b = w.signed_in().await;
    let page = b.get(&w.authorize("&max_age=60&prompt=consent")).await;
    assert_eq!(page.status, StatusCode::OK);
}

fn claims(id_token: &str) -> serde_json::Value {
    use base64::Engine as _;
    let part = id_token.split('.').nth(1).expect("claims");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    serde_json::from_slice(&bytes.expect("base64url")).expect("JSON")
}

async fn a_hint_at_somebody_else_asks_who_it_is(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let back = b.consent(&w.authorize("&scope=openid"), "allow", &[]).await;
    let tokens = w.exchange(&back.sent_on_with("code").expect("a code")).await.json();
    let mine = tokens["id_token"].as_str().expect("an id_token").to_owned();
    let ask = |hint: &str| w.authorize(&format!("&scope=openid&state=s&id_token_hint={hint}"));
    assert_eq!(b.get(&ask(&mine)).await.status, StatusCode::OK);
    w.server.clock().advance(3000);
    let silent = format!("{}&prompt=none", ask(&mine));
    assert!(b.get(&silent).await.sent_on_with("code").is_some(), "good still");
    // Of somebody else, of another app, signed by nobody.
    w.server.person("bob").await;
    let mut bob = Browser::new(&w);
    bob.sign_in_as("bob", "/").await;
    bob.consent(&w.authorize("&scope=openid"), "allow", &[]).await;
    assert_eq!(error_of(&mut bob, &silent).await, "login_required");
    assert!(bob.get(&ask(&mine)).await.location().starts_with("/login?next="));
    let forged = format!("{}AAAA", &mine[..mine.len() - 4]);
    assert_eq!(
        error_of(&mut b, &format!("{}&prompt=none", ask(&forged))).await,
        "login_required"
    );
    // Who comes back from there as they were means it.
    let next = bob.get(&ask(&mine)).await.sent_on_with("next").expect("the way back");
    assert_eq!(bob.get(&next).await.status, StatusCode::OK);
}

async fn hints_are_only_hints(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = Browser::new(&w);
    let address = w.authorize("&scope=openid&login_hint=ada%40example.com&ui_locales=fr+zh-CN+en&display=page");
    let login = b.get(&address).await;
    let page = b.get(login.location()).await;
    assert!(page.text.contains("value=\"ada@example.com\""), "typed already");
    assert!(page.text.contains("<html lang=\"zh-CN\""), "before the browser's own");
    b.sign_in(Person::PASSWORD, &address).await;
    assert!(b.get(&address).await.text.contains("<html lang=\"zh-CN\""));
    // What the person chose goes before what the app thinks.
    b.get("/login?lang=en").await;
    assert!(b.get(&address).await.text.contains("<html lang=\"en\""));
}

async fn what_is_not_supported_is_said(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    for (more, error) in [
        ("&request=eyJ", "request_not_supported"),
        (
            "&request_uri=https%3A%2F%2Fapp.example.com%2Fr",
            "request_uri_not_supported",
        ),
        ("&registration=%7B%7D", "registration_not_supported"),
        ("&prompt=create", "invalid_request"),
        ("&prompt=none+login", "invalid_request"),
        ("&max_age=-1", "invalid_request"),
        ("&max_age=x", "invalid_request"),
        ("&max_age=1&max_age=2", "invalid_request"),
        ("&response_mode=fragment", "invalid_request"),
    ] {
        let address = w.authorize(&format!("&scope=openid&state=s{more}"));
        assert_eq!(error_of(&mut b, &address).await, error, "{more}");
    }
    let implicit = w
        .authorize("&scope=openid&state=s")
        .replace("response_type=code", "response_type=id_token");
    assert_eq!(error_of(&mut b, &implicit).await, "unsupported_response_type");
}
