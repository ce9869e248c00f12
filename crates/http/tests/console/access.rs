//! Who may call at all: nobody without a session, no token, no other site, no one for another's things, and nobody but
//! an administrator what is theirs.

use axum::body::Body;
use http::{Method, Request};
use pantry_testkit::Engine;
use serde_json::{Value, json};

use crate::world::World;

pantry_testkit::both_engines!(
    every_url_wants_a_session,
    every_change_wants_the_forms_token,
    another_site_gets_nothing,
    another_persons_things_are_not_there,
    only_administrators_administer,
);

/// Every URL that wants somebody signed in: method, path, body. `{app}`, `{grant}` and so on stand for ids.
fn urls() -> Vec<(Method, &'static str, Value)> {
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    let (patch, delete) = (Method::PATCH, Method::DELETE);
    vec![
        (get.clone(), "/session", json!({})),
        (post.clone(), "/session/confirm", json!({"password": "x"})),
        (
            post.clone(),
            "/password",
            json!({"old_password": "x", "new_password": "xxxxxxxx"}),
        ),
        (get.clone(), "/sessions", json!({})),
        (post.clone(), "/sessions/end-others", json!({})),
        (delete.clone(), "/sessions/{session}", json!({})),
        (get.clone(), "/grants", json!({})),
        (post.clone(), "/grants/revoke-all", json!({})),
        (get.clone(), "/grants/{grant}", json!({})),
        (delete.clone(), "/grants/{grant}", json!({})),
        (get.clone(), "/audit", json!({})),
        (get.clone(), "/apps", json!({})),
        (post.clone(), "/apps", json!({"name": "New"})),
        (get.clone(), "/apps/{app}", json!({})),
        (patch.clone(), "/apps/{app}", json!({"description": "mine now"})),
        (delete.clone(), "/apps/{app}", json!({"name": "Notes"})),
        (post.clone(), "/apps/{app}/secret", json!({"keep_old_seconds": 0})),
        (delete.clone(), "/apps/{app}/secret/old", json!({})),
        (get.clone(), "/apps/{app}/webhook", json!({})),
        (
            put.clone(),
            "/apps/{app}/webhook",
            json!({"url": "https://hooks.example/"}),
        ),
        (delete.clone(), "/apps/{app}/webhook", json!({})),
        (
            post.clone(),
            "/apps/{app}/webhook/secret",
            json!({"keep_old_seconds": 0}),
        ),
        (delete.clone(), "/apps/{app}/webhook/secret/old", json!({})),
        (post.clone(), "/apps/{app}/webhook/test", json!({})),
        (get.clone(), "/apps/{app}/webhook/deliveries", json!({})),
        (delete.clone(), "/apps/{app}/webhook/deliveries/1", json!({})),
        (post.clone(), "/apps/{app}/webhook/deliveries/1/redeliver", json!({})),
        (put, "/apps/{app}/icon", json!({})),
        (delete.clone(), "/apps/{app}/icon", json!({})),
        (get.clone(), "/apps/{app}/scope-requests", json!({})),
        (
            post.clone(),
            "/apps/{app}/scope-requests",
            json!({"scopes": ["files.read_all"], "reason": "x"}),
        ),
        (delete.clone(), "/apps/{app}/scope-requests/{request}", json!({})),
        (get.clone(), "/admin/scope-requests", json!({})),
        (
            post.clone(),
            "/admin/scope-requests/{request}",
            json!({"decision": "approve"}),
        ),
        (get.clone(), "/admin/apps", json!({})),
        (get.clone(), "/admin/apps/{app}", json!({})),
        (post.clone(), "/admin/apps/{app}/suspend", json!({})),
        (post.clone(), "/admin/apps/{app}/resume", json!({})),
        (get.clone(), "/admin/apps/{app}/webhook", json!({})),
        (delete, "/admin/apps/{app}/webhook", json!({})),
        (get.clone(), "/admin/apps/{app}/webhook/deliveries", json!({})),
        (get.clone(), "/admin/users", json!({})),
        (get.clone(), "/admin/users/{user}", json!({})),
        (patch, "/admin/users/{user}", json!({"quota_bytes": 1})),
        (post, "/admin/users/{user}/password-link", json!({})),
        (get, "/admin/audit", json!({})),
    ]
}

