//! `/v1/changes`: what is told of a root, and that nothing else is.

mod mirror;
mod stream;

use pantry_testkit::{Engine, NOW, TestServer, Token, both_engines, md5_hex};
use serde_json::{Value, json};

both_engines!(
    each_change_is_told_once_in_order_with_the_node_as_it_is_now,
    what_enters_the_root_is_created_and_what_leaves_it_removed,
    nothing_outside_of_the_root_is_told,
    the_apps_own_folder_is_the_root_wherever_it_lies,
    what_leads_nowhere_is_reset_and_what_is_no_cursor_refused,
    a_folder_is_listed_by_its_id_too,
    what_left_with_a_folder_that_it_was_put_into_is_told_as_gone,
);

async fn what_left_with_a_folder_that_it_was_put_into_is_told_as_gone(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token(EVERYTHING).await;
    let file = token.file("/", "a.txt", b"a").await;
    let going = token.folder("/", "going").await;
    let outer = token.folder("/", "outer").await;
    let inner = token.folder("/outer", "inner").await;
    token.file("/outer/inner", "b.txt", b"b").await;
    let later = token.folder("/", "later").await;
    let start = now(&token).await;
    for form in [
        format!("action=move&file_ids={file}&dest_path=/going"),
        format!("action=move&folder_ids={outer}&dest_path=/going"),
        format!("action=move&folder_ids={inner}&dest_path=/"),
        format!("action=delete&folder_ids={going}"),
    ] {
        manage(&token, &form).await;
    }
    // Whoever drops what is told as removed, with all below it, holds in the end what is there: the inner folder was dropped
    // with the outer one, and is to be listed again.
    let wanted = [
        format!("removed {file} -"),
        format!("removed {outer} -"),
        format!("updated {inner} inner subtree"),
        format!("removed {going} -"),
    ];
    assert_eq!(short(&since(&token, &start).await), wanted);
    // Page by page as well: the cursor remembers what was told early.
    let mut from = start;
    for one in &wanted {
        let page = token.get(&format!("/v1/changes?cursor={from}&limit=1")).await.data();
        assert_eq!(
            &short(page["changes"].as_array().expect("a list")),
            std::slice::from_ref(one)
        );
        from = cursor(&page);
    }
    assert_eq!(from, now(&token).await);
    // From then on a move is only that.
    manage(&token, &format!("action=move&folder_ids={inner}&dest_path=/later")).await;
    assert_eq!(short(&since(&token, &from).await), [format!("updated {inner} inner")]);
    manage(&token, &format!("action=delete&folder_ids={later}")).await;
}

/// A cursor for now.
pub async fn now(token: &Token) -> String {
    let page = token.get("/v1/changes").await.data();
    assert_eq!(
        (&page["changes"], &page["has_more"], &page["reset"]),
        (&json!([]), &json!(false), &json!(false))
    );
    cursor(&page)
}

pub fn cursor(page: &Value) -> String {
    page["next_cursor"].as_str().expect("a cursor").to_owned()
}

/// All changes since a cursor, which must lead on.
async fn since(token: &Token, from: &str) -> Vec<Value> {
    let (mut from, mut all) = (from.to_owned(), Vec::new());
    loop {
        let page = token.get(&format!("/v1/changes?cursor={from}")).await.data();
        assert_eq!(page["reset"], false, "{page}");
        all.extend(page["changes"].as_array().expect("a list").iter().cloned());
        from = cursor(&page);
        if page["has_more"] == false {
            return all;
        }
    }
}

/// Event, id, name now (`-` for none), subtree.
fn short(changes: &[Value]) -> Vec<String> {
    let one = |c: &Value| {
        let name = c["node"]["name"].as_str().unwrap_or("-");
        let subtree = if c["subtree"] == true { " subtree" } else { "" };
        format!("{} {} {name}{subtree}", c["event"].as_str().expect("an event"), c["id"])
    };
    changes.iter().map(one).collect()
}

/// The id of a folder, by where it lies and its name.
pub async fn folder_id(token: &Token, parent: &str, name: &str) -> i64 {
    let listed = token.list(parent).await.data();
    let mut folders = listed["folders"].as_array().expect("a list").iter();
    let found = folders.find(|folder| folder["name"] == name);
    found.expect("the folder is there")["id"].as_i64().expect("an id")
}

pub async fn manage(token: &Token, form: &str) {
    token.post("/v1/files/manage", form).await.data();
}

