//! `/v1/changes/stream`: events as they come, where they go on, and when the stream ends.

use std::time::{Duration, Instant};

use pantry_core::{Actor, Kind, files::FolderRef};
use pantry_server::open::{self, Purpose};
use pantry_testkit::{Engine, Reply, TestServer, Token, both_engines};
use pantry_types::{Name, SeededRandom};
use reqwest::Method;
use serde_json::Value;

use super::{HOME, Scene, cursor, folder_id, manage, now};

both_engines!(
    a_stream_opens_at_once_and_tells_changes_as_they_come,
    a_stream_goes_on_where_the_last_one_was_lost,
    a_long_log_comes_whole_and_in_order,
    a_quiet_stream_gives_signs_of_life_and_moves_its_cursor,
    a_root_that_is_lost_or_found_is_told_as_a_reset,
    a_stream_ends_with_its_token,
    what_another_process_writes_is_told_within_a_second,
    a_grant_has_so_many_streams_and_no_more,
    open_streams_do_not_hold_up_the_end,
);

/// How long anything may take to come, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream as it is read: blocks of lines.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(token: &Token, query: &str, last: Option<&str>) -> Self {
        let mut request = token.request(Method::GET, &format!("/v1/changes/stream{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next block; `None` once the stream has ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            match chunk.expect("something comes in time") {
                Ok(Some(bytes)) => self.text.push_str(std::str::from_utf8(&bytes).expect("UTF-8")),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next event: name, id, data.
    async fn event(&mut self) -> (String, String, Value) {
        let event = tokio::time::timeout(PATIENCE, self.next_event()).await;
        event.expect("an event comes in time, not only signs of life")
    }

    async fn next_event(&mut self) -> (String, String, Value) {
        loop {
            let block = self.block().await.expect("the stream goes on");
            let field = |name: &str| {
                let line = block.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().to_owned()
            };
            if block.lines().any(|line| line.starts_with("data: ")) {
                let data = serde_json::from_str(&field("data: ")).expect("JSON");
                return (field("event: "), field("id: "), data);
            }
        }
    }

    /// The next change: event and name of the node.
    async fn change(&mut self) -> String {
        let (event, _, data) = self.event().await;
        assert_eq!(event, "change", "{data}");
        let name = data["node"]["name"].as_str().unwrap_or("-");
        format!("{} {name}", data["event"].as_str().expect("an event"))
    }

    /// Reads until it ends; how long that took.
    async fn end(mut self) -> Duration {
        let began = Instant::now();
        while self.block().await.is_some() {}
        began.elapsed()
    }
}

fn id_of(block: &str) -> Option<&str> {
    block.lines().find_map(|line| line.strip_prefix("id: "))
}

async fn a_stream_opens_at_once_and_tells_changes_as_they_come(engine: Engine) {
    let s = Scene::new(engine, |_| {}).await;
    let from = now(&s.own).await;
    let mut stream = Stream::open(&s.own, "", None).await;
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
        ("access-control-allow-origin", "*"),
    ] {
        assert_eq!(stream.response.headers()[name], value);
    }
    let opening = stream.block().await.expect("at once");
    assert!(opening.starts_with(':'), "a comment: {opening}");
    assert_eq!(
        id_of(&opening),
        Some(from.as_str()),
        "where to go on before anything happened"
    );
    let album = s.own.folder("/", "album").await;
    let (event, id, data) = stream.event().await;
    // One change, as a page tells it; its id is the cursor after it.
    let page = s.own.get(&format!("/v1/changes?cursor={from}")).await.data();
    assert_eq!((event.as_str(), &data), ("change", &page["changes"][0]));
    assert_eq!(id, cursor(&page));
    manage(&s.own, &format!("action=delete&folder_ids={album}")).await;
    assert_eq!(stream.change().await, "removed -");
    // What others do elsewhere is not told.
    s.all.file("/elsewhere", "secret.txt", b"").await;
    manage(
        &s.all,
        &format!("action=move&file_ids={}&dest_path={HOME}", {
            s.all.file("/elsewhere", "shown.txt", b"").await
        }),
    )
    .await;
    assert_eq!(stream.change().await, "created shown.txt");
}

