//! What clients find before they begin: metadata of the server and of the API, and how a refused request leads there.

use http::StatusCode;
use pantry_testkit::{Engine, both_engines};
use serde_json::Value;

use crate::browser::World;

both_engines!(
    everything_that_the_metadata_names_is_there,
    a_refused_request_leads_to_the_metadata,
    a_resource_is_this_one_or_none,
);

async fn metadata(w: &World) -> Value {
    w.get("/.well-known/oauth-authorization-server", None).await.json()
}

async fn everything_that_the_metadata_names_is_there(engine: Engine) {
    let w = World::on(engine).await;
    let m = metadata(&w).await;
    assert_eq!(
        w.get("/.well-known/openid-configuration", None).await.json(),
        m,
        "one document, two addresses"
    );
    let base = w.server.url("");
    // RFC 8414, section 2 and OpenID Connect Discovery 1.0, section 3: what must be there.
    for required in [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
        "scopes_supported",
        "claims_supported",
    ] {
        assert!(!m[required].is_null(), "{required}");
    }
    assert_eq!(m["issuer"], base, "no slash at the end, as in `iss`");
    for (name, value) in m.as_object().expect("an object") {
        let is_place = name.ends_with("_endpoint") || name == "jwks_uri";
        let Some(url) = value.as_str().filter(|_| is_place) else {
            // RFC 8414, section 3.2: what has nothing in it is left out.
            assert!(value.as_array().is_none_or(|a| !a.is_empty()), "{name}");
            continue;
        };
        let path = url.strip_prefix(&base).expect("an address of this server");
        let answer = w.get(path, None).await;
        assert_ne!(answer.status, StatusCode::NOT_FOUND, "{name}");
    }
    let algs = m["id_token_signing_alg_values_supported"]
        .as_array()
        .expect("algorithms");
    assert!(algs.contains(&"RS256".into()) && algs.contains(&"ES256".into()) && !algs.contains(&"none".into()));
    for scope in ["openid", "profile", "email", "user.read", "files.write_all"] {
        let scopes = m["scopes_supported"].as_array().expect("scopes");
        assert!(scopes.contains(&scope.into()), "{scope}");
    }
    // Left out, it would promise what is refused.
    assert_eq!(m["request_uri_parameter_supported"], false);
}

async fn a_refused_request_leads_to_the_metadata(engine: Engine) {
    let w = World::on(engine).await;
    let base = w.server.url("");
    let at = format!("{base}/.well-known/oauth-protected-resource/v1");
    for (token, error) in [(None, None), (Some("garbage"), Some("error=\"invalid_token\""))] {
        let refused = w.get("/v1/user/info", token).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        let challenge = refused.header("www-authenticate").expect("a challenge");
        assert!(challenge.starts_with("Bearer realm=\"pantry\""), "{challenge}");
        assert!(
            challenge.contains(&format!("resource_metadata=\"{at}\"")),
            "{challenge}"
        );
        assert_eq!(
            challenge.contains("error="),
            error.is_some_and(|e| challenge.contains(e))
        );
        // What every app may ask for: clients that are not told ask for all that the metadata name.
        assert!(challenge.contains("scope=\"user.read files.app_data\""), "{challenge}");
    }
    // A token that lacks a scope is told which (RFC 6750, section 3.1).
    let token = w.exchange(&w.code("&scope=files.app_data").await).await.json();
    let refused = w.get("/v1/user/info", token["access_token"].as_str()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let challenge = refused.header("www-authenticate").expect("a challenge");
    let whole = format!(
        "Bearer realm=\"pantry\", error=\"insufficient_scope\", scope=\"user.read\", resource_metadata=\"{at}\""
    );
    assert_eq!(challenge, whole);
    for (path, resource) in [
        ("/.well-known/oauth-protected-resource/v1", format!("{base}/v1")),
        ("/.well-known/oauth-protected-resource", base.clone()),
    ] {
        let answer = w.get(path, None).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let m = answer.json();
        // RFC 9728, section 3.3: the very resource that the address was made from.
        assert_eq!(m["resource"], resource);
        assert_eq!(m["authorization_servers"], serde_json::json!([base]));
        assert_eq!(m["bearer_methods_supported"], serde_json::json!(["header"]));
    }
    assert_eq!(
        metadata(&w).await["protected_resources"],
        serde_json::json!([format!("{base}/v1")])
    );
}

async fn a_resource_is_this_one_or_none(engine: Engine) {
    let w = World::on(engine).await;
    let base = w.server.url("");
    let mut b = w.signed_in().await;
    let here = [base.clone(), format!("{base}/"), format!("{base}/v1")];
    for resource in &here {
        let more = format!("&resource={}&resource={}", resource.replace(':', "%3A"), here[0]);
        let back = b.consent(&w.authorize(&more), "allow", &[]).await;
        let code = back.sent_on_with("code").expect("a code");
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("resource", resource),
            ("resource", &here[0]),
        ];
        let answer = w.post("/oauth/token", &w.form(&form)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    for elsewhere in [
        "https://elsewhere.example",
        &format!("{base}0"),
        "v1",
        &format!("{base}/v1#x"),
    ] {
        let address = w.authorize(&format!("&resource={base}&resource={}", elsewhere.replace('#', "%23")));
        let back = b.get(&address).await;
        assert_eq!(
            back.sent_on_with("error").as_deref(),
            Some("invalid_target"),
            "{elsewhere}"
        );
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", "x"),
            ("resource", elsewhere),
        ];
        let answer = w.post("/oauth/token", &w.form(&form)).await;
        assert_eq!(
            (answer.status, answer.error()),
            (StatusCode::BAD_REQUEST, "invalid_target".into())
        );
        let form = [("client_id", w.app.client_id.as_str()), ("resource", elsewhere)];
        assert_eq!(w.post("/oauth/device-code", &form).await.error(), "invalid_target");
    }
}
