//! The device grant at both addresses.

use pantry_core::auth::{DeviceAddress, DeviceAnswer, DeviceProblem, DeviceRequest, OAuthCode, TokenAnswer};
use pantry_core::{Error, auth::OAuthError};
use pantry_types::Scopes;

use crate::{VERIFIER, World, app, challenge, from, here, refused, sign_in, user};

on_both! {
    a_device_gets_its_tokens_at_either_address
    a_refused_device_is_told
    an_expired_code_is_told
    polling_too_fast_is_not_looked_up
    of_parallel_polls_one_fetches
    a_device_with_a_wrong_verifier_burns_its_code
    another_clients_device_code_is_unknown
    guessing_codes_is_limited_by_person
    guessing_codes_is_limited_by_address
    a_code_is_answered_once
    a_revoked_grant_ends_an_approval
    what_a_device_did_not_get_ticked
}

const STANDARD: DeviceAddress = DeviceAddress::Standard;
const DOCUMENT: DeviceAddress = DeviceAddress::Document;

async fn start(w: &World, scope: &str) -> DeviceAnswer {
    let request = DeviceRequest {
        scope: Some(scope.into()),
        ..DeviceRequest::default()
    };
    w.drive
        .start_device(w.client().await.app(), &request, &from("198.51.100.9"))
        .await
        .expect("started")
}

async fn poll(w: &World, d: &DeviceAnswer, at: DeviceAddress) -> Result<TokenAnswer, OAuthError> {
    // As a device that keeps to the interval.
    w.clock.advance(5);
    w.drive
        .poll_device(w.client().await.app(), d.device_code.expose(), None, at)
        .await
}

async fn approve(w: &World, d: &DeviceAnswer) {
    let ask = w
        .drive
        .find_device(&w.alice, &d.user_code, &here())
        .await
        .expect("found");
    let done = w.drive.approve_device(&w.alice, &ask, Scopes::all(), &here()).await;
    assert!(done.expect("approved"));
}

async fn a_device_gets_its_tokens_at_either_address(w: World) {
    for at in [DOCUMENT, STANDARD] {
        let d = start(&w, "user.read files.app_data").await;
        assert_eq!((d.device_code.expose().len(), d.expires_in, d.interval), (48, 600, 5));
        assert_eq!(refused(poll(&w, &d, at).await), OAuthCode::AuthorizationPending);
        let typed = d.user_code.replace('-', "").to_lowercase();
        let ask = w.drive.find_device(&w.alice, &typed, &here()).await.expect("found");
        assert_eq!(
            (ask.app.name.as_str(), ask.owner.as_str(), ask.address.as_str()),
            ("Notes", "alice", "198.51.100.9")
        );
        assert_eq!(
            refused(poll(&w, &d, at).await),
            OAuthCode::AuthorizationPending,
            "looking approves nothing"
        );
        approve(&w, &d).await;
        let got = poll(&w, &d, at).await.expect("tokens");
        assert_eq!(got.scope.to_string(), "user.read files.app_data");
        assert!(w.opens(got.access_token.expose()).await);
        assert_eq!(refused(poll(&w, &d, DOCUMENT).await), OAuthCode::ExpiredToken);
        assert_eq!(refused(poll(&w, &d, STANDARD).await), OAuthCode::InvalidGrant);
        assert!(w.opens(got.access_token.expose()).await, "asking again ends nothing");
        assert!(w.refresh(got.refresh_token.expose(), None).await.is_ok());
    }
}

async fn a_refused_device_is_told(w: World) {
    let d = start(&w, "user.read").await;
    let ask = w
        .drive
        .find_device(&w.alice, &d.user_code, &here())
        .await
        .expect("found");
    w.drive.deny_device(&w.alice, &ask, &here()).await.expect("denied");
    for at in [DOCUMENT, STANDARD] {
        assert_eq!(refused(poll(&w, &d, at).await), OAuthCode::AccessDenied);
    }
}

