//! `POST /v1/files/manage`.

use pantry_testkit::{Engine, TestServer, both_engines};
use serde_json::json;

both_engines!(
    many_are_deleted_at_once_or_not_at_all,
    rename_takes_exactly_one,
    moving_and_copying_keep_their_rules,
    what_is_wrong_with_the_call_is_said,
);

const MANAGE: &str = "/v1/files/manage";

async fn many_are_deleted_at_once_or_not_at_all(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let (a, b) = (token.file("/", "a", b"1").await, token.file("/", "b", b"2").await);
    let folder = token.folder("/", "f").await;
    let partly = token
        .post(MANAGE, &format!("action=delete&file_ids[]={a}&file_ids[]=999999"))
        .await;
    assert_eq!(partly.error(), (404, "not_found".into()));
    assert_eq!(token.names("/").await, ["f", "a", "b"]);
    let form = format!("action=delete&file_ids[]={a}&file_ids[]={b}&folder_ids={folder}");
    assert_eq!(token.post(MANAGE, &form).await.data(), json!({"affected": 3}));
    assert!(token.names("/").await.is_empty());
    assert_eq!(token.post(MANAGE, &form).await.error().0, 404);
}

async fn rename_takes_exactly_one(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let (a, b) = (token.file("/", "a", b"1").await, token.file("/", "b", b"2").await);
    let done = token
        .post(MANAGE, &format!("action=rename&file_ids[]={a}&new_name=updated.md"))
        .await;
    assert_eq!(done.data(), json!({"affected": 1}));
    let taken = token
        .post(MANAGE, &format!("action=rename&file_ids={a}&new_name=b"))
        .await;
    assert_eq!(taken.error(), (409, "name_taken".into()));
    let two = token
        .post(MANAGE, &format!("action=rename&file_ids={a},{b}&new_name=c"))
        .await;
    assert_eq!(two.error(), (400, "invalid_parameter".into()));
    assert_eq!(token.post(MANAGE, "action=rename&new_name=c").await.error().0, 400);
    let unnamed = token.post(MANAGE, &format!("action=rename&file_ids={a}")).await;
    assert!(unnamed.message().starts_with("new_name: "));
    // A file's id is no folder's.
    assert_eq!(
        token
            .post(MANAGE, &format!("action=rename&folder_ids={a}&new_name=c"))
            .await
            .error()
            .0,
        404
    );
    let aside = format!("action=rename&file_ids={a}&new_name=b&on_conflict=rename");
    token.post(MANAGE, &aside).await.data();
    assert_eq!(token.names("/").await, ["b", "b (1)"]);
    token
        .post(
            MANAGE,
            &format!("action=rename&file_ids={a}&new_name=b&on_conflict=overwrite"),
        )
        .await
        .data();
    assert_eq!(token.names("/").await, ["b"]);
}

async fn moving_and_copying_keep_their_rules(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let outer = token.folder("/", "outer").await;
    token.folder("/", "other").await;
    let inner = token.folder("/outer", "inner").await;
    let file = token.file("/outer/inner", "f", b"content").await;
    for (form, error) in [
        (
            format!("action=move&folder_ids={outer}&dest_path=/outer"),
            (409, "into_itself"),
        ),
        (
            format!("action=move&folder_ids={outer}&dest_path=/outer/inner"),
            (409, "into_itself"),
        ),
        (
            format!("action=copy&folder_ids={outer}&dest_path=/outer/inner"),
            (409, "into_itself"),
        ),
        (
            format!("action=move&file_ids={file}&dest_path=/nowhere"),
            (404, "not_found"),
        ),
        (format!("action=move&file_ids={file}"), (400, "invalid_parameter")),
    ] {
        assert_eq!(
            token.post(MANAGE, &form).await.error(),
            (error.0, error.1.into()),
            "{form}"
        );
    }
    let copied = token
        .post(MANAGE, &format!("action=copy&folder_ids={outer}&dest_path=/other"))
        .await;
    assert_eq!(copied.data(), json!({"affected": 1}));
    assert_eq!(token.names("/other/outer/inner").await, ["f"]);
    token
        .post(MANAGE, &format!("action=move&folder_ids={inner}&dest_path=/"))
        .await
        .data();
    assert_eq!(token.names("/").await, ["inner", "other", "outer"]);
    assert_eq!(
        token.get(&format!("/v1/files/{file}")).await.data()["path"],
        "/我的应用数据/GPTGet/inner/f"
    );
    let taken = format!("action=move&file_ids={file}&dest_path=/other/outer/inner");
    assert_eq!(token.post(MANAGE, &taken).await.error().0, 409);
    token
        .post(MANAGE, &format!("{taken}&on_conflict=overwrite"))
        .await
        .data();
    assert_eq!(token.content(file).await, b"content");
    // A file never takes the place of a folder.
    let x = token.file("/", "x", b"1").await;
    token.folder("/other", "x").await;
    let clash = token
        .post(
            MANAGE,
            &format!("action=move&file_ids={x}&dest_path=/other&on_conflict=overwrite"),
        )
        .await;
    assert_eq!(clash.error(), (409, "kind_mismatch".into()));
}

async fn what_is_wrong_with_the_call_is_said(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    for (form, parameter) in [
        ("file_ids=1", "action"),
        ("action=burn&file_ids=1", "action"),
        ("action=delete", "file_ids"),
        ("action=delete&file_ids=x", "file_ids"),
        ("action=delete&file_ids=0", "file_ids"),
        ("action=delete&folder_ids=-3", "folder_ids"),
        ("action=copy&file_ids=1&dest_path=/&on_conflict=ask", "on_conflict"),
    ] {
        let reply = token.post(MANAGE, form).await;
        assert_eq!(reply.error(), (400, "invalid_parameter".into()), "{form}");
        assert!(
            reply.message().starts_with(&format!("{parameter}: ")),
            "{form}: {}",
            reply.message()
        );
    }
}
