//! Downloads: cut connections, stale links, and what an earlier run left behind.

use std::sync::{Arc, Mutex};

use pantry_client::{DownloadOptions, Error, Selection};
use serde_json::json;

use crate::{
    client,
    server::{Call, Reply, Server},
};

const CONTENT: &[u8] = b"the quick brown fox jumps over the lazy dog";
/// MD5 of it.
const MD5: &str = "77add1d5f41223d5582fca736a5cb335";
const MINE: &str = "/v1/files/5/download";

/// Answers links by itself, and leaves the contents to the test.
async fn start(content: impl Fn(&Call, usize) -> Reply + Send + Sync + 'static) -> Server {
    start_with(MD5, content).await
}

async fn start_with(md5: &'static str, content: impl Fn(&Call, usize) -> Reply + Send + Sync + 'static) -> Server {
    let host: Arc<Mutex<String>> = Arc::default();
    let inner = Arc::clone(&host);
    let server = Server::start(move |call, before| match call.path.as_str() {
        MINE => Reply::data(json!({
            "url": format!("{}/d/{before}?sig=s", inner.lock().expect("no panic")), "expires_in": 600, "name": "fox.txt",
            "size": CONTENT.len(), "md5": md5,
        })),
        _ => content(call, before),
    })
    .await;
    server.url.clone_into(&mut host.lock().expect("no panic"));
    server
}

fn from(call: &Call) -> usize {
    let start = call.range.trim_start_matches("bytes=").trim_end_matches('-');
    start.parse().unwrap_or(0)
}

