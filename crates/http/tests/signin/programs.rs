//! What programs see at the token, device, revocation and metadata addresses: errors, headers, forms of bodies.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use pantry_testkit::Engine;

use crate::browser::{CALLBACK, World, form_text};

pantry_testkit::both_engines!(
    only_failed_client_authentication_is_401_and_only_basic_is_challenged,
    malformed_requests_are_named,
    a_body_may_be_a_form_json_or_multipart,
    revocation_answers_an_empty_object,
    any_origin_may_call_programs_addresses_without_credentials,
    metadata_tells_what_stands_and_nothing_else,
    another_method_is_405
);

async fn only_failed_client_authentication_is_401_and_only_basic_is_challenged(engine: Engine) {
    let w = World::on(engine).await;
    let id = w.app.client_id.as_str();
    let refresh = ("grant_type", "refresh_token");
    let wrong = [
        ("client_id", id),
        ("client_secret", "wrong"),
        refresh,
        ("refresh_token", "x"),
    ];
    let nobody = [refresh, ("refresh_token", "x")];
    for form in [&wrong[..], &wrong[..1], &nobody[..]] {
        if form.len() == 1 {
            continue;
        }
        let answer = w.post("/oauth/token", form).await;
        assert_eq!(
            (answer.status, answer.error()),
            (StatusCode::UNAUTHORIZED, "invalid_client".into())
        );
        assert_eq!(answer.header("www-authenticate"), None);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let answer = w.post_basic("/oauth/token", id, "wrong", &nobody).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(
        answer
            .header("www-authenticate")
            .expect("a challenge")
            .starts_with("Basic ")
    );
    // Proved, but the token is nothing: 400 and no challenge.
    let answer = w.post_basic("/oauth/token", id, w.secret(), &nobody).await;
    assert_eq!(
        (answer.status, answer.error()),
        (StatusCode::BAD_REQUEST, "invalid_grant".into())
    );
    assert_eq!(answer.header("www-authenticate"), None);
    // Twice is once too often.
    let answer = w.post_basic("/oauth/token", id, w.secret(), &wrong).await;
    assert_eq!(answer.error(), "invalid_request");
}

async fn malformed_requests_are_named(engine: Engine) {
    let w = World::on(engine).await;
    let id = w.app.client_id.as_str();
    let text = form_text(&w.form(&[("grant_type", "refresh_token"), ("refresh_token", "x")]));
    let kind = "application/x-www-form-urlencoded";
    for (path, body, error) in [
        ("/oauth/token", String::new(), "invalid_request"),
        ("/oauth/token", format!("{text}&refresh_token=x"), "invalid_request"),
        ("/oauth/token", format!("{text}&client_id={id}"), "invalid_request"),
        ("/oauth/token", format!("{text}&scope=%FF"), "invalid_request"),
        ("/oauth/token?client_secret=x", text.clone(), "invalid_request"),
        ("/oauth/token?refresh_token=x", text.clone(), "invalid_request"),
        (
            "/oauth/token",
            text.replace("refresh_token&", "password&"),
            "unsupported_grant_type",
        ),
        ("/oauth/token", text.replace("&refresh_token=x", ""), "invalid_request"),
        (
            "/oauth/token",
            text.replace("&refresh_token=x", "&refresh_token="),
            "invalid_request",
        ),
        (
            "/oauth/revoke",
            format!("client_id={id}&client_secret={}", w.secret()),
            "invalid_request",
        ),
        (
            "/oauth/device-code",
            format!("client_id={id}&scope=nonsense"),
            "invalid_scope",
        ),
        ("/oauth/device-token", format!("client_id={id}"), "invalid_request"),
    ] {
        let answer = w.post_as(path, &[], kind, &body).await;
        assert_eq!(
            (answer.status, answer.error()),
            (StatusCode::BAD_REQUEST, error.to_owned()),
            "{path} {body}"
        );
    }
    let twice = format!(r#"{{"client_id":"{id}","client_id":"{id}","grant_type":"refresh_token"}}"#);
    let answer = w.post_as("/oauth/token", &[], "application/json", &twice).await;
    assert_eq!(answer.error(), "invalid_request");
    let big = format!("{text}{}", "x".repeat(2 << 20));
    for (kind, body) in [
        ("text/plain", text.as_str()),
        ("application/json", "{"),
        ("application/json", &big),
        ("multipart/form-data", &text),
        (kind, &big),
    ] {
        for path in [
            "token",
            "device-code",
            "device-token",
            "revoke",
            "introspect",
            "par",
            "userinfo",
        ] {
            let answer = w.post_as(&format!("/oauth/{path}"), &[], kind, body).await;
            assert_eq!(
                (answer.status, answer.error().as_str(), answer.header("cache-control")),
                (StatusCode::BAD_REQUEST, "invalid_request", Some("no-store")),
                "{path} {kind}"
            );
            assert!(answer.json()["error_description"].is_string(), "{path} {kind}");
        }
    }
}

async fn a_body_may_be_a_form_json_or_multipart(engine: Engine) {
    let w = World::on(engine).await;
    let (id, secret) = (w.app.client_id.as_str(), w.secret());
    for kind in ["form", "json", "multipart"] {
        let code = w.code("").await;
        let form = w.form(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
        ]);
        let answer = match kind {
            "form" => w.post("/oauth/token", &form).await,
            "json" => {
                let fields: serde_json::Map<String, serde_json::Value> =
                    form.iter().map(|(n, v)| ((*n).to_owned(), (*v).into())).collect();
                let body = serde_json::to_string(&fields).expect("JSON");
                w.post_as("/oauth/token", &[], "application/json; charset=utf-8", &body)
                    .await
            }
            _ => {
                let parts = form
                    .iter()
                    .map(|(n, v)| format!("--b\r\nContent-Disposition: form-data; name=\"{n}\"\r\n\r\n{v}\r\n"));
                let body = parts.collect::<String>() + "--b--\r\n";
                w.post_as("/oauth/token", &[], "multipart/form-data; boundary=b", &body)
                    .await
            }
        };
        assert_eq!(answer.status, StatusCode::OK, "{kind}: {}", answer.text);
    }
    let code = w.code("").await;
    let form = [("grant_type", "authorization_code"), ("code", code.as_str())];
    assert_eq!(
        w.post_basic("/oauth/token", id, secret, &form).await.status,
        StatusCode::OK
    );
}

async fn revocation_answers_an_empty_object(engine: Engine) {
    let w = World::on(engine).await;
    let issued = w
        .server
        .drive()
        .issue_token("ada", &w.app.client_id, "")
        .await
        .expect("issued");
    let access = issued.access_token.expose();
    assert!(w.server.drive().authenticate(access).await.is_ok());
    for token in [access, access, "garbage"] {
        let answer = w
            .post("/oauth/revoke", &w.form(&[("token", token), ("token_type_hint", "x")]))
            .await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "{}"));
    }
    assert!(w.server.drive().authenticate(access).await.is_err());
    let answer = w
        .post("/oauth/revoke", &[("client_id", &w.app.client_id), ("token", access)])
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

