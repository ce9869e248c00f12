//! Refresh tokens: once, but for an answer that was lost.

use pantry_core::auth::{OAuthCode, TokenAnswer};

use crate::{World, app, here, refused};

on_both! {
    a_lost_answer_is_given_again_the_very_same
    the_grace_ends_with_its_time
    the_grace_ends_with_the_first_use_of_the_access_token
    the_grace_ends_with_the_use_of_the_new_refresh_token
    a_second_use_takes_the_whole_grant_back
    twenty_parallel_refreshes_get_one_pair
    a_narrowed_refresh_narrows_that_access_token_only
    scope_never_widens
    another_client_cannot_refresh
    a_refresh_token_dies_thirty_days_after_its_last_use
    sealed_answers_are_forgotten_and_reuse_is_still_known
    an_access_token_does_not_refresh
}

fn text(a: &TokenAnswer) -> String {
    format!(
        "{} {} {} {} {}",
        a.access_token.expose(),
        a.refresh_token.expose(),
        a.expires_in,
        a.scope,
        a.token_type
    )
}

async fn a_lost_answer_is_given_again_the_very_same(w: World) {
    let old = w.pair().await;
    let first = w.refresh(old.refresh_token.expose(), None).await.expect("refreshed");
    w.clock.advance(60);
    let again = w.refresh(old.refresh_token.expose(), None).await.expect("repeated");
    assert_eq!(text(&first), text(&again));
    assert!(w.opens(again.access_token.expose()).await);
}

async fn the_grace_ends_with_its_time(w: World) {
    let old = w.pair().await;
    let first = w.refresh(old.refresh_token.expose(), None).await.expect("refreshed");
    w.clock.advance(61);
    assert_eq!(
        refused(w.refresh(old.refresh_token.expose(), None).await),
        OAuthCode::InvalidGrant
    );
    assert!(!w.opens(first.access_token.expose()).await);
}

async fn the_grace_ends_with_the_first_use_of_the_access_token(w: World) {
    let old = w.pair().await;
    let first = w.refresh(old.refresh_token.expose(), None).await.expect("refreshed");
    assert!(w.opens(first.access_token.expose()).await);
    assert_eq!(
        refused(w.refresh(old.refresh_token.expose(), None).await),
        OAuthCode::InvalidGrant
    );
    assert!(!w.opens(first.access_token.expose()).await, "the grant is gone");
}

async fn the_grace_ends_with_the_use_of_the_new_refresh_token(w: World) {
    let old = w.pair().await;
    let first = w.refresh(old.refresh_token.expose(), None).await.expect("refreshed");
    let second = w.refresh(first.refresh_token.expose(), None).await.expect("refreshed");
    assert_eq!(
        refused(w.refresh(old.refresh_token.expose(), None).await),
        OAuthCode::InvalidGrant
    );
    assert!(!w.opens(second.access_token.expose()).await);
}

async fn a_second_use_takes_the_whole_grant_back(w: World) {
    let (old, beside) = (w.pair().await, w.pair().await);
    let new = w.refresh(old.refresh_token.expose(), None).await.expect("refreshed");
    assert!(w.opens(new.access_token.expose()).await && w.opens(beside.access_token.expose()).await);
    let epoch = w.grant().await.epoch;
    assert_eq!(
        refused(w.refresh(old.refresh_token.expose(), None).await),
        OAuthCode::InvalidGrant
    );
    // The refusal was committed.
    assert_eq!(w.grant().await.epoch, epoch + 1);
    for answer in [&old, &new, &beside] {
        assert!(!w.opens(answer.access_token.expose()).await);
        assert_eq!(
            refused(w.refresh(answer.refresh_token.expose(), None).await),
            OAuthCode::InvalidGrant
        );
    }
    assert_eq!(w.grant().await.epoch, epoch + 1, "once");
    assert!(w.events().await.contains(&"refresh_token_reused".to_owned()));
}

