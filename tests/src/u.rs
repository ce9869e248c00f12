//! `/u`: the parts of uploads.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pantry_testkit::{Engine, Reply, TestServer, both_engines, md5_hex, noise};
use serde_json::{Value, json};

both_engines!(
    parts_come_in_any_order_and_again,
    a_part_of_the_wrong_length_leaves_no_trace,
    a_wrong_whole_is_refused_and_the_session_stays,
    a_session_ends_by_abort_by_time_and_by_completion,
    unknown_uploads_are_not_found,
    an_upload_goes_on_after_a_restart,
    an_upload_dies_with_its_grant,
    a_parent_in_the_bin_keeps_the_session,
);

const CHUNK: usize = 5_242_880;

async fn parts_come_in_any_order_and_again(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let content = noise(1, CHUNK * 2 + 1_000);
    let upload = token.precreate("/", "movie.mp4", &content).await.data();
    assert_eq!(upload["total_parts"], 3);
    let part = |seq: usize| &content[(seq - 1) * CHUNK..(seq * CHUNK).min(content.len())];
    let last = token.part(&upload, 3, part(3)).await.data();
    let wanted = json!({"part_seq": 3, "etag": last["etag"], "size": 1_000, "received_parts": 1, "total_parts": 3});
    assert_eq!(last, wanted);
    token.part(&upload, 1, &noise(9, CHUNK)).await.data();
    assert_eq!(
        token.upload(&upload, "complete").await.error(),
        (425, "incomplete".into())
    );
    assert_eq!(token.upload(&upload, "complete").await.message(), "incomplete: 2/3");
    // The last one sent wins.
    token.part(&upload, 1, part(1)).await.data();
    let progress = token.upload(&upload, "parts").await.data();
    assert_eq!(progress["received_parts"], json!([1, 3]));
    assert_eq!(progress["progress"], json!(66.67));
    assert_eq!(progress["parts"]["3"]["part_number"], 3);
    assert_eq!(progress["parts"]["1"]["size"], CHUNK);
    token.part(&upload, 2, part(2)).await.data();
    let done = token.upload(&upload, "complete").await.data();
    assert_eq!(done["path"], "/我的应用数据/GPTGet/movie.mp4");
    assert_eq!(
        (done["size"].clone(), done["md5"].clone()),
        (json!(content.len()), json!(md5_hex(&content)))
    );
    assert_eq!(
        token.upload(&upload, "complete").await.data(),
        done,
        "a second one answers the same"
    );
    assert_eq!(token.upload(&upload, "parts").await.data()["progress"], json!(100.0));
    assert_eq!(
        token.upload(&upload, "abort").await.error(),
        (409, "upload_completed".into())
    );
    let id = done["file_id"].as_i64().expect("an id");
    assert!(token.content(id).await == content);
}

async fn a_part_of_the_wrong_length_leaves_no_trace(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let content = noise(2, CHUNK + 10);
    let upload = token.precreate("/", "a", &content).await.data();
    for (seq, bytes, error) in [
        (1, &content[..CHUNK - 1], "wrong_part_length"),
        (2, &content[..11], "wrong_part_length"),
        (2, &content[..0], "wrong_part_length"),
        (0, &content[..10], "no_such_part"),
        (3, &content[..10], "no_such_part"),
    ] {
        assert_eq!(
            token.part(&upload, seq, bytes).await.error(),
            (400, error.into()),
            "{seq} {}",
            bytes.len()
        );
    }
    // Without an announced length it is found out while it comes.
    for len in [9, 11] {
        let body = futures_util::stream::iter(vec![Ok::<_, std::io::Error>(content[..len].to_vec())]);
        let reply = Reply::of(part_request(&server, &upload, 2).body(reqwest::Body::wrap_stream(body))).await;
        assert_eq!(reply.error(), (400, "wrong_part_length".into()));
    }
    let wrong = STANDARD.encode([0_u8; 16]);
    let reply = Reply::of(
        part_request(&server, &upload, 2)
            .header("content-md5", wrong)
            .body(content[..10].to_vec()),
    );
    assert_eq!(reply.await.error(), (422, "hash_mismatch".into()));
    let unnamed = server.post("/u?part_seq=1", "x").await;
    assert!(unnamed.error().0 == 400 && unnamed.message().starts_with("upload_id: "));
    assert_eq!(token.upload(&upload, "parts").await.data()["received_parts"], json!([]));
}

fn part_request(server: &TestServer, upload: &Value, seq: i64) -> reqwest::RequestBuilder {
    let query = [
        ("upload_id", upload["upload_id"].as_str().expect("an id").to_owned()),
        ("part_seq", seq.to_string()),
    ];
    server.http.post(server.url("/u")).query(&query)
}

