//! Registering apps, proving clients, and whose database it is.

use pantry_core::{
    Error, Keys,
    auth::{ClaimError, NewApp, OAuthCode},
};
use pantry_types::Scopes;

use crate::{World, app, open_drive, refused};

on_both! {
    an_app_is_registered_and_proves_itself
    a_public_app_proves_itself_by_nothing
    what_cannot_be_registered
    a_device_address_takes_no_secret_but_not_a_wrong_one
}

async fn an_app_is_registered_and_proves_itself(w: World) {
    let id = &w.app.client_id;
    assert!(id.len() == 10 && id.bytes().all(|b| b.is_ascii_digit()) && !id.starts_with('0'));
    let secret = w.app.client_secret.as_ref().expect("a secret").expose();
    assert!(secret.starts_with("pantry_cs_"));
    let client = w.drive.authenticate_client(id, Some(secret)).await.expect("proved");
    assert!(!client.app().secret.windows(7).any(|w| w == b"pantry_"), "sealed");
    assert!(Scopes::DEFAULT.is_subset(client.app().scopes));
    for (id, secret) in [
        (id.as_str(), None),
        (id.as_str(), Some("")),
        (id.as_str(), Some(&secret[1..])),
        ("0000000000", Some(secret)),
        ("", Some(secret)),
        ("中文中", Some(secret)),
    ] {
        let tried = w.drive.authenticate_client(id, secret).await;
        assert_eq!(refused(tried), OAuthCode::InvalidClient, "{id}");
    }
}

async fn a_public_app_proves_itself_by_nothing(w: World) {
    let public = NewApp {
        public: true,
        ..app("Public")
    };
    let public = w.drive.add_app(public).await.expect("app");
    assert!(public.client_secret.is_none());
    assert!(w.drive.authenticate_client(&public.client_id, None).await.is_ok());
    let others = w.app.client_secret.as_ref().expect("a secret").expose();
    let tried = w.drive.authenticate_client(&public.client_id, Some(others)).await;
    assert_eq!(refused(tried), OAuthCode::InvalidClient);
}

async fn what_cannot_be_registered(w: World) {
    for name in ["", "a/b", "..", " a", "a\n"] {
        let tried = w.drive.add_app(app(name)).await;
        assert!(matches!(tried, Err(Error::Name(_))), "{name}");
    }
    for uri in [
        "http://app.example/cb",
        "https://app.example/cb#x",
        "/cb",
        "javascript:alert(1)",
    ] {
        let new = NewApp {
            redirect_uris: vec![uri.into()],
            ..app("App")
        };
        assert!(
            matches!(w.drive.add_app(new).await, Err(Error::Invalid { .. })),
            "{uri}"
        );
    }
    let nobodys = NewApp {
        owner: "nobody".into(),
        ..app("App")
    };
    assert!(matches!(w.drive.add_app(nobodys).await, Err(Error::NotFound("user"))));
    let both = NewApp {
        public: true,
        weipan: true,
        ..app("App")
    };
    assert!(matches!(w.drive.add_app(both).await, Err(Error::Invalid { .. })));
}

async fn a_device_address_takes_no_secret_but_not_a_wrong_one(w: World) {
    let id = &w.app.client_id;
    let secret = w.app.client_secret.as_ref().expect("a secret").expose();
    for right in [None, Some(secret)] {
        assert!(w.drive.identify_client(id, right).await.is_ok());
    }
    let tried = w.drive.identify_client(id, Some("wrong")).await;
    assert_eq!(refused(tried), OAuthCode::InvalidClient);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_secret_is_not_served_but_takes_apps() {
    let dir = tempfile::tempdir().expect("folder");
    let url = format!("sqlite:{}", dir.path().join("rows.db").display());
    let (server, _) = open_drive(&url, &dir, Keys::new([1; 32])).await;
    server.claim().await.expect("claimed");
    server.claim().await.expect("its own");
    server.add_user(crate::user("alice")).await.expect("alice");
    // An operator's command that has the database and not the secret.
    let (command, _) = open_drive(&url, &dir, Keys::new([2; 32])).await;
    assert!(matches!(command.claim().await, Err(ClaimError::OtherSecret)));
    let added = command.add_app(app("Notes")).await.expect("added");
    let secret = added.client_secret.expect("a secret");
    let proved = server
        .authenticate_client(&added.client_id, Some(secret.expose()))
        .await;
    assert!(proved.is_ok(), "the server opens what was sealed to it");
}
