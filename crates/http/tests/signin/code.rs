//! The authorization code through a browser: consent, redirects, `state`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use pantry_testkit::{Engine, Person};
use sha2::{Digest, Sha256};

use crate::browser::{Browser, CALLBACK, World};

pantry_testkit::both_engines!(
    a_person_signs_in_consents_and_the_app_gets_its_tokens,
    state_comes_back_byte_for_byte,
    a_refusal_is_told_to_the_app,
    a_bad_client_or_redirect_is_a_page,
    a_consent_form_is_bound_to_the_session_and_to_what_it_asked,
    nothing_ticked_and_nothing_included_is_asked_again,
    prompt_login_asks_for_the_password_once,
    a_code_with_a_challenge_needs_its_verifier
);

async fn a_person_signs_in_consents_and_the_app_gets_its_tokens(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = Browser::new(&w);
    let address = w.authorize("&scope=user.read+files.app_data+files.read_all&state=xyz");
    let login = b.get(&address).await;
    let next = login.sent_on_with("next").expect("the way back");
    assert_eq!(next, address);
    assert!(b.get(login.location()).await.text.contains("GPTGet"), "who waits");
    assert_eq!(b.sign_in(Person::PASSWORD, &next).await.location(), address);

    let page = b.get(&address).await;
    for there in [
        "GPTGet",
        "ada",
        "app.example.com",
        "files.read_all",
        "/我的应用数据/GPTGet/",
    ] {
        assert!(page.text.contains(there), "{there}");
    }
    let mut boxes = page.text.split("<input").filter(|tag| tag.contains("\"checkbox\""));
    assert!(
        boxes.all(|tag| !tag.split('>').next().is_some_and(|t| t.contains(" checked"))),
        "no tick is set beforehand"
    );
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.ends_with("form-action 'self' https://app.example.com"),
        "{policy}"
    );

    let back = b
        .consent(&address, "allow", &["files.read_all", "files.write_all"])
        .await;
    assert!(back.location().starts_with(&format!("{CALLBACK}?code=pantry_ac_")));
    assert_eq!(back.sent_on_with("state").as_deref(), Some("xyz"));
    assert_eq!(back.sent_on_with("iss").as_deref(), Some(w.server.url("").as_str()));
    assert_eq!(back.header("access-control-allow-origin"), None);

    let code = back.sent_on_with("code").expect("a code");
    let form = w.form(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ]);
    let answer = w.post("/oauth/token", &form).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let tokens = answer.json();
    assert_eq!(
        tokens["scope"], "user.read files.app_data files.read_all",
        "what was not asked is not given"
    );
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"]),
        (&"Bearer".into(), &7200.into())
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(tokens.as_object().expect("an object").len(), 5);

    let refresh = tokens["refresh_token"].as_str().expect("a token");
    let form = w.form(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]);
    let (once, again) = (w.post("/oauth/token", &form).await, w.post("/oauth/token", &form).await);
    assert_eq!(
        (once.status, &once.text),
        (StatusCode::OK, &again.text),
        "byte for byte"
    );
}

async fn state_comes_back_byte_for_byte(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    for (sent, kept) in [
        ("%FF%00%22%3C", "%FF%00%22%3C"),
        ("a+b%26c%3Dd", "a%20b%26c%3Dd"),
        ("%0D%0ALocation%3A%20evil", "%0D%0ALocation%3A%20evil"),
    ] {
        for decision in ["allow", "deny"] {
            let address = w.authorize(&format!("&state={sent}"));
            let back = b.consent(&address, decision, &[]).await;
            assert!(
                back.location().contains(&format!("&state={kept}&iss=")),
                "{}",
                back.location()
            );
        }
    }
}

async fn a_refusal_is_told_to_the_app(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    for decision in ["deny", "", "ALLOW"] {
        let back = b.consent(&w.authorize("&state=s"), decision, &[]).await;
        assert_eq!(back.sent_on_with("error").as_deref(), Some("access_denied"));
        assert_eq!(back.sent_on_with("code"), None);
    }
    for (more, error) in [
        ("&scope=nonsense", "invalid_scope"),
        ("&scope=user.read&scope=user.read", "invalid_request"),
        ("&state=1&state=2", "invalid_request"),
        ("&code_challenge=x&code_challenge_method=S256", "invalid_request"),
        ("&prompt=none", "consent_required"),
    ] {
        let back = b.get(&w.authorize(more)).await;
        assert_eq!(back.sent_on_with("error").as_deref(), Some(error), "{more}");
        assert!(back.location().starts_with(CALLBACK) && back.sent_on_with("iss").is_some());
    }
    let back = Browser::new(&w).get(&w.authorize("&prompt=none")).await;
    assert_eq!(back.sent_on_with("error").as_deref(), Some("login_required"));
}

