//! `/v1/share/create`, `/list`, `/update`, `/cancel`.

use pantry_testkit::{Engine, NOW, TestServer, both_engines};
use serde_json::json;

use super::{ALL, Sharing, delete, text};

both_engines!(
    sharing_is_switched_on_once_for_each_app,
    a_share_is_made_listed_changed_and_ended,
    what_cannot_be_shared_says_why,
    an_app_knows_its_own_shares_and_those_of_what_it_may_read,
    a_list_is_paged_from_the_latest_on,
    states_are_told_apart,
    only_open_shares_of_one_node_change_a_weipan_listing,
);

async fn sharing_is_switched_on_once_for_each_app(engine: Engine) {
    let server = TestServer::new(engine).await;
    let person = server.person("ada").await;
    let app = server.app(&person, "Shares").await;
    let token = server.token(&person, &app, ALL).await;
    let file = token.file("/", "a.txt", b"a").await;
    let form = format!("file_ids={file}");
    let refused = token.post("/v1/share/create", &form).await;
    assert_eq!(refused.error(), (403, "share_not_enabled".into()));
    for _ in 0..2 {
        token.post("/v1/user/share-enable", "").await.data();
    }
    token.post("/v1/share/create", &form).await.data();
    let other = server.app(&person, "Other").await;
    let other = server.token(&person, &other, ALL).await;
    assert_eq!(
        other.post("/v1/share/create", &form).await.error().1,
        "share_not_enabled"
    );
    let without = server.app(&person, "Without").await;
    let without = server.token(&person, &without, "files.read_all").await;
    for (path, form) in [
        ("create", form.as_str()),
        ("update", "share_id=1"),
        ("cancel", "share_ids=1"),
    ] {
        let refused = without.post(&format!("/v1/share/{path}"), form).await;
        assert_eq!(refused.error(), (403, "insufficient_scope".into()), "{path}");
    }
    assert_eq!(without.get("/v1/share/list").await.error().1, "insufficient_scope");
}

async fn a_share_is_made_listed_changed_and_ended(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let made = s
        .share(&format!(
            "folder_ids[]={}&file_ids[]={}&expires_in=3600&max_downloads=5&auto_password=true&allow_save=false",
            tree.folder, tree.outside
        ))
        .await;
    let (id, code, password) = (
        made["share_id"].as_i64().expect("an id"),
        text(&made["code"]),
        text(&made["password"]),
    );
    assert_eq!(password.len(), 4);
    assert_eq!(made["expires_at"], NOW + 3600);
    assert_eq!(made["url"], s.server.url(&format!("/s/{code}")));
    let entry = json!({
        "share_id": id, "code": code, "url": made["url"], "name": "Trip", "kind": "several", "has_password": true,
        "created_at": NOW, "expires_at": NOW + 3600, "max_downloads": 5, "downloads": 0, "views": 0, "saves": 0,
        "allow_save": false, "state": "active", "max_file_size": 0, "max_files": 0, "received": 0,
    });
    let listed = s.token.get("/v1/share/list").await.data();
    assert_eq!(listed, json!({"shares": [entry], "total": 1, "next_cursor": null}));

    // Each field by itself; the rest stays.
    let update = async |form: &str| {
        let form = format!("share_id={id}&{form}");
        s.token.post("/v1/share/update", &form).await.data()
    };
    assert_eq!(update("expires_in=0").await["expires_at"], 0);
    assert_eq!(update("password=").await["password"], json!(null));
    assert_eq!(update("password=new").await["password"], "new");
    update("allow_save=true&max_downloads=0").await;
    update(&format!("file_ids={}", tree.one)).await;
    let listed = s.token.get("/v1/share/list").await.data();
    let share = &listed["shares"][0];
    assert_eq!(
        (
            &share["kind"],
            &share["name"],
            &share["has_password"],
            &share["max_downloads"],
            &share["allow_save"]
        ),
        (&json!("file"), &json!("one.txt"), &json!(true), &json!(0), &json!(true))
    );

    assert_eq!(
        s.token
            .post("/v1/share/cancel", &format!("share_ids={id}"))
            .await
            .data(),
        json!({"affected": 1})
    );
    // Again: nothing more happens.
    s.token
        .post("/v1/share/cancel", &format!("share_ids={id}"))
        .await
        .data();
    assert_eq!(s.visit(&code).await.error(), (404, "share_cancelled".into()));
    let refused = s
        .token
        .post("/v1/share/update", &format!("share_id={id}&password=x"))
        .await;
    assert_eq!(refused.error(), (404, "share_cancelled".into()));
    let listed = s.token.get("/v1/share/list").await.data();
    assert_eq!(listed["shares"][0]["state"], "cancelled");
}

