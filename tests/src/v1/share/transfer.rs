//! `POST /v1/share/{code}/transfer`.

use pantry_testkit::{Engine, both_engines};
use serde_json::json;

use super::{ALL, Sharing, text};

both_engines!(
    a_share_is_saved_without_its_bytes,
    saving_takes_a_right_and_a_place,
    saving_takes_all_or_nothing,
    a_large_share_is_saved_by_a_job,
    a_job_whose_share_ends_leaves_nothing,
);

async fn a_share_is_saved_without_its_bytes(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let code = s
        .code(&format!("folder_ids={}&file_ids={}", tree.folder, tree.outside))
        .await;
    let bob = s.other("bob", ALL).await;
    let saved = bob.post(&format!("/v1/share/{code}/transfer"), "").await.data();
    assert_eq!(saved["affected"], 2);
    assert_eq!(bob.names("/").await, ["Trip", "我的应用数据", "secret.txt"]);
    assert_eq!(bob.names("/Trip/Day 1").await, ["two.txt"]);
    let file = saved["file_ids"][0].as_i64().expect("a file");
    assert_eq!(bob.content(file).await, b"secret");
    let quota = bob.get("/v1/user/quota").await.data();
    assert_eq!(quota["used_bytes"], 3 + 7 + 6, "it counts in the quota of who has it");
    // It is their own from now on.
    super::delete(
        &s.token,
        &format!("folder_ids={}&file_ids={}", tree.folder, tree.outside),
    )
    .await;
    assert_eq!(bob.content(file).await, b"secret");
    let listed = s.token.get("/v1/share/list").await.data();
    assert_eq!(listed["shares"][0]["saves"], 1);

    // A part of it, into a folder, by the rule that was chosen.
    s.token
        .post("/v1/bin/restore", &format!("folder_ids={}", tree.folder))
        .await
        .data();
    bob.folder("/", "Saved").await;
    let transfer = format!("/v1/share/{code}/transfer");
    let form = format!("file_ids[]={}&parent_path=/Saved", tree.two);
    for name in ["two.txt", "two (1).txt"] {
        let saved = bob.post(&transfer, &form).await.data();
        let id = saved["file_ids"][0].as_i64().expect("a file");
        let item = bob.get(&format!("/v1/files/{id}")).await.data();
        assert_eq!(item["path"], format!("/Saved/{name}"));
    }
    let refused = bob.post(&transfer, &format!("{form}&on_conflict=fail")).await;
    assert_eq!(refused.error(), (409, "name_taken".into()));
    let over = bob
        .post(&transfer, &format!("{form}&on_conflict=overwrite"))
        .await
        .data();
    assert_eq!(over["affected"], 1);
    // One's own share as well, but not into itself.
    let own = s
        .token
        .post(&transfer, &format!("folder_ids={}&parent_path=/Trip", tree.folder))
        .await;
    assert_eq!(own.error(), (409, "into_itself".into()));
    s.token
        .post(&transfer, &format!("folder_ids={}&parent_path=/", tree.folder))
        .await
        .data();
    assert!(s.token.names("/").await.contains(&"Trip (1)".to_owned()));
}

async fn saving_takes_a_right_and_a_place(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let made = s.share(&format!("folder_ids={}&password=x", tree.folder)).await;
    let code = text(&made["code"]);
    let transfer = format!("/v1/share/{code}/transfer");
    assert_eq!(s.server.post(&transfer, "").await.error().0, 401, "nobody's drive");
    let bob = s.other("bob", "files.app_data").await;
    assert_eq!(
        bob.post(&transfer, "").await.error(),
        (401, "share_ticket_required".into())
    );
    let ticket = s.ticket(&code, "x").await;
    let saved = bob.post(&transfer, &format!("ticket={ticket}")).await.data();
    let folder = saved["folder_ids"][0].as_i64().expect("a folder");
    let item = bob.get(&format!("/v1/files/{folder}")).await.data();
    assert_eq!(
        item["path"], "/我的应用数据/Reader/Trip",
        "a sandboxed app saves into its own folder"
    );
    let missing = bob.post(&transfer, &format!("ticket={ticket}&parent_path=/none")).await;
    assert_eq!(missing.error().0, 404);
    let reader = s.other("eve", "files.read_all").await;
    let refused = reader.post(&transfer, &format!("ticket={ticket}")).await;
    assert_eq!(refused.error(), (403, "forbidden".into()));
    let form = format!("share_id={}&allow_save=false", made["share_id"]);
    s.token.post("/v1/share/update", &form).await.data();
    let refused = bob.post(&transfer, &format!("ticket={ticket}")).await;
    assert_eq!(refused.error(), (403, "save_not_allowed".into()));
}

