//! Uploads in parts: what is sent again, what is not, and when to begin anew.

use std::{
    io::Write,
    path::Path,
    sync::{Arc, Mutex},
};

use pantry_client::{Error, OnConflict, Step, UploadOptions, md5_of_file};
use serde_json::json;

use crate::{
    client,
    server::{Call, Reply, Server},
};

/// Bytes of a part on these servers.
const CHUNK: usize = 100;

/// A file of 350 bytes: four parts, the last one of 50.
fn file(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("film.mp4");
    let bytes: Vec<u8> = (0..350).map(|i| (i % 251) as u8).collect();
    std::fs::write(&path, bytes).expect("written");
    path
}

fn in_parts() -> UploadOptions {
    UploadOptions {
        small: 0,
        ..UploadOptions::default()
    }
}

fn session(call: &Call, host: &str, id: &str) -> Reply {
    assert_eq!(call.method, "POST");
    Reply::data(json!({
        "instant_upload": false, "upload_id": id, "endpoint": host, "chunk_size": CHUNK, "total_parts": 4,
        "expires_in": 86400,
    }))
}

fn parts(received: &[i64]) -> Reply {
    let parts: serde_json::Map<_, _> = received
        .iter()
        .map(|n| (n.to_string(), json!({"part_number": n, "etag": "e", "size": CHUNK})))
        .collect();
    Reply::data(json!({
        "upload_id": "u1", "total_parts": 4, "received_parts": received, "progress": 1.0, "parts": parts,
    }))
}

fn part(call: &Call) -> Reply {
    Reply::data(json!({
        "part_seq": seq(call), "etag": "e", "size": call.body.len(), "received_parts": 1, "total_parts": 4,
    }))
}

fn seq(call: &Call) -> i64 {
    let (_, seq) = call.query.split_once("part_seq=").expect("a number");
    seq.parse().expect("a number")
}

fn completed() -> Reply {
    Reply::data(json!({"file_id": 9, "path": "/film.mp4", "size": 350, "md5": "0".repeat(32)}))
}

fn sent(server: &Server) -> Vec<i64> {
    let mut sent: Vec<i64> = server
        .calls()
        .iter()
        .filter(|call| call.path == "/u")
        .map(seq)
        .collect();
    sent.sort_unstable();
    sent
}

/// The address that the client knows it by: the request's own host does not reach the answer.
type Host = Arc<Mutex<String>>;

async fn start(answer: impl Fn(&Call, usize, &str) -> Reply + Send + Sync + 'static) -> Server {
    let host = Host::default();
    let inner = Arc::clone(&host);
    let server = Server::start(move |call, before| {
        let host = inner.lock().expect("no panic while it is held").clone();
        answer(call, before, &host)
    })
    .await;
    server
        .url
        .clone_into(&mut host.lock().expect("no panic while it is held"));
    server
}

