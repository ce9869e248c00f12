//! A developer's webhook: setting it, its secret, what is listed of it, and what others may see.

use http::Method;
use pantry_testkit::Engine;
use serde_json::{Value, json};

use crate::world::{Browser, World};

pantry_testkit::both_engines!(
    a_webhook_is_set_changed_and_removed,
    what_a_webhook_cannot_be,
    its_secret_is_told_once_and_overlaps,
    a_test_is_listed_and_discarded,
    another_persons_webhook_is_not_there,
    an_administrator_sees_and_removes_but_has_no_secret,
    what_gives_much_away_wants_the_password,
);

const URL: &str = "https://hooks.example/in?key=do-not-tell";

async fn put(browser: &Browser<'_>, path: &str, url: &str) -> crate::world::Answer {
    browser.call(Method::PUT, path, &json!({"url": url})).await
}

async fn a_webhook_is_set_changed_and_removed(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let (id, _) = ada.app("Notes").await;
    let path = format!("/apps/{id}/webhook");
    assert_eq!(ada.get(&path).await.data(), json!({"webhook": null}));
    let set = put(&ada, &path, URL).await.data();
    assert!(
        set["secret"]
            .as_str()
            .is_some_and(|s| s.starts_with("whsec_") && s.len() == 50),
        "{set}"
    );
    let hook = &set["webhook"];
    assert_eq!((&hook["url"], &hook["on"]), (&json!(URL), &json!(true)));
    assert_eq!((&hook["open"], &hook["dead"]), (&json!(0), &json!(0)));
    assert_eq!(ada.get(&path).await.data()["webhook"], *hook);
    // Another address, the same secret.
    let again = put(&ada, &path, " https://Other.example ").await.data();
    assert_eq!(
        (&again["webhook"]["url"], &again["secret"]),
        (&json!("https://other.example/"), &Value::Null)
    );
    assert_eq!(ada.delete(&path, json!({})).await.data(), json!({}));
    assert_eq!(ada.get(&path).await.data(), json!({"webhook": null}));
    for (method, path) in [
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/test")),
        (Method::POST, format!("{path}/secret")),
        (Method::DELETE, format!("{path}/secret/old")),
        (Method::POST, format!("{path}/deliveries/1/redeliver")),
        (Method::DELETE, format!("{path}/deliveries/1")),
    ] {
        let gone = ada.call(method, &path, &json!({"keep_old_seconds": 0})).await;
        assert_eq!(gone.error().0, 404, "{path}");
    }
    let log = ada.all("/audit", 50).await;
    let said: Vec<_> = log
        .iter()
        .rev()
        .filter(|l| l["event"].as_str().is_some_and(|e| e.starts_with("webhook")))
        .collect();
    let events: Vec<_> = said.iter().map(|l| l["event"].as_str().expect("an event")).collect();
    assert_eq!(events, ["webhook_set", "webhook_set", "webhook_removed"]);
    // Where to, but not what may be a secret of it.
    assert_eq!(said[0]["detail"], "hooks.example");
}

async fn what_a_webhook_cannot_be(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let (id, _) = ada.app("Notes").await;
    let path = format!("/apps/{id}/webhook");
    for bad in [
        "",
        "hooks.example",
        "http://hooks.example/",
        "ftp://hooks.example/",
        "https://a@hooks.example/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://hooks.example:22/",
        "https://hooks.example/#x",
    ] {
        assert_eq!(
            put(&ada, &path, bad).await.error(),
            (400, "invalid_parameter".into()),
            "{bad}"
        );
    }
    assert_eq!(
        ada.call(Method::PUT, &path, &json!({"url": 1})).await.error().1,
        "malformed_body"
    );
    assert_eq!(ada.get(&path).await.data(), json!({"webhook": null}));
}