async fn a_stream_goes_on_where_the_last_one_was_lost(engine: Engine) {
    let s = Scene::new(engine, |_| {}).await;
    let begun = now(&s.own).await;
    for name in ["a", "b", "c"] {
        s.own.folder("/", name).await;
    }
    let mut stream = Stream::open(&s.own, &format!("?cursor={begun}"), None).await;
    assert_eq!(stream.change().await, "created a");
    let (_, last, _) = stream.event().await;
    drop(stream);
    // The header is newer than the address, which stays as it was when a browser comes back.
    let mut stream = Stream::open(&s.own, &format!("?cursor={begun}"), Some(&last)).await;
    assert_eq!(stream.change().await, "created c");
    // An empty header is none.
    let mut stream = Stream::open(&s.own, &format!("?cursor={begun}"), Some("")).await;
    assert_eq!(stream.change().await, "created a");
    let request = s
        .own
        .request(Method::GET, "/v1/changes/stream")
        .header("last-event-id", "nonsense");
    assert_eq!(Reply::of(request).await.error(), (400, "invalid_parameter".into()));
    // And over a restart, on the same data.
    let Scene { server, own, .. } = s;
    let server = server.restarted().await;
    let own = Token::new(own.access, server.url(""), server.http.clone());
    let mut stream = Stream::open(&own, "", Some(&last)).await;
    assert_eq!(stream.change().await, "created c");
    own.folder("/", "d").await;
    assert_eq!(stream.change().await, "created d");
}

async fn a_long_log_comes_whole_and_in_order(engine: Engine) {
    let s = Scene::new(engine, |_| {}).await;
    let begun = now(&s.all).await;
    let person = Actor::person(s.person.id);
    let drive = s.server.drive();
    for n in 0..350 {
        let name = Name::parse(&format!("n{n}")).expect("a name");
        let made = drive
            .create_folder(&person, FolderRef::Id(pantry_types::NodeId(0)), name)
            .await;
        made.expect("made");
    }
    let mut stream = Stream::open(&s.all, &format!("?cursor={begun}"), None).await;
    let mut before = 0;
    for n in 0..350 {
        let (_, _, data) = stream.event().await;
        assert_eq!(data["node"]["name"], format!("n{n}"));
        let seq = data["seq"].as_i64().expect("a number");
        assert!(seq > before);
        before = seq;
    }
}

async fn a_quiet_stream_gives_signs_of_life_and_moves_its_cursor(engine: Engine) {
    let s = Scene::new(engine, |settings| settings.changes.heartbeat_seconds = 1).await;
    let mut stream = Stream::open(&s.own, "", None).await;
    let begun = id_of(&stream.block().await.expect("the opening"))
        .expect("an id")
        .to_owned();
    let began = Instant::now();
    for _ in 0..2 {
        assert_eq!(stream.block().await.as_deref(), Some(":"));
    }
    assert!(began.elapsed() > Duration::from_millis(1500), "one a second");
    // What does not concern the root moves the cursor, or it would grow too old.
    s.all.folder("/", "unseen").await;
    let moved = loop {
        let block = stream.block().await.expect("a sign of life");
        assert!(block.starts_with(':'), "{block}");
        if let Some(id) = id_of(&block) {
            break id.to_owned();
        }
    };
    assert_ne!(moved, begun);
    assert_eq!(moved, now(&s.own).await);
}

async fn a_root_that_is_lost_or_found_is_told_as_a_reset(engine: Engine) {
    let s = Scene::new(engine, |_| {}).await;
    let home = folder_id(&s.all, "/我的应用数据", "Notes").await;
    let mut stream = Stream::open(&s.own, "", None).await;
    manage(&s.all, &format!("action=delete&folder_ids={home}")).await;
    let (event, id, data) = stream.event().await;
    assert_eq!((event.as_str(), &data["reset"]), ("reset", &Value::Bool(true)));
    assert_eq!(data["next_cursor"], id.as_str());
    assert_eq!(id, now(&s.own).await);
    // With the next write comes a new folder, and what is in it then is to be listed.
    s.own.file("/", "a.txt", b"").await;
    assert_eq!(stream.event().await.0, "reset");
    s.own.file("/", "b.txt", b"").await;
    // The one before may have been read with the reset or after it, never twice.
    let told = stream.change().await;
    assert!(["created a.txt", "created b.txt"].contains(&told.as_str()), "{told}");
    // A cursor that leads nowhere is told so at once.
    let mut stream = Stream::open(&s.own, "", Some(&now(&s.all).await)).await;
    assert_eq!(stream.event().await.0, "reset");
    s.own.folder("/", "c").await;
    assert_eq!(stream.change().await, "created c");
}

