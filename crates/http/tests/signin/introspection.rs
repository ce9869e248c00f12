//! What a client may learn of tokens (RFC 7662), and what nobody may.

use http::StatusCode;
use pantry_testkit::{Engine, both_engines};

use crate::browser::{Answer, World};

both_engines!(
    a_client_learns_what_its_token_is_good_for,
    another_clients_token_is_no_token,
    who_cannot_prove_itself_learns_nothing,
);

const DEAD: &str = r#"{"active":false}"#;

async fn introspect(w: &World, token: &str) -> Answer {
    let answer = w.post("/oauth/introspect", &w.form(&[("token", token)])).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer
}

async fn a_client_learns_what_its_token_is_good_for(engine: Engine) {
    let w = World::on(engine).await;
    let made = w.server.drive().now();
    let tokens = w
        .exchange(&w.code("&scope=user.read+files.app_data").await)
        .await
        .json();
    let [access, refresh] = ["access_token", "refresh_token"].map(|n| tokens[n].as_str().expect("a token").to_owned());
    w.server.clock().advance(10);
    let live = introspect(&w, &access).await.json();
    assert_eq!(live["active"], true);
    assert_eq!(live["scope"], "user.read files.app_data");
    assert_eq!(live["client_id"], w.app.client_id);
    assert_eq!(live["username"], "ada");
    assert_eq!(live["token_type"], "Bearer");
    assert_eq!((&live["iat"], &live["exp"]), (&made.into(), &(made + 7200).into()));
    assert_eq!(live["iss"], w.server.url(""));
    assert_eq!(live["aud"], w.server.url("/v1"));
    assert_eq!(live["sub"], w.server.session(&w.ada()).await.user.to_string());
    let live = introspect(&w, &refresh).await.json();
    assert_eq!((&live["active"], live.get("token_type")), (&true.into(), None));

    // Asking is no use: the answer of a refresh can still be had again.
    let once = w.refresh(&refresh, &[]).await;
    let new = once.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(introspect(&w, &new).await.json()["active"], true);
    assert_eq!(w.refresh(&refresh, &[]).await.text, once.text);
    assert_eq!(introspect(&w, &refresh).await.text, DEAD, "exchanged");
    w.server.clock().advance(7200);
    assert_eq!(introspect(&w, &new).await.text, DEAD, "expired");
    let next = once.json()["refresh_token"].as_str().expect("a token").to_owned();
    assert_eq!(introspect(&w, &next).await.json()["active"], true);
    w.server.revoke(&w.ada(), &w.app).await;
    assert_eq!(introspect(&w, &next).await.text, DEAD, "revoked");
    for garbage in ["garbage", "pantry_at_x", &access[..20]] {
        assert_eq!(introspect(&w, garbage).await.text, DEAD);
    }
}

async fn another_clients_token_is_no_token(engine: Engine) {
    let w = World::on(engine).await;
    let other = w.server.app(&w.ada(), "Other").await;
    let issued = w.server.drive().issue_token("ada", &other.client_id, "").await;
    let issued = issued.expect("issued");
    for token in [issued.access_token.expose(), issued.refresh_token.expose()] {
        assert_eq!(introspect(&w, token).await.text, DEAD);
    }
}

async fn who_cannot_prove_itself_learns_nothing(engine: Engine) {
    let w = World::on(engine).await;
    let public = w.public_app("Pocket", "http://127.0.0.1/cb").await;
    let issued = w.server.drive().issue_token("ada", &public, "").await.expect("issued");
    let access = issued.access_token.expose();
    let id = w.app.client_id.as_str();
    for form in [
        vec![("token", access)],
        vec![("token", access), ("client_id", id)],
        vec![("token", access), ("client_id", id), ("client_secret", "wrong")],
        vec![("token", access), ("client_id", public.as_str())],
    ] {
        let answer = w.post("/oauth/introspect", &form).await;
        assert_eq!(
            (answer.status, answer.error()),
            (StatusCode::UNAUTHORIZED, "invalid_client".into())
        );
    }
    let basic = w
        .post_basic("/oauth/introspect", id, w.secret(), &[("token", "x")])
        .await;
    assert_eq!(basic.text, DEAD);
    assert_eq!(
        w.post("/oauth/introspect", &w.form(&[])).await.error(),
        "invalid_request"
    );
    let in_url = w.post("/oauth/introspect?token=x", &w.form(&[("token", "x")])).await;
    assert_eq!(in_url.error(), "invalid_request");
}
