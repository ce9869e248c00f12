//! Drop boxes: `create` with `kind=drop`, `/upload/precreate`, and the page's form.

use pantry_testkit::{Engine, Reply, TestServer, both_engines, md5_hex};
use serde_json::{Value, json};

use super::{Sharing, delete, text};

both_engines!(
    anybody_puts_files_in_and_sees_nothing,
    a_drop_box_keeps_to_its_limits,
    an_upload_ends_with_its_drop_box,
    a_taken_name_and_a_known_content_are_not_told,
    the_page_takes_a_file,
);

async fn precreate(s: &Sharing, code: &str, name: &str, content: &[u8], more: &str) -> Reply {
    let path = format!("/v1/share/{code}/upload/precreate");
    let form = format!("name={name}&size={}&md5={}&{more}", content.len(), md5_hex(content));
    s.server.post(&path, &form).await
}

/// The whole of it: what `complete` answered.
async fn send(s: &Sharing, code: &str, name: &str, content: &[u8]) -> Reply {
    let upload = precreate(s, code, name, content, "").await.data();
    part(s, &upload, content).await.data();
    complete(s, &upload).await
}

async fn part(s: &Sharing, upload: &Value, bytes: &[u8]) -> Reply {
    let (endpoint, id) = (text(&upload["endpoint"]), text(&upload["upload_id"]));
    let request = s.server.http.post(format!("{endpoint}/u?upload_id={id}&part_seq=1"));
    Reply::of(request.body(bytes.to_vec())).await
}

async fn complete(s: &Sharing, upload: &Value) -> Reply {
    let (endpoint, id) = (text(&upload["endpoint"]), text(&upload["upload_id"]));
    Reply::of(s.server.http.post(format!("{endpoint}/u/{id}/complete"))).await
}

async fn anybody_puts_files_in_and_sees_nothing(engine: Engine) {
    let s = Sharing::new(engine).await;
    let inbox = s.token.folder("/", "Inbox").await;
    s.token.file("/Inbox", "hidden.txt", b"hidden").await;
    let code = s
        .code(&format!("folder_ids={inbox}&kind=drop&max_file_size=1000&max_files=9"))
        .await;
    let seen = s.visit(&code).await.data();
    let wanted = json!({
        "code": code, "owner": "ada", "needs_password": false, "name": "Inbox", "kind": "drop", "file_count": 0,
        "folder_count": 0, "size": 0, "expires_at": 0, "allow_save": false, "max_file_size": 1000, "max_files": 9,
    });
    assert_eq!(seen, wanted);
    let done = send(&s, &code, "for%20you.txt", b"for you").await.data();
    assert_eq!(done["path"], "/for you.txt", "where the folder lies is not told");
    assert_eq!(s.token.names("/Inbox").await, ["for you.txt", "hidden.txt"]);
    let file = done["file_id"].as_i64().expect("an id");
    assert_eq!(s.token.content(file).await, b"for you");
    let empty = precreate(&s, &code, "empty", b"", "").await.data();
    assert_eq!(
        (&empty["instant_upload"], &empty["path"]),
        (&json!(true), &json!("/empty"))
    );
    for path in ["files", "files?path=/Inbox", &format!("download?file_id={file}")] {
        assert_eq!(
            s.visit(&format!("{code}/{path}")).await.error(),
            (403, "drop_only".into()),
            "{path}"
        );
    }
    let saved = s.token.post(&format!("/v1/share/{code}/transfer"), "").await;
    assert_eq!(saved.error(), (403, "drop_only".into()));
    let listed = s.token.get("/v1/share/list").await.data();
    assert_eq!(
        (&listed["shares"][0]["kind"], &listed["shares"][0]["received"]),
        (&json!("drop"), &json!(2))
    );
    // A share that shows something takes nothing.
    let plain = s.code(&format!("folder_ids={inbox}")).await;
    assert_eq!(
        precreate(&s, &plain, "a", b"a", "").await.error(),
        (403, "not_a_drop_box".into())
    );
}

