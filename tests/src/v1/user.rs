//! `/v1/user/*`, and what every route of v1 asks of a token.

use pantry_testkit::{Engine, NOW, TestServer, Token, both_engines};
use serde_json::json;

both_engines!(
    the_profile_has_the_documents_fields,
    the_quota_counts_bin_and_versions_and_leaves_reservations_out,
    sharing_is_switched_on_by_its_scope_alone,
    a_token_that_is_not_good_is_refused_with_the_header_that_asks_for_one,
    a_grant_has_its_own_rate,
    a_token_dies_at_its_time,
);

async fn the_profile_has_the_documents_fields(engine: Engine) {
    let server = TestServer::new(engine).await;
    let (ada, scopes) = (server.person("ada").await, "user.read files.app_data");
    let app = server.app(&ada, "GPTGet").await;
    let data = server.token(&ada, &app, scopes).await.get("/v1/user/info").await.data();
    let wanted = json!({
        "uid": ada.id, "username": "ada", "nickname": "ada", "email": "a***@example.com", "avatar_url": "",
        "is_vip": false, "vip_group": 0, "vip_expire_ts": 0, "storage_quota_bytes": 107_374_182_400_i64,
        "created_at_ts": NOW,
        "oauth": {"client_id": app.client_id, "scopes": ["user.read", "files.app_data"]},
    });
    assert_eq!(data, wanted);
}

async fn the_quota_counts_bin_and_versions_and_leaves_reservations_out(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person_with("ada", Some(1_000)).await;
    let app = server.app(&ada, "Notes").await;
    let token = server.token(&ada, &app, "user.read files.app_data").await;
    let quota = async || {
        let data = token.get("/v1/user/quota").await.data();
        ["total_bytes", "used_bytes", "free_bytes"].map(|field| data[field].as_i64().expect("bytes"))
    };
    let id = token.file("/", "a", &[1; 100]).await;
    token.file("/", "a", &[2; 50]).await;
    assert_eq!(quota().await, [1_000, 150, 850], "the old version counts");
    token
        .post("/v1/files/manage", &format!("action=delete&file_ids={id}"))
        .await
        .data();
    assert_eq!(quota().await, [1_000, 150, 850], "the bin counts");
    token.precreate("/", "b", &[3; 500]).await.data();
    assert_eq!(quota().await, [1_000, 150, 350], "an upload reserves");
    token.post("/v1/bin/empty", "").await.data();
    assert_eq!(quota().await, [1_000, 0, 500]);
    assert_eq!(token.get("/v1/user/quota").await.data()["used_pct"].as_f64(), Some(0.0));
}

async fn sharing_is_switched_on_by_its_scope_alone(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person("ada").await;
    let app = server.app(&ada, "Notes").await;
    let without = server.token(&ada, &app, "user.read files.app_data share.read").await;
    let refused = without.post("/v1/user/share-enable", "").await;
    assert_eq!(refused.error(), (403, "insufficient_scope".into()));
    assert!(refused.message().contains("share.create"));
    let with = server.token(&ada, &app, "share.create").await;
    for _ in 0..2 {
        let data = with.post("/v1/user/share-enable", "").await.data();
        assert_eq!(data["enabled"], true);
        assert!(data["note"].is_string());
    }
    assert_eq!(with.get("/v1/user/info").await.error().0, 403);
    assert_eq!(with.get("/v1/user/quota").await.error().0, 403);
}

async fn a_token_that_is_not_good_is_refused_with_the_header_that_asks_for_one(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("user.read files.app_data").await;
    let bad = |access: &str| Token::new(access.to_owned(), server.url(""), server.http.clone());
    let mut changed = token.access.clone();
    changed.pop();
    for access in ["", "nonsense", changed.as_str()] {
        let reply = bad(access).get("/v1/user/info").await;
        assert_eq!(reply.error(), (401, "invalid_token".into()));
        assert!(
            reply
                .header("www-authenticate")
                .is_some_and(|value| value.starts_with("Bearer "))
        );
    }
    let none = server.get("/v1/user/info").await;
    let metadata = server.url("/.well-known/oauth-protected-resource/v1");
    let challenge =
        format!("Bearer realm=\"pantry\", scope=\"user.read files.app_data\", resource_metadata=\"{metadata}\"");
    assert_eq!(
        (none.error().0, none.header("www-authenticate")),
        (401, Some(challenge.as_str()))
    );
    let in_url = server
        .get(&format!("/v1/user/info?access_token={}", token.access))
        .await;
    assert_eq!(in_url.error().0, 401);
    assert!(in_url.message().contains("URL"));
    let request = server.http.get(server.url("/v1/user/info"));
    let lower = request.header("authorization", format!("bearer {}", token.access));
    assert_eq!(
        pantry_testkit::Reply::of(lower).await.status,
        200,
        "the scheme's case is free"
    );
}

async fn a_grant_has_its_own_rate(engine: Engine) {
    let server = TestServer::with(engine, |settings| settings.v1.rate_per_minute = 3).await;
    let ada = server.person("ada").await;
    let (notes, photos) = (server.app(&ada, "Notes").await, server.app(&ada, "Photos").await);
    let token = server.token(&ada, &notes, "user.read").await;
    for _ in 0..3 {
        token.get("/v1/user/info").await.data();
    }
    let refused = token.get("/v1/user/info").await;
    assert_eq!(refused.error(), (429, "too_many_requests".into()));
    assert_eq!(refused.header("retry-after"), Some("20"));
    server
        .token(&ada, &photos, "user.read")
        .await
        .get("/v1/user/info")
        .await
        .data();
    server.clock().advance(20);
    token.get("/v1/user/info").await.data();
}

async fn a_token_dies_at_its_time(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("user.read").await;
    server.clock().advance(7_199);
    token.get("/v1/user/info").await.data();
    server.clock().advance(1);
    assert_eq!(token.get("/v1/user/info").await.error(), (401, "invalid_token".into()));
}
