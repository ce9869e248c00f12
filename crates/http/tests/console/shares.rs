//! What an app shared, on the way out: told with its grant, kept when its access ends, cancelled with it where that is wanted.

use axum::body::Body;
use http::{Method, Request};
use pantry_core::auth::NewApp;
use pantry_testkit::Engine;
use pantry_types::Scopes;
use serde_json::{Value, json};

use crate::{
    pages::{hidden, page, submit},
    world::{Answer, World},
};

pantry_testkit::both_engines!(
    what_an_app_shared_stays_unless_it_is_cancelled_with_its_access,
    all_of_many_are_cancelled,
    the_page_shows_what_an_app_shared_and_cancels_it
);

const SCOPE: &str = "user.read files.app_data share.read share.create";

async fn v1(w: &World, method: Method, target: &str, token: &str, form: &str) -> Answer {
    let request = Request::builder().method(method).uri(target);
    let request = request
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/x-www-form-urlencoded");
    w.send(request.body(Body::from(form.to_owned())).expect("a request"))
        .await
}

/// An app of bob's that may ask for everything.
async fn app(w: &World, name: &str) -> String {
    let new = NewApp {
        owner: "bob".into(),
        name: name.into(),
        redirect_uris: vec!["https://app.example.com/callback".into()],
        scopes: Scopes::all(),
        public: true,
        weipan: false,
    };
    w.server.drive().add_app(new).await.expect("an app").client_id
}

/// A token of ada's that may share, with a folder of this name in the app's own folder.
async fn sharing(w: &World, client_id: &str, name: &str) -> (String, i64) {
    sharing_of(w, "ada", client_id, name).await
}

async fn sharing_of(w: &World, person: &str, client_id: &str, name: &str) -> (String, i64) {
    let token = w.token_of(person, client_id, SCOPE).await;
    v1(w, Method::POST, "/v1/user/share-enable", &token, "").await.data();
    let made = v1(w, Method::POST, "/v1/files/folder", &token, &format!("name={name}")).await;
    (token, made.data()["folder_id"].as_i64().expect("an id"))
}

async fn share(w: &World, token: &str, folder: i64, more: &str) -> String {
    let form = format!("folder_ids={folder}{more}");
    let made = v1(w, Method::POST, "/v1/share/create", token, &form).await.data();
    made["code"].as_str().expect("a code").to_owned()
}

/// Somebody puts a file into a drop box.
async fn put_in(w: &World, code: &str) {
    let request = Request::get(format!("/s/{code}"));
    let page = w.send(request.body(Body::empty()).expect("a request")).await;
    let cookie = page
        .header("set-cookie")
        .expect("a cookie")
        .split(';')
        .next()
        .expect("a pair")
        .to_owned();
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{}\r\n--b\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--b--\r\n",
        hidden(&page, "csrf")
    );
    let request = Request::post(format!("/s/{code}/drop"))
        .header("cookie", cookie)
        .header("content-type", "multipart/form-data; boundary=b");
    let put = w.send(request.body(Body::from(body)).expect("a request")).await;
    assert_eq!(put.status.as_u16(), 200, "{}", put.text());
}

/// What a visitor is told.
async fn visit(w: &World, code: &str) -> Value {
    let request = Request::get(format!("/v1/share/{code}"));
    w.send(request.body(Body::empty()).expect("a request")).await.json()
}

async fn serves(w: &World, code: &str) -> bool {
    visit(w, code).await["errno"] == 0
}