async fn saving_takes_all_or_nothing(engine: Engine) {
    let s = Sharing::new(engine).await;
    let tree = s.tree().await;
    let code = s.code(&format!("folder_ids={}", tree.folder)).await;
    let person = s.server.person_with("bob", Some(9)).await;
    let app = s.server.app(&person, "Reader").await;
    let bob = s.server.token(&person, &app, ALL).await;
    let refused = bob.post(&format!("/v1/share/{code}/transfer"), "parent_path=/").await;
    assert_eq!(refused.error(), (507, "over_quota".into()));
    assert_eq!(bob.names("/").await, ["我的应用数据"]);
    assert_eq!(bob.get("/v1/user/quota").await.data()["used_bytes"], 0);
    let listed = s.token.get("/v1/share/list").await.data();
    assert_eq!(listed["shares"][0]["saves"], 0);
    // Of many at once only as many as fit.
    let admin = pantry_core::auth::console::Admin::operator();
    let more = s.server.drive().change_user(&admin, person.id, None, Some(25)).await;
    more.expect("a quota");
    let path = format!("/v1/share/{code}/transfer");
    let all = futures_util::future::join_all((0..6).map(|_| bob.post(&path, "parent_path=/"))).await;
    let done = all.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(done, 2, "ten bytes each, in twenty-five");
    assert_eq!(bob.get("/v1/user/quota").await.data()["used_bytes"], 20);
}

/// A folder of more nodes than one transaction copies.
async fn large(s: &Sharing) -> i64 {
    let folder = s.token.folder("/", "large").await;
    let seed = s.token.folder("/large", "f0").await;
    for n in 0..10 {
        s.token.file("/large/f0", &format!("n{n}"), b"x").await;
    }
    // Each copy doubles it: 11 × 1,024 nodes.
    let mut ids = vec![seed];
    for round in 0..10 {
        let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let form = format!(
            "action=copy&folder_ids={}&dest_path=/large&on_conflict=rename",
            list.join(",")
        );
        s.token.post("/v1/files/manage", &form).await.data();
        while s.server.drive().work().await.expect("work") {}
        let listed = s.token.get("/v1/files?path=/large&limit=200").await.data();
        let mut all: Vec<i64> = Vec::new();
        let mut cursor = listed["next_cursor"].clone();
        let take = |all: &mut Vec<i64>, page: &serde_json::Value| {
            let folders = page["folders"].as_array().expect("folders").clone();
            all.extend(folders.iter().filter_map(|f| f["id"].as_i64()));
        };
        take(&mut all, &listed);
        while let Some(text) = cursor.as_str() {
            let page = s
                .token
                .get(&format!("/v1/files?path=/large&limit=200&cursor={text}"))
                .await
                .data();
            take(&mut all, &page);
            cursor = page["next_cursor"].clone();
        }
        ids = all;
        assert_eq!(ids.len(), 2 << round);
    }
    folder
}

async fn a_large_share_is_saved_by_a_job(engine: Engine) {
    let s = Sharing::new(engine).await;
    let folder = large(&s).await;
    let code = s.code(&format!("folder_ids={folder}")).await;
    let bob = s.other("bob", ALL).await;
    let begun = bob
        .post(&format!("/v1/share/{code}/transfer"), "parent_path=/")
        .await
        .data();
    let job = begun["job_id"].as_i64().expect("a job");
    assert_eq!(bob.names("/").await, ["我的应用数据"], "nothing before all of it");
    while s.server.drive().work().await.expect("work") {}
    let done = bob.get(&format!("/v1/jobs/{job}")).await.data();
    assert_eq!(
        (&done["state"], &done["done"], &done["total"]),
        (&json!("done"), &json!(11_265), &json!(11_265))
    );
    let item = bob.list("/large").await.data();
    assert_eq!(item["total"], 1024);
    assert_eq!(bob.get("/v1/user/quota").await.data()["used_bytes"], 10_240);
    assert_eq!(s.token.get("/v1/share/list").await.data()["shares"][0]["saves"], 1);
}

async fn a_job_whose_share_ends_leaves_nothing(engine: Engine) {
    let s = Sharing::new(engine).await;
    let folder = large(&s).await;
    let made = s.share(&format!("folder_ids={folder}")).await;
    let bob = s.other("bob", ALL).await;
    let path = format!("/v1/share/{}/transfer", text(&made["code"]));
    let job = bob.post(&path, "parent_path=/").await.data()["job_id"]
        .as_i64()
        .expect("a job");
    assert!(s.server.drive().work().await.expect("work"));
    s.token
        .post("/v1/share/cancel", &format!("share_ids={}", made["share_id"]))
        .await
        .data();
    while s.server.drive().work().await.expect("work") {}
    while s.server.drive().purge_some().await.expect("purged") {}
    assert_eq!(bob.get(&format!("/v1/jobs/{job}")).await.data()["state"], "failed");
    assert_eq!(bob.names("/").await, ["我的应用数据"]);
    let quota = bob.get("/v1/user/quota").await.data();
    assert_eq!(
        (&quota["used_bytes"], &quota["free_bytes"]),
        (&json!(0), &quota["total_bytes"])
    );
    assert_eq!(s.token.get("/v1/share/list").await.data()["shares"][0]["saves"], 0);
}
