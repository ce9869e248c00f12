//! `/v1/share/{code}`, `/verify`, `/files`, `/download`.

use pantry_testkit::{Engine, both_engines};
use serde_json::json;

use super::{Sharing, delete, names, text};

both_engines!(
    what_a_share_is_can_be_seen_by_anybody,
    a_password_is_exchanged_for_a_ticket,
    a_shared_folder_is_live_and_ends_at_its_edge,
    several_items_stand_side_by_side,
    a_large_folder_is_paged,
    downloads_are_counted_and_links_end_with_the_share,
    an_archive_holds_what_the_share_shows,
    the_page_asks_for_the_password_and_shows_folders,
);

async fn what_a_share_is_can_be_seen_by_anybody(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let code = s.code(&format!("file_ids={}", tree.two)).await;
    let seen = s.visit(&code).await.data();
    let wanted = json!({
        "code": code, "owner": "ada", "needs_password": false, "name": "two.txt", "kind": "file", "file_count": 1,
        "folder_count": 0, "size": 7, "expires_at": 0, "allow_save": true, "max_file_size": 0, "max_files": 0,
    });
    assert_eq!(seen, wanted);
    let code = s.code(&format!("folder_ids={}&allow_save=0", tree.folder)).await;
    let seen = s.visit(&code).await.data();
    assert_eq!(
        (
            &seen["kind"],
            &seen["file_count"],
            &seen["folder_count"],
            &seen["allow_save"]
        ),
        (&json!("folder"), &json!(1), &json!(1), &json!(false))
    );
    let listed = s.token.get("/v1/share/list").await.data();
    assert_eq!(listed["shares"][0]["views"], 1);
    // A disabled account gives nothing away any more.
    let admin = pantry_core::auth::console::Admin::operator();
    let disabled = s.server.drive().set_disabled_by_name(&admin, &s.owner.name, true).await;
    disabled.expect("disabled");
    assert_eq!(s.visit(&code).await.error(), (404, "share_not_found".into()));
}

async fn a_password_is_exchanged_for_a_ticket(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let made = s
        .share(&format!("folder_ids={}&password=open+sesame", tree.folder))
        .await;
    let code = text(&made["code"]);
    assert_eq!(
        s.visit(&code).await.data(),
        json!({"code": code, "owner": "ada", "needs_password": true})
    );
    assert_eq!(
        s.visit(&format!("{code}/files")).await.error(),
        (401, "share_ticket_required".into())
    );
    let wrong = s
        .server
        .post(&format!("/v1/share/{code}/verify"), "password=open")
        .await;
    assert_eq!(wrong.error(), (403, "wrong_password".into()));
    let given = s
        .server
        .post(&format!("/v1/share/{code}/verify"), "password=open+sesame")
        .await
        .data();
    let ticket = text(&given["ticket"]);
    assert_eq!(given["expires_in"], 3600);
    assert_eq!(
        names(&s.visit(&format!("{code}/files?ticket={ticket}")).await.data()),
        ["Trip"]
    );
    let request = s.server.http.get(s.server.url(&format!("/v1/share/{code}/files")));
    let by_header = pantry_testkit::Reply::of(request.header("x-share-ticket", &ticket)).await;
    assert_eq!(names(&by_header.data()), ["Trip"]);
    assert_eq!(s.visit(&format!("{code}?ticket={ticket}")).await.data()["name"], "Trip");
    s.server.clock().advance(3600);
    assert_eq!(s.visit(&format!("{code}/files?ticket={ticket}")).await.error().0, 401);

    // An open share needs none, and gives one if asked.
    let open = s.code(&format!("file_ids={}", tree.one)).await;
    s.ticket(&open, "").await;
    // No ticket outlives its share.
    let short = s.code(&format!("file_ids={}&expires_in=60&password=x", tree.one)).await;
    let given = s
        .server
        .post(&format!("/v1/share/{short}/verify"), "password=x")
        .await
        .data();
    assert_eq!(given["expires_in"], 60);
}

