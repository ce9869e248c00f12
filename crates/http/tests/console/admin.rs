//! An administrator's side: suspending apps, accounts, links for a new password; and the log's end.

use axum::body::Body;
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use pantry_core::auth::{AuthorizeError, AuthorizeRequest, NewApp, console::Admin};
use pantry_testkit::{Engine, Person};
use pantry_types::Scopes;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::world::World;

pantry_testkit::both_engines!(
    a_suspended_app_is_refused_at_once_and_resumes,
    accounts_are_listed_disabled_and_given_space,
    a_link_sets_a_new_password_once,
    the_log_is_swept_after_its_days,
    the_operator_does_the_same,
    an_app_of_the_weipan_api_rotates_and_is_suspended,
);

async fn a_suspended_app_is_refused_at_once_and_resumes(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, root) = (w.sign_in("ada").await, w.sign_in("root").await);
    let (id, secret) = ada.app("Notes").await;
    let (other, _) = ada.app("Other").await;
    let (token, kept) = (
        w.token(&id, "files.app_data user.read").await,
        w.token(&other, "user.read").await,
    );
    let precreate = Request::post("/v1/files/upload/precreate")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/x-www-form-urlencoded");
    let form = "name=a.txt&size=5&md5=5d41402abc4b2a76b9719d911017c592";
    let upload = w
        .send(precreate.body(Body::from(form)).expect("a request"))
        .await
        .data()["upload_id"]
        .clone();
    let upload = upload.as_str().expect("an upload").to_owned();
    let part = async || {
        let request = Request::post(format!("/u?upload_id={upload}&part_seq=1"));
        w.send(request.body(Body::from("hello")).expect("a request"))
            .await
            .status
            .as_u16()
    };
    assert!(w.opens(&token).await);
    let path = format!("/admin/apps/{id}");
    let suspended = root
        .post(&format!("{path}/suspend"), json!({"reason": "It sells files."}))
        .await
        .data();
    assert_eq!(suspended["suspended_reason"], "It sells files.");
    assert_eq!(suspended["suspended_at"], json!(w.server.drive().now()));
    // Tokens, uploads and the app itself, at once; nobody else's.
    assert!(!w.opens(&token).await && w.opens(&kept).await);
    assert_ne!(part().await, 200);
    let drive = w.server.drive();
    assert!(drive.authenticate_client(&id, Some(&secret)).await.is_err());
    assert!(drive.identify_client(&id, None).await.is_err());
    assert!(drive.issue_token("ada", &id, "user.read").await.is_err());
    let asked = AuthorizeRequest {
        client_id: Some(id.clone()),
        redirect_uri: Some("https://app.example.com/callback".into()),
        response_type: Some("code".into()),
        ..AuthorizeRequest::default()
    };
    assert!(matches!(
        drive.check_authorization(&asked).await,
        Err(AuthorizeError::UnknownClient(_))
    ));
    // Its owner and the people who allowed it are told.
    assert_eq!(
        ada.get(&format!("/apps/{id}")).await.data()["suspended_reason"],
        "It sells files."
    );
    let grants = ada.all("/grants", 50).await;
    let grant = grants.iter().find(|g| g["client_id"] == json!(id)).expect("a grant");
    assert_eq!(grant["suspended"], true);
    // Twice is once.
    let at = suspended["suspended_at"].clone();
    w.wait(5);
    let again = root
        .post(&format!("{path}/suspend"), json!({"reason": "Still."}))
        .await
        .data();
    assert_eq!(
        (&again["suspended_at"], &again["suspended_reason"]),
        (&at, &json!("Still."))
    );
    assert_eq!(root.all("/admin/apps?suspended=true", 1).await.len(), 1);
    assert_eq!(root.all("/admin/apps", 1).await.len(), 2);
    let resumed = root.post(&format!("{path}/resume"), json!({})).await.data();
    assert_eq!(
        (&resumed["suspended_at"], &resumed["suspended_reason"]),
        (&json!(0), &json!(""))
    );
    assert!(w.opens(&token).await, "what it had opens again");
    assert_eq!(part().await, 200);
    assert!(drive.authenticate_client(&id, Some(&secret)).await.is_ok());
    // What was taken back meanwhile stays so.
    root.post(&format!("{path}/suspend"), json!({})).await.data();
    ada.delete(&format!("/grants/{}", grant["id"]), json!({})).await.data();
    root.post(&format!("{path}/resume"), json!({})).await.data();
    assert!(!w.opens(&token).await);
    let fresh = w.token(&id, "user.read").await;
    assert!(w.opens(&fresh).await && !w.opens(&token).await);
    let events: Vec<_> = root.all(&format!("/admin/audit?client_id={id}"), 50).await;
    let count = |e: &str| events.iter().filter(|l| l["event"] == e).count();
    assert_eq!((count("app_suspended"), count("app_resumed")), (2, 2));
    let long = root
        .post(&format!("{path}/suspend"), json!({"reason": "x".repeat(501)}))
        .await;
    assert_eq!(long.error(), (400, "invalid_parameter".into()));
}

