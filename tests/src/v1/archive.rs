//! `POST /v1/files/archive` and `/a/…`: what comes is read by Python's `zipfile` and `unzip`.

use std::{path::Path, process::Command, time::Duration};

use futures_util::StreamExt;
use pantry_testkit::{Engine, Reply, TestServer, Token, both_engines, noise};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

both_engines!(
    others_programs_read_it,
    the_link_says_what_it_must_and_no_more,
    a_changed_link_or_a_second_too_late_is_refused,
    a_taken_back_grant_breaks_the_connection,
    a_client_that_is_gone_ends_the_walk,
    only_what_the_token_may_read_is_given,
);

async fn link(token: &Token, form: &str) -> String {
    let data = token.post("/v1/files/archive", form).await.data();
    assert_eq!(data["expires_in"], 600);
    data["url"].as_str().expect("a url").to_owned()
}

/// Runs a program that must end well; answers what it said.
fn run(program: &str, args: &[&str]) -> String {
    let done = Command::new(program).args(args).output().expect("the program runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let failed = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{program}: {said}{failed}");
    said
}

/// What `zipfile` finds: names in order, each with its content's length and its time.
fn entries(archive: &Path) -> Vec<Value> {
    let script = "import json, sys, zipfile\n\
                  z = zipfile.ZipFile(sys.argv[1])\n\
                  assert z.testzip() is None\n\
                  print(json.dumps([[i.filename, len(z.read(i)), list(i.date_time)] for i in z.infolist()]))";
    let said = run("python3", &["-c", script, &archive.display().to_string()]);
    serde_json::from_str(&said).expect("JSON")
}

async fn others_programs_read_it(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let folder = token.folder("/", "相册 2026").await;
    let long = "长".repeat(85);
    let names = ["照片 1.jpg", "😀👩‍👩‍👧.txt", "Read me (1) & more~1.TXT", "con", &long];
    for name in names {
        token.file("/相册 2026", name, name.as_bytes()).await;
    }
    token.file("/相册 2026", "empty", b"").await;
    let large = noise(3, 3_000_000);
    token.file("/相册 2026", "large.bin", &large).await;
    token.folder("/相册 2026", "空").await;
    let mut path = "/相册 2026".to_owned();
    for n in 0..100 {
        token.folder(&path, &format!("d{n}")).await;
        path.push_str(&format!("/d{n}"));
    }
    token.file(&path, "deep", b"deep").await;
    let alone = token.file("/", "empty", b"another").await;

    let url = link(&token, &format!("folder_ids[]={folder}&file_ids[]={alone}&name=旅行")).await;
    let reply = server.get(&url).await;
    assert_eq!(reply.header("content-type"), Some("application/zip"));
    assert_eq!(
        reply.header("content-disposition"),
        Some("attachment; filename=\"__.zip\"; filename*=UTF-8''%E6%97%85%E8%A1%8C.zip")
    );
    assert_eq!(reply.header("content-length"), None, "nobody knows it yet");
    let archive = server.place.folder().join("a.zip");
    std::fs::write(&archive, &reply.body).expect("written");
    let found = entries(&archive);
    let lengths: std::collections::BTreeMap<&str, u64> = found
        .iter()
        .map(|e| (e[0].as_str().expect("a name"), e[1].as_u64().expect("a length")))
        .collect();
    assert_eq!(lengths.len(), found.len(), "each once");
    for name in names {
        assert_eq!(
            lengths[format!("相册 2026/{name}").as_str()],
            name.len() as u64,
            "{name}"
        );
    }
    assert_eq!((lengths["empty"], lengths["相册 2026/empty"]), (7, 0));
    assert_eq!((lengths["相册 2026/"], lengths["相册 2026/空/"]), (0, 0));
    assert_eq!(lengths["相册 2026/large.bin"], 3_000_000);
    assert_eq!(lengths[format!("{}/deep", &path[1..]).as_str()], 4);
    assert_eq!(found.len(), 2 + names.len() + 2 + 1 + 100 + 1);
    // The drive's clock, in UTC.
    assert!(
        found
            .iter()
            .all(|e| e[2] == serde_json::json!([2026, 11, 18, 11, 6, 40]))
    );
    run("unzip", &["-tq", &archive.display().to_string()]);
    // And what is unpacked is what was put.
    let into = server.place.folder().join("out");
    run(
        "unzip",
        &["-q", &archive.display().to_string(), "-d", &into.display().to_string()],
    );
    assert!(std::fs::read(into.join("相册 2026/large.bin")).expect("there") == large);
    assert!(into.join("相册 2026/空").is_dir());
}

