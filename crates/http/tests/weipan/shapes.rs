//! The fields of every reply and their types, as they were reviewed. A difference is a change of the API.

use pantry_testkit::Engine;
use serde_json::Value;

use crate::tools::{Program, text};

/// The type of every field, in the order of their names.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(items) => {
            let mut shapes: Vec<String> = items.iter().map(shape).collect();
            shapes.sort();
            shapes.dedup();
            format!("[{}]", shapes.join(" | "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(k, v)| format!("{k}:{}", shape(v))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

const SHAPES: &str = include_str!("shapes.txt");
const DOCUMENTATION: &str = include_str!("../../../../docs/api/weipan.md");

async fn replies_have_the_reviewed_shapes(engine: Engine) {
    let p = Program::new(engine).await;
    let mut seen = Vec::new();
    let mut note = |method: &str, reply: &Value| {
        assert_eq!(reply["err_code"], 0, "{method}: {reply}");
        seen.push(format!("{method} {}", shape(reply)));
    };
    let fields = p.credentials("ada", pantry_testkit::Person::PASSWORD, &p.now().to_string());
    note("auth/get_token", &p.get_token(&fields).await);
    note("user/keep_token", &p.ok("user/keep_token", "").await);
    let upload = [("cover", "no"), ("dir_id", "0")];
    let up = p.upload("file/upload_file", "a.txt", b"hello", &upload).await;
    note("file/upload_file", &up);
    let file = text(&up["data"]["fid"]);
    note(
        "file/upload_share_file",
        &p.upload("file/upload_share_file", "b.txt", b"shared", &upload).await,
    );
    note(
        "dir/create_dir",
        &p.ok("dir/create_dir", "create_name=d&parent_id=0").await,
    );
    let dir = p.folder("0", "dir").await;
    note("keep", &p.ok("keep", &format!("dologid={}", p.head().await - 1)).await);
    note("dir/getlist", &p.ok("dir/getlist", "").await);
    note("dir/get_list", &p.ok("dir/get_list", "").await);
    note("file/get_quota", &p.ok("file/get_quota", "").await);
    let info = p.ok("file/get_file_info", &format!("fid={file}")).await;
    note("file/get_file_info", &info);
    let form = format!("dir_id=0&sha1={}&file_name=c.txt", text(&info["data"]["sha1"]));
    let known = p.ok("file/upload_with_sha1", &form).await;
    note("file/upload_with_sha1", &known);
    let form = format!("fid={file}&new_name=copy.txt&to_dir_id=0");
    note("file/copy_file", &p.ok("file/copy_file", &form).await);
    let form = format!("fid={file}&new_name=moved.txt&to_dir_id={dir}");
    note("file/move_file", &p.ok("file/move_file", &form).await);
    note(
        "file/rename_file",
        &p.ok("file/rename_file", &format!("fid={file}&new_name=r.txt")).await,
    );
    note(
        "dir/rename_dir",
        &p.ok("dir/rename_dir", &format!("dir_id={dir}&new_name=r")).await,
    );
    let form = format!("dir_id={dir}&new_name=m&to_parent_id=0");
    note("dir/move_dir", &p.ok("dir/move_dir", &form).await);
    note(
        "file/share_file",
        &p.ok("file/share_file", &format!("fid={file}")).await,
    );
    note(
        "file/cancel_share_file",
        &p.ok("file/cancel_share_file", &format!("fid={file}")).await,
    );
    note("file/upload_sign", &p.ok("file/upload_sign", "file_name=x").await);
    note(
        "dir/get_dirid_with_path",
        &p.ok("dir/get_dirid_with_path", "path=/m").await,
    );
    note(
        "file/delete_file",
        &p.ok("file/delete_file", &format!("fid={file}")).await,
    );
    note(
        "dir/delete_dir",
        &p.ok("dir/delete_dir", &format!("dir_id={dir}")).await,
    );
    note("recycle/get_list", &p.ok("recycle/get_list", "pagesize=10").await);
    note(
        "recycle/restore_dir",
        &p.ok("recycle/restore_dir", &format!("dir_id={dir}")).await,
    );
    note(
        "recycle/restore_file",
        &p.ok("recycle/restore_file", &format!("fid={file}")).await,
    );
    note("recycle/truncate_recycle", &p.ok("recycle/truncate_recycle", "").await);
    p.ok("file/delete_file", &format!("fid={file}")).await;
    note(
        "recycle/delete_file",
        &p.ok("recycle/delete_file", &format!("fid={file}")).await,
    );
    p.ok("dir/delete_dir", &format!("dir_id={dir}")).await;
    note(
        "recycle/delete_dir",
        &p.ok("recycle/delete_dir", &format!("dir_id={dir}")).await,
    );
    note("dir/list_items", &p.ok("dir/list_items", "").await);
    let form = format!("fid={}&to_email=a@example.com", text(&known["data"]["fid"]));
    note("file/email_share_file", &p.ok("file/email_share_file", &form).await);
    let form = format!("key={}&file_name=back.txt&dir_id=0", p.post_form(b"back").await);
    note("file/upload_back", &p.ok("file/upload_back", &form).await);
    // Every method is here, but for the two that redirect.
    for title in DOCUMENTATION.lines().filter_map(|line| line.strip_prefix("## `")) {
        let method = title
            .trim_end_matches('`')
            .replace("m=", "")
            .replace("&a=", "/")
            .replace("a=", "");
        let shown = seen.iter().any(|line| line.starts_with(&format!("{method} ")));
        let redirects = ["file/jump_to_s3", "file/download_share_file"].contains(&method.as_str());
        assert_ne!(shown, redirects, "{method}");
    }
    let seen = format!("{}\n", seen.join("\n"));
    assert!(
        seen == SHAPES,
        "the shapes differ from those in shapes.txt; now they are:\n{seen}"
    );
}

async fn details_that_programs_rely_on(engine: Engine) {
    let p = Program::new(engine).await;
    let reply = p.raw_call("keep", "").await;
    assert_eq!(
        String::from_utf8_lossy(&reply.body),
        r#"{"err_code":0,"err_msg":"success","dologid":"0","dologdir":[]}"#
    );
    let dir = p.folder("0", "文件夹").await;
    let below = p.folder(&dir, "below").await;
    let fields = [("cover", "no"), ("dir_id", below.as_str())];
    let up = p.upload("file/upload_file", "a.txt", b"hello", &fields).await;
    assert_eq!(up["data"]["do_dir"], format!("0,{dir},{below}"));
    assert_eq!(up["data"]["dir_id"], below.parse::<i64>().expect("a number"));
    let fid = text(&up["data"]["fid"]);
    // Two C programs read this reply into 1,024 bytes.
    let info = p.raw_call("file/get_file_info", &format!("fid={fid}")).await;
    assert!(info.body.len() < 1024, "{}", info.body.len());
    let info = info.json();
    assert_eq!(
        (&info["data"]["share"], &info["data"]["app_key"]),
        (&(-1).into(), &p.app.client_id.as_str().into())
    );
    let link = p.server.get(info["data"]["s3_url"].as_str().expect("a link")).await;
    assert_eq!(link.header("content-type"), Some("application/octet-stream"));
    assert_eq!(
        (link.header("content-length"), link.body.as_ref()),
        (Some("5"), &b"hello"[..])
    );
    let part = p.server.http.get(info["data"]["s3_url"].as_str().expect("a link"));
    let part = pantry_testkit::Reply::of(part.header("range", "bytes=1-2")).await;
    assert_eq!((part.status.as_u16(), part.body.as_ref()), (206, &b"el"[..]));
    let url = p.server.get(info["data"]["url"].as_str().expect("a link")).await;
    assert_eq!(url.header("content-type"), Some("text/plain; charset=utf-8"));
    // Folders first, and no way to take one for a file.
    p.file(&dir, "a first.txt", b"x").await;
    let list = p.ok("dir/get_list", &format!("dir_id={dir}")).await;
    let (folder, file) = (&list["data"][0], &list["data"][1]);
    assert_eq!(
        (&folder["name"], &file["name"]),
        (&"below".into(), &"a first.txt".into())
    );
    assert!(
        ["url", "sha1", "type"]
            .iter()
            .all(|k| folder.get(k).is_none() && file[k].is_string())
    );
    assert_eq!((&folder["file_num"], &file["size"]), (&"1".into(), &"1 Bytes".into()));
    // A page, its number and its size.
    let page = p.ok("dir/getlist", &format!("dir_id={dir}&page=2&pageSize=1")).await;
    assert_eq!(
        page["data"]["pageinfo"]["pageSize"], 1024,
        "a size below 2 is the default"
    );
    for name in ["1", "2", "3"] {
        p.folder(&dir, name).await;
    }
    let page = p.ok("dir/getlist", &format!("dir_id={dir}&page=2&pageSize=2")).await;
    assert_eq!(
        page["data"]["pageinfo"],
        serde_json::json!({"page":2,"pageSize":2,"rstotal":5,"pageTotal":3})
    );
    assert_eq!(page["data"]["list"].as_array().map(Vec::len), Some(2));
    // A folder that is missing is made, whichever way its path is written.
    for (path, name) in [("/new/deep", "1.txt"), ("\\new\\deep", "2.txt")] {
        let fields = [("cover", "no"), ("dir", path), ("dir_id", "999999")];
        let up = p.upload("file/upload_file", name, b"x", &fields).await;
        assert_eq!(up["err_code"], 0, "{up}");
    }
    let deep = p.ok("dir/get_dirid_with_path", "path=/new/deep").await;
    let deep = p
        .ok("dir/getlist", &format!("dir_id={}", text(&deep["data"]["id"])))
        .await;
    assert_eq!(deep["data"]["pageinfo"]["rstotal"], 2);
    assert_eq!(p.ok("dir/get_dirid_with_path", "path=/").await["data"]["id"], "0");
    // cover=yes keeps the id.
    let fields = [("cover", "yes"), ("dir_id", below.as_str())];
    let again = p.upload("file/upload_file", "a.txt", b"hello again", &fields).await;
    assert_eq!(again["data"]["fid"], fid.as_str());
    assert_eq!(
        again["data"]["sha1"],
        p.ok("file/get_file_info", &format!("fid={fid}")).await["data"]["sha1"]
    );
}

pantry_testkit::both_engines!(replies_have_the_reviewed_shapes, details_that_programs_rely_on);