async fn a_stream_ends_with_its_token(engine: Engine) {
    let s = Scene::new(engine, |_| {}).await;
    let open = async |token: &Token| {
        let mut stream = Stream::open(token, "", None).await;
        stream.block().await.expect("the opening");
        stream
    };
    let soon = Duration::from_secs(5);
    // The token's time is over.
    let (stream, other) = (open(&s.own).await, open(&s.all).await);
    s.server.clock().advance(7_199);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    s.server.clock().advance(1);
    assert!(stream.end().await < soon && other.end().await < soon);
    assert_eq!(s.own.get("/v1/changes").await.error().0, 401);
    // The person takes back what they allowed.
    let own = s.server.token(&s.person, &s.notes, "files.app_data").await;
    let (stream, kept) = (open(&own).await, s.manager().await);
    let mut other = open(&kept).await;
    s.server.revoke(&s.person, &s.notes).await;
    // What happens after that is told to nobody who lost access, and to all others.
    kept.folder("/", "after").await;
    assert!(stream.end().await < soon);
    assert_eq!(other.change().await, "created after");
    // The token alone is revoked, and another one of the same app is not.
    let second = s.manager().await;
    let mut spared = open(&second).await;
    let secret = s.manager.client_secret.clone().expect("a secret");
    let form = [
        ("token", kept.access.as_str()),
        ("client_id", s.manager.client_id.as_str()),
        ("client_secret", secret.as_str()),
    ];
    let revoked = s
        .server
        .http
        .post(s.server.url("/oauth/revoke"))
        .form(&form)
        .send()
        .await;
    assert_eq!(revoked.expect("an answer").status(), 200);
    assert!(other.end().await < soon);
    second.folder("/", "spared").await;
    assert_eq!(spared.change().await, "created spared");
}

async fn what_another_process_writes_is_told_within_a_second(engine: Engine) {
    let s = Scene::new(engine, |_| {}).await;
    let (settings, clock) = (s.server.place.settings.clone(), s.server.clock().shared());
    let random = std::sync::Arc::new(SeededRandom::new(77));
    let other = open::drive(settings, Purpose::Use, clock, random)
        .await
        .expect("a second one");
    let mut stream = Stream::open(&s.all, "", None).await;
    stream.block().await.expect("the opening");
    // The first look is over, and this process writes nothing.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let mut slowest = Duration::ZERO;
    for n in 0..3 {
        let name = Name::parse(&format!("n{n}")).expect("a name");
        let root = FolderRef::Id(pantry_types::NodeId(0));
        let made = other
            .create_folder(&Actor::person(s.person.id), root, name)
            .await
            .expect("made");
        assert_eq!(made.item.kind, Kind::Folder);
        let began = Instant::now();
        assert_eq!(stream.change().await, format!("created n{n}"));
        slowest = slowest.max(began.elapsed());
    }
    println!("told after {slowest:?} at most");
    assert!(slowest < Duration::from_millis(1_500), "{slowest:?}");
    // What this process writes comes at once, between two looks: the quickest of some tells.
    let mut quickest = PATIENCE;
    for n in 0..5 {
        tokio::time::sleep(Duration::from_millis(40)).await;
        s.all.folder("/", &format!("own{n}")).await;
        let began = Instant::now();
        assert_eq!(stream.change().await, format!("created own{n}"));
        quickest = quickest.min(began.elapsed());
    }
    println!("own changes after {quickest:?} at best");
    assert!(quickest < Duration::from_millis(200), "{quickest:?}");
    other.db().close().await;
}

async fn a_grant_has_so_many_streams_and_no_more(engine: Engine) {
    let s = Scene::new(engine, |settings| settings.changes.streams_per_grant = 2).await;
    let first = Stream::open(&s.own, "", None).await;
    let second = Stream::open(&s.own, "", None).await;
    let refused = s.own.get("/v1/changes/stream").await;
    assert_eq!(refused.error(), (429, "too_many_requests".into()));
    assert!(refused.header("retry-after").is_some());
    // Another app's are its own, and asking is no stream.
    let _others = Stream::open(&s.all, "", None).await;
    now(&s.own).await;
    drop((first, second));
    let began = Instant::now();
    // The server finds out when it next has something to say.
    while s
        .own
        .request(Method::GET, "/v1/changes/stream")
        .send()
        .await
        .expect("an answer")
        .status()
        != 200
    {
        assert!(began.elapsed() < PATIENCE, "a place becomes free");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn open_streams_do_not_hold_up_the_end(engine: Engine) {
    let s = Scene::new(engine, |_| {}).await;
    let streams = [
        Stream::open(&s.all, "", None).await,
        Stream::open(&s.own, "", None).await,
    ];
    let Scene { server, .. } = s;
    let began = Instant::now();
    let place = server.stopped().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for stream in streams {
        stream.end().await;
    }
    drop(TestServer::at(place).await);
}
