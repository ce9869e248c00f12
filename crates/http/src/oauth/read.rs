//! Reading a program's request: parameters of the body alone, each once, and no secret in the URL.
//! Must not know what a parameter is for.

use std::{collections::HashSet, time::Duration};

use axum::{body::Body, extract::Request};
use http::{Uri, header::CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pantry_core::Error;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::answer::Refusal;
use crate::{
    envelope::Failure,
    params::{BODY_LIMIT, Params},
};

/// What must never stand in an address: those are logged and shared.
const SECRETS: [&str; 9] = [
    "access_token",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "password",
    "refresh_token",
    "token",
];

/// How long a body may take to arrive.
const SECONDS: Duration = Duration::from_secs(30);

/// The parameters of a program's request.
#[derive(Debug)]
pub(super) struct Form(Params);

/// Reads the body of a request.
pub(super) async fn form(request: Request) -> Result<Form, Refusal> {
    let query = Params::of_query(request.uri().query().unwrap_or_default());
    if let Some(name) = SECRETS.iter().find(|name| query.all(name).next().is_some()) {
        return Err(Refusal::malformed(format!(
            "{name} was sent in the URL; send it in the body"
        )));
    }
    let (mut parts, mut body) = request.into_parts();
    parts.uri = Uri::from_static("/");
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    if kind.is_some_and(|k| k.trim_start().to_ascii_lowercase().starts_with("application/json")) {
        let limited = Limited::new(body, BODY_LIMIT as usize);
        let bytes = match tokio::time::timeout(SECONDS, limited.collect()).await {
            Err(_) => return Err(Failure::BodyTimeout.into()),
            Ok(Err(e)) if e.is::<LengthLimitError>() => return Err(Failure::BodyTooLarge(BODY_LIMIT).into()),
            Ok(Err(e)) => return Err(Failure::from(Error::BodyBroken(e.to_string())).into()),
            Ok(Ok(all)) => all.to_bytes(),
        };
        if let Some(name) = twice(&bytes) {
            return Err(repeated(&name));
        }
        body = Body::from(bytes);
    }
    Ok(Form(Params::read(Request::from_parts(parts, body)).await?))
}

fn repeated(name: &str) -> Refusal {
    Refusal::malformed(format!("{name} was sent more than once; send it once"))
}

impl Form {
    /// A parameter; one without a value is as good as none (RFC 6749, section 3.1).
    pub(super) fn get(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        if self.0.all(name).count() > 1 {
            return Err(repeated(name));
        }
        match self.0.opt_text(name) {
            Ok(text) => Ok(text.filter(|t| !t.is_empty())),
            Err(e) => Err(Refusal::malformed(e.to_string())),
        }
    }

    /// Every value of the one parameter that may come several times (RFC 8707, section 2).
    pub(super) fn resources(&self) -> impl Iterator<Item = &str> {
        self.0.all("resource").chain(self.0.all("resource[]"))
    }

    /// Every parameter, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter()
    }

    /// A parameter that must be there.
    pub(super) fn need(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name)?
            .ok_or_else(|| Refusal::malformed(format!("{name} is missing")))
    }
}

/// The first name that a JSON object has twice: most readers would silently take one of the two.
fn twice(body: &[u8]) -> Option<String> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Option<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut seen = HashSet::new();
            let mut found = None;
            while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
                if found.is_none() && !seen.insert(name.clone()) {
                    found = Some(name);
                }
            }
            Ok(found)
        }
    }
    // What is no object is refused where it is read.
    serde_json::Deserializer::from_slice(body)
        .deserialize_map(Names)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::twice;

    #[test]
    fn a_name_that_stands_twice_in_json_is_found() {
        assert_eq!(twice(br#"{"a":1,"b":{"a":2},"\u0061":3}"#).as_deref(), Some("a"));
        for fine in [&br#"{"a":1,"b":[{"a":1},{"a":2}]}"#[..], b"[1]", b"nonsense", b""] {
            assert_eq!(twice(fine), None);
        }
    }
}