async fn a_drop_box_keeps_to_its_limits(engine: Engine) {
    let s = Sharing::of(TestServer::with(engine, |settings| settings.share.drop_uploads = 3).await).await;
    let inbox = s.token.folder("/", "Inbox").await;
    let made = s
        .share(&format!(
            "folder_ids={inbox}&kind=drop&max_file_size=10&max_files=4&password=x"
        ))
        .await;
    let code = text(&made["code"]);
    assert_eq!(precreate(&s, &code, "a", b"a", "").await.error().0, 401);
    let ticket = format!("ticket={}", s.ticket(&code, "x").await);
    let large = precreate(&s, &code, "large", &[0; 11], &ticket).await;
    assert_eq!(large.error(), (413, "too_large".into()));
    // Three may be on their way at once, and no more files than were allowed.
    let mut begun = Vec::new();
    for name in ["a", "b", "c"] {
        begun.push(precreate(&s, &code, name, b"1234", &ticket).await.data());
    }
    let busy = precreate(&s, &code, "d", b"1234", &ticket).await;
    assert_eq!(busy.error().0, 429);
    assert!(busy.header("retry-after").is_some());
    for upload in &begun {
        part(&s, upload, b"1234").await.data();
        complete(&s, upload).await.data();
        complete(&s, upload).await.data();
    }
    let first = precreate(&s, &code, "e", b"1234", &ticket).await.data();
    let refused = precreate(&s, &code, "f", b"1234", &ticket).await;
    assert_eq!(refused.error().0, 429, "the last place is taken while it is on its way");
    part(&s, &first, b"1234").await.data();
    // Fewer are allowed by now.
    let update = async |form: &str| {
        let form = format!("share_id={}&{form}", made["share_id"]);
        s.token.post("/v1/share/update", &form).await.data()
    };
    update("max_files=3").await;
    assert_eq!(complete(&s, &first).await.error(), (404, "share_used_up".into()));
    update("max_files=4").await;
    complete(&s, &first).await.data();
    assert_eq!(
        precreate(&s, &code, "g", b"g", &ticket).await.error(),
        (404, "share_used_up".into())
    );
    assert_eq!(s.token.names("/Inbox").await.len(), 4);

    // The owner's space is the owner's business.
    let person = s.server.person_with("bob", Some(5)).await;
    let app = s.server.app(&person, "Reader").await;
    let bob = s.server.token(&person, &app, super::ALL).await;
    bob.post("/v1/user/share-enable", "").await.data();
    let inbox = bob.folder("/", "Inbox").await;
    let made = bob
        .post("/v1/share/create", &format!("folder_ids={inbox}&kind=drop"))
        .await
        .data();
    let full = precreate(&s, &text(&made["code"]), "a", b"123456", "").await;
    assert_eq!(full.error(), (507, "drop_box_full".into()));
    assert!(!full.message().contains('5'), "{}", full.message());
}

async fn an_upload_ends_with_its_drop_box(engine: Engine) {
    let s = Sharing::new(engine).await;
    let inbox = s.token.folder("/", "Inbox").await;
    let begin = async || {
        let made = s.share(&format!("folder_ids={inbox}&kind=drop&password=x")).await;
        let code = text(&made["code"]);
        let ticket = s.ticket(&code, "x").await;
        let upload = precreate(&s, &code, "a", b"1234", &format!("ticket={ticket}"))
            .await
            .data();
        part(&s, &upload, b"1234").await.data();
        (made["share_id"].clone(), upload)
    };
    let (id, upload) = begin().await;
    s.token
        .post("/v1/share/update", &format!("share_id={id}&password=y"))
        .await
        .data();
    assert_eq!(complete(&s, &upload).await.error(), (404, "upload_not_found".into()));
    let (id, upload) = begin().await;
    s.token
        .post("/v1/share/cancel", &format!("share_ids={id}"))
        .await
        .data();
    assert_eq!(
        part(&s, &upload, b"1234").await.error(),
        (404, "upload_not_found".into())
    );
    // Another folder: what was on its way to the old one does not arrive.
    let (id, upload) = begin().await;
    let other = s.token.folder("/", "Other").await;
    let form = format!("share_id={id}&folder_ids={other}");
    s.token.post("/v1/share/update", &form).await.data();
    assert_eq!(complete(&s, &upload).await.error().0, 404);
    let (_, upload) = begin().await;
    delete(&s.token, &format!("folder_ids={inbox}")).await;
    assert_eq!(complete(&s, &upload).await.error().0, 404, "the folder is in the bin");
    s.token
        .post("/v1/bin/restore", &format!("folder_ids={inbox}"))
        .await
        .data();
    complete(&s, &upload).await.data();
    assert_eq!(s.token.names("/Inbox").await, ["a"]);
    assert!(s.token.names("/Other").await.is_empty());
}

