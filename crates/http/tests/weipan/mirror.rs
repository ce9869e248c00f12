//! A mirror that knows only `dologid` and `dologdir`, while sixteen writers carry their heads through this face and two more
//! write through v1. What the writers were told is compared with the change log itself.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use pantry_testkit::{Engine, Token};
use pantry_types::{SeededRandom, random};
use serde_json::Value;

use crate::tools::{Program, number, text};

/// Operations that are applied through this face, and those through v1, in all.
const OPERATIONS: u64 = 1000;
const OPERATIONS_V1: u64 = 150;
/// Times that everybody stops, and everything is compared.
const ROUNDS: u64 = 5;
const WRITERS: u64 = 16;
const WRITERS_V1: u64 = 2;
/// So many files and folders at the root, and more are deleted than made: lists stay short.
const MANY: usize = 10;

/// What is directly in a folder: id, name, whether it is a folder, and of a file its hash and whether it is shared.
type Folder = BTreeSet<(String, String, String)>;
type Picture = BTreeMap<String, Folder>;

fn rows(list: &Value) -> (Folder, Vec<String>) {
    let mut rows = Folder::new();
    let mut folders = Vec::new();
    for row in list.as_array().expect("a list") {
        let (id, name) = (text(&row["id"]), text(&row["name"]));
        let content = match row["sha1"].as_str() {
            Some(sha1) => format!("{sha1} {}", row["share"]),
            None => {
                folders.push(id.clone());
                "folder".to_owned()
            }
        };
        rows.insert((id, name, content));
    }
    (rows, folders)
}

/// Lists a folder and all below it that the picture does not have, or `None` if it is gone.
async fn list(p: &Program, picture: &mut Picture, top: &str) {
    let mut waiting = vec![top.to_owned()];
    while let Some(id) = waiting.pop() {
        let reply = p.call("dir/get_list", &format!("dir_id={id}")).await;
        match reply["err_code"].as_i64() {
            Some(0) => {}
            // Gone since it was told; its parent is told next.
            Some(2) => {
                picture.remove(&id);
                continue;
            }
            _ => panic!("{reply}"),
        }
        let (rows, folders) = rows(&reply["data"]);
        waiting.extend(folders.into_iter().filter(|f| !picture.contains_key(f)));
        picture.insert(id, rows);
    }
}

/// Keeps what can be reached from the root.
fn prune(picture: &mut Picture) {
    let mut seen = BTreeSet::from(["0".to_owned()]);
    let mut waiting = vec!["0".to_owned()];
    while let Some(id) = waiting.pop() {
        for (child, _, content) in picture.get(&id).into_iter().flatten() {
            if content == "folder" && seen.insert(child.clone()) {
                waiting.push(child.clone());
            }
        }
    }
    picture.retain(|id, _| seen.contains(id));
}

struct Mirror {
    picture: Picture,
    head: i64,
}

impl Mirror {
    async fn new(p: &Program) -> Self {
        let head = p.head().await;
        let mut picture = Picture::new();
        list(p, &mut picture, "0").await;
        Self { picture, head }
    }

    async fn follow(&mut self, p: &Program) {
        let form = if self.head > 0 {
            format!("dologid={}", self.head)
        } else {
            String::new()
        };
        let reply = p.ok("keep", &form).await;
        let head = number(&reply["dologid"]);
        assert!(head >= self.head);
        let dirs = reply["dologdir"].as_array().expect("a list").clone();
        if head != self.head && dirs.is_empty() {
            self.picture.clear();
            list(p, &mut self.picture, "0").await;
        }
        for dir in dirs {
            let id = dir.to_string();
            self.picture.remove(&id);
            list(p, &mut self.picture, &id).await;
        }
        // A folder that is told may hold ones that moved in: what is below them may be unknown.
        loop {
            let known: Vec<String> = self.picture.keys().cloned().collect();
            let missing: Vec<String> = self
                .picture
                .values()
                .flatten()
                .filter(|(id, _, content)| content == "folder" && !known.contains(id))
                .map(|(id, _, _)| id.clone())
                .collect();
            let before = self.picture.len();
            for id in missing {
                list(p, &mut self.picture, &id).await;
            }
            if self.picture.len() == before {
                break;
            }
        }
        prune(&mut self.picture);
        self.head = head;
    }
}