/// Ada's things, by what they are called above.
async fn things(w: &World) -> Vec<(&'static str, String)> {
    let ada = w.sign_in("ada").await;
    let (app, _) = ada.app("Notes").await;
    w.token(&app, "user.read files.app_data").await;
    let hook = json!({"url": "https://hooks.example/"});
    ada.call(Method::PUT, &format!("/apps/{app}/webhook"), &hook)
        .await
        .data();
    ada.post(&format!("/apps/{app}/webhook/test"), json!({})).await.data();
    let ask = json!({"scopes": ["share.create"], "reason": "x"});
    let request = ada.post(&format!("/apps/{app}/scope-requests"), ask).await.data()["id"].to_string();
    let grant = ada.get("/grants").await.data()["items"][0]["id"].to_string();
    let session = ada.get("/sessions").await.data()["sessions"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    vec![
        ("{app}", app),
        ("{request}", request),
        ("{grant}", grant),
        ("{session}", session),
        ("{user}", ada.uid.to_string()),
    ]
}

fn fill(path: &str, things: &[(&str, String)]) -> String {
    things
        .iter()
        .fold(path.to_owned(), |path, (name, id)| path.replace(name, id))
}

/// What everybody's rows look like to an administrator, but for the log.
async fn picture(w: &World) -> Vec<Value> {
    let root = w.sign_in("root").await;
    let mut all = root.all("/admin/apps", 50).await;
    all.extend(root.all("/admin/users", 50).await);
    all.extend(root.all("/admin/scope-requests", 50).await);
    all
}

async fn every_url_wants_a_session(engine: Engine) {
    let w = World::new(engine).await;
    let things = things(&w).await;
    let token = w.token(&things[0].1, "user.read").await;
    let before = picture(&w).await;
    let ended = {
        let gone = w.sign_in("ada").await;
        let cookie = gone.cookie.clone();
        w.sign_in("ada")
            .await
            .post("/sessions/end-others", json!({}))
            .await
            .data();
        cookie
    };
    for (method, path, body) in urls() {
        let uri = format!("/web/v1{}", fill(path, &things));
        for (name, value) in [
            ("x-nothing", String::new()),
            // A token is no session, wherever it stands.
            ("authorization", format!("Bearer {token}")),
            ("cookie", format!("pantry_session={token}")),
            ("cookie", ended.clone()),
            ("cookie", "pantry_session=".into()),
        ] {
            let request = Request::builder().method(method.clone()).uri(&uri).header(name, &value);
            let request = request
                .header("content-type", "application/json")
                .header("x-pantry-csrf", "x");
            let answer = w
                .send(request.body(Body::from(body.to_string())).expect("a request"))
                .await;
            assert_eq!(answer.error(), (401, "not_signed_in".into()), "{method} {path} {name}");
            assert!(
                answer.header("www-authenticate").is_some() && answer.header("access-control-allow-origin").is_none()
            );
        }
    }
    assert_eq!(picture(&w).await, before);
    let ada = w.sign_in("ada").await;
    assert_eq!(ada.get("/nothing").await.error(), (404, "unknown_url".into()));
    assert_eq!(
        ada.post("/audit", json!({})).await.error(),
        (405, "method_not_allowed".into())
    );
    // And no session is a token.
    let cookie = ada.cookie.split_once('=').expect("a pair").1;
    assert!(!w.opens(cookie).await);
}

async fn every_change_wants_the_forms_token(engine: Engine) {
    let w = World::new(engine).await;
    let things = things(&w).await;
    let (ada, root) = (w.sign_in("ada").await, w.sign_in("root").await);
    let before = picture(&w).await;
    for (method, path, body) in urls() {
        if method == Method::GET {
            continue;
        }
        // Each in the name of who might.
        let (who, other) = if path.starts_with("/admin") {
            (&root, &ada)
        } else {
            (&ada, &root)
        };
        let stale = w.sign_in("ada").await.csrf;
        for csrf in ["", "x", &other.csrf, &stale] {
            let request = Request::builder()
                .method(method.clone())
                .uri(format!("/web/v1{}", fill(path, &things)));
            let request = request
                .header("cookie", &who.cookie)
                .header("content-type", "application/json");
            let request = request.header("x-pantry-csrf", csrf);
            let answer = w
                .send(request.body(Body::from(body.to_string())).expect("a request"))
                .await;
            assert_eq!(answer.error(), (403, "csrf".into()), "{method} {path}");
        }
        let request = Request::builder()
            .method(method.clone())
            .uri(format!("/web/v1{}", fill(path, &things)));
        let request = request
            .header("cookie", &who.cookie)
            .header("content-type", "application/json");
        let answer = w
            .send(request.body(Body::from(body.to_string())).expect("a request"))
            .await;
        assert_eq!(
            answer.error(),
            (403, "csrf".into()),
            "{method} {path} without the header"
        );
    }
    assert_eq!(picture(&w).await, before);
}

async fn another_site_gets_nothing(engine: Engine) {
    let w = World::new(engine).await;
    let things = things(&w).await;
    let (ada, root) = (w.sign_in("ada").await, w.sign_in("root").await);
    let before = picture(&w).await;
    for (method, path, body) in urls() {
        let who = if path.starts_with("/admin") { &root } else { &ada };
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let request = Request::builder()
                .method(method.clone())
                .uri(format!("/web/v1{}", fill(path, &things)));
            let request = request
                .header("cookie", &who.cookie)
                .header("content-type", "application/json");
            let request = request.header("x-pantry-csrf", &who.csrf).header(name, value);
            let answer = w
                .send(request.body(Body::from(body.to_string())).expect("a request"))
                .await;
            assert_eq!(
                answer.error(),
                (403, "cross_site".into()),
                "{method} {path} {name}: {value}"
            );
        }
        // Nothing tells a browser that another site may.
        let preflight = Request::builder()
            .method(Method::OPTIONS)
            .uri(format!("/web/v1{}", fill(path, &things)));
        let preflight = preflight.header("origin", "https://evil.example");
        let preflight = preflight.header("access-control-request-method", method.as_str());
        let answer = w.send(preflight.body(Body::empty()).expect("a request")).await;
        assert!(
            answer.headers.keys().all(|k| !k.as_str().starts_with("access-control")),
            "{path}"
        );
    }
    assert_eq!(picture(&w).await, before);
}

