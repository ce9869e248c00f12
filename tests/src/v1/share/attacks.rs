//! What others have got wrong about shares, by name. Each must fail here.

use pantry_core::auth::console::Admin;
use pantry_testkit::{Engine, both_engines};
use serde_json::json;

use super::{ALL, Sharing, text};

both_engines!(
    the_password_stands_before_every_address,
    a_ticket_dies_with_the_password_and_opens_no_other_share,
    links_die_with_the_password,
    a_share_does_not_outlive_its_right,
    ids_outside_of_the_share_do_not_exist,
    paths_do_not_climb_out,
    codes_cannot_be_found_by_trying,
    passwords_cannot_be_found_by_trying,
    of_many_downloads_at_once_only_so_many_pass,
    sharing_shows_an_app_no_more_than_before,
    what_is_moved_into_the_bin_is_gone_from_the_share,
);

/// Every address that shows something of a share.
fn addresses(code: &str, file: i64) -> Vec<(&'static str, String)> {
    vec![
        ("GET", format!("{code}/files")),
        ("GET", format!("{code}/files?path=/Trip")),
        ("GET", format!("{code}/download?file_id={file}")),
        ("POST", format!("{code}/archive")),
        ("POST", format!("{code}/archive?file_ids={file}")),
        ("POST", format!("{code}/transfer")),
        ("POST", format!("{code}/transfer?file_ids={file}")),
    ]
}

async fn the_password_stands_before_every_address(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let code = s.code(&format!("folder_ids={}&password=x", tree.folder)).await;
    let bob = s.other("bob", ALL).await;
    let foreign = s.code(&format!("folder_ids={}&password=y", tree.folder)).await;
    let wrong = [
        String::new(),
        "ticket=".into(),
        "ticket=x".into(),
        "password=x".into(),
        format!("ticket={}", s.ticket(&foreign, "y").await),
    ];
    for (method, path) in addresses(&code, tree.one) {
        for sent in &wrong {
            let join = if path.contains('?') { '&' } else { '?' };
            let address = format!("/v1/share/{path}{join}{sent}");
            let reply = match method {
                "GET" => bob.get(&address).await,
                _ => bob.post(&address, "").await,
            };
            assert_eq!(reply.error(), (401, "share_ticket_required".into()), "{address}");
        }
    }
    let drop = s
        .code(&format!("folder_ids={}&password=x&kind=drop", tree.folder))
        .await;
    let form = "name=a&size=1&md5=0cc175b9c0f1b6a831c399e269772661";
    let reply = s.server.post(&format!("/v1/share/{drop}/upload/precreate"), form).await;
    assert_eq!(reply.error(), (401, "share_ticket_required".into()));
    let seen = s.visit(&code).await.data();
    assert!(seen.get("name").is_none() && seen.get("size").is_none(), "{seen}");
    // The owner's own token opens no door either: it is not a ticket.
    assert_eq!(s.token.get(&format!("/v1/share/{code}/files")).await.error().0, 401);
}

async fn a_ticket_dies_with_the_password_and_opens_no_other_share(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let made = s.share(&format!("folder_ids={}&password=x", tree.folder)).await;
    let (id, code) = (made["share_id"].clone(), text(&made["code"]));
    let ticket = s.ticket(&code, "x").await;
    let list = async |ticket: &str| s.visit(&format!("{code}/files?ticket={ticket}")).await;
    list(&ticket).await.data();
    // Every changed character.
    for at in 0..ticket.len() {
        let mut changed = ticket.clone().into_bytes();
        changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
        let changed = String::from_utf8(changed).expect("text");
        assert_eq!(list(&changed).await.error().0, 401, "{at}");
    }
    // The same password set again is another password.
    s.token
        .post("/v1/share/update", &format!("share_id={id}&password=x"))
        .await
        .data();
    assert_eq!(list(&ticket).await.error(), (401, "share_ticket_required".into()));
    let ticket = s.ticket(&code, "x").await;
    s.token
        .post("/v1/share/update", &format!("share_id={id}&password="))
        .await
        .data();
    s.token
        .post("/v1/share/update", &format!("share_id={id}&password=x"))
        .await
        .data();
    assert_eq!(list(&ticket).await.error().0, 401);
}

