//! Requests that are pushed before the person is sent (RFC 9126).

use http::StatusCode;
use pantry_testkit::{Engine, Person, both_engines};

use crate::browser::{Browser, CALLBACK, World, encoded, form_text};

both_engines!(
    a_pushed_request_is_asked_like_any_other_and_once,
    a_pushed_request_is_checked_at_once,
    a_pushed_request_is_for_its_client_and_for_ten_minutes,
    what_is_no_text_is_not_left_out,
);

async fn push(w: &World, more: &[(&str, &str)]) -> crate::browser::Answer {
    let mut form = w.form(&[("response_type", "code"), ("redirect_uri", CALLBACK)]);
    form.extend_from_slice(more);
    w.post("/oauth/par", &form).await
}

fn address(client_id: &str, request_uri: &str) -> String {
    format!(
        "/oauth/authorize?client_id={client_id}&request_uri={}",
        encoded(request_uri.as_bytes())
    )
}

async fn pushed(w: &World, more: &[(&str, &str)]) -> String {
    let answer = push(w, more).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["expires_in"], 600);
    address(&w.app.client_id, body["request_uri"].as_str().expect("an address"))
}

async fn a_pushed_request_is_asked_like_any_other_and_once(engine: Engine) {
    let w = World::on(engine).await;
    let request = [("scope", "openid user.read"), ("state", "a b&c"), ("prompt", "login")];
    let at = pushed(&w, &request).await;
    assert!(!at.contains("secret") && !at.contains("scope"));
    let mut b = Browser::new(&w);
    let next = b.get(&at).await.sent_on_with("next").expect("the way back");
    assert_eq!(b.sign_in(Person::PASSWORD, &next).await.location(), next);
    // What stands beside the address counts for nothing.
    let wider = format!("{next}&scope=files.read_all&state=other");
    let back = b.consent(&wider, "allow", &[]).await;
    assert_eq!(back.sent_on_with("state").as_deref(), Some("a b&c"));
    assert!(back.location().contains("&iss="));
    let tokens = w.exchange(&back.sent_on_with("code").expect("a code")).await.json();
    assert_eq!(tokens["scope"], "user.read openid");
    let again = b.get(&next).await;
    assert_eq!(
        (again.status, again.header("location")),
        (StatusCode::BAD_REQUEST, None)
    );
    let at = pushed(&w, &[("scope", "user.read")]).await;
    let refused = b.consent(&at, "deny", &[]).await;
    assert_eq!(refused.sent_on_with("error").as_deref(), Some("access_denied"));
    assert_eq!(b.get(&at).await.status, StatusCode::BAD_REQUEST);
}

async fn a_pushed_request_is_checked_at_once(engine: Engine) {
    let w = World::on(engine).await;
    for (more, error) in [
        (&[("scope", "nonsense")][..], "invalid_scope"),
        (&[("redirect_uri", "https://evil.example")], "invalid_request"),
        (
            &[("code_challenge", "x"), ("code_challenge_method", "S256")],
            "invalid_request",
        ),
        (&[("request_uri", "urn:x")], "invalid_request"),
        (&[("request", "eyJ")], "request_not_supported"),
        (&[("resource", "https://elsewhere.example")], "invalid_target"),
        (&[("scope", "user.read"), ("scope", "user.read")], "invalid_request"),
    ] {
        let answer = push(&w, more).await;
        assert_eq!(
            (answer.status, answer.error()),
            (StatusCode::BAD_REQUEST, error.into()),
            "{more:?}"
        );
    }
    let form = [
        ("client_id", w.app.client_id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
    ];
    let unproved = w.post("/oauth/par", &form).await;
    assert_eq!(unproved.status, StatusCode::UNAUTHORIZED);
    let basic = w
        .post_basic("/oauth/par", &w.app.client_id, w.secret(), &form[1..])
        .await;
    assert_eq!(basic.status, StatusCode::CREATED);
}

async fn a_pushed_request_is_for_its_client_and_for_ten_minutes(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let other = w.server.app(&w.ada(), "Other").await;
    let at = pushed(&w, &[("scope", "user.read")]).await;
    let swapped = at.replace(&w.app.client_id, &other.client_id);
    assert_eq!(b.get(&swapped).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(b.get(&at).await.status, StatusCode::OK);
    w.server.clock().advance(601);
    assert_eq!(b.get(&at).await.status, StatusCode::BAD_REQUEST);
    let unknown = address(&w.app.client_id, "urn:ietf:params:oauth:request_uri:unknown");
    assert_eq!(b.get(&unknown).await.status, StatusCode::BAD_REQUEST);
}

async fn what_is_no_text_is_not_left_out(engine: Engine) {
    let w = World::on(engine).await;
    let form = w.form(&[("response_type", "code")]);
    let form = form_text(&form);
    for name in ["redirect_uri", "scope", "code_challenge", "state", "nonce", "prompt"] {
        let kind = "application/x-www-form-urlencoded";
        let answer = w.post_as("/oauth/par", &[], kind, &format!("{form}&{name}=x%FF")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {}", answer.text);
        let body = serde_json::json!({
            "client_id": w.app.client_id, "client_secret": w.secret(), "response_type": "code", name: {"a": 1},
        });
        let answer = w
            .post_as("/oauth/par", &[], "application/json", &body.to_string())
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {}", answer.text);
    }
    // An app that posts its request to the page is not taken for one that named no address.
    let posted = format!(
        "client_id={}&response_type=code&redirect_uri=https://evil.example/%FF",
        w.app.client_id
    );
    let mut b = w.signed_in().await;
    let request = http::Request::post("/oauth/authorize").header("content-type", "application/x-www-form-urlencoded");
    let again = b.send(request, posted).await;
    assert_eq!(b.get(again.location()).await.status, StatusCode::BAD_REQUEST);
    // What is not known counts for nothing, text or none.
    let kind = "application/x-www-form-urlencoded";
    let fine = w
        .post_as("/oauth/par", &[], kind, &format!("{form}&unknown=x%FF"))
        .await;
    assert_eq!(fine.status, StatusCode::CREATED, "{}", fine.text);
}
