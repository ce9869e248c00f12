//! A person's own account: grants, sessions, password, audit log.

use http::Method;
use pantry_testkit::{Engine, Person};
use serde_json::json;

use crate::world::World;

pantry_testkit::both_engines!(
    who_is_signed_in_is_told,
    grants_are_shown_and_taken_back,
    all_grants_are_taken_back_at_once,
    sessions_are_shown_and_ended,
    a_password_is_changed_and_other_sessions_end,
    a_password_is_confirmed_and_guessing_it_is_limited,
    the_audit_log_tells_a_person_what_happened,
);

async fn who_is_signed_in_is_told(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let me = ada.get("/session").await.data();
    assert_eq!((&me["username"], &me["is_admin"]), (&json!("ada"), &json!(false)));
    assert_eq!(me["fresh_until"], json!(w.server.drive().now() + 900));
    let root = w.sign_in("root").await;
    assert_eq!(root.get("/session").await.data()["is_admin"], true);
    assert_ne!(root.csrf, ada.csrf);
}

async fn grants_are_shown_and_taken_back(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, bob) = (w.sign_in("ada").await, w.sign_in("bob").await);
    let (id, _) = bob.app("Notes").await;
    let token = w.token(&id, "user.read files.app_data").await;
    for (name, bytes) in [("a", 10), ("b", 20)] {
        let put = http::Request::put(format!("/v1/files/content?name={name}"));
        let put = put.header("authorization", format!("Bearer {token}"));
        w.send(put.body(vec![7_u8; bytes].into()).expect("a request"))
            .await
            .data();
    }
    let grants = ada.get("/grants").await.data();
    let grant = &grants["items"][0];
    assert_eq!(grant["app_name"], "Notes");
    assert_eq!(grant["owner"], "bob");
    assert_eq!(grant["scopes"], json!(["user.read", "files.app_data"]));
    assert_eq!(grant["sandbox_path"], "/我的应用数据/Notes");
    assert_eq!(
        (&grant["sandbox_bytes"], &grant["sandbox_files"]),
        (&json!(30), &json!(2))
    );
    assert_eq!(grant["sandbox_complete"], true);
    assert_eq!(grant["created_at"], json!(w.server.drive().now()));
    assert_eq!(grant["suspended"], false);
    let path = format!("/grants/{}", grant["id"]);
    assert_eq!(ada.get(&path).await.data()["sandbox_bytes"], 30);
    assert!(w.opens(&token).await);
    ada.delete(&path, json!({})).await.data();
    assert!(!w.opens(&token).await);
    assert_eq!(ada.delete(&path, json!({})).await.error(), (404, "not_found".into()));
    assert_eq!(ada.get(&path).await.error(), (404, "not_found".into()));
    assert_eq!(ada.get("/grants").await.data()["items"], json!([]));
    for odd in ["0", "-1", "x", "99999999999999999999"] {
        assert_eq!(
            ada.get(&format!("/grants/{odd}")).await.error(),
            (404, "not_found".into()),
            "{odd}"
        );
    }
}

async fn all_grants_are_taken_back_at_once(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let mut tokens = Vec::new();
    for n in 0..5 {
        let (id, _) = ada.app(&format!("App {n}")).await;
        tokens.push(w.token(&id, "user.read").await);
        if n == 0 {
            tokens.push(w.token_of("bob", &id, "user.read").await);
        }
    }
    assert_eq!(ada.all("/grants", 2).await.len(), 5);
    assert_eq!(ada.post("/grants/revoke-all", json!({})).await.data()["ended"], 5);
    for (n, token) in tokens.iter().enumerate() {
        assert_eq!(w.opens(token).await, n == 1, "only bob's stays");
    }
    assert_eq!(ada.post("/grants/revoke-all", json!({})).await.data()["ended"], 0);
}

