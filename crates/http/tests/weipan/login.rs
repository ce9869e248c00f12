//! Signing in: signatures, clocks, tokens that die, and the external directory.

use pantry_core::Settings;
use pantry_testkit::{Engine, Person, Reply};

use crate::tools::{Program, text};

async fn what_is_signed_is_checked(engine: Engine) {
    let p = Program::new(engine).await;
    let now = p.now();
    let code = async |fields: &[(&str, String)]| p.get_token(fields).await["err_code"].as_i64();
    let good = p.credentials("ada", Person::PASSWORD, &now.to_string());
    assert_eq!(code(&good).await, Some(0));
    // Every text counts, and each one missing is named.
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at].1.push('1');
        assert_eq!(code(&changed).await, Some(1), "{}", changed[at].0);
        changed.remove(at);
        let reply = p.get_token(&changed).await;
        assert_eq!(reply["err_code"], 701);
        assert!(
            reply["err_msg"].as_str().is_some_and(|t| t.contains(good[at].0)),
            "{reply}"
        );
    }
    for (time, expected) in [(now - 900, 0), (now + 900, 0), (now - 901, 3), (now + 901, 3), (0, 3)] {
        let fields = p.credentials("ada", Person::PASSWORD, &time.to_string());
        assert_eq!(code(&fields).await, Some(expected), "{}", time - now);
    }
    assert_eq!(code(&p.credentials("ada", Person::PASSWORD, "soon")).await, Some(3));
    let now = now.to_string();
    assert_eq!(code(&p.credentials("ada", "another", &now)).await, Some(2));
    assert_eq!(code(&p.credentials("nobody", Person::PASSWORD, &now)).await, Some(2));
    let mut elsewhere = p.credentials("ada", Person::PASSWORD, &now);
    elsewhere.push(("app_type", "sinat".into()));
    assert_eq!(code(&elsewhere).await, Some(2), "there is no directory");
    // An app that no administrator marked.
    let other = p.server.app(&p.person, "Other").await;
    let p = Program { app: other, ..p };
    assert_eq!(
        p.get_token(&p.credentials("ada", Person::PASSWORD, &now)).await["err_code"],
        1
    );
}

async fn failures_are_shared_with_the_sign_in_of_people(engine: Engine) {
    let p = Program::new(engine).await;
    let now = p.now().to_string();
    let wrong = p.credentials("ada", "wrong password", &now);
    for _ in 0..10 {
        assert_eq!(p.get_token(&wrong).await["err_code"], 2);
    }
    let good = p.credentials("ada@example.com", Person::PASSWORD, &now);
    assert_eq!(p.get_token(&good).await["err_code"], 900);
    p.server.clock().advance(901);
    let good = p.credentials("ada@example.com", Person::PASSWORD, &p.now().to_string());
    assert_eq!(p.get_token(&good).await["err_code"], 0);
}

async fn a_token_dies_when_it_is_idle_and_with_its_password(engine: Engine) {
    let mut p = Program::new(engine).await;
    let first = p.token.clone();
    let second = p.sign_in().await;
    assert!(first != second && first.len() == 32);
    for _ in 0..10 {
        p.server.clock().advance(899);
        p.ok("keep", "").await;
    }
    // Each use counts, whichever call it was, also across a restart.
    let kept = p.ok("user/keep_token", "").await;
    assert_eq!(
        (&kept["data"]["token"], &kept["data"]["uid"]),
        (&first.as_str().into(), &p.person.id.to_string().into())
    );
    p.server = p.server.restarted().await;
    p.server.clock().advance(800);
    p.ok("keep", "").await;
    p.token = second;
    assert_eq!(p.call("keep", "").await["err_code"], 702, "the other one was idle");
    p.token = first;
    p.server.clock().advance(900);
    assert_eq!(p.call("keep", "").await["err_code"], 702);
    p.token = p.sign_in().await;
    p.server
        .drive()
        .set_password("ada", "another password")
        .await
        .expect("changed");
    p.server.clock().advance(1);
    assert_eq!(p.call("keep", "").await["err_code"], 702);
    // Nothing of it is kept for ever.
    p.server.clock().advance(901);
    p.server.drive().sweep().await.expect("kept house");
}

