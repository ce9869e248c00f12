//! A developer's apps: making, changing, pictures, secrets, requests for scopes, deletion.

use axum::body::Body;
use http::Method;
use pantry_core::auth::OAuthCode;
use pantry_testkit::Engine;
use serde_json::{Value, json};

use crate::world::World;

pantry_testkit::both_engines!(
    an_app_is_made_shown_and_changed,
    what_an_app_cannot_be,
    a_secret_is_rotated_and_the_old_one_ends,
    an_app_becomes_public_and_back,
    a_picture_is_set_and_served_in_a_cage,
    scopes_are_asked_for_granted_in_part_and_refused,
    parallel_reviews_have_one_outcome,
    deleting_an_app_ends_everything_of_it,
    two_apps_of_one_name_have_two_folders,
    apps_are_listed_in_pages,
);

const URI: &str = "https://app.example.com/callback";

async fn an_app_is_made_shown_and_changed(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let body = json!({
        "name": "Notes", "description": " Keeps notes. ", "home_page": "https://notes.example/", "redirect_uris": [URI],
        "unknown": 1,
    });
    let made = ada.post("/apps", body).await.data();
    let app = &made["app"];
    let id = app["client_id"].as_str().expect("an id");
    assert!(
        made["client_secret"]
            .as_str()
            .is_some_and(|s| s.starts_with("pantry_cs_"))
    );
    assert_eq!(app["description"], "Keeps notes.");
    assert_eq!((&app["owner"], &app["owner_uid"]), (&json!("ada"), &json!(ada.uid)));
    assert_eq!(
        app["scopes"],
        json!(["user.read", "files.app_data", "openid", "profile", "email"])
    );
    assert_eq!(app["secrets"].as_array().map(Vec::len), Some(1));
    assert_eq!(ada.get(&format!("/apps/{id}")).await.data(), *app);
    assert_eq!(ada.get("/apps").await.data()["items"], json!([app]));
    // The secret is told once.
    assert!(!ada.get(&format!("/apps/{id}")).await.text().contains("pantry_cs_"));

    let change = json!({"description": "Better.", "redirect_uris": ["http://127.0.0.1/cb", URI]});
    let changed = ada.patch(&format!("/apps/{id}"), change).await.data();
    assert_eq!(changed["client_secret"], Value::Null);
    assert_eq!(changed["app"]["name"], "Notes");
    assert_eq!(changed["app"]["description"], "Better.");
    assert_eq!(changed["app"]["redirect_uris"], json!(["http://127.0.0.1/cb", URI]));
    assert_eq!(changed["app"]["home_page"], "https://notes.example/");
    let cleared = ada
        .patch(&format!("/apps/{id}"), json!({"home_page": "", "name": "Notizen"}))
        .await
        .data();
    assert_eq!(
        (&cleared["app"]["home_page"], &cleared["app"]["name"]),
        (&json!(""), &json!("Notizen"))
    );
    // The number of people who use it.
    w.token(id, "user.read").await;
    w.token_of("bob", id, "user.read").await;
    assert_eq!(ada.get(&format!("/apps/{id}")).await.data()["users"], 2);
    assert_eq!(
        ada.events().await,
        [
            "sign_in",
            "app_added",
            "app_changed",
            "app_changed",
            "token_issued_by_operator"
        ]
    );
}

