//! The program as operators run it: its commands, its start and its end.

use std::{process::Command, time::Duration};

use pantry_testkit::{ChildServer, Engine, Person, Place, Reply, Token, both_engines, command, pantryd};
use serde_json::{Value, json};

both_engines!(
    the_commands_print_what_programs_can_read,
    sigterm_lets_running_requests_end,
);

/// An account, an app and a token, by the commands.
pub fn token_by_commands(place: &Place) -> String {
    let word = |value: &Value, field: &str| value[field].as_str().expect("a text").to_owned();
    let email = [
        "user",
        "add",
        "ada",
        "--email",
        "ada@example.com",
        "--password",
        Person::PASSWORD,
        "--admin",
        "--json",
    ];
    command(place, &email);
    let app = command(place, &["app", "add", "--owner", "ada", "--name", "Notes", "--json"]);
    let client_id = word(&app, "client_id");
    let scope = "user.read files.app_data";
    let issued = command(
        place,
        &[
            "token",
            "issue",
            "--user",
            "ada",
            "--client-id",
            &client_id,
            "--scope",
            scope,
            "--json",
        ],
    );
    word(&issued, "access_token")
}

async fn the_commands_print_what_programs_can_read(engine: Engine) {
    // Before anything serves: the first command makes the place.
    let place = Place::new(engine, |_| {}).await;
    let first = token_by_commands(&place);
    let server = ChildServer::start(place).await;
    let http = reqwest::Client::new();
    let token = Token::new(first, server.url(""), http.clone());
    assert_eq!(token.get("/v1/user/info").await.data()["username"], "ada");

    // Beside a server that runs.
    let app = server.command(&[
        "app",
        "add",
        "--owner",
        "ada",
        "--name",
        "Photos",
        "--redirect-uri",
        "https://app.example.com/cb",
        "--scope",
        "files.read_all",
        "--json",
    ]);
    assert_eq!(app["client_id"].as_str().map(str::len), Some(10));
    assert!(
        app["client_secret"]
            .as_str()
            .is_some_and(|secret| secret.starts_with("pantry_cs_"))
    );
    let public = server.command(&["app", "add", "--owner", "ada", "--name", "CLI", "--public", "--json"]);
    assert_eq!(public["client_secret"], Value::Null);
    token.file("/", "a", b"content").await;
    assert_eq!(
        server.command(&["check", "--json"]),
        json!({"clean": true, "findings": []})
    );
    let quota = server.command(&[
        "user",
        "add",
        "bob",
        "--email",
        "bob@example.com",
        "--password",
        Person::PASSWORD,
        "--quota",
        "5",
        "--json",
    ]);
    assert_eq!(quota["quota_bytes"], 5);
    let (place, code) = server.terminate();
    assert_eq!(code, Some(0));
    refused(
        &place,
        &[
            "user",
            "add",
            "ada",
            "--email",
            "x@example.com",
            "--password",
            Person::PASSWORD,
        ],
        1,
        "taken",
    );
    refused(
        &place,
        &["token", "issue", "--user", "nobody", "--client-id", "1"],
        1,
        "no such",
    );
    refused(&place, &["user", "add"], 2, "Usage");
    refused(&place, &["serve", "--config", "/nowhere.toml"], 1, "/nowhere.toml");
}

/// Runs a command that fails: with this exit code, and these words on standard error alone.
fn refused(place: &Place, words: &[&str], code: i32, told: &str) {
    let mut run = Command::new(pantryd());
    run.args(words).args(["--data-dir", &place.settings.server.data_dir]);
    if !place.settings.server.database.is_empty() {
        run.args(["--database", &place.settings.server.database]);
    }
    let output = run.output().expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
    assert!(error.contains(told) && output.stdout.is_empty(), "{words:?}: {error}");
}

async fn sigterm_lets_running_requests_end(engine: Engine) {
    let place = Place::new(engine, |_| {}).await;
    let access = token_by_commands(&place);
    let server = ChildServer::start(place).await;
    let (url, pid) = (server.url("/v1/files/content?name=slow"), server.pid());
    let (mut send, body) = tokio::io::duplex(1024);
    let chunks = futures_util::stream::unfold(body, |mut body| async move {
        let mut buffer = vec![0; 1024];
        match tokio::io::AsyncReadExt::read(&mut body, &mut buffer).await {
            Ok(0) | Err(_) => None,
            Ok(n) => Some((Ok::<_, std::io::Error>(buffer[..n].to_vec()), body)),
        }
    });
    let request = reqwest::Client::new().put(url).bearer_auth(&access);
    let request = request.body(reqwest::Body::wrap_stream(chunks));
    let answer = tokio::spawn(Reply::of(request));
    tokio::io::AsyncWriteExt::write_all(&mut send, b"the beginning")
        .await
        .expect("sent");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let ended = tokio::task::spawn_blocking(move || server.terminate());
    // The signal has come once nobody new is let in.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let proc = format!("/proc/{pid}");
    assert!(std::path::Path::new(&proc).exists(), "it waits for the request");
    tokio::io::AsyncWriteExt::write_all(&mut send, b" and the end")
        .await
        .expect("sent");
    drop(send);
    assert_eq!(answer.await.expect("it ran").data()["size"], 25);
    let (_place, code) = ended.await.expect("it ended");
    assert_eq!(code, Some(0));
}