async fn each_change_is_told_once_in_order_with_the_node_as_it_is_now(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.read_all files.write_all").await;
    let start = now(&token).await;
    assert_eq!(now(&token).await, start, "asking changes nothing");
    let album = token.folder("/", "album").await;
    server.clock().advance(5);
    let file = token.file("/album", "a.txt", b"one").await;
    token.file("/album", "a.txt", b"two!").await;
    manage(&token, &format!("action=rename&file_ids={file}&new_name=b.txt")).await;

    let page = token.get(&format!("/v1/changes?cursor={start}")).await.data();
    let version = token.get(&format!("/v1/files/{file}")).await.data()["version"].clone();
    let at = page["changes"][0]["seq"].as_i64().expect("a number");
    let folder = json!({"id": album, "kind": "folder", "name": "album", "parent_id": 0, "path": "/album", "size": 0,
        "md5": "", "version": 0, "mtime": NOW + 5});
    let node = json!({"id": file, "kind": "file", "name": "b.txt", "parent_id": album, "path": "/album/b.txt", "size": 4,
        "md5": md5_hex(b"two!"), "version": version, "mtime": NOW + 5});
    let change = |seq: i64, event: &str, kind: &str, id: i64, node: &Value| json!({"seq": seq, "event": event, "kind": kind, "id": id, "node": node, "subtree": false});
    let wanted = json!([
        change(at, "created", "folder", album, &folder),
        change(at + 1, "created", "file", file, &node),
        change(at + 2, "updated", "file", file, &node),
        change(at + 3, "updated", "file", file, &node),
    ]);
    assert_eq!(page["changes"], wanted);
    assert_eq!((&page["has_more"], &page["reset"]), (&json!(false), &json!(false)));
    assert_eq!(cursor(&page), now(&token).await);

    // The same again in pages; the last one is known to be the last.
    let mut all = Vec::new();
    let mut from = start.clone();
    for round in 0..2 {
        let page = token.get(&format!("/v1/changes?cursor={from}&limit=2")).await.data();
        all.extend(page["changes"].as_array().expect("a list").iter().cloned());
        assert_eq!(page["has_more"], round == 0);
        from = cursor(&page);
    }
    assert_eq!(Value::from(all), wanted);
    assert_eq!(since(&token, &from).await, Vec::<Value>::new());

    // A folder that goes takes all along; what has left by now is told as gone.
    manage(&token, &format!("action=delete&folder_ids={album}")).await;
    let gone = since(&token, &start).await;
    let words = short(&gone);
    assert_eq!(
        words,
        [
            format!("removed {album} -"),
            format!("removed {file} -"),
            format!("removed {file} -"),
            format!("removed {file} -"),
            format!("removed {album} -"),
        ]
    );
    assert_eq!(gone[4], change(at + 4, "removed", "folder", album, &Value::Null));
    // And comes back with all, as one.
    token
        .post("/v1/bin/restore", &format!("folder_ids={album}"))
        .await
        .data();
    assert_eq!(
        short(&since(&token, &from).await)[1..],
        [format!("created {album} album subtree")]
    );
    // An old content that is taken back is a change; a purge of what lies in the bin is none.
    let versions = token.get(&format!("/v1/files/{file}/versions")).await.data();
    let old = versions["versions"][1]["version"].as_i64().expect("a version");
    let before = now(&token).await;
    token
        .post(&format!("/v1/files/{file}/versions/{old}/restore"), "")
        .await
        .data();
    let other = token.file("/", "other.txt", b"").await;
    manage(&token, &format!("action=delete&file_ids={other}")).await;
    token.post("/v1/bin/empty", "").await.data();
    let told = since(&token, &before).await;
    assert_eq!(
        short(&told),
        [
            format!("updated {file} b.txt"),
            format!("removed {other} -"),
            format!("removed {other} -")
        ]
    );
    assert_eq!(told[0]["node"]["md5"], md5_hex(b"one"));
    for query in ["limit=0", "limit=x", "cursor=x"] {
        let refused = token.get(&format!("/v1/changes?{query}")).await;
        assert_eq!(refused.error(), (400, "invalid_parameter".into()), "{query}");
    }
}

const EVERYTHING: &str = "files.read_all files.write_all";

/// A person with an app that sees its own folder, and one that sees everything.
pub struct Scene {
    pub server: TestServer,
    pub person: pantry_testkit::Person,
    pub notes: pantry_testkit::App,
    pub manager: pantry_testkit::App,
    /// Sees its folder.
    pub own: Token,
    /// Sees all.
    pub all: Token,
}

pub const HOME: &str = "/我的应用数据/Notes";

