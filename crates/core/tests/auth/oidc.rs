//! Keys that sign: one for all nodes, sealed, and of no use to who has the rows alone. Signing in without a page.

use pantry_core::{Error, Keys, auth::OAuthCode};
use pantry_db::{Tx, oidc as rows};
use pantry_types::Scopes;
use serde_json::Value;

use crate::{World, here, open_drive};

on_both!(
    a_crowd_makes_one_key
    a_private_half_is_sealed_and_goes_when_its_key_retires
    a_silent_sign_in_gives_what_was_consented_to_and_leaves_it_as_it_is
);

async fn kids(drive: &pantry_core::Drive) -> Vec<String> {
    let set = drive.jwks().await.expect("keys");
    let keys = set["keys"].as_array().expect("keys").iter();
    keys.map(|k| k["kid"].as_str().expect("a kid").to_owned()).collect()
}

async fn all(tx: &mut Tx<'_>, (): &()) -> Result<Vec<rows::SigningKey>, Error> {
    Ok(rows::published(tx, 0).await?)
}

async fn stored(w: &World) -> Vec<rows::SigningKey> {
    w.drive.db().read((), |tx, a| Box::pin(all(tx, a))).await.expect("read")
}

async fn a_crowd_makes_one_key(w: World) {
    let crowd = (0..16).map(|_| {
        let drive = w.drive.clone();
        tokio::spawn(async move { kids(&drive).await })
    });
    let all = futures_util::future::join_all(crowd).await;
    let first = all[0].as_ref().expect("keys");
    assert_eq!(first.len(), 2);
    assert!(all.iter().all(|kids| kids.as_ref().expect("keys") == first));
    assert_eq!(stored(&w).await.len(), 2);
}

async fn a_private_half_is_sealed_and_goes_when_its_key_retires(w: World) {
    w.drive.jwks().await.expect("keys");
    for key in stored(&w).await {
        // A key of these kinds begins as a DER sequence.
        assert!(key.private.len() > 100 && key.private[..2] != [0x30, 0x82]);
        assert!(!key.public.contains("\"d\""));
    }
    let code = w.code_for(&w.request("openid")).await;
    let before = w.exchange(&code).await.expect("tokens").id_token.expect("an id_token");
    w.drive.rotate_signing_keys().await.expect("rotated");
    let keys = stored(&w).await;
    assert_eq!(keys.len(), 4);
    for key in &keys {
        assert_eq!(key.retired_at > 0, key.private.is_empty());
    }
    let code = w.code_for(&w.request("openid")).await;
    let after = w.exchange(&code).await.expect("tokens").id_token.expect("an id_token");
    assert_ne!(before.split('.').next(), after.split('.').next(), "another key");
    // Replaced once more, after the first tokens have expired: those rows go.
    w.clock.advance(2 * 3600);
    w.drive.rotate_signing_keys().await.expect("rotated");
    assert_eq!(stored(&w).await.len(), 4);
}

async fn a_silent_sign_in_gives_what_was_consented_to_and_leaves_it_as_it_is(w: World) {
    let asked = w.asked(&w.request("openid user.read")).await.expect("asked");
    let silent = w.drive.approve_silently(&w.alice, &asked, &here()).await;
    assert_eq!(
        silent.expect_err("nothing yet").code(),
        Some(OAuthCode::ConsentRequired)
    );
    let consented = w.drive.approve(&w.alice, &asked, Scopes::EMPTY, &here()).await;
    consented.expect("approved").expect("something");
    let grant = w.grant().await;
    w.clock.advance(60);
    let code = w
        .drive
        .approve_silently(&w.alice, &asked, &here())
        .await
        .expect("a code");
    let answer = w.exchange(code.expose()).await.expect("tokens");
    assert_eq!(answer.scope.to_string(), "user.read openid");
    let after = w.grant().await;
    assert_eq!(
        (after.scopes, after.epoch, after.created_at),
        (grant.scopes, grant.epoch, grant.created_at)
    );
    let wider = w.asked(&w.request("openid files.read_all")).await.expect("asked");
    let silent = w.drive.approve_silently(&w.alice, &wider, &here()).await;
    assert_eq!(
        silent.expect_err("not asked before").code(),
        Some(OAuthCode::ConsentRequired)
    );
    w.drive
        .revoke_grant(&w.alice, &w.app.client_id, &here())
        .await
        .expect("revoked");
    let silent = w.drive.approve_silently(&w.alice, &asked, &here()).await;
    assert_eq!(silent.expect_err("taken back").code(), Some(OAuthCode::ConsentRequired));
}

/// Nodes share the keys by the rows and the secret; rows that came into other hands sign nothing.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_keys_and_a_stolen_database_signs_nothing() {
    let w = World::postgres().await;
    let node = w.another_node().await;
    let (one, other) = tokio::join!(kids(&w.drive), kids(&node));
    assert_eq!(one, other);
    w.drive.rotate_signing_keys().await.expect("rotated");
    assert_eq!(kids(&node).await, kids(&w.drive).await);
    let code = w.code_for(&w.request("openid")).await;
    let client = w.client().await;
    let there = node.exchange_code(&client, &code, None, None, &here()).await;
    let id_token = there.expect("tokens").id_token.expect("an id_token");
    assert!(kids(&w.drive).await.contains(&kid_of(&id_token)));

    let elsewhere = tempfile::tempdir().expect("folder");
    let thief = open_drive(w.postgres_url(), &elsewhere, Keys::new([8; 32])).await.0;
    let code = w.code_for(&w.request("openid")).await;
    let signed = thief.exchange_code(&client, &code, None, None, &here()).await;
    assert!(signed.expect_err("sealed").to_string().contains("secret"));
}

fn kid_of(id_token: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let header = URL_SAFE_NO_PAD.decode(id_token.split('.').next().expect("a header"));
    let header: Value = serde_json::from_slice(&header.expect("base64url")).expect("JSON");
    header["kid"].as_str().expect("a kid").to_owned()
}
