//! OpenID Connect as a client sees it. What is signed is verified by another implementation, which reads our
//! metadata and our keys.

use axum::body::Body;
use chrono::DateTime;
use http::{Request, StatusCode};
use openidconnect::{
    AccessTokenHash, ClientId, ClientSecret, Nonce, OAuth2TokenResponse, TokenResponse,
    core::{
        CoreClient, CoreIdTokenClaims, CoreJsonWebKeySet, CoreJwsSigningAlgorithm, CoreProviderMetadata,
        CoreTokenResponse,
    },
};
use pantry_core::auth::Alg;
use pantry_testkit::{Engine, both_engines};
use serde_json::Value;

use crate::{
    browser::{Answer, World},
    device::{decide, poll},
};

both_engines!(
    another_implementation_verifies_what_is_signed,
    a_refresh_tells_of_the_same_sign_in,
    a_device_learns_who_approved_it,
    userinfo_tells_what_the_scopes_allow,
    userinfo_is_for_tokens_with_openid_alone,
    offline_access_is_understood_and_adds_nothing,
    keys_are_replaced_and_the_old_ones_stay_while_their_tokens_live,
    keys_are_replaced_by_age,
);

/// Verifies an answer's `id_token` as a client does, and gives its claims.
async fn verified(w: &World, answer: &Answer, nonce: Option<&str>) -> CoreIdTokenClaims {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let metadata = w.get("/.well-known/openid-configuration", None).await.text;
    let metadata: CoreProviderMetadata = serde_json::from_str(&metadata).expect("metadata");
    let keys = w.get("/oauth/jwks", None).await.text;
    let keys: CoreJsonWebKeySet = serde_json::from_str(&keys).expect("keys");
    let client = CoreClient::from_provider_metadata(
        metadata.set_jwks(keys),
        ClientId::new(w.app.client_id.clone()),
        Some(ClientSecret::new(w.secret().to_owned())),
    );
    let tokens: CoreTokenResponse = serde_json::from_str(&answer.text).expect("tokens");
    let id_token = tokens.id_token().expect("an id_token");
    let now = w.server.drive().now();
    let verifier = client
        .id_token_verifier()
        .set_allowed_algs([
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        ])
        .set_time_fn(move || DateTime::from_timestamp(now, 0).expect("a time"));
    let expected = nonce.map(|n| Nonce::new(n.to_owned()));
    let claims = match &expected {
        Some(nonce) => id_token.claims(&verifier, nonce),
        None => id_token.claims(&verifier, |sent: Option<&Nonce>| match sent {
            None => Ok(()),
            Some(_) => Err("no nonce was expected".to_owned()),
        }),
    };
    let claims = claims.expect("the signature and the claims hold").clone();
    let half = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg().expect("an algorithm"),
        id_token.signing_key(&verifier).expect("a key"),
    );
    assert_eq!(claims.access_token_hash(), Some(&half.expect("a hash")));
    claims
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}"))
}

fn header_of(id_token: &str) -> Value {
    use base64::Engine as _;
    let part = id_token.split('.').next().expect("a header");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    serde_json::from_slice(&bytes.expect("base64url")).expect("JSON")
}

