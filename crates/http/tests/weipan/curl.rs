//! The published `curl` examples, run by curl itself, with host, token and ids put in.

use pantry_testkit::{Engine, noise};
use serde_json::Value;

use crate::tools::{Program, number, text};

struct Curl<'a> {
    program: &'a Program,
    folder: std::path::PathBuf,
}

impl Curl<'_> {
    async fn run(&self, arguments: &[&str], address: &str) -> Value {
        let output = tokio::process::Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*"])
            .args(arguments)
            .arg(self.program.server.url(address))
            .current_dir(&self.folder)
            .output()
            .await
            .expect("curl runs: install it with scripts/need curl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    }

    /// `curl -d "token=…&rest" "…"`
    async fn data(&self, rest: &str, address: &str) -> Value {
        let body = format!("token={}{rest}", self.program.token);
        let reply = self.run(&["-d", &body], address).await;
        assert_eq!(reply["err_code"], 0, "{rest} {address}: {reply}");
        reply
    }

    /// `curl -F file=@filename.txt -F token=… -F cover=yes -F dir_id=0 "…"`
    async fn file(&self, address: &str) -> Value {
        let token = format!("token={}", self.program.token);
        let fields = [
            "-F",
            "file=@filename.txt",
            "-F",
            &token,
            "-F",
            "cover=yes",
            "-F",
            "dir_id=0",
        ];
        let reply = self.run(&fields, address).await;
        assert_eq!(reply["err_code"], 0, "{reply}");
        reply
    }
}

async fn the_examples_work_as_written(engine: Engine) {
    let program = Program::new(engine).await;
    let folder = program.server.place.folder().to_owned();
    std::fs::write(folder.join("filename.txt"), b"an example\n").expect("written");
    let c = Curl {
        program: &program,
        folder,
    };
    let reply = c.data("&dologid=12824", "/?a=keep").await;
    assert_eq!(
        (&reply["dologid"], &reply["dologdir"]),
        (&"0".into(), &serde_json::json!([]))
    );
    let example = "scramble=1122&account=example@gmail.com&password=123456&appkey=12345678&signature=hHUvni%2BIPUzlKUvKCx5pWCPJIsWZurQ8fsaHXs7s1zk%3D&app_type=sinat";
    let reply = c.run(&["-d", example], "/?m=auth&a=get_token").await;
    assert_eq!(reply["err_code"], 701, "{reply}");
    assert!(reply.get("dologid").is_none() && reply.get("data").is_none());
    c.data("", "/?m=user&a=keep_token").await;

    let fid = text(&c.file("/?m=file&a=upload_file").await["data"]["fid"]);
    let page = text(&c.file("/?m=file&a=upload_share_file").await["data"]["download_page"]);
    assert!(page.contains("/s/"), "{page}");
    let made = c
        .data("&create_name=测试&parent_name=&parent_id=0", "/?m=dir&a=create_dir")
        .await;
    let dir = text(&made["data"]["dir_id"]);
    assert_eq!(made["data"]["name"], "测试");
    let list = c.data("&page=1&pageSize=10", "/?m=dir&a=getlist").await;
    assert_eq!(list["data"]["pageinfo"]["rstotal"], 2, "{list}");
    c.data("", "/?m=file&a=get_quota").await;
    let info = c.data(&format!("&fid={fid}"), "/?m=file&a=get_file_info").await;
    let sha1 = text(&info["data"]["sha1"]);
    let rest = format!("&dir_id=0&sha1={sha1}&file_name=深入浅出JavaScript.pdf");
    let known = c.data(&rest, "/?m=file&a=upload_with_sha1").await;
    assert_eq!(known["data"]["name"], "深入浅出JavaScript.pdf");

    let rest = format!("&fid={fid}&new_name=副本.rar&to_dir_id={dir}");
    let copy = text(&c.data(&rest, "/?m=file&a=copy_file").await["data"]["fid"]);
    let rest = format!("&fid={fid}&new_name=移动后.rar&to_dir_id={dir}");
    let moved = c.data(&rest, "/?m=file&a=move_file").await;
    assert_eq!(moved["data"]["fid"], fid.parse::<i64>().expect("a number"));
    c.data(&format!("&fid={fid}&new_name=新文件名.rar"), "/?m=file&a=rename_file")
        .await;
    let rest = format!("&dir_id={dir}&new_name=重命名后的目录");
    c.data(&rest, "/?m=dir&a=rename_dir").await;
    let rest = format!("&dir_id={dir}&new_name=移动后的目录&to_parent_id=0");
    c.data(&rest, "/?m=dir&a=move_dir").await;

    // Only files on the list of extensions are shared.
    let known = text(&known["data"]["fid"]);
    c.data(&format!("&fid={known}"), "/?m=file&a=share_file").await;
    c.data(&format!("&fid={known}"), "/?m=file&a=cancel_share_file").await;

    c.data(&format!("&fid={copy}"), "/?m=file&a=delete_file").await;
    let bin = c.data("&page_size=10&page=1", "/?m=recycle&a=get_list").await;
    assert_eq!(bin["data"][0]["type"], "1", "{bin}");
    c.data(&format!("&fid={copy}"), "/?m=recycle&a=restore_file").await;
    c.data(&format!("&fid={copy}"), "/?m=file&a=delete_file").await;
    c.data(&format!("&fid={copy}"), "/?m=recycle&a=delete_file").await;
    c.data(&format!("&dir_id={dir}"), "/?m=dir&a=delete_dir").await;
    c.data(&format!("&dir_id={dir}"), "/?m=recycle&a=restore_dir").await;
    c.data(&format!("&dir_id={dir}"), "/?m=dir&a=delete_dir").await;
    c.data(&format!("&dir_id={dir}"), "/?m=recycle&a=delete_dir").await;
    c.data("", "/?m=recycle&a=truncate_recycle").await;

    let pictures = program.folder("0", "我的图片们").await;
    let below = program.folder(&pictures, "name").await;
    let found = c.data("&path=/我的图片们/name", "/?m=dir&a=get_dirid_with_path").await;
    assert_eq!(found["data"]["id"], below.as_str());
    let head = number(&c.data("", "/?a=keep").await["dologid"]);
    assert!(head > 10);
}

async fn a_signature_in_base64_is_taken_from_curl(engine: Engine) {
    use base64::Engine as _;
    let program = Program::new(engine).await;
    let c = Curl {
        program: &program,
        folder: program.server.place.folder().to_owned(),
    };
    let (time, password) = (program.now().to_string(), pantry_testkit::Person::PASSWORD);
    let secret = program.app.client_secret.as_deref().expect("a secret");
    let signature = crate::tools::sign(secret, "ada@example.com", &program.app.client_id, password, &time);
    let signature = base64::engine::general_purpose::STANDARD.encode(signature);
    let body = format!(
        "account=ada@example.com&password={password}&appkey={}&time={time}&signature={}",
        program.app.client_id,
        signature.replace('+', "%2B").replace('=', "%3D")
    );
    let reply = c.run(&["-d", &body], "/?m=auth&a=get_token").await;
    assert_eq!(reply["err_code"], 0, "{reply}");
}

async fn expect_continue_is_answered(engine: Engine) {
    let program = Program::new(engine).await;
    let folder = program.server.place.folder().to_owned();
    std::fs::write(folder.join("filename.txt"), noise(1, 2_000_000)).expect("written");
    let c = Curl {
        program: &program,
        folder,
    };
    // curl asks by itself before it sends this much; the host may be anything.
    let token = format!("token={}", program.token);
    let arguments = [
        "-H",
        "Expect: 100-continue",
        "-H",
        "Host: openapi.vdisk.me",
        "-F",
        "cover=no",
        "-F",
        "dir_id=0",
        "-F",
        "file=@filename.txt",
        "-F",
        &token,
    ];
    let reply = c.run(&arguments, "/?m=file&a=upload_file").await;
    assert_eq!(reply["data"]["size"], 2_000_000, "{reply}");
}

pantry_testkit::both_engines!(
    the_examples_work_as_written,
    a_signature_in_base64_is_taken_from_curl,
    expect_continue_is_answered
);