async fn another_persons_things_are_not_there(engine: Engine) {
    let w = World::new(engine).await;
    let things = things(&w).await;
    let bob = w.sign_in("bob").await;
    let (bobs, _) = bob.app("Mine").await;
    let before = picture(&w).await;
    let mut tried = 0;
    for (method, path, body) in urls() {
        if path.starts_with("/admin") || !path.contains('{') {
            continue;
        }
        tried += 1;
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x40\0\0\0\x40\x08\x06\0\0\0".to_vec();
        png.extend([0; 8]);
        let send = async |path: String| {
            let request = bob
                .request(method.clone(), &path)
                .header("content-type", "application/json");
            let body = if path.ends_with("/icon") {
                Body::from(png.clone())
            } else {
                Body::from(body.to_string())
            };
            bob.send(request, body).await
        };
        let another = send(fill(path, &things)).await;
        assert_eq!(another.error(), (404, "not_found".into()), "{method} {path}");
        // Exactly like what does not exist.
        let nothing: Vec<_> = things
            .iter()
            .map(|(name, _)| (*name, "7777777777".to_owned()))
            .collect();
        let missing = send(fill(path, &nothing)).await;
        assert_eq!(missing.error(), (404, "not_found".into()), "{method} {path}");
        assert_eq!(missing.json()["errmsg"], another.json()["errmsg"], "{method} {path}");
        // Another's request below one's own app.
        if path.contains("{request}") {
            let mixed: Vec<_> = things
                .iter()
                .map(|(n, id)| (*n, if *n == "{app}" { bobs.clone() } else { id.clone() }))
                .collect();
            assert_eq!(send(fill(path, &mixed)).await.error(), (404, "not_found".into()));
        }
    }
    assert_eq!(tried, 22);
    assert_eq!(picture(&w).await, before);
    let ada = w.sign_in("ada").await;
    assert_eq!(ada.all("/grants", 50).await.len(), 1);
    assert_eq!(bob.get("/grants").await.data()["items"], json!([]));
    assert_eq!(bob.all("/apps", 50).await.len(), 1);
}

async fn only_administrators_administer(engine: Engine) {
    let w = World::new(engine).await;
    let things = things(&w).await;
    let ada = w.sign_in("ada").await;
    let before = picture(&w).await;
    let mut tried = 0;
    for (method, path, body) in urls() {
        if !path.starts_with("/admin") {
            continue;
        }
        tried += 1;
        let missing: Vec<_> = things
            .iter()
            .map(|(name, _)| (*name, "7777777777".to_owned()))
            .collect();
        for ids in [&things, &missing] {
            let request = ada
                .request(method.clone(), &fill(path, ids))
                .header("content-type", "application/json");
            let answer = ada.send(request, body.to_string()).await;
            assert_eq!(answer.error(), (403, "not_administrator".into()), "{method} {path}");
        }
    }
    assert_eq!(tried, 14);
    assert_eq!(picture(&w).await, before);
}