async fn links_die_with_the_password(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let made = s.share(&format!("folder_ids={}&password=x", tree.folder)).await;
    let (id, code) = (made["share_id"].clone(), text(&made["code"]));
    let ticket = s.ticket(&code, "x").await;
    let given = s
        .visit(&format!("{code}/download?file_id={}&ticket={ticket}", tree.one))
        .await
        .data();
    let link = text(&given["url"]);
    assert_eq!(s.server.get(&link).await.status, 200);
    s.token
        .post("/v1/share/update", &format!("share_id={id}&password=y"))
        .await
        .data();
    assert_eq!(s.server.get(&link).await.status, 403);
}

async fn a_share_does_not_outlive_its_right(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let code = s.code(&format!("folder_ids={}&expires_in=60", tree.folder)).await;
    let given = s.visit(&format!("{code}/download?file_id={}", tree.one)).await.data();
    s.server.clock().advance(60);
    assert_eq!(s.server.get(&text(&given["url"])).await.status, 403);
    for (method, path) in addresses(&code, tree.one) {
        let address = format!("/v1/share/{path}");
        let reply = match method {
            "GET" => s.server.get(&address).await,
            _ => s.token.post(&address, "").await,
        };
        assert_eq!(reply.error(), (404, "share_expired".into()), "{address}");
    }
    // Of an account that was disabled, nothing is left either.
    let code = s.code(&format!("folder_ids={}", tree.folder)).await;
    let given = s.visit(&format!("{code}/download?file_id={}", tree.one)).await.data();
    let disabled = s
        .server
        .drive()
        .set_disabled_by_name(&Admin::operator(), "ada", true)
        .await;
    disabled.expect("disabled");
    assert_eq!(
        s.visit(&format!("{code}/files")).await.error(),
        (404, "share_not_found".into())
    );
    assert_eq!(s.server.get(&text(&given["url"])).await.status, 403);
}

async fn ids_outside_of_the_share_do_not_exist(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let bob = s.other("bob", ALL).await;
    let theirs = bob.file("/", "bobs.txt", b"bob's").await;
    let code = s.code(&format!("folder_ids={}", tree.below)).await;
    let none = s
        .visit(&format!("{code}/download?file_id=999999"))
        .await
        .body_without_request_id();
    for id in [tree.outside, tree.one, theirs] {
        let refused = s.visit(&format!("{code}/download?file_id={id}")).await;
        assert_eq!(
            refused.body_without_request_id(),
            none,
            "to the byte like one that does not exist"
        );
        let form = format!("file_ids={id}");
        let refused = s.server.post(&format!("/v1/share/{code}/archive"), &form).await;
        assert_eq!(refused.error(), (404, "not_found".into()));
        let refused = bob.post(&format!("/v1/share/{code}/transfer"), &form).await;
        assert_eq!(refused.error(), (404, "not_found".into()));
    }
    for id in [tree.folder, 1, 1_000] {
        let refused = s.visit(&format!("{code}/files?folder_id={id}")).await;
        assert_eq!(refused.error(), (404, "not_found".into()), "{id}");
    }
}

async fn paths_do_not_climb_out(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let code = s.code(&format!("folder_ids={}", tree.below)).await;
    for path in [
        "/Day 1/..",
        "/Day 1/../one.txt",
        "/..",
        "..",
        "/../secret.txt",
        "/Trip",
        "/Trip/Day 1",
        "/Day 1/./..",
        "/Day 1//..//",
        "/secret.txt",
        "\\..\\",
        "/Day 1/%2e%2e",
    ] {
        let query = [("path", path)];
        let request = s
            .server
            .http
            .get(s.server.url(&format!("/v1/share/{code}/files")))
            .query(&query);
        let reply = pantry_testkit::Reply::of(request).await;
        assert!([400, 404].contains(&reply.error().0), "{path}");
    }
}

async fn codes_cannot_be_found_by_trying(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let code = s.code(&format!("folder_ids={}", tree.folder)).await;
    assert!(code.len() >= 10);
    let max = s.server.drive().settings().limits.bad_shares_per_minute;
    for n in 0..max {
        let path = ["", "/files", "/download"][usize::try_from(n % 3).expect("small")];
        assert_eq!(s.visit(&format!("guess{n}{path}")).await.error().0, 404);
    }
    let refused = s.visit("guess").await;
    assert_eq!(refused.error().0, 429);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(
        s.server.post("/v1/share/guess/verify", "password=x").await.error().0,
        429
    );
    s.visit(&code).await.data();
}

