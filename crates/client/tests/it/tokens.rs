//! Signing in, renewing and signing out; which calls are sent again.

use std::{sync::Arc, time::Duration};

use pantry_client::{Client, Error, FileStore, MemoryStore, OnConflict, Selection, TokenStore};
use serde_json::json;

use crate::{
    NOW, RETRY, client,
    server::{Call, Reply, Server},
    tokens,
};

fn quota() -> Reply {
    Reply::data(json!({"total_bytes": 10, "used_bytes": 1, "free_bytes": 9, "used_pct": 10.0}))
}

fn pair(n: usize) -> Reply {
    let body = json!({
        "access_token": format!("new{n}"), "refresh_token": format!("new{n}-refresh"), "token_type": "Bearer",
        "expires_in": 7200, "scope": "user.read",
    });
    Reply::new(200, body.to_string())
}

/// Takes only the token that the refresh gave.
fn renewing(call: &Call, before: usize) -> Reply {
    match call.path.as_str() {
        "/oauth/token" => pair(before),
        _ if call.token == "new0" => quota(),
        _ => Reply::error(401, "invalid_token").header("www-authenticate", "Bearer"),
    }
}

fn with_store(url: &str, store: Arc<dyn TokenStore>) -> Client {
    client(url).with_store(store)
}

#[tokio::test]
async fn a_dying_token_is_renewed_once_however_many_ask() {
    let server = Server::start(renewing).await;
    let store = Arc::new(MemoryStore::with(tokens("old", NOW + 10)));
    let client = with_store(&server.url, store.clone());
    let asked: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let client = client.clone();
                async move { client.quota().await }
            })
        })
        .collect();
    for asked in asked {
        assert_eq!(asked.await.expect("no panic").expect("an answer").free_bytes, 9);
    }
    assert_eq!(server.count("/oauth/token"), 1);
    assert_eq!(server.count("/v1/user/quota"), 20);
    let sent = server
        .calls()
        .into_iter()
        .find(|call| call.path == "/oauth/token")
        .expect("sent");
    assert_eq!(
        String::from_utf8_lossy(&sent.body),
        "client_id=1234567890&grant_type=refresh_token&refresh_token=old-refresh"
    );
    let kept = store.load().expect("read").expect("kept");
    assert_eq!((kept.access_token.as_str(), kept.expires_at), ("new0", NOW + 7200));
    assert_eq!(kept.refresh_token.as_deref(), Some("new0-refresh"));
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_the_call_made_again() {
    let server = Server::start(renewing).await;
    let client = client(&server.url);
    client.quota().await.expect("an answer");
    assert_eq!((server.count("/oauth/token"), server.count("/v1/user/quota")), (1, 2));
}

#[tokio::test]
async fn processes_that_share_a_store_renew_once() {
    let server = Server::start(renewing).await;
    let folder = tempfile::tempdir().expect("a folder");
    let store = FileStore::new(folder.path().join("tokens.json"));
    store.save(&tokens("old", NOW)).expect("saved");
    // Clones share what keeps tasks apart; clients made anew share only the file.
    let made_anew = || client(&server.url).with_store(Arc::new(store.clone()));
    let (first, second) = (made_anew(), made_anew());
    let (a, b) = tokio::join!(first.quota(), second.quota());
    a.expect("an answer");
    b.expect("an answer");
    assert_eq!(server.count("/oauth/token"), 1);
}

#[tokio::test]
async fn a_lost_answer_to_a_refresh_is_asked_for_again() {
    let server = Server::start(|call, before| match call.path.as_str() {
        "/oauth/token" if before == 0 => pair(0).cut_after(10),
        "/oauth/token" => pair(0),
        _ if call.token == "new0" => quota(),
        _ => Reply::error(401, "invalid_token"),
    })
    .await;
    client(&server.url).quota().await.expect("an answer");
    assert_eq!(server.count("/oauth/token"), 2);
}