async fn the_link_says_what_it_must_and_no_more(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let file = token.file("/", "a.txt", b"content").await;
    let url = link(&token, &format!("file_ids={file}")).await;
    let head = Reply::of(server.http.head(&url)).await;
    assert_eq!(head.status, 200);
    assert_eq!(
        head.header("content-disposition"),
        Some("attachment; filename=\"a.txt.zip\"")
    );
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
        ("accept-ranges", "none"),
        ("cache-control", "private, no-store"),
    ] {
        assert_eq!(head.header(name), Some(value), "{name}");
    }
    // No range: who is cut off begins again, as often as they like.
    for _ in 0..2 {
        let part = Reply::of(server.http.get(&url).header("range", "bytes=1-5")).await;
        assert_eq!(part.status, 200);
        assert!(part.body.starts_with(b"PK\x03\x04") && part.body.len() > 100);
    }
    let preflight = server
        .http
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET");
    assert_eq!(Reply::of(preflight).await.status, 204);
    let posted = Reply::of(server.http.post(&url)).await;
    assert_eq!(posted.error(), (405, "method_not_allowed".into()));
    for (form, parameter) in [
        ("", "file_ids"),
        ("file_ids=x", "file_ids"),
        (&format!("file_ids={file}&name=a/b")[..], "name"),
    ] {
        let refused = token.post("/v1/files/archive", form).await;
        let said: Value = serde_json::from_slice(&refused.body).expect("JSON");
        assert_eq!(refused.status, 400);
        assert!(
            said["errmsg"].as_str().is_some_and(|m| m.starts_with(parameter)),
            "{said}"
        );
    }
}

async fn a_changed_link_or_a_second_too_late_is_refused(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let file = token.file("/", "a", b"content").await;
    let mut ids = String::new();
    for n in 0..220 {
        ids.push_str(&format!(",{}", token.folder("/", &n.to_string()).await));
    }
    let short = link(&token, &format!("file_ids={file}")).await;
    let long = link(&token, &format!("file_ids={file}&folder_ids={ids}")).await;
    assert!(long.contains("/a/~") && long.len() < 150, "{long}");
    for link in [&short, &long] {
        let at = link.find("/a/").expect("its path") + 3;
        for i in at..link.len() {
            let mut bytes = link.as_bytes().to_vec();
            if matches!(bytes[i], b'?' | b'=') {
                continue;
            }
            bytes[i] = if bytes[i] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(bytes).expect("UTF-8");
            assert!(
                matches!(server.get(&changed).await.status.as_u16(), 403 | 404),
                "{changed}"
            );
        }
        for changed in [
            format!("{link}&x=1"),
            link.replace("?sig=", "?x=1&sig="),
            link.replace("/a/", "/d/"),
        ] {
            assert_eq!(server.get(&changed).await.error().0, 403, "{changed}");
        }
    }
    // A link of one file is no archive, though the same key signed it.
    let single = token.link(file).await;
    assert_eq!(server.get(&single.replace("/d/", "/a/")).await.error().0, 403);
    server.clock().advance(599);
    for link in [&short, &long] {
        assert_eq!(server.get(link).await.status, 200);
    }
    server.clock().advance(1);
    for link in [&short, &long] {
        assert_eq!(server.get(link).await.error(), (403, "forbidden".into()));
    }
}