async fn a_shared_folder_is_live_and_ends_at_its_edge(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let code = s.code(&format!("folder_ids={}", tree.folder)).await;
    let list = async |query: &str| s.visit(&format!("{code}/files?{query}")).await;
    let top = list("").await.data();
    assert_eq!(
        (names(&top), &top["path"], &top["total"]),
        (vec!["Trip".into()], &json!("/"), &json!(1))
    );
    for query in ["path=/Trip", &format!("folder_id={}", tree.folder)] {
        let listed = list(query).await.data();
        assert_eq!(names(&listed), ["Day 1", "one.txt"], "{query}");
        assert_eq!(listed["path"], "/Trip");
    }
    let deep = list(&format!("folder_id={}", tree.below)).await.data();
    assert_eq!(
        (names(&deep), &deep["path"]),
        (vec!["two.txt".into()], &json!("/Trip/Day 1"))
    );
    s.token.file("/Trip/Day 1", "three.txt", b"3").await;
    assert_eq!(
        names(&list("path=/Trip/Day%201").await.data()),
        ["three.txt", "two.txt"]
    );
    for query in [
        "path=/Trip/one.txt",
        "path=/Other",
        "path=/Trip/none",
        "folder_id=999999",
    ] {
        assert_eq!(list(query).await.error().0, 404, "{query}");
    }
    // It follows its folder, and shows nothing that was moved out.
    let form = format!("action=rename&folder_ids={}&new_name=Journey", tree.folder);
    s.token.post("/v1/files/manage", &form).await.data();
    assert_eq!(names(&list("").await.data()), ["Journey"]);
    let form = format!("action=move&folder_ids={}&dest_path=/", tree.below);
    s.token.post("/v1/files/manage", &form).await.data();
    assert_eq!(names(&list("path=/Journey").await.data()), ["one.txt"]);
    assert_eq!(list(&format!("folder_id={}", tree.below)).await.error().0, 404);
}

async fn several_items_stand_side_by_side(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let form = format!("folder_ids={}&file_ids={},{}", tree.below, tree.outside, tree.one);
    let code = s.code(&form).await;
    let listed = s.visit(&format!("{code}/files")).await.data();
    assert_eq!(names(&listed), ["Day 1", "one.txt", "secret.txt"]);
    assert_eq!(listed["total"], 3);
    let page = s.visit(&format!("{code}/files?limit=2")).await.data();
    let cursor = text(&page["next_cursor"]);
    let rest = s.visit(&format!("{code}/files?limit=2&cursor={cursor}")).await.data();
    assert_eq!((names(&page).len(), names(&rest)), (2, vec!["secret.txt".to_owned()]));
    assert_eq!(rest["next_cursor"], json!(null));
    let second = s.visit(&format!("{code}/files?limit=2&page=2")).await.data();
    assert_eq!(names(&second), ["secret.txt"]);
    // One of them in the bin: the others go on.
    delete(&s.token, &format!("file_ids={}", tree.outside)).await;
    assert_eq!(
        names(&s.visit(&format!("{code}/files")).await.data()),
        ["Day 1", "one.txt"]
    );
    let seen = s.visit(&code).await.data();
    assert_eq!(
        (&seen["kind"], &seen["file_count"], &seen["folder_count"]),
        (&json!("several"), &json!(1), &json!(1))
    );
}

