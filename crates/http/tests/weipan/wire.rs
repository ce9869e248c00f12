//! Requests as real programs put them on the wire, byte for byte.

use pantry_testkit::Engine;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::tools::{Program, text};

/// Sends bytes as they are and reads the answer to the end of the connection.
async fn send(p: &Program, bytes: &[u8]) -> String {
    let address = p.server.url("").replace("http://", "");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8(answer).expect("UTF-8")
}

fn request(start: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut out = format!("{start} HTTP/1.1\r\nHost: openapi.vdisk.me\r\nConnection: close\r\n{headers}").into_bytes();
    out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
    out
}

fn json(answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").expect("headers");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"))
}

async fn sloppy_multipart_bodies(engine: Engine) {
    let p = Program::new(engine).await;
    let body = |boundary: &str, end: &str, name: &str| {
        // The file first, with the path it has on its disk; the token last.
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"send\"; filename=\"C:\\Documents and Settings\\我\\{name}\"\r\n\
             Content-Type: None\r\nContent-Transfer-Encoding: binary\r\nContent-Length: 7\r\n\r\nhe\r\nllo\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"cover\"\r\nContent-Type: text/plain; charset=US-ASCII\r\n\r\nno\r\n\
             --{boundary}\r\ncontent-disposition: form-data; name=dir_id\r\n\r\n0\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{}{end}",
            p.token
        )
    };
    let cases = [
        ("==boundary==", "\r\n--==boundary==--", "boundary===boundary=="),
        (
            "----------0x7fff",
            "\r\n------------0x7fff--\r\n",
            "boundary=----------0x7fff",
        ),
        ("b", "\r\n--b--\r\n\r\n", "boundary=\"b\""),
        ("b", "\r\n--b--\r\n", "charset=utf-8; boundary=b; x=y"),
        ("b", "\r\n--b--", "x=y"),
    ];
    for (n, (boundary, end, parameter)) in cases.iter().enumerate() {
        let name = format!("n{n}.txt");
        let headers = format!("Content-Type: multipart/form-data; {parameter}\r\n");
        let bytes = request(
            "POST /?m=file&a=upload_file",
            &headers,
            body(boundary, end, &name).as_bytes(),
        );
        let reply = json(&send(&p, &bytes).await);
        assert_eq!(reply["err_code"], 0, "{parameter}: {reply}");
        assert_eq!(
            (&reply["data"]["name"], &reply["data"]["size"]),
            (&name.as_str().into(), &7.into())
        );
    }
    // Cut off inside of the file; and after it, where the file is whole.
    let whole = body("b", "\r\n--b--", "cut.txt").replace("name=\"token\"", "name=\"x\"");
    let query = format!("POST /?m=file&a=upload_file&token={}", p.token);
    let kind = "Content-Type: multipart/form-data; boundary=b\r\n";
    let at = whole.find("llo").expect("the file");
    let reply = json(&send(&p, &request(&query, kind, &whole.as_bytes()[..at])).await);
    assert_eq!(reply["err_code"], 701, "the fields behind it are missing: {reply}");
    let query = format!("{query}&cover=no&dir_id=0");
    for method in ["upload_file", "upload_share_file"] {
        let query = query.replace("upload_file", method);
        let reply = json(&send(&p, &request(&query, kind, &whole.as_bytes()[..at])).await);
        assert_eq!(reply["err_code"], 103, "{reply}");
    }
    assert_eq!(
        json(&send(&p, &request(&query, kind, whole.as_bytes())).await)["err_code"],
        0
    );
}

