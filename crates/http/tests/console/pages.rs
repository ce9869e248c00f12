//! The two pages that need no script: apps with access, and a new password by a link.

use axum::body::Body;
use http::Request;
use pantry_testkit::Engine;
use serde_json::json;

use crate::world::{Answer, Browser, World};

pantry_testkit::both_engines!(
    apps_with_access_are_shown_and_taken_back,
    a_new_password_is_set_by_a_link
);

/// The value of the first hidden field of this name.
pub fn hidden(page: &Answer, name: &str) -> String {
    let (text, start) = (page.text(), format!("name=\"{name}\" value=\""));
    let from = text.find(&start).unwrap_or_else(|| panic!("no field {name}: {text}")) + start.len();
    text[from..].split('"').next().expect("an end").to_owned()
}

pub async fn page(w: &World, path: &str, cookie: &str) -> Answer {
    let request = Request::get(path)
        .header("cookie", cookie)
        .header("accept-language", "en");
    w.send(
        request
            .header("accept", "text/html")
            .body(Body::empty())
            .expect("a request"),
    )
    .await
}

pub async fn submit(w: &World, path: &str, cookie: &str, form: String) -> Answer {
    let request = Request::post(path)
        .header("cookie", cookie)
        .header("accept-language", "en");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    w.send(request.body(Body::from(form)).expect("a request")).await
}

async fn apps_with_access_are_shown_and_taken_back(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, bob): (Browser<'_>, Browser<'_>) = (w.sign_in("ada").await, w.sign_in("bob").await);
    let path = "/user/apps";
    let nobody = page(&w, path, "").await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.header("location")),
        (303, Some("/login?next=%2Fuser%2Fapps"))
    );
    let none = page(&w, path, &ada.cookie).await;
    assert!(none.text().contains("No app has access"), "{}", none.text());
    let mut tokens = Vec::new();
    for n in 0..22 {
        let (id, _) = bob.app(&format!("App <{n}>").replace(['<', '>'], "'")).await;
        tokens.push(
            w.token(
                &id,
                if n == 0 {
                    "user.read files.app_data"
                } else {
                    "user.read"
                },
            )
            .await,
        );
    }
    let listed = page(&w, path, &ada.cookie).await;
    let text = listed.text();
    assert!(
        text.contains("/我的应用数据/App &#39;0&#39;") || text.contains("/我的应用数据/App '0'"),
        "{text}"
    );
    assert!(
        listed
            .header("content-security-policy")
            .is_some_and(|p| p.starts_with("default-src 'none'"))
    );
    assert_eq!(listed.header("x-frame-options"), Some("DENY"));
    assert_eq!(text.matches("name=\"grant\"").count(), 21, "twenty and all");
    let next = text
        .split("href=\"/user/apps?cursor=")
        .nth(1)
        .and_then(|t| t.split('"').next())
        .expect("a next page");
    let second = page(&w, &format!("{path}?cursor={next}"), &ada.cookie).await.text();
    assert_eq!(second.matches("name=\"grant\"").count(), 3);
    assert_eq!(
        page(&w, &format!("{path}?cursor=x"), &ada.cookie).await.status.as_u16(),
        400
    );
    let (csrf, grant) = (hidden(&listed, "csrf"), hidden(&listed, "grant"));
    // Without the token, with another's, and another's grant.
    for bad in ["", "x", &hidden(&page(&w, "/", &bob.cookie).await, "csrf")] {
        let refused = submit(&w, path, &ada.cookie, format!("grant={grant}&csrf={bad}")).await;
        assert_eq!(refused.status.as_u16(), 403);
    }
    let bobs = hidden(&page(&w, "/", &bob.cookie).await, "csrf");
    let not_his = submit(&w, path, &bob.cookie, format!("grant={grant}&csrf={bobs}")).await;
    assert_eq!(not_his.status.as_u16(), 404);
    assert!(w.opens(&tokens[0]).await);
    let done = submit(&w, path, &ada.cookie, format!("grant={grant}&csrf={csrf}")).await;
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, Some("/user/apps?ended"))
    );
    assert!(!w.opens(&tokens[0]).await && w.opens(&tokens[1]).await);
    assert!(
        page(&w, "/user/apps?ended", &ada.cookie)
            .await
            .text()
            .contains("Access was taken back")
    );
    let again = submit(&w, path, &ada.cookie, format!("grant={grant}&csrf={csrf}")).await;
    assert_eq!(again.status.as_u16(), 404);
    submit(&w, path, &ada.cookie, format!("grant=all&csrf={csrf}")).await;
    for token in &tokens {
        assert!(!w.opens(token).await);
    }
    // A suspended app says so.
    let root = w.sign_in("root").await;
    let (id, _) = bob.app("Notes").await;
    w.token(&id, "user.read").await;
    root.post(&format!("/admin/apps/{id}/suspend"), json!({})).await.data();
    assert!(page(&w, path, &ada.cookie).await.text().contains("suspended this app"));
    let chinese = Request::get(path)
        .header("cookie", &ada.cookie)
        .header("accept-language", "zh-CN");
    let chinese = w.send(chinese.body(Body::empty()).expect("a request")).await.text();
    assert!(chinese.contains("有权限的应用") && chinese.contains("收回权限"));
}

async fn a_new_password_is_set_by_a_link(engine: Engine) {
    let w = World::new(engine).await;
    let (ada, root) = (w.sign_in("ada").await, w.sign_in("root").await);
    let link = root
        .post(&format!("/admin/users/{}/password-link", ada.uid), json!({}))
        .await
        .data();
    let token = link["url"]
        .as_str()
        .and_then(|u| u.rsplit('/').next())
        .expect("a token")
        .to_owned();
    let path = format!("/password/{token}");
    let shown = page(&w, &path, "").await;
    assert_eq!(shown.status.as_u16(), 200);
    assert!(shown.text().contains("“ada”"));
    let cookie = shown
        .header("set-cookie")
        .and_then(|c| c.split(';').next())
        .expect("a cookie")
        .to_owned();
    let csrf = hidden(&shown, "csrf");
    let form =
        |csrf: &str, one: &str, two: &str| format!("token={token}&csrf={csrf}&password={one}&password_again={two}");
    for (form, status) in [
        (form("x", "new-password", "new-password"), 403),
        (form(&csrf, "new-password", "other-password"), 400),
        (form(&csrf, "short", "short"), 400),
    ] {
        assert_eq!(submit(&w, "/password", &cookie, form).await.status.as_u16(), status);
    }
    let done = submit(&w, "/password", &cookie, form(&csrf, "new-password", "new-password")).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, Some("/")));
    assert!(
        done.headers
            .get_all("set-cookie")
            .iter()
            .any(|c| c.to_str().is_ok_and(|c| c.starts_with("pantry_session=")))
    );
    assert_eq!(ada.get("/session").await.status.as_u16(), 401);
    w.sign_in_with("ada", "new-password").await;
    for gone in [
        page(&w, &path, "").await,
        submit(&w, "/password", &cookie, form(&csrf, "again-again", "again-again")).await,
    ] {
        assert_eq!(gone.status.as_u16(), 404);
        assert!(gone.text().contains("This link does not work"));
    }
    for odd in ["/password/x", "/password/pantry_pl_x"] {
        assert_eq!(page(&w, odd, "").await.status.as_u16(), 404);
    }
}
