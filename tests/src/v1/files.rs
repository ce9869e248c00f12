//! `/v1/files` and `/v1/files/{id}`.

use pantry_testkit::{Engine, NOW, TestServer, both_engines, md5_hex};
use serde_json::json;

both_engines!(
    a_listing_has_folders_first_in_natural_order_and_pages,
    a_cursor_pages_through_everything_once,
    what_is_wrong_with_a_parameter_is_said,
    one_file_and_one_folder_are_shown_with_their_fields,
    roots_follow_the_scopes,
);

async fn a_listing_has_folders_first_in_natural_order_and_pages(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let empty = token.get("/v1/files").await.data();
    assert_eq!(
        empty,
        json!({"path": "/", "folders": [], "files": [], "total": 0, "next_cursor": null})
    );
    for name in ["b10", "b2"] {
        token.folder("/", name).await;
    }
    for name in ["a10.txt", "a2.txt", "A1.txt"] {
        token.file("/", name, name.as_bytes()).await;
    }
    assert_eq!(token.names("/").await, ["b2", "b10", "A1.txt", "a2.txt", "a10.txt"]);
    let page = token.get("/v1/files?page=2&limit=2").await.data();
    assert_eq!(page["total"], 5);
    let names = |kind: &str| -> Vec<String> {
        let entries = page[kind].as_array().expect("entries");
        entries
            .iter()
            .map(|e| e["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    assert_eq!(
        (names("folders"), names("files")),
        (vec![], vec!["A1.txt".into(), "a2.txt".into()])
    );
    let beyond = token.get("/v1/files?page=9&limit=2").await.data();
    assert_eq!(
        (beyond["files"].clone(), beyond["total"].clone()),
        (json!([]), json!(5))
    );
    let all = token.get("/v1/files?limit=100000").await.data();
    assert_eq!(all["files"].as_array().map(Vec::len), Some(3));
    assert_eq!(all["files"][0]["size"], 6);
    assert_eq!(all["files"][0]["md5"], md5_hex(b"A1.txt"));
    let echoed = token.get_with("/v1/files", &[("path", "b2/")]).await.data();
    assert_eq!(echoed["path"], "b2/", "the path is echoed as it was sent");
}

async fn a_cursor_pages_through_everything_once(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    for n in 0..3 {
        token.folder("/", &format!("folder {n}")).await;
    }
    for n in 0..8 {
        token.file("/", &format!("file {n}"), b"x").await;
    }
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let data = token.get(&format!("/v1/files?limit=4&cursor={cursor}")).await.data();
        for kind in ["folders", "files"] {
            let entries = data[kind].as_array().expect("entries");
            seen.extend(entries.iter().map(|e| e["name"].as_str().expect("a name").to_owned()));
        }
        match data["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, token.names("/").await);
    assert_eq!(seen.len(), 11);
    assert_eq!(token.get("/v1/files?cursor=nonsense").await.error().0, 400);
}

async fn what_is_wrong_with_a_parameter_is_said(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    for (path, parameter) in [
        ("/v1/files?page=0", "page"),
        ("/v1/files?page=x", "page"),
        ("/v1/files?limit=0", "limit"),
        ("/v1/files?path=/a/../b", "path"),
        ("/v1/files?path=%ff", "path"),
        ("/v1/files/abc", "id"),
        ("/v1/files/0", "id"),
        ("/v1/files/-1", "id"),
        ("/v1/files/search", "q"),
        ("/v1/files/1/download?version=x", "version"),
    ] {
        let reply = token.get(path).await;
        assert_eq!(reply.error(), (400, "invalid_parameter".into()), "{path}");
        assert!(
            reply.message().starts_with(&format!("{parameter}: ")),
            "{path}: {}",
            reply.message()
        );
    }
    assert_eq!(token.list("/nowhere").await.error(), (404, "not_found".into()));
    let file = token.file("/", "file", b"x").await;
    assert_eq!(token.list("/file").await.error().0, 404, "a file is no folder");
    assert_eq!(token.get("/v1/files?unknown=1&limit=").await.status, 200);
    assert_eq!(
        token.get(&format!("/v1/files/{}", file + 1_000)).await.error(),
        (404, "not_found".into())
    );
}

async fn one_file_and_one_folder_are_shown_with_their_fields(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data files.read_all").await;
    let folder = token.folder("/我的应用数据/GPTGet", "照片").await;
    let file = token.file("/我的应用数据/GPTGet/照片", "Chat.MD", b"# hi").await;
    let shown = token.get(&format!("/v1/files/{file}")).await.data();
    for (field, value) in [
        ("kind", json!("file")),
        ("id", json!(file)),
        ("name", json!("Chat.MD")),
        ("size", json!(4)),
        ("md5", json!(md5_hex(b"# hi"))),
        ("ext", json!("md")),
        ("mime", json!("text/markdown")),
        ("path", json!("/我的应用数据/GPTGet/照片/Chat.MD")),
        ("parent_folder", json!(folder)),
        ("create_time", json!(NOW)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    let shown = token.get(&format!("/v1/files/{folder}")).await.data();
    assert_eq!(shown["kind"], "folder");
    assert_eq!(shown["path"], "/我的应用数据/GPTGet/照片");
    assert_eq!(shown["file_count"], 1);
    let apps = token.list("/").await.data()["folders"][0]["id"]
        .as_i64()
        .expect("an id");
    assert_eq!(token.get(&format!("/v1/files/{apps}")).await.data()["parent_folder"], 0);
}

async fn roots_follow_the_scopes(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person("ada").await;
    let app = server.app(&ada, "GPTGet").await;
    let token = async |scopes: &str| server.token(&ada, &app, scopes).await;
    let sandboxed = token("files.app_data").await;
    sandboxed.folder("/", "inside").await;
    let everything = token("files.read_all files.write_all").await;
    everything.folder("/", "outside").await;
    assert_eq!(sandboxed.names("/").await, ["inside"]);
    assert_eq!(everything.names("/").await, ["outside", "我的应用数据"]);

    // Reads everywhere, writes only in its own folder: an omitted parent is that folder.
    let reader = token("files.app_data files.read_all").await;
    assert_eq!(reader.names("/").await, ["outside", "我的应用数据"]);
    assert_eq!(
        reader
            .post("/v1/files/folder", "name=x&parent_path=/outside")
            .await
            .error()
            .0,
        403
    );
    let made = reader.post("/v1/files/folder", "name=made").await.data();
    assert_eq!(made["path"], "/我的应用数据/GPTGet/made");

    // Writes everywhere, reads only its own folder.
    let writer = token("files.app_data files.write_all").await;
    assert_eq!(writer.post("/v1/files/folder", "name=x").await.data()["path"], "/x");
    assert_eq!(writer.list("/").await.error(), (403, "forbidden".into()));
    assert_eq!(
        writer.list("/nowhere").await.error().0,
        403,
        "not even whether it is there"
    );
    let listed = writer.get("/v1/files").await.data();
    assert_eq!(
        listed["folders"][0]["name"], "inside",
        "an omitted path is what may be read"
    );
    assert_eq!(token("user.read").await.get("/v1/files").await.error().0, 403);
}