async fn a_taken_name_and_a_known_content_are_not_told(engine: Engine) {
    let s = Sharing::new(engine).await;
    let inbox = s.token.folder("/", "Inbox").await;
    s.token.file("/Inbox", "a.txt", b"what the owner has").await;
    let code = s.code(&format!("folder_ids={inbox}&kind=drop")).await;
    let again = precreate(&s, &code, "a.txt", b"what the owner has", "").await.data();
    assert_eq!(again["instant_upload"], false);
    // Two strangers who send the same do not share an upload.
    let other = precreate(&s, &code, "a.txt", b"what the owner has", "").await.data();
    assert_ne!(again["upload_id"], other["upload_id"]);
    part(&s, &again, b"what the owner has").await.data();
    assert_eq!(complete(&s, &again).await.data()["path"], "/a.txt");
    assert_eq!(s.token.names("/Inbox").await, ["a (1).txt", "a.txt"]);
}

async fn the_page_takes_a_file(engine: Engine) {
    let s = Sharing::new(engine).await;
    let inbox = s.token.folder("/", "Inbox").await;
    let made = s
        .share(&format!("folder_ids={inbox}&kind=drop&max_file_size=100"))
        .await;
    let address = text(&made["url"]);
    let page = Reply::of(s.server.http.get(&address).header("accept-language", "en")).await;
    let html = String::from_utf8_lossy(&page.body).into_owned();
    assert!(
        html.contains("Send files to ada") && html.contains("At most 100 B"),
        "{html}"
    );
    let cookie = page
        .header("set-cookie")
        .and_then(|c| c.split(';').next())
        .expect("a cookie")
        .to_owned();
    let csrf = html
        .split("name=\"csrf\" value=\"")
        .nth(1)
        .and_then(|t| t.split('"').next())
        .expect("a token")
        .to_owned();
    let post = async |csrf: &str, name: &str, content: &[u8]| {
        let mut body = format!("--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n").into_bytes();
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let request = s.server.http.post(format!("{address}/drop")).header("cookie", &cookie);
        let request = request
            .header("content-type", "multipart/form-data; boundary=b")
            .header("accept-language", "en");
        Reply::of(request.body(body)).await
    };
    let thanks = post(&csrf, "照片.txt", b"hello").await;
    assert_eq!(thanks.status, 200);
    assert!(String::from_utf8_lossy(&thanks.body).contains("Received"));
    assert_eq!(s.token.names("/Inbox").await, ["照片.txt"]);
    assert_eq!(post("", "b.txt", b"b").await.status, 403, "a form of another site");
    assert_eq!(post(&csrf, "", b"").await.status, 400);
    assert_eq!(post(&csrf, "c?.txt", b"c").await.status, 400);
    assert_eq!(post(&csrf, "large.bin", &[0; 101]).await.status, 413);
    assert_eq!(post(&csrf, "C:\\temp\\照片.txt", b"again").await.status, 200);
    assert_eq!(s.token.names("/Inbox").await, ["照片 (1).txt", "照片.txt"]);
}