/// The directory that `scripts/with-slapd` runs; without it this test fails, it does not skip.
fn directory(s: &mut Settings, tls: bool) {
    let var = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run scripts/with-slapd"));
    s.ldap.url = var(if tls { "PANTRY_TEST_LDAPS" } else { "PANTRY_TEST_LDAP" });
    s.ldap.starttls = u32::from(!tls);
    s.ldap.ca_file = var("PANTRY_TEST_LDAP_CA");
    s.ldap.bind_dn = "cn=admin,dc=example,dc=com".into();
    s.ldap.bind_password = var("PANTRY_TEST_LDAP_PASSWORD");
    s.ldap.base_dn = "ou=people,dc=example,dc=com".into();
}

async fn signs_in_by_the_directory(engine: Engine, tls: bool) {
    let mut p = Program::with(engine, |s| directory(s, tls)).await;
    let fields = |p: &Program, account: &str, password: &str| {
        let mut fields = p.credentials(account, password, &p.now().to_string());
        fields.push(("app_type", "sinat".to_owned()));
        fields
    };
    let reply = p.get_token(&fields(&p, "grace@example.com", "grace's password")).await;
    assert_eq!(reply["err_code"], 0, "{reply}");
    assert_eq!(
        (&reply["data"]["email"], &reply["data"]["app_type"]),
        (&"grace@example.com".into(), &"sinat".into())
    );
    p.token = text(&reply["data"]["token"]);
    p.folder("0", "hers").await;
    // The second time it is the same account, also when many come at once.
    let uid = text(&reply["data"]["uid"]);
    let many = futures_util::future::join_all(
        (0..8).map(|_| async { p.get_token(&fields(&p, "grace@example.com", "grace's password")).await }),
    );
    for reply in many.await {
        assert_eq!(
            (&reply["err_code"], &reply["data"]["uid"]),
            (&0.into(), &uid.as_str().into())
        );
    }
    for (account, password) in [
        ("grace@example.com", "wrong"),
        ("nobody@example.com", "grace's password"),
        // What has a meaning in a filter is only text.
        ("*", "grace's password"),
        ("grace@example.com)(uid=*", "grace's password"),
        ("g*@example.com", "grace's password"),
        // An account of this server does not pass to whoever has its mail address elsewhere.
        ("ada@example.com", "ada's password"),
        ("nomail", "no mail"),
    ] {
        let reply = p.get_token(&fields(&p, account, password)).await;
        assert_eq!(reply["err_code"], 2, "{account}: {reply}");
    }
    // No password of ours opens the account.
    for password in ["grace's password", "x"] {
        let plain = p.credentials("grace@example.com", password, &p.now().to_string());
        assert_eq!(p.get_token(&plain).await["err_code"], 2);
    }
}

async fn the_directory_over_tls(engine: Engine) {
    signs_in_by_the_directory(engine, true).await;
}

async fn the_directory_by_start_tls(engine: Engine) {
    signs_in_by_the_directory(engine, false).await;
}

async fn a_certificate_that_is_not_trusted_ends_it(engine: Engine) {
    let p = Program::with(engine, |s| {
        directory(s, true);
        s.ldap.ca_file = String::new();
    })
    .await;
    let mut fields = p.credentials("grace@example.com", "grace's password", &p.now().to_string());
    fields.push(("app_type", "sinat".to_owned()));
    let request = p.server.http.post(p.server.url("/?m=auth&a=get_token")).form(&fields);
    assert_eq!(Reply::of(request).await.json()["err_code"], 2);
}

pantry_testkit::both_engines!(
    what_is_signed_is_checked,
    failures_are_shared_with_the_sign_in_of_people,
    a_token_dies_when_it_is_idle_and_with_its_password,
    the_directory_over_tls,
    the_directory_by_start_tls,
    a_certificate_that_is_not_trusted_ends_it
);