async fn what_cannot_be_shared_says_why(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let root = s.token.get(&format!("/v1/files/{}", tree.folder)).await.data();
    assert_eq!(root["parent_folder"], 0);
    for (form, error) in [
        (String::new(), (400, "invalid_parameter")),
        ("file_ids=999999".into(), (404, "not_found")),
        (format!("file_ids={}", tree.folder), (404, "not_found")),
        (
            format!("file_ids={}&expires_in=-1", tree.one),
            (400, "invalid_parameter"),
        ),
        (
            format!("file_ids={}&max_downloads=x", tree.one),
            (400, "invalid_parameter"),
        ),
        (
            format!("file_ids={}&allow_save=maybe", tree.one),
            (400, "invalid_parameter"),
        ),
        (
            format!("file_ids={}&password=a&auto_password=1", tree.one),
            (400, "invalid_parameter"),
        ),
        (
            format!("file_ids={}&password={}", tree.one, "x".repeat(129)),
            (400, "invalid_parameter"),
        ),
        (format!("file_ids={}&kind=drop", tree.one), (400, "invalid_parameter")),
        (format!("file_ids={}&kind=other", tree.one), (400, "invalid_parameter")),
    ] {
        let refused = s.token.post("/v1/share/create", &form).await;
        assert_eq!(refused.error(), (error.0, error.1.to_owned()), "{form}");
    }
    for (path, form) in [
        ("update", ""),
        ("update", "share_id=x"),
        ("cancel", ""),
        ("cancel", "share_ids=x"),
    ] {
        let refused = s.token.post(&format!("/v1/share/{path}"), form).await;
        assert_eq!(refused.error().0, 400, "{path} {form}");
    }
    for (path, form) in [("update", "share_id=999999"), ("cancel", "share_ids=999999")] {
        let refused = s.token.post(&format!("/v1/share/{path}"), form).await;
        assert_eq!(refused.error(), (404, "not_found".into()), "{path} {form}");
    }
    // A batch ends whole or not at all.
    let made = s.share(&format!("file_ids={}", tree.one)).await;
    let both = format!("share_ids={},999999", made["share_id"]);
    assert_eq!(s.token.post("/v1/share/cancel", &both).await.error().0, 404);
    s.visit(&text(&made["code"])).await.data();
}

async fn an_app_knows_its_own_shares_and_those_of_what_it_may_read(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let app = s.server.app(&s.owner, "Sandboxed").await;
    let small = s
        .server
        .token(&s.owner, &app, "files.app_data share.read share.create")
        .await;
    small.post("/v1/user/share-enable", "").await.data();
    let inside = small.file("/", "mine.txt", b"mine").await;
    let wide = s.share(&format!("file_ids={}", tree.one)).await;
    let within = s.share(&format!("file_ids={inside}")).await;
    let both = s.share(&format!("file_ids={inside},{}", tree.one)).await;
    let own = small
        .post("/v1/share/create", &format!("file_ids={inside}"))
        .await
        .data();

    // It shares nothing that it may not read.
    for form in [
        format!("file_ids={}", tree.one),
        format!("file_ids={inside}&folder_ids={}", tree.folder),
    ] {
        assert_eq!(
            small.post("/v1/share/create", &form).await.error(),
            (404, "not_found".into())
        );
    }
    let known = |listed: &serde_json::Value| -> Vec<i64> {
        let shares = listed["shares"].as_array().expect("shares").clone();
        shares.iter().filter_map(|share| share["share_id"].as_i64()).collect()
    };
    let id = |made: &serde_json::Value| made["share_id"].as_i64().expect("an id");
    let listed = small.get("/v1/share/list").await.data();
    assert_eq!(known(&listed), [id(&own), id(&within)]);
    assert_eq!(listed["total"], 2);
    let listed = s.token.get("/v1/share/list").await.data();
    assert_eq!(known(&listed), [id(&own), id(&both), id(&within), id(&wide)]);
    for foreign in [&wide, &both] {
        for path in ["update?password=x&share_id=", "cancel?share_ids="] {
            let refused = small.post(&format!("/v1/share/{path}{}", id(foreign)), "").await;
            assert_eq!(refused.error(), (404, "not_found".into()));
        }
    }
    small
        .post("/v1/share/cancel", &format!("share_ids={}", id(&within)))
        .await
        .data();

    // Its own share stays its own when the file is moved away, and says no more of it.
    let form = format!("action=move&file_ids={inside}&dest_path=/Trip");
    s.token.post("/v1/files/manage", &form).await.data();
    let listed = small.get("/v1/share/list").await.data();
    assert_eq!(known(&listed), [id(&own)]);
    assert_eq!(listed["shares"][0]["name"], "");
    small
        .post("/v1/share/cancel", &format!("share_ids={}", id(&own)))
        .await
        .data();
}