async fn a_bad_client_or_redirect_is_a_page(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let id = &w.app.client_id;
    for query in [
        String::new(),
        "client_id=1234567890&redirect_uri=https://evil.example&response_type=code".into(),
        format!("client_id={id}&redirect_uri=https://evil.example/&response_type=code"),
        format!("client_id={id}&redirect_uri={CALLBACK}/&response_type=code"),
        format!("client_id={id}&client_id={id}&redirect_uri={CALLBACK}&response_type=code"),
        format!("client_id={id}&redirect_uri={CALLBACK}&redirect_uri={CALLBACK}&response_type=code"),
        format!("client_id={id}&redirect_uri={CALLBACK}&response_type=code&client_secret=x"),
    ] {
        let page = b.get(&format!("/oauth/authorize?{query}")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(page.header("location"), None);
    }
    let page = b
        .get("/oauth/authorize?client_id=%3Cscript%3Ealert(1)%3C/script%3E")
        .await;
    assert!(!page.text.contains("<script"));
}

async fn a_consent_form_is_bound_to_the_session_and_to_what_it_asked(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let page = b.get(&w.authorize("&scope=user.read")).await;
    let (csrf, check) = (page.hidden("csrf"), page.hidden("check"));
    // More than was shown.
    let wider = w.authorize("&scope=user.read+files.read_all");
    let wider = wider.split_once('?').expect("a query").1;
    let form = [
        ("csrf", csrf.as_str()),
        ("check", check.as_str()),
        ("request", wider),
        ("decision", "allow"),
        ("scope", "files.read_all"),
    ];
    let again = b.post("/oauth/authorize", &form).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "{}", again.text);
    // Another session of the same person.
    let request = page.hidden("request");
    let form = [
        ("csrf", csrf.as_str()),
        ("check", check.as_str()),
        ("request", request.as_str()),
        ("decision", "allow"),
    ];
    let mut other = w.signed_in().await;
    assert_eq!(
        other.post("/oauth/authorize", &form).await.status,
        StatusCode::FORBIDDEN
    );
    // Nobody at all.
    let nobody = Browser::new(&w).post("/oauth/authorize", &form).await;
    assert!(nobody.location().starts_with("/login?next="));
    assert!(b.post("/oauth/authorize", &form).await.sent_on_with("code").is_some());
    // An app that posts its request is asked like any other.
    let posted = [
        ("client_id", w.app.client_id.as_str()),
        ("response_type", "code"),
        ("decision", "allow"),
    ];
    let posted = b.post("/oauth/authorize", &posted).await;
    assert!(posted.location().starts_with("/oauth/authorize?client_id="));
}

async fn nothing_ticked_and_nothing_included_is_asked_again(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let again = b.consent(&w.authorize("&scope=files.read_all"), "allow", &[]).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert_eq!(again.header("location"), None);
}

async fn prompt_login_asks_for_the_password_once(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let login = b.get(&w.authorize("&prompt=login&state=s")).await;
    let next = login.sent_on_with("next").expect("the way back");
    assert!(next.contains("&prompt=login&state=s&signed_in_since="), "{next}");
    w.server.clock().advance(60);
    assert_eq!(
        b.sign_in(Person::PASSWORD, &next)
            .await
            .sent_on_with("prompt")
            .as_deref(),
        Some("login")
    );
    assert_eq!(b.get(&next).await.status, StatusCode::OK);
}

async fn a_code_with_a_challenge_needs_its_verifier(engine: Engine) {
    let w = World::on(engine).await;
    let verifier = "a-verifier-of-at-least-forty-three-characters";
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let more = format!("&code_challenge={challenge}&code_challenge_method=S256");
    for (sent, status) in [(Some(verifier), 200), (None, 400), (Some("wrong"), 400)] {
        let code = w.code(&more).await;
        let mut form = w.form(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
        ]);
        form.extend(sent.map(|v| ("code_verifier", v)));
        assert_eq!(w.post("/oauth/token", &form).await.status, status, "{sent:?}");
    }
}
