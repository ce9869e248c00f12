//! A large file in three steps: a signed form, the content, its name.

use pantry_testkit::{Engine, Reply, noise};
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::tools::{Program, number, text};

fn form(fields: &Value, bytes: Vec<u8>) -> Form {
    let mut form = Form::new();
    for (name, value) in fields.as_object().expect("fields") {
        if let Some(text) = value.as_str() {
            form = form.text(name.clone(), text.to_owned());
        }
    }
    form.part("file", Part::bytes(bytes).file_name("C:\\large.bin"))
}

async fn post(p: &Program, fields: &Value, bytes: Vec<u8>) -> Reply {
    Reply::of(p.server.http.post(p.server.url("/")).multipart(form(fields, bytes))).await
}

async fn a_large_file_comes_in_three_steps(engine: Engine) {
    let p = Program::new(engine).await;
    // Larger than any single request takes, and as small as lies in the rows.
    for (name, bytes) in [
        ("large.bin", noise(3, 12_000_000)),
        ("small.txt", b"small".to_vec()),
        ("none", Vec::new()),
    ] {
        let signed = p.ok("file/upload_sign", &format!("file_name={name}")).await;
        let before = number(&signed["dologid"]);
        let sent = post(&p, &signed, bytes.clone()).await;
        assert_eq!(sent.status, 201, "{}", String::from_utf8_lossy(&sent.body));
        assert!(String::from_utf8_lossy(&sent.body).contains(signed["key"].as_str().expect("a key")));
        assert_eq!(p.head().await, before, "it has no name yet");
        let form = format!(
            "key={}&file_name={name}&dir_id=0&dologid={before}",
            text(&signed["key"])
        );
        // A content with a grace is not lost to the janitor in between.
        p.server.drive().sweep().await.expect("kept house");
        let named = p.ok("file/upload_back", &form).await;
        assert_eq!(named["data"]["size"], bytes.len());
        assert_eq!(named["data"]["md5"], pantry_testkit::md5_hex(&bytes));
        let info = p
            .ok("file/get_file_info", &format!("fid={}", text(&named["data"]["fid"])))
            .await;
        let got = p.server.get(info["data"]["s3_url"].as_str().expect("a link")).await;
        assert!(got.body.as_ref() == bytes, "{name}");
        // A key names one file.
        let form = format!("key={}&file_name=again&dir_id=0", text(&signed["key"]));
        let again = p.call("file/upload_back", &form).await;
        assert_eq!(again["err_code"], 721, "{again}");
    }
}

async fn steps_that_do_not_match_are_refused(engine: Engine) {
    let p = Program::with(engine, |s| {
        s.users.quota_bytes = 1000;
        s.weipan.post_bytes = 2000;
    })
    .await;
    let signed = p.ok("file/upload_sign", "").await;
    let refused = async |fields: &Value, bytes: usize, number: i64| {
        let reply = post(&p, fields, vec![b'x'; bytes]).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json()["err_code"], number, "{}", reply.json());
    };
    for name in ["key", "policy", "signature"] {
        let mut changed = signed.clone();
        changed[name] = format!("{}0", text(&signed[name])).into();
        refused(&changed, 10, 721).await;
    }
    refused(&signed, 1001, 7).await;
    refused(&signed, 2001, 101).await;
    // What waits counts: no hundred contents of nobody.
    assert_eq!(post(&p, &signed, vec![b'x'; 600]).await.status, 201);
    let second = p.ok("file/upload_sign", "").await;
    refused(&second, 600, 7).await;
    assert_eq!(
        post(&p, &signed, vec![b'y'; 700]).await.status,
        201,
        "the same key again"
    );
    // Another person's program cannot name it.
    p.server.clock().advance(86_401);
    let mut p = p;
    p.token = p.sign_in().await;
    let form = format!("key={}&file_name=x&dir_id=0", text(&signed["key"]));
    assert_eq!(p.call("file/upload_back", &form).await["err_code"], 721, "too late");
    let reply = post(&p, &second, vec![b'x'; 10]).await;
    assert_eq!(reply.json()["err_code"], 721, "too late");
}

pantry_testkit::both_engines!(a_large_file_comes_in_three_steps, steps_that_do_not_match_are_refused);