async fn accounts_are_listed_disabled_and_given_space(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, root) = (w.sign_in("ada").await, w.sign_in("root").await);
    let (id, _) = w.sign_in("bob").await.app("Notes").await;
    let token = w.token(&id, "user.read").await;
    let names: Vec<Value> = root
        .all("/admin/users", 2)
        .await
        .iter()
        .map(|u| u["username"].clone())
        .collect();
    assert_eq!(names, [json!("root"), json!("ada"), json!("bob")]);
    assert_eq!(root.all("/admin/users?q=AD", 50).await.len(), 1);
    assert_eq!(root.all("/admin/users?q=example.com", 2).await.len(), 3);
    assert!(root.all("/admin/users?q=%25", 50).await.is_empty());
    let path = format!("/admin/users/{}", ada.uid);
    let user = root.patch(&path, json!({"quota_bytes": 123})).await.data();
    assert_eq!(
        (&user["quota_bytes"], &user["is_disabled"]),
        (&json!(123), &json!(false))
    );
    for bad in [-1_i64, i64::MAX] {
        assert_eq!(root.patch(&path, json!({"quota_bytes": bad})).await.error().0, 400);
    }
    let user = root.patch(&path, json!({"is_disabled": true})).await.data();
    assert_eq!(
        (&user["quota_bytes"], &user["is_disabled"]),
        (&json!(123), &json!(true))
    );
    assert_eq!(ada.get("/session").await.error(), (401, "not_signed_in".into()));
    assert!(!w.opens(&token).await);
    let tried = w
        .server
        .drive()
        .sign_in("ada", Person::PASSWORD, &Default::default(), None)
        .await;
    assert!(tried.expect("works").is_none());
    root.patch(&path, json!({"is_disabled": false})).await.data();
    assert!(w.opens(&token).await);
    assert_eq!(ada.get("/session").await.status.as_u16(), 401, "sessions stay ended");
    w.sign_in("ada").await;
    let own = root
        .patch(&format!("/admin/users/{}", root.uid), json!({"is_disabled": true}))
        .await;
    assert_eq!(own.error(), (409, "yourself".into()));
    for missing in ["999999", "0", "x"] {
        assert_eq!(
            root.get(&format!("/admin/users/{missing}")).await.error(),
            (404, "not_found".into())
        );
        let changed = root
            .patch(&format!("/admin/users/{missing}"), json!({"is_disabled": true}))
            .await;
        assert_eq!(changed.error(), (404, "not_found".into()));
    }
    w.wait(901);
    let stale = root.patch(&path, json!({"is_disabled": true})).await;
    assert_eq!(stale.error(), (403, "password_needed".into()));
}

async fn a_link_sets_a_new_password_once(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, root) = (w.sign_in("ada").await, w.sign_in("root").await);
    let path = format!("/admin/users/{}/password-link", ada.uid);
    let make = async || {
        let link = root.post(&path, json!({})).await.data();
        assert_eq!(link["expires_at"], json!(w.server.drive().now() + 86_400));
        let url = link["url"].as_str().expect("a url").to_owned();
        let token = url.rsplit('/').next().expect("a token").to_owned();
        assert!(url.contains("/password/pantry_pl_"), "{url}");
        token
    };
    let drive = w.server.drive();
    let origin = Default::default();
    let (first, second) = (make().await, make().await);
    // A later one replaces it.
    assert_eq!(drive.password_link_of(&first).await.expect("read"), None);
    assert!(
        drive
            .set_password_by_link(&first, "a new password", &origin)
            .await
            .expect("works")
            .is_none()
    );
    assert_eq!(
        drive.password_link_of(&second).await.expect("read").as_deref(),
        Some("ada")
    );
    assert!(drive.set_password_by_link(&second, "short", &origin).await.is_err());
    // Fifty at once: one does it.
    let tries = (0..8).map(|n| {
        let (second, origin) = (second.clone(), &origin);
        async move {
            drive
                .set_password_by_link(&second, &format!("new password {n}"), origin)
                .await
        }
    });
    let done = futures_util::future::join_all(tries).await;
    let won: Vec<_> = done
        .iter()
        .enumerate()
        .filter(|(_, d)| matches!(d, Ok(Some(_))))
        .map(|(n, _)| n)
        .collect();
    assert_eq!(won.len(), 1);
    w.sign_in_with("ada", &format!("new password {}", won[0])).await;
    assert_eq!(ada.get("/session").await.error(), (401, "not_signed_in".into()));
    // Dead after a day, and with the account; swept.
    let third = make().await;
    root.patch(&format!("/admin/users/{}", ada.uid), json!({"is_disabled": true}))
        .await
        .data();
    assert_eq!(drive.password_link_of(&third).await.expect("read"), None);
    root.patch(&format!("/admin/users/{}", ada.uid), json!({"is_disabled": false}))
        .await
        .data();
    let fourth = make().await;
    w.wait(86_400);
    assert_eq!(drive.password_link_of(&fourth).await.expect("read"), None);
    assert!(
        drive
            .set_password_by_link(&fourth, "a new password", &origin)
            .await
            .expect("works")
            .is_none()
    );
    assert_eq!(drive.sweep_console(drive.now() + 1).await.expect("swept").links, 1);
    assert_eq!(
        root.post(&path, json!({})).await.error(),
        (403, "password_needed".into())
    );
}

