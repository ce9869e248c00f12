//! Followers that know nothing but what they are told of changes, by asking and by the stream, of the whole drive and of an
//! app's own folder, while several write at random through both faces and the server is started anew under them. What they
//! think is there in the end is what is there.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use pantry_client::{
    Client, Entry, MemoryStore, Retry, Tokens, Told,
    api::{Change, ChangeEvent, Kind},
};
use pantry_core::auth::NewApp;
use pantry_testkit::{Engine, Person, Place, TestServer, both_engines, noise};
use pantry_types::{Scopes, SeededRandom, random};
use reqwest::{Method, RequestBuilder, multipart};
use serde_json::Value;

both_engines!(followers_who_know_only_the_feed_mirror_the_tree);

/// Times that everybody stops, and everything is compared. The server is started anew in the middle of each.
const ROUNDS: u64 = 3;
/// Operations that are applied in a round, in all.
const OPERATIONS: u64 = 240;
/// More in one folder, and more is deleted than made.
const MANY: usize = 8;

/// A file or folder, as a listing and a change both show it: kind, name, parent, size, MD5.
type Node = (Kind, String, i64, i64, String);

/// What is there, by id.
#[derive(Default, PartialEq, Debug)]
struct Picture(BTreeMap<i64, Node>);

impl Picture {
    /// Lists a folder and all below it. What is gone meanwhile is told later.
    async fn list(&mut self, client: &Client, top: i64) {
        let mut open = vec![top];
        while let Some(folder) = open.pop() {
            let mut entries = client.list_folder(folder);
            loop {
                let entry = match entries.next().await {
                    Ok(Some(entry)) => entry,
                    Ok(None) => break,
                    Err(e) if e.is_status(404) => break,
                    Err(e) => panic!("listing {folder}: {e:?}"),
                };
                let id = entry.id();
                let node = match entry {
                    Entry::Folder(f) => (Kind::Folder, f.name, folder, 0, String::new()),
                    Entry::File(f) => (Kind::File, f.name, folder, f.size, f.md5),
                };
                if node.0 == Kind::Folder {
                    open.push(id);
                }
                self.0.insert(id, node);
            }
        }
    }

    async fn anew(&mut self, client: &Client) {
        self.0.clear();
        self.list(client, 0).await;
    }

    /// Takes a folder or file out, with all below it.
    fn remove(&mut self, id: i64) {
        let mut gone = vec![id];
        while let Some(id) = gone.pop() {
            self.0.remove(&id);
            gone.extend(self.0.iter().filter(|(_, node)| node.2 == id).map(|(child, _)| *child));
        }
    }

    async fn apply(&mut self, client: &Client, change: Change) {
        if change.event == ChangeEvent::Removed {
            assert_eq!((&change.node, change.subtree), (&None, false));
            return self.remove(change.id);
        }
        // One that has left since is told again.
        let Some(node) = change.node else { return };
        assert_eq!((node.id, node.kind), (change.id, change.kind));
        let new = (node.kind, node.name, node.parent_id, node.size, node.md5);
        let known = self.0.insert(change.id, new).is_some();
        // A folder that was moved while all was listed may have been missed.
        if change.subtree || (!known && change.event == ChangeEvent::Updated && change.kind == Kind::Folder) {
            self.list(client, change.id).await;
        }
    }
}

/// What all who take part share.
struct World {
    base: String,
    http: reqwest::Client,
    all: String,
    own: String,
    weipan: String,
    applied: AtomicU64,
    goal: AtomicU64,
    random: SeededRandom,
}

impl World {
    fn draw(&self, n: usize) -> usize {
        random::below(&self.random, u32::try_from(n.max(1)).expect("a small number")) as usize
    }