impl Scene {
    pub async fn new(engine: Engine, change: impl FnOnce(&mut pantry_core::Settings)) -> Self {
        let server = TestServer::with(engine, |settings| {
            settings.v1.rate_per_minute = 0;
            change(settings);
        })
        .await;
        let person = server.person("ada").await;
        let (notes, manager) = (server.app(&person, "Notes").await, server.app(&person, "Manager").await);
        let own = server.token(&person, &notes, "files.app_data").await;
        let all = server.token(&person, &manager, EVERYTHING).await;
        own.folder("/", "first").await;
        all.folder("/", "elsewhere").await;
        Self {
            server,
            person,
            notes,
            manager,
            own,
            all,
        }
    }

    /// Another token that sees all.
    pub async fn manager(&self) -> Token {
        self.server.token(&self.person, &self.manager, EVERYTHING).await
    }
}

async fn what_enters_the_root_is_created_and_what_leaves_it_removed(engine: Engine) {
    let s = Scene::new(engine, |_| {}).await;
    let (all, own) = (&s.all, &s.own);
    let album = all.folder("/elsewhere", "album").await;
    let inside = all.file("/elsewhere/album", "a.txt", b"a").await;
    let start = now(own).await;
    let from = now(all).await;
    manage(all, &format!("action=move&folder_ids={album}&dest_path={HOME}")).await;
    manage(all, &format!("action=rename&file_ids={inside}&new_name=b.txt")).await;
    manage(own, &format!("action=move&folder_ids={album}&dest_path=/first")).await;
    manage(all, &format!("action=copy&folder_ids={album}&dest_path={HOME}")).await;
    let copied = folder_id(own, "/", "album").await;
    manage(all, &format!("action=move&file_ids={inside}&dest_path=/elsewhere")).await;
    manage(all, &format!("action=move&folder_ids={album}&dest_path=/elsewhere")).await;
    manage(own, &format!("action=delete&folder_ids={copied}")).await;
    own.post("/v1/bin/restore", &format!("folder_ids={copied}"))
        .await
        .data();
    let told = since(own, &start).await;
    assert_eq!(
        short(&told),
        [
            format!("removed {album} -"),
            format!("removed {inside} -"),
            format!("removed {album} -"),
            format!("created {copied} album subtree"),
            format!("removed {inside} -"),
            format!("removed {album} -"),
            format!("removed {copied} -"),
            format!("created {copied} album subtree"),
        ]
    );
    assert_eq!(
        (&told[3]["node"]["parent_id"], &told[3]["node"]["path"]),
        (&json!(0), &json!(format!("{HOME}/album"))),
        "0 is the token's root, the path is that of the drive"
    );
    // Who sees all sees the same as moves.
    let words: Vec<String> = short(&since(all, &from).await);
    assert_eq!(words[0], format!("updated {album} album"));
    assert_eq!(
        words[4..6],
        [format!("updated {inside} b.txt"), format!("updated {album} album")]
    );
    assert_eq!(words.len(), 8);
    // What left the root at last is not shown where it is now.
    let text = serde_json::to_string(&told).expect("JSON");
    assert!(!text.contains("elsewhere") && !text.contains("b.txt"), "{text}");
}

async fn nothing_outside_of_the_root_is_told(engine: Engine) {
    let s = Scene::new(engine, |_| {}).await;
    let start = now(&s.own).await;
    let photos = s.server.app(&s.person, "Photos").await;
    let other = s.server.token(&s.person, &photos, "files.app_data").await;
    let hidden = other.folder("/", "hidden").await;
    let secret = s.all.file("/elsewhere", "secret.txt", b"secret").await;
    manage(
        &s.all,
        &format!("action=move&file_ids={secret}&dest_path=/我的应用数据/Photos/hidden"),
    )
    .await;
    manage(&s.all, &format!("action=copy&folder_ids={hidden}&dest_path=/elsewhere")).await;
    manage(&other, &format!("action=delete&folder_ids={hidden}")).await;
    assert_eq!(since(&s.own, &start).await, Vec::<Value>::new());
    // The cursor has moved on all the same, and the number of what comes next tells no more than that.
    let page = s.own.get(&format!("/v1/changes?cursor={start}")).await.data();
    assert_ne!(cursor(&page), start);
    let mine = s.own.file("/first", "mine.txt", b"mine").await;
    assert_eq!(
        short(&since(&s.own, &start).await),
        [format!("created {mine} mine.txt")]
    );

    // The right to write elsewhere shows nothing there; none to read shows nothing at all.
    let writer = s.server.token(&s.person, &s.notes, "files.write_all").await;
    let from = now(&writer).await;
    writer.file("/elsewhere", "dropped.txt", b"x").await;
    let kept = writer.file(HOME, "kept.txt", b"x").await;
    assert_eq!(
        short(&since(&writer, &from).await),
        [format!("created {kept} kept.txt")]
    );
    let blind = s.server.token(&s.person, &s.notes, "user.read").await;
    for path in ["/v1/changes", "/v1/changes?cursor=Ny8x", "/v1/changes/stream"] {
        assert_eq!(blind.get(path).await.error(), (403, "forbidden".into()), "{path}");
        assert_eq!(s.server.get(path).await.error().0, 401, "{path}");
    }
    // Another person's cursor is one of another root, whatever it says.
    let bob = s.server.person("bob").await;
    let bobs = s.server.token(&bob, &s.notes, "files.read_all").await;
    let from = now(&s.all).await;
    let page = bobs.get(&format!("/v1/changes?cursor={from}")).await.data();
    assert_eq!((&page["changes"], &page["reset"]), (&json!([]), &json!(true)));
}