async fn what_an_app_cannot_be(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let many: Vec<String> = (0..21).map(|n| format!("https://a.example/{n}")).collect();
    let bad = [
        (json!({}), "invalid_name"),
        (json!({"name": "a/b"}), "invalid_name"),
        (json!({"name": "Pantry"}), "invalid_parameter"),
        (json!({"name": "p\u{430}ntry"}), "invalid_parameter"),
        (json!({"name": "管理员"}), "invalid_parameter"),
        (json!({"name": "我的应用数据"}), "invalid_parameter"),
        (json!({"name": "Notes\u{202e}"}), "invalid_parameter"),
        (json!({"name": "x".repeat(65)}), "invalid_parameter"),
        (
            json!({"name": "A", "description": "x".repeat(1001)}),
            "invalid_parameter",
        ),
        (json!({"name": "A", "description": "a\u{0}b"}), "invalid_parameter"),
        (
            json!({"name": "A", "home_page": "javascript:alert(1)"}),
            "invalid_parameter",
        ),
        (
            json!({"name": "A", "home_page": "http://evil.example/"}),
            "invalid_parameter",
        ),
        (
            json!({"name": "A", "home_page": "https://a@b.example/"}),
            "invalid_parameter",
        ),
        (
            json!({"name": "A", "redirect_uris": ["http://evil.example/cb"]}),
            "invalid_parameter",
        ),
        (
            json!({"name": "A", "redirect_uris": ["https://a.example/\nhttps://b.example/"]}),
            "invalid_parameter",
        ),
        (json!({"name": "A", "redirect_uris": [URI, URI]}), "invalid_parameter"),
        (json!({"name": "A", "redirect_uris": many}), "invalid_parameter"),
        (json!({"name": 1}), "malformed_body"),
        (json!([]), "malformed_body"),
    ];
    let (id, _) = ada.app("Notes").await;
    for (body, code) in bad {
        let made = ada.post("/apps", body.clone()).await;
        assert_eq!(made.error(), (400, code.to_owned()), "{body}");
        if body.get("name").is_some() {
            let changed = ada.patch(&format!("/apps/{id}"), body.clone()).await;
            assert_eq!(changed.error(), (400, code.to_owned()), "{body}");
        }
    }
    let form = ada
        .request(Method::POST, "/apps")
        .header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(
        ada.send(form, "name=A").await.error(),
        (415, "unsupported_media_type".into())
    );
    let large = ada
        .post("/apps", json!({"name": "A", "description": "x".repeat(70_000)}))
        .await;
    assert_eq!(large.error(), (413, "body_too_large".into()));
    assert_eq!(ada.get("/apps").await.data()["items"].as_array().map(Vec::len), Some(1));
}