async fn a_wrong_whole_is_refused_and_the_session_stays(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let content = noise(3, CHUNK + 500);
    let upload = token.precreate("/", "a", &content).await.data();
    token.part(&upload, 1, &content[..CHUNK]).await.data();
    token.part(&upload, 2, &[0; 500]).await.data();
    assert_eq!(
        token.upload(&upload, "complete").await.error(),
        (422, "hash_mismatch".into())
    );
    assert!(token.names("/").await.is_empty());
    token.part(&upload, 2, &content[CHUNK..]).await.data();
    let id = token.upload(&upload, "complete").await.data()["file_id"]
        .as_i64()
        .expect("an id");
    assert!(token.content(id).await == content);
}

async fn a_session_ends_by_abort_by_time_and_by_completion(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data user.read").await;
    let content = noise(4, 10_000);
    let free = async || {
        token.get("/v1/user/quota").await.data()["free_bytes"]
            .as_i64()
            .expect("bytes")
    };
    let before = free().await;
    let upload = token.precreate("/", "a", &content).await.data();
    token.part(&upload, 1, &content).await.data();
    assert_eq!(free().await, before - 10_000);
    token.upload(&upload, "abort").await.data();
    assert_eq!(free().await, before);
    for what in ["parts", "complete", "abort"] {
        assert_eq!(
            token.upload(&upload, what).await.error(),
            (404, "upload_not_found".into()),
            "{what}"
        );
    }
    let upload = token.precreate("/", "a", &content).await.data();
    server.clock().advance(86_400);
    assert_eq!(
        token.part(&upload, 1, &content).await.error(),
        (410, "upload_expired".into())
    );
    assert_eq!(
        token.upload(&upload, "complete").await.error(),
        (410, "upload_expired".into())
    );
    server.drive().sweep().await.expect("kept house");
    assert_eq!(
        token.upload(&upload, "complete").await.error(),
        (410, "upload_expired".into())
    );
}

async fn unknown_uploads_are_not_found(engine: Engine) {
    let server = TestServer::new(engine).await;
    for id in ["0123456789abcdef0123456789abcdef", "x", "%20%ff"] {
        let parts = server.get(&format!("/u/{id}/parts")).await;
        assert_eq!(parts.error(), (404, "upload_not_found".into()));
        assert_eq!(server.post(&format!("/u/{id}/complete"), "").await.error().0, 404);
        assert_eq!(server.post(&format!("/u/{id}/abort"), "").await.error().0, 404);
    }
    let chunk = async |id: &str| server.post(&format!("/u?upload_id={id}&part_seq=1"), "x").await;
    assert_eq!(chunk("0123456789abcdef0123456789abcdef").await.error().0, 404);
    let garbage = chunk("%ff").await;
    assert!(garbage.error().0 == 400 && garbage.message().starts_with("upload_id: "));
}

async fn an_upload_goes_on_after_a_restart(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let content = noise(6, CHUNK + 77);
    let mut upload = token.precreate("/", "a", &content).await.data();
    token.part(&upload, 1, &content[..CHUNK]).await.data();
    let server = server.restarted().await;
    upload["endpoint"] = json!(server.url(""));
    let token = pantry_testkit::Token::new(token.access, server.url(""), server.http.clone());
    assert_eq!(
        token.upload(&upload, "parts").await.data()["received_parts"],
        json!([1])
    );
    token.part(&upload, 2, &content[CHUNK..]).await.data();
    let id = token.upload(&upload, "complete").await.data()["file_id"]
        .as_i64()
        .expect("an id");
    assert!(token.content(id).await == content);
}

async fn an_upload_dies_with_its_grant(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person("ada").await;
    let app = server.app(&ada, "Notes").await;
    let token = server.token(&ada, &app, "files.app_data").await;
    let upload = token.precreate("/", "a", b"content").await.data();
    let file = token.file("/", "b", b"other").await;
    let link = token.link(file).await;
    server.revoke(&ada, &app).await;
    assert_eq!(token.get("/v1/files").await.error().0, 401);
    assert_eq!(
        token.part(&upload, 1, b"content").await.error(),
        (404, "upload_not_found".into())
    );
    assert_eq!(token.upload(&upload, "complete").await.error().0, 404);
    assert_eq!(server.get(&link).await.error().0, 403);
}

async fn a_parent_in_the_bin_keeps_the_session(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let folder = token.folder("/", "album").await;
    let upload = token.precreate("/album", "a", b"content").await.data();
    token.part(&upload, 1, b"content").await.data();
    token
        .post("/v1/files/manage", &format!("action=delete&folder_ids={folder}"))
        .await
        .data();
    assert_eq!(token.upload(&upload, "complete").await.error().0, 404);
    token
        .post("/v1/bin/restore", &format!("folder_ids={folder}"))
        .await
        .data();
    let done = token.upload(&upload, "complete").await.data();
    assert_eq!(done["path"], "/我的应用数据/GPTGet/album/a");
}