async fn the_log_is_swept_after_its_days(engine: Engine) {
    let w = World::with(engine, |s| s.audit.keep_days = 2).await;
    w.sign_in("ada").await;
    let drive = w.server.drive();
    assert_eq!(drive.sweep_console(drive.now()).await.expect("swept").audit, 0);
    w.wait(2 * 86_400);
    assert_eq!(drive.sweep_console(drive.now()).await.expect("swept").audit, 0);
    w.wait(1);
    assert!(drive.sweep_console(drive.now()).await.expect("swept").audit >= 1);
    let root = w.sign_in("root").await;
    let lines = root.all("/admin/audit", 50).await;
    assert!(lines.iter().all(|l| l["at"] == json!(drive.now())), "{lines:?}");
}

async fn the_operator_does_the_same(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, root) = (w.sign_in("ada").await, w.sign_in("root").await);
    let (id, secret) = ada.app("Notes").await;
    let token = w.token(&id, "user.read").await;
    let (drive, operator) = (w.server.drive(), Admin::operator());
    drive.suspend_app(&operator, &id, "").await.expect("suspended");
    assert!(!w.opens(&token).await);
    drive.resume_app(&operator, &id).await.expect("resumed");
    let new = drive.rotate_any_secret(&operator, &id, 0).await.expect("rotated");
    assert!(drive.authenticate_client(&id, Some(&secret)).await.is_err());
    assert!(drive.authenticate_client(&id, Some(new.expose())).await.is_ok());
    assert!(
        drive
            .set_disabled_by_name(&operator, "ADA", true)
            .await
            .expect("disabled")
            .is_disabled
    );
    assert!(
        !drive
            .set_disabled_by_name(&operator, "ada@example.com", false)
            .await
            .expect("enabled")
            .is_disabled
    );
    let link = drive.password_link_by_name(&operator, "ada").await.expect("a link");
    assert_eq!(link.name, "ada");
    assert!(drive.password_link_by_name(&operator, "nobody").await.is_err());
    assert!(drive.suspend_app(&operator, "0000000000", "").await.is_err());
    let lines = root.all(&format!("/admin/audit?uid={}", ada.uid), 50).await;
    for event in [
        "app_suspended",
        "app_resumed",
        "app_secret_rotated",
        "user_disabled",
        "user_enabled",
        "password_link_made",
    ] {
        let line = lines
            .iter()
            .find(|l| l["event"] == event)
            .unwrap_or_else(|| panic!("{event}"));
        assert_eq!(
            (&line["address"], &line["by_admin"]),
            (&json!(""), &json!(false)),
            "{event}"
        );
    }
}

async fn an_app_of_the_weipan_api_rotates_and_is_suspended(engine: Engine) {
    let w = World::new(engine).await;
    let new = NewApp {
        owner: "ada".into(),
        name: "Mirror".into(),
        redirect_uris: Vec::new(),
        scopes: Scopes::EMPTY,
        public: false,
        weipan: true,
    };
    let (drive, operator) = (w.server.drive(), Admin::operator());
    let app = drive.add_app(new).await.expect("an app");
    let id = app.client_id;
    let first = app.client_secret.expect("a secret").into_exposed();
    // What it signs with decides; the token, or the number of the error.
    let sign_in = async |secret: &str| -> Result<String, i64> {
        let (account, password, time) = ("ada", Person::PASSWORD, drive.now());
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
        mac.update(format!("account={account}&appkey={id}&password={password}&time={time}").as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let form = format!(
            "account={account}&password={}&appkey={id}&time={time}&signature={signature}",
            password.replace(' ', "%20")
        );
        let json = w.server.post("/?m=auth&a=get_token", &form).await.json();
        let token = json["data"]["token"].as_str().map(str::to_owned);
        token.ok_or(json["err_code"].as_i64().unwrap_or(-1))
    };
    let works = async |token: &str| {
        w.server
            .post("/?m=dir&a=getlist", &format!("dir_id=0&token={token}"))
            .await
            .json()["err_code"]
            == 0
    };
    let token = sign_in(&first).await.expect("signed in");
    assert!(works(&token).await);
    let second = drive
        .rotate_any_secret(&operator, &id, 60)
        .await
        .expect("rotated")
        .into_exposed();
    assert!(sign_in(&first).await.is_ok() && sign_in(&second).await.is_ok());
    w.wait(60);
    assert_eq!(sign_in(&first).await, Err(1));
    let token = sign_in(&second).await.expect("signed in");
    assert!(works(&token).await);
    drive.suspend_app(&operator, &id, "").await.expect("suspended");
    assert!(!works(&token).await);
    assert_eq!(sign_in(&second).await, Err(1));
    drive.resume_app(&operator, &id).await.expect("resumed");
    assert!(works(&token).await && sign_in(&second).await.is_ok());
}