async fn any_origin_may_call_programs_addresses_without_credentials(engine: Engine) {
    let w = World::on(engine).await;
    let ask = |path: &str| {
        Request::builder()
            .method(Method::OPTIONS)
            .uri(path.to_owned())
            .header("origin", "https://spa.example")
            .header("access-control-request-method", "POST")
            .body(Body::empty())
            .expect("a request")
    };
    let programs = [
        "/oauth/token",
        "/oauth/device-code",
        "/oauth/device-token",
        "/oauth/revoke",
        "/oauth/introspect",
        "/oauth/par",
        "/oauth/userinfo",
    ];
    for path in programs {
        let preflight = w.send(ask(path)).await;
        assert_eq!(preflight.status, StatusCode::NO_CONTENT, "{path}");
        for answer in [preflight, w.post(path, &[]).await] {
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
    for path in ["/oauth/authorize", "/oauth/device", "/login", "/"] {
        let answer = w.send(ask(path)).await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
}

async fn metadata_tells_what_stands_and_nothing_else(engine: Engine) {
    let w = World::on(engine).await;
    let request = Request::builder()
        .uri("/.well-known/oauth-authorization-server")
        .body(Body::empty());
    let answer = w.send(request.expect("a request")).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let m = answer.json();
    let base = w.server.url("");
    assert_eq!(m["issuer"], base);
    assert_eq!(m["device_authorization_endpoint"], format!("{base}/oauth/device-code"));
    assert_eq!(m["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    assert_eq!(m["authorization_response_iss_parameter_supported"], true);
    for never in [
        "registration_endpoint",
        "end_session_endpoint",
        "require_request_uri_registration",
    ] {
        assert!(m.get(never).is_none(), "{never}");
    }
}

async fn another_method_is_405(engine: Engine) {
    let w = World::on(engine).await;
    let request = Request::builder().uri("/oauth/token").body(Body::empty());
    let answer = w.send(request.expect("a request")).await;
    assert_eq!(
        (answer.status, answer.error()),
        (StatusCode::METHOD_NOT_ALLOWED, "invalid_request".into())
    );
    assert_eq!(answer.header("allow"), Some("POST,OPTIONS"));
}