async fn a_secret_is_rotated_and_the_old_one_ends(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let (id, first) = ada.app("Notes").await;
    let proves = async |secret: &str| match w.server.drive().authenticate_client(&id, Some(secret)).await {
        Ok(_) => true,
        Err(e) => {
            assert_eq!(e.code(), Some(OAuthCode::InvalidClient));
            false
        }
    };
    let rotate = format!("/apps/{id}/secret");
    for bad in [-1, 2_592_001] {
        let refused = ada.post(&rotate, json!({"keep_old_seconds": bad})).await;
        assert_eq!(refused.error(), (400, "invalid_parameter".into()));
    }
    let rotated = ada.post(&rotate, json!({"keep_old_seconds": 600})).await.data();
    let second = rotated["client_secret"].as_str().expect("a secret").to_owned();
    assert_ne!(second, first);
    let secrets = rotated["app"]["secrets"].as_array().expect("secrets");
    assert_eq!(secrets.len(), 2);
    assert_eq!(secrets[0]["ends_at"], Value::Null);
    let end = secrets[1]["ends_at"].as_i64().expect("an end");
    assert_eq!(end, w.server.drive().now() + 600);
    assert!(proves(&first).await && proves(&second).await);
    w.wait(600);
    assert!(!proves(&first).await && proves(&second).await);
    assert_eq!(
        ada.get(&format!("/apps/{id}")).await.data()["secrets"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    // At once, and by hand.
    let third = ada.post(&rotate, json!({"keep_old_seconds": 600})).await.data()["client_secret"].clone();
    assert!(proves(&second).await);
    let ended = ada.delete(&format!("/apps/{id}/secret/old"), json!({})).await.data();
    assert_eq!(ended["secrets"].as_array().map(Vec::len), Some(1));
    assert!(!proves(&second).await && proves(third.as_str().expect("a secret")).await);
    let again = ada.delete(&format!("/apps/{id}/secret/old"), json!({})).await;
    assert_eq!(again.error(), (404, "not_found".into()));
    let fourth = ada.post(&rotate, json!({"keep_old_seconds": 0})).await.data()["client_secret"].clone();
    assert!(!proves(third.as_str().expect("a secret")).await);
    assert!(proves(fourth.as_str().expect("a secret")).await);
    // A password that was shown long ago does not do.
    w.wait(901);
    let stale = ada.post(&rotate, json!({"keep_old_seconds": 0})).await;
    assert_eq!(stale.error(), (403, "password_needed".into()));
    assert!(proves(fourth.as_str().expect("a secret")).await);
}

async fn an_app_becomes_public_and_back(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let (id, secret) = ada.app("Notes").await;
    let path = format!("/apps/{id}");
    let public = ada.patch(&path, json!({"public": true})).await.data();
    assert_eq!(
        (&public["app"]["public"], &public["client_secret"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(public["app"]["secrets"], json!([]));
    let drive = w.server.drive();
    assert!(drive.authenticate_client(&id, None).await.is_ok());
    assert!(drive.authenticate_client(&id, Some(&secret)).await.is_err());
    let none = ada
        .post(&format!("{path}/secret"), json!({"keep_old_seconds": 0}))
        .await;
    assert_eq!(none.error(), (400, "invalid_parameter".into()));
    let back = ada.patch(&path, json!({"public": false})).await.data();
    let new = back["client_secret"].as_str().expect("a secret").to_owned();
    assert!(drive.authenticate_client(&id, Some(&new)).await.is_ok());
    for dead in [None, Some(secret.as_str()), Some("")] {
        assert!(drive.authenticate_client(&id, dead).await.is_err());
    }
    // The same again changes nothing and gives no secret.
    assert_eq!(
        ada.patch(&path, json!({"public": false})).await.data()["client_secret"],
        Value::Null
    );
    assert!(drive.authenticate_client(&id, Some(&new)).await.is_ok());
}

async fn a_picture_is_set_and_served_in_a_cage(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let (id, _) = ada.app("Notes").await;
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x40\0\0\0\x40\x08\x06\0\0\0".to_vec();
    png.extend([0; 40]);
    let set = async |body: Vec<u8>| {
        // What it is called does not matter, only what it is.
        let request = ada
            .request(Method::PUT, &format!("/apps/{id}/icon"))
            .header("content-type", "text/html");
        ada.send(request, body).await
    };
    let url = set(png.clone()).await.data()["icon_url"]
        .as_str()
        .expect("a path")
        .to_owned();
    assert_eq!(ada.get(&format!("/apps/{id}")).await.data()["icon_url"], json!(url));
    let fetch = async |url: &str| {
        w.send(http::Request::get(url).body(Body::empty()).expect("a request"))
            .await
    };
    let served = fetch(&url).await;
    assert_eq!((served.status.as_u16(), &served.bytes), (200, &png));
    assert_eq!(served.header("content-type"), Some("image/png"));
    assert_eq!(served.header("x-content-type-options"), Some("nosniff"));
    assert!(
        served
            .header("content-security-policy")
            .is_some_and(|p| p.contains("sandbox"))
    );
    assert!(served.header("cache-control").is_some_and(|c| c.contains("immutable")));
    for bad in [
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(),
        b"<html><script>alert(1)</script>".to_vec(),
        b"GIF89a".to_vec(),
        Vec::new(),
    ] {
        assert_eq!(set(bad).await.error(), (400, "invalid_parameter".into()));
    }
    let large = [png.clone(), vec![0; 256 * 1024]].concat();
    assert_eq!(set(large).await.error(), (413, "too_large".into()));
    assert_eq!(set(vec![0; 1024 * 1024 + 1]).await.error().0, 413);
    // Another picture has another address, and the old one is gone.
    png.push(7);
    let other = set(png).await.data()["icon_url"].as_str().expect("a path").to_owned();
    assert_ne!(other, url);
    assert_eq!(fetch(&url).await.status.as_u16(), 404);
    let removed = ada.delete(&format!("/apps/{id}/icon"), json!({})).await.data();
    assert_eq!(removed["icon_url"], Value::Null);
    for gone in [
        other.as_str(),
        &format!("/web/v1/icons/{id}/"),
        &format!("/web/v1/icons/{id}/x"),
    ] {
        assert_eq!(fetch(gone).await.status.as_u16(), 404, "{gone}");
    }
}

async fn scopes_are_asked_for_granted_in_part_and_refused(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, root) = (w.sign_in("ada").await, w.sign_in("root").await);
    let (id, _) = ada.app("Notes").await;
    let path = format!("/apps/{id}/scope-requests");
    let ask = |scopes: Value, reason: &str| json!({"scopes": scopes, "reason": reason});
    for (body, code) in [
        (ask(json!([]), "because"), "invalid_parameter"),
        (ask(json!(["files.read_all"]), " "), "invalid_parameter"),
        (ask(json!(["files.app_data"]), "because"), "invalid_parameter"),
        (ask(json!(["files.everything"]), "because"), "invalid_parameter"),
        (ask(json!(["files.read_all"]), &"x".repeat(2001)), "invalid_parameter"),
    ] {
        assert_eq!(
            ada.post(&path, body.clone()).await.error(),
            (400, code.to_owned()),
            "{body}"
        );
    }
    let refused = w.server.drive().issue_token("ada", &id, "files.read_all").await;
    assert!(refused.is_err());
    let asked = ask(json!(["files.read_all", "share.create"]), "It indexes.");
    let request = ada.post(&path, asked.clone()).await.data();
    assert_eq!(request["state"], "open");
    assert_eq!(ada.post(&path, asked).await.error(), (409, "request_open".into()));
    let open = root.get("/admin/scope-requests").await.data();
    assert_eq!(open["items"][0]["reason"], "It indexes.");
    assert_eq!(open["items"][0]["owner"], "ada");
    let review = format!("/admin/scope-requests/{}", request["id"]);
    for bad in [
        json!({"decision": "approve", "scopes": ["files.write_all"]}),
        json!({"decision": "approve", "scopes": []}),
        json!({"decision": "approve", "scopes": ["nothing"]}),
        json!({"decision": "perhaps"}),
    ] {
        assert_eq!(root.post(&review, bad.clone()).await.error().0, 400, "{bad}");
    }
    let decided = json!({"decision": "approve", "scopes": ["files.read_all"], "note": "No sharing."});
    let closed = root.post(&review, decided.clone()).await.data();
    assert_eq!(
        (&closed["state"], &closed["granted"]),
        (&json!("granted"), &json!(["files.read_all"]))
    );
    assert_eq!(
        root.post(&review, decided).await.error(),
        (409, "already_decided".into())
    );
    // The developer sees it; the app may ask for what was granted, and for nothing more.
    let seen = ada.get(&path).await.data();
    assert_eq!(seen["items"][0]["note"], "No sharing.");
    w.token(&id, "files.read_all").await;
    assert!(w.server.drive().issue_token("ada", &id, "share.create").await.is_err());
    assert_eq!(
        ada.post(&path, ask(json!(["files.read_all"]), "again")).await.error().0,
        400
    );
    // Refused, and asked for again, and withdrawn.
    let second = ada.post(&path, ask(json!(["share.create"]), "Please.")).await.data();
    let refuse = json!({"decision": "refuse", "note": "Really not."});
    let closed = root
        .post(&format!("/admin/scope-requests/{}", second["id"]), refuse)
        .await
        .data();
    assert_eq!((&closed["state"], &closed["granted"]), (&json!("refused"), &json!([])));
    let third = ada
        .post(&path, ask(json!(["share.create"]), "Pretty please."))
        .await
        .data();
    let withdrawn = ada.delete(&format!("{path}/{}", third["id"]), json!({})).await.data();
    assert_eq!(withdrawn["state"], "withdrawn");
    let again = ada.delete(&format!("{path}/{}", third["id"]), json!({})).await;
    assert_eq!(again.error(), (409, "already_decided".into()));
    assert_eq!(ada.all(&path, 1).await.len(), 3);
    assert_eq!(root.all("/admin/scope-requests?state=closed", 2).await.len(), 3);
    assert!(root.all("/admin/scope-requests", 2).await.is_empty());
    // All that was asked for.
    let fourth = ada
        .post(&path, ask(json!(["share.create", "share.read"]), "Now."))
        .await
        .data();
    let all = json!({"decision": "approve"});
    let closed = root
        .post(&format!("/admin/scope-requests/{}", fourth["id"]), all)
        .await
        .data();
    assert_eq!(closed["granted"], json!(["share.read", "share.create"]));
    let missing = root
        .post("/admin/scope-requests/999999", json!({"decision": "approve"}))
        .await;
    assert_eq!(missing.error(), (404, "not_found".into()));
}

async fn parallel_reviews_have_one_outcome(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, root) = (w.sign_in("ada").await, w.sign_in("root").await);
    let (id, _) = ada.app("Notes").await;
    let ask = json!({"scopes": ["files.read_all"], "reason": "It reads."});
    let path = format!("/apps/{id}/scope-requests");
    // Many requests at once: one is open.
    let asked = futures_util::future::join_all((0..8).map(|_| ada.post(&path, ask.clone()))).await;
    assert_eq!(asked.iter().filter(|a| a.status == 200).count(), 1);
    let request = ada.get(&path).await.data()["items"][0]["id"].clone();
    let review = format!("/admin/scope-requests/{request}");
    let bodies = (0..16).map(|n| {
        let decision = if n % 2 == 0 { "approve" } else { "refuse" };
        json!({"decision": decision, "note": n.to_string()})
    });
    let answers = futures_util::future::join_all(bodies.map(|body| root.post(&review, body))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|a| a.error() == (409, "already_decided".into())));
    // What the developer sees, what the app may ask for and what the log says are of that one.
    let seen = ada.get(&path).await.data()["items"][0].clone();
    assert_eq!(seen["note"], won[0].data()["note"]);
    let may = w.server.drive().issue_token("ada", &id, "files.read_all").await.is_ok();
    assert_eq!(may, seen["state"] == "granted");
    let log = root.all("/admin/audit?event=scopes_reviewed", 50).await;
    assert_eq!(log.len(), 1);
}

async fn deleting_an_app_ends_everything_of_it(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let (id, secret) = ada.app("Notes").await;
    let (other, _) = ada.app("Other").await;
    let tokens = [
        w.token(&id, "files.app_data user.read").await,
        w.token_of("bob", &id, "user.read").await,
    ];
    let kept = w.token(&other, "user.read").await;
    let put =
        http::Request::put("/v1/files/content?name=a.txt").header("authorization", format!("Bearer {}", tokens[0]));
    let file = w.send(put.body(Body::from("hello")).expect("a request")).await.data()["file_id"].clone();
    let link = http::Request::get(format!("/v1/files/{file}/download"))
        .header("authorization", format!("Bearer {}", tokens[0]));
    let link = w.send(link.body(Body::empty()).expect("a request")).await.data()["url"].clone();
    let link = link.as_str().expect("a url").to_owned();
    let opens = async || w.server.get(&link).await.status.as_u16();
    assert_eq!(opens().await, 200);
    assert!(w.opens(&tokens[0]).await && w.opens(&tokens[1]).await);
    let path = format!("/apps/{id}");
    for wrong in [json!({}), json!({"name": "notes"}), json!({"name": "Notes "})] {
        assert_eq!(
            ada.delete(&path, wrong).await.error(),
            (400, "invalid_parameter".into())
        );
    }
    w.wait(901);
    let right = json!({"name": "Notes"});
    assert_eq!(
        ada.delete(&path, right.clone()).await.error(),
        (403, "password_needed".into())
    );
    assert!(w.opens(&tokens[0]).await);
    let confirm = json!({"password": pantry_testkit::Person::PASSWORD});
    ada.post("/session/confirm", confirm).await.data();
    assert_eq!(ada.delete(&path, right.clone()).await.data()["ended"], 2);
    assert!(!w.opens(&tokens[0]).await && !w.opens(&tokens[1]).await);
    assert_eq!(opens().await, 403);
    assert!(w.opens(&kept).await);
    assert!(w.server.drive().authenticate_client(&id, Some(&secret)).await.is_err());
    assert_eq!(ada.get(&path).await.error(), (404, "not_found".into()));
    assert_eq!(ada.delete(&path, right).await.error(), (404, "not_found".into()));
    let clients: Vec<_> = ada
        .all("/grants", 50)
        .await
        .iter()
        .map(|g| g["client_id"].clone())
        .collect();
    assert_eq!(clients, [json!(other)]);
    // What it put into the drive is the person's.
    let session = w
        .server
        .session(&pantry_testkit::Person {
            id: pantry_types::UserId(ada.uid),
            name: "ada".into(),
        })
        .await;
    let path = pantry_types::DrivePath::parse("/我的应用数据/Notes/a.txt").expect("a path");
    assert!(
        w.server
            .drive()
            .stat_path(&session.actor(), path)
            .await
            .expect("read")
            .is_some()
    );
}

async fn two_apps_of_one_name_have_two_folders(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, bob) = (w.sign_in("ada").await, w.sign_in("bob").await);
    let (one, _) = ada.app("Notes").await;
    let (two, _) = bob.app("Notes").await;
    w.token(&one, "files.app_data").await;
    w.token(&two, "files.app_data").await;
    let grants = ada.all("/grants", 50).await;
    let paths: Vec<_> = grants
        .iter()
        .map(|g| g["sandbox_path"].as_str().expect("a path"))
        .collect();
    assert_eq!(paths.len(), 2);
    assert_ne!(paths[0], paths[1], "{paths:?}");
    assert!(paths.iter().all(|p| p.starts_with("/我的应用数据/Notes")), "{paths:?}");
}

async fn apps_are_listed_in_pages(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, bob) = (w.sign_in("ada").await, w.sign_in("bob").await);
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(ada.app(&format!("App {n}")).await.0);
    }
    bob.app("Bob's").await;
    made.sort();
    let listed = ada.all("/apps", 2).await;
    let ids: Vec<_> = listed
        .iter()
        .map(|a| a["client_id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(ids, made);
    assert_eq!(ada.all("/apps", 5).await.len(), 5);
    for bad in ["cursor=x", "cursor=123456789012", "limit=x"] {
        assert_eq!(
            ada.get(&format!("/apps?{bad}")).await.error(),
            (400, "invalid_parameter".into()),
            "{bad}"
        );
    }
    assert_eq!(
        ada.get("/apps?limit=0").await.data()["items"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(
        ada.get("/apps?limit=99999").await.data()["items"]
            .as_array()
            .map(Vec::len),
        Some(5)
    );
}