async fn the_apps_own_folder_is_the_root_wherever_it_lies(engine: Engine) {
    let s = Scene::new(engine, |_| {}).await;
    let (all, own) = (&s.all, &s.own);
    let home = folder_id(all, "/我的应用数据", "Notes").await;
    let start = now(own).await;
    let from = now(all).await;
    // Renamed and moved by the person it stays the app's, and is itself no event of it.
    manage(all, &format!("action=rename&folder_ids={home}&new_name=Renamed")).await;
    manage(all, &format!("action=move&folder_ids={home}&dest_path=/elsewhere")).await;
    let holder = folder_id(all, "/", "elsewhere").await;
    manage(all, &format!("action=rename&folder_ids={holder}&new_name=holder")).await;
    let mine = own.file("/first", "mine.txt", b"mine").await;
    let told = since(own, &start).await;
    assert_eq!(short(&told), [format!("created {mine} mine.txt")]);
    assert_eq!(told[0]["node"]["path"], "/holder/Renamed/first/mine.txt");
    assert_eq!(short(&since(all, &from).await).len(), 4);

    // In the bin within another folder it is no root; taken out with it, it is the same one again.
    let before = now(own).await;
    manage(all, &format!("action=delete&folder_ids={holder}")).await;
    let page = own.get(&format!("/v1/changes?cursor={before}")).await.data();
    assert_eq!((&page["changes"], &page["reset"]), (&json!([]), &json!(true)));
    let without = cursor(&page);
    assert_eq!(since(own, &without).await, Vec::<Value>::new());
    assert_eq!(own.names("/").await, Vec::<String>::new());
    all.post("/v1/bin/restore", &format!("folder_ids={holder}"))
        .await
        .data();
    let page = own.get(&format!("/v1/changes?cursor={without}")).await.data();
    assert_eq!(page["reset"], true, "with the folder comes another root");
    assert_eq!(own.names("/").await, ["first"]);
    assert_eq!(
        since(own, &before).await,
        Vec::<Value>::new(),
        "nothing in it has changed"
    );

    // Deleted, the next write makes a new one; the old one comes back as an ordinary folder.
    manage(all, &format!("action=delete&folder_ids={home}")).await;
    let page = own.get(&format!("/v1/changes?cursor={before}")).await.data();
    assert_eq!(page["reset"], true);
    let none = cursor(&page);
    let anew = own.file("/", "anew.txt", b"").await;
    let page = own.get(&format!("/v1/changes?cursor={none}")).await.data();
    assert_eq!((&page["changes"], &page["reset"]), (&json!([]), &json!(true)));
    let begun = cursor(&page);
    all.post("/v1/bin/restore", &format!("folder_ids={home}")).await.data();
    manage(all, &format!("action=rename&file_ids={mine}&new_name=theirs.txt")).await;
    assert_eq!(
        since(own, &begun).await,
        Vec::<Value>::new(),
        "the old one is not its own"
    );
    // As an ordinary folder it may be put into the new one.
    manage(
        all,
        &format!("action=move&folder_ids={home}&dest_path=/我的应用数据/Notes"),
    )
    .await;
    manage(own, &format!("action=delete&file_ids={anew}")).await;
    assert_eq!(
        short(&since(own, &begun).await),
        [format!("created {home} Renamed subtree"), format!("removed {anew} -")]
    );
}

