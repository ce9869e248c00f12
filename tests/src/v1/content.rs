//! `PUT /v1/files/content`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pantry_testkit::{Engine, Reply, TestServer, both_engines, md5_hex, noise};
use reqwest::Method;
use serde_json::json;

both_engines!(
    small_and_larger_contents_are_stored_whole,
    overwriting_keeps_the_id_and_the_old_version,
    a_content_that_does_not_match_its_hash_leaves_no_trace,
    too_much_is_refused,
);

async fn small_and_larger_contents_are_stored_whole(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    for size in [0, 1, 16_384, 16_385, 3_000_000] {
        let content = noise(size as u64, size);
        let name = format!("{size}.bin");
        let put = token.put("/", &name, &content).await.data();
        assert_eq!(put["size"], size);
        assert_eq!(put["md5"], md5_hex(&content));
        assert_eq!(put["path"], format!("/我的应用数据/GPTGet/{name}"));
        assert_eq!(
            token.content(put["file_id"].as_i64().expect("an id")).await,
            content,
            "{size}"
        );
    }
    // Without an announced length.
    let parts = futures_util::stream::iter(vec![Ok::<_, std::io::Error>(noise(1, 70_000)), Ok(noise(2, 70_000))]);
    let request = token.request(Method::PUT, "/v1/files/content?name=streamed");
    let put = Reply::of(request.body(reqwest::Body::wrap_stream(parts))).await.data();
    assert_eq!(put["size"], 140_000);
    let typed = token
        .request(Method::PUT, "/v1/files/content?name=typed")
        .header("content-type", "image/png");
    let id = Reply::of(typed.body("png")).await.data()["file_id"]
        .as_i64()
        .expect("an id");
    assert_eq!(token.get(&format!("/v1/files/{id}")).await.data()["mime"], "image/png");
}

async fn overwriting_keeps_the_id_and_the_old_version(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let first = token.file("/", "a", b"one").await;
    let link = token.link(first).await;
    assert_eq!(token.file("/", "a", b"two").await, first);
    assert_eq!(token.content(first).await, b"two");
    assert_eq!(server.get(&link).await.body, "one", "a link means one version");
    let aside = token
        .request(Method::PUT, "/v1/files/content?name=a&on_conflict=rename")
        .body("three");
    assert_eq!(Reply::of(aside).await.data()["path"], "/我的应用数据/GPTGet/a (1)");
    let refused = token
        .request(Method::PUT, "/v1/files/content?name=a&on_conflict=fail")
        .body("four");
    assert_eq!(Reply::of(refused).await.error(), (409, "name_taken".into()));
    token.folder("/", "folder").await;
    assert_eq!(
        token.put("/", "folder", b"x").await.error(),
        (409, "kind_mismatch".into())
    );
    assert_eq!(token.put("/nowhere", "a", b"x").await.error().0, 404);
}

async fn a_content_that_does_not_match_its_hash_leaves_no_trace(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data user.read").await;
    let content = noise(3, 100_000);
    let (right, wrong) = (md5_hex(&content), md5_hex(b"other"));
    let put = |query: &str| {
        token
            .request(Method::PUT, &format!("/v1/files/content?name=a&{query}"))
            .body(content.clone())
    };
    assert_eq!(
        Reply::of(put(&format!("md5={wrong}"))).await.error(),
        (422, "hash_mismatch".into())
    );
    assert_eq!(
        Reply::of(put("md5=xyz")).await.error(),
        (400, "invalid_parameter".into())
    );
    let digest = STANDARD.encode([0_u8; 16]);
    assert_eq!(Reply::of(put("").header("content-md5", digest)).await.error().0, 422);
    assert_eq!(Reply::of(put("").header("content-md5", "!")).await.error().0, 400);
    assert!(token.names("/").await.is_empty());
    assert_eq!(token.get("/v1/user/quota").await.data()["used_bytes"], 0);
    assert_eq!(
        Reply::of(put(&format!("md5={}", right.to_uppercase()))).await.status,
        200
    );
}

async fn too_much_is_refused(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person_with("ada", Some(1_000)).await;
    let app = server.app(&ada, "Notes").await;
    let token = server.token(&ada, &app, "files.app_data").await;
    assert_eq!(
        token.put("/", "a", &[1; 1_001]).await.error(),
        (507, "over_quota".into())
    );
    token.file("/", "a", &[1; 1_000]).await;
    // The old version gives way where that makes room.
    token.file("/", "a", &[2; 900]).await;
    assert_eq!(token.names("/").await, ["a"]);
    let bob = server.person("bob").await;
    let token = server.token(&bob, &app, "files.app_data").await;
    let over = token.put("/", "b", &vec![0; 32 * 1024 * 1024 + 1]).await;
    assert_eq!(over.error(), (413, "too_large".into()));
    assert_eq!(token.get("/v1/files").await.data()["files"], json!([]));
}
