//! Every documented number of every method, provoked; the documentation itself says which there are. Those that cannot come
//! about stand with a dash in it, and in a list here.

use std::collections::BTreeSet;

use pantry_testkit::{Engine, TestServer};
use pantry_types::Scopes;
use serde_json::Value;

use crate::tools::{Program, see, seen, text, weipan_app};

const DOCUMENTATION: &str = include_str!("../../../../docs/api/weipan.md");

/// What is published and cannot come about: nothing locks, 106 serves for 107 and 108 and 702 for a token that ran out, plain
/// uploads share nothing, by hash nothing is stored, paging may be left out, and reads are never refused for their number.
const NEVER: &[(&str, &[i64])] = &[
    ("keep", &[602]),
    ("file/upload_file", &[105, 106]),
    ("file/upload_share_file", &[107, 108]),
    ("dir/create_dir", &[2]),
    ("file/upload_with_sha1", &[6]),
    ("file/delete_file", &[3]),
    ("file/share_file", &[107, 108]),
    ("recycle/get_list", &[602, 701]),
    ("recycle/delete_file", &[3]),
    ("file/email_share_file", &[107, 108]),
];

/// What the calls below name.
struct Scene {
    program: Program,
    names: Vec<(&'static str, String)>,
}

impl Scene {
    async fn new(engine: Engine) -> Self {
        Self::on(Program::with(engine, |s| s.users.quota_bytes = 1_000_000).await).await
    }

