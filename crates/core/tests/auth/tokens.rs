//! Access tokens: the cache, revocation, and garbage.

use pantry_core::{Error, auth::OAuthCode};

use crate::{World, app, here, refused, user};

on_both! {
    a_revoked_grant_is_seen_by_the_next_request
    a_revocation_elsewhere_is_seen_within_a_second
    a_disabled_cache_entry_never_outlives_its_token
    garbage_does_no_look_up
    revoking_an_access_token_ends_that_token
    revoking_a_refresh_token_ends_the_grant
    another_clients_token_is_not_revoked
    revoking_what_is_not_there_is_no_error
    one_persons_revocation_leaves_the_others
    the_operator_issues_within_the_apps_scopes
    last_use_is_written_down
}

async fn a_revoked_grant_is_seen_by_the_next_request(w: World) {
    let pair = w.pair().await;
    assert!(w.opens(pair.access_token.expose()).await);
    w.drive
        .revoke_grant(&w.alice, &w.app.client_id, &here())
        .await
        .expect("revoked");
    // The clock stands still: it is not age that ends the entry.
    assert!(!w.opens(pair.access_token.expose()).await);
    let again = w.drive.revoke_grant(&w.alice, &w.app.client_id, &here()).await;
    assert!(matches!(again, Err(Error::NotFound(_))));
}

async fn a_revocation_elsewhere_is_seen_within_a_second(w: World) {
    let pair = w.pair().await;
    assert!(w.opens(pair.access_token.expose()).await);
    // On PostgreSQL nothing is kept until the line to other processes stands.
    while w.drive.db().engine() == pantry_db::Engine::Postgres && !w.drive.hears_of_endings() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(w.opens(pair.access_token.expose()).await);
    // Another process: the same rows, another memory.
    let grant = w.grant().await;
    w.drive
        .db()
        .write((grant.user, grant.id), |tx, a| {
            Box::pin(async move {
                pantry_db::grants::revoke(tx, a.0, a.1, 0)
                    .await
                    .map_err(Error::from)
                    .into()
            })
        })
        .await
        .expect("revoked");
    assert!(w.opens(pair.access_token.expose()).await, "not told of it yet");
    w.clock.advance_ms(900);
    assert!(!w.opens(pair.access_token.expose()).await);
}

async fn a_disabled_cache_entry_never_outlives_its_token(w: World) {
    let pair = w.pair().await;
    w.clock.advance_ms(7_199_500);
    assert!(w.opens(pair.access_token.expose()).await);
    w.clock.advance_ms(499);
    assert!(w.opens(pair.access_token.expose()).await);
    w.clock.advance_ms(1);
    assert!(!w.opens(pair.access_token.expose()).await);
}

async fn garbage_does_no_look_up(w: World) {
    let pair = w.pair().await;
    let good = pair.access_token.expose().to_owned();
    w.drive.db().close().await;
    let mut wrong = good.clone();
    wrong.replace_range(20..21, if &good[20..21] == "a" { "b" } else { "a" });
    for garbage in ["", "x", "中文", wrong.as_str(), pair.refresh_token.expose()] {
        let answer = w.drive.authenticate(garbage).await;
        assert!(matches!(answer, Err(Error::Unauthorized)), "{garbage}");
    }
    // What is well-formed asks the rows, which are closed.
    let answer = w.drive.authenticate(&good).await;
    assert!(matches!(answer, Err(Error::Rows(_))), "{answer:?}");
}

async fn revoking_an_access_token_ends_that_token(w: World) {
    let (one, two) = (w.pair().await, w.pair().await);
    assert!(w.opens(one.access_token.expose()).await);
    let client = w.client().await;
    w.drive
        .revoke_token(&client, one.access_token.expose(), &here())
        .await
        .expect("revoked");
    assert!(!w.opens(one.access_token.expose()).await);
    assert!(w.opens(two.access_token.expose()).await);
    assert!(w.refresh(one.refresh_token.expose(), None).await.is_ok());
}

async fn revoking_a_refresh_token_ends_the_grant(w: World) {
    let (one, two) = (w.pair().await, w.pair().await);
    assert!(w.opens(two.access_token.expose()).await);
    let client = w.client().await;
    w.drive
        .revoke_token(&client, one.refresh_token.expose(), &here())
        .await
        .expect("revoked");
    assert!(!w.opens(one.access_token.expose()).await);
    assert!(!w.opens(two.access_token.expose()).await);
    assert_eq!(w.grant().await.epoch, 2, "uploads and links die by the epoch");
}

async fn another_clients_token_is_not_revoked(w: World) {
    let pair = w.pair().await;
    let other = w.drive.add_app(app("Other")).await.expect("app");
    let other = w.client_of(&other).await;
    let tried = w.drive.revoke_token(&other, pair.access_token.expose(), &here()).await;
    assert_eq!(refused(tried), OAuthCode::InvalidGrant);
    assert!(w.opens(pair.access_token.expose()).await);
}

async fn revoking_what_is_not_there_is_no_error(w: World) {
    let pair = w.pair().await;
    let client = w.client().await;
    for token in [pair.access_token.expose(), pair.access_token.expose(), "garbage", ""] {
        assert!(w.drive.revoke_token(&client, token, &here()).await.is_ok());
    }
}

async fn one_persons_revocation_leaves_the_others(w: World) {
    w.drive.add_user(user("bob")).await.expect("bob");
    let bobs = w
        .drive
        .issue_token("bob", &w.app.client_id, "user.read")
        .await
        .expect("issued");
    let alices = w.pair().await;
    w.drive
        .revoke_grant(&w.alice, &w.app.client_id, &here())
        .await
        .expect("revoked");
    assert!(!w.opens(alices.access_token.expose()).await);
    assert!(w.opens(bobs.access_token.expose()).await);
}

async fn the_operator_issues_within_the_apps_scopes(w: World) {
    let id = &w.app.client_id;
    let issue = async |user: &str, id: &str, scope: &str| w.drive.issue_token(user, id, scope).await;
    let got = issue("ALICE", id, "files.read_all user.read").await.expect("issued");
    assert_eq!(got.scope.to_string(), "user.read files.read_all");
    assert!(w.opens(got.access_token.expose()).await);
    let usual = issue("alice", id, "").await.expect("issued");
    assert_eq!(usual.scope.to_string(), "user.read files.app_data");
    assert!(matches!(
        issue("alice", id, "share.create").await,
        Err(Error::Invalid { parameter: "scope", .. })
    ));
    assert!(matches!(issue("nobody", id, "").await, Err(Error::NotFound("user"))));
    assert!(matches!(issue("alice", "1", "").await, Err(Error::NotFound("app"))));
    assert!(w.events().await.contains(&"token_issued_by_operator".to_owned()));
}

async fn last_use_is_written_down(w: World) {
    let pair = w.pair().await;
    w.clock.advance(100);
    assert!(w.opens(pair.access_token.expose()).await);
    assert_eq!(w.drive.flush_last_used().await.expect("written"), 1);
    assert_eq!(w.grant().await.last_used_at, w.drive.now());
    assert_eq!(w.drive.flush_last_used().await.expect("written"), 0);
}
