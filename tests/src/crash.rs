//! The server is killed at random moments of a load, and started again: whatever it acknowledged is there, and the books
//! balance.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use pantry_testkit::{ChildServer, Engine, Place, Token, both_engines, noise};
use pantry_types::{Random, SystemRandom, random};
use serde_json::Value;

use crate::program::token_by_commands;

both_engines!(what_was_acknowledged_survives_a_kill);

const KILLS: u32 = 10;
const CHUNK: usize = 5_242_880;

/// What the server said it has done.
#[derive(Default)]
struct Acknowledged {
    folders: Vec<String>,
    /// Name, seed and length of a content.
    files: Vec<(String, u64, usize)>,
}

async fn what_was_acknowledged_survives_a_kill(engine: Engine) {
    let mut place = Place::new(engine, |_| {}).await;
    let access = token_by_commands(&place);
    let done = Arc::new(Mutex::new(Acknowledged::default()));
    for round in 0..KILLS {
        let server = ChildServer::start(place).await;
        let token = Arc::new(Token::new(access.clone(), server.url(""), client()));
        let load: Vec<_> = (0..4)
            .map(|lane| tokio::spawn(load(token.clone(), done.clone(), u64::from(round) * 1_000 + lane * 100)))
            .collect();
        tokio::time::sleep(Duration::from_millis(
            200 + u64::from(random::below(&SystemRandom, 600)),
        ))
        .await;
        place = server.kill();
        for lane in load {
            lane.abort();
            let _ = lane.await;
        }
    }
    let server = ChildServer::start(place).await;
    let token = Token::new(access, server.url(""), client());
    let done = std::mem::take(&mut *done.lock().expect("the list"));
    assert!(done.folders.len() > 20 && done.files.len() > 20, "there was a load");
    let names: std::collections::HashSet<String> = all_names(&token).await;
    for folder in &done.folders {
        assert!(
            names.contains(folder),
            "the folder {folder} was acknowledged and is gone"
        );
    }
    for (name, seed, len) in &done.files {
        assert!(names.contains(name), "the file {name} was acknowledged and is gone");
        let found = token.get_with("/v1/files/search", &[("q", name.as_str())]).await.data();
        let hit = found["files"]
            .as_array()
            .and_then(|files| files.iter().find(|file| file["name"] == name.as_str()));
        let id = hit.and_then(|file| file["id"].as_i64()).expect("it is found");
        assert!(
            token.content(id).await == noise(*seed, *len),
            "{name} has other content"
        );
    }
    assert_eq!(server.command(&["check", "--json"])["clean"], true);
    let (_place, code) = server.terminate();
    assert_eq!(code, Some(0));
}

/// Makes folders and files until the server is gone.
async fn load(token: Arc<Token>, done: Arc<Mutex<Acknowledged>>, first: u64) {
    for n in first.. {
        let folder = format!("folder-{n}-{}", random_word());
        if !step(&token, "/v1/files/folder", &folder).await {
            return;
        }
        done.lock().expect("the list").folders.push(folder);
        let (name, len) = (
            format!("file-{n}-{}", random_word()),
            [10, 20_000, CHUNK + 5][(n % 3) as usize],
        );
        let content = noise(n, len);
        let stored = if len > CHUNK {
            upload(&token, &name, &content).await
        } else {
            put(&token, &name, content).await
        };
        if !stored {
            return;
        }
        done.lock().expect("the list").files.push((name, n, len));
    }
}

fn random_word() -> String {
    let mut bytes = [0; 4];
    SystemRandom.fill(&mut bytes);
    u32::from_le_bytes(bytes).to_string()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// Whether a request was acknowledged; a broken connection is a no.
async fn acknowledged(request: reqwest::RequestBuilder) -> Option<Value> {
    let answer = request.send().await.ok()?;
    let is_success = answer.status().is_success();
    let body = answer.bytes().await.ok()?;
    is_success.then(|| {
        serde_json::from_slice::<Value>(&body)
            .ok()
            .map(|json| json["data"].clone())
    })?
}

async fn step(token: &Token, path: &str, name: &str) -> bool {
    let request = token.request(reqwest::Method::POST, path).form(&[("name", name)]);
    acknowledged(request).await.is_some()
}

async fn put(token: &Token, name: &str, content: Vec<u8>) -> bool {
    let request = token
        .request(reqwest::Method::PUT, "/v1/files/content")
        .query(&[("name", name)]);
    acknowledged(request.body(content)).await.is_some()
}

async fn upload(token: &Token, name: &str, content: &[u8]) -> bool {
    let (size, md5) = (content.len().to_string(), pantry_testkit::md5_hex(content));
    let form = [("name", name), ("size", &size), ("md5", &md5)];
    let request = token
        .request(reqwest::Method::POST, "/v1/files/upload/precreate")
        .form(&form);
    let Some(session) = acknowledged(request).await else {
        return false;
    };
    let (Some(id), Some(endpoint)) = (session["upload_id"].as_str(), session["endpoint"].as_str()) else {
        return false;
    };
    for (seq, part) in content.chunks(CHUNK).enumerate() {
        let url = format!("{endpoint}/u?upload_id={id}&part_seq={}", seq + 1);
        if acknowledged(client().post(url).body(part.to_vec())).await.is_none() {
            return false;
        }
    }
    acknowledged(client().post(format!("{endpoint}/u/{id}/complete")))
        .await
        .is_some()
}

async fn all_names(token: &Token) -> std::collections::HashSet<String> {
    let (mut names, mut cursor) = (std::collections::HashSet::new(), String::new());
    loop {
        let page = token.get(&format!("/v1/files?limit=200&cursor={cursor}")).await.data();
        for kind in ["folders", "files"] {
            let entries = page[kind].as_array().expect("entries");
            names.extend(
                entries
                    .iter()
                    .filter_map(|entry| entry["name"].as_str().map(str::to_owned)),
            );
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return names,
        }
    }
}