async fn a_list_is_paged_from_the_latest_on(engine: Engine) {
    let s = Sharing::new(engine).await;
    let file = s.token.file("/", "a.txt", b"a").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, s.share(&format!("file_ids={file}")).await["share_id"].clone());
    }
    let mut seen = Vec::new();
    let mut path = "/v1/share/list?limit=2".to_owned();
    loop {
        let page = s.token.get(&path).await.data();
        assert_eq!(page["total"], 5);
        let shares = page["shares"].as_array().expect("shares").clone();
        seen.extend(shares.iter().map(|share| share["share_id"].clone()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/share/list?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, made);
    assert_eq!(s.token.get("/v1/share/list?cursor=%2A").await.error().0, 400);
}

async fn states_are_told_apart(engine: Engine) {
    let s = Sharing::new(engine).await;
    let state = async |code: &str| {
        let listed = s.token.get("/v1/share/list").await.data();
        let shares = listed["shares"].as_array().expect("shares").clone();
        let share = shares
            .iter()
            .find(|share| share["code"] == code)
            .expect("the share")
            .clone();
        text(&share["state"])
    };
    let file = s.token.file("/", "a.txt", b"a").await;
    let code = s.code(&format!("file_ids={file}&max_downloads=1")).await;
    let timed = s.code(&format!("file_ids={file}&expires_in=10")).await;
    assert_eq!(state(&code).await, "active");
    s.visit(&format!("{code}/download")).await.data();
    assert_eq!(state(&code).await, "used_up");
    assert_eq!(s.visit(&code).await.error(), (404, "share_used_up".into()));
    s.server.clock().advance(10);
    assert_eq!(state(&timed).await, "expired");
    assert_eq!(s.visit(&timed).await.error(), (404, "share_expired".into()));

    // In the bin it rests; taken out, it lives again; gone for good, there is none.
    let code = s.code(&format!("file_ids={file}")).await;
    delete(&s.token, &format!("file_ids={file}")).await;
    assert_eq!(state(&code).await, "trashed");
    assert_eq!(s.visit(&code).await.error(), (404, "share_trashed".into()));
    s.token
        .post("/v1/bin/restore", &format!("file_ids={file}"))
        .await
        .data();
    assert_eq!(state(&code).await, "active");
    s.visit(&code).await.data();
    delete(&s.token, &format!("file_ids={file}")).await;
    s.token.post("/v1/bin/purge", &format!("file_ids={file}")).await.data();
    assert_eq!(state(&code).await, "trashed");
    assert_eq!(s.visit(&code).await.error(), (404, "share_not_found".into()));
    assert_eq!(s.visit("none").await.error(), (404, "share_not_found".into()));
}

async fn only_open_shares_of_one_node_change_a_weipan_listing(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let head = async || {
        let user = s.server.drive().account(&pantry_core::Actor::person(s.owner.id)).await;
        user.expect("an account").head
    };
    let start = head().await;
    let made = s.share(&format!("file_ids={}&password=x", tree.one)).await;
    s.share(&format!("file_ids={},{}", tree.one, tree.two)).await;
    assert_eq!(head().await, start);
    let open = s.share(&format!("file_ids={}", tree.one)).await;
    assert_eq!(head().await, start + 1);
    let id = &made["share_id"];
    s.token
        .post("/v1/share/update", &format!("share_id={id}&password="))
        .await
        .data();
    assert_eq!(head().await, start + 2, "now it is open too");
    let id = &open["share_id"];
    s.token
        .post("/v1/share/update", &format!("share_id={id}&expires_in=60"))
        .await
        .data();
    assert_eq!(head().await, start + 3, "now it is not");
    s.token
        .post("/v1/share/cancel", &format!("share_ids={id}"))
        .await
        .data();
    assert_eq!(head().await, start + 3);
}
