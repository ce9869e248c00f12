//! Every published number of every method, provoked; but for those that cannot come about here, which stand with a dash in the
//! documentation, and 104: a disk that is full is not made here.

use pantry_testkit::Engine;
use pantry_types::Scopes;
use serde_json::Value;

use crate::tools::{Program, text, weipan_app};

/// What the calls below name.
struct Scene {
    program: Program,
    names: Vec<(&'static str, String)>,
}

impl Scene {
    async fn new(engine: Engine) -> Self {
        let program = Program::with(engine, |s| s.users.quota_bytes = 1_000_000).await;
        let mut names = Vec::new();
        let p = &program;
        names.push(("{file}", p.file("0", "a.txt", b"hello").await));
        names.push(("{other}", p.file("0", "b.txt", b"other").await));
        names.push(("{exe}", p.file("0", "a.exe", b"exe").await));
        let dir = p.folder("0", "dir").await;
        let sub = p.folder(&dir, "sub").await;
        p.folder("0", "dir2").await;
        let lost = p.folder("0", "lost").await;
        let lost_file = p.file(&lost, "in.txt", b"in").await;
        let lost_dir = p.folder(&lost, "in").await;
        let taken_file = p.file("0", "taken.txt", b"1").await;
        let taken_dir = p.folder("0", "taken").await;
        for (method, form) in [
            ("file/delete_file", format!("fid={lost_file}")),
            ("dir/delete_dir", format!("dir_id={lost_dir}")),
            ("dir/delete_dir", format!("dir_id={lost}")),
            ("file/delete_file", format!("fid={taken_file}")),
            ("dir/delete_dir", format!("dir_id={taken_dir}")),
        ] {
            p.ok(method, &form).await;
        }
        p.file("0", "taken.txt", b"2").await;
        p.folder("0", "taken").await;
        // A folder whose path is as long as it may be.
        let mut long = "0".to_owned();
        for _ in 0..3 {
            long = p.folder(&long, &"d".repeat(65)).await;
        }
        names.extend([
            ("{dir}", dir),
            ("{sub}", sub),
            ("{lost_file}", lost_file),
            ("{lost_dir}", lost_dir),
            ("{taken_file}", taken_file),
            ("{taken_dir}", taken_dir),
            ("{long}", long),
        ]);
        Self { program, names }
    }

    fn fill(&self, form: &str) -> String {
        let mut form = form.to_owned();
        for (name, id) in &self.names {
            form = form.replace(name, id);
        }
        form
    }

    async fn expect(&self, method: &str, number: i64, form: &str) {
        let reply = self.program.call(method, &self.fill(form)).await;
        self.check(&reply, method, number, form);
    }

    async fn expect_upload(&self, method: &str, number: i64, name: &str, bytes: &[u8], form: &str) {
        let filled = self.fill(form);
        let fields: Vec<(&str, &str)> = filled.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let reply = self.program.upload(method, name, bytes, &fields).await;
        self.check(&reply, method, number, form);
    }

