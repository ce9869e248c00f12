//! The device grant through a browser and both addresses.

use http::StatusCode;
use pantry_testkit::{Engine, Person};

use crate::browser::{Answer, Browser, World};

pantry_testkit::both_engines!(
    a_device_is_shown_approved_and_fetches,
    a_device_is_refused_and_told,
    an_approval_needs_the_page_that_was_shown,
    asking_too_fast_is_told_at_the_standard_address_only,
    guessing_a_code_is_limited,
    a_secret_is_optional_for_devices_and_must_be_right,
    a_qr_code_is_drawn_here_without_looking_the_code_up
);

pub(super) async fn start(w: &World) -> serde_json::Value {
    // As the document has it: no secret.
    let form = [
        ("client_id", w.app.client_id.as_str()),
        ("scope", "user.read files.app_data"),
    ];
    let answer = w.post("/oauth/device-code", &form).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

pub(super) async fn poll(w: &World, device: &serde_json::Value) -> Answer {
    w.server.clock().advance(5);
    let code = device["device_code"].as_str().expect("a code");
    let form = [("device_code", code), ("client_id", w.app.client_id.as_str())];
    w.post("/oauth/device-token", &form).await
}

async fn poll_standard(w: &World, device: &serde_json::Value) -> Answer {
    w.server.clock().advance(5);
    let code = device["device_code"].as_str().expect("a code");
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    w.post("/oauth/token", &w.form(&[("grant_type", grant), ("device_code", code)]))
        .await
}

/// Types the code and presses a button.
pub(super) async fn decide(b: &mut Browser<'_>, user_code: &str, decision: &str) -> Answer {
    let entry = b.get(&format!("/oauth/device?user_code={user_code}")).await;
    assert!(entry.text.contains(user_code), "filled in");
    let csrf = entry.hidden("csrf");
    let page = b
        .post("/oauth/device", &[("csrf", &csrf), ("user_code", user_code)])
        .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("192.0.2.1") && page.text.contains("GPTGet"));
    let (csrf, check) = (page.hidden("csrf"), page.hidden("check"));
    let form = [
        ("csrf", csrf.as_str()),
        ("check", check.as_str()),
        ("user_code", user_code),
        ("decision", decision),
    ];
    b.post("/oauth/device", &form).await
}

