//! What a program is told of changes: numbers that only writes move, folders that really changed, and when all is to be
//! fetched anew.

use pantry_testkit::Engine;
use serde_json::{Value, json};

use crate::tools::{Program, number};

fn dirs(reply: &Value) -> Vec<i64> {
    let list = reply["dologdir"].as_array().expect("a list");
    list.iter().map(|d| d.as_i64().expect("a number")).collect()
}

async fn a_write_tells_its_own_folders(engine: Engine) {
    let p = Program::new(engine).await;
    let a: i64 = p.folder("0", "a").await.parse().expect("an id");
    let b: i64 = p.folder("0", "b").await.parse().expect("an id");
    let mut head = p.head().await;
    let mut write = async |method: &str, form: String, expected: &[i64]| {
        let reply = p.ok(method, &format!("{form}&dologid={head}")).await;
        assert_eq!(dirs(&reply), expected, "{method} {form}");
        let now = number(&reply["dologid"]);
        assert!(now > head, "{method}");
        head = now;
        reply
    };
    let made = write("dir/create_dir", format!("create_name=c&parent_id={a}"), &[a]).await;
    let c: i64 = number(&made["data"]["dir_id"]);
    write("dir/rename_dir", format!("dir_id={c}&new_name=d"), &[a]).await;
    write(
        "dir/move_dir",
        format!("dir_id={c}&new_name=d&to_parent_id={b}"),
        &[a, b],
    )
    .await;
    write("dir/move_dir", format!("dir_id={c}&new_name=d&to_parent_id=0"), &[0, b]).await;
    write("dir/delete_dir", format!("dir_id={c}"), &[0]).await;
    write("recycle/restore_dir", format!("dir_id={c}"), &[0]).await;
    // What is purged was seen to go before; the number stays.
    p.ok("dir/delete_dir", &format!("dir_id={c}")).await;
    let before = p.head().await;
    let reply = p
        .ok("recycle/delete_dir", &format!("dir_id={c}&dologid={before}"))
        .await;
    assert_eq!((number(&reply["dologid"]), dirs(&reply)), (before, vec![]));
    // Sharing changes the listing.
    let fid = p.file(&a.to_string(), "s.txt", b"shared").await;
    let before = p.head().await;
    let reply = p.ok("file/share_file", &format!("fid={fid}&dologid={before}")).await;
    assert_eq!((number(&reply["dologid"]), dirs(&reply)), (before + 1, vec![a]));
    let again = p
        .ok("file/share_file", &format!("fid={fid}&dologid={}", before + 1))
        .await;
    assert_eq!(again["data"], reply["data"], "the same page");
    assert_eq!(number(&again["dologid"]), before + 1);
    let reply = p
        .ok("file/cancel_share_file", &format!("fid={fid}&dologid={}", before + 1))
        .await;
    assert_eq!((number(&reply["dologid"]), dirs(&reply)), (before + 2, vec![a]));
}

async fn a_read_with_an_old_number_tells_what_changed(engine: Engine) {
    let p = Program::new(engine).await;
    let a: i64 = p.folder("0", "a").await.parse().expect("an id");
    let gone: i64 = p.folder(&a.to_string(), "gone").await.parse().expect("an id");
    let old = p.head().await;
    p.file(&gone.to_string(), "x.txt", b"x").await;
    p.ok("dir/delete_dir", &format!("dir_id={gone}")).await;
    for method in ["keep", "user/keep_token", "dir/getlist", "file/get_quota"] {
        let reply = p.ok(method, &format!("dologid={old}")).await;
        assert_eq!(dirs(&reply), [a], "{method}: what is no more there is not told");
        assert_eq!(number(&reply["dologid"]), old + 2);
    }
    let refused = p
        .call("dir/create_dir", &format!("create_name=n&parent_id=0&dologid={old}"))
        .await;
    assert_eq!((&refused["err_code"], dirs(&refused)), (&json!(602), vec![a]));
    // The number of a refusal may be used at once.
    let form = format!("create_name=n&parent_id=0&dologid={}", number(&refused["dologid"]));
    let reply = p.ok("dir/create_dir", &form).await;
    // A failure moves nothing: the number of the last success still holds after it.
    let failed = p
        .call(
            "dir/create_dir",
            &format!("{form}&dologid={}", number(&reply["dologid"])),
        )
        .await;
    assert_eq!(
        (&failed["err_code"], &failed["dologid"]),
        (&json!(6), &reply["dologid"])
    );
    p.ok(
        "dir/create_dir",
        &format!("create_name=n2&parent_id=0&dologid={}", number(&reply["dologid"])),
    )
    .await;
}

async fn what_is_no_number_of_ours_counts_as_absent_or_too_old(engine: Engine) {
    let p = Program::new(engine).await;
    p.folder("0", "a").await;
    p.folder("0", "a2").await;
    let head = p.head().await;
    for absent in ["", "dologid=", "dologid=0", "dologid=abc", "dologid=-1", "dologid=1.5"] {
        let reply = p.ok("keep", absent).await;
        assert_eq!((number(&reply["dologid"]), dirs(&reply)), (head, vec![]), "{absent}");
        p.ok("user/keep_token", absent).await;
    }
    let ahead = p.ok("keep", "dologid=99999999999999999999999").await;
    assert_eq!((number(&ahead["dologid"]), dirs(&ahead)), (head, vec![]));
    // After the log was trimmed an old number is too old to list; the latest still holds.
    p.server.clock().advance(91 * 86_400);
    p.server.drive().sweep().await.expect("kept house");
    let mut p = p;
    p.token = p.sign_in().await;
    let reply = p.ok("keep", &format!("dologid={}", head - 1)).await;
    assert_eq!((number(&reply["dologid"]), dirs(&reply)), (head, vec![]));
    let old = p
        .call(
            "dir/create_dir",
            &format!("create_name=b&parent_id=0&dologid={}", head - 1),
        )
        .await;
    assert_eq!((&old["err_code"], dirs(&old)), (&json!(602), vec![]));
    let reply = p
        .ok("dir/create_dir", &format!("create_name=c&parent_id=0&dologid={head}"))
        .await;
    assert_eq!((number(&reply["dologid"]), dirs(&reply)), (head + 1, vec![0]));
}

pantry_testkit::both_engines!(
    a_write_tells_its_own_folders,
    a_read_with_an_old_number_tells_what_changed,
    what_is_no_number_of_ours_counts_as_absent_or_too_old
);
