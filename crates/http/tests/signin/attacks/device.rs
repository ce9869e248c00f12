//! Attacks on devices that are connected by a code.

use axum::body::Body;
use http::{Request, StatusCode};
use pantry_testkit::{Engine, Person};

use super::{opens, text};
use crate::{
    browser::{Browser, World},
    device::{decide, poll, start},
};

pantry_testkit::both_engines!(user_code_guessing, remote_phishing, device_code_of_another_client);

async fn user_code_guessing(engine: Engine) {
    let w = World::on(engine).await;
    let waiting = start(&w).await;
    let right = text(&waiting, "user_code");
    // Without a session nothing is looked up, so nothing can be tried.
    let mut nobody = Browser::new(&w);
    let csrf = nobody.get("/login").await.hidden("csrf");
    for code in [right.as_str(), "3333-333"] {
        let form = [("csrf", csrf.as_str()), ("user_code", code)];
        let answer = nobody.post("/oauth/device", &form).await;
        assert!(answer.location().starts_with("/login?next="), "{code}");
        let shown = nobody.get(&format!("/oauth/device/qr?user_code={code}")).await;
        assert_eq!(shown.status, StatusCode::OK, "the same for every code");
    }
    // Who is signed in tries a few, however it is written, with an answer or without, and in many browsers.
    let mut tried = 0;
    let letters: Vec<char> = "3478CDFHJK".chars().collect();
    for first in ['3', '4', '7', '8'] {
        let mut b = w.signed_in().await;
        let csrf = b.get("/oauth/device").await.hidden("csrf");
        for (n, last) in letters.iter().enumerate() {
            let guess = format!("{first}333-33{last}");
            let form = [
                ("csrf", csrf.as_str()),
                ("user_code", &guess),
                ("decision", "allow"),
                ("check", "x"),
            ];
            let answer = b.post("/oauth/device", &form[..if n % 2 == 0 { 2 } else { 4 }]).await;
            match answer.status {
                StatusCode::NOT_FOUND => tried += 1,
                StatusCode::TOO_MANY_REQUESTS => {
                    let wait: i64 = answer
                        .header("retry-after")
                        .expect("a header")
                        .parse()
                        .expect("seconds");
                    assert!((1..=600).contains(&wait));
                }
                other => panic!("{other}: {}", answer.text),
            }
        }
        // Past the limit even the right one is not told from a wrong one.
        let form = [("csrf", csrf.as_str()), ("user_code", right.as_str())];
        let answer = b.post("/oauth/device", &form).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(!answer.text.contains("GPTGet"));
    }
    assert_eq!(tried, 5);
    assert_eq!(poll(&w, &waiting).await.error(), "authorization_pending");
    // Somebody else is not shut out by it, nor the same person for long.
    w.server.person("bob").await;
    let mut bob = Browser::new(&w);
    bob.sign_in_as("bob", "/").await;
    assert_eq!(decide(&mut bob, &right, "allow").await.status, StatusCode::OK);
    assert_eq!(poll(&w, &waiting).await.status, StatusCode::OK);
    w.server.clock().advance(600);
    let again = start(&w).await;
    let mut ada = w.signed_in().await;
    assert_eq!(
        decide(&mut ada, &text(&again, "user_code"), "allow").await.status,
        StatusCode::OK
    );
    assert_eq!(poll(&w, &again).await.status, StatusCode::OK);
}