async fn twenty_parallel_refreshes_get_one_pair(w: World) {
    let old = w.pair().await;
    let client = w.client().await;
    let mut tries = Vec::new();
    for _ in 0..20 {
        let (drive, client, token) = (w.drive.clone(), client.clone(), old.refresh_token.clone());
        tries.push(tokio::spawn(async move {
            drive.refresh(&client, token.expose(), None, &here()).await
        }));
    }
    let mut answers = Vec::new();
    for one in tries {
        answers.push(text(&one.await.expect("ran").expect("answered")));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

async fn a_narrowed_refresh_narrows_that_access_token_only(w: World) {
    let old = w.pair().await;
    let narrow = w
        .refresh(old.refresh_token.expose(), Some("user.read"))
        .await
        .expect("refreshed");
    assert_eq!(narrow.scope.to_string(), "user.read");
    let actor = w.drive.authenticate(narrow.access_token.expose()).await.expect("opens");
    assert_eq!(actor.scopes.to_string(), "user.read");
    let next = w.refresh(narrow.refresh_token.expose(), None).await.expect("refreshed");
    assert_eq!(next.scope.to_string(), "user.read files.app_data");
    // A repetition is one only with the same scope.
    let again = w.refresh(narrow.refresh_token.expose(), Some("user.read")).await;
    assert_eq!(refused(again), OAuthCode::InvalidScope);
    assert!(w.opens(next.access_token.expose()).await);
}

async fn scope_never_widens(w: World) {
    let old = w.pair().await;
    for wider in ["user.read files.read_all", "files.write_all", "nonsense"] {
        let tried = w.refresh(old.refresh_token.expose(), Some(wider)).await;
        assert_eq!(refused(tried), OAuthCode::InvalidScope, "{wider}");
    }
    // The refusals did not spend it.
    let same = w
        .refresh(old.refresh_token.expose(), Some(""))
        .await
        .expect("refreshed");
    assert_eq!(same.scope, old.scope);
}

async fn another_client_cannot_refresh(w: World) {
    let old = w.pair().await;
    let other = w.drive.add_app(app("Other")).await.expect("app");
    let other = w.client_of(&other).await;
    let tried = w.drive.refresh(&other, old.refresh_token.expose(), None, &here()).await;
    assert_eq!(refused(tried), OAuthCode::InvalidGrant);
    assert!(w.refresh(old.refresh_token.expose(), None).await.is_ok());
}

async fn a_refresh_token_dies_thirty_days_after_its_last_use(w: World) {
    let old = w.pair().await;
    w.clock.advance(2_592_000 - 1);
    let new = w.refresh(old.refresh_token.expose(), None).await.expect("refreshed");
    w.clock.advance(2_592_000 - 1);
    let newer = w.refresh(new.refresh_token.expose(), None).await.expect("refreshed");
    w.clock.advance(2_592_000);
    assert_eq!(
        refused(w.refresh(newer.refresh_token.expose(), None).await),
        OAuthCode::InvalidGrant
    );
}

async fn sealed_answers_are_forgotten_and_reuse_is_still_known(w: World) {
    let old = w.pair().await;
    let new = w.refresh(old.refresh_token.expose(), None).await.expect("refreshed");
    let swept = w.drive.sweep_auth(w.drive.now() + 60).await.expect("swept");
    assert_eq!(swept.answers, 0, "the grace is not over");
    w.clock.advance(61);
    let swept = w.drive.sweep_auth(w.drive.now()).await.expect("swept");
    assert_eq!(swept.answers, 1);
    w.clock.advance(86_400);
    w.drive.sweep_auth(w.drive.now()).await.expect("swept");
    assert_eq!(
        refused(w.refresh(old.refresh_token.expose(), None).await),
        OAuthCode::InvalidGrant
    );
    assert_eq!(
        refused(w.refresh(new.refresh_token.expose(), None).await),
        OAuthCode::InvalidGrant,
        "the reuse took the grant back"
    );
}

async fn an_access_token_does_not_refresh(w: World) {
    let pair = w.pair().await;
    let tried = w.refresh(pair.access_token.expose(), None).await;
    assert_eq!(refused(tried), OAuthCode::InvalidGrant);
    assert!(!w.opens(pair.refresh_token.expose()).await, "nor the other way");
}
