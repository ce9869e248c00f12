//! What is secret stands in no entry of the audit log, and every act that matters stands in one.

use pantry_testkit::{Engine, Person};
use serde_json::json;

use crate::world::World;

pantry_testkit::both_engines!(no_secret_is_in_the_log_and_every_act_is);

async fn no_secret_is_in_the_log_and_every_act_is(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, root) = (w.sign_in("ada").await, w.sign_in("root").await);
    let drive = w.server.drive();
    let mut secrets = vec![
        Person::PASSWORD.to_owned(),
        "a mistyped secret".into(),
        "another password".into(),
    ];
    for browser in [&ada, &root] {
        secrets.push(browser.cookie.split_once('=').expect("a pair").1.to_owned());
        secrets.push(browser.csrf.clone());
    }
    let (id, secret) = ada.app("Notes").await;
    secrets.push(secret);
    let path = format!("/apps/{id}");
    let rotated = ada
        .post(&format!("{path}/secret"), json!({"keep_old_seconds": 60}))
        .await
        .data();
    secrets.push(rotated["client_secret"].as_str().expect("a secret").to_owned());
    ada.delete(&format!("{path}/secret/old"), json!({})).await.data();
    ada.patch(&path, json!({"public": true})).await.data();
    let back = ada
        .patch(&path, json!({"public": false, "description": "x"}))
        .await
        .data();
    secrets.push(back["client_secret"].as_str().expect("a secret").to_owned());
    ada.delete(&format!("{path}/icon"), json!({})).await.data();
    let hook = format!("{path}/webhook");
    let url = json!({"url": "https://hooks.example/in?key=a-secret-of-theirs"});
    let set = ada.call(http::Method::PUT, &hook, &url).await.data();
    secrets.push(set["secret"].as_str().expect("a secret").to_owned());
    secrets.push("a-secret-of-theirs".into());
    let rotated = ada
        .post(&format!("{hook}/secret"), json!({"keep_old_seconds": 60}))
        .await
        .data();
    secrets.push(rotated["secret"].as_str().expect("a secret").to_owned());
    ada.delete(&format!("{hook}/secret/old"), json!({})).await.data();
    ada.delete(&hook, json!({})).await.data();
    // Somebody types a password where a name belongs.
    let typed = drive
        .sign_in("a mistyped secret", "another password", &Default::default(), None)
        .await;
    assert!(typed.expect("works").is_none());
    let wrong = json!({"password": "a mistyped secret"});
    assert_eq!(ada.post("/session/confirm", wrong).await.error().0, 403);
    ada.post("/session/confirm", json!({"password": Person::PASSWORD}))
        .await
        .data();
    let change = json!({"old_password": Person::PASSWORD, "new_password": "another password"});
    ada.post("/password", change).await.data();
    let pair = drive
        .issue_token("ada", &id, "user.read files.app_data")
        .await
        .expect("a pair");
    secrets.push(pair.access_token.expose().to_owned());
    secrets.push(pair.refresh_token.expose().to_owned());
    // Requests, with what a careless person writes into them.
    let requests = format!("{path}/scope-requests");
    let ask = json!({"scopes": ["files.read_all"], "reason": "my key is a mistyped secret"});
    let request = ada.post(&requests, ask.clone()).await.data()["id"].clone();
    let refuse = json!({"decision": "refuse", "note": "not with another password"});
    root.post(&format!("/admin/scope-requests/{request}"), refuse)
        .await
        .data();
    let second = ada.post(&requests, ask).await.data()["id"].clone();
    ada.delete(&format!("{requests}/{second}"), json!({})).await.data();
    root.post(
        &format!("/admin/apps/{id}/suspend"),
        json!({"reason": "a mistyped secret"}),
    )
    .await
    .data();
    root.post(&format!("/admin/apps/{id}/resume"), json!({})).await.data();
    let user = format!("/admin/users/{}", ada.uid);
    let link = root.post(&format!("{user}/password-link"), json!({})).await.data();
    let token = link["url"]
        .as_str()
        .and_then(|u| u.rsplit('/').next())
        .expect("a token")
        .to_owned();
    let signed = drive
        .set_password_by_link(&token, "another password", &Default::default())
        .await;
    secrets.push(signed.expect("works").expect("set").cookie.into_exposed());
    secrets.push(token);
    root.patch(&user, json!({"quota_bytes": 7, "is_disabled": true}))
        .await
        .data();
    root.patch(&user, json!({"is_disabled": false})).await.data();
    let ada = w.sign_in_with("ada", "another password").await;
    w.sign_in_with("ada", "another password").await;
    ada.post("/sessions/end-others", json!({})).await.data();
    ada.post("/grants/revoke-all", json!({})).await.data();
    ada.delete(&path, json!({"name": "Notes"})).await.data();

    let lines = root.all("/admin/audit", 7).await;
    for line in &lines {
        let text = line.to_string();
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{text}");
        }
        // Nothing of their form either, and no password's hash.
        for form in [
            "pantry_cs_",
            "pantry_at_",
            "pantry_rt_",
            "pantry_se_",
            "pantry_pl_",
            "whsec_",
            "$argon2",
        ] {
            assert!(!text.contains(form), "{text}");
        }
    }
    for event in [
        "app_added",
        "app_changed",
        "app_deleted",
        "app_icon_changed",
        "app_old_secret_ended",
        "app_resumed",
        "app_secret_rotated",
        "app_suspended",
        "grant_revoked",
        "password_changed",
        "password_confirmed",
        "password_link_made",
        "quota_changed",
        "scope_request_withdrawn",
        "scopes_requested",
        "scopes_reviewed",
        "sessions_ended",
        "sign_in",
        "sign_in_failed",
        "token_issued_by_operator",
        "user_disabled",
        "user_enabled",
        "webhook_old_secret_ended",
        "webhook_removed",
        "webhook_secret_rotated",
        "webhook_set",
    ] {
        assert!(lines.iter().any(|l| l["event"] == event), "{event} is not in the log");
    }
}