async fn remote_phishing(engine: Engine) {
    let w = World::on(engine).await;
    // The attacker starts a device of an honest app, far away, and claims to be where the victim is.
    let body = format!("client_id={}&scope=user.read+files.read_all", w.app.client_id);
    let request = Request::post("/oauth/device-code")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("user-agent", "TV <script>alert(1)</script>")
        .header("x-forwarded-for", "192.0.2.1")
        .header("x-real-ip", "192.0.2.1")
        .header("forwarded", "for=192.0.2.1");
    let answer = w
        .send_from([203, 0, 113, 66], request.body(Body::from(body)).expect("a request"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let waiting = answer.json();
    let code = text(&waiting, "user_code");
    let link = text(&waiting, "verification_uri_complete");
    let link = link
        .strip_prefix(&w.server.url(""))
        .expect("a link to this server")
        .to_owned();

    // The victim opens the link, and whatever one can add to it. Nothing is approved, and no app is even shown.
    let mut b = w.signed_in().await;
    for more in ["", "&decision=allow", "&decision=allow&csrf=x&check=x", "&prompt=none"] {
        let page = b.get(&format!("{link}{more}")).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(
            page.text.contains(&code) && !page.text.contains("value=\"allow\""),
            "{more}"
        );
        assert_eq!(poll(&w, &waiting).await.error(), "authorization_pending");
    }
    // Past it, the page says whose screen it must be, where the device is, what it is and wants.
    for (lang, question, warning) in [
        (
            "en",
            "Is the screen that shows this code in front of you?",
            "If someone sent you this code or a link to it, choose Deny",
        ),
        (
            "zh",
            "显示这个代码的屏幕，就在你面前吗？",
            "如果代码或链接是别人发给你的，请选择拒绝",
        ),
    ] {
        let csrf = b.get(&format!("/oauth/device?lang={lang}")).await.hidden("csrf");
        let page = b.post("/oauth/device", &[("csrf", &csrf), ("user_code", &code)]).await;
        assert_eq!(page.status, StatusCode::OK);
        for there in [
            question,
            warning,
            "203.0.113.66",
            "GPTGet",
            "files.read_all",
            "TV &lt;script&gt;",
            code.as_str(),
        ] {
            assert!(page.text.contains(there), "{lang}: {there}");
        }
        assert!(!page.text.contains("192.0.2.1"), "an address that the attacker made up");
        let (deny, allow) = (page.text.find("value=\"deny\""), page.text.find("value=\"allow\""));
        assert!(deny.is_some() && deny < allow, "Enter refuses");
        let mut boxes = page.text.split("<input").filter(|tag| tag.contains("\"checkbox\""));
        assert!(boxes.all(|tag| !tag.split('>').next().is_some_and(|t| t.contains(" checked"))));
    }
    // Who is not signed in does not get past the sign-in by it either.
    let mut stranger = Browser::new(&w);
    assert!(stranger.get(&link).await.location().starts_with("/login?next="));
    stranger.sign_in(Person::PASSWORD, &link).await;
    assert_eq!(poll(&w, &waiting).await.error(), "authorization_pending");
    // The victim heeds it.
    let csrf = b.get("/oauth/device").await.hidden("csrf");
    let page = b.post("/oauth/device", &[("csrf", &csrf), ("user_code", &code)]).await;
    let form = [
        ("csrf", csrf.as_str()),
        ("check", &page.hidden("check")),
        ("user_code", &code),
        ("decision", "deny"),
    ];
    assert_eq!(b.post("/oauth/device", &form).await.status, StatusCode::OK);
    assert_eq!(poll(&w, &waiting).await.error(), "access_denied");
    // One's own device, in front of one.
    let own = start(&w).await;
    decide(&mut b, &text(&own, "user_code"), "allow").await;
    assert_eq!(poll(&w, &own).await.status, StatusCode::OK);
}

async fn device_code_of_another_client(engine: Engine) {
    let w = World::on(engine).await;
    let evil = w.server.app(&w.ada(), "Evil").await;
    let waiting = start(&w).await;
    let mut b = w.signed_in().await;
    decide(&mut b, &text(&waiting, "user_code"), "allow").await;
    let (device_code, user_code) = (text(&waiting, "device_code"), text(&waiting, "user_code"));
    let secret = evil.client_secret.as_deref().expect("a secret");
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    for code in [&device_code, &user_code] {
        for path in ["/oauth/device-token", "/oauth/token"] {
            let form = [
                ("grant_type", grant),
                ("device_code", code.as_str()),
                ("client_id", &evil.client_id),
                ("client_secret", secret),
            ];
            let answer = w.post(path, &form).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text);
            assert!(!answer.text.contains("access_token"));
        }
    }
    let own = poll(&w, &waiting).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text);
    assert!(opens(&w, &text(&own.json(), "access_token")).await);
}