/// What every writer was told.
#[derive(Default)]
struct Ledger {
    /// Of each head that was told to a writer as that of its own success: the node that it changed, and by what.
    made: Mutex<HashMap<i64, (i64, String)>>,
    /// What was there when a head was the latest, and stayed it while all was listed.
    states: Mutex<HashMap<i64, Picture>>,
    refused: AtomicU64,
    applied: AtomicU64,
    applied_v1: AtomicU64,
}

impl Ledger {
    fn count(&self, counter: &AtomicU64, round: u64, of: u64) -> bool {
        counter.load(Ordering::Relaxed) < of * (round + 1) / ROUNDS
    }

    fn goes_on(&self, round: u64) -> bool {
        self.count(&self.applied, round, OPERATIONS)
    }

    fn goes_on_v1(&self, round: u64) -> bool {
        self.goes_on(round) || self.count(&self.applied_v1, round, OPERATIONS_V1)
    }

    /// A head means one state: what is there now is what was there when it was seen before.
    async fn compare(&self, p: &Program) -> (i64, Picture) {
        let mut picture = Picture::new();
        let head = p.head().await;
        list(p, &mut picture, "0").await;
        assert_eq!(p.head().await, head, "nobody writes now");
        let before = self.states.lock().expect("a lock").insert(head, picture.clone());
        assert!(
            before.is_none_or(|before| before == picture),
            "head {head} was told for two states"
        );
        (head, picture)
    }
}

/// One program that writes.
struct Writer {
    who: u64,
    random: SeededRandom,
    head: i64,
}

impl Writer {
    fn draw(&self, n: usize) -> usize {
        random::below(&self.random, u32::try_from(n).expect("a small number")) as usize
    }

    fn pick(&self, from: &[String]) -> String {
        match from.len() {
            0 => "0".to_owned(),
            n => from[self.draw(n)].clone(),
        }
    }

    /// A method, its form, and a file's name if it is an upload.
    fn choose(&self, files: &[String], dirs: &[String]) -> (&'static str, String) {
        let name = format!("w{}-{}", self.who, self.draw(1_000_000));
        let (file, dir) = (self.pick(files), self.pick(dirs));
        let to = if self.draw(3) == 0 { "0".into() } else { self.pick(dirs) };
        let deletes = |n: usize| n > MANY / 2 && (n > MANY || self.draw(2) == 0);
        match self.draw(10) {
            0..=2 if deletes(files.len()) => ("file/delete_file", format!("fid={file}")),
            3..=5 if deletes(dirs.len()) => ("dir/delete_dir", format!("dir_id={dir}")),
            0 => ("file/upload_file", format!("name={name}.txt&dir_id={to}")),
            1 | 2 => (
                "file/copy_file",
                format!("fid={file}&new_name={name}.txt&to_dir_id={to}"),
            ),
            3 | 4 => ("dir/create_dir", format!("create_name={name}&parent_id={to}")),
            5 => (
                "dir/move_dir",
                format!("dir_id={dir}&new_name={name}&to_parent_id={to}"),
            ),
            6 => (
                "file/move_file",
                format!("fid={file}&new_name={name}.txt&to_dir_id={to}"),
            ),
            7 => ("file/share_file", format!("fid={file}")),
            8 => ("dir/rename_dir", format!("dir_id={dir}&new_name={name}")),
            _ => ("file/rename_file", format!("fid={file}&new_name={name}.txt")),
        }
    }

    async fn send(&self, p: &Program, method: &str, form: &str, head: i64) -> Value {
        if method != "file/upload_file" {
            return p.call(method, &format!("{form}&dologid={head}")).await;
        }
        let head = head.to_string();
        let (name, to) = form.split_once("&dir_id=").expect("the form of an upload");
        let name = name.trim_start_matches("name=");
        let fields = [("cover", "no"), ("dir_id", to), ("dologid", head.as_str())];
        p.upload(method, name, name.as_bytes(), &fields).await
    }