async fn a_taken_back_grant_breaks_the_connection(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person("ada").await;
    let app = server.app(&ada, "Notes").await;
    let token = server.token(&ada, &app, "files.app_data").await;
    let folder = token.folder("/", "album").await;
    // More than the connection's buffers hold.
    for n in 0..4 {
        token
            .upload_whole("/album", &n.to_string(), &noise(n, 12 << 20))
            .await
            .data();
    }
    let url = link(&token, &format!("folder_ids={folder}")).await;
    let answer = server.http.get(&url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let mut stream = answer.bytes_stream();
    stream.next().await.expect("a piece").expect("a piece");
    server.revoke(&ada, &app).await;
    let mut ended = Ok(());
    while let Some(piece) = stream.next().await {
        if let Err(e) = piece {
            ended = Err(e);
            break;
        }
    }
    assert!(ended.is_err(), "it must not look whole");
    assert_eq!(server.get(&url).await.error(), (403, "forbidden".into()));
}

/// Bytes sent so far.
async fn sent(server: &TestServer) -> usize {
    let text = String::from_utf8(server.get("/metrics").await.body.to_vec()).expect("text");
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix("pantry_content_sent_bytes_total "));
    line.and_then(|n| n.parse().ok()).expect("a number")
}

async fn a_client_that_is_gone_ends_the_walk(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let folder = token.folder("/", "album").await;
    for n in 0..6 {
        let content = noise(n, 16 << 20);
        token.upload_whole("/album", &n.to_string(), &content).await.data();
    }
    let url = link(&token, &format!("folder_ids={folder}")).await;
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|l| l.split_once('/'))
        .expect("a link");
    let mut slow = tokio::net::TcpStream::connect(host).await.expect("connected");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    slow.write_all(request.as_bytes()).await.expect("asked");
    slow.read_exact(&mut [0; 1000]).await.expect("begun");
    // It stands still when nobody reads.
    let mut before = 0;
    let taken = loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = sent(&server).await;
        if now > 0 && now == before {
            break now;
        }
        before = now;
    };
    assert!(
        taken < 48 << 20,
        "{taken} bytes were read for somebody who reads nothing"
    );
    drop(slow);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        sent(&server).await <= taken + (4 << 20),
        "nothing more is read for who is gone"
    );
}

async fn only_what_the_token_may_read_is_given(engine: Engine) {
    let server = TestServer::new(engine).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (notes, photos) = (server.app(&ada, "Notes").await, server.app(&ada, "Photos").await);
    let token = server.token(&ada, &notes, "files.app_data").await;
    let other = server.token(&ada, &photos, "files.app_data").await;
    let whole = server.token(&ada, &photos, "files.read_all").await;
    let theirs = server.token(&bob, &notes, "files.app_data files.read_all").await;
    let writer = server.token(&ada, &photos, "files.write_all").await;
    let file = token.file("/", "a", b"1").await;
    let folder = token.folder("/", "b").await;
    for form in [format!("file_ids={file}"), format!("folder_ids={folder}")] {
        for stranger in [&other, &theirs, &writer] {
            let refused = stranger.post("/v1/files/archive", &form).await;
            let unknown = stranger
                .post("/v1/files/archive", &form.replace(char::is_numeric, "9"))
                .await;
            assert_eq!(refused.error(), (404, "not_found".into()));
            assert_eq!(unknown.error(), refused.error());
        }
        for reader in [&token, &whole] {
            assert_eq!(server.get(&link(reader, &form).await).await.status, 200);
        }
    }
    let mixed = token
        .post("/v1/files/archive", &format!("file_ids={file},999999"))
        .await;
    assert_eq!(mixed.error().0, 404, "all or nothing");
    let nothing = server.token(&ada, &notes, "user.read").await;
    let refused = nothing.post("/v1/files/archive", &format!("file_ids={file}")).await;
    assert_eq!(refused.error().0, 403);
    // What was deleted meanwhile.
    let url = link(&token, &format!("file_ids={file}&folder_ids={folder}")).await;
    token
        .post("/v1/files/manage", &format!("action=delete&file_ids={file}"))
        .await
        .data();
    assert_eq!(server.get(&url).await.error().0, 404);
}
