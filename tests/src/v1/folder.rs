//! `POST /v1/files/folder`, in every form of a body.

use pantry_testkit::{Engine, Reply, TestServer, both_engines};
use reqwest::{Method, multipart::Form};
use serde_json::json;

both_engines!(
    a_folder_is_made_by_every_form_of_a_body,
    names_that_cannot_be_are_refused,
    the_apps_folder_comes_back_when_it_was_deleted,
);

async fn a_folder_is_made_by_every_form_of_a_body(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let request = || token.request(Method::POST, "/v1/files/folder");
    let made = token.post("/v1/files/folder", "parent_path=/&name=Photos").await.data();
    assert_eq!(
        (made["name"].clone(), made["path"].clone()),
        (json!("Photos"), json!("/我的应用数据/GPTGet/Photos"))
    );
    let body = json!({"parent_path": "/Photos", "name": "二月"});
    assert_eq!(
        Reply::of(request().json(&body)).await.data()["path"],
        "/我的应用数据/GPTGet/Photos/二月"
    );
    let form = Form::new().text("parent_path", "/Photos").text("name", "March");
    assert_eq!(Reply::of(request().multipart(form)).await.status, 200);
    assert_eq!(Reply::of(request().query(&[("name", "by query")])).await.status, 200);
    assert_eq!(token.names("/Photos").await, ["March", "二月"]);

    let csv = Reply::of(request().header("content-type", "text/csv").body("name=x")).await;
    assert_eq!(csv.error(), (415, "unsupported_media_type".into()));
    let large = Reply::of(request().body(vec![b'a'; 1024 * 1024 + 1])).await;
    assert_eq!(large.error(), (413, "body_too_large".into()));
    let broken = Reply::of(request().header("content-type", "application/json").body("{")).await;
    assert_eq!(broken.error(), (400, "malformed_body".into()));
}

async fn names_that_cannot_be_are_refused(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let long = "a".repeat(256);
    for name in [
        "", ".", "..", "a/b", "a\\b", "a:b", "a?b", "a*b", "a<b", "a|b", " a", "a ", "a.", "a\nb", &long,
    ] {
        let reply = token.post_with("/v1/files/folder", &[("name", name)]).await;
        assert_eq!(reply.error(), (400, "invalid_parameter".into()), "{name:?}");
        assert!(reply.message().starts_with("name: "), "{name:?}: {}", reply.message());
    }
    token.folder("/", "Photos").await;
    token.folder("/", "photos").await;
    let again = token.post("/v1/files/folder", "name=Photos").await;
    assert_eq!(again.error(), (409, "name_taken".into()));
    assert!(again.message().contains("Photos"));
    assert_eq!(
        token.post("/v1/files/folder", "name=x&parent_path=/no").await.error(),
        (404, "not_found".into())
    );
    // One letter in two forms of Unicode is one name.
    token.folder("/", "e\u{301}").await;
    assert_eq!(
        token
            .post_with("/v1/files/folder", &[("name", "\u{e9}")])
            .await
            .error()
            .0,
        409
    );
}

async fn the_apps_folder_comes_back_when_it_was_deleted(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person("ada").await;
    let app = server.app(&ada, "GPTGet").await;
    let token = server.token(&ada, &app, "files.app_data").await;
    let all = server.token(&ada, &app, "files.read_all files.write_all").await;
    token.folder("/", "old").await;
    let sandbox = all.list("/我的应用数据").await.data()["folders"][0]["id"]
        .as_i64()
        .expect("an id");
    all.post(
        "/v1/files/manage",
        &format!("action=rename&folder_ids={sandbox}&new_name=Mine"),
    )
    .await
    .data();
    assert_eq!(token.names("/").await, ["old"], "it is the app's folder by its id");
    all.post("/v1/files/manage", &format!("action=delete&folder_ids={sandbox}"))
        .await
        .data();
    assert!(token.names("/").await.is_empty());
    let made = token.post("/v1/files/folder", "name=new").await.data();
    assert_eq!(made["path"], "/我的应用数据/GPTGet/new");
    let apps = all.list("/").await.data()["folders"][0]["id"].as_i64().expect("an id");
    let refused = all
        .post("/v1/files/manage", &format!("action=delete&folder_ids={apps}"))
        .await;
    assert_eq!(refused.error(), (403, "system_folder".into()));
}
