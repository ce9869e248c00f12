//! A webhook from end to end: a write through v1, and what an app's server gets of it, checked as the documentation says.

use std::{net::SocketAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use pantry_core::auth::Origin;
use pantry_testkit::{Engine, TestServer};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

pantry_testkit::both_engines!(a_write_is_told_to_the_apps_server);

/// An app's server: takes every delivery, and hands it over as head and body.
async fn receiver() -> (SocketAddr, mpsc::UnboundedReceiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, deliveries) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            while !request.ends_with(b"}") {
                match stream.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(n) => request.extend_from_slice(&piece[..n]),
                }
            }
            let text = String::from_utf8(request).expect("text");
            let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
            sender.send((head.to_owned(), body.to_owned())).expect("somebody waits");
            let done = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            done.expect("the sender waits for an answer");
        }
    });
    (address, deliveries)
}

fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name}: {head}"))
}

async fn a_write_is_told_to_the_apps_server(engine: Engine) {
    let server = TestServer::with(engine, |settings| {
        settings.hooks.interval_seconds = 1;
        settings.hooks.allow = "127.0.0.1/32".to_owned();
    })
    .await;
    let (address, mut deliveries) = receiver().await;
    let ada = server.person("ada").await;
    let app = server.app(&ada, "GPTGet").await;
    let session = server.session(&ada).await;
    let url = format!("http://{address}/hooks?of=pantry");
    let set = server
        .drive()
        .set_webhook(&session, &app.client_id, &url, &Origin::operator())
        .await;
    let secret = set.expect("set").secret.expect("a secret").into_exposed();
    let token = server.token(&ada, &app, "files.app_data").await;
    token.folder("/", "notes").await;

    let told = tokio::time::timeout(Duration::from_secs(20), deliveries.recv()).await;
    let (head, body) = told.expect("within a second or two").expect("a delivery");
    assert!(head.starts_with("POST /hooks?of=pantry HTTP/1.1"), "{head}");
    let sent: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(sent["client_id"], app.client_id);
    assert_eq!(sent["delivery"], field(&head, "webhook-id"));
    assert_eq!(sent["users"][0]["uid"], ada.id.0);
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").expect("the prefix"))
        .expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    let (id, timestamp) = (field(&head, "webhook-id"), field(&head, "webhook-timestamp"));
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    let right = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(field(&head, "webhook-signature"), right);
}