async fn another_implementation_verifies_what_is_signed(engine: Engine) {
    let w = World::on(engine).await;
    let signed_in = w.server.drive().now();
    for (alg, name) in [(None, "RS256"), (Some(Alg::Es256), "ES256")] {
        if let Some(alg) = alg {
            let chosen = w.server.drive().set_id_token_alg(&w.app.client_id, alg).await;
            chosen.expect("chosen");
        }
        let code = w.code("&scope=openid+user.read&nonce=n-0S6_%E4%B8%AD").await;
        let signed_in = w.server.drive().now().max(signed_in);
        w.server.clock().advance(30);
        let answer = w.exchange(&code).await;
        let claims = verified(&w, &answer, Some("n-0S6_中")).await;
        assert_eq!(claims.issuer().as_str(), w.server.url(""));
        assert_eq!(claims.auth_time().map(|t| t.timestamp()), Some(signed_in));
        assert_eq!(claims.issue_time().timestamp(), signed_in + 30);
        assert_eq!(claims.expiration().timestamp(), signed_in + 30 + 3600);
        let id = w.server.session(&w.ada()).await.user;
        assert_eq!(claims.subject().as_str(), id.to_string());
        let header = header_of(text(&answer.json(), "id_token"));
        assert_eq!((&header["alg"], &header["typ"]), (&name.into(), &"JWT".into()));
        // One letter of the claims changed: nobody's signature any more.
        let id_token = text(&answer.json(), "id_token").to_owned();
        let (head, rest) = id_token.split_once('.').expect("parts");
        let swapped = if rest.as_bytes()[9] == b'A' { "B" } else { "A" };
        let forged = format!("{head}.{}{swapped}{}", &rest[..9], &rest[10..]);
        let forged = answer.text.replace(&id_token, &forged);
        let tokens = serde_json::from_str::<CoreTokenResponse>(&forged);
        assert!(tokens.is_err() || !is_signed(&w, &forged).await);
    }
    let without = w.exchange(&w.code("&scope=user.read+profile+email").await).await.json();
    assert!(without.get("id_token").is_none());
}

async fn is_signed(w: &World, tokens: &str) -> bool {
    let keys = w.get("/oauth/jwks", None).await.text;
    let keys: CoreJsonWebKeySet = serde_json::from_str(&keys).expect("keys");
    let verifier = openidconnect::core::CoreIdTokenVerifier::new_public_client(
        ClientId::new(w.app.client_id.clone()),
        openidconnect::IssuerUrl::new(w.server.url("")).expect("an issuer"),
        keys,
    )
    .set_allowed_algs([
        CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    ]);
    let now = w.server.drive().now();
    let verifier = verifier.set_time_fn(move || DateTime::from_timestamp(now, 0).expect("a time"));
    let tokens: CoreTokenResponse = serde_json::from_str(tokens).expect("tokens");
    let id_token = tokens.id_token().expect("an id_token");
    id_token.claims(&verifier, |_: Option<&Nonce>| Ok(())).is_ok()
}

async fn a_refresh_tells_of_the_same_sign_in(engine: Engine) {
    let w = World::on(engine).await;
    let signed_in = w.server.drive().now();
    let first = w.exchange(&w.code("&scope=openid+files.app_data&nonce=n").await).await;
    let before = verified(&w, &first, Some("n")).await;
    w.server.clock().advance(5000);
    let token = text(&first.json(), "refresh_token").to_owned();
    let second = w.refresh(&token, &[]).await;
    let claims = verified(&w, &second, None).await;
    assert_eq!(claims.subject(), before.subject());
    assert_eq!(claims.auth_time(), before.auth_time());
    assert_eq!(claims.auth_time().map(|t| t.timestamp()), Some(signed_in));
    assert_eq!(claims.issue_time().timestamp(), signed_in + 5000);
    // A lost answer is had again as it was, its id_token included.
    w.server.clock().advance(20);
    let again = w.refresh(&token, &[]).await;
    assert_eq!(again.text, second.text);
    // Narrowed to what is not openid, nobody is named.
    let token = text(&second.json(), "refresh_token").to_owned();
    let narrow = w.refresh(&token, &[("scope", "files.app_data")]).await.json();
    assert!(narrow.get("id_token").is_none());
    let token = text(&narrow, "refresh_token").to_owned();
    let whole = w.refresh(&token, &[]).await;
    assert_eq!(verified(&w, &whole, None).await.auth_time(), before.auth_time());
}

async fn a_device_learns_who_approved_it(engine: Engine) {
    let w = World::on(engine).await;
    let form = [("client_id", w.app.client_id.as_str()), ("scope", "openid user.read")];
    let d = w.post("/oauth/device-code", &form).await.json();
    let mut b = w.signed_in().await;
    let signed_in = w.server.drive().now();
    w.server.clock().advance(60);
    let done = decide(&mut b, text(&d, "user_code"), "allow").await;
    assert_eq!(done.status, StatusCode::OK);
    let answer = poll(&w, &d).await;
    let claims = verified(&w, &answer, None).await;
    assert_eq!(claims.auth_time().map(|t| t.timestamp()), Some(signed_in));
}

