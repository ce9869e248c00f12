//! `/v1/files/{id}/versions`.

use pantry_testkit::{Engine, NOW, TestServer, both_engines};
use serde_json::json;

both_engines!(
    an_overwritten_content_comes_back_as_the_newest,
    versions_are_for_those_who_see_the_file,
    a_version_is_kept_for_ever_and_let_go_again,
);

async fn an_overwritten_content_comes_back_as_the_newest(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let file = token.file("/", "a.txt", b"first").await;
    assert_eq!(token.file("/", "a.txt", b"second!").await, file);
    let list = format!("/v1/files/{file}/versions");
    let listed = token.get(&list).await.data();
    let versions = listed["versions"].as_array().expect("a list");
    let told = |v: &serde_json::Value| {
        (
            v["size"].clone(),
            v["md5"].clone(),
            v["created_at"].clone(),
            v["current"].clone(),
        )
    };
    assert_eq!(versions.len(), 2);
    assert_eq!(
        told(&versions[0]),
        (
            json!(7),
            json!("26de793d084efdd1c4134652c5494af1"),
            json!(NOW),
            json!(true)
        )
    );
    assert_eq!(
        told(&versions[1]),
        (
            json!(5),
            json!("8b04d5e3775d298e78455efc5ca404d5"),
            json!(NOW),
            json!(false)
        )
    );
    let old = versions[1]["version"].as_i64().expect("an id");

    let back = token.post(&format!("{list}/{old}/restore"), "").await.data();
    assert_eq!(back, token.get(&format!("/v1/files/{file}")).await.data());
    assert_eq!(back["size"], json!(5));
    assert_eq!(token.content(file).await, b"first");
    let listed = token.get(&list).await.data();
    assert_eq!(listed["versions"].as_array().map(Vec::len), Some(3));
    assert_eq!(listed["versions"][0]["current"], json!(true));
}

async fn versions_are_for_those_who_see_the_file(engine: Engine) {
    let server = TestServer::new(engine).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let app = server.app(&ada, "Notes").await;
    let token = server.token(&ada, &app, "files.app_data").await;
    let file = token.file("/", "a.txt", b"first").await;
    token.file("/", "a.txt", b"second").await;
    let listed = token.get(&format!("/v1/files/{file}/versions")).await.data();
    let old = listed["versions"][1]["version"].as_i64().expect("an id");
    let restore = |id: i64, version: i64| format!("/v1/files/{id}/versions/{version}/restore");

    let other = server
        .token(&bob, &app, "files.app_data files.read_all files.write_all")
        .await;
    assert_eq!(other.get(&format!("/v1/files/{file}/versions")).await.error().0, 404);
    assert_eq!(other.post(&restore(file, old), "").await.error().0, 404);
    // Reading alone gives nothing back.
    let reader = server.token(&ada, &app, "files.read_all").await;
    assert_eq!(reader.get(&format!("/v1/files/{file}/versions")).await.data(), listed);
    assert_eq!(reader.post(&restore(file, old), "").await.error().0, 403);
    // A version is one of its own file, and a folder has none.
    let beside = token.file("/", "b.txt", b"other").await;
    assert_eq!(token.post(&restore(beside, old), "").await.error().0, 404);
    let folder = token.folder("/", "album").await;
    assert_eq!(token.get(&format!("/v1/files/{folder}/versions")).await.error().0, 404);
    assert_eq!(
        token
            .post(&format!("/v1/files/{file}/versions/x/restore"), "")
            .await
            .error()
            .0,
        400
    );
}

async fn a_version_is_kept_for_ever_and_let_go_again(engine: Engine) {
    let server = TestServer::with(engine, |s| {
        s.versions.keep_count = 1;
        s.versions.keep_days = 0;
    })
    .await;
    let token = server.one_token("files.app_data").await;
    let file = token.file("/", "a.txt", b"first").await;
    let list = format!("/v1/files/{file}/versions");
    let first = token.get(&list).await.data()["versions"][0].clone();
    let keep = format!("{list}/{}/keep", first["version"]);
    assert_eq!(first["kept"], json!(false));
    let kept = token.post(&keep, "keep=true").await.data();
    let mut wanted = first.clone();
    wanted["kept"] = json!(true);
    assert_eq!(kept, wanted);
    for content in ["second", "third", "fourth"] {
        token.file("/", "a.txt", content.as_bytes()).await;
    }
    server.clock().advance(60);
    server.drive().sweep().await.expect("kept house");
    let listed = token.get(&list).await.data();
    let told: Vec<_> = listed["versions"].as_array().expect("a list").iter().collect();
    let sizes: Vec<_> = told.iter().map(|v| (v["size"].clone(), v["kept"].clone())).collect();
    assert_eq!(sizes, [(json!(6), json!(false)), (json!(5), json!(true))]);
    // It is downloaded and brought back as any other.
    let link = format!("/v1/files/{file}/download?version={}", first["version"]);
    let link = token.get(&link).await.data()["url"].as_str().expect("a url").to_owned();
    assert_eq!(server.get(&link).await.body, b"first"[..]);
    token
        .post(&format!("{list}/{}/restore", first["version"]), "")
        .await
        .data();
    assert_eq!(token.content(file).await, b"first");
    let listed = token.get(&list).await.data();
    assert_eq!(listed["versions"].as_array().map(Vec::len), Some(3));

    for (form, status) in [("", 400), ("keep=perhaps", 400), ("keep=false", 200), ("keep=0", 200)] {
        assert_eq!(token.post(&keep, form).await.status, status, "{form}");
    }
    assert_eq!(
        token.post(&format!("{list}/999999/keep"), "keep=true").await.error().0,
        404
    );
    server.drive().sweep().await.expect("kept house");
    let listed = token.get(&list).await.data();
    assert_eq!(
        listed["versions"].as_array().map(Vec::len),
        Some(2),
        "its age counts again"
    );
}
