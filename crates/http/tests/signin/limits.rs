//! What guessing is answered: 429 with `Retry-After`, and never to a caller who is right.

use http::StatusCode;
use pantry_testkit::Engine;

use crate::browser::World;

pantry_testkit::both_engines!(
    wrong_client_secrets_are_limited_and_the_right_one_is_not,
    an_unknown_client_is_limited_like_a_known_one,
    wrong_bearer_tokens_are_limited_and_zero_switches_it_off
);

async fn wrong_client_secrets_are_limited_and_the_right_one_is_not(engine: Engine) {
    let w = World::on(engine).await;
    let guess = |secret: &'static str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", "x"),
            ("client_id", w.app.client_id.as_str()),
            ("client_secret", secret),
        ];
        let w = &w;
        async move { w.post("/oauth/token", &form).await }
    };
    for n in 0..60 {
        assert_eq!(guess("pantry_cs_wrong").await.status, StatusCode::UNAUTHORIZED, "{n}");
    }
    let limited = guess("pantry_cs_wrong").await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    let wait: i64 = limited
        .header("retry-after")
        .expect("Retry-After")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&wait));
    // The same at the other addresses where a client proves itself.
    for path in [
        "/oauth/revoke",
        "/oauth/introspect",
        "/oauth/device-code",
        "/oauth/device-token",
        "/oauth/par",
    ] {
        let form = [
            ("client_id", w.app.client_id.as_str()),
            ("client_secret", "pantry_cs_wrong"),
            ("token", "x"),
        ];
        let answer = w.post(path, &form).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
    }
    let code = w.code("").await;
    assert_eq!(
        w.exchange(&code).await.status,
        StatusCode::OK,
        "the right secret, from the same address"
    );
}

async fn an_unknown_client_is_limited_like_a_known_one(engine: Engine) {
    let w = World::on_with(engine, |s| s.limits.bad_clients_per_minute = 2).await;
    for client in [w.app.client_id.as_str(), "0000000000", "no id"] {
        let form = [
            ("client_id", client),
            ("client_secret", "pantry_cs_wrong"),
            ("token", "x"),
        ];
        w.post("/oauth/revoke", &form).await;
    }
    for client in [w.app.client_id.as_str(), "0000000000", "no id"] {
        let form = [
            ("client_id", client),
            ("client_secret", "pantry_cs_wrong"),
            ("token", "x"),
        ];
        let answer = w.post("/oauth/revoke", &form).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{client}");
    }
}

async fn wrong_bearer_tokens_are_limited_and_zero_switches_it_off(engine: Engine) {
    for (max, then) in [(3, StatusCode::TOO_MANY_REQUESTS), (0, StatusCode::UNAUTHORIZED)] {
        let w = World::on_with(engine, |s| s.limits.bad_tokens_per_minute = max).await;
        for _ in 0..3 {
            assert_eq!(
                w.get("/v1/user/info", Some("garbage")).await.status,
                StatusCode::UNAUTHORIZED
            );
        }
        let answer = w.get("/v1/user/info", Some("garbage")).await;
        assert_eq!(answer.status, then);
        assert_eq!(answer.header("retry-after").is_some(), max > 0);
        let code = w.code("").await;
        let tokens = w.exchange(&code).await.json();
        let good = tokens["access_token"].as_str();
        assert_eq!(w.get("/v1/user/info", good).await.status, StatusCode::OK);
    }
}
