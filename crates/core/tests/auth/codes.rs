//! The authorization code: what is asked, and what a code is good for.

use pantry_core::auth::{AuthorizeError, NewApp, OAuthCode, Prompt};
use pantry_types::Scopes;

use crate::{CALLBACK, ParseScopes, VERIFIER, World, app, challenge, here, refused};

on_both! {
    of_fifty_parallel_exchanges_one_succeeds_at_most
    a_replay_takes_back_what_the_first_use_got
    a_replay_takes_back_what_was_refreshed_since
    a_replay_by_another_client_takes_nothing_back
    an_expired_code_is_refused
    a_wrong_verifier_burns_the_code
    a_wrong_redirect_burns_the_code
    a_failed_client_authentication_does_not_burn_the_code
    another_clients_code_is_refused
    a_verifier_without_a_challenge_is_refused
    a_code_of_a_revoked_grant_is_refused
    a_bad_client_or_redirect_is_never_redirected
    what_the_app_is_told
    the_port_of_a_loopback_address_is_free
    what_was_not_ticked_is_not_granted
    consent_makes_the_apps_folder_and_adds_up
}

async fn of_fifty_parallel_exchanges_one_succeeds_at_most(w: World) {
    let code = w.code().await;
    let client = w.client().await;
    let mut tries = Vec::new();
    for _ in 0..50 {
        let (drive, client, code) = (w.drive.clone(), client.clone(), code.clone());
        tries.push(tokio::spawn(async move {
            drive.exchange_code(&client, &code, Some(CALLBACK), None, &here()).await
        }));
    }
    let mut won = Vec::new();
    for one in tries {
        match one.await.expect("ran") {
            Ok(answer) => won.push(answer),
            Err(e) => assert_eq!(e.code(), Some(OAuthCode::InvalidGrant), "{e}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert!(!w.opens(won[0].access_token.expose()).await, "the others were replays");
}

async fn a_replay_takes_back_what_the_first_use_got(w: World) {
    let code = w.code().await;
    let other = w.pair().await;
    let got = w.exchange(&code).await.expect("first use");
    assert!(w.opens(got.access_token.expose()).await);
    assert_eq!(refused(w.exchange(&code).await), OAuthCode::InvalidGrant);
    assert!(!w.opens(got.access_token.expose()).await, "from the next request on");
    assert_eq!(
        refused(w.refresh(got.refresh_token.expose(), None).await),
        OAuthCode::InvalidGrant
    );
    assert!(
        w.opens(other.access_token.expose()).await,
        "another code's tokens live on"
    );
    assert!(w.events().await.contains(&"code_replayed".to_owned()));
}

async fn a_replay_takes_back_what_was_refreshed_since(w: World) {
    let code = w.code().await;
    let got = w.exchange(&code).await.expect("first use");
    let next = w.refresh(got.refresh_token.expose(), None).await.expect("refreshed");
    w.clock.advance(7000);
    w.drive.sweep_auth(w.drive.now()).await.expect("swept");
    assert!(w.opens(next.access_token.expose()).await);
    assert_eq!(refused(w.exchange(&code).await), OAuthCode::InvalidGrant);
    assert!(!w.opens(next.access_token.expose()).await);
}

async fn a_replay_by_another_client_takes_nothing_back(w: World) {
    let code = w.code().await;
    let got = w.exchange(&code).await.expect("first use");
    let other = w.drive.add_app(app("Other")).await.expect("app");
    let other = w.client_of(&other).await;
    let tried = w
        .drive
        .exchange_code(&other, &code, Some(CALLBACK), None, &here())
        .await;
    assert_eq!(refused(tried), OAuthCode::InvalidGrant);
    assert!(w.opens(got.access_token.expose()).await);
}

async fn an_expired_code_is_refused(w: World) {
    let code = w.code().await;
    w.clock.advance(59);
    let late = w.code().await;
    w.clock.advance(1);
    assert_eq!(refused(w.exchange(&code).await), OAuthCode::InvalidGrant);
    assert!(w.exchange(&late).await.is_ok());
}

async fn a_wrong_verifier_burns_the_code(w: World) {
    let mut request = w.request("user.read");
    request.code_challenge = Some(challenge());
    request.code_challenge_method = Some("S256".into());
    let client = w.client().await;
    let exchange = async |code: &str, verifier: Option<&str>| {
        w.drive
            .exchange_code(&client, code, Some(CALLBACK), verifier, &here())
            .await
    };
    let code = w.code_for(&request).await;
    assert!(exchange(&code, Some(VERIFIER)).await.is_ok());
    for wrong in [None, Some("x".repeat(43))] {
        let code = w.code_for(&request).await;
        assert_eq!(
            refused(exchange(&code, wrong.as_deref()).await),
            OAuthCode::InvalidGrant
        );
        assert_eq!(
            refused(exchange(&code, Some(VERIFIER)).await),
            OAuthCode::InvalidGrant,
            "burnt"
        );
    }
}

async fn a_wrong_redirect_burns_the_code(w: World) {
    let code = w.code().await;
    let client = w.client().await;
    let wrong = format!("{CALLBACK}/");
    let tried = w.drive.exchange_code(&client, &code, Some(&wrong), None, &here()).await;
    assert_eq!(refused(tried), OAuthCode::InvalidGrant);
    assert_eq!(refused(w.exchange(&code).await), OAuthCode::InvalidGrant, "burnt");
    // Left out where exactly one is registered.
    let code = w.code().await;
    assert!(w.drive.exchange_code(&client, &code, None, None, &here()).await.is_ok());
}

async fn a_failed_client_authentication_does_not_burn_the_code(w: World) {
    let code = w.code().await;
    let id = &w.app.client_id;
    let other = w.drive.add_app(app("Other")).await.expect("app");
    let others = other.client_secret.expect("secret");
    for wrong in [None, Some("wrong"), Some(others.expose())] {
        let tried = w.drive.authenticate_client(id, wrong).await;
        assert_eq!(refused(tried), OAuthCode::InvalidClient);
    }
    assert!(w.exchange(&code).await.is_ok());
}

async fn another_clients_code_is_refused(w: World) {
    let code = w.code().await;
    let other = w.drive.add_app(app("Other")).await.expect("app");
    let other = w.client_of(&other).await;
    let tried = w
        .drive
        .exchange_code(&other, &code, Some(CALLBACK), None, &here())
        .await;
    assert_eq!(refused(tried), OAuthCode::InvalidGrant);
}

async fn a_verifier_without_a_challenge_is_refused(w: World) {
    let code = w.code().await;
    let client = w.client().await;
    let tried = w
        .drive
        .exchange_code(&client, &code, Some(CALLBACK), Some(VERIFIER), &here())
        .await;
    assert_eq!(refused(tried), OAuthCode::InvalidGrant);
}

async fn a_code_of_a_revoked_grant_is_refused(w: World) {
    let code = w.code().await;
    w.drive
        .revoke_grant(&w.alice, &w.app.client_id, &here())
        .await
        .expect("revoked");
    assert_eq!(refused(w.exchange(&code).await), OAuthCode::InvalidGrant);
    // Consent given anew gives the same grant in a new epoch.
    assert!(w.exchange(&w.code().await).await.is_ok());
    assert_eq!(w.grant().await.epoch, 2);
}

async fn a_bad_client_or_redirect_is_never_redirected(w: World) {
    let good = w.request("user.read");
    assert!(w.asked(&good).await.is_ok());
    for id in [
        None,
        Some(""),
        Some("1234567890"),
        Some("../../etc"),
        Some("12345678901"),
    ] {
        let mut r = good.clone();
        r.client_id = id.map(str::to_owned);
        // An error elsewhere must not come first.
        r.scope = Some("nonsense".into());
        assert!(
            matches!(w.asked(&r).await, Err(AuthorizeError::UnknownClient(_))),
            "{id:?}"
        );
    }
    for uri in [
        "",
        "https://evil.example/cb",
        "https://app.example/cb/",
        "https://app.example/cb?x",
        "javascript:x",
    ] {
        let mut r = good.clone();
        r.redirect_uri = Some(uri.into());
        r.response_type = None;
        assert!(
            matches!(w.asked(&r).await, Err(AuthorizeError::WrongRedirect(_))),
            "{uri}"
        );
    }
    for name in ["client_id", "redirect_uri"] {
        let mut r = good.clone();
        r.repeated = vec![name.into()];
        assert!(matches!(w.asked(&r).await, Err(AuthorizeError::Repeated(_))), "{name}");
    }
    let mut r = good.clone();
    r.redirect_uri = None;
    assert_eq!(w.asked(&r).await.expect("the only one").redirect_uri, CALLBACK);
    let two = NewApp {
        redirect_uris: vec![CALLBACK.into(), "https://app.example/2".into()],
        ..app("Two")
    };
    r.client_id = Some(w.drive.add_app(two).await.expect("app").client_id);
    assert!(matches!(w.asked(&r).await, Err(AuthorizeError::WrongRedirect(_))));
}

async fn what_the_app_is_told(w: World) {
    let told = async |change: &dyn Fn(&mut pantry_core::auth::AuthorizeRequest)| {
        let mut r = w.request("user.read");
        change(&mut r);
        match w.asked(&r).await {
            Err(AuthorizeError::Redirect { code, redirect_uri, .. }) => {
                assert_eq!(redirect_uri, CALLBACK);
                code.as_str()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told(&|r| r.response_type = None).await, "invalid_request");
    assert_eq!(
        told(&|r| r.response_type = Some("token".into())).await,
        "unsupported_response_type"
    );
    assert_eq!(
        told(&|r| r.response_mode = Some("fragment".into())).await,
        "invalid_request"
    );
    assert_eq!(told(&|r| r.scope = Some("nonsense".into())).await, "invalid_scope");
    assert_eq!(told(&|r| r.scope = Some("share.create".into())).await, "invalid_scope");
    assert_eq!(told(&|r| r.repeated = vec!["scope".into()]).await, "invalid_request");
    assert_eq!(told(&|r| r.code_challenge = Some(challenge())).await, "invalid_request");
    let plain = |r: &mut pantry_core::auth::AuthorizeRequest| {
        r.code_challenge = Some(VERIFIER.into());
        r.code_challenge_method = Some("plain".into());
    };
    assert_eq!(told(&plain).await, "invalid_request");
    assert_eq!(told(&|r| r.prompt = Some("none login".into())).await, "invalid_request");

    let public = NewApp {
        public: true,
        ..app("Public")
    };
    let public = w.drive.add_app(public).await.expect("app");
    assert_eq!(
        told(&|r| r.client_id = Some(public.client_id.clone())).await,
        "invalid_request",
        "a public client without PKCE"
    );
    let mut r = w.request("");
    r.prompt = Some("login".into());
    let asked = w.asked(&r).await.expect("asked");
    assert_eq!((asked.scopes, asked.prompt), (Scopes::DEFAULT, Prompt::Login));
    let r = w.request("openid profile email");
    assert_eq!(
        w.asked(&r).await.expect("asked").scopes,
        "openid profile email".parse_scopes()
    );
}

async fn the_port_of_a_loopback_address_is_free(w: World) {
    let native = NewApp {
        redirect_uris: vec!["http://127.0.0.1/cb".into()],
        public: true,
        ..app("Native")
    };
    let native = w.drive.add_app(native).await.expect("app");
    let mut r = w.request("user.read");
    r.client_id = Some(native.client_id.clone());
    r.redirect_uri = Some("http://127.0.0.1:49152/cb".into());
    r.code_challenge = Some(challenge());
    r.code_challenge_method = Some("S256".into());
    let code = w.code_for(&r).await;
    let client = w.client_of(&native).await;
    let uri = r.redirect_uri.as_deref();
    let got = w
        .drive
        .exchange_code(&client, &code, uri, Some(VERIFIER), &here())
        .await;
    assert!(got.is_ok());
    r.redirect_uri = Some("http://127.0.0.1.evil.example/cb".into());
    assert!(matches!(w.asked(&r).await, Err(AuthorizeError::WrongRedirect(_))));
}

async fn what_was_not_ticked_is_not_granted(w: World) {
    let asked = w
        .asked(&w.request("user.read files.read_all files.write_all"))
        .await
        .expect("asked");
    let approve = async |asked, ticked: &str| {
        w.drive
            .approve(&w.alice, asked, ticked.parse_scopes(), &here())
            .await
            .expect("answered")
    };
    let code = approve(&asked, "files.read_all share.create").await.expect("a code");
    let got = w.exchange(code.expose()).await.expect("a pair");
    assert_eq!(got.scope.to_string(), "user.read files.read_all");
    assert_eq!(w.grant().await.scopes, got.scope);
    let actor = w.drive.authenticate(got.access_token.expose()).await.expect("opens");
    assert_eq!(actor.scopes, got.scope);
    let only = w.asked(&w.request("files.read_all")).await.expect("asked");
    assert!(approve(&only, "").await.is_none(), "nothing is left");
}

async fn consent_makes_the_apps_folder_and_adds_up(w: World) {
    let read = w
        .exchange(&w.code_for(&w.request("user.read")).await)
        .await
        .expect("pair");
    assert_eq!(w.grant().await.sandbox.0, 0, "nothing to write with");
    let write = w
        .exchange(&w.code_for(&w.request("files.app_data")).await)
        .await
        .expect("pair");
    let grant = w.grant().await;
    assert_ne!(grant.sandbox.0, 0);
    assert_eq!(grant.scopes, "user.read files.app_data".parse_scopes());
    // Side by side, and each has what was asked for it.
    for (answer, scopes) in [(&read, "user.read"), (&write, "files.app_data")] {
        let actor = w.drive.authenticate(answer.access_token.expose()).await.expect("opens");
        assert_eq!(actor.scopes.to_string(), scopes);
        assert_eq!(answer.scope.to_string(), scopes);
        assert_eq!((answer.expires_in, answer.token_type), (7200, "Bearer"));
    }
}
