//! A mirror that knows only `dologid` and `dologdir`, while sixteen writers carry their heads through this face and others
//! write through v1.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use pantry_testkit::{Engine, Token};
use pantry_types::{SeededRandom, random};
use serde_json::Value;

use crate::tools::{Program, number, text};

/// Operations in all.
const OPERATIONS: u64 = 1000;
const WRITERS: u64 = 16;

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

/// What every writer saw: of which state a head was told, and whose write came by it.
#[derive(Default)]
struct Ledger {
    /// The writer that a head was told to as that of its own success.
    made: Mutex<HashMap<i64, String>>,
    refused: AtomicU64,
    applied: AtomicU64,
    stop: AtomicBool,
}

async fn write(p: &Program, who: u64, random: &SeededRandom, head: i64, ledger: &Ledger) -> i64 {
    let draw = |n| random::below(random, n);
    let folders = p.ok("dir/get_list", "").await;
    let (top, subs) = rows(&folders["data"]);
    let pick = |from: &[String]| match from.len() {
        0 => "0".to_owned(),
        n => from[draw(n as u32) as usize].clone(),
    };
    let files: Vec<String> = top.iter().filter(|r| r.2 != "folder").map(|r| r.0.clone()).collect();
    let name = format!("w{who}-{}", draw(1_000_000));
    let (file, dir, to) = (pick(&files), pick(&subs), pick(&subs));
    let to = if draw(3) == 0 { "0".to_owned() } else { to };
    let (method, form) = match draw(10) {
        0 | 1 => ("dir/create_dir", format!("create_name={name}&parent_id={to}")),
        2 => ("file/rename_file", format!("fid={file}&new_name={name}.txt")),
        3 => (
            "file/move_file",
            format!("fid={file}&new_name={name}.txt&to_dir_id={to}"),
        ),
        4 => (
            "file/copy_file",
            format!("fid={file}&new_name={name}.txt&to_dir_id={to}"),
        ),
        5 => (
            "dir/move_dir",
            format!("dir_id={dir}&new_name={name}&to_parent_id={to}"),
        ),
        6 if subs.len() > 3 => ("dir/delete_dir", format!("dir_id={dir}")),
        7 if files.len() > 3 => ("file/delete_file", format!("fid={file}")),
        8 => ("file/share_file", format!("fid={file}")),
        _ => ("file/upload_file", name.clone()),
    };
    // Some programs take the number of a refusal and repeat; none waits for its turn for ever.
    let mut head = head;
    for _ in 0..6 {
        let reply = if method == "file/upload_file" {
            let text_head = head.to_string();
            let fields = [
                ("cover", "no"),
                ("dir_id", to.as_str()),
                ("dologid", text_head.as_str()),
            ];
            let name = format!("{name}.txt");
            p.upload(method, &name, name.as_bytes(), &fields).await
        } else {
            p.call(method, &format!("{form}&dologid={head}")).await
        };
        let now = number(&reply["dologid"]);
        let carried = std::mem::replace(&mut head, now);
        match reply["err_code"].as_i64() {
            Some(0) if now != carried => {
                // It was applied on top of the head that it carried, and of no other.
                assert_eq!(now, carried + 1, "{method}: {reply}");
                let mine = format!("{who} {method} {form}");
                let before = ledger.made.lock().expect("a lock").insert(now, mine);
                assert_eq!(before, None, "head {now} was told for two writes");
                ledger.applied.fetch_add(1, Ordering::Relaxed);
                break;
            }
            Some(602) => {
                assert_ne!(now, carried, "{reply}");
                ledger.refused.fetch_add(1, Ordering::Relaxed);
            }
            _ => break,
        }
    }
    head
}

async fn write_by_v1(token: &Token, ledger: &Ledger, random: &SeededRandom) {
    while !ledger.stop.load(Ordering::Relaxed) {
        let n = random::below(random, 1_000_000);
        token.folder("/", &format!("v1-{n}")).await;
        token.put("/", &format!("v1-{n}.txt"), n.to_string().as_bytes()).await;
        tokio::time::sleep(std::time::Duration::from_millis(40)).await;
    }
}

async fn a_mirror_that_knows_only_what_it_is_told_stays_true(engine: Engine) {
    let p = Arc::new(Program::new(engine).await);
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
    let other = {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move { write_by_v1(&token, &ledger, &SeededRandom::new(seed)).await })
    };
    let mut writers = Vec::new();
    for who in 0..WRITERS {
        let (p, ledger) = (Arc::clone(&p), Arc::clone(&ledger));
        writers.push(tokio::spawn(async move {
            let random = SeededRandom::new(seed + 1 + who);
            let mut head = p.head().await;
            for _ in 0..OPERATIONS / WRITERS {
                head = write(&p, who, &random, head, &ledger).await;
            }
        }));
    }
    let follower = {
        let (p, ledger) = (Arc::clone(&p), Arc::clone(&ledger));
        tokio::spawn(async move {
            while !ledger.stop.load(Ordering::Relaxed) {
                mirror.follow(&p).await;
            }
            mirror
        })
    };
    for writer in writers {
        writer.await.expect("a writer");
    }
    ledger.stop.store(true, Ordering::Relaxed);
    other.await.expect("the other face's writer");
    let mut mirror = follower.await.expect("the mirror");
    mirror.follow(&p).await;
    let mut full = Picture::new();
    list(&p, &mut full, "0").await;
    assert_eq!(mirror.picture, full, "seed {seed}");
    assert_eq!(mirror.head, p.head().await);
    let (applied, refused) = (
        ledger.applied.load(Ordering::Relaxed),
        ledger.refused.load(Ordering::Relaxed),
    );
    println!("applied {applied}, refused {refused}");
    assert!(applied > 100 && refused > 100, "applied {applied}, refused {refused}");
}

pantry_testkit::both_engines!(a_mirror_that_knows_only_what_it_is_told_stays_true);