    async fn on(program: Program) -> Self {
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

    /// A body that ends inside the file.
    async fn expect_cut(&self, method: &str) {
        let body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.txt\"\r\n\r\nhalf of";
        let address = crate::tools::address(method);
        let address = format!("{address}&cover=no&dir_id=0&token={}", self.program.token);
        let request = self.program.server.http.post(self.program.server.url(&address));
        let request = request.header("content-type", "multipart/form-data; boundary=b");
        let reply = pantry_testkit::Reply::of(request.body(body)).await.json();
        see(method, &reply);
        self.check(&reply, method, 103, body);
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
    ("dir/get_list", 909, "dir_id=abc"),
    ("dir/list_items", 2, "dir_id=999999"),
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
    ("file/email_share_file", 105, "fid={exe}"),
    ("file/email_share_file", 701, "to_email=a@b"),
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
        s.expect_cut(method).await;
    }
    let signed = "key=k&policy=p&signature=s&cover=no&dir_id=0";
    s.expect_upload("file/upload_file", 721, "x.txt", b"x", signed).await;
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
    // Signing in: a field too few, another signature, another time.
    let p = &s.program;
    for (number, change) in [(701, 0), (1, 1), (3, 2)] {
        let time = if change == 2 { "1" } else { &p.now().to_string() };
        let mut fields = p.credentials("ada", pantry_testkit::Person::PASSWORD, time);
        match change {
            0 => drop(fields.pop()),
            1 => fields[0].1.push('x'),
            _ => {}
        }
        let reply = p.get_token(&fields).await;
        assert_eq!(reply["err_code"], number, "{reply}");
        assert!(reply.get("dologid").is_none() && reply.get("data").is_none());
    }
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
    let key = p.post_form(b"sent").await;
    full("file/upload_back", &format!("key={key}&file_name=x&dir_id={two}")).await;
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

/// What a full disk is answered with, wherever it is met: 104 where the method has it, else 5. Nothing is changed.
async fn a_full_disk_has_its_number(engine: Engine) {
    let (server, disk) = TestServer::on_a_disk(engine, |s| s.weipan.rate_per_minute = 0).await;
    let mut s = Scene::on(Program::on(server).await).await;
    let key = s.program.post_form(b"waits for its name").await;
    s.names.push(("{key}", key));
    let head = s.program.head().await;
    // The contents: above what lies in the rows.
    for method in UPLOADS {
        disk.refuse_content();
        s.expect_upload(method, 104, "big.txt", &vec![7; 50_000], "cover=no&dir_id=0")
            .await;
    }
    // The rows.
    disk.fill_rows(true);
    for method in UPLOADS {
        s.expect_upload(method, 104, "small.txt", b"x", "cover=no&dir_id=0")
            .await;
    }
    for (method, writes, form) in METHODS {
        if *writes && !UPLOADS.contains(method) {
            let (number, form) = match *method {
                "file/upload_back" => (104, "key={key}&file_name=new&dir_id=0"),
                _ => (5, *form),
            };
            s.expect(method, number, &spelled(form)).await;
        }
    }
    disk.fill_rows(false);
    assert_eq!(s.program.head().await, head, "nothing was changed");
    let form = s.fill("key={key}&file_name=new&dir_id=0");
    s.program.ok("file/upload_back", &form).await;
}

/// The last of the three steps, where the table's calls get no further than the key.
async fn what_was_sent_may_not_fit_when_it_is_named(engine: Engine) {
    let s = Scene::new(engine).await;
    let key = s.program.post_form(&vec![1; 600_000]).await;
    let back = async |number, form: &str| {
        s.expect("file/upload_back", number, &format!("key={key}&{form}")).await;
    };
    back(1, "file_name=x&dir_id=0&cover=maybe").await;
    back(3, "file_name=x&dir_id=999999").await;
    back(3, "file_name=x&dir=/a.txt/x").await;
    back(4, "file_name=a.txt&dir_id=0").await;
    back(4, "file_name=dir&dir_id=0&cover=yes").await;
    back(701, "dir_id=0").await;
    back(701, "file_name=x").await;
    back(909, "file_name=a:b&dir_id=0").await;
    back(909, "file_name={LONG}&dir_id={long}").await;
    s.program.file("0", "large.bin", &vec![2; 600_000]).await;
    back(7, "file_name=x&dir_id=0").await;
}

/// The redirects, which take no token.
async fn redirects_say_what_is_not_there(engine: Engine) {
    let s = Scene::new(engine).await;
    let user = s.program.person.id;
    for (method, form) in [
        ("file/jump_to_s3", format!("uid={user}&fid=999999")),
        ("file/jump_to_s3", s.fill(&format!("uid={user}&fid={{file}}"))),
        ("file/download_share_file", "ss=nothing".to_owned()),
    ] {
        let address = format!("{}&{form}", crate::tools::address(method));
        let reply = s.program.server.get(&address).await;
        assert_eq!(reply.status, 200);
        let reply = reply.json();
        assert_eq!(reply["err_code"], 2, "{method}: {reply}");
        see(method, &reply);
    }
}

/// Method, number, and whether it is said to come about.
fn documented() -> Vec<(String, i64, bool)> {
    let mut out = Vec::new();
    let mut method = None;
    for line in DOCUMENTATION.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            let query = title.strip_prefix('`').and_then(|t| t.strip_suffix('`'));
            method = query.map(|query| query.replace("m=", "").replace("&a=", "/").replace("a=", ""));
        }
        let mut cells = line.split('|').map(str::trim).skip(1);
        if let Some(method) = &method
            && let (Some(Ok(number)), Some(when)) = (cells.next().map(str::parse), cells.next())
        {
            out.push((method.clone(), number, when != "–"));
        }
    }
    out
}

async fn every_documented_number_is_provoked(engine: Engine) {
    the_table_holds(engine).await;
    every_method_asks_for_a_token(engine).await;
    a_write_with_an_old_dologid_is_refused_and_changes_nothing(engine).await;
    full_folders_and_system_folders(engine).await;
    too_many_calls_are_900_each(engine).await;
    an_app_that_may_not_share_gets_106(engine).await;
    failing_stores_have_their_numbers(engine).await;
    a_full_disk_has_its_number(engine).await;
    what_was_sent_may_not_fit_when_it_is_named(engine).await;
    redirects_say_what_is_not_there(engine).await;

    let documented = documented();
    assert!(documented.len() > 200, "{}", documented.len());
    let seen = seen();
    let unseen: Vec<_> = documented
        .iter()
        .filter(|(method, number, happens)| *happens && !seen.contains(&(method.clone(), *number)))
        .collect();
    assert!(
        unseen.is_empty(),
        "documented, and provoked by nothing here: {unseen:?}"
    );
    let never: BTreeSet<(&str, i64)> = documented
        .iter()
        .filter(|(_, _, happens)| !happens)
        .map(|(method, number, _)| (method.as_str(), *number))
        .collect();
    let listed = NEVER.iter().flat_map(|(m, numbers)| numbers.iter().map(|n| (*m, *n)));
    assert_eq!(never, listed.collect(), "what the documentation says cannot come about");
}

pantry_testkit::both_engines!(every_documented_number_is_provoked);