    fn check(&self, reply: &Value, method: &str, number: i64, form: &str) {
        assert_eq!(reply["err_code"], number, "{method} {form}: {reply}");
        assert!(reply.get("data").is_none(), "{method}: {reply}");
        let said = reply["err_msg"].as_str().unwrap_or_default();
        assert!(!said.is_empty() && said != "success", "{reply}");
        let known = number != 702;
        assert_eq!(reply["dologid"].is_string(), known, "{method}: {reply}");
        assert_eq!(reply["dologdir"].is_array(), known, "{method}: {reply}");
    }
}

const LONG: &str = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";

/// Method, number, and a form that makes it.
const TABLE: &[(&str, i64, &str)] = &[
    ("dir/create_dir", 3, "create_name=a:b&parent_id=0"),
    ("dir/create_dir", 3, "create_name=&parent_id=0"),
    ("dir/create_dir", 3, "create_name={LONG}&parent_id={long}"),
    ("dir/create_dir", 6, "create_name=dir&parent_id=0"),
    ("dir/create_dir", 6, "create_name=a.txt&parent_id=0"),
    ("dir/create_dir", 7, "create_name=x&parent_id=999999"),
    ("dir/create_dir", 7, "create_name=x&parent_id={file}"),
    ("dir/create_dir", 909, "create_name=x"),
    ("dir/create_dir", 909, "parent_id=0"),
    ("dir/create_dir", 909, "create_name=x&parent_id=root"),
    ("dir/getlist", 2, "dir_id=999999"),
    ("dir/getlist", 2, "dir_id={file}"),
    ("dir/getlist", 909, "dir_id=abc"),
    ("dir/getlist", 909, "page=first"),
    ("dir/get_list", 2, "dir_id=999999"),
    ("dir/list_items", 909, "dir_id=-1"),
    (
        "file/upload_with_sha1",
        1,
        "dir_id=0&sha1=03d5717869bb075e3bad73b527fabc8a27fabc8a&file_name=x",
    ),
    ("file/upload_with_sha1", 3, "dir_id=999999&sha1={HELLO}&file_name=x"),
    ("file/upload_with_sha1", 4, "dir_id=0&sha1={HELLO}&file_name=a.txt"),
    ("file/upload_with_sha1", 909, "dir_id=0&sha1=abc&file_name=x"),
    ("file/upload_with_sha1", 909, "dir_id=0&file_name=x"),
    ("file/upload_with_sha1", 909, "dir_id=0&sha1={HELLO}&file_name=a*"),
    ("file/get_file_info", 1, "fid=abc"),
    ("file/get_file_info", 3, "fid=999999"),
    ("file/get_file_info", 3, "fid={dir}"),
    ("file/get_file_info", 3, "fid={lost_file}"),
    ("file/get_file_info", 909, ""),
    ("dir/delete_dir", 2, "dir_id=999999"),
    ("dir/delete_dir", 2, "dir_id=0"),
    ("dir/delete_dir", 2, "dir_id={file}"),
    ("dir/delete_dir", 909, ""),
    ("file/delete_file", 2, "fid=999999"),
    ("file/delete_file", 2, "fid={dir}"),
    ("file/delete_file", 909, "fid=x"),
    ("file/copy_file", 1, "fid=x&new_name=c&to_dir_id=0"),
    ("file/copy_file", 2, "fid={file}&new_name=a?&to_dir_id=0"),
    ("file/copy_file", 3, "fid={file}&new_name={LONG}&to_dir_id={long}"),
    ("file/copy_file", 6, "fid={file}&new_name=b.txt&to_dir_id=0"),
    ("file/copy_file", 6, "fid={file}&new_name=dir&to_dir_id=0"),
    ("file/copy_file", 8, "fid=999999&new_name=c&to_dir_id=0"),
    ("file/copy_file", 909, "fid={file}&new_name=c&to_dir_id=999999"),
    ("file/copy_file", 909, "fid={file}&to_dir_id=0"),
    ("file/move_file", 1, "fid=x&new_name=c&to_dir_id=0"),
    ("file/move_file", 2, "fid={file}&new_name=.&to_dir_id=0"),
    ("file/move_file", 3, "fid={file}&new_name={LONG}&to_dir_id={long}"),
    ("file/move_file", 4, "fid={file}&new_name=c&to_dir_id=999999"),
    ("file/move_file", 6, "fid={file}&new_name=b.txt&to_dir_id=0"),
    ("file/move_file", 7, "fid=999999&new_name=c&to_dir_id=0"),
    ("file/rename_file", 1, "fid=x&new_name=c"),
    ("file/rename_file", 2, "fid={file}&new_name=c|d"),
    (
        "file/rename_file",
        3,
        "fid={file}&new_name={LONG}{LONG}{LONG}{LONG}{LONG}{LONG}",
    ),
    ("file/rename_file", 4, "fid=999999&new_name=c"),
    ("file/rename_file", 6, "fid={file}&new_name=b.txt"),
    ("dir/rename_dir", 2, "dir_id=999999&new_name=c"),
    ("dir/rename_dir", 2, "dir_id=0&new_name=c"),
    ("dir/rename_dir", 3, "dir_id={dir}&new_name=c%09"),
    ("dir/rename_dir", 4, "dir_id={dir}&new_name=dir2"),
    ("dir/move_dir", 1, "dir_id={dir}&new_name=x&to_parent_id={dir}"),
    ("dir/move_dir", 3, "dir_id={dir}&new_name=x&to_parent_id=999999"),
    ("dir/move_dir", 4, "dir_id=999999&new_name=x&to_parent_id=0"),
    ("dir/move_dir", 4, "dir_id=0&new_name=x&to_parent_id={dir}"),
    ("dir/move_dir", 6, "dir_id=x&new_name=x&to_parent_id=0"),
    ("dir/move_dir", 7, "dir_id={dir}&new_name=x<&to_parent_id=0"),
    ("dir/move_dir", 8, "dir_id={dir}&new_name=dir2&to_parent_id=0"),
    ("dir/move_dir", 9, "dir_id={dir}&new_name=x&to_parent_id={sub}"),
    ("file/share_file", 2, "fid=999999"),
    ("file/share_file", 105, "fid={exe}"),
    ("file/share_file", 701, ""),
    ("file/email_share_file", 2, "fid=999999&to_email=a@b"),
    ("file/cancel_share_file", 3, "fid={file}"),
    ("file/cancel_share_file", 3, "fid=999999"),
    ("file/cancel_share_file", 701, ""),
    ("recycle/delete_file", 2, "fid={file}"),
    ("recycle/delete_file", 2, "fid={taken_dir}"),
    ("recycle/delete_dir", 2, "dir_id={dir}"),
    ("recycle/restore_file", 2, "fid={file}"),
    ("recycle/restore_file", 3, "fid={lost_file}"),
    ("recycle/restore_file", 4, "fid={taken_file}"),
    ("recycle/restore_dir", 2, "dir_id={dir}"),
    ("recycle/restore_dir", 3, "dir_id={taken_dir}"),
    ("recycle/restore_dir", 4, "dir_id={lost_dir}"),
    ("dir/get_dirid_with_path", 2, "path=dir"),
    ("dir/get_dirid_with_path", 2, "path=/a/../b"),
    ("dir/get_dirid_with_path", 3, "path=/none"),
    ("dir/get_dirid_with_path", 3, "path=/a.txt"),
    ("dir/get_dirid_with_path", 909, ""),
    ("file/upload_back", 721, "key=none&file_name=x&dir_id=0"),
    ("file/upload_back", 701, "file_name=x&dir_id=0"),
];

/// Every method with a token, with a form that is good enough to be refused for another reason.
const METHODS: &[(&str, bool, &str)] = &[
    ("keep", false, ""),
    ("user/keep_token", false, ""),
    ("file/upload_file", true, ""),
    ("file/upload_share_file", true, ""),
    ("dir/create_dir", true, "create_name=new&parent_id=0"),
    ("dir/getlist", false, ""),
    ("dir/get_list", false, ""),
    ("dir/list_items", false, ""),
    ("file/get_quota", false, ""),
    ("file/upload_with_sha1", true, "dir_id=0&sha1={HELLO}&file_name=new"),
    ("file/get_file_info", false, "fid={file}"),
    ("dir/delete_dir", true, "dir_id={dir}"),
    ("file/delete_file", true, "fid={file}"),
    ("file/copy_file", true, "fid={file}&new_name=new&to_dir_id=0"),
    ("file/move_file", true, "fid={file}&new_name=new&to_dir_id={dir}"),
    ("file/rename_file", true, "fid={file}&new_name=new"),
    ("dir/rename_dir", true, "dir_id={dir}&new_name=new"),
    ("dir/move_dir", true, "dir_id={dir}&new_name=new&to_parent_id=0"),
    ("file/share_file", true, "fid={file}"),
    ("file/email_share_file", true, "fid={file}"),
    ("file/cancel_share_file", true, "fid={file}"),
    ("recycle/get_list", false, ""),
    ("recycle/truncate_recycle", true, ""),
    ("recycle/delete_file", true, "fid={taken_file}"),
    ("recycle/delete_dir", true, "dir_id={taken_dir}"),
    ("recycle/restore_file", true, "fid={taken_file}"),
    ("recycle/restore_dir", true, "dir_id={taken_dir}"),
    ("dir/get_dirid_with_path", false, "path=/dir"),
    ("file/upload_sign", false, "file_name=x"),
    ("file/upload_back", true, "key=x&file_name=new&dir_id=0"),
];

const UPLOADS: &[&str] = &["file/upload_file", "file/upload_share_file"];

fn spelled(form: &str) -> String {
    form.replace("{LONG}", LONG)
        .replace("{HELLO}", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d")
}

async fn the_table_holds(engine: Engine) {
    let s = Scene::new(engine).await;
    for (method, number, form) in TABLE {
        s.expect(method, *number, &spelled(form)).await;
    }
    let (large, too_large) = (vec![0; 1_000_000], vec![0; 10 * 1024 * 1024 + 1]);
    let long = format!("{}.txt", "x".repeat(194));
    for method in UPLOADS {
        let upload = async |number, name, bytes, form| s.expect_upload(method, number, name, bytes, form).await;
        upload(1, "x.txt", b"x", "cover=maybe&dir_id=0").await;
        upload(3, "x.txt", b"x", "cover=no&dir_id=999999").await;
        upload(3, "x.txt", b"x", "cover=no&dir=/a.txt/x").await;
        upload(4, "a.txt", b"x", "cover=no&dir_id=0").await;
        upload(7, "x.txt", &large, "cover=no&dir_id=0").await;
        upload(101, "x.txt", &too_large, "cover=no&dir_id=0").await;
        upload(909, &long, b"x", "cover=no&dir=/d").await;
        upload(102, "x.txt", b"12345", "cover=no&dir_id=0&MAX_FILE_SIZE=4").await;
        upload(701, "x.txt", b"x", "cover=no").await;
        upload(701, "x.txt", b"x", "dir_id=0").await;
        upload(909, "x.txt", b"x", "cover=no&dir_id=x").await;
        upload(909, "x.txt", b"x", "cover=no&dir=x").await;
        s.expect(method, 701, "cover=no&dir_id=0").await;
    }
    s.expect_upload("file/upload_file", 4, "dir", b"x", "cover=yes&dir_id=0")
        .await;
    s.expect_upload("file/upload_share_file", 105, "x.exe", b"x", "cover=no&dir_id=0")
        .await;
    // What is there may be too large to have it twice.
    let large = s.program.file("0", "large.bin", &vec![1; 990_000]).await;
    let info = s.program.ok("file/get_file_info", &format!("fid={large}")).await;
    let form = format!("dir_id=0&sha1={}&file_name=again", text(&info["data"]["sha1"]));
    s.expect("file/upload_with_sha1", 7, &form).await;
    let form = format!("fid={large}&new_name=again&to_dir_id=0");
    s.expect("file/copy_file", 7, &form).await;
    s.program.ok("recycle/truncate_recycle", "").await;
    s.expect("recycle/get_list", 2, "").await;
}

async fn every_method_asks_for_a_token(engine: Engine) {
    let mut s = Scene::new(engine).await;
    let good = std::mem::take(&mut s.program.token);
    for (method, _, form) in METHODS {
        s.expect(method, 702, &spelled(form)).await;
    }
    for bad in [
        "0".repeat(32),
        good.to_uppercase(),
        format!("{good}0"),
        "nonsense".into(),
    ] {
        s.program.token = bad;
        s.expect("keep", 702, "").await;
    }
    for (m, a) in [("none", "keep"), ("", "none"), ("file", ""), ("dir", "upload_file")] {
        let reply = s.program.server.get(&format!("/?m={m}&a={a}")).await;
        assert_eq!(reply.status, 200);
        let json = reply.json();
        assert_eq!(json["err_code"], 909, "{json}");
        assert!(json.get("dologid").is_none());
    }
}

async fn a_write_with_an_old_dologid_is_refused_and_changes_nothing(engine: Engine) {
    let s = Scene::new(engine).await;
    let head = s.program.head().await;
    for (method, writes, form) in METHODS {
        let form = spelled(form);
        if UPLOADS.contains(method) {
            let form = format!("cover=no&dir_id=0&dologid={}", head - 1);
            s.expect_upload(method, 602, "new.txt", b"new", &form).await;
            continue;
        }
        for old in [head - 1, head + 1, 1 << 60] {
            let form = format!("{form}&dologid={old}");
            if *writes {
                s.expect(method, 602, &form).await;
            } else {
                let reply = s.program.ok(method, &s.fill(&form)).await;
                assert_eq!(reply["dologid"], head.to_string(), "{method}");
            }
        }
    }
    assert_eq!(s.program.head().await, head, "nothing was changed");
}

async fn full_folders_and_system_folders(engine: Engine) {
    let program = Program::with(engine, |s| s.weipan.folder_limit = 4).await;
    let p = &program;
    let (one, two) = (p.folder("0", "one").await, p.folder("0", "two").await);
    let file = p.file(&one, "a.txt", b"hello").await;
    let binned = p.file(&two, "binned.txt", b"x").await;
    let binned_dir = p.folder(&two, "binned").await;
    p.ok("file/delete_file", &format!("fid={binned}")).await;
    p.ok("dir/delete_dir", &format!("dir_id={binned_dir}")).await;
    for name in ["1", "2", "3", "4"] {
        p.folder(&two, name).await;
    }
    let full = async |method: &str, form: &str| {
        let reply = p.call(method, form).await;
        assert_eq!(reply["err_code"], 601, "{method}: {reply}");
    };
    full("dir/create_dir", &format!("create_name=5&parent_id={two}")).await;
    full("file/copy_file", &format!("fid={file}&new_name=c&to_dir_id={two}")).await;
    full("file/move_file", &format!("fid={file}&new_name=c&to_dir_id={two}")).await;
    full("dir/move_dir", &format!("dir_id={one}&new_name=c&to_parent_id={two}")).await;
    let sha1 = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
    full(
        "file/upload_with_sha1",
        &format!("dir_id={two}&sha1={sha1}&file_name=x"),
    )
    .await;
    full("recycle/restore_file", &format!("fid={binned}")).await;
    full("recycle/restore_dir", &format!("dir_id={binned_dir}")).await;
    for method in UPLOADS {
        let fields = [("cover", "no"), ("dir_id", two.as_str())];
        let reply = p.upload(method, "x.txt", b"x", &fields).await;
        assert_eq!(reply["err_code"], 601, "{method}: {reply}");
    }
    // Through the other face more may come to lie there; then even a name stays.
    let actor = pantry_core::Actor::person(p.person.id);
    let folder = pantry_core::files::FolderRef::Id(pantry_types::NodeId(two.parse().expect("an id")));
    let mut more = p
        .server
        .drive()
        .receive_content(
            &actor,
            folder,
            pantry_types::Name::parse("five.txt").expect("a name"),
            pantry_core::files::OnConflict::Fail,
            None,
            None,
            Some(4),
            100,
        )
        .await
        .expect("begun");
    more.write(b"five").await.expect("written");
    let five = more.finish().await.expect("stored").id;
    full("file/rename_file", &format!("fid={five}&new_name=six.txt")).await;

    let apps = p.server.drive().create_folder(
        &actor,
        pantry_core::files::FolderRef::Id(pantry_types::NodeId(0)),
        pantry_types::Name::parse("我的应用数据").expect("a name"),
    );
    let apps = apps.await.expect("made").item.id;
    // It becomes what it is with the first app's folder.
    p.server
        .token(&p.person, &p.app, "files.app_data")
        .await
        .folder("/", "x")
        .await;
    let reply = p
        .call("dir/create_dir", &format!("create_name=x&parent_id={apps}"))
        .await;
    assert_eq!(reply["err_code"], 611, "{reply}");
    let reply = p.call("dir/rename_dir", &format!("new_name=x&dir_id={apps}")).await;
    assert_eq!(reply["err_code"], 611, "{reply}");
}

async fn too_many_calls_are_900_each(engine: Engine) {
    let program = Program::with(engine, |s| s.weipan.rate_per_minute = 3).await;
    for _ in 0..3 {
        program.ok("keep", "").await;
    }
    for (method, _, _) in METHODS {
        let reply = program.call(method, "").await;
        assert_eq!(reply["err_code"], 900, "{method}: {reply}");
        assert!(reply["dologid"].is_string());
    }
    // Signing in is counted on its own, by app and account.
    let fields = program.credentials("ada", "wrong password", &program.now().to_string());
    for expected in [2, 2, 2, 900] {
        assert_eq!(program.get_token(&fields).await["err_code"], expected);
    }
    program.server.clock().advance(20);
    program.ok("keep", "").await;
}

async fn an_app_that_may_not_share_gets_106(engine: Engine) {
    let mut program = Program::new(engine).await;
    let file = program.file("0", "a.txt", b"hello").await;
    let app = weipan_app(&program.server, &program.person, "Silent", Scopes::EMPTY).await;
    program.app = app;
    program.token = program.sign_in().await;
    for method in ["file/share_file", "file/email_share_file"] {
        let reply = program.call(method, &format!("fid={file}")).await;
        assert_eq!(reply["err_code"], 106, "{reply}");
    }
    let fields = [("cover", "no"), ("dir_id", "0")];
    let reply = program.upload("file/upload_share_file", "b.txt", b"x", &fields).await;
    assert_eq!(reply["err_code"], 106, "{reply}");
}

async fn failing_stores_have_their_numbers(engine: Engine) {
    let s = Scene::new(engine).await;
    // Above what lies in the rows: the object store is needed, and it is broken.
    let content = s.program.server.place.folder().join("data/content");
    let aside = s.program.server.place.folder().join("data/aside");
    std::fs::rename(&content, &aside).expect("moved");
    std::fs::write(&content, b"not a folder").expect("written");
    for method in UPLOADS {
        s.expect_upload(method, 6, "big.txt", &vec![7; 50_000], "cover=no&dir_id=0")
            .await;
    }
    std::fs::remove_file(&content).expect("removed");
    std::fs::rename(&aside, &content).expect("moved back");
    s.program.head().await;
    // The rows are gone: whoever was known a moment ago is still known.
    s.program.server.drive().db().close().await;
    for (method, writes, form) in METHODS {
        if !writes {
            continue;
        }
        let form = s.fill(&spelled(form));
        let reply = if UPLOADS.contains(method) {
            let fields = [("cover", "no"), ("dir_id", "0")];
            s.program.upload(method, "new.txt", b"x", &fields).await
        } else {
            s.program.call(method, &form).await
        };
        assert_eq!(reply["err_code"], 5, "{method}: {reply}");
        assert!(reply.get("data").is_none());
    }
}

pantry_testkit::both_engines!(
    the_table_holds,
    every_method_asks_for_a_token,
    a_write_with_an_old_dologid_is_refused_and_changes_nothing,
    full_folders_and_system_folders,
    too_many_calls_are_900_each,
    an_app_that_may_not_share_gets_106,
    failing_stores_have_their_numbers
);