async fn passwords_cannot_be_found_by_trying(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let code = s.code(&format!("folder_ids={}&password=right", tree.folder)).await;
    let other = s.code(&format!("folder_ids={}&password=right", tree.below)).await;
    let verify = async |code: &str, password: &str| {
        let path = format!("/v1/share/{code}/verify");
        s.server.post(&path, &format!("password={password}")).await
    };
    let max = s.server.drive().settings().limits.bad_share_passwords;
    for n in 0..max {
        assert_eq!(verify(&code, &format!("wrong{n}")).await.error().0, 403);
        if n == max / 2 {
            // A right one in between begins a new count from here, so that nobody is shut out who knows it.
            break;
        }
    }
    verify(&code, "right").await.data();
    for n in 0..max {
        assert_eq!(verify(&code, &format!("wrong{n}")).await.error().0, 403);
    }
    let refused = verify(&code, "right").await;
    assert_eq!(refused.error().0, 429, "also the right one");
    assert!(refused.header("retry-after").is_some());
    verify(&other, "right").await.data();
    s.server.clock().advance(15 * 60);
    verify(&code, "right").await.data();
}

async fn of_many_downloads_at_once_only_so_many_pass(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let code = s.code(&format!("folder_ids={}&max_downloads=5", tree.folder)).await;
    let path = format!("{code}/download?file_id={}", tree.one);
    let all = futures_util::future::join_all((0..40).map(|_| s.visit(&path))).await;
    let (given, refused): (Vec<_>, Vec<_>) = all.iter().partition(|reply| reply.status == 200);
    assert_eq!(given.len(), 5);
    assert!(
        refused
            .iter()
            .all(|reply| reply.error() == (404, "share_used_up".into()))
    );
    let listed = s.token.get("/v1/share/list").await.data();
    assert_eq!(listed["shares"][0]["downloads"], 5);
}

async fn sharing_shows_an_app_no_more_than_before(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    // An app that writes everywhere and reads its own folder alone cannot share what it may not read.
    let app = s.server.app(&s.owner, "Writer").await;
    let writer = s
        .server
        .token(&s.owner, &app, "files.app_data files.write_all share.create share.read")
        .await;
    writer.post("/v1/user/share-enable", "").await.data();
    for form in [
        format!("file_ids={}", tree.outside),
        format!("folder_ids={}", tree.folder),
        format!("folder_ids={}&kind=drop", tree.folder),
    ] {
        assert_eq!(
            writer.post("/v1/share/create", &form).await.error(),
            (404, "not_found".into())
        );
    }
    // One that reads everything and writes nothing makes no drop box.
    let app = s.server.app(&s.owner, "Reader").await;
    let reader = s.server.token(&s.owner, &app, "files.read_all share.create").await;
    reader.post("/v1/user/share-enable", "").await.data();
    let refused = reader
        .post("/v1/share/create", &format!("folder_ids={}&kind=drop", tree.folder))
        .await;
    assert_eq!(refused.error().0, 403);
    // Nor does it share in the name of somebody else.
    let bob = s.other("bob", ALL).await;
    bob.post("/v1/user/share-enable", "").await.data();
    let refused = bob.post("/v1/share/create", &format!("file_ids={}", tree.one)).await;
    assert_eq!(refused.error(), (404, "not_found".into()));
    let made = s.share(&format!("file_ids={}", tree.one)).await;
    for path in ["update?password=z&share_id=", "cancel?share_ids="] {
        let refused = bob.post(&format!("/v1/share/{path}{}", made["share_id"]), "").await;
        assert_eq!(refused.error(), (404, "not_found".into()));
    }
    assert_eq!(
        bob.get("/v1/share/list").await.data(),
        json!({"shares": [], "total": 0, "next_cursor": null})
    );
}

async fn what_is_moved_into_the_bin_is_gone_from_the_share(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let code = s.code(&format!("folder_ids={}", tree.folder)).await;
    let given = s.visit(&format!("{code}/download?file_id={}", tree.two)).await.data();
    super::delete(&s.token, &format!("folder_ids={}", tree.below)).await;
    assert_eq!(s.server.get(&text(&given["url"])).await.status, 404);
    assert_eq!(
        s.visit(&format!("{code}/files?folder_id={}", tree.below))
            .await
            .error()
            .0,
        404
    );
    assert_eq!(
        s.visit(&format!("{code}/download?file_id={}", tree.two))
            .await
            .error()
            .0,
        404
    );
}
