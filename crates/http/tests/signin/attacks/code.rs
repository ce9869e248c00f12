//! Attacks on codes: replaying, injecting, and taking PKCE away.

use futures_util::future::join_all;
use http::StatusCode;
use pantry_testkit::Engine;

use super::{VERIFIER, challenge, opens, text, tokens};
use crate::browser::{CALLBACK, World, encoded};

pantry_testkit::both_engines!(
    code_replay_in_parallel,
    code_injection,
    pkce_downgrade,
    grants_that_are_no_more,
);

async fn code_replay_in_parallel(engine: Engine) {
    let w = World::on(engine).await;
    let code = w.code("").await;
    let answers = join_all((0..30).map(|_| w.exchange(&code))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == StatusCode::OK);
    assert!(won.len() <= 1, "{} got tokens", won.len());
    assert!(lost.iter().all(|a| a.error() == "invalid_grant"));
    // Who of them was the thief cannot be known: nobody keeps what the code led to.
    for answer in won {
        let pair = answer.json();
        assert!(!opens(&w, &text(&pair, "access_token")).await);
        let refreshed = w.refresh(&text(&pair, "refresh_token"), &[]).await;
        assert_eq!(refreshed.error(), "invalid_grant");
    }
    let pair = tokens(&w, "").await;
    assert!(
        opens(&w, &text(&pair, "access_token")).await,
        "a code that is used once"
    );
}