    fn pick<'a>(&self, from: &'a [Value]) -> Option<&'a Value> {
        from.get(self.draw(from.len()))
    }

    fn goes_on(&self) -> bool {
        self.applied.load(Ordering::Relaxed) < self.goal.load(Ordering::Relaxed)
    }

    fn v1(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(token)
    }

    /// The answer, if there was one: the server may just be away.
    async fn send(&self, request: RequestBuilder) -> Option<(u16, Value)> {
        let answer = async {
            let response = request.send().await.ok()?;
            let status = response.status().as_u16();
            Some((status, response.json().await.ok()?))
        };
        let answer = answer.await;
        if answer.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        answer
    }

    /// A write, which may be refused.
    async fn write(&self, request: RequestBuilder) {
        let Some((status, reply)) = self.send(request).await else {
            return;
        };
        assert!(status < 500, "{status}: {reply}");
        if status == 200 && reply["err_code"].as_i64().unwrap_or(0) == 0 {
            self.applied.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A folder at random, as its path and what is in it: folders, files.
    async fn wander(&self, token: &str) -> Option<(String, Vec<Value>, Vec<Value>)> {
        let mut path = String::new();
        loop {
            let at = if path.is_empty() { "/" } else { &path };
            let request = self
                .v1(token, Method::GET, "/v1/files")
                .query(&[("path", at), ("limit", "200")]);
            let (status, reply) = self.send(request).await?;
            if status != 200 {
                return None;
            }
            let list = |kind: &str| reply["data"][kind].as_array().cloned().unwrap_or_default();
            let (folders, files) = (list("folders"), list("files"));
            let stays = folders.is_empty() || path.matches('/').count() > 4 || self.draw(3) == 0;
            if stays {
                return Some((at.to_owned(), folders, files));
            }
            // The apps' folder as often as all others.
            let apps = folders
                .iter()
                .find(|f| f["name"] == "我的应用数据")
                .filter(|_| self.draw(2) == 0);
            let next = apps.or_else(|| self.pick(&folders))?;
            path = format!("{path}/{}", next["name"].as_str()?);
        }
    }

    async fn write_by_v1(&self, token: &str) -> Option<()> {
        let (path, folders, files) = self.wander(token).await?;
        let name = format!("n{}", self.draw(1_000_000));
        let full = folders.len() + files.len() > MANY;
        let (kind, one) = match self.draw(2) {
            0 => ("folder_ids", self.pick(&folders)),
            _ => ("file_ids", self.pick(&files)),
        };
        let id = one.map_or(0, |one| one["id"].as_i64().unwrap_or(0)).to_string();
        let manage = |form: &[(&str, &str)]| self.v1(token, Method::POST, "/v1/files/manage").form(form);
        let put = |name: &str, seed: usize| {
            let query = [("parent_path", path.as_str()), ("name", name)];
            let body = noise(seed as u64, 1 + seed % 40);
            self.v1(token, Method::PUT, "/v1/files/content")
                .query(&query)
                .body(body)
        };
        let request = match self.draw(if full { 16 } else { 13 }) {
            0 | 1 => {
                let form = [("parent_path", path.as_str()), ("name", name.as_str())];
                self.v1(token, Method::POST, "/v1/files/folder").form(&form)
            }
            2 => put(&name, self.draw(1000)),
            3 => put("same.txt", self.draw(1000)),
            4 | 5 => manage(&[("action", "rename"), (kind, &id), ("new_name", &name)]),
            n @ 6..=9 => {
                let (to, ..) = self.wander(token).await?;
                let action = if n == 9 { "copy" } else { "move" };
                let conflict = ["fail", "rename", "overwrite"][self.draw(3)];
                manage(&[
                    ("action", action),
                    (kind, &id),
                    ("dest_path", &to),
                    ("on_conflict", conflict),
                ])
            }
            10 | 11 => {
                let (_, bin) = self.send(self.v1(token, Method::GET, "/v1/bin")).await?;
                let item = self.pick(bin["data"]["items"].as_array()?)?;
                let ids = if item["kind"] == "folder" {
                    "folder_ids"
                } else {
                    "file_ids"
                };
                let id = item["id"].to_string();
                let mut form = vec![(ids, id.as_str()), ("on_conflict", "rename")];
                let (to, ..) = self.wander(token).await?;
                if self.draw(2) == 0 {
                    form.push(("dest_path", &to));
                }
                self.v1(token, Method::POST, "/v1/bin/restore").form(&form)
            }
            12 => {
                let file = self.pick(&files)?["id"].to_string();
                let versions = format!("/v1/files/{file}/versions");
                let (_, listed) = self.send(self.v1(token, Method::GET, &versions)).await?;
                let version = self.pick(listed["data"]["versions"].as_array()?)?["version"].to_string();
                self.v1(token, Method::POST, &format!("{versions}/{version}/restore"))
            }
            _ => manage(&[("action", "delete"), (kind, &id)]),
        };
        self.write(request).await;
        Some(())
    }

    fn weipan(&self, method: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let (m, a) = method.split_once('/').expect("m/a");
        let form: Vec<_> = form.iter().copied().chain([("token", self.weipan.as_str())]).collect();
        self.http.post(format!("{}/?m={m}&a={a}", self.base)).form(&form)
    }

    async fn write_by_weipan(&self) -> Option<()> {
        let mut at = "0".to_owned();
        let (folders, files) = loop {
            let (_, reply) = self.send(self.weipan("dir/get_list", &[("dir_id", &at)])).await?;
            let (files, folders): (Vec<Value>, Vec<Value>) = reply["data"]
                .as_array()?
                .iter()
                .cloned()
                .partition(|row| row["sha1"].is_string());
            if folders.is_empty() || self.draw(2) == 0 {
                break (folders, files);
            }
            at = self.pick(&folders)?["id"].as_str()?.to_owned();
        };
        let name = format!("w{}", self.draw(1_000_000));
        let dir = self
            .pick(&folders)
            .and_then(|d| d["id"].as_str())
            .unwrap_or("0")
            .to_owned();
        let file = self
            .pick(&files)
            .and_then(|f| f["id"].as_str())
            .unwrap_or("0")
            .to_owned();
        let (dir, file, at, name) = (dir.as_str(), file.as_str(), at.as_str(), name.as_str());
        let full = folders.len() + files.len() > MANY;
        let request = match self.draw(if full { 10 } else { 8 }) {
            0 => self.weipan("dir/create_dir", &[("create_name", name), ("parent_id", at)]),
            1 | 2 => {
                let part = multipart::Part::bytes(name.as_bytes().to_vec()).file_name(format!("{name}.txt"));
                let fields = [("token", self.weipan.as_str()), ("cover", "yes"), ("dir_id", at)];
                let form = fields
                    .into_iter()
                    .fold(multipart::Form::new(), |form, (k, v)| form.text(k, v.to_owned()));
                let url = format!("{}/?m=file&a=upload_file", self.base);
                self.http.post(url).multipart(form.part("file", part))
            }
            3 => self.weipan(
                "file/copy_file",
                &[("fid", file), ("new_name", name), ("to_dir_id", dir)],
            ),
            4 => self.weipan(
                "dir/move_dir",
                &[("dir_id", dir), ("new_name", name), ("to_parent_id", "0")],
            ),
            5 => self.weipan(
                "file/move_file",
                &[("fid", file), ("new_name", name), ("to_dir_id", dir)],
            ),
            6 => self.weipan("file/share_file", &[("fid", file)]),
            7 => self.weipan("dir/rename_dir", &[("dir_id", dir), ("new_name", name)]),
            8 => self.weipan("file/delete_file", &[("fid", file)]),
            _ => self.weipan("dir/delete_dir", &[("dir_id", dir)]),
        };
        self.write(request).await;
        Some(())
    }
}

/// A client that does not lose patience while the server is away.
fn client(base: &str, token: &str) -> Client {
    let store = MemoryStore::with(Tokens {
        access_token: token.to_owned(),
        refresh_token: None,
        expires_at: 0,
        scope: String::new(),
    });
    let retry = Retry {
        attempts: 1000,
        first_pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(100),
        silence: Duration::from_secs(20),
    };
    let client = Client::new(base).expect("an address");
    client.with_store(Arc::new(store)).with_retry(retry)
}

/// One who follows, and what they saw.
struct Follower {
    client: Client,
    picture: Picture,
    cursor: String,
    /// Up to where; none while others write.
    goal: Arc<Mutex<Option<String>>>,
    told: u64,
    subtrees: u64,
    removed: u64,
    resets: u64,
}

impl Follower {
    /// The cursor first, then all that is there: what comes in between is told.
    async fn new(client: Client) -> Self {
        let page = client.changes_page(None, 1).await.expect("a cursor");
        let mut picture = Picture::default();
        picture.list(&client, 0).await;
        Self {
            client,
            picture,
            cursor: page.next_cursor,
            goal: Arc::default(),
            told: 0,
            subtrees: 0,
            removed: 0,
            resets: 0,
        }
    }

    fn is_there(&self) -> bool {
        self.goal.lock().expect("a lock").as_ref() == Some(&self.cursor)
    }

    async fn apply(&mut self, change: Change) {
        self.told += 1;
        self.subtrees += u64::from(change.subtree);
        self.removed += u64::from(change.event == ChangeEvent::Removed);
        self.picture.apply(&self.client, change).await;
    }

    async fn reset(&mut self) {
        self.resets += 1;
        self.picture.anew(&self.client).await;
    }

    async fn by_asking(mut self) -> Self {
        let mut limit = 1;
        while !self.is_there() {
            limit = limit % 20 + 3;
            let page = self
                .client
                .changes_page(Some(&self.cursor), limit)
                .await
                .expect("a page");
            assert!(page.changes.len() as i64 <= limit);
            for change in page.changes {
                self.apply(change).await;
            }
            if page.reset {
                self.reset().await;
            }
            self.cursor = page.next_cursor;
            if !page.has_more {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        }
        self
    }

    async fn by_stream(mut self) -> Self {
        let mut stream = self.client.follow_changes(Some(&self.cursor));
        while !self.is_there() {
            match tokio::time::timeout(Duration::from_millis(300), stream.next()).await {
                Ok(Ok(Told::Change(change))) => {
                    self.apply(change).await;
                    // Now and then it is lost between two changes of those that came together.
                    if self.told.is_multiple_of(7) {
                        let cursor = stream.cursor().map(str::to_owned);
                        stream = self.client.follow_changes(cursor.as_deref());
                    }
                }
                Ok(Ok(Told::Reset)) => self.reset().await,
                Ok(Err(e)) => panic!("the stream: {e:?}"),
                // Nothing is told; the cursor may have moved.
                Err(_) => {}
            }
            stream.cursor().unwrap_or_default().clone_into(&mut self.cursor);
        }
        self
    }
}

/// A server at an address that stays the same when it is started anew.
async fn server(engine: Engine) -> TestServer {
    // Below those that the system gives to whoever asks for any.
    let first = 10_000 + std::process::id() as u16 % 20_000;
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let port = (first..32_000).find(free).expect("a free port");
    let place = Place::new(engine, |settings| {
        settings.v1.rate_per_minute = 0;
        settings.weipan.rate_per_minute = 0;
        settings.changes.heartbeat_seconds = 1;
        settings.server.listen = format!("127.0.0.1:{port}");
    });
    TestServer::at(place.await).await
}

/// A token of the other API.
async fn weipan_token(server: &TestServer, person: &Person) -> String {
    let new = NewApp {
        owner: person.name.clone(),
        name: "Program".to_owned(),
        redirect_uris: vec!["https://app.example.com/callback".to_owned()],
        scopes: Scopes::all(),
        public: false,
        weipan: true,
    };
    let app = server.drive().add_app(new).await.expect("an app");
    let (account, time) = ("ada@example.com", server.drive().now().to_string());
    let secret = app.client_secret.expect("a secret").into_exposed();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    let (key, password) = (app.client_id.as_str(), Person::PASSWORD);
    mac.update(format!("account={account}&appkey={key}&password={password}&time={time}").as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let form = [
        ("account", account),
        ("password", password),
        ("appkey", key),
        ("time", &time),
        ("signature", &signature),
    ];
    let request = server.http.post(server.url("/?m=auth&a=get_token")).form(&form);
    let reply: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    reply["data"]["token"].as_str().expect("a token").to_owned()
}

/// Now and then the person does something with the app's own folder itself.
async fn disturb(world: &World) -> Option<()> {
    let (_, apps) = world
        .send(
            world
                .v1(&world.all, Method::GET, "/v1/files")
                .query(&[("path", "/我的应用数据")]),
        )
        .await?;
    let home = apps["data"]["folders"]
        .as_array()?
        .iter()
        .find(|f| f["name"] != "Manager")?["id"]
        .to_string();
    let name = format!("home{}", world.draw(1000));
    let manage = |form: &[(&str, &str)]| world.v1(&world.all, Method::POST, "/v1/files/manage").form(form);
    let request = match world.draw(3) {
        0 => manage(&[("action", "delete"), ("folder_ids", &home)]),
        _ => manage(&[("action", "rename"), ("folder_ids", &home), ("new_name", &name)]),
    };
    world.write(request).await;
    Some(())
}

async fn followers_who_know_only_the_feed_mirror_the_tree(engine: Engine) {
    let seed = std::time::UNIX_EPOCH.elapsed().map_or(1, |d| d.as_secs());
    println!("seed {seed}");
    let mut server = server(engine).await;
    let person = server.person("ada").await;
    let (notes, manager) = (server.app(&person, "Notes").await, server.app(&person, "Manager").await);
    let own = server.token(&person, &notes, "files.app_data").await;
    let all = server.token(&person, &manager, "files.read_all files.write_all").await;
    own.folder("/", "first").await;
    all.folder("/", "top").await;
    all.file("/top", "a.txt", b"a").await;
    let world = Arc::new(World {
        base: server.url(""),
        http: server.http.clone(),
        all: all.access.clone(),
        own: own.access.clone(),
        weipan: weipan_token(&server, &person).await,
        applied: AtomicU64::new(0),
        goal: AtomicU64::new(0),
        random: SeededRandom::new(seed),
    });
    let mut followers = Vec::new();
    for token in [&world.all, &world.all, &world.own, &world.own] {
        followers.push(Follower::new(client(&world.base, token)).await);
    }
    for round in 0..ROUNDS {
        world.goal.fetch_add(OPERATIONS, Ordering::Relaxed);
        let following: Vec<_> = followers
            .drain(..)
            .enumerate()
            .map(|(n, mut follower)| {
                let goal: Arc<Mutex<Option<String>>> = Arc::default();
                follower.goal = Arc::clone(&goal);
                let task = match n % 2 {
                    0 => tokio::spawn(follower.by_asking()),
                    _ => tokio::spawn(follower.by_stream()),
                };
                (goal, task)
            })
            .collect();
        let stopped = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..6)
            .map(|who| {
                let (world, stopped) = (Arc::clone(&world), Arc::clone(&stopped));
                tokio::spawn(async move {
                    while world.goes_on() && !stopped.load(Ordering::Relaxed) {
                        // What cannot be done now is left, and something else is drawn.
                        let _ = match who {
                            0 | 1 => world.write_by_v1(&world.all).await,
                            2 | 3 => world.write_by_v1(&world.own).await,
                            _ if world.draw(40) == 0 => disturb(&world).await,
                            _ => world.write_by_weipan().await,
                        };
                    }
                })
            })
            .collect();
        let half = world.goal.load(Ordering::Relaxed) - OPERATIONS / 2;
        while world.applied.load(Ordering::Relaxed) < half {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server = server.restarted().await;
        for writer in writers {
            writer.await.expect("a writer");
        }
        // Something at last that both roots see.
        let last = world.v1(&world.own, Method::PUT, "/v1/files/content");
        let last = last
            .query(&[("parent_path", "/"), ("name", "last.txt")])
            .body(vec![round as u8; 3]);
        assert_eq!(world.send(last).await.expect("an answer").0, 200);
        let mut there = Vec::new();
        for token in [&world.all, &world.own] {
            let client = client(&world.base, token);
            let now = client.changes_page(None, 1).await.expect("a cursor").next_cursor;
            let mut full = Picture::default();
            full.list(&client, 0).await;
            there.push((now, full));
        }
        for (n, (goal, _)) in following.iter().enumerate() {
            *goal.lock().expect("a lock") = Some(there[n / 2].0.clone());
        }
        for (n, (_, task)) in following.into_iter().enumerate() {
            let follower = tokio::time::timeout(Duration::from_secs(60), task).await;
            let follower =
                follower.unwrap_or_else(|_| panic!("seed {seed}, round {round}: follower {n} does not arrive"));
            let follower = follower.expect("a follower");
            assert_eq!(
                follower.picture,
                there[n / 2].1,
                "seed {seed}, round {round}, follower {n}"
            );
            followers.push(follower);
        }
        println!(
            "round {round}: {} of the drive, {} of the app",
            there[0].1.0.len(),
            there[1].1.0.len()
        );
    }
    for (n, f) in followers.iter().enumerate() {
        println!(
            "follower {n}: told {}, subtrees {}, removed {}, resets {}",
            f.told, f.subtrees, f.removed, f.resets
        );
        // What goes with its root is told as one reset.
        assert!(
            f.told > 40 && f.subtrees > 0 && f.removed + f.resets > 5,
            "the walks were too tame"
        );
        // Over every restart they went on where they were: the root of who sees all is never another.
        assert!(n >= 2 || f.resets == 0);
    }
}
