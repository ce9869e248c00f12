//! For how long a person lets an app in: the choice on both pages, and that it holds.

use http::StatusCode;
use pantry_testkit::Engine;

use crate::{
    browser::{Answer, Browser, World},
    device::start,
};

pantry_testkit::both_engines!(
    an_hour_chosen_on_the_page_is_an_hour,
    a_time_that_the_page_does_not_have_grants_nothing,
    a_device_can_be_let_in_for_an_hour,
    the_choice_is_told_in_both_languages
);

async fn consent(b: &mut Browser<'_>, w: &World, terms: &[&str]) -> Answer {
    let page = b.get(&w.authorize("")).await;
    assert_eq!(page.status, StatusCode::OK);
    let hidden = ["csrf", "request", "check"].map(|name| (name, page.hidden(name)));
    let mut form: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (*n, v.as_str())).collect();
    form.push(("decision", "allow"));
    form.extend(terms.iter().map(|t| ("term", *t)));
    b.post("/oauth/authorize", &form).await
}

async fn an_hour_chosen_on_the_page_is_an_hour(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    for (terms, expires_in) in [
        (&["hour"][..], 3_600),
        (&["month"], 7_200),
        (&["until_revoked"], 7_200),
        (&[], 7_200),
    ] {
        let back = consent(&mut b, &w, terms).await;
        assert_eq!(back.status, StatusCode::SEE_OTHER, "{terms:?}");
        let code = back.sent_on_with("code").expect("a code");
        let tokens = w.exchange(&code).await.json();
        assert_eq!(tokens["expires_in"], expires_in, "{terms:?}");
    }
}

async fn a_time_that_the_page_does_not_have_grants_nothing(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    for term in ["", "forever", "HOUR", "999999"] {
        let back = consent(&mut b, &w, &[term]).await;
        assert_eq!(back.status, StatusCode::FORBIDDEN, "{term:?}");
        assert!(back.text.contains("name=\"term\""), "asked anew");
    }
}

async fn a_device_can_be_let_in_for_an_hour(engine: Engine) {
    let w = World::on(engine).await;
    let d = start(&w).await;
    let user_code = d["user_code"].as_str().expect("a code");
    let mut b = w.signed_in().await;
    let entry = b.get("/oauth/device").await;
    let csrf = entry.hidden("csrf");
    let page = b
        .post("/oauth/device", &[("csrf", &csrf), ("user_code", user_code)])
        .await;
    for value in ["until_revoked", "month", "hour"] {
        assert!(
            page.text.contains(&format!("name=\"term\" value=\"{value}\"")),
            "{value}"
        );
    }
    let (csrf, check) = (page.hidden("csrf"), page.hidden("check"));
    let form = |term: &'static str| {
        [
            ("csrf", csrf.clone()),
            ("check", check.clone()),
            ("user_code", user_code.to_owned()),
            ("decision", "allow".to_owned()),
            ("term", term.to_owned()),
        ]
    };
    let wrong = form("always");
    let wrong: Vec<(&str, &str)> = wrong.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(b.post("/oauth/device", &wrong).await.status, StatusCode::BAD_REQUEST);
    let right = form("hour");
    let right: Vec<(&str, &str)> = right.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(b.post("/oauth/device", &right).await.status, StatusCode::OK);
    let code = d["device_code"].as_str().expect("a code");
    let tokens = w
        .post(
            "/oauth/device-token",
            &[("client_id", &w.app.client_id), ("device_code", code)],
        )
        .await
        .json();
    assert_eq!(tokens["expires_in"], 3_600);
}

async fn the_choice_is_told_in_both_languages(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    let page = b.get(&w.authorize("")).await.text;
    let zh = ["允许多久", "直到我取消授权", "30 天", "1 小时"];
    let en = ["For how long", "Until I revoke it", "30 days", "One hour"];
    assert!(
        zh.iter().all(|t| page.contains(t)) || en.iter().all(|t| page.contains(t)),
        "{page}"
    );
    assert!(page.contains("value=\"until_revoked\" checked"));
}