async fn what_an_app_shared_stays_unless_it_is_cancelled_with_its_access(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, bob) = (w.sign_in("ada").await, w.sign_in("bob").await);
    let notes = app(&w, "Notes").await;
    let photos = app(&w, "Photos").await;
    let (token, folder) = sharing(&w, &notes, "minutes").await;
    let (other, album) = sharing(&w, &photos, "album").await;
    let first = share(&w, &token, folder, "").await;
    let limited = share(&w, &token, folder, "&max_downloads=3&password=secret").await;
    let short = share(&w, &token, folder, "&expires_in=60").await;
    let ended = share(&w, &token, folder, "").await;
    let kept = share(&w, &other, album, "").await;
    let id = v1(&w, Method::GET, "/v1/share/list", &token, "").await.data()["shares"][0]["share_id"].clone();
    let form = format!("share_ids={id}");
    v1(&w, Method::POST, "/v1/share/cancel", &token, &form).await.data();
    assert!(!serves(&w, &ended).await);
    // A drop box that is full takes nothing any more, and another person's share is nobody else's.
    let full = share(&w, &token, folder, "&kind=drop&max_files=1").await;
    let (bobs, his) = sharing_of(&w, "bob", &notes, "his").await;
    let his = share(&w, &bobs, his, "").await;
    put_in(&w, &full).await;
    w.wait(61);
    assert!(!serves(&w, &short).await);

    let grants = ada.get("/grants").await.data();
    let of = |client: &str| {
        let all = grants["items"].as_array().expect("a list");
        all.iter().find(|g| g["client_id"] == client).expect("a grant").clone()
    };
    let grant = of(&notes);
    assert_eq!((&grant["shares"], &of(&photos)["shares"]), (&json!(2), &json!(1)));
    let path = format!("/grants/{}", grant["id"]);
    assert_eq!(ada.get(&path).await.data()["shares"], json!(2));
    let listed = ada.all(&format!("{path}/shares"), 1).await;
    let codes: Vec<_> = listed.iter().filter_map(|l| l["code"].as_str()).collect();
    assert_eq!(
        codes,
        [limited.as_str(), first.as_str()],
        "those that serve, latest first"
    );
    assert_eq!(
        (&listed[0]["name"], &listed[0]["has_password"], &listed[0]["state"]),
        (&json!("minutes"), &json!(true), &json!("active"))
    );
    assert_eq!(listed[1]["kind"], json!("folder"));
    assert!(
        listed[1]["url"]
            .as_str()
            .is_some_and(|u| u.ends_with(&format!("/s/{first}")))
    );
    let not_his = bob.get(&format!("{path}/shares")).await.error();
    assert_eq!(not_his.0, 404);
    let odd = ada.get(&format!("{path}/shares?cursor=x")).await.error();
    assert_eq!(odd.0, 400);

    // Without a word the shares stay: they are the person's.
    let done = ada.delete(&path, json!({})).await.data();
    assert_eq!(done, json!({"ended": 1, "shares": 0}));
    assert!(!w.opens(&token).await && serves(&w, &first).await);

    // Allowed again, the app's shares are told again, and end with it this time.
    let again = w.token(&notes, SCOPE).await;
    let form = format!("action=delete&folder_ids={folder}");
    v1(&w, Method::POST, "/v1/files/manage", &again, &form).await.data();
    let listed = ada.all(&format!("{path}/shares"), 1).await;
    assert!(
        listed.len() == 2 && listed.iter().all(|l| l["state"] == "trashed"),
        "what lies in the bin may come back: {listed:?}"
    );
    let odd = ada
        .delete(&format!("{path}?cancel_shares=maybe"), json!({}))
        .await
        .error();
    assert_eq!(odd.0, 400);
    let done = ada
        .delete(&format!("{path}?cancel_shares=true"), json!({}))
        .await
        .data();
    assert_eq!(done, json!({"ended": 1, "shares": 2}));
    for code in [&first, &limited] {
        let told = visit(&w, code).await;
        assert_eq!(told["error"], "share_cancelled", "{told}");
    }
    assert!(serves(&w, &kept).await, "another app's");
    assert!(serves(&w, &his).await, "another person's");
    let lines = ada.all("/audit?event=shares_cancelled", 50).await;
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["client_id"], &lines[0]["detail"], &lines[0]["address"]),
        (&json!(notes), &json!("shares=2"), &json!("192.0.2.1"))
    );
    let done = ada
        .post("/grants/revoke-all?cancel_shares=true", json!({}))
        .await
        .data();
    assert_eq!(done, json!({"ended": 1, "shares": 1}));
    assert!(!serves(&w, &kept).await);
}

async fn all_of_many_are_cancelled(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let notes = app(&w, "Notes").await;
    let (token, folder) = sharing(&w, &notes, "minutes").await;
    // More than are ended at once.
    let mut last = String::new();
    for _ in 0..501 {
        last = share(&w, &token, folder, "").await;
    }
    let grant = ada.get("/grants").await.data()["items"][0].clone();
    assert_eq!(grant["shares"], json!(501));
    let path = format!("/grants/{}?cancel_shares=1", grant["id"]);
    assert_eq!(ada.delete(&path, json!({})).await.data()["shares"], json!(501));
    assert!(!serves(&w, &last).await);
    w.token(&notes, SCOPE).await;
    assert_eq!(ada.get("/grants").await.data()["items"][0]["shares"], json!(0));
}

async fn the_page_shows_what_an_app_shared_and_cancels_it(engine: Engine) {
    let w = World::new(engine).await;
    let ada = w.sign_in("ada").await;
    let notes = app(&w, "Notes").await;
    let (token, folder) = sharing(&w, &notes, "a%26b'c").await;
    let first = share(&w, &token, folder, "").await;
    for _ in 0..11 {
        share(&w, &token, folder, "").await;
    }
    let path = "/user/apps";
    let shown = page(&w, path, &ada.cookie).await;
    let text = shown.text();
    assert!(
        text.contains("12 still open") && text.matches("href=\"/s/").count() == 12,
        "{text}"
    );
    assert!(text.contains("a&amp;b"), "{text}");
    assert_eq!(text.matches("name=\"shares\" value=\"cancel\"").count(), 1, "{text}");
    let (csrf, grant) = (hidden(&shown, "csrf"), hidden(&shown, "grant"));
    let form = format!("grant={grant}&csrf={csrf}");
    let done = submit(&w, path, &ada.cookie, form.clone()).await;
    assert_eq!(done.header("location"), Some("/user/apps?ended"));
    assert!(serves(&w, &first).await);
    w.token(&notes, SCOPE).await;
    let done = submit(&w, path, &ada.cookie, format!("{form}&shares=cancel")).await;
    assert_eq!(done.header("location"), Some("/user/apps?ended=shares"));
    assert!(!serves(&w, &first).await);
    let after = page(&w, "/user/apps?ended=shares", &ada.cookie).await.text();
    assert!(after.contains("what was shared is cancelled"), "{after}");
    // An app that shared nothing asks nothing.
    w.token(&notes, "user.read").await;
    let plain = page(&w, path, &ada.cookie).await.text();
    assert!(
        !plain.contains("value=\"cancel\"") && plain.contains("Notes"),
        "{plain}"
    );
}
