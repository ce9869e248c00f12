//! Accounts, signing in and guessing passwords, sessions, the first administrator.

use pantry_core::{
    Error,
    auth::{NewUser, SetupClosed, SetupError},
};

use pantry_types::{Clock, SystemClock};

use crate::{PASSWORD, World, from, here, sign_in, user, user_row};

on_both! {
    a_person_signs_in_by_name_or_mail_address
    an_unknown_account_answers_like_a_wrong_password
    ten_failures_lock_the_right_password_out
    a_hundred_failures_from_anywhere_lock_the_account
    guessing_at_once_does_not_slip_under_the_limit
    name_and_mail_address_are_one_account
    a_session_is_never_taken_over_from_before
    a_session_ends_at_sign_out_and_by_age
    a_new_password_ends_all_sessions
    a_session_is_no_token_and_a_token_no_session
    names_and_mail_addresses_are_taken_once
    an_account_has_its_root
}

async fn a_person_signs_in_by_name_or_mail_address(w: World) {
    for account in ["alice", "ALICE", " alice ", "Alice@Example.com"] {
        let got = w
            .drive
            .sign_in(account, PASSWORD, &here(), None)
            .await
            .expect("answered");
        assert!(got.is_some(), "{account}");
    }
    for (account, password) in [
        ("alice", "wrong"),
        ("alice", ""),
        ("", PASSWORD),
        ("alice", &"x".repeat(5000)),
    ] {
        let got = w
            .drive
            .sign_in(account, password, &here(), None)
            .await
            .expect("answered");
        assert!(got.is_none(), "{account}");
    }
    let events = w.events().await;
    assert!(events.contains(&"sign_in".to_owned()) && events.contains(&"sign_in_failed".to_owned()));
}

async fn an_unknown_account_answers_like_a_wrong_password(w: World) {
    let mut spent = [0.0_f64; 2];
    for round in 0..4 {
        for (i, account) in ["alice", "nobody"].into_iter().enumerate() {
            let begun = SystemClock.now_ms();
            let got = w.drive.sign_in(account, "wrong password", &here(), None).await;
            assert!(got.expect("answered").is_none());
            // The first round pays for what is made once.
            if round > 0 {
                spent[i] += (SystemClock.now_ms() - begun) as f64;
            }
        }
    }
    let ratio = spent[0] / spent[1];
    assert!((0.33..3.0).contains(&ratio), "one of them does not hash: {spent:?}");
    // The same lock too.
    for account in ["alice", "nobody"] {
        for _ in 4..10 {
            w.drive
                .sign_in(account, "wrong", &here(), None)
                .await
                .expect("answered");
        }
        let locked = w.drive.sign_in(account, "wrong", &here(), None).await;
        assert!(matches!(locked, Err(Error::TooMany { .. })), "{account}");
    }
}

async fn ten_failures_lock_the_right_password_out(w: World) {
    for i in 0..10 {
        let got = w.drive.sign_in("alice", "wrong", &here(), None).await;
        assert!(got.expect("answered").is_none(), "{i}");
    }
    w.clock.advance(100);
    match w.drive.sign_in("alice", PASSWORD, &here(), None).await {
        Err(Error::TooMany { retry_after }) => assert_eq!(retry_after, 800),
        other => panic!("{other:?}"),
    }
    let elsewhere = w.drive.sign_in("alice", PASSWORD, &from("192.0.2.2"), None).await;
    assert!(elsewhere.expect("answered").is_some(), "the person herself, elsewhere");
    w.clock.advance(800);
    let later = w.drive.sign_in("alice", PASSWORD, &here(), None).await;
    assert!(later.expect("answered").is_some());
    // A right one forgets the wrong ones before.
    for _ in 0..9 {
        w.drive
            .sign_in("alice", "wrong", &here(), None)
            .await
            .expect("answered");
    }
    sign_in(&w.drive, "alice").await;
    for _ in 0..9 {
        w.drive
            .sign_in("alice", "wrong", &here(), None)
            .await
            .expect("answered");
    }
    sign_in(&w.drive, "alice").await;
}