async fn sessions_are_shown_and_ended(engine: Engine) {
    let w = World::new(engine).await;
    let (one, two, three) = (w.sign_in("ada").await, w.sign_in("ada").await, w.sign_in("ada").await);
    let bob = w.sign_in("bob").await;
    let sessions = one.get("/sessions").await.data()["sessions"]
        .as_array()
        .expect("sessions")
        .clone();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|s| s["current"] == true).count(), 1);
    assert!(
        sessions
            .iter()
            .all(|s| s["address"] == "192.0.2.1" && s["agent"] == "Browser")
    );
    // What names a session is not what opens it.
    for session in &sessions {
        let id = session["id"].as_str().expect("an id");
        assert!([&one, &two, &three].iter().all(|b| !b.cookie.contains(id)));
    }
    let seen_by_two = two.get("/sessions").await.data()["sessions"]
        .as_array()
        .expect("sessions")
        .clone();
    let id = seen_by_two.iter().find(|s| s["current"] == true).expect("current")["id"].clone();
    let path = format!("/sessions/{}", id.as_str().expect("an id"));
    // Nobody ends another's.
    assert_eq!(bob.delete(&path, json!({})).await.error(), (404, "not_found".into()));
    assert_eq!(two.get("/session").await.status.as_u16(), 200);
    one.delete(&path, json!({})).await.data();
    assert_eq!(two.get("/session").await.error(), (401, "not_signed_in".into()));
    assert_eq!(one.delete(&path, json!({})).await.error(), (404, "not_found".into()));
    assert_eq!(one.post("/sessions/end-others", json!({})).await.data()["ended"], 1);
    assert_eq!(three.get("/session").await.error(), (401, "not_signed_in".into()));
    assert_eq!(
        one.get("/sessions").await.data()["sessions"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(bob.get("/session").await.status.as_u16(), 200);
}

async fn a_password_is_changed_and_other_sessions_end(engine: Engine) {
    let w = World::new(engine).await;
    let (one, two) = (w.sign_in("ada").await, w.sign_in("ada").await);
    let (id, _) = one.app("Notes").await;
    let token = w.token(&id, "user.read").await;
    let change = |old: &str, new: &str| json!({"old_password": old, "new_password": new});
    let wrong = one.post("/password", change("not it", "a new password")).await;
    assert_eq!(wrong.error(), (403, "wrong_password".into()));
    for bad in ["short", &"x".repeat(1025)] {
        let refused = one.post("/password", change(Person::PASSWORD, bad)).await;
        assert_eq!(refused.error(), (400, "invalid_parameter".into()));
    }
    assert_eq!(
        one.post("/password", json!({})).await.error(),
        (400, "malformed_body".into())
    );
    assert_eq!(two.get("/session").await.status.as_u16(), 200);
    one.post("/password", change(Person::PASSWORD, "a new password"))
        .await
        .data();
    assert_eq!(one.get("/session").await.status.as_u16(), 200);
    assert_eq!(two.get("/session").await.error(), (401, "not_signed_in".into()));
    assert!(w.opens(&token).await, "apps keep what they were allowed");
    w.sign_in_with("ada", "a new password").await;
    let old = w
        .server
        .drive()
        .sign_in("ada", Person::PASSWORD, &Default::default(), None)
        .await;
    assert!(old.expect("works").is_none());
    let events = one.events().await;
    assert_eq!(events.iter().filter(|e| *e == "password_changed").count(), 1);
    assert_eq!(events.iter().filter(|e| *e == "sign_in_failed").count(), 2);
}

async fn a_password_is_confirmed_and_guessing_it_is_limited(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    w.wait(1000);
    let stale = ada.get("/session").await.data();
    assert!(stale["fresh_until"].as_i64() < Some(w.server.drive().now()));
    ada.post("/session/confirm", json!({"password": Person::PASSWORD}))
        .await
        .data();
    let fresh = ada.get("/session").await.data();
    assert_eq!(fresh["auth_time"], json!(w.server.drive().now()));
    for _ in 0..10 {
        let wrong = ada.post("/session/confirm", json!({"password": "guess"})).await;
        assert_eq!(wrong.error(), (403, "wrong_password".into()));
    }
    let limited = ada
        .post("/session/confirm", json!({"password": Person::PASSWORD}))
        .await;
    assert_eq!(limited.error(), (429, "too_many_requests".into()));
    assert!(
        limited
            .header("retry-after")
            .is_some_and(|s| s.parse::<i64>().is_ok_and(|s| s > 0))
    );
}

async fn the_audit_log_tells_a_person_what_happened(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, bob) = (w.sign_in("ada").await, w.sign_in("bob").await);
    let root = w.sign_in("root").await;
    let (id, _) = bob.app("Notes").await;
    w.token(&id, "user.read").await;
    let grant = ada.get("/grants").await.data()["items"][0]["id"].clone();
    ada.delete(&format!("/grants/{grant}"), json!({})).await.data();
    root.patch(&format!("/admin/users/{}", ada.uid), json!({"quota_bytes": 5_000_000}))
        .await
        .data();
    let lines = ada.all("/audit", 2).await;
    let of = |event: &str| {
        lines
            .iter()
            .find(|l| l["event"] == event)
            .unwrap_or_else(|| panic!("{event}"))
            .clone()
    };
    let revoked = of("grant_revoked");
    assert_eq!(
        (&revoked["client_id"], &revoked["app_name"]),
        (&json!(id), &json!("Notes"))
    );
    assert_eq!(
        (&revoked["address"], &revoked["username"]),
        (&json!("192.0.2.1"), &json!("ada"))
    );
    assert_eq!(revoked["at"], json!(w.server.drive().now()));
    let quota = of("quota_changed");
    assert_eq!(
        (&quota["by_admin"], &quota["admin_name"], &quota["address"]),
        (&json!(true), &json!(""), &json!(""))
    );
    assert!(lines.iter().all(|l| l["uid"] == json!(ada.uid)));
    assert_eq!(ada.all("/audit?event=sign_in", 50).await.len(), 1);
    assert_eq!(ada.all(&format!("/audit?client_id={id}"), 50).await.len(), 2);
    assert!(
        ada.all(&format!("/audit?until={}", w.server.drive().now()), 50)
            .await
            .is_empty()
    );
    // Asking for another's answers one's own.
    let own = ada.all(&format!("/audit?uid={}", bob.uid), 50).await;
    assert!(own.iter().all(|l| l["uid"] == json!(ada.uid)));
    // The administrator sees all, and who did it.
    let all = root.all("/admin/audit", 3).await;
    let ids: Vec<_> = all.iter().map(|l| l["id"].as_i64().expect("an id")).collect();
    assert!(ids.is_sorted_by(|a, b| a > b));
    let quota = root
        .all(&format!("/admin/audit?event=quota_changed&uid={}", ada.uid), 50)
        .await;
    assert_eq!((quota.len(), &quota[0]["admin_name"]), (1, &json!("root")));
    // Someone whose account is not there.
    let none = w
        .server
        .drive()
        .sign_in("nobody", "guess", &Default::default(), None)
        .await;
    assert!(none.expect("works").is_none());
    let failed = root.all("/admin/audit?event=sign_in_failed&uid=0", 50).await;
    assert_eq!(failed.len(), 1);
    let head = ada.request(Method::HEAD, "/audit");
    assert_eq!(ada.send(head, "").await.status.as_u16(), 200);
}