/// What a good server answers.
fn serve(call: &Call) -> Reply {
    match from(call) {
        0 => Reply::new(200, CONTENT),
        start => Reply::new(206, &CONTENT[start..]).header(
            "content-range",
            format!("bytes {start}-{}/{}", CONTENT.len() - 1, CONTENT.len()),
        ),
    }
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_was_cut() {
    let server = start(|call, before| match before {
        0..3 => serve(call).cut_after(10),
        _ => serve(call),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("fox.txt");
    std::fs::write(&to, "an older one").expect("written");
    let done = client(&server.url)
        .download_file(5, &to, &DownloadOptions::default())
        .await
        .expect("fetched");
    assert_eq!((done.size, done.md5.as_str(), done.resumed), (43, MD5, 0));
    assert_eq!(std::fs::read(&to).expect("read"), CONTENT);
    let ranges: Vec<String> = server.calls().into_iter().skip(1).map(|call| call.range).collect();
    assert_eq!(ranges, ["", "bytes=10-", "bytes=20-", "bytes=30-"]);
    let left = std::fs::read_dir(folder.path()).expect("read").count();
    assert_eq!(left, 1, "nothing lies beside it");
    assert!(
        server.calls()[1..].iter().all(|call| call.token.is_empty()),
        "a link needs no token"
    );
}

#[tokio::test]
async fn what_an_earlier_run_fetched_is_not_fetched_again() {
    let server = start(|call, _| serve(call)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("fox.txt");
    let part = folder.path().join(format!(".fox.txt.{MD5}.part"));
    std::fs::write(&part, &CONTENT[..30]).expect("written");
    let done = client(&server.url)
        .download_file(5, &to, &DownloadOptions::default())
        .await
        .expect("fetched");
    assert_eq!(done.resumed, 30);
    assert_eq!(std::fs::read(&to).expect("read"), CONTENT);
    assert_eq!(server.calls().pop().expect("fetched").range, "bytes=30-");
    assert!(!part.exists());
}

#[tokio::test]
async fn a_damaged_leftover_is_thrown_away() {
    let server = start(|call, _| serve(call)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("fox.txt");
    std::fs::write(folder.path().join(format!(".fox.txt.{MD5}.part")), [b'x'; 43]).expect("written");
    let done = client(&server.url)
        .download_file(5, &to, &DownloadOptions::default())
        .await
        .expect("fetched");
    assert_eq!((done.resumed, std::fs::read(&to).expect("read")), (0, CONTENT.to_vec()));
}

#[tokio::test]
async fn damaged_twice_is_an_error_and_leaves_nothing() {
    let server = start_with("00000000000000000000000000000000", |call, _| serve(call)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("fox.txt");
    let error = client(&server.url)
        .download_file(5, &to, &DownloadOptions::default())
        .await;
    assert!(
        matches!(&error, Err(Error::Damaged { found, .. }) if found == MD5),
        "{error:?}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 0);
    assert_eq!(server.count(MINE), 2);
}

#[tokio::test]
async fn a_stale_link_is_renewed_under_way() {
    let server = start(|call, before| match (call.path.as_str(), before) {
        ("/d/0", 0) => serve(call).cut_after(20),
        ("/d/0", _) => Reply::error(403, "forbidden"),
        _ => serve(call),
    })
    .await;
    let mut download = client(&server.url).download(5, 4).await.expect("a link");
    let mut got = Vec::new();
    while let Some(block) = download.next().await.expect("a block") {
        got.extend_from_slice(&block);
    }
    assert_eq!(got, &CONTENT[4..]);
    let paths: Vec<String> = server.calls().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, [MINE, "/d/0", "/d/0", MINE, "/d/1"]);
    assert_eq!(server.calls()[4].range, "bytes=24-");
}

#[tokio::test]
async fn a_server_that_ignores_ranges_serves_too() {
    let server = start(|_, _| Reply::new(200, CONTENT)).await;
    let mut download = client(&server.url).download(5, 40).await.expect("a link");
    assert_eq!(download.next().await.expect("a block").as_deref(), Some(&CONTENT[40..]));
    assert_eq!(download.next().await.expect("the end"), None);
}

#[tokio::test]
async fn bytes_of_two_contents_are_never_put_together() {
    let host: Arc<Mutex<String>> = Arc::default();
    let inner = Arc::clone(&host);
    let server = Server::start(move |call, before| match (call.path.as_str(), before) {
        (MINE, n) => Reply::data(json!({
            "url": format!("{}/d?sig=s", inner.lock().expect("no panic")), "expires_in": 600, "name": "fox.txt",
            "size": CONTENT.len(), "md5": if n == 0 { MD5 } else { "11111111111111111111111111111111" },
        })),
        (_, 0) => Reply::new(200, CONTENT).cut_after(20),
        _ => Reply::error(403, "forbidden"),
    })
    .await;
    server.url.clone_into(&mut host.lock().expect("no panic"));
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("fox.txt");
    let error = client(&server.url)
        .download_file(5, &to, &DownloadOptions::default())
        .await;
    assert!(matches!(error, Err(Error::RemoteChanged(_))), "{error:?}");
    assert!(!to.exists());
}

#[tokio::test]
async fn archives_and_kept_versions_are_asked_for_as_documented() {
    let server = Server::start(|call, _| match call.path.as_str() {
        "/v1/files/archive" => Reply::data(json!({"url": "http://x/a/1?sig=s", "expires_in": 600})),
        "/v1/files/5/versions" => Reply::data(json!({"versions": []})),
        _ => Reply::data(json!({"version": 7, "size": 1, "md5": MD5, "created_at": 1, "current": false, "kept": true})),
    })
    .await;
    let client = client(&server.url);
    let mut what = Selection::file(1);
    what.folder_ids.push(2);
    let link = client.archive_link(&what, Some("both")).await.expect("a link");
    assert_eq!((link.url.as_str(), link.expires_in), ("http://x/a/1?sig=s", 600));
    client.archive_link(&what, None).await.expect("a link");
    assert!(client.versions(5).await.expect("a list").versions.is_empty());
    assert!(client.keep_version(5, 7, true).await.expect("kept").kept);
    let calls = server.calls();
    let asked: Vec<_> = calls
        .iter()
        .map(|c| (c.path.as_str(), String::from_utf8_lossy(&c.body)))
        .collect();
    assert_eq!(
        asked,
        [
            (
                "/v1/files/archive",
                r#"{"file_ids":[1],"folder_ids":[2],"name":"both"}"#.into()
            ),
            ("/v1/files/archive", r#"{"file_ids":[1],"folder_ids":[2]}"#.into()),
            ("/v1/files/5/versions", "".into()),
            ("/v1/files/5/versions/7/keep", r#"{"keep":true}"#.into()),
        ]
    );
}
