//! Attacks with a token that was honestly given: to be more than it is, or to reach what belongs to others.

use axum::body::Body;
use http::{Request, StatusCode};
use pantry_testkit::Engine;
use serde_json::{Value, json};

use super::{opens, text, tokens};
use crate::browser::{Answer, Browser, CALLBACK, World, form_text};

pantry_testkit::both_engines!(
    token_in_url,
    token_raising_its_own_rights,
    scope_missing_means_all,
    session_as_token_and_token_as_session,
    idor_over_every_id,
);

/// A program's request with a token.
async fn call(w: &World, token: &str, method: &str, path: &str, form: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/x-www-form-urlencoded");
    w.send(request.body(Body::from(form.to_owned())).expect("a request"))
        .await
}

async fn token_in_url(engine: Engine) {
    let w = World::on(engine).await;
    let pair = tokens(&w, "&scope=openid+user.read+files.app_data").await;
    let (access, refresh) = (text(&pair, "access_token"), text(&pair, "refresh_token"));
    for path in [
        "/v1/user/info",
        "/v1/user/quota",
        "/v1/files",
        "/v1/files/search?q=x",
        "/v1/bin",
    ] {
        let mark = if path.contains('?') { '&' } else { '?' };
        for name in ["access_token", "access%5Ftoken", "token", "Authorization", "bearer"] {
            let answer = w.get(&format!("{path}{mark}{name}={access}"), None).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {name}");
        }
        // Nor beside the header, lest clients do both.
        let both = w
            .get(&format!("{path}{mark}access_token={access}"), Some(&access))
            .await;
        assert_eq!(both.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    for (method, path) in [("GET", "/oauth/userinfo"), ("POST", "/oauth/userinfo")] {
        for token in ["", access.as_str()] {
            let answer = call(&w, token, method, &format!("{path}?access_token={access}"), "").await;
            assert_ne!(answer.status, StatusCode::OK, "{method} {path}");
        }
    }
    let code = w.code("").await;
    let kind = "application/x-www-form-urlencoded";
    for (path, secret, rest) in [
        (
            "/oauth/token",
            format!("code={code}"),
            w.form(&[("grant_type", "authorization_code"), ("redirect_uri", CALLBACK)]),
        ),
        (
            "/oauth/token",
            format!("refresh_token={refresh}"),
            w.form(&[("grant_type", "refresh_token")]),
        ),
        (
            "/oauth/token",
            format!("refresh%5Ftoken={refresh}"),
            w.form(&[("grant_type", "refresh_token")]),
        ),
        (
            "/oauth/token",
            format!("client_secret={}", w.secret()),
            vec![
                ("client_id", w.app.client_id.as_str()),
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh.as_str()),
            ],
        ),
        ("/oauth/revoke", format!("token={refresh}"), w.form(&[])),
        ("/oauth/introspect", format!("token={access}"), w.form(&[])),
        ("/oauth/device-token", "device_code=x".into(), w.form(&[])),
        (
            "/oauth/par",
            format!("client_secret={}", w.secret()),
            vec![("client_id", w.app.client_id.as_str()), ("response_type", "code")],
        ),
    ] {
        let answer = w
            .post_as(&format!("{path}?{secret}"), &[], kind, &form_text(&rest))
            .await;
        assert_eq!(answer.error(), "invalid_request", "{path}?{secret}");
    }
    // Nothing was used up or ended by it, and the honest ways work.
    assert_eq!(w.exchange(&code).await.status, StatusCode::OK);
    assert!(opens(&w, &access).await);
    assert_eq!(
        call(&w, &access, "GET", "/oauth/userinfo", "").await.status,
        StatusCode::OK
    );
    assert_eq!(w.refresh(&refresh, &[]).await.status, StatusCode::OK);
    // An answer has no token in its address either.
    let mut b = w.signed_in().await;
    let back = b.consent(&w.authorize("&scope=openid"), "allow", &[]).await;
    assert!(!back.location().contains("pantry_at_") && !back.location().contains("id_token"));
}

/// What a token says of itself.
async fn scope_of(w: &World, token: &str) -> String {
    let told = w.post("/oauth/introspect", &w.form(&[("token", token)])).await.json();
    assert_eq!(told["active"], true, "{told}");
    text(&told, "scope")
}

async fn token_raising_its_own_rights(engine: Engine) {
    let w = World::on(engine).await;
    let pair = tokens(&w, "&scope=user.read").await;
    let access = text(&pair, "access_token");
    assert_eq!(pair["scope"], "user.read");

    // By a refresh that asks for more; it costs nothing but the answer.
    for scope in [
        "user.read files.read_all",
        "files.app_data",
        "openid",
        "user.read  share.create",
    ] {
        let wider = w.refresh(&text(&pair, "refresh_token"), &[("scope", scope)]).await;
        assert_eq!(wider.error(), "invalid_scope", "{scope}");
    }
    // By a refresh that asked for less before: what was narrowed for one token is no loss to the next, nor a gain.
    let narrow = w
        .refresh(&text(&pair, "refresh_token"), &[("scope", "user.read")])
        .await
        .json();
    assert_eq!(narrow["scope"], "user.read");
    assert_eq!(scope_of(&w, &text(&narrow, "access_token")).await, "user.read");

    // By more words in the exchange than the person was asked about.
    let code = w.code("&scope=user.read").await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("scope", "files.write_all"),
    ];
    let exchanged = w.post("/oauth/token", &w.form(&form)).await.json();
    assert_eq!(exchanged["scope"], "user.read");
    assert_eq!(scope_of(&w, &text(&exchanged, "access_token")).await, "user.read");

    // By ticks that the page did not show.
    let mut b = w.signed_in().await;
    let ticks = ["files.write_all", "files.read_all", "share.create", "*"];
    let back = b.consent(&w.authorize("&scope=user.read"), "allow", &ticks).await;
    let got = w.exchange(&back.sent_on_with("code").expect("a code")).await.json();
    assert_eq!(got["scope"], "user.read");

    // By what an administrator did not grant the app.
    let plain = w.public_app("Plain", "https://plain.example/cb").await;
    let challenge = super::challenge(super::VERIFIER);
    for scope in ["files.read_all", "files.write_all", "share.create", "share.read"] {
        let address = format!(
            "/oauth/authorize?client_id={plain}&response_type=code&scope=user.read+{scope}&code_challenge={challenge}&code_challenge_method=S256"
        );
        assert_eq!(
            b.get(&address).await.sent_on_with("error").as_deref(),
            Some("invalid_scope"),
            "{scope}"
        );
        let form = [("client_id", plain.as_str()), ("scope", scope)];
        assert_eq!(
            w.post("/oauth/device-code", &form).await.error(),
            "invalid_scope",
            "{scope}"
        );
        let form = [
            ("client_id", plain.as_str()),
            ("scope", scope),
            ("response_type", "code"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        assert_eq!(w.post("/oauth/par", &form).await.error(), "invalid_scope", "{scope}");
    }

    // By the addresses where people manage tokens, apps and grants.
    for (method, path) in [
        ("GET", "/web/v1/session"),
        ("GET", "/web/v1/grants"),
        ("POST", "/web/v1/grants/revoke-all"),
        ("GET", "/web/v1/apps"),
        ("POST", "/web/v1/apps"),
        ("PATCH", "/web/v1/apps/1"),
        ("POST", "/web/v1/apps/1/secret"),
        ("POST", "/web/v1/password"),
        ("GET", "/web/v1/admin/users"),
        ("POST", "/web/v1/admin/scope-requests/1"),
    ] {
        assert_eq!(
            call(&w, &access, method, path, "").await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    for path in ["/oauth/authorize", "/user/apps", "/oauth/device"] {
        let answer = call(
            &w,
            &access,
            "GET",
            &format!("{path}?{}", w.authorize("").split_once('?').expect("a query").1),
            "",
        )
        .await;
        assert!(answer.location().starts_with("/login?next="), "{path}");
    }
    assert_eq!(
        call(&w, &access, "GET", "/v1/files", "").await.status,
        StatusCode::FORBIDDEN
    );
    // The honest way to more is to ask the person.
    let wider = b
        .consent(&w.authorize("&scope=user.read+files.app_data"), "allow", &[])
        .await;
    let wider = w.exchange(&wider.sent_on_with("code").expect("a code")).await.json();
    let wider = text(&wider, "access_token");
    assert_eq!(call(&w, &wider, "GET", "/v1/files", "").await.status, StatusCode::OK);
    let still = call(&w, &text(&exchanged, "access_token"), "GET", "/v1/files", "").await;
    assert_eq!(
        still.status,
        StatusCode::FORBIDDEN,
        "which changes nothing for a token that was given before"
    );
}

async fn scope_missing_means_all(engine: Engine) {
    let w = World::on(engine).await;
    // Left out, or without a value: the two that every app may ask for, and it is said.
    let usual = "user.read files.app_data";
    for more in ["", "&scope=", "&scope=+", "&scope=%20%20"] {
        let mut b = w.signed_in().await;
        let page = b.get(&w.authorize(more)).await;
        if page.status == StatusCode::SEE_OTHER {
            assert_eq!(page.sent_on_with("error").as_deref(), Some("invalid_scope"), "{more}");
            continue;
        }
        let pair = tokens(&w, more).await;
        assert_eq!(pair["scope"], usual, "{more}");
        let access = text(&pair, "access_token");
        assert_eq!(scope_of(&w, &access).await, usual);
        let refreshed = w.refresh(&text(&pair, "refresh_token"), &[]).await.json();
        assert_eq!(refreshed["scope"], usual);
        // No file of the whole drive: `/` is the app's own folder.
        let listed = call(&w, &text(&refreshed, "access_token"), "GET", "/v1/files?path=/", "").await;
        assert!(
            !listed.text.contains("我的应用数据\",") && listed.status == StatusCode::OK,
            "{}",
            listed.text
        );
        let outside = call(
            &w,
            &text(&refreshed, "access_token"),
            "POST",
            "/v1/user/share-enable",
            "",
        )
        .await;
        assert_eq!(outside.status, StatusCode::FORBIDDEN);
    }
    let mut b = w.signed_in().await;
    for scope in [
        "*",
        "all",
        "files.*",
        "files",
        "user.read+*",
        "files.read_all%00",
        "FILES.READ_ALL",
        "admin",
        "files.read_all%2Cuser.read",
    ] {
        let back = b.get(&w.authorize(&format!("&scope={scope}"))).await;
        assert_eq!(back.sent_on_with("error").as_deref(), Some("invalid_scope"), "{scope}");
    }
    // A device that names none.
    let waiting = w
        .post("/oauth/device-code", &[("client_id", &w.app.client_id)])
        .await
        .json();
    crate::device::decide(&mut b, &text(&waiting, "user_code"), "allow").await;
    assert_eq!(crate::device::poll(&w, &waiting).await.json()["scope"], usual);
    // A token with scopes that reach nothing reaches nothing: every route names what it needs.
    let nothing = text(&tokens(&w, "&scope=openid+profile+email").await, "access_token");
    for (method, path) in [
        ("GET", "/v1/user/info"),
        ("GET", "/v1/user/quota"),
        ("POST", "/v1/user/share-enable"),
        ("GET", "/v1/files"),
        ("GET", "/v1/files/search?q=x"),
        ("POST", "/v1/files/folder?name=x"),
        ("PUT", "/v1/files/content?name=x"),
        (
            "POST",
            "/v1/files/upload/precreate?name=x&size=0&md5=d41d8cd98f00b204e9800998ecf8427e",
        ),
        ("POST", "/v1/files/manage?action=delete&file_ids=1"),
        ("GET", "/v1/files/1"),
        ("GET", "/v1/files/1/download"),
        ("GET", "/v1/bin"),
        ("POST", "/v1/bin/restore?file_ids=1"),
        ("POST", "/v1/bin/purge?file_ids=1"),
        ("POST", "/v1/bin/empty"),
    ] {
        let (path, form) = path.split_once('?').unwrap_or((path, ""));
        let answer = match method {
            "POST" => call(&w, &nothing, method, path, form).await,
            _ => call(&w, &nothing, method, &format!("{path}?{form}"), "").await,
        };
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}: {}", answer.text);
    }
    assert_eq!(
        call(&w, &nothing, "GET", "/oauth/userinfo", "").await.status,
        StatusCode::OK
    );
}

async fn session_as_token_and_token_as_session(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let session = b.cookies["pantry_session"].clone();
    let back = b
        .consent(&w.authorize("&scope=openid+user.read+files.app_data"), "allow", &[])
        .await;
    let code = back.sent_on_with("code").expect("a code");
    let spare = w.code("").await;
    let pair = w.exchange(&code).await.json();
    let (access, refresh) = (text(&pair, "access_token"), text(&pair, "refresh_token"));
    let id_token = text(&pair, "id_token");
    for wrong in [session.as_str(), &refresh, &id_token, &spare, w.secret(), ""] {
        assert!(!opens(&w, wrong).await, "{wrong}");
        let told = call(&w, wrong, "GET", "/oauth/userinfo", "").await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED);
    }
    for wrong in [access.as_str(), &refresh, &id_token, &spare, w.secret()] {
        let mut thief = Browser::new(&w);
        thief.cookies.insert("pantry_session".into(), wrong.to_owned());
        assert!(!thief.get("/").await.text.contains("ada"));
        assert!(thief.get(&w.authorize("")).await.location().starts_with("/login"));
    }
    // The cookie of a person opens nothing of the API, even beside no token.
    for path in ["/v1/user/info", "/v1/files", "/oauth/userinfo"] {
        assert_eq!(b.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    for wrong in [access.as_str(), session.as_str(), &id_token, &spare] {
        assert_eq!(w.refresh(wrong, &[]).await.error(), "invalid_grant");
        if wrong != spare {
            assert_eq!(w.exchange(wrong).await.error(), "invalid_grant");
        }
    }
    assert!(opens(&w, &access).await && b.get("/").await.text.contains("ada"));
    assert_eq!(w.exchange(&spare).await.status, StatusCode::OK);
}

/// Whose things are tried: ids, by what they name.
struct Ids {
    file: String,
    folder: String,
    binned: String,
    grant: String,
    session: String,
    app: String,
    upload: Value,
}

/// Makes one of everything for a person and an app.
async fn one_of_each(w: &World, name: &str, client_id: &str) -> (Ids, String) {
    let drive = w.server.drive();
    let issued = drive.issue_token(name, client_id, "user.read files.app_data").await;
    let token = issued.expect("a token").access_token.into_exposed();
    let file = async |name: &str| {
        let put = call(w, &token, "PUT", &format!("/v1/files/content?name={name}"), "content").await;
        put.json()["data"]["file_id"].to_string()
    };
    let (kept, binned) = (file("kept").await, file("binned").await);
    let folder = call(w, &token, "POST", "/v1/files/folder", "name=folder").await;
    let folder = folder.json()["data"]["folder_id"].to_string();
    let deleted = call(
        w,
        &token,
        "POST",
        "/v1/files/manage",
        &format!("action=delete&file_ids={binned}"),
    )
    .await;
    assert_eq!(deleted.status, StatusCode::OK, "{}", deleted.text);
    let precreate = "name=part&size=3&md5=900150983cd24fb0d6963f7d28e17f72";
    let upload = call(w, &token, "POST", "/v1/files/upload/precreate", precreate)
        .await
        .json()["data"]
        .clone();
    let mut b = Browser::new(w);
    b.sign_in_as(name, "/").await;
    let session = b.get("/web/v1/session").await.json();
    let sessions = b.get("/web/v1/sessions").await.json();
    let grants = b.get("/web/v1/grants").await.json();
    let csrf = text(&session["data"], "csrf");
    let new = Request::post("/web/v1/apps")
        .header("x-pantry-csrf", &csrf)
        .header("content-type", "application/json");
    let made = b.send(new, json!({"name": format!("App of {name}")}).to_string()).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let ids = Ids {
        file: kept,
        folder,
        binned,
        grant: grants["data"]["items"][0]["id"].to_string(),
        session: text(&sessions["data"]["sessions"][0], "id"),
        app: text(&made.json()["data"]["app"], "client_id"),
        upload,
    };
    (ids, token)
}

/// Without what differs between two answers alike: the request's id, and the id that was asked for.
fn seen(answer: &Answer, id: &str) -> (u16, String) {
    let request = answer.header("x-request-id").unwrap_or("-");
    (
        answer.status.as_u16(),
        answer.text.replace(request, "R").replace(id, "ID"),
    )
}

async fn idor_over_every_id(engine: Engine) {
    let w = World::on(engine).await;
    w.server.person("bob").await;
    let (ada, adas) = one_of_each(&w, "ada", &w.app.client_id).await;
    let (bob, bobs) = one_of_each(&w, "bob", &w.app.client_id).await;
    // Another person by the same app, and the same person by another app.
    let other = w.server.app(&w.ada(), "Other").await;
    let issued = w
        .server
        .drive()
        .issue_token("ada", &other.client_id, "user.read files.app_data")
        .await;
    let others = issued.expect("a token").access_token.into_exposed();
    let by_token: &[(&str, &str, &str, &str)] = &[
        ("GET", "/v1/files/{id}", "", &ada.file),
        ("GET", "/v1/files/{id}/download", "", &ada.file),
        (
            "POST",
            "/v1/files/manage",
            "action=rename&file_ids={id}&new_name=x",
            &ada.file,
        ),
        ("POST", "/v1/files/manage", "action=delete&file_ids={id}", &ada.file),
        (
            "POST",
            "/v1/files/manage",
            "action=copy&file_ids={id}&dest_path=/",
            &ada.file,
        ),
        (
            "POST",
            "/v1/files/manage",
            "action=move&file_ids={id}&dest_path=/",
            &ada.file,
        ),
        ("POST", "/v1/files/manage", "action=delete&folder_ids={id}", &ada.folder),
        (
            "POST",
            "/v1/files/manage",
            "action=copy&folder_ids={id}&dest_path=/",
            &ada.folder,
        ),
        ("POST", "/v1/bin/restore", "file_ids={id}", &ada.binned),
        ("POST", "/v1/bin/purge", "file_ids={id}", &ada.binned),
        ("GET", "/v1/jobs/{id}", "", &ada.file),
    ];
    for (method, path, form, id) in by_token {
        for thief in [&bobs, &others] {
            let with = |id: &str| (path.replace("{id}", id), form.replace("{id}", id));
            let nothing = "4503599627370495";
            let ((p, f), (np, nf)) = (with(id), with(nothing));
            let (got, none) = (
                call(&w, thief, method, &p, &f).await,
                call(&w, thief, method, &np, &nf).await,
            );
            assert_eq!(
                got.status,
                StatusCode::NOT_FOUND,
                "{method} {path} {form}: {}",
                got.text
            );
            assert_eq!(seen(&got, id), seen(&none, nothing), "{method} {path} {form}");
        }
    }
    // The console, by somebody else's session with its own right token.
    let mut eve = Browser::new(&w);
    eve.sign_in_as("bob", "/").await;
    let csrf = text(&eve.get("/web/v1/session").await.json()["data"], "csrf");
    for (method, path, body, id, nothing) in [
        ("GET", "/web/v1/grants/{id}", json!({}), &ada.grant, "4503599627370495"),
        (
            "DELETE",
            "/web/v1/grants/{id}",
            json!({}),
            &ada.grant,
            "4503599627370495",
        ),
        (
            "DELETE",
            "/web/v1/sessions/{id}",
            json!({}),
            &ada.session,
            "00000000000000000000000000000000",
        ),
        ("GET", "/web/v1/apps/{id}", json!({}), &ada.app, "0000000000"),
        (
            "PATCH",
            "/web/v1/apps/{id}",
            json!({"description": "x"}),
            &ada.app,
            "0000000000",
        ),
        (
            "POST",
            "/web/v1/apps/{id}/secret",
            json!({"keep_old_seconds": 0}),
            &ada.app,
            "0000000000",
        ),
        (
            "DELETE",
            "/web/v1/apps/{id}",
            json!({"name": "App of ada"}),
            &ada.app,
            "0000000000",
        ),
        (
            "GET",
            "/web/v1/apps/{id}/scope-requests",
            json!({}),
            &ada.app,
            "0000000000",
        ),
    ] {
        let mut send = async |id: &str| {
            let request = Request::builder()
                .method(method)
                .uri(path.replace("{id}", id))
                .header("x-pantry-csrf", &csrf)
                .header("content-type", "application/json");
            eve.send(request, body.to_string()).await
        };
        let (got, none) = (send(id).await, send(nothing).await);
        assert_eq!(got.status, none.status, "{method} {path}: {} / {}", got.text, none.text);
        assert!(
            got.status.is_client_error() && got.status != StatusCode::UNAUTHORIZED,
            "{method} {path}: {}",
            got.text
        );
    }
    let csrf = eve.get("/user/apps").await.hidden("csrf");
    let form = [("csrf", csrf.as_str()), ("grant", ada.grant.as_str())];
    assert_eq!(eve.post("/user/apps", &form).await.status, StatusCode::NOT_FOUND);
    for path in ["/web/v1/admin/users", "/web/v1/admin/audit", "/web/v1/admin/apps"] {
        assert_eq!(eve.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    // An upload's id is long and random: one beside it is nobody's.
    let id = text(&ada.upload, "upload_id");
    assert_ne!(id, text(&bob.upload, "upload_id"));
    let mut beside = id.clone().into_bytes();
    let last = beside.last_mut().expect("a character");
    *last = if *last == b'a' { b'b' } else { b'a' };
    let beside = String::from_utf8(beside).expect("ASCII");
    assert_ne!(w.get(&format!("/u/{beside}/parts"), None).await.status, StatusCode::OK);
    assert_eq!(w.get(&format!("/u/{id}/parts"), None).await.status, StatusCode::OK);
    // All of it still stands, and is its owner's.
    assert!(opens(&w, &adas).await);
    for (path, id) in [("/v1/files/{id}", &ada.file), ("/v1/files/{id}", &ada.folder)] {
        let answer = call(&w, &adas, "GET", &path.replace("{id}", id), "").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    let restored = call(
        &w,
        &adas,
        "POST",
        "/v1/bin/restore",
        &format!("file_ids={}", ada.binned),
    )
    .await;
    assert_eq!(restored.status, StatusCode::OK, "{}", restored.text);
    let own = call(&w, &bobs, "GET", &format!("/v1/files/{}", bob.file), "").await;
    assert_eq!(own.status, StatusCode::OK);
    assert_ne!((bob.grant, bob.session, bob.app), (ada.grant, ada.session, ada.app));
}