async fn userinfo_tells_what_the_scopes_allow(engine: Engine) {
    let w = World::on(engine).await;
    for (scope, told) in [
        ("openid", vec![]),
        ("openid+profile", vec!["name", "nickname", "preferred_username"]),
        ("openid+email", vec!["email", "email_verified"]),
    ] {
        let tokens = w.exchange(&w.code(&format!("&scope={scope}")).await).await.json();
        let access = text(&tokens, "access_token");
        let answer = w.get("/oauth/userinfo", Some(access)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let mut info = answer.json();
        let id = w.server.session(&w.ada()).await.user;
        assert_eq!(info["sub"], id.to_string());
        if scope == "openid+email" {
            assert_eq!(info["email"], "ada@example.com");
        }
        let info = info.as_object_mut().expect("an object");
        info.remove("sub");
        assert!(info.keys().all(|name| told.contains(&name.as_str())), "{info:?}");
        assert!(told.is_empty() || !info.is_empty());
        // By POST, the token in the header or in the body.
        let kind = "application/x-www-form-urlencoded";
        let bearer = format!("Bearer {access}");
        let by_header = w
            .post_as("/oauth/userinfo", &[("authorization", &bearer)], kind, "")
            .await;
        let by_body = w.post("/oauth/userinfo", &[("access_token", access)]).await;
        assert_eq!((by_header.status, by_body.status), (StatusCode::OK, StatusCode::OK));
        assert_eq!(by_header.text, by_body.text);
        let both = w
            .post_as(
                "/oauth/userinfo",
                &[("authorization", &bearer)],
                kind,
                &format!("access_token={access}"),
            )
            .await;
        assert_eq!(both.status, StatusCode::BAD_REQUEST);
        let challenge = Some("Bearer realm=\"pantry\", error=\"invalid_request\"");
        assert_eq!(both.header("www-authenticate"), challenge);
    }
}

async fn userinfo_is_for_tokens_with_openid_alone(engine: Engine) {
    let w = World::on(engine).await;
    let nobody = w.get("/oauth/userinfo", None).await;
    assert_eq!(
        (nobody.status, nobody.header("www-authenticate")),
        (StatusCode::UNAUTHORIZED, Some("Bearer realm=\"pantry\""))
    );
    let garbage = w.get("/oauth/userinfo", Some("garbage")).await;
    assert_eq!(garbage.status, StatusCode::UNAUTHORIZED);
    for (header, status, error) in [
        ("bearer garbage", StatusCode::UNAUTHORIZED, true),
        ("Bearer", StatusCode::UNAUTHORIZED, false),
        ("Bearer ", StatusCode::UNAUTHORIZED, false),
        // Who tries another scheme does not know what is wanted, and is told without a word of an error.
        ("Basic YTpi", StatusCode::UNAUTHORIZED, false),
        ("Token garbage", StatusCode::UNAUTHORIZED, false),
        ("", StatusCode::UNAUTHORIZED, false),
    ] {
        let request = Request::get("/oauth/userinfo").header("authorization", header);
        let answer = w.send(request.body(Body::empty()).expect("a request")).await;
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert_eq!(
            (answer.status, challenge.contains("error=")),
            (status, error),
            "{header:?}"
        );
        assert!(challenge.starts_with("Bearer realm="), "{header:?}");
    }
    let challenge = garbage.header("www-authenticate").expect("a challenge");
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");

    let tokens = w.exchange(&w.code("&scope=user.read+profile+email").await).await.json();
    let access = text(&tokens, "access_token");
    let refused = w.get("/oauth/userinfo", Some(access)).await;
    assert_eq!(
        (refused.status, refused.error()),
        (StatusCode::FORBIDDEN, "insufficient_scope".into())
    );
    let challenge = refused.header("www-authenticate").expect("a challenge");
    assert!(challenge.contains("scope=\"openid\""), "{challenge}");
    // A refresh token is no access token, and a URL is no place for one.
    let refresh = text(&tokens, "refresh_token");
    assert_eq!(
        w.get("/oauth/userinfo", Some(refresh)).await.status,
        StatusCode::UNAUTHORIZED
    );
    let in_url = w.get(&format!("/oauth/userinfo?access_token={access}"), None).await;
    assert_eq!(in_url.status, StatusCode::BAD_REQUEST);
    assert!(in_url.header("www-authenticate").is_some());

    let tokens = w.exchange(&w.code("&scope=openid").await).await.json();
    let access = text(&tokens, "access_token");
    assert_eq!(w.get("/oauth/userinfo", Some(access)).await.status, StatusCode::OK);
    w.server.revoke(&w.ada(), &w.app).await;
    assert_eq!(
        w.get("/oauth/userinfo", Some(access)).await.status,
        StatusCode::UNAUTHORIZED
    );
}

async fn offline_access_is_understood_and_adds_nothing(engine: Engine) {
    let w = World::on(engine).await;
    let scope = "openid offline_access user.read";
    let tokens = w
        .exchange(&w.code("&scope=openid+offline_access+user.read").await)
        .await;
    assert_eq!(tokens.json()["scope"], "user.read openid");
    // A client may name at the refresh what it named at first.
    let refresh = text(&tokens.json(), "refresh_token").to_owned();
    let fresh = w.refresh(&refresh, &[("scope", scope)]).await;
    assert_eq!(
        (fresh.status, &fresh.json()["scope"]),
        (StatusCode::OK, &"user.read openid".into())
    );
    let device = w.post("/oauth/device-code", &w.form(&[("scope", scope)])).await;
    assert_eq!(device.status, StatusCode::OK);
    // Alone it is no scope, and never the usual ones.
    let device = w
        .post("/oauth/device-code", &w.form(&[("scope", "offline_access")]))
        .await;
    assert_eq!(device.error(), "invalid_scope");
}

async fn kids(w: &World) -> Vec<String> {
    let answer = w.get("/oauth/jwks", None).await;
    assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let set: Value = serde_json::from_str(&answer.text).expect("JSON");
    let keys = set["keys"].as_array().expect("keys").clone();
    for key in &keys {
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
    keys.iter().map(|key| text(key, "kid").to_owned()).collect()
}

async fn keys_are_replaced_and_the_old_ones_stay_while_their_tokens_live(engine: Engine) {
    let w = World::on(engine).await;
    let first = kids(&w).await;
    assert_eq!(first.len(), 2, "one of each algorithm");
    assert_eq!(kids(&w).await, first);
    let old = w.exchange(&w.code("&scope=openid").await).await;
    let rotated = w.server.drive().rotate_signing_keys().await.expect("rotated");
    assert_eq!(rotated.len(), 2);
    let both = kids(&w).await;
    assert!(first.iter().all(|kid| both.contains(kid)) && both.len() == 4);
    verified(&w, &old, None).await;
    let new = w.exchange(&w.code("&scope=openid").await).await;
    verified(&w, &new, None).await;
    let kid = header_of(text(&new.json(), "id_token"))["kid"].clone();
    assert!(!first.iter().any(|old| kid == *old));
    w.server.clock().advance(3599);
    verified(&w, &old, None).await;
    w.server.clock().advance(302);
    let left = kids(&w).await;
    assert!(left.len() == 2 && !left.iter().any(|kid| first.contains(kid)));
}

async fn keys_are_replaced_by_age(engine: Engine) {
    let w = World::on(engine).await;
    let kid = |answer: &Answer| header_of(text(&answer.json(), "id_token"))["kid"].clone();
    let first = w.exchange(&w.code("&scope=openid").await).await;
    w.server.clock().advance(89 * 86_400);
    let young = w.exchange(&w.code("&scope=openid").await).await;
    assert_eq!(kid(&first), kid(&young));
    w.server.clock().advance(2 * 86_400);
    let codes = [w.code("&scope=openid").await, w.code("&scope=openid").await];
    // Two at once make one key.
    let (one, other) = tokio::join!(w.exchange(&codes[0]), w.exchange(&codes[1]));
    assert_eq!(kid(&one), kid(&other));
    assert_ne!(kid(&one), kid(&young));
    verified(&w, &one, None).await;
}