async fn code_injection(engine: Engine) {
    let w = World::on(engine).await;
    let more = format!("&code_challenge={}&code_challenge_method=S256", challenge(VERIFIER));
    let exchange = async |code: &str, verifier: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ];
        w.post("/oauth/token", &w.form(&form)).await
    };
    // Into the honest client, in the attacker's session there, which has another verifier.
    let stolen = w.code(&more).await;
    let injected = exchange(&stolen, "the-verifier-of-the-session-of-the-attacker").await;
    assert_eq!(injected.error(), "invalid_grant");
    assert_eq!(exchange(&stolen, VERIFIER).await.error(), "invalid_grant", "burnt");

    // As the honest client, without its secret: no use, and no harm.
    let stolen = w.code(&more).await;
    let own = [
        ("grant_type", "authorization_code"),
        ("code", stolen.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let unproved = [&[("client_id", w.app.client_id.as_str())], &own[..]].concat();
    assert_eq!(w.post("/oauth/token", &unproved).await.error(), "invalid_client");
    assert_eq!(exchange(&stolen, VERIFIER).await.status, StatusCode::OK);

    // At a client of the attacker's own, which thereby shows that it was stolen.
    let stolen = w.code(&more).await;
    let evil = w.server.app(&w.ada(), "Evil").await;
    let form = [
        ("client_id", evil.client_id.as_str()),
        ("client_secret", evil.client_secret.as_deref().expect("a secret")),
        ("grant_type", "authorization_code"),
        ("code", &stolen),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(w.post("/oauth/token", &form).await.error(), "invalid_grant");
    assert_eq!(exchange(&stolen, VERIFIER).await.error(), "invalid_grant", "burnt");
    let fresh = w.code(&more).await;
    assert_eq!(exchange(&fresh, VERIFIER).await.status, StatusCode::OK);
}

async fn pkce_downgrade(engine: Engine) {
    let w = World::on(engine).await;
    let s256 = challenge(VERIFIER);
    let public = w.public_app("Desk", "http://127.0.0.1/cb").await;
    let address = |more: &str| {
        let uri = encoded(b"http://127.0.0.1:4711/cb");
        format!("/oauth/authorize?client_id={public}&redirect_uri={uri}&response_type=code{more}")
    };
    let mut b = w.signed_in().await;
    for more in [
        String::new(),
        "&code_challenge=".into(),
        "&code_challenge_method=S256".into(),
        format!("&code_challenge={VERIFIER}&code_challenge_method=plain"),
        // Without a method it would be plain.
        format!("&code_challenge={s256}"),
        format!("&code_challenge={s256}&code_challenge_method=s256"),
        format!("&code_challenge={s256}&code_challenge_method=S256&code_challenge_method=plain"),
        format!("&code_challenge={s256}&code_challenge=&code_challenge_method=S256"),
    ] {
        let back = b.get(&address(&more)).await;
        assert_eq!(back.sent_on_with("error").as_deref(), Some("invalid_request"), "{more}");
        assert_eq!(back.sent_on_with("code"), None, "{more}");
    }
    // The challenge taken out of the form of a consent that had one.
    let page = b
        .get(&address(&format!("&code_challenge={s256}&code_challenge_method=S256")))
        .await;
    let request = page.hidden("request");
    let without = request.replace(&format!("&code_challenge={s256}&code_challenge_method=S256"), "");
    assert_ne!(request, without);
    let other = request.replace(&s256, &challenge("the-verifier-of-the-attacker-who-is-in-between"));
    let (csrf, check) = (page.hidden("csrf"), page.hidden("check"));
    for changed in [without, other] {
        let form = [
            ("csrf", csrf.as_str()),
            ("check", check.as_str()),
            ("request", &changed),
            ("decision", "allow"),
        ];
        let answer = b.post("/oauth/authorize", &form).await;
        let is_sent_on = answer.status == StatusCode::SEE_OTHER;
        assert!(!is_sent_on || answer.sent_on_with("code").is_none(), "{changed}");
    }

    // At the token endpoint: a challenge is enforced, and a verifier without one is refused, for everyone.
    let exchange = async |client: &[(&str, &str)], uri: &str, code: &str, verifier: Option<&str>| {
        let mut form = client.to_vec();
        form.extend([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", uri),
        ]);
        form.extend(verifier.map(|v| ("code_verifier", v)));
        w.post("/oauth/token", &form).await
    };
    let with_challenge = format!("&code_challenge={s256}&code_challenge_method=S256");
    let confidential = w.form(&[]);
    for (more, verifier) in [
        (with_challenge.as_str(), None),
        (&with_challenge, Some("")),
        (&with_challenge, Some(s256.as_str())),
        ("", Some(VERIFIER)),
    ] {
        let code = w.code(more).await;
        let refused = exchange(&confidential, CALLBACK, &code, verifier).await;
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{more} {verifier:?}: {}",
            refused.text
        );
    }
    let code = w.code(&with_challenge).await;
    let honest = exchange(&confidential, CALLBACK, &code, Some(VERIFIER)).await;
    assert_eq!(honest.status, StatusCode::OK, "{}", honest.text);
    let client = [("client_id", public.as_str())];
    let uri = "http://127.0.0.1:4711/cb";
    for (verifier, status) in [(None, 400), (Some(VERIFIER), 200)] {
        let back = b.consent(&address(&with_challenge), "allow", &[]).await;
        let code = back.sent_on_with("code").expect("a code");
        assert_eq!(exchange(&client, uri, &code, verifier).await.status, status);
    }
}

async fn grants_that_are_no_more(engine: Engine) {
    let w = World::on(engine).await;
    let mut b = w.signed_in().await;
    for kind in ["token", "id_token", "code token", "code id_token", "none", "CODE"] {
        let back = b
            .get(&w.authorize("").replace(
                "response_type=code",
                &format!("response_type={}", encoded(kind.as_bytes())),
            ))
            .await;
        assert_eq!(
            back.sent_on_with("error").as_deref(),
            Some("unsupported_response_type"),
            "{kind}"
        );
        assert!(
            !back.location().contains('#') && !back.location().contains("pantry_"),
            "{kind}"
        );
    }
    for mode in ["fragment", "form_post", "web_message"] {
        let back = b.get(&w.authorize(&format!("&response_mode={mode}"))).await;
        assert!(back.sent_on_with("error").is_some(), "{mode}");
        assert!(!back.location().contains('#'), "{mode}");
    }
    for grant in [
        "password",
        "client_credentials",
        "implicit",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ] {
        let form = [
            ("grant_type", grant),
            ("username", "ada"),
            ("password", pantry_testkit::Person::PASSWORD),
        ];
        let answer = w.post("/oauth/token", &w.form(&form)).await;
        assert_eq!(answer.error(), "unsupported_grant_type", "{grant}");
    }
    let metadata = w.get("/.well-known/oauth-authorization-server", None).await.json();
    assert_eq!(metadata["response_types_supported"], serde_json::json!(["code"]));
    assert!(opens(&w, &text(&tokens(&w, "").await, "access_token")).await);
}
