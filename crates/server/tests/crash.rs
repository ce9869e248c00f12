//! Kills the server (SIGKILL) in the middle of uploads and changes, again and again, and looks
//! for everything that was acknowledged. Owns what a crash of the process may not take.

#[path = "../../testkit/src/pg.rs"]
mod pg;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use md5::Digest as _;
use serde_json::Value;

const ROUNDS: u64 = 10;
const PART: usize = 5_242_880;

struct Server {
    child: Child,
    base: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct House {
    dir: tempfile::TempDir,
    database: Option<String>,
}

impl House {
    fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_pantryd"));
        c.args(args).arg("--data-dir").arg(self.dir.path());
        if let Some(url) = &self.database {
            c.args(["--database", url]);
        }
        c.env("PANTRY_V1__RATE_PER_MINUTE", "0")
            .env("PANTRY_LOG__FILTER", "warn");
        c
    }

    fn run(&self, args: &[&str]) -> Value {
        let out = self.command(args).output().expect("runs");
        assert!(
            out.status.success(),
            "{args:?}: {}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        serde_json::from_slice(&out.stdout).expect("JSON")
    }

    async fn serve(&self) -> Server {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a free port")
            .port();
        let listen = format!("127.0.0.1:{port}");
        let child = self
            .command(&["serve", "--listen", &listen])
            .stdout(Stdio::null())
            .spawn()
            .expect("serves");
        let base = format!("http://{listen}");
        let mut server = Server { child, base };
        for _ in 0..600 {
            if reqwest::get(format!("{}/healthz", server.base))
                .await
                .is_ok_and(|r| r.status() == 200)
            {
                return server;
            }
            let ended = server.child.try_wait().expect("asked");
            assert!(ended.is_none(), "the server ended: {ended:?}");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the server did not get ready");
    }
}

/// What the server has said yes to.
#[derive(Default)]
struct Acknowledged {
    folders: BTreeSet<String>,
    files: BTreeMap<String, String>,
    /// Contents that the one file that is overwritten may have: the last acknowledged, and one on its way.
    overwritten: Vec<String>,
    /// Uploads that go on: id, what it is to become, and the parts that were acknowledged.
    uploads: Vec<Upload>,
}

#[derive(Clone)]
struct Upload {
    id: String,
    name: String,
    seed: u64,
    parts: BTreeSet<u64>,
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        out.extend_from_slice(&x.to_le_bytes());
    }
    out.truncate(len);
    out
}

fn md5_hex(bytes: &[u8]) -> String {
    hex::encode(md5::Md5::digest(bytes))
}

fn upload_bytes(seed: u64) -> Vec<u8> {
    noise(seed, 2 * PART + 321)
}

#[derive(Clone)]
struct Load {
    http: reqwest::Client,
    base: String,
    token: String,
    stop: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
    seen: Arc<Mutex<Acknowledged>>,
}

impl Load {
    fn seen<R>(&self, f: impl FnOnce(&mut Acknowledged) -> R) -> R {
        f(&mut self.seen.lock().expect("not poisoned"))
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    fn going(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    async fn post(&self, url: String, form: &[(&str, String)]) -> Option<Value> {
        let r = self
            .http
            .post(url)
            .bearer_auth(&self.token)
            .form(form)
            .send()
            .await
            .ok()?;
        assert!(r.status() == 200, "{}", r.text().await.unwrap_or_default());
        Some(r.json::<Value>().await.ok()?["data"].clone())
    }

    async fn folders(self) {
        while self.going() {
            let name = format!("folder {}", self.number());
            let form = [("parent_path", "/".to_owned()), ("name", name.clone())];
            if self
                .post(format!("{}/v1/files/folder", self.base), &form)
                .await
                .is_some()
            {
                self.seen(|s| s.folders.insert(name));
            }
        }
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) -> bool {
        let url = format!("{}/v1/files/content?parent_path=/&name={name}", self.base);
        match self.http.put(url).bearer_auth(&self.token).body(bytes).send().await {
            Ok(r) => {
                let ok = r.status() == 200;
                // The whole answer must have come for it to count.
                let text = r.text().await;
                assert!(ok || text.is_err(), "{text:?}");
                text.is_ok()
            }
            Err(_) => false,
        }
    }

    async fn files(self) {
        while self.going() {
            let n = self.number();
            // Small ones lie in the rows, larger ones in storage.
            let bytes = noise(n, if n.is_multiple_of(3) { 90_000 } else { 4_096 });
            let (name, md5) = (format!("file{n}"), md5_hex(&bytes));
            if self.put(&name, bytes).await {
                self.seen(|s| s.files.insert(name, md5));
            }
        }
    }

    async fn overwrite(self) {
        while self.going() {
            let bytes = noise(self.number(), 20_000);
            let md5 = md5_hex(&bytes);
            self.seen(|s| s.overwritten.push(md5.clone()));
            if self.put("again", bytes).await {
                self.seen(|s| s.overwritten = vec![md5]);
            }
        }
    }

    async fn uploads(self) {
        while self.going() {
            let seed = self.number();
            let bytes = upload_bytes(seed);
            let name = format!("upload{seed}");
            let form = [
                ("parent_path", "/".to_owned()),
                ("name", name.clone()),
                ("size", bytes.len().to_string()),
                ("md5", md5_hex(&bytes)),
            ];
            let Some(made) = self
                .post(format!("{}/v1/files/upload/precreate", self.base), &form)
                .await
            else {
                return;
            };
            let id = made["upload_id"].as_str().expect("an upload").to_owned();
            let mut up = Upload {
                id,
                name,
                seed,
                parts: BTreeSet::new(),
            };
            self.seen(|s| s.uploads.push(up.clone()));
            if !self.go_on(&mut up, &bytes).await {
                return;
            }
        }
    }

    /// Sends what is missing, and completes; `false` if the server went away.
    async fn go_on(&self, up: &mut Upload, bytes: &[u8]) -> bool {
        for (n, part) in (1_u64..).zip(bytes.chunks(PART)) {
            if up.parts.contains(&n) {
                continue;
            }
            let url = format!("{}/u?upload_id={}&part_seq={n}", self.base, up.id);
            let sent = self.http.post(url).body(part.to_vec()).send().await;
            let Ok(r) = sent else { return false };
            assert!(r.status() == 200, "{}", r.status());
            if r.text().await.is_err() {
                return false;
            }
            up.parts.insert(n);
            self.seen(|s| {
                if let Some(u) = s.uploads.iter_mut().find(|u| u.id == up.id) {
                    u.parts.insert(n);
                }
            });
        }
        let url = format!("{}/u/{}/complete", self.base, up.id);
        match self.http.post(url).send().await {
            Ok(r) => {
                let status = r.status();
                let Ok(text) = r.text().await else { return false };
                assert!(status == 200, "{text}");
                self.seen(|s| {
                    s.uploads.retain(|u| u.id != up.id);
                    s.files.insert(up.name.clone(), md5_hex(bytes));
                });
                true
            }
            Err(_) => false,
        }
    }

    /// Everything that was acknowledged is there, as it was.
    async fn verify(&self) {
        let mut names = BTreeMap::new();
        let mut cursor = None::<String>;
        loop {
            let mut query = vec![("path", "/".to_owned()), ("limit", "200".to_owned())];
            query.extend(cursor.iter().map(|c| ("cursor", c.clone())));
            let r = self
                .http
                .get(format!("{}/v1/files", self.base))
                .bearer_auth(&self.token)
                .query(&query);
            let page: Value = r.send().await.expect("listed").json().await.expect("JSON");
            let data = &page["data"];
            for f in data["folders"].as_array().expect("folders") {
                names.insert(f["name"].as_str().expect("name").to_owned(), (String::new(), 0));
            }
            for f in data["files"].as_array().expect("files") {
                let md5 = f["md5"].as_str().expect("md5").to_owned();
                names.insert(
                    f["name"].as_str().expect("name").to_owned(),
                    (md5, f["id"].as_i64().expect("id")),
                );
            }
            match data["next_cursor"].as_str() {
                Some(c) => cursor = Some(c.to_owned()),
                None => break,
            }
        }
        let (folders, files, overwritten, uploads) = self.seen(|s| {
            let all = (
                s.folders.clone(),
                s.files.clone(),
                s.overwritten.clone(),
                s.uploads.clone(),
            );
            s.uploads.clear();
            all
        });
        for f in &folders {
            assert!(names.contains_key(f), "folder {f} was acknowledged and is gone");
        }
        for (f, md5) in &files {
            assert_eq!(names.get(f).map(|n| &n.0), Some(md5), "file {f} was acknowledged");
        }
        if let Some((md5, _)) = names.get("again") {
            assert!(
                overwritten.contains(md5),
                "the overwritten file has a content that nobody wrote"
            );
        }
        // The bytes themselves, of some.
        for (f, md5) in files.iter().rev().take(5) {
            let url = format!("{}/v1/files/{}/download", self.base, names[f].1);
            let link: Value = self
                .http
                .get(url)
                .bearer_auth(&self.token)
                .send()
                .await
                .expect("link")
                .json()
                .await
                .expect("JSON");
            let url = link["data"]["url"].as_str().expect("url");
            let bytes = self
                .http
                .get(url)
                .send()
                .await
                .expect("sent")
                .bytes()
                .await
                .expect("bytes");
            assert_eq!(&md5_hex(&bytes), md5, "the bytes of {f}");
        }
        for mut up in uploads {
            let bytes = upload_bytes(up.seed);
            let url = format!("{}/u/{}/parts", self.base, up.id);
            let r = self.http.get(url).send().await.expect("asked");
            let p: Value = r.json().await.expect("JSON");
            let there: BTreeSet<u64> = p["data"]["received_parts"]
                .as_array()
                .unwrap_or_else(|| panic!("{p}"))
                .iter()
                .filter_map(Value::as_u64)
                .collect();
            assert!(
                there.is_superset(&up.parts),
                "acknowledged parts {:?}, found {there:?}",
                up.parts
            );
            up.parts = there;
            assert!(self.go_on(&mut up, &bytes).await, "the upload goes on");
        }
    }
}

async fn survives(database: Option<String>) {
    let house = House {
        dir: tempfile::tempdir().expect("folder"),
        database,
    };
    house.run(&[
        "user",
        "add",
        "ann",
        "--email",
        "ann@example.com",
        "--password",
        "correct horse",
        "--json",
    ]);
    let app = house.run(&[
        "app",
        "add",
        "--owner",
        "ann",
        "--name",
        "Load",
        "--scope",
        "files.app_data",
        "--json",
    ]);
    let client = app["client_id"].as_str().expect("client").to_owned();
    let issue = [
        "token",
        "issue",
        "--user",
        "ann",
        "--client-id",
        &client,
        "--scope",
        "files.app_data",
        "--json",
    ];
    let token = house.run(&issue)["access_token"].as_str().expect("token").to_owned();
    let seen = Arc::new(Mutex::new(Acknowledged::default()));
    let next = Arc::new(AtomicU64::new(1));
    for round in 0..=ROUNDS {
        let mut server = house.serve().await;
        let load = Load {
            http: reqwest::Client::new(),
            base: server.base.clone(),
            token: token.clone(),
            stop: Arc::default(),
            next: next.clone(),
            seen: seen.clone(),
        };
        load.verify().await;
        if round == ROUNDS {
            break;
        }
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            tasks.spawn(load.clone().folders());
            tasks.spawn(load.clone().files());
        }
        tasks.spawn(load.clone().overwrite());
        tasks.spawn(load.clone().uploads());
        tasks.spawn(load.clone().uploads());
        // Any moment will do; this one differs from run to run.
        let moment = std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |d| u64::from(d.subsec_nanos()))
            % 700;
        tokio::time::sleep(Duration::from_millis(150 + moment)).await;
        server.child.kill().expect("killed");
        load.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no answer was wrong");
        }
    }
    let seen = seen.lock().expect("not poisoned");
    assert!(
        seen.folders.len() > 20 && seen.files.len() > 20,
        "the load did something"
    );
    let report = house.run(&["check", "--json"]);
    assert_eq!(report["clean"], true, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_on_sqlite() {
    survives(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_on_postgres() {
    let database = pg::fresh_database().await;
    survives(Some(database.url.clone())).await;
}
