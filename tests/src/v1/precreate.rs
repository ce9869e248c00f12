//! `POST /v1/files/upload/precreate`, and instant uploads.

use pantry_testkit::{Engine, TestServer, both_engines, md5_hex, noise};
use serde_json::json;

both_engines!(
    a_session_has_the_documents_fields,
    the_same_precreate_answers_the_session_that_lives,
    instant_is_only_what_the_token_may_read,
    a_trusting_drive_hands_out_by_hash,
    nothing_is_instant,
    what_is_wrong_is_said,
);

const PRECREATE: &str = "/v1/files/upload/precreate";

async fn a_session_has_the_documents_fields(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let form = "parent_path=/&name=movie.mp4&size=104857600&md5=5eb63bbbe01eeed093cb22bb8f5acdc3";
    let data = token.post(PRECREATE, form).await.data();
    let id = data["upload_id"].as_str().expect("an upload_id").to_owned();
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    let wanted = json!({
        "instant_upload": false, "upload_id": id, "endpoint": server.url(""), "chunk_size": 5_242_880,
        "total_parts": 20, "expires_in": 86_400,
    });
    assert_eq!(data, wanted);
    let huge = format!("name=huge&size={}&md5={}", 60_i64 << 30, md5_hex(b""));
    let data = token.post(PRECREATE, &huge).await.data();
    let (chunk, parts) = (
        data["chunk_size"].as_i64().expect("bytes"),
        data["total_parts"].as_i64().expect("parts"),
    );
    assert!(chunk > 5_242_880 && parts <= 10_000 && chunk * parts >= 60 << 30);
}

async fn the_same_precreate_answers_the_session_that_lives(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data user.read").await;
    let content = noise(1, 10_000_000);
    let first = token.precreate("/", "a", &content).await.data();
    server.clock().advance(100);
    let again = token.precreate("/", "a", &content).await.data();
    assert_eq!(again["upload_id"], first["upload_id"]);
    assert_eq!(again["expires_in"], 86_300);
    assert_ne!(
        token.precreate("/", "b", &content).await.data()["upload_id"],
        first["upload_id"]
    );
    token.upload(&first, "abort").await.data();
    assert_ne!(
        token.precreate("/", "a", &content).await.data()["upload_id"],
        first["upload_id"]
    );
}

async fn instant_is_only_what_the_token_may_read(engine: Engine) {
    let server = TestServer::new(engine).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (notes, photos) = (server.app(&ada, "Notes").await, server.app(&ada, "Photos").await);
    let third = server.app(&ada, "Third").await;
    let content = noise(5, 200_000);
    let own = server.token(&ada, &notes, "files.app_data").await;
    own.file("/", "a", &content).await;
    let instant = own.precreate("/", "b", &content).await.data();
    assert_eq!(instant["instant_upload"], true);
    assert_eq!(instant["path"], "/我的应用数据/Notes/b");
    assert_eq!(instant["size"], 200_000);
    assert_eq!(own.content(instant["file_id"].as_i64().expect("an id")).await, content);

    // Another app of the same person, and another person, are told nothing.
    for (token, who) in [
        (server.token(&ada, &photos, "files.app_data").await, "another app"),
        (
            server
                .token(&bob, &notes, "files.app_data files.read_all files.write_all")
                .await,
            "another person",
        ),
        (
            server.token(&ada, &third, "files.app_data files.write_all").await,
            "one that writes everywhere and reads little",
        ),
    ] {
        let known = token.precreate("/", "c", &content).await.data();
        assert_eq!(known["instant_upload"], false, "{who}");
        let unknown = token.precreate("/", "d", &noise(6, 200_000)).await.data();
        let fields = |data: &serde_json::Value| {
            data.as_object()
                .map(|fields| fields.keys().cloned().collect::<Vec<_>>())
        };
        assert_eq!(fields(&known), fields(&unknown), "{who}");
        token.part(&known, 1, &content).await.data();
        token.upload(&known, "complete").await.data();
    }
}

async fn a_trusting_drive_hands_out_by_hash(engine: Engine) {
    let server = TestServer::with(engine, |settings| settings.v1.instant_upload = "trusting".into()).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let app = server.app(&ada, "Notes").await;
    let content = noise(5, 200_000);
    server
        .token(&ada, &app, "files.app_data")
        .await
        .file("/", "a", &content)
        .await;
    let bobs = server.token(&bob, &app, "files.app_data").await;
    assert_eq!(bobs.precreate("/", "a", &content).await.data()["instant_upload"], true);
}

async fn nothing_is_instant(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let empty = token.precreate("/", "empty", b"").await.data();
    assert_eq!(empty["instant_upload"], true);
    assert_eq!(token.content(empty["file_id"].as_i64().expect("an id")).await, b"");
    let wrong = format!("name=x&size=0&md5={}", md5_hex(b"x"));
    assert_eq!(
        token.post(PRECREATE, &wrong).await.error(),
        (422, "hash_mismatch".into())
    );
}

async fn what_is_wrong_is_said(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let md5 = md5_hex(b"x");
    for (form, parameter) in [
        (format!("size=1&md5={md5}"), "name"),
        (format!("name=a&md5={md5}"), "size"),
        (format!("name=a&size=x&md5={md5}"), "size"),
        (format!("name=a&size=-1&md5={md5}"), "size"),
        (format!("name=a&size=9007199254740992&md5={md5}"), "size"),
        ("name=a&size=1".into(), "md5"),
        ("name=a&size=1&md5=abc".into(), "md5"),
        (format!("name=a/b&size=1&md5={md5}"), "name"),
        (format!("name=a&size=1&md5={md5}&content_type=nonsense"), "content_type"),
        (format!("name=a&size=1&md5={md5}&on_conflict=x"), "on_conflict"),
    ] {
        let reply = token.post(PRECREATE, &form).await;
        assert_eq!(reply.error(), (400, "invalid_parameter".into()), "{form}");
        assert!(
            reply.message().starts_with(&format!("{parameter}: ")),
            "{form}: {}",
            reply.message()
        );
    }
    let nowhere = format!("name=a&size=1&md5={md5}&parent_path=/nowhere");
    assert_eq!(token.post(PRECREATE, &nowhere).await.error(), (404, "not_found".into()));
    let (too_much, upper) = (format!("name=a&size={}&md5={md5}", 1_i64 << 40), md5.to_uppercase());
    assert_eq!(
        token.post(PRECREATE, &too_much).await.error(),
        (507, "over_quota".into())
    );
    assert_eq!(
        token
            .post(PRECREATE, &format!("name=a&size=1&md5={upper}"))
            .await
            .status,
        200
    );
}
