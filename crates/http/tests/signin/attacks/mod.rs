//! Attacks, each a test of its name on both row engines, through forms, cookies, redirects and bodies. Each proves that the
//! attacker gets nothing and that the honest way beside it works. The rules behind them are proved in `core`.
//!
//! | Test | Attack | RFC 9700 |
//! |---|---|---|
//! | `code::code_replay_in_parallel` | one code, many exchanges at once | 4.2.4 |
//! | `code::code_injection` | a stolen code, put into another session or another client | 4.5 |
//! | `code::pkce_downgrade` | the challenge taken out, made `plain`, or answered by nothing | 2.1.1, 4.8.2 |
//! | `code::grants_that_are_no_more` | tokens in the address bar, passwords given to apps | 2.1.2, 2.4 |
//! | `refresh::refresh_reuse` | a stolen refresh token, used after its owner used it | 4.14.2 |
//! | `refresh::parallel_refresh` | one refresh token, many uses at once | 4.14.2 |
//! | `refresh::refresh_by_another_client` | a stolen refresh token at another client | 4.14.2 |
//! | `redirect::redirect_mutations` | a redirect address that is nearly a registered one | 4.1.3 |
//! | `redirect::loopback_mutations` | the same for an app on the person's machine | 4.1.3 |
//! | `redirect::open_redirect_after_login` | a sign-in that leads to another site | 4.11 |
//! | `redirect::post_is_not_repeated_at_the_app` | a redirect that carries the password on | 4.12 |
//! | `redirect::mix_up` | an answer that is taken for another server's | 4.4 |
//! | `redirect::host_header` | addresses made of what the request says it was sent to | 4.13 |
//! | `pages::consent_csrf` | a consent that somebody else's page sends | 4.7 |
//! | `pages::csrf_of_every_form` | the same for every other form | 4.7 |
//! | `pages::consent_framing` | a consent page in a frame | 4.16 |
//! | `pages::session_fixation` | a session that somebody knew before the sign-in | |
//! | `pages::claimed_fresh_sign_in` | an app that says itself that the person just showed a password | |
//! | `pages::leak_by_referrer` | a code that travels on as a referrer | 4.2.1 |
//! | `pages::authorization_by_script` | another site's script that reads the consent page | 2.6 |
//! | `device::user_code_guessing` | trying codes | RFC 8628, 5.1 |
//! | `device::remote_phishing` | one's own device, approved by somebody who was sent its link | RFC 8628, 5.4 |
//! | `device::device_code_of_another_client` | a device's tokens, fetched by another client | |
//! | `rights::token_in_url` | tokens and secrets in addresses, where logs find them | 4.3.2 |
//! | `rights::token_raising_its_own_rights` | a token that makes itself another | 2.3 |
//! | `rights::scope_missing_means_all` | no scope, taken for every scope | 2.3 |
//! | `rights::session_as_token_and_token_as_session` | one kind of caller, taken for another | 4.10 |
//! | `rights::idor_over_every_id` | ids of others | |
//!
//! Ids of nodes by every scope and place are the table of `tests/src/v1/isolation.rs`; ids of the console that of
//! `tests/console/access.rs`. Secrets in the log are looked for by `tests/src/leaks.rs`, since it takes the real program,
//! and after a whole run by `cargo xtask leaks` in the logs of all of it.

mod code;
mod device;
mod pages;
mod redirect;
mod refresh;
mod rights;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::browser::World;

/// What an honest client keeps until it exchanges its code.
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";

/// The challenge of a verifier.
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// A field that is a text.
fn text(json: &Value, name: &str) -> String {
    json[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name}: {json}"))
        .to_owned()
}

/// Tokens by the honest way.
async fn tokens(w: &World, more: &str) -> Value {
    let code = w.code(more).await;
    let answer = w.exchange(&code).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

/// Whether an access token opens the API.
async fn opens(w: &World, token: &str) -> bool {
    match w.get("/v1/user/info", Some(token)).await.status.as_u16() {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}