async fn its_secret_is_told_once_and_overlaps(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let (id, _) = ada.app("Notes").await;
    let path = format!("/apps/{id}/webhook");
    let first = put(&ada, &path, URL).await.data()["secret"]
        .as_str()
        .expect("a secret")
        .to_owned();
    let rotated = ada
        .post(&format!("{path}/secret"), json!({"keep_old_seconds": 60}))
        .await
        .data();
    let second = rotated["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(first, second);
    assert_eq!(rotated["webhook"]["secrets"].as_array().map(Vec::len), Some(2));
    let ended = ada.delete(&format!("{path}/secret/old"), json!({})).await.data();
    assert_eq!(ended["webhook"]["secrets"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        ada.delete(&format!("{path}/secret/old"), json!({})).await.error().0,
        404
    );
    for keep in [-1, 2_592_001] {
        let bad = ada
            .post(&format!("{path}/secret"), json!({"keep_old_seconds": keep}))
            .await;
        assert_eq!(bad.error(), (400, "invalid_parameter".into()));
    }
    let everything = [
        ada.get(&path).await.text(),
        ada.get(&format!("{path}/deliveries")).await.text(),
        ada.get("/apps").await.text(),
        ada.get("/audit").await.text(),
    ];
    for text in everything {
        assert!(
            !text.contains("whsec_") && !text.contains(&first[6..]) && !text.contains(&second[6..]),
            "{text}"
        );
    }
    assert!(!ada.get("/audit").await.text().contains("do-not-tell"));
}

async fn a_test_is_listed_and_discarded(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let (id, _) = ada.app("Notes").await;
    let path = format!("/apps/{id}/webhook");
    put(&ada, &path, URL).await.data();
    let tests = [
        ada.post(&format!("{path}/test"), json!({})).await.data(),
        ada.post(&format!("{path}/test"), json!({})).await.data(),
        ada.post(&format!("{path}/test"), json!({})).await.data(),
    ];
    assert_eq!(
        (&tests[0]["test"], &tests[0]["state"]),
        (&json!(true), &json!("waiting"))
    );
    assert!(tests[0]["delivery"].as_str().is_some_and(|d| d.starts_with("msg_")));
    let listed = ada.all(&format!("{path}/deliveries"), 2).await;
    assert_eq!(listed, [tests[2].clone(), tests[1].clone(), tests[0].clone()]);
    assert_eq!(ada.all(&format!("{path}/deliveries?state=waiting"), 2).await.len(), 3);
    assert_eq!(ada.all(&format!("{path}/deliveries?state=dead"), 2).await.len(), 0);
    assert_eq!(ada.get(&format!("{path}/deliveries?state=lost")).await.error().0, 400);
    assert_eq!(ada.get(&path).await.data()["webhook"]["open"], 3);
    let one = format!("{path}/deliveries/{}", tests[1]["id"]);
    assert_eq!(
        ada.post(&format!("{one}/redeliver"), json!({})).await.data()["state"],
        "waiting"
    );
    assert_eq!(ada.delete(&one, json!({})).await.data(), json!({}));
    assert_eq!(ada.delete(&one, json!({})).await.error().0, 404);
    for odd in ["x", "0", "-1", "99999999999999999999"] {
        assert_eq!(
            ada.delete(&format!("{path}/deliveries/{odd}"), json!({}))
                .await
                .error()
                .0,
            404
        );
    }
    for _ in 0..10 {
        ada.post(&format!("{path}/test"), json!({})).await;
    }
    assert_eq!(ada.post(&format!("{path}/test"), json!({})).await.error().0, 429);
}

async fn another_persons_webhook_is_not_there(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, bob) = (w.sign_in("ada").await, w.sign_in("bob").await);
    let (id, _) = ada.app("Notes").await;
    let (own, _) = bob.app("Mine").await;
    let path = format!("/apps/{id}/webhook");
    put(&ada, &path, URL).await.data();
    let test = ada.post(&format!("{path}/test"), json!({})).await.data();
    let before = (
        ada.get(&path).await.data(),
        ada.get(&format!("{path}/deliveries")).await.data(),
    );
    let body = json!({"url": "https://evil.example/", "keep_old_seconds": 0});
    let one = format!("deliveries/{}", test["id"]);
    for (method, rest) in [
        (Method::GET, String::new()),
        (Method::PUT, String::new()),
        (Method::DELETE, String::new()),
        (Method::POST, "/secret".into()),
        (Method::DELETE, "/secret/old".into()),
        (Method::POST, "/test".into()),
        (Method::GET, "/deliveries".into()),
        (Method::POST, format!("/{one}/redeliver")),
        (Method::DELETE, format!("/{one}")),
    ] {
        let theirs = bob.call(method.clone(), &format!("{path}{rest}"), &body).await;
        let nowhere = bob
            .call(method.clone(), &format!("/apps/0000000000/webhook{rest}"), &body)
            .await;
        assert_eq!(theirs.error().0, 404, "{method} {rest}");
        assert_eq!(theirs.error(), nowhere.error(), "{method} {rest}");
        assert_eq!(theirs.json()["errmsg"], nowhere.json()["errmsg"], "{method} {rest}");
    }
    // Not through one's own app either: numbers are each app's own.
    put(&bob, &format!("/apps/{own}/webhook"), URL).await.data();
    for (method, rest) in [(Method::POST, format!("{one}/redeliver")), (Method::DELETE, one)] {
        let path = format!("/apps/{own}/webhook/{rest}");
        assert_eq!(bob.call(method, &path, &json!({})).await.error().0, 404);
    }
    assert_eq!(
        (
            ada.get(&path).await.data(),
            ada.get(&format!("{path}/deliveries")).await.data()
        ),
        before
    );
}

async fn an_administrator_sees_and_removes_but_has_no_secret(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, root) = (w.sign_in("ada").await, w.sign_in("root").await);
    let (id, _) = ada.app("Notes").await;
    let (path, admin) = (format!("/apps/{id}/webhook"), format!("/admin/apps/{id}/webhook"));
    assert_eq!(root.get(&admin).await.data(), json!({"webhook": null}));
    put(&ada, &path, URL).await.data();
    ada.post(&format!("{path}/test"), json!({})).await.data();
    assert_eq!(root.get(&admin).await.data(), ada.get(&path).await.data());
    let listed = root.get(&format!("{admin}/deliveries")).await.data();
    assert_eq!(listed, ada.get(&format!("{path}/deliveries")).await.data());
    // Only its owner changes it.
    assert_eq!(put(&root, &path, URL).await.error().0, 404);
    assert_eq!(put(&root, &admin, URL).await.error().0, 405);
    assert_eq!(root.delete(&admin, json!({})).await.data(), json!({}));
    assert_eq!(ada.get(&path).await.data(), json!({"webhook": null}));
    assert_eq!(root.delete(&admin, json!({})).await.error().0, 404);
    assert_eq!(root.get("/admin/apps/0000000000/webhook").await.error().0, 404);
    let line = ada.all("/audit?event=webhook_removed", 9).await.remove(0);
    assert_eq!(line["by_admin"], true);
}

async fn what_gives_much_away_wants_the_password(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let (id, _) = ada.app("Notes").await;
    let path = format!("/apps/{id}/webhook");
    put(&ada, &path, URL).await.data();
    w.wait(901);
    let refused = put(&ada, &path, "https://evil.example/").await;
    assert_eq!(refused.error(), (403, "password_needed".into()));
    let refused = ada
        .post(&format!("{path}/secret"), json!({"keep_old_seconds": 0}))
        .await;
    assert_eq!(refused.error(), (403, "password_needed".into()));
    assert_eq!(ada.get(&path).await.data()["webhook"]["url"], URL);
}
