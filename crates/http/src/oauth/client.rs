//! How a request carries the proof of a client (RFC 6749, section 2.3.1): body or HTTP Basic.
//! Must not judge the proof.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::AUTHORIZATION};
use pantry_core::{
    Drive,
    auth::{App, Client, Guess, OAuthCode, OAuthError, Origin},
};
use percent_encoding::percent_decode_str;

use super::{answer::Refusal, read::Form};

/// Who a request says it comes from.
struct Credentials {
    client_id: String,
    secret: Option<String>,
    basic: bool,
}

/// The client, proved.
pub(super) async fn prove(drive: &Drive, headers: &HeaderMap, form: &Form, origin: &Origin) -> Result<Client, Refusal> {
    let c = credentials(headers, form)?;
    let proved = drive.authenticate_client(&c.client_id, c.secret.as_deref()).await;
    let proved = drive.with_guess_counted(Guess::Client(&c.client_id), origin, proved);
    proved.map_err(|error| Refusal::OAuth { error, basic: c.basic })
}

/// The app, where its secret is optional.
pub(super) async fn identify(drive: &Drive, headers: &HeaderMap, form: &Form, origin: &Origin) -> Result<App, Refusal> {
    let c = credentials(headers, form)?;
    let known = drive.identify_client(&c.client_id, c.secret.as_deref()).await;
    let known = drive.with_guess_counted(Guess::Client(&c.client_id), origin, known);
    known.map_err(|error| Refusal::OAuth { error, basic: c.basic })
}

fn credentials(headers: &HeaderMap, form: &Form) -> Result<Credentials, Refusal> {
    let client_id = form.get("client_id")?;
    let secret = form.get("client_secret")?;
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = sent.next() else {
        let Some(client_id) = client_id else {
            return Err(unproved("client_id is missing", false));
        };
        return Ok(Credentials {
            client_id: client_id.to_owned(),
            secret: secret.map(str::to_owned),
            basic: false,
        });
    };
    if sent.next().is_some() {
        return Err(Refusal::malformed("more than one Authorization header was sent"));
    }
    let header = header.to_str().unwrap_or_default();
    let (scheme, value) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unproved("clients authenticate by HTTP Basic or in the body", false));
    }
    let (basic_id, basic_secret) =
        basic(value.trim()).ok_or_else(|| unproved("the HTTP Basic credentials are malformed", true))?;
    if secret.is_some() {
        return Err(Refusal::malformed(
            "the client authenticated twice, by HTTP Basic and in the body; use one",
        ));
    }
    if client_id.is_some_and(|id| id != basic_id) {
        return Err(Refusal::malformed("client_id is another than that of HTTP Basic"));
    }
    Ok(Credentials {
        client_id: basic_id,
        secret: Some(basic_secret).filter(|s| !s.is_empty()),
        basic: true,
    })
}

fn unproved(why: &'static str, basic: bool) -> Refusal {
    Refusal::OAuth {
        error: OAuthError::refused(OAuthCode::InvalidClient, why),
        basic,
    }
}

/// Both halves are form-encoded before they are joined.
fn basic(value: &str) -> Option<(String, String)> {
    let joined = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    let decode = |half: &str| {
        let spaced = half.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(|t| t.into_owned()).ok()
    };
    Some((decode(id)?, decode(secret)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_form_encoded() {
        let read = |text: &str| basic(&STANDARD.encode(text));
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(read("1234567890:pantry_cs_x"), pair("1234567890", "pantry_cs_x"));
        assert_eq!(read("a%3Ab:c+d:e"), pair("a:b", "c d:e"));
        assert_eq!(read("1234567890:"), pair("1234567890", ""));
        assert_eq!(read("1234567890"), None);
        assert_eq!(basic("***"), None);
    }
}