async fn every_call_in_every_form(engine: Engine) {
    let p = Program::new(engine).await;
    let token = p.token.clone();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let multipart = "Content-Type: multipart/form-data; boundary=b\r\n";
    let field =
        |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let parts = format!("{}{}--b--", field("token", &token), field("parent_id", "0"));
    let cases: Vec<(String, &str, String)> = vec![
        (
            format!("GET /?m=dir&a=create_dir&token={token}&parent_id=0&create_name=1"),
            "",
            String::new(),
        ),
        (
            format!("POST /?m=dir&a=create_dir&token={token}&parent_id=0&create_name=2"),
            "",
            String::new(),
        ),
        (
            "POST /?m=dir&a=create_dir".into(),
            form,
            format!("token={token}&parent_id=0&create_name=测试 @3"),
        ),
        (
            "POST /?m=dir&a=create_dir&create_name=4".into(),
            multipart,
            parts.clone(),
        ),
        (
            "POST /".into(),
            form,
            format!("m=dir&a=create_dir&token={token}&parent_id=0&create_name=5"),
        ),
        (
            "POST /?token=none&create_name=6".into(),
            form,
            format!("m=dir&a=create_dir&token={token}&parent_id=0&unknown=x"),
        ),
        (
            "POST /?m=dir&a=create_dir".into(),
            "Content-Type: application/json\r\n",
            format!("{{\"token\":\"{token}\",\"parent_id\":0,\"create_name\":\"7\"}}"),
        ),
        (
            "POST /?m=dir&a=create_dir".into(),
            "",
            format!("token={token}&parent_id=0&create_name=8\r\n"),
        ),
    ];
    for (start, headers, body) in cases {
        let reply = json(&send(&p, &request(&start, headers, body.as_bytes())).await);
        assert_eq!(reply["err_code"], 0, "{start} {body}: {reply}");
    }
    let list = p.ok("dir/get_list", "").await;
    let names: Vec<String> = list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| text(&r["name"]))
        .collect();
    assert_eq!(names, ["1", "2", "4", "5", "6", "7", "8", "测试 @3"]);
    // Signing in by multipart too, with every form of time.
    let now = p.now();
    for time in [now.to_string(), format!("{now}000"), format!("{now}.46")] {
        let mut body = String::new();
        for (name, value) in p.credentials("ada@example.com", pantry_testkit::Person::PASSWORD, &time) {
            let value = if name == "signature" {
                value.to_uppercase()
            } else {
                value
            };
            body.push_str(&field(name, &value));
        }
        body.push_str("--b--");
        let reply = json(&send(&p, &request("POST /?m=auth&a=get_token", multipart, body.as_bytes())).await);
        assert_eq!(reply["err_code"], 0, "{time}: {reply}");
    }
}

async fn the_root_is_the_page_for_people_and_the_api_for_programs(engine: Engine) {
    let p = Program::new(engine).await;
    let page = p.server.get("/?lang=en").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for path in ["/?a=keep", "/?m=file&a=", "/?a"] {
        let reply = p.server.get(path).await;
        assert!(
            reply
                .header("content-type")
                .is_some_and(|t| t.starts_with("application/json")),
            "{path}"
        );
        assert_eq!(reply.status, 200);
    }
    for (path, body) in [("/", ""), ("/?lang=en", "x=y"), ("/", "key=1")] {
        let reply = p.server.post(path, body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["err_code"].as_i64()),
            (200, Some(909))
        );
    }
}

async fn a_callback_gets_the_reply_where_the_app_registered_it(engine: Engine) {
    let p = Program::new(engine).await;
    let upload = async |name: &str, to: &str| {
        let mut form = reqwest::multipart::Form::new();
        for (name, value) in [
            ("token", p.token.as_str()),
            ("cover", "no"),
            ("dir_id", "0"),
            ("callback", to),
        ] {
            form = form.text(name.to_owned(), value.to_owned());
        }
        let part = reqwest::multipart::Part::bytes(b"x".to_vec()).file_name(name.to_owned());
        let url = p.server.url("/?m=file&a=upload_file");
        pantry_testkit::Reply::of(p.server.http.post(url).multipart(form.part("file", part))).await
    };
    let reply = upload("1.txt", "https://app.example.com/done?x=1").await;
    assert_eq!(reply.status, 302);
    let to = reqwest::Url::parse(reply.header("location").expect("a location")).expect("a URL");
    assert!(to.as_str().starts_with("https://app.example.com/done?x=1&msg="), "{to}");
    let msg = to
        .query_pairs()
        .find(|(name, _)| name == "msg")
        .expect("msg")
        .1
        .into_owned();
    let msg: Value = serde_json::from_str(&msg).expect("JSON");
    assert_eq!((&msg["err_code"], &msg["data"]["name"]), (&0.into(), &"1.txt".into()));
    for (name, to) in [
        ("2.txt", "https://evil.example.com/"),
        ("3.txt", "http://app.example.com/done"),
        ("4.txt", "https://app.example.com.evil.com/"),
        ("5.txt", "javascript:alert(1)"),
        ("6.txt", "/done"),
    ] {
        let reply = upload(name, to).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["err_code"].as_i64()),
            (200, Some(0)),
            "{to}"
        );
    }
}

pantry_testkit::both_engines!(
    sloppy_multipart_bodies,
    every_call_in_every_form,
    the_root_is_the_page_for_people_and_the_api_for_programs,
    a_callback_gets_the_reply_where_the_app_registered_it
);