async fn an_expired_code_is_told(w: World) {
    let d = start(&w, "user.read").await;
    w.clock.advance(600);
    for at in [DOCUMENT, STANDARD] {
        assert_eq!(refused(poll(&w, &d, at).await), OAuthCode::ExpiredToken);
    }
    let found = w.drive.find_device(&w.alice, &d.user_code, &here()).await;
    assert!(matches!(found, Err(DeviceProblem::Unknown)));
    w.clock.advance(600);
    let swept = w.drive.sweep_auth(w.drive.now()).await.expect("swept");
    assert_eq!(swept.devices, 1);
    for (at, code) in [(DOCUMENT, OAuthCode::ExpiredToken), (STANDARD, OAuthCode::InvalidGrant)] {
        assert_eq!(refused(poll(&w, &d, at).await), code);
    }
}

async fn polling_too_fast_is_not_looked_up(w: World) {
    let d = start(&w, "user.read").await;
    let client = w.client().await;
    let ask = async |at| {
        refused(
            w.drive
                .poll_device(client.app(), d.device_code.expose(), None, at)
                .await,
        )
    };
    for _ in 0..3 {
        assert_eq!(ask(STANDARD).await, OAuthCode::AuthorizationPending);
    }
    assert_eq!(ask(STANDARD).await, OAuthCode::SlowDown);
    approve(&w, &d).await;
    assert_eq!(
        ask(DOCUMENT).await,
        OAuthCode::AuthorizationPending,
        "without a look-up"
    );
    assert!(poll(&w, &d, DOCUMENT).await.is_ok());
}

async fn of_parallel_polls_one_fetches(w: World) {
    let d = start(&w, "user.read").await;
    approve(&w, &d).await;
    let client = w.client().await;
    let mut tries = Vec::new();
    for _ in 0..3 {
        let (drive, client, code) = (w.drive.clone(), client.clone(), d.device_code.clone());
        tries.push(tokio::spawn(async move {
            drive.poll_device(client.app(), code.expose(), None, STANDARD).await
        }));
    }
    let mut won = 0;
    for one in tries {
        won += usize::from(one.await.expect("ran").is_ok());
    }
    assert_eq!(won, 1);
}

async fn a_device_with_a_wrong_verifier_burns_its_code(w: World) {
    let client = w.client().await;
    let request = DeviceRequest {
        scope: None,
        code_challenge: Some(challenge()),
        code_challenge_method: Some("S256".into()),
    };
    let begin = async || {
        let d = w
            .drive
            .start_device(client.app(), &request, &here())
            .await
            .expect("started");
        approve(&w, &d).await;
        d
    };
    let fetch = async |d: &DeviceAnswer, verifier| {
        w.drive
            .poll_device(client.app(), d.device_code.expose(), verifier, STANDARD)
            .await
    };
    let d = begin().await;
    assert!(fetch(&d, Some(VERIFIER)).await.is_ok());
    let d = begin().await;
    assert_eq!(refused(fetch(&d, None).await), OAuthCode::InvalidGrant);
    assert_eq!(refused(fetch(&d, Some(VERIFIER)).await), OAuthCode::InvalidGrant);
    // And without a challenge, a verifier.
    let d = start(&w, "user.read").await;
    approve(&w, &d).await;
    assert_eq!(refused(fetch(&d, Some(VERIFIER)).await), OAuthCode::InvalidGrant);
    let plain = DeviceRequest {
        code_challenge: Some(VERIFIER.into()),
        ..DeviceRequest::default()
    };
    let tried = w.drive.start_device(client.app(), &plain, &here()).await;
    assert_eq!(refused(tried), OAuthCode::InvalidRequest);
}

async fn another_clients_device_code_is_unknown(w: World) {
    let d = start(&w, "user.read").await;
    approve(&w, &d).await;
    let other = w.drive.add_app(app("Other")).await.expect("app");
    let other = w.client_of(&other).await;
    for (at, code) in [(DOCUMENT, OAuthCode::ExpiredToken), (STANDARD, OAuthCode::InvalidGrant)] {
        let tried = w.drive.poll_device(other.app(), d.device_code.expose(), None, at).await;
        assert_eq!(refused(tried), code);
    }
    for garbage in ["", "x", &"中".repeat(16)] {
        let tried = w.drive.poll_device(other.app(), garbage, None, STANDARD).await;
        assert_eq!(refused(tried), OAuthCode::InvalidGrant);
    }
    assert!(poll(&w, &d, STANDARD).await.is_ok());
}

