//! The requests of the published documents as they are printed, run by the real `curl` through a shell, with host, token and
//! ids put in. Their outcome must be what the documents' samples show, field by field.

use std::process::Command;

use pantry_core::auth::{AuthorizeRequest, Origin};
use pantry_testkit::{Engine, TestServer, both_engines, md5_hex, noise};
use serde_json::{Value, json};

both_engines!(
    the_documents_device_flow_works_as_printed,
    the_documents_code_flow_works_as_printed,
    the_documents_requests_work_as_printed,
    the_documents_upload_works_as_printed
);

/// Runs commands in a folder, and reads the JSON that the last one prints.
async fn shell(folder: &std::path::Path, script: String) -> Value {
    let mut command = Command::new("bash");
    // What curl itself says goes to the error output; the answer stands alone.
    command
        .arg("-c")
        .arg(script.replace("curl ", "curl -sS "))
        .current_dir(folder);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("it ran");
    let output = output.expect("bash and curl are installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{script}: {e}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// The fields of an object, sorted.
fn fields(value: &Value) -> Vec<&str> {
    let mut fields: Vec<&str> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    fields
}

/// Every field that the sample has, with a value of the same type.
fn has_shape_of(got: &Value, sample: &Value, place: &str) {
    match (got, sample) {
        (Value::Object(got), Value::Object(sample)) => {
            for (name, value) in sample {
                let found = got
                    .get(name)
                    .unwrap_or_else(|| panic!("{place}.{name} is missing in {got:?}"));
                has_shape_of(found, value, &format!("{place}.{name}"));
            }
        }
        (Value::Array(got), Value::Array(sample)) => {
            if let Some(sample) = sample.first() {
                assert!(!got.is_empty(), "{place} is empty");
                for value in got {
                    has_shape_of(value, sample, place);
                }
            }
        }
        (got, sample) => assert_eq!(
            std::mem::discriminant(got),
            std::mem::discriminant(sample),
            "{place}: {got} where the sample has {sample}"
        ),
    }
}

async fn the_documents_requests_work_as_printed(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("user.read files.app_data share.create").await;
    let (a, b) = (
        token.file("/", "chat-573.md", b"# one").await,
        token.file("/", "chat-574.md", b"# two").await,
    );
    let run = async |script: &str| {
        let script = script
            .replace("https://openapi.disk.top", &server.url(""))
            .replace("YOUR_ACCESS_TOKEN", &token.access)
            .replace("{id}", &a.to_string())
            .replace("7280", &a.to_string())
            .replace("7281", &b.to_string());
        shell(server.place.folder(), script).await
    };
    let cases = [
        (
            r#"curl "https://openapi.disk.top/v1/user/info" \
-H "Authorization: Bearer YOUR_ACCESS_TOKEN""#,
            json!({"uid": 17, "username": "x", "nickname": "x", "email": "x", "avatar_url": "x", "is_vip": false,
                "vip_group": 3, "vip_expire_ts": 0, "storage_quota_bytes": 1, "created_at_ts": 1,
                "oauth": {"client_id": "x", "scopes": ["x"]}}),
        ),
        (
            r#"curl "https://openapi.disk.top/v1/user/quota" \
-H "Authorization: Bearer YOUR_ACCESS_TOKEN""#,
            json!({"total_bytes": 1, "used_bytes": 1, "free_bytes": 1, "used_pct": 2.09}),
        ),
        (
            r#"curl -X POST "https://openapi.disk.top/v1/user/share-enable" \
-H "Authorization: Bearer YOUR_ACCESS_TOKEN""#,
            json!({"enabled": true, "note": "x"}),
        ),
        (
            r#"curl -X POST "https://openapi.disk.top/v1/files/folder" \
-H "Authorization: Bearer YOUR_ACCESS_TOKEN" \
-d "parent_path=/&name=Photos""#,
            json!({"folder_id": 5920, "name": "Photos", "path": "x"}),
        ),
        (
            r#"curl -G "https://openapi.disk.top/v1/files" \
-H "Authorization: Bearer YOUR_ACCESS_TOKEN" \
--data-urlencode "path=/" --data-urlencode "limit=20""#,
            json!({"path": "/", "folders": [{"id": 1, "name": "x"}],
                "files": [{"id": 1, "name": "x", "size": 1, "md5": "x"}], "total": 3}),
        ),
        (
            r#"curl -G "https://openapi.disk.top/v1/files/search" \
-H "Authorization: Bearer YOUR_ACCESS_TOKEN" \
--data-urlencode "q=chat""#,
            json!({"files": [{"id": 1, "name": "x", "size": 1, "md5": "x"}], "total": 2}),
        ),
        (
            r#"curl "https://openapi.disk.top/v1/files/{id}" -H "Authorization: Bearer YOUR_ACCESS_TOKEN""#,
            json!({"id": 1, "name": "x", "size": 1, "md5": "x", "ext": "md", "mime": "text/markdown", "path": "x",
                "parent_folder": 1, "create_time": 1}),
        ),
        (
            r#"curl "https://openapi.disk.top/v1/files/{id}/download" -H "Authorization: Bearer YOUR_ACCESS_TOKEN""#,
            json!({"url": "x", "expires_in": 600, "name": "x", "size": 1, "md5": "x"}),
        ),
        (
            r#"curl -X POST "https://openapi.disk.top/v1/files/manage" \
-H "Authorization: Bearer YOUR_ACCESS_TOKEN" \
-d "action=rename&file_ids[]=7280&new_name=updated.md""#,
            json!({"affected": 1}),
        ),
        (
            r#"curl -X POST "https://openapi.disk.top/v1/files/manage" \
-H "Authorization: Bearer YOUR_ACCESS_TOKEN" \
-d "action=delete&file_ids[]=7280&file_ids[]=7281""#,
            json!({"affected": 2}),
        ),
    ];
    for (script, sample) in &cases {
        let got = run(script).await;
        assert_eq!(
            (&got["errno"], &got["errmsg"]),
            (&json!(0), &json!("ok")),
            "{script}: {got}"
        );
        has_shape_of(&got["data"], sample, "data");
    }
    let photos = run(cases[3].0).await;
    assert_eq!(
        (&photos["errno"], &photos["error"]),
        (&json!(409), &json!("name_taken")),
        "a second one is refused"
    );
    assert_eq!(token.names("/").await, ["Photos"]);
}

async fn the_documents_upload_works_as_printed(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let content = noise(8, 5_242_880 * 2 + 12_345);
    std::fs::write(server.place.folder().join("movie.mp4"), &content).expect("a film");
    let precreate = r#"curl -X POST "https://openapi.disk.top/v1/files/upload/precreate" \
-H "Authorization: Bearer YOUR_ACCESS_TOKEN" \
-d "parent_path=/&name=movie.mp4&size=104857600&md5=5eb63bbbe01eeed093cb22bb8f5acdc3""#
        .replace("https://openapi.disk.top", &server.url(""))
        .replace("YOUR_ACCESS_TOKEN", &token.access);
    let run = async |script: String| shell(server.place.folder(), script).await;

    // As it is printed; then with the size and hash of a film that is at hand.
    let printed = run(precreate.clone()).await["data"].clone();
    let sample = [
        "chunk_size",
        "endpoint",
        "expires_in",
        "instant_upload",
        "total_parts",
        "upload_id",
    ];
    assert_eq!(fields(&printed), sample);
    assert_eq!(
        (&printed["chunk_size"], &printed["total_parts"], &printed["expires_in"]),
        (&json!(5_242_880), &json!(20), &json!(86_400))
    );
    let precreate = precreate
        .replace("104857600", &content.len().to_string())
        .replace("5eb63bbbe01eeed093cb22bb8f5acdc3", &md5_hex(&content));
    let session = run(precreate.clone()).await["data"].clone();
    let (id, endpoint) = (
        session["upload_id"].as_str().expect("an id"),
        session["endpoint"].as_str().expect("an endpoint"),
    );

    let chunk = r#"dd if=movie.mp4 bs=5242880 count=1 skip=0 | \
curl -X POST "https://openapi-upload.disk.top/u?upload_id=a747...&part_seq=1" \
-H "Content-Type: application/octet-stream" --data-binary @-"#
        .replace("https://openapi-upload.disk.top", endpoint)
        .replace("a747...", id);
    for seq in 1..=3 {
        if seq == 3 {
            let early = run(format!("curl -X POST \"{endpoint}/u/{id}/complete\"")).await;
            assert_eq!(
                (&early["errno"], &early["errmsg"]),
                (&json!(425), &json!("incomplete: 2/3"))
            );
        }
        let script = chunk
            .replace("skip=0", &format!("skip={}", seq - 1))
            .replace("part_seq=1", &format!("part_seq={seq}"));
        let got = run(script).await["data"].clone();
        has_shape_of(
            &got,
            &json!({"part_seq": 1, "etag": "x", "size": 1, "received_parts": 1, "total_parts": 20}),
            "data",
        );
        assert_eq!((&got["part_seq"], &got["received_parts"]), (&json!(seq), &json!(seq)));
    }
    let parts = run(format!("curl \"{endpoint}/u/{id}/parts\"")).await["data"].clone();
    has_shape_of(
        &parts,
        &json!({"upload_id": "x", "total_parts": 20, "received_parts": [1], "progress": 35.0,
            "parts": {"1": {"part_number": 1, "etag": "x", "size": 1}}}),
        "data",
    );
    let done = run(format!("curl -X POST \"{endpoint}/u/{id}/complete\"")).await["data"].clone();
    has_shape_of(
        &done,
        &json!({"file_id": 1, "path": "x", "size": 1, "md5": "x"}),
        "data",
    );
    assert!(token.content(done["file_id"].as_i64().expect("an id")).await == content);

    // What is there already is instant.
    let instant = run(precreate.replace("name=movie.mp4", "name=again.mp4")).await["data"].clone();
    has_shape_of(
        &instant,
        &json!({"instant_upload": true, "file_id": 1, "path": "x", "size": 1}),
        "data",
    );

    let abandoned = printed["upload_id"].as_str().expect("an id");
    let aborted = run(format!("curl -X POST \"{endpoint}/u/{abandoned}/abort\"")).await;
    assert_eq!((&aborted["errno"], &aborted["data"]["ok"]), (&0.into(), &true.into()));
}

/// A `POST` of a form, as the documents write it, by curl.
async fn post(server: &TestServer, path: &str, form: &str) -> Value {
    let url = server.url(path);
    let header = "Content-Type: application/x-www-form-urlencoded";
    shell(
        server.place.folder(),
        format!("curl -X POST '{url}' -H '{header}' -d '{form}'"),
    )
    .await
}

fn tokens() -> Value {
    json!({"access_token": "x", "refresh_token": "x", "token_type": "Bearer", "expires_in": 7_200, "scope": "x"})
}

async fn the_documents_device_flow_works_as_printed(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person("ada").await;
    let app = server.app(&ada, "TV").await;
    let client = format!("client_id={}", app.client_id);
    let asked = post(
        &server,
        "/oauth/device-code",
        &format!("{client}&scope=user.read+files.app_data"),
    )
    .await;
    has_shape_of(
        &asked,
        &json!({"device_code": "x", "user_code": "8KXH-Y8R", "verification_uri": "x", "verification_uri_complete": "x",
            "qr_url": "x", "expires_in": 600, "interval": 5}),
        "answer",
    );
    let text = |value: &Value, field: &str| value[field].as_str().expect("a text").to_owned();
    let poll = format!("device_code={}&{client}", text(&asked, "device_code"));
    let pending = post(&server, "/oauth/device-token", &poll).await;
    assert_eq!(pending, json!({"error": "authorization_pending"}));

    let (session, origin) = (server.session(&ada).await, Origin::operator());
    let ask = server
        .drive()
        .find_device(&session, &text(&asked, "user_code"), &origin)
        .await;
    let ask = ask.expect("the code is known");
    let approved = server.drive().approve_device(&session, &ask, ask.scopes, &origin).await;
    assert!(approved.expect("approved"));
    server.clock().advance(5);
    let got = post(&server, "/oauth/device-token", &poll).await;
    has_shape_of(&got, &tokens(), "answer");
    assert_eq!(got["scope"], "user.read files.app_data");

    let secret = app.client_secret.expect("a secret");
    let form = format!(
        "grant_type=refresh_token&refresh_token={}&{client}&client_secret={secret}",
        text(&got, "refresh_token")
    );
    let fresh = post(&server, "/oauth/token", &form).await;
    has_shape_of(&fresh, &tokens(), "answer");
    let info = format!(
        "curl -H \"Authorization: Bearer {}\" {}",
        text(&fresh, "access_token"),
        server.url("/v1/user/info")
    );
    assert_eq!(shell(server.place.folder(), info).await["data"]["username"], "ada");
}

async fn the_documents_code_flow_works_as_printed(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person("ada").await;
    let app = server.app(&ada, "Web").await;
    let callback = "https://app.example.com/callback";
    let request = AuthorizeRequest {
        client_id: Some(app.client_id.clone()),
        redirect_uri: Some(callback.to_owned()),
        response_type: Some("code".to_owned()),
        scope: Some("user.read files.app_data".to_owned()),
        ..AuthorizeRequest::default()
    };
    let asked = server
        .drive()
        .check_authorization(&request)
        .await
        .expect("a good request");
    let (session, origin) = (server.session(&ada).await, Origin::operator());
    let code = server.drive().approve(&session, &asked, asked.scopes, &origin).await;
    let code = code.expect("approved").expect("a code").into_exposed();
    let form = format!(
        "grant_type=authorization_code&code={code}&client_id={}&client_secret={}&redirect_uri={callback}",
        app.client_id,
        app.client_secret.expect("a secret")
    );
    let got = post(&server, "/oauth/token", &form).await;
    has_shape_of(&got, &tokens(), "answer");
    let again = post(&server, "/oauth/token", &form).await;
    assert_eq!(again["error"], "invalid_grant", "a code works once");
    let token = pantry_testkit::Token::new(
        got["access_token"].as_str().expect("a token").to_owned(),
        server.url(""),
        server.http.clone(),
    );
    assert_eq!(
        token.get("/v1/user/info").await.error().0,
        401,
        "and its replay ends what it gave"
    );
}
