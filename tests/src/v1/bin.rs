//! `/v1/bin`.

use pantry_testkit::{Engine, NOW, TestServer, both_engines};
use serde_json::{Value, json};

both_engines!(
    what_was_deleted_comes_back,
    purging_frees_and_cannot_be_undone,
    an_app_sees_only_its_own_in_the_bin,
    the_purge_of_a_large_folder_is_followed_as_a_job,
);

async fn what_was_deleted_comes_back(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let folder = token.folder("/", "album").await;
    let file = token.file("/album", "a.txt", b"text").await;
    token
        .post("/v1/files/manage", &format!("action=delete&folder_ids={folder}"))
        .await
        .data();
    assert_eq!(
        token.get(&format!("/v1/files/{file}")).await.error().0,
        404,
        "what lies in it is gone too"
    );
    let listed = token.get("/v1/bin").await.data();
    let wanted = json!({"items": [{
        "kind": "folder", "id": folder, "name": "album", "path": "/我的应用数据/GPTGet/album", "size": 0,
        "deleted_at": NOW, "purge_at": NOW + 30 * 86_400,
    }], "total": 1, "next_cursor": null});
    assert_eq!(listed, wanted);
    token.folder("/", "album").await;
    let taken = token.post("/v1/bin/restore", &format!("folder_ids={folder}")).await;
    assert_eq!(taken.error(), (409, "name_taken".into()));
    let renamed = format!("folder_ids={folder}&on_conflict=rename");
    assert_eq!(
        token.post("/v1/bin/restore", &renamed).await.data(),
        json!({"affected": 1})
    );
    assert_eq!(token.names("/").await, ["album", "album (1)"]);
    assert_eq!(token.content(file).await, b"text");
    assert_eq!(token.post("/v1/bin/restore", &renamed).await.error().0, 404);

    // Its folder gone as well, it needs a place.
    token
        .post("/v1/files/manage", &format!("action=delete&file_ids={file}"))
        .await
        .data();
    token
        .post("/v1/files/manage", &format!("action=delete&folder_ids={folder}"))
        .await
        .data();
    let lost = token.post("/v1/bin/restore", &format!("file_ids={file}")).await;
    assert_eq!(lost.error(), (409, "parent_missing".into()));
    token
        .post("/v1/bin/restore", &format!("file_ids={file}&dest_path=/"))
        .await
        .data();
    assert_eq!(token.names("/").await, ["album", "a.txt"]);
}

async fn purging_frees_and_cannot_be_undone(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data user.read").await;
    for name in ["a", "b", "c"] {
        let id = token.file("/", name, &[7; 100]).await;
        token
            .post("/v1/files/manage", &format!("action=delete&file_ids={id}"))
            .await
            .data();
        server.clock().advance(1);
    }
    let page = token.get("/v1/bin?limit=2").await.data();
    assert_eq!(
        (page["items"][0]["name"].clone(), page["total"].clone()),
        (json!("c"), json!(3))
    );
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let rest = token.get(&format!("/v1/bin?limit=2&cursor={cursor}")).await.data();
    assert_eq!(
        (rest["items"][0]["name"].clone(), rest["next_cursor"].clone()),
        (json!("a"), json!(null))
    );
    let c = page["items"][0]["id"].as_i64().expect("an id");
    assert_eq!(
        token.post("/v1/bin/purge", &format!("file_ids={c}")).await.data(),
        json!({"affected": 1})
    );
    assert_eq!(
        token.post("/v1/bin/purge", &format!("file_ids={c}")).await.error().0,
        404
    );
    let used = async || token.get("/v1/user/quota").await.data()["used_bytes"].as_i64();
    assert_eq!(used().await, Some(200));
    assert_eq!(token.post("/v1/bin/empty", "").await.data()["affected"], 2);
    assert_eq!(used().await, Some(0));
    assert_eq!(token.post("/v1/bin/purge", "").await.error().0, 400);
}

async fn an_app_sees_only_its_own_in_the_bin(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person("ada").await;
    let (notes, photos) = (server.app(&ada, "Notes").await, server.app(&ada, "Photos").await);
    let token = server.token(&ada, &notes, "files.app_data").await;
    let other = server.token(&ada, &photos, "files.app_data").await;
    let id = token.file("/", "a", b"1").await;
    token
        .post("/v1/files/manage", &format!("action=delete&file_ids={id}"))
        .await
        .data();
    assert_eq!(other.get("/v1/bin").await.data()["total"], 0);
    assert_eq!(
        other.post("/v1/bin/restore", &format!("file_ids={id}")).await.error().0,
        404
    );
    assert_eq!(
        other.post("/v1/bin/purge", &format!("file_ids={id}")).await.error().0,
        404
    );
    assert_eq!(other.post("/v1/bin/empty", "").await.data()["affected"], 0);
    assert_eq!(token.get("/v1/bin").await.data()["total"], 1);
}

async fn the_purge_of_a_large_folder_is_followed_as_a_job(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data user.read").await;
    // A thousand and some nodes, made by copying.
    let folder = token.folder("/", "large").await;
    for n in 0..30 {
        token.file("/large", &n.to_string(), &[1; 10]).await;
    }
    let copy = format!("action=copy&folder_ids={folder}&dest_path=/&on_conflict=rename");
    for _ in 0..39 {
        token.post("/v1/files/manage", &copy).await.data();
    }
    let all = token.folder("/", "all").await;
    let listed = token.list("/").await.data();
    let ids = listed["folders"].as_array().expect("folders").iter();
    let ids: Vec<String> = ids
        .filter_map(|f| f["id"].as_i64())
        .filter(|id| *id != all)
        .map(|id| id.to_string())
        .collect();
    assert_eq!(ids.len(), 40);
    let gather = format!("action=move&folder_ids={}&dest_path=/all", ids.join(","));
    token.post("/v1/files/manage", &gather).await.data();
    token
        .post("/v1/files/manage", &format!("action=delete&folder_ids={all}"))
        .await
        .data();
    let done = token.post("/v1/bin/purge", &format!("folder_ids={all}")).await.data();
    assert_eq!(done["affected"], 1);
    let job = format!("/v1/jobs/{}", done["job_id"]);
    let nodes = 40 * 31 + 1;
    let mut seen: Option<Value> = None;
    for _ in 0..600 {
        let now = token.get(&job).await.data();
        let (done, total) = (
            now["done"].as_i64().expect("done"),
            now["total"].as_i64().expect("total"),
        );
        assert!(done >= 1_000 && (total == 0 || total == nodes), "{now}");
        seen = Some(now);
        if seen.as_ref().is_some_and(|j| j["state"] == "done") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let seen = seen.expect("a job");
    assert_eq!(
        (&seen["state"], &seen["done"], &seen["total"]),
        (&json!("done"), &json!(nodes), &json!(nodes))
    );
    assert_eq!(token.get("/v1/user/quota").await.data()["used_bytes"], 0);
}