async fn a_large_folder_is_paged(engine: Engine) {
    let s = Sharing::new(engine).await;
    let folder = s.token.folder("/", "many").await;
    for n in 0..7 {
        s.token.file("/many", &format!("f{n}"), b"x").await;
    }
    let code = s.code(&format!("folder_ids={folder}")).await;
    let mut seen = Vec::new();
    let mut query = "path=/many&limit=3".to_owned();
    loop {
        let page = s.visit(&format!("{code}/files?{query}")).await.data();
        assert_eq!(page["total"], 7);
        seen.extend(names(&page));
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("path=/many&limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..7).map(|n| format!("f{n}")).collect::<Vec<_>>());
}

async fn downloads_are_counted_and_links_end_with_the_share(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let made = s.share(&format!("folder_ids={}&max_downloads=2", tree.folder)).await;
    let (id, code) = (made["share_id"].clone(), text(&made["code"]));
    let unnamed = s.visit(&format!("{code}/download")).await;
    assert_eq!(unnamed.error(), (400, "invalid_parameter".into()));
    let given = s.visit(&format!("{code}/download?file_id={}", tree.two)).await.data();
    assert_eq!(
        (&given["name"], &given["size"], &given["expires_in"]),
        (&json!("two.txt"), &json!(7), &json!(600))
    );
    let link = text(&given["url"]);
    assert_eq!(s.server.get(&link).await.body.as_ref(), b"two two");
    for wrong in [tree.outside, tree.folder, 999_999] {
        let refused = s.visit(&format!("{code}/download?file_id={wrong}")).await;
        assert_eq!(refused.error(), (404, "not_found".into()));
    }
    let listed = s.token.get("/v1/share/list").await.data();
    assert_eq!(listed["shares"][0]["downloads"], 1, "what was refused is not counted");
    s.visit(&format!("{code}/download?file_id={}", tree.one)).await.data();
    let refused = s.visit(&format!("{code}/download?file_id={}", tree.one)).await;
    assert_eq!(refused.error(), (404, "share_used_up".into()));
    assert_eq!(s.server.get(&link).await.status, 200, "what was counted can be had");
    // Moved out, the link ends; moved back, it works again.
    let to = async |path: &str| {
        let form = format!("action=move&folder_ids={}&dest_path={path}", tree.below);
        s.token.post("/v1/files/manage", &form).await.data();
    };
    to("/").await;
    assert_eq!(s.server.get(&link).await.status, 403);
    to("/Trip").await;
    assert_eq!(s.server.get(&link).await.status, 200);
    s.token
        .post("/v1/share/cancel", &format!("share_ids={id}"))
        .await
        .data();
    assert_eq!(s.server.get(&link).await.status, 403);
}

async fn an_archive_holds_what_the_share_shows(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let form = format!("folder_ids={}&file_ids={}&max_downloads=3", tree.below, tree.one);
    let made = s.share(&form).await;
    let (id, code) = (made["share_id"].clone(), text(&made["code"]));
    let archive = async |form: &str| s.server.post(&format!("/v1/share/{code}/archive"), form).await;
    let given = archive("name=Days").await.data();
    let link = text(&given["url"]);
    let got = s.server.get(&link).await;
    assert!(
        got.header("content-disposition")
            .is_some_and(|d| d.contains("Days.zip"))
    );
    let zip = String::from_utf8_lossy(&got.body).into_owned();
    for (words, there) in [
        ("Day 1/two.txt", true),
        ("one.txt", true),
        ("two two", true),
        ("secret", false),
    ] {
        assert_eq!(zip.contains(words), there, "{words}");
    }
    assert_eq!(archive(&format!("file_ids={}", tree.outside)).await.error().0, 404);
    let part = archive(&format!("file_ids={}", tree.two)).await.data();
    let got = s.server.get(&text(&part["url"])).await;
    assert!(!String::from_utf8_lossy(&got.body).contains("one.txt"));
    archive("").await.data();
    assert_eq!(archive("").await.error(), (404, "share_used_up".into()));
    s.token
        .post("/v1/share/update", &format!("share_id={id}&password=x"))
        .await
        .data();
    assert_eq!(s.server.get(&link).await.status, 403, "it dies with the password");
}

async fn the_page_asks_for_the_password_and_shows_folders(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let made = s.share(&format!("folder_ids={}&password=sesame", tree.folder)).await;
    let (address, code) = (text(&made["url"]), text(&made["code"]));
    let get = async |url: &str, cookies: &str| {
        let request = s
            .server
            .http
            .get(url)
            .header("accept-language", "en")
            .header("cookie", cookies);
        pantry_testkit::Reply::of(request).await
    };
    let asked = get(&address, "").await;
    let html = String::from_utf8_lossy(&asked.body).into_owned();
    assert!(html.contains("type=\"password\"") && !html.contains("Trip"), "{html}");
    let form_cookie = asked
        .header("set-cookie")
        .and_then(|c| c.split(';').next())
        .expect("a cookie")
        .to_owned();
    let csrf = html
        .split("name=\"csrf\" value=\"")
        .nth(1)
        .and_then(|t| t.split('"').next())
        .expect("a token");
    let post = async |csrf: &str, password: &str| {
        let request = s
            .server
            .http
            .post(&address)
            .header("cookie", &form_cookie)
            .header("accept-language", "en");
        pantry_testkit::Reply::of(request.form(&[("csrf", csrf), ("password", password)])).await
    };
    assert_eq!(post("", "sesame").await.status, 403, "a form of another site");
    assert_eq!(post(csrf, "wrong").await.status, 403);
    let entered = post(csrf, "sesame").await;
    assert_eq!(
        (entered.status.as_u16(), entered.header("location")),
        (303, Some(format!("/s/{code}").as_str()))
    );
    let cookie = entered.header("set-cookie").expect("a cookie").to_owned();
    assert!(
        cookie.contains(&format!("Path=/s/{code}")) && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    let ticket = cookie.split(';').next().expect("a cookie");
    let page = get(&address, ticket).await;
    let html = String::from_utf8_lossy(&page.body).into_owned();
    for words in [
        "Trip",
        "Day 1",
        "one.txt",
        "Shared by ada",
        &format!("/s/{code}/download?file={}", tree.one),
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
    let deeper = get(&format!("{address}?folder={}", tree.below), ticket).await;
    assert!(String::from_utf8_lossy(&deeper.body).contains("two.txt"));
    assert_eq!(
        get(&format!("{address}?folder={}", tree.outside), ticket).await.status,
        404
    );
    let button = get(&format!("{address}/download?file={}", tree.one), ticket).await;
    let link = button.header("location").expect("a link").to_owned();
    let got = s.server.get(&link).await;
    assert!(
        got.header("content-disposition")
            .is_some_and(|d| d.starts_with("attachment"))
    );
    assert_eq!(got.body.as_ref(), b"one");
    // Without the ticket the button leads to the question.
    let button = get(&format!("{address}/download?file={}", tree.one), "").await;
    assert_eq!(button.header("location"), Some(format!("/s/{code}").as_str()));
}
