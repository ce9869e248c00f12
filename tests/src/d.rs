//! `/d/…`: signed links.

use pantry_testkit::{Engine, Reply, TestServer, both_engines, noise};

both_engines!(
    ranges_and_conditions_are_honoured,
    a_changed_byte_or_a_second_too_late_is_refused,
    what_can_run_is_never_shown,
    deleted_files_are_no_longer_given_out,
    a_reader_who_stands_still_is_waited_for,
);

async fn ranges_and_conditions_are_honoured(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    for size in [5_000, 3_000_000] {
        let content = noise(7, size);
        let link = token.link(token.file("/", "movie.mp4", &content).await).await;
        let whole = server.get(&link).await;
        let etag = whole.header("etag").expect("an etag").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "a strong validator");
        assert_eq!(
            (whole.status.as_u16(), whole.header("accept-ranges")),
            (200, Some("bytes"))
        );
        assert!(whole.body == content);
        let with = async |headers: &[(&'static str, &str)]| {
            let request = headers
                .iter()
                .fold(server.http.get(&link), |r, (name, value)| r.header(*name, *value));
            Reply::of(request).await
        };
        let part = with(&[("range", "bytes=100-199")]).await;
        assert_eq!((part.status.as_u16(), &part.body[..]), (206, &content[100..200]));
        assert_eq!(
            part.header("content-range"),
            Some(format!("bytes 100-199/{size}").as_str())
        );
        assert_eq!(with(&[("range", "bytes=-10")]).await.body, content[size - 10..]);
        assert!(with(&[("range", "bytes=1000-")]).await.body == content[1_000..]);
        let beyond = with(&[("range", &format!("bytes={size}-"))]).await;
        assert_eq!(beyond.status, 416);
        assert_eq!(beyond.header("content-range"), Some(format!("bytes */{size}").as_str()));
        assert_eq!(
            with(&[("range", "bytes=0-1,5-6")]).await.status,
            200,
            "several ranges are the whole"
        );
        assert_eq!(with(&[("range", "bytes=0-9"), ("if-range", &etag)]).await.status, 206);
        assert_eq!(
            with(&[("range", "bytes=0-9"), ("if-range", "\"other\"")]).await.status,
            200
        );
        assert_eq!(with(&[("if-none-match", &etag)]).await.status, 304);
        let head = Reply::of(server.http.head(&link)).await;
        assert_eq!(head.header("content-length"), Some(size.to_string().as_str()));
        assert!(head.status == 200 && head.body.is_empty());
        assert_eq!(whole.header("access-control-allow-origin"), Some("*"));
    }
    let empty = token.link(token.file("/", "empty", b"").await).await;
    let request = server.http.get(&empty).header("range", "bytes=0-");
    assert_eq!(Reply::of(request).await.status, 200);
}

async fn a_changed_byte_or_a_second_too_late_is_refused(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let file = token.file("/", "a", b"content").await;
    let data = token.get(&format!("/v1/files/{file}/download")).await.data();
    assert_eq!(
        (data["expires_in"].as_i64(), data["name"].as_str()),
        (Some(600), Some("a"))
    );
    let link = data["url"].as_str().expect("a url");
    let at = link.find("/d/").expect("its path") + 3;
    for i in at..link.len() {
        let mut bytes = link.as_bytes().to_vec();
        if matches!(bytes[i], b'?' | b'=') {
            continue;
        }
        bytes[i] = if bytes[i] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(bytes).expect("UTF-8");
        let reply = server.get(&changed).await;
        assert!(matches!(reply.status.as_u16(), 403 | 404), "{changed}");
        if !link[at..i].contains('?') || link[..i].ends_with("sig=") {
            assert_eq!(reply.error(), (403, "forbidden".into()), "{changed}");
        }
    }
    for changed in [
        format!("{link}&x=1"),
        format!("{link}%00"),
        link.replace("?sig=", "?x=1&sig="),
    ] {
        assert_eq!(server.get(&changed).await.error().0, 403, "{changed}");
    }
    server.clock().advance(599);
    assert_eq!(server.get(link).await.status, 200);
    server.clock().advance(1);
    assert_eq!(server.get(link).await.error(), (403, "forbidden".into()));
}

async fn what_can_run_is_never_shown(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    for (name, inline) in [
        ("page.html", false),
        ("drawing.svg", false),
        ("script.js", false),
        ("data.xml", false),
        ("archive.zip", false),
        ("照片.png", true),
        ("movie.mp4", true),
        ("letter.txt", true),
    ] {
        let link = token
            .link(token.file("/", name, b"<script>alert(1)</script>").await)
            .await;
        let reply = server.get(&link).await;
        let offered = reply.header("content-disposition").expect("a disposition");
        assert!(
            offered.starts_with(if inline { "inline" } else { "attachment" }),
            "{name}: {offered}"
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert!(
            reply
                .header("content-security-policy")
                .is_some_and(|policy| policy.contains("sandbox"))
        );
    }
    let link = token.link(token.file("/", "照片.png", b"x").await).await;
    let offered = server.get(&link).await;
    let offered = offered.header("content-disposition").expect("a disposition");
    assert!(offered.contains("filename*=UTF-8''%E7%85%A7%E7%89%87.png"), "{offered}");
}

async fn deleted_files_are_no_longer_given_out(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let file = token.file("/", "a", b"content").await;
    let link = token.link(file).await;
    token
        .post("/v1/files/manage", &format!("action=rename&file_ids={file}&new_name=b"))
        .await
        .data();
    assert_eq!(server.get(&link).await.status, 200);
    token
        .post("/v1/files/manage", &format!("action=delete&file_ids={file}"))
        .await
        .data();
    assert_eq!(server.get(&link).await.error().0, 404);
}

/// Nothing is read from storage that the connection has no room for: memory does not grow with slow readers.
async fn a_reader_who_stands_still_is_waited_for(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let content = noise(8, 32 << 20);
    let link = token.link(token.file("/", "large.bin", &content).await).await;
    let (host, path) = link
        .strip_prefix("http://")
        .and_then(|l| l.split_once('/'))
        .expect("a link");
    let mut slow = tokio::net::TcpStream::connect(host).await.expect("connected");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut slow, request.as_bytes())
        .await
        .expect("asked");
    let mut before = 0;
    let taken = loop {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let text = String::from_utf8(server.get("/metrics").await.body.to_vec()).expect("text");
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix("pantry_content_sent_bytes_total "));
        let now: usize = line.and_then(|n| n.parse().ok()).expect("a number");
        if now > 0 && now == before {
            break now;
        }
        before = now;
    };
    assert!(
        taken < 24 << 20,
        "{taken} bytes were read for somebody who reads nothing"
    );
}