async fn a_hundred_failures_from_anywhere_lock_the_account(w: World) {
    let mut tries = Vec::new();
    for i in 0..100 {
        let drive = w.drive.clone();
        let from = from(&format!("203.0.113.{i}"));
        let one = async move { drive.sign_in("alice", "wrong", &from, None).await };
        tries.push(tokio::spawn(one));
        if tries.len() == 20 {
            for one in tries.drain(..) {
                assert!(one.await.expect("ran").expect("answered").is_none());
            }
        }
    }
    let locked = w.drive.sign_in("alice", PASSWORD, &from("198.51.100.1"), None).await;
    assert!(matches!(locked, Err(Error::TooMany { .. })));
}

async fn guessing_at_once_does_not_slip_under_the_limit(w: World) {
    let mut tries = Vec::new();
    for _ in 0..30 {
        let drive = w.drive.clone();
        tries.push(tokio::spawn(async move {
            drive.sign_in("alice", "wrong", &here(), None).await
        }));
    }
    let mut judged = 0;
    for one in tries {
        match one.await.expect("ran") {
            Ok(None) => judged += 1,
            Err(Error::TooMany { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(judged, 10);
}

async fn name_and_mail_address_are_one_account(w: World) {
    for i in 0..10 {
        let account = if i % 2 == 0 { "alice" } else { "alice@example.com" };
        w.drive
            .sign_in(account, "wrong", &here(), None)
            .await
            .expect("answered");
    }
    let locked = w.drive.sign_in("alice", PASSWORD, &here(), None).await;
    assert!(matches!(locked, Err(Error::TooMany { .. })));
}

async fn a_session_is_never_taken_over_from_before(w: World) {
    let first = w
        .drive
        .sign_in("alice", PASSWORD, &here(), None)
        .await
        .expect("answered")
        .expect("in");
    let old = first.cookie.expose();
    let second = w
        .drive
        .sign_in("alice", PASSWORD, &here(), Some(old))
        .await
        .expect("answered")
        .expect("in");
    assert_ne!(second.cookie.expose(), old);
    assert!(w.drive.session_of(old).await.expect("read").is_none(), "it ended");
    assert!(
        w.drive
            .session_of(second.cookie.expose())
            .await
            .expect("read")
            .is_some()
    );
}

async fn a_session_ends_at_sign_out_and_by_age(w: World) {
    let signed = w
        .drive
        .sign_in("alice", PASSWORD, &here(), None)
        .await
        .expect("answered")
        .expect("in");
    let cookie = signed.cookie.expose();
    for _ in 0..3 {
        w.clock.advance(2_592_000 - 1);
        assert!(
            w.drive.session_of(cookie).await.expect("read").is_some(),
            "visits prolong it"
        );
    }
    w.clock.advance(2_592_000);
    assert!(w.drive.session_of(cookie).await.expect("read").is_none());
    assert!(w.drive.sweep_auth(w.drive.now()).await.expect("swept").sessions >= 1);

    let signed = w
        .drive
        .sign_in("alice", PASSWORD, &here(), None)
        .await
        .expect("answered")
        .expect("in");
    let session = w
        .drive
        .session_of(signed.cookie.expose())
        .await
        .expect("read")
        .expect("in");
    w.drive.sign_out(&session).await.expect("out");
    assert!(
        w.drive
            .session_of(signed.cookie.expose())
            .await
            .expect("read")
            .is_none()
    );
}

async fn a_new_password_ends_all_sessions(w: World) {
    let signed = w
        .drive
        .sign_in("alice", PASSWORD, &here(), None)
        .await
        .expect("answered")
        .expect("in");
    assert!(matches!(
        w.drive.set_password("alice", "short").await,
        Err(Error::Invalid {
            parameter: "password",
            ..
        })
    ));
    w.drive.set_password("alice", "another horse").await.expect("set");
    assert!(
        w.drive
            .session_of(signed.cookie.expose())
            .await
            .expect("read")
            .is_none()
    );
    let old = w.drive.sign_in("alice", PASSWORD, &here(), None).await;
    assert!(old.expect("answered").is_none());
    let new = w.drive.sign_in("alice", "another horse", &here(), None).await;
    assert!(new.expect("answered").is_some());
    assert!(w.events().await.contains(&"password_changed".to_owned()));
}

async fn a_session_is_no_token_and_a_token_no_session(w: World) {
    let pair = w.pair().await;
    let signed = w
        .drive
        .sign_in("alice", PASSWORD, &here(), None)
        .await
        .expect("answered")
        .expect("in");
    assert!(!w.opens(signed.cookie.expose()).await);
    let as_cookie = w.drive.session_of(pair.access_token.expose()).await;
    assert!(as_cookie.expect("read").is_none());
    let session = w
        .drive
        .session_of(signed.cookie.expose())
        .await
        .expect("read")
        .expect("in");
    let one = w.drive.form_token(&session, "consent");
    assert_eq!(one, w.drive.form_token(&session, "consent"));
    assert_ne!(one, w.drive.form_token(&session, "device"));
    assert_ne!(
        one,
        w.drive.form_token(&w.alice, "consent"),
        "another session of the same person"
    );
}

async fn names_and_mail_addresses_are_taken_once(w: World) {
    let taken = |e: Result<_, Error>| match e {
        Err(Error::Taken { what, .. }) => what,
        Err(e) => panic!("{e}"),
        Ok::<pantry_core::auth::User, _>(_) => panic!("not taken"),
    };
    let mut same_name = user("Alice");
    same_name.email = "other@example.com".into();
    assert_eq!(taken(w.drive.add_user(same_name).await), "the user name");
    let mut same_mail = user("other");
    same_mail.email = "ALICE@example.com".into();
    assert_eq!(taken(w.drive.add_user(same_mail).await), "the mail address");
}

async fn an_account_has_its_root(w: World) {
    let mut new = user("bob");
    new.quota = Some(5);
    let bob = w.drive.add_user(new).await.expect("bob");
    let row = w
        .drive
        .db()
        .read(bob.id, |tx, id| Box::pin(user_row(tx, id)))
        .await
        .expect("read");
    assert_eq!(
        (row.root_id, row.quota, row.used, row.is_admin),
        (bob.root, 5, 0, false)
    );
    assert!(row.bin_id.0 > 0 && row.bin_id != row.root_id && row.apps_id.0 == 0);
    assert!(row.password_hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

/// Needs a drive without people, so it opens its own.
async fn first_administrator(url: &str, dir: tempfile::TempDir) {
    let (drive, _) = crate::open_drive(url, &dir, pantry_core::Keys::new([1; 32])).await;
    let token = |link: &str| link.rsplit('/').next().expect("a token").to_owned();
    let first = drive.setup_link().await.expect("link").expect("nobody yet");
    assert!(first.starts_with("https://drive.example/setup/pantry_su_"));
    let second = drive.setup_link().await.expect("link").expect("nobody yet");
    let replaced = drive.setup_state(&token(&first)).await.expect("read");
    assert_eq!(replaced, Err(SetupClosed::Invalid), "replaced at each start");
    let weak = NewUser {
        password: "short".into(),
        ..user("root")
    };
    let tried = drive.set_up(&token(&second), weak, &here()).await;
    assert!(matches!(
        tried,
        Err(SetupError::Drive(Error::Invalid {
            parameter: "password",
            ..
        }))
    ));
    // Two at once: one administrator.
    let both = [user("root"), user("rival")].map(|new| {
        let (drive, token) = (drive.clone(), token(&second));
        tokio::spawn(async move { drive.set_up(&token, new, &here()).await })
    });
    let mut made = Vec::new();
    for one in both {
        match one.await.expect("ran") {
            Ok(signed) => made.push(signed),
            Err(SetupError::Closed(SetupClosed::Used)) => {}
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!(made.len(), 1);
    let session = drive
        .session_of(made[0].cookie.expose())
        .await
        .expect("read")
        .expect("in");
    assert!(session.is_admin);
    assert!(drive.setup_link().await.expect("asked").is_none());
    let late = drive.set_up(&token(&second), user("late"), &here()).await;
    assert!(matches!(late, Err(SetupError::Closed(SetupClosed::Used))));
}

mod a_setup_link_works_once_and_only_while_there_is_nobody {
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        let dir = tempfile::tempdir().expect("folder");
        let url = format!("sqlite:{}", dir.path().join("rows.db").display());
        super::first_administrator(&url, dir).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        let pg = crate::pg::fresh_database().await;
        super::first_administrator(&pg.url, tempfile::tempdir().expect("folder")).await;
    }
}