#[tokio::test]
async fn only_missing_parts_are_sent_and_failed_ones_again() {
    let server = start(|call, before, host| match call.path.as_str() {
        "/v1/files/upload/precreate" => session(call, host, "u1"),
        "/u/u1/parts" => parts(&[1, 3]),
        "/u" if before == 0 => Reply::error(500, "internal"),
        "/u" if before == 1 => Reply::error(425, "busy"),
        "/u" if before == 2 => part(call).cut_after(4),
        "/u" => part(call),
        _ => completed(),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let (path, steps) = (file(folder.path()), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&steps);
    let options = UploadOptions {
        progress: Some(Arc::new(move |step| told.lock().expect("no panic").push(step))),
        ..in_parts()
    };
    let done = client(&server.url)
        .upload_file(&path, "/", "film.mp4", &options)
        .await
        .expect("uploaded");
    assert_eq!((done.file.file_id, done.instant, done.resumed), (9, false, 200));
    let sent = sent(&server);
    assert_eq!(sent.len(), 5);
    assert!(
        sent.contains(&2) && sent.contains(&4) && !sent.contains(&1) && !sent.contains(&3),
        "{sent:?}"
    );
    let content = std::fs::read(&path).expect("read");
    for call in server.calls().iter().filter(|call| call.path == "/u") {
        let start = (usize::try_from(seq(call)).expect("small") - 1) * CHUNK;
        assert_eq!(call.body, content[start..(start + CHUNK).min(350)]);
        assert_eq!(
            call.token, "",
            "the upload's id is the secret, the token is not for its addresses"
        );
    }
    let steps = steps.lock().expect("no panic").clone();
    assert_eq!(steps.first(), Some(&Step::Hashing { done: 350, total: 350 }));
    assert_eq!(steps.last(), Some(&Step::Transferring { done: 350, total: 350 }));
    let declared = &server.calls()[0];
    let body: serde_json::Value = serde_json::from_slice(&declared.body).expect("JSON");
    let md5 = md5_of_file(&path, None).await.expect("hashed");
    let wanted = json!({"parent_path": "/", "name": "film.mp4", "size": 350, "md5": md5, "on_conflict": "overwrite"});
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn parts_that_the_server_lost_are_looked_up_and_sent() {
    let server = start(|call, before, host| match (call.path.as_str(), before) {
        ("/v1/files/upload/precreate", _) => session(call, host, "u1"),
        ("/u/u1/parts", 0) => parts(&[1, 2, 3]),
        ("/u/u1/parts", _) => parts(&[1, 3, 4]),
        ("/u", _) => part(call),
        ("/u/u1/complete", 0) => Reply::error(425, "incomplete"),
        _ => completed(),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path());
    client(&server.url)
        .upload_file(&path, "/", "film.mp4", &in_parts())
        .await
        .expect("uploaded");
    assert_eq!(sent(&server), [2, 4]);
}

#[tokio::test]
async fn an_upload_that_expired_begins_anew() {
    let server = start(|call, before, host| match (call.path.as_str(), before) {
        ("/v1/files/upload/precreate", 0) => session(call, host, "u1"),
        ("/v1/files/upload/precreate", _) => session(call, host, "u2"),
        ("/u/u1/parts", _) => Reply::error(410, "upload_expired"),
        ("/u/u2/parts", _) => parts(&[]),
        ("/u", _) => part(call),
        _ => completed(),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path());
    client(&server.url)
        .upload_file(&path, "/", "film.mp4", &in_parts())
        .await
        .expect("uploaded");
    assert_eq!(sent(&server), [1, 2, 3, 4]);
    assert_eq!(server.count("/u/u2/complete"), 1);
}

#[tokio::test]
async fn damaged_parts_are_all_sent_again_once() {
    let server = start(|call, _, host| match call.path.as_str() {
        "/v1/files/upload/precreate" => session(call, host, "u1"),
        "/u/u1/parts" => parts(&[1, 2, 3]),
        "/u" => part(call),
        _ => Reply::error(422, "hash_mismatch"),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path());
    let error = client(&server.url)
        .upload_file(&path, "/", "film.mp4", &in_parts())
        .await;
    assert!(error.as_ref().is_err_and(|e| e.is_code("hash_mismatch")), "{error:?}");
    assert_eq!(sent(&server), [1, 2, 3, 4, 4]);
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path());
    let changed = path.clone();
    let server = start(move |call, _, host| match call.path.as_str() {
        "/v1/files/upload/precreate" => session(call, host, "u1"),
        "/u/u1/parts" => {
            let mut file = std::fs::OpenOptions::new().append(true).open(&changed).expect("opened");
            file.write_all(b"more").expect("written");
            parts(&[])
        }
        "/u" => part(call),
        _ => Reply::data(json!({"ok": true})),
    })
    .await;
    let error = client(&server.url)
        .upload_file(&path, "/", "film.mp4", &in_parts())
        .await;
    assert!(matches!(error, Err(Error::LocalChanged(_))), "{error:?}");
    assert_eq!((server.count("/u/u1/complete"), server.count("/u/u1/abort")), (0, 1));
}

#[tokio::test]
async fn known_content_and_small_files_need_no_parts() {
    let md5 = "0".repeat(32);
    let server = start(move |call, _, _| match call.path.as_str() {
        "/v1/files/upload/precreate" => Reply::data(json!({
            "instant_upload": true, "file_id": 7, "path": "/film.mp4", "size": 350, "md5": md5,
        })),
        _ => completed(),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path());
    let client = client(&server.url);
    let done = client
        .upload_file(&path, "/", "film.mp4", &in_parts())
        .await
        .expect("uploaded");
    assert_eq!((done.file.file_id, done.instant), (7, true));
    let options = UploadOptions {
        on_conflict: OnConflict::Rename,
        ..UploadOptions::default()
    };
    let done = client
        .upload_file(&path, "/电影", "a b.mp4", &options)
        .await
        .expect("uploaded");
    assert_eq!((done.file.file_id, done.instant), (9, false));
    let put = server.calls().pop().expect("sent");
    let md5 = md5_of_file(&path, None).await.expect("hashed");
    let query = format!("parent_path=%2F%E7%94%B5%E5%BD%B1&name=a+b.mp4&on_conflict=rename&md5={md5}");
    assert_eq!(
        (put.method.as_str(), put.path.as_str(), put.query),
        ("PUT", "/v1/files/content", query)
    );
    assert_eq!(put.body.len(), 350);
}

#[tokio::test]
async fn an_upload_may_run_in_a_task_of_its_own() {
    let server = start(|call, _, host| match call.path.as_str() {
        "/v1/files/upload/precreate" => session(call, host, "u1"),
        "/u/u1/parts" => parts(&[]),
        "/u" => part(call),
        _ => completed(),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let (path, client) = (file(folder.path()), client(&server.url));
    let task = tokio::spawn(async move { client.upload_file(&path, "/", "film.mp4", &in_parts()).await });
    task.await.expect("no panic").expect("uploaded");
}