async fn what_leads_nowhere_is_reset_and_what_is_no_cursor_refused(engine: Engine) {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let s = Scene::new(engine, |_| {}).await;
    let reset = async |token: &Token, from: &str| {
        let page = token.get(&format!("/v1/changes?cursor={from}")).await.data();
        assert_eq!(page["has_more"], false, "{page}");
        if page["reset"] == true {
            assert_eq!(page["changes"], json!([]), "{page}");
            assert_eq!(since(token, &cursor(&page)).await, Vec::<Value>::new());
        }
        page["reset"] == true
    };
    let start = now(&s.all).await;
    // Of another root: another app's, and the same app's with wider scopes.
    assert!(reset(&s.own, &start).await);
    let wider = s
        .server
        .token(&s.person, &s.notes, "files.app_data files.read_all")
        .await;
    assert!(reset(&wider, &now(&s.own).await).await);
    assert!(
        !reset(&wider, &start).await,
        "the drive is the same root for all who see it"
    );
    // From a log that was longer once, and from one that begins later.
    let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(&start).expect("base64")).expect("text");
    let (root, seq) = plain.split_once('/').expect("two numbers");
    let seq: i64 = seq.parse().expect("a number");
    let at = |seq: i64| URL_SAFE_NO_PAD.encode(format!("{root}/{seq}"));
    assert!(reset(&s.all, &at(seq + 1)).await);
    assert!(!reset(&s.all, &at(0)).await);
    // Changes are kept for 90 days. A day later something is made, and another day later something else.
    let days = async |days: i64| {
        s.server.clock().advance(days * 86_400);
        s.server.drive().sweep().await.expect("swept");
        s.manager().await
    };
    for name in ["a", "b"] {
        days(1).await.folder("/", name).await;
    }
    let token = days(88).await;
    assert!(!reset(&token, &at(0)).await, "all is there");
    let token = days(1).await;
    assert!(reset(&token, &at(seq - 1)).await, "what came before both is gone");
    assert!(!reset(&token, &start).await, "nothing was missed");
    let token = days(1).await;
    assert!(reset(&token, &start).await, "the first was missed");
    assert!(!reset(&token, &at(seq + 1)).await);
    let token = days(1).await;
    assert!(
        reset(&token, &at(seq + 1)).await,
        "nothing is left, and the second was missed"
    );
    assert!(!reset(&token, &at(seq + 2)).await, "nothing was missed");

    let garbage = ["x", "%00", "Ny8x=", "7/1", "%EF%BF%BD"];
    let signed = URL_SAFE_NO_PAD.encode(format!("{root}/+1"));
    for text in garbage.into_iter().chain([signed.as_str()]) {
        let refused = token.get(&format!("/v1/changes?cursor={text}")).await;
        assert_eq!(refused.error(), (400, "invalid_parameter".into()), "{text}");
        assert!(refused.message().starts_with("cursor: "), "{}", refused.message());
        let refused = token.get(&format!("/v1/changes/stream?cursor={text}")).await;
        assert_eq!(refused.error(), (400, "invalid_parameter".into()), "{text}");
    }
}

async fn a_folder_is_listed_by_its_id_too(engine: Engine) {
    let s = Scene::new(engine, |_| {}).await;
    let album = s.own.folder("/first", "album").await;
    for name in ["a", "b", "c"] {
        s.own.file("/first/album", name, b"").await;
    }
    let page = s.own.get(&format!("/v1/files?folder_id={album}&limit=2")).await.data();
    assert_eq!(
        (&page["path"], &page["total"]),
        (&json!(format!("{HOME}/first/album")), &json!(3))
    );
    manage(&s.own, &format!("action=move&folder_ids={album}&dest_path=/")).await;
    let rest = format!("/v1/files?folder_id={album}&cursor={}", cursor(&page));
    assert_eq!(s.own.get(&rest).await.data()["files"][0]["name"], "c");
    // 0 is the token's root.
    let tops = s.own.get("/v1/files?folder_id=0").await.data();
    assert_eq!(
        (&tops["folders"][0]["name"], &tops["path"]),
        (&json!("album"), &json!("/"))
    );
    let elsewhere = folder_id(&s.all, "/", "elsewhere").await;
    let tops = s.all.get("/v1/files?folder_id=0").await.data();
    assert_eq!(tops["folders"][0]["id"], elsewhere);
    let refused = s.own.get(&format!("/v1/files?folder_id={elsewhere}")).await;
    let missing = s.own.get("/v1/files?folder_id=987654321").await;
    assert_eq!(refused.error(), (404, "not_found".into()));
    assert_eq!(refused.body_without_request_id(), missing.body_without_request_id());
    assert_eq!(s.own.get("/v1/files?folder_id=x").await.error().0, 400);
}