    async fn write(&mut self, p: &Program, ledger: &Ledger) {
        let seen = p.ok("dir/get_list", "").await;
        let (top, dirs) = rows(&seen["data"]);
        let files: Vec<String> = top.iter().filter(|r| r.2 != "folder").map(|r| r.0.clone()).collect();
        let (method, form) = self.choose(&files, &dirs);
        if self.who.is_multiple_of(8) && self.head > 1 && self.draw(4) == 0 {
            // What one knew before is old for good, whatever it is sent with.
            let reply = self.send(p, method, &form, self.head - 1).await;
            assert_eq!(reply["err_code"], 602, "{method} {form}: {reply}");
        }
        if !self.who.is_multiple_of(4) {
            // Most look before they write; the others know what their last reply told.
            self.head = number(&seen["dologid"]);
        }
        // Some programs take the number of a refusal and repeat; none waits for its turn for ever.
        for _ in 0..6 {
            let reply = self.send(p, method, &form, self.head).await;
            let now = number(&reply["dologid"]);
            let carried = std::mem::replace(&mut self.head, now);
            match reply["err_code"].as_i64() {
                Some(0) if now != carried => {
                    // It was applied on top of the head that it carried, and of no other.
                    assert_eq!(now, carried + 1, "{method}: {reply}");
                    let data = &reply["data"];
                    let id = match method {
                        "dir/create_dir" => number(&data["dir_id"]),
                        "file/upload_file" | "file/copy_file" => number(&data["fid"]),
                        _ => {
                            let (_, id) = form.split_once("id=").expect("an id");
                            let id = id.split('&').next().and_then(|id| id.parse().ok());
                            id.expect("a number")
                        }
                    };
                    let mine = (id, format!("{} {method} {form}", self.who));
                    let before = ledger.made.lock().expect("a lock").insert(now, mine);
                    assert_eq!(before, None, "head {now} was told for two writes");
                    ledger.applied.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Some(602) => {
                    assert_ne!(now, carried, "{reply}");
                    ledger.refused.fetch_add(1, Ordering::Relaxed);
                    let pause = u64::try_from(self.draw(60)).unwrap_or(0);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                // Nothing to do (it is shared already), or nothing that can be done any more.
                _ => break,
            }
        }
    }
}

/// One operation through the other face, which knows no heads.
async fn write_by_v1(token: &Token, random: &SeededRandom, ledger: &Ledger) {
    let draw = |n: usize| random::below(random, u32::try_from(n).expect("a small number")) as usize;
    let seen = token.list("/").await.data();
    let ids = |kind: &str| -> Vec<i64> {
        let entries = seen[kind].as_array().expect("a list").iter();
        entries.map(|e| e["id"].as_i64().expect("an id")).collect()
    };
    let (files, dirs) = (ids("files"), ids("folders"));
    let pick = |from: &[i64]| from.get(draw(from.len().max(1))).copied().unwrap_or(0);
    let name = format!("v1-{}", draw(1_000_000));
    let (file, dir) = (pick(&files), pick(&dirs));
    let manage = async |form: String| token.post("/v1/files/manage", &form).await;
    let reply = match draw(7) {
        0 if dirs.len() > MANY / 2 => manage(format!("action=delete&folder_ids={dir}")).await,
        0 => {
            let form = [("parent_path", "/"), ("name", name.as_str())];
            token.post_with("/v1/files/folder", &form).await
        }
        1 if files.len() > MANY / 2 => manage(format!("action=delete&file_ids={file}")).await,
        1 => token.put("/", &format!("{name}.txt"), name.as_bytes()).await,
        2 => token.put("/", "v1.txt", name.as_bytes()).await,
        3 => manage(format!("action=rename&folder_ids={dir}&new_name={name}")).await,
        4 => manage(format!("action=rename&file_ids={file}&new_name={name}.txt")).await,
        5 => manage(format!("action=copy&folder_ids={dir}&dest_path=/&on_conflict=rename")).await,
        _ => {
            let into = seen["folders"][0]["name"].as_str().unwrap_or("none");
            manage(format!("action=move&file_ids={file}&dest_path=/{into}")).await
        }
    };
    if reply.status == 200 {
        ledger.applied_v1.fetch_add(1, Ordering::Relaxed);
    }
}

async fn a_mirror_that_knows_only_what_it_is_told_stays_true(engine: Engine) {
    let p = Arc::new(Program::with(engine, |s| s.v1.rate_per_minute = 0).await);
    let seed = std::time::UNIX_EPOCH.elapsed().map_or(1, |d| d.as_secs());
    println!("seed {seed}");
    for n in 0..6 {
        let dir = p.folder("0", &format!("d{n}")).await;
        p.file(&dir, "in.txt", b"in").await;
        p.file("0", &format!("f{n}.txt"), b"top").await;
    }
    let mut mirror = Mirror::new(&p).await;
    let ledger = Arc::new(Ledger::default());
    let v1 = p.server.app(&p.person, "Other").await;
    let token = p.server.token(&p.person, &v1, "files.read_all files.write_all").await;
    // With its first write the app's own folder comes.
    token.folder("/", "v1").await;
    let started = p.head().await;
    for round in 0..ROUNDS {
        let mut writers = Vec::new();
        for who in 0..WRITERS {
            let (p, ledger) = (Arc::clone(&p), Arc::clone(&ledger));
            writers.push(tokio::spawn(async move {
                let random = SeededRandom::new(seed + 100 * round + who);
                let head = p.head().await;
                let mut writer = Writer { who, random, head };
                while ledger.goes_on(round) {
                    writer.write(&p, &ledger).await;
                }
            }));
        }
        for who in 0..WRITERS_V1 {
            let (token, ledger) = (token.clone(), Arc::clone(&ledger));
            writers.push(tokio::spawn(async move {
                let random = SeededRandom::new(seed + 100 * round + 50 + who);
                while ledger.goes_on_v1(round) {
                    write_by_v1(&token, &random, &ledger).await;
                    // Each of them makes every head that is carried old: once there were enough, they come seldom.
                    let enough = !ledger.count(&ledger.applied_v1, round, OPERATIONS_V1);
                    let pause = if enough { 200 } else { 20 };
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
            }));
        }
        while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
            mirror.follow(&p).await;
        }
        for writer in writers {
            writer.await.expect("a writer");
        }
        mirror.follow(&p).await;
        let (head, full) = ledger.compare(&p).await;
        assert_eq!(mirror.picture, full, "seed {seed}, round {round}");
        assert_eq!(mirror.head, head);
        // What is refused, and what changes nothing, tells the same head, and that is the same state.
        for (method, form) in [
            (
                "dir/create_dir",
                format!("create_name=x&parent_id=0&dologid={}", head - 1),
            ),
            (
                "dir/create_dir",
                format!("create_name=x&parent_id=987654321&dologid={head}"),
            ),
            ("recycle/truncate_recycle", format!("dologid={head}")),
        ] {
            assert_eq!(number(&p.call(method, &form).await["dologid"]), head, "{method} {form}");
        }
        ledger.compare(&p).await;
    }
    // What the writers were told is what the log says: each number is of the very change that its writer made.
    let log = p.server.change_log(&p.person).await;
    let made = ledger.made.lock().expect("a lock");
    for (at, (seq, node)) in log.iter().enumerate() {
        assert_eq!(*seq, at as i64 + 1, "the log has a gap");
        if let Some((id, what)) = made.get(seq) {
            assert_eq!(node, id, "change {seq} is not that of {what}");
        }
    }
    let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (applied, refused) = (counted(&ledger.applied), counted(&ledger.refused));
    let by_v1 = counted(&ledger.applied_v1);
    println!("applied {applied} and {by_v1} by v1, refused {refused}");
    assert_eq!(made.len() as u64, applied);
    // What was not told as a success of this face was made by v1, of whose successes some change nothing: what is there already
    // is moved there.
    let rest = (log.len() as u64).checked_sub(started.unsigned_abs() + applied);
    assert!(rest.is_some_and(|rest| rest <= by_v1), "{rest:?} by v1");
    assert!(applied >= OPERATIONS && by_v1 >= OPERATIONS_V1 && refused > OPERATIONS / 4);
}

pantry_testkit::both_engines!(a_mirror_that_knows_only_what_it_is_told_stays_true);