async fn a_device_is_shown_approved_and_fetches(engine: Engine) {
    let w = World::on(engine).await;
    let d = start(&w).await;
    let code = d["user_code"].as_str().expect("a code");
    let base = w.server.url("");
    assert_eq!(d["verification_uri"], format!("{base}/oauth/device"));
    assert_eq!(
        d["verification_uri_complete"],
        format!("{base}/oauth/device?user_code={code}")
    );
    assert_eq!(d["qr_url"], format!("{base}/oauth/device/qr?user_code={code}"));
    assert_eq!((&d["expires_in"], &d["interval"]), (&600.into(), &5.into()));

    let pending = poll(&w, &d).await;
    assert_eq!(
        (pending.status, pending.text.as_str()),
        (StatusCode::BAD_REQUEST, r#"{"error":"authorization_pending"}"#)
    );

    let mut b = Browser::new(&w);
    let login = b.get(&format!("/oauth/device?user_code={code}")).await;
    assert_eq!(
        login.sent_on_with("next").as_deref(),
        Some(format!("/oauth/device?user_code={code}").as_str())
    );
    b.sign_in(Person::PASSWORD, "/").await;
    assert_eq!(
        b.get(&format!("/oauth/device?user_code={code}")).await.status,
        StatusCode::OK
    );
    assert_eq!(
        poll(&w, &d).await.error(),
        "authorization_pending",
        "opening approves nothing"
    );
    assert_eq!(decide(&mut b, code, "allow").await.status, StatusCode::OK);

    let tokens = poll(&w, &d).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
    assert_eq!(tokens.json()["scope"], "user.read files.app_data");
    assert_eq!(poll(&w, &d).await.error(), "expired_token");
    assert_eq!(poll_standard(&w, &d).await.error(), "invalid_grant");
}

async fn a_device_is_refused_and_told(engine: Engine) {
    let w = World::on(engine).await;
    let d = start(&w).await;
    let mut b = w.signed_in().await;
    decide(&mut b, d["user_code"].as_str().expect("a code"), "deny").await;
    assert_eq!(poll(&w, &d).await.error(), "access_denied");
    assert_eq!(poll_standard(&w, &d).await.error(), "access_denied");
}

async fn an_approval_needs_the_page_that_was_shown(engine: Engine) {
    let w = World::on(engine).await;
    let (shown, other) = (start(&w).await, start(&w).await);
    let mut b = w.signed_in().await;
    let csrf = b.get("/oauth/device").await.hidden("csrf");
    let code = shown["user_code"].as_str().expect("a code");
    let page = b.post("/oauth/device", &[("csrf", &csrf), ("user_code", code)]).await;
    let check = page.hidden("check");
    let others = other["user_code"].as_str().expect("a code");
    for (csrf, check, code) in [
        (csrf.as_str(), "", code),
        (csrf.as_str(), check.as_str(), others),
        ("", check.as_str(), code),
    ] {
        let form = [
            ("csrf", csrf),
            ("check", check),
            ("user_code", code),
            ("decision", "allow"),
        ];
        assert_ne!(b.post("/oauth/device", &form).await.status, StatusCode::OK);
    }
    for d in [&shown, &other] {
        assert_eq!(poll(&w, d).await.error(), "authorization_pending");
    }
}

async fn asking_too_fast_is_told_at_the_standard_address_only(engine: Engine) {
    let w = World::on(engine).await;
    let d = start(&w).await;
    let code = d["device_code"].as_str().expect("a code");
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let form = w.form(&[("grant_type", grant), ("device_code", code)]);
    let mut last = String::new();
    for _ in 0..4 {
        last = w.post("/oauth/token", &form).await.text;
    }
    assert_eq!(last, r#"{"error":"slow_down"}"#);
    let form = [("device_code", code), ("client_id", w.app.client_id.as_str())];
    let answer = w.post("/oauth/device-token", &form).await.text;
    assert_eq!(answer, r#"{"error":"authorization_pending"}"#);
}

async fn guessing_a_code_is_limited(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let csrf = b.get("/oauth/device").await.hidden("csrf");
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let form = [("csrf", csrf.as_str()), ("user_code", "3333-333")];
        let answer = b.post("/oauth/device", &form).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.header("retry-after"), Some("600"));
        }
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [404, 404, 404, 404, 404, 429]);
}

async fn a_secret_is_optional_for_devices_and_must_be_right(engine: Engine) {
    let w = World::on(engine).await;
    for (secret, status) in [(w.secret(), 200), ("pantry_cs_wrong", 401)] {
        let form = [("client_id", w.app.client_id.as_str()), ("client_secret", secret)];
        assert_eq!(w.post("/oauth/device-code", &form).await.status, status);
    }
    // At the standard address a confidential client always authenticates.
    let d = start(&w).await;
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let code = d["device_code"].as_str().expect("a code");
    let form = [
        ("grant_type", grant),
        ("device_code", code),
        ("client_id", w.app.client_id.as_str()),
    ];
    assert_eq!(w.post("/oauth/token", &form).await.status, StatusCode::UNAUTHORIZED);
}

async fn a_qr_code_is_drawn_here_without_looking_the_code_up(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = Browser::new(&w);
    let drawn = b.get("/oauth/device/qr?user_code=8kxhy8r").await;
    assert_eq!(
        (drawn.status, drawn.header("content-type")),
        (StatusCode::OK, Some("image/svg+xml"))
    );
    assert!(drawn.text.contains("<svg"));
    assert_eq!(
        b.get("/oauth/device/qr?user_code=%3Cscript%3E").await.status,
        StatusCode::BAD_REQUEST
    );
}
