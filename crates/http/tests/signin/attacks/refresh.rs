//! Attacks on refresh tokens.

use std::collections::HashSet;

use futures_util::future::join_all;
use http::StatusCode;
use pantry_testkit::Engine;

use super::{opens, text, tokens};
use crate::browser::World;

pantry_testkit::both_engines!(refresh_reuse, parallel_refresh, refresh_by_another_client);

async fn refresh_reuse(engine: Engine) {
    let w = World::on(engine).await;
    // The thief uses it second, or the owner does: in both cases whoever is first loses it again.
    let first = tokens(&w, "").await;
    let stolen = text(&first, "refresh_token");
    let second = w.refresh(&stolen, &[]).await.json();
    assert!(opens(&w, &text(&second, "access_token")).await);
    let thief = w.refresh(&stolen, &[]).await;
    assert_eq!(thief.error(), "invalid_grant");
    for dead in [text(&first, "access_token"), text(&second, "access_token")] {
        assert!(!opens(&w, &dead).await);
    }
    let owner = w.refresh(&text(&second, "refresh_token"), &[]).await;
    assert_eq!(owner.error(), "invalid_grant");

    // A token of long ago, after many rotations.
    let old = tokens(&w, "").await;
    let mut newest = old.clone();
    for _ in 0..3 {
        w.server.clock().advance(61);
        newest = w.refresh(&text(&newest, "refresh_token"), &[]).await.json();
    }
    assert_eq!(
        w.refresh(&text(&old, "refresh_token"), &[]).await.error(),
        "invalid_grant"
    );
    assert!(!opens(&w, &text(&newest, "access_token")).await);

    // The honest way: each once, in turn; the person allowed the app anew.
    let mut pair = tokens(&w, "").await;
    for _ in 0..3 {
        let answer = w.refresh(&text(&pair, "refresh_token"), &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        pair = answer.json();
        assert!(opens(&w, &text(&pair, "access_token")).await);
    }
}

async fn parallel_refresh(engine: Engine) {
    let w = World::on(engine).await;
    let first = tokens(&w, "").await;
    let token = text(&first, "refresh_token");
    let answers = join_all((0..20).map(|_| w.refresh(&token, &[]))).await;
    // An honest client whose tabs refresh at once gets one pair, the same for all; never two.
    let pairs: HashSet<&str> = answers.iter().map(|a| a.text.as_str()).collect();
    assert!(answers.iter().all(|a| a.status == StatusCode::OK), "{pairs:?}");
    assert_eq!(pairs.len(), 1);
    let pair = answers[0].json();
    assert!(opens(&w, &text(&pair, "access_token")).await);
    // Used, it is not told again, to any of many.
    let late = join_all((0..10).map(|_| w.refresh(&token, &[]))).await;
    assert!(late.iter().all(|a| a.error() == "invalid_grant"));
    assert!(!opens(&w, &text(&pair, "access_token")).await);
}

async fn refresh_by_another_client(engine: Engine) {
    let w = World::on(engine).await;
    let pair = tokens(&w, "").await;
    let stolen = text(&pair, "refresh_token");
    let evil = w.server.app(&w.ada(), "Evil").await;
    let public = w.public_app("Public", "https://evil.example/cb").await;
    let secret = evil.client_secret.as_deref().expect("a secret");
    for client in [
        &[("client_id", evil.client_id.as_str()), ("client_secret", secret)][..],
        &[("client_id", public.as_str())],
        &[("client_id", w.app.client_id.as_str())],
        &[("client_id", w.app.client_id.as_str()), ("client_secret", secret)],
        &[],
    ] {
        let form = [client, &[("grant_type", "refresh_token"), ("refresh_token", &stolen)]].concat();
        let answer = w.post("/oauth/token", &form).await;
        assert!(
            ["invalid_grant", "invalid_client"].contains(&answer.error().as_str()),
            "{}",
            answer.text
        );
        // Nor does it end by somebody else's hand, for then anyone could end it.
        let form = [client, &[("token", stolen.as_str())]].concat();
        assert_ne!(w.post("/oauth/revoke", &form).await.status, StatusCode::OK);
    }
    // An access token is no refresh token.
    let access = text(&pair, "access_token");
    assert_eq!(w.refresh(&access, &[]).await.error(), "invalid_grant");
    assert!(opens(&w, &access).await);
    assert_eq!(w.refresh(&stolen, &[]).await.status, StatusCode::OK);
}