fn is_throttled<T>(found: &Result<T, DeviceProblem>) -> bool {
    matches!(found, Err(DeviceProblem::Drive(Error::TooMany { .. })))
}

async fn guessing_codes_is_limited_by_person(w: World) {
    let d = start(&w, "user.read").await;
    let guess = async |code: &str, from| w.drive.find_device(&w.alice, code, &from).await;
    assert!(matches!(guess("nonsense", here()).await, Err(DeviceProblem::Malformed)));
    for i in 0..5 {
        let found = guess("3333-333", from(&format!("192.0.2.{i}"))).await;
        assert!(matches!(found, Err(DeviceProblem::Unknown)), "{i}");
        // A right one in between counts for nothing, and takes back only itself.
        if i < 4 {
            assert!(guess(&d.user_code, here()).await.is_ok(), "{i}");
        }
    }
    assert!(
        is_throttled(&guess(&d.user_code, from("192.0.2.77")).await),
        "the right one too"
    );
    w.clock.advance(599);
    assert!(is_throttled(&guess(&d.user_code, here()).await));
    w.clock.advance(1);
    assert!(
        matches!(guess(&d.user_code, here()).await, Err(DeviceProblem::Unknown)),
        "expired"
    );
}

async fn guessing_codes_is_limited_by_address(w: World) {
    for i in 0..5 {
        let name = format!("guesser{i}");
        w.drive.add_user(user(&name)).await.expect("added");
        let person = sign_in(&w.drive, &name).await;
        for k in 0..5 {
            let found = w
                .drive
                .find_device(&person, "3333-333", &from(&format!("2001:db8::{k}")))
                .await;
            assert_eq!(is_throttled(&found), i == 4, "{i} {k}");
        }
    }
}

async fn a_code_is_answered_once(w: World) {
    w.drive.add_user(user("bob")).await.expect("bob");
    let bob = sign_in(&w.drive, "bob").await;
    let d = start(&w, "user.read").await;
    let ask = w
        .drive
        .find_device(&w.alice, &d.user_code, &here())
        .await
        .expect("found");
    approve(&w, &d).await;
    // The page of a second person was open all the while.
    let late = w.drive.approve_device(&bob, &ask, Scopes::all(), &here()).await;
    assert!(matches!(late, Err(DeviceProblem::Taken)));
    let late = w.drive.deny_device(&w.alice, &ask, &here()).await;
    assert!(matches!(late, Err(DeviceProblem::Taken)));
    let again = w.drive.find_device(&bob, &d.user_code, &here()).await;
    assert!(matches!(again, Err(DeviceProblem::Taken)));
    let got = poll(&w, &d, STANDARD).await.expect("tokens");
    let actor = w.drive.authenticate(got.access_token.expose()).await.expect("opens");
    assert_eq!(actor.user, w.alice.user);
}

async fn a_revoked_grant_ends_an_approval(w: World) {
    let d = start(&w, "user.read").await;
    approve(&w, &d).await;
    w.drive
        .revoke_grant(&w.alice, &w.app.client_id, &here())
        .await
        .expect("revoked");
    assert_eq!(refused(poll(&w, &d, STANDARD).await), OAuthCode::InvalidGrant);
}

async fn what_a_device_did_not_get_ticked(w: World) {
    let d = start(&w, "user.read files.read_all").await;
    let ask = w
        .drive
        .find_device(&w.alice, &d.user_code, &here())
        .await
        .expect("found");
    let done = w.drive.approve_device(&w.alice, &ask, Scopes::EMPTY, &here()).await;
    assert!(done.expect("approved"));
    let got = poll(&w, &d, STANDARD).await.expect("tokens");
    assert_eq!(got.scope.to_string(), "user.read");
    let d = start(&w, "files.read_all").await;
    let ask = w
        .drive
        .find_device(&w.alice, &d.user_code, &here())
        .await
        .expect("found");
    let done = w.drive.approve_device(&w.alice, &ask, Scopes::EMPTY, &here()).await;
    assert!(!done.expect("answered"), "nothing is left");
    assert_eq!(refused(poll(&w, &d, STANDARD).await), OAuthCode::AuthorizationPending);
}