#[tokio::test]
async fn an_ended_sign_in_says_so() {
    let server = Server::start(|call, _| match call.path.as_str() {
        "/oauth/token" => Reply::new(400, r#"{"error":"invalid_grant"}"#),
        _ => Reply::error(401, "invalid_token"),
    })
    .await;
    let ended = client(&server.url).quota().await;
    assert!(matches!(ended, Err(Error::SignInNeeded)), "{ended:?}");
    assert_eq!(server.count("/v1/user/quota"), 1);
    let nobody = Client::new(&server.url).expect("an address").quota().await;
    assert!(matches!(nobody, Err(Error::SignInNeeded)), "{nobody:?}");
    let no_refresh = with_store(&server.url, Arc::new(MemoryStore::of_access_token("x")))
        .quota()
        .await;
    assert!(matches!(no_refresh, Err(Error::SignInNeeded)), "{no_refresh:?}");
}

#[tokio::test]
async fn refusals_that_pass_are_waited_out_as_long_as_the_server_asks() {
    let server = Server::start(|_, before| match before {
        0 => Reply::error(429, "too_many_requests").header("retry-after", 1),
        1 => Reply::error(503, "busy"),
        2 => quota().cut_after(5),
        _ => quota(),
    })
    .await;
    let asked = tokio::spawn({
        let client = client(&server.url);
        async move { client.quota().await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.calls().len(), 1, "not before the second is over");
    asked.await.expect("no panic").expect("an answer");
    assert_eq!(server.calls().len(), 4);
}

#[tokio::test]
async fn patience_ends_and_the_error_tells_all() {
    let server = Server::start(|_, _| Reply::error(500, "internal")).await;
    let error = client(&server.url).quota().await.expect_err("refused");
    assert_eq!(server.calls().len(), RETRY.attempts as usize);
    assert_eq!(
        (error.status(), error.code(), error.request_id()),
        (Some(500), Some("internal"), Some("00ff"))
    );
    assert_eq!(error.to_string(), "internal");
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_twice() {
    let server = Server::start(|call, before| match (call.path.as_str(), before) {
        ("/v1/files/manage", _) => Reply::error(500, "internal"),
        (_, 0) => Reply::error(503, "busy"),
        (_, _) => Reply::data(json!({"folder_id": 3, "name": "a", "path": "/a"})),
    })
    .await;
    let client = client(&server.url);
    assert!(client.delete(&Selection::file(1)).await.is_err());
    assert_eq!(server.count("/v1/files/manage"), 1);
    assert_eq!(client.create_folder("/", "a").await.expect("made").folder_id, 3);
    let moved = client.move_into(&Selection::folder(2), "/b", OnConflict::Rename).await;
    assert!(moved.is_err());
    let sent = server.calls().pop().expect("sent");
    let body: serde_json::Value = serde_json::from_slice(&sent.body).expect("JSON");
    let wanted = json!({"action": "move", "folder_ids": [2], "dest_path": "/b", "on_conflict": "rename"});
    assert_eq!(body, wanted);
}

fn device(call: &Call, before: usize) -> Option<Reply> {
    match (call.path.as_str(), before) {
        ("/oauth/device-code", _) => Some(Reply::new(
            200,
            json!({
                "device_code": "secret-device", "user_code": "8KXH-Y8R", "verification_uri": "http://x/oauth/device",
                "verification_uri_complete": "http://x/oauth/device?user_code=8KXH-Y8R", "qr_url": "http://x/qr",
                "expires_in": 600, "interval": 0,
            })
            .to_string(),
        )),
        ("/oauth/device-token", 0) => Some(Reply::new(400, r#"{"error":"authorization_pending"}"#)),
        _ => None,
    }
}

#[tokio::test]
async fn a_device_signs_in_when_the_person_agrees() {
    let server = Server::start(|call, before| match device(call, before) {
        Some(reply) => reply,
        // The published text does not say which status its answers have.
        None if call.path == "/oauth/device-token" && before == 1 => {
            Reply::new(200, r#"{"error":"authorization_pending"}"#)
        }
        None if call.path == "/oauth/device-token" && before == 2 => pair(0).cut_after(3),
        None if call.path == "/oauth/revoke" => Reply::new(200, "{}"),
        None if call.path == "/v1/user/quota" && call.token != "new0" => Reply::error(401, "invalid_token"),
        None if call.path == "/v1/user/quota" => quota(),
        None => pair(0),
    })
    .await;
    let client = client(&server.url).with_store(Arc::new(MemoryStore::default()));
    let code = client.start_device("user.read").await.expect("a code");
    assert_eq!((code.user_code.as_str(), code.expires_at), ("8KXH-Y8R", NOW + 600));
    assert!(!format!("{code:?}").contains("secret"));
    let got = client.wait_for_device(&code).await.expect("signed in");
    assert_eq!(got.scope, "user.read");
    client.quota().await.expect("an answer");
    let asked = server
        .calls()
        .into_iter()
        .find(|call| call.path == "/oauth/device-token")
        .expect("sent");
    assert_eq!(
        String::from_utf8_lossy(&asked.body),
        "client_id=1234567890&device_code=secret-device"
    );
    assert!(client.sign_out().await.expect("signed out"));
    let revoked = server.calls().pop().expect("sent");
    assert!(String::from_utf8_lossy(&revoked.body).ends_with("token=new0-refresh"));
    assert!(client.tokens().await.expect("read").is_none());
}

#[tokio::test]
async fn a_device_learns_why_it_does_not_get_in() {
    for (answer, denied) in [("access_denied", true), ("expired_token", false)] {
        let server = Server::start(move |call, before| {
            device(call, before).unwrap_or_else(|| Reply::new(400, json!({"error": answer}).to_string()))
        })
        .await;
        let client = client(&server.url);
        let code = client.start_device("").await.expect("a code");
        let error = client.wait_for_device(&code).await.expect_err("refused");
        assert_eq!(matches!(error, Error::Denied), denied, "{error:?}");
        assert_eq!(matches!(error, Error::DeviceExpired), !denied, "{error:?}");
    }
    let server = Server::start(|_, _| Reply::new(401, r#"{"error":"invalid_client"}"#)).await;
    let error = client(&server.url).start_device("").await.expect_err("refused");
    assert_eq!((error.status(), error.code()), (Some(401), Some("invalid_client")));
}

#[tokio::test]
async fn no_error_repeats_an_address() {
    let refused = Client::new("http://127.0.0.1:1").expect("an address").with_retry(RETRY);
    let refused = refused.with_store(Arc::new(MemoryStore::of_access_token("secret-token")));
    let error = refused.quota().await.expect_err("nobody listens");
    assert!(matches!(error, Error::Connection(_)), "{error:?}");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("secret") && !shown.contains("/v1/"), "{shown}");
}
