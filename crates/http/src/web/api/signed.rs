//! Who calls the web page's API: a person by the cookie of a session, from the page itself. Owns the proofs of both, and
//! how bodies and pages are asked for. Must not look at tokens.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::{
    HeaderMap, HeaderName, Method,
    header::{CONTENT_TYPE, HOST, ORIGIN},
    request::Parts,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pantry_core::{
    Drive, Error,
    auth::{
        Origin, SessionActor,
        console::{Admin, Paging},
    },
};
use serde::de::DeserializeOwned;

use super::Fault;
use crate::{envelope::Failure, params::Params, state::AppState, visitor::Visitor};

/// The header that carries the session's form token.
const CSRF: HeaderName = HeaderName::from_static("x-pantry-csrf");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What the token is bound to, beside the session.
const PURPOSE: &str = "web api";
/// Largest body of JSON, in bytes.
const BODY_LIMIT: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_SECONDS: std::time::Duration = std::time::Duration::from_secs(30);

/// A person who is signed in, calling from a page of this server.
pub struct Signed {
    /// Who.
    pub session: SessionActor,
    /// From where.
    pub origin: Origin,
    state: AppState,
}

impl Signed {
    /// What every handler shares.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// The drive.
    pub fn drive(&self) -> &Drive {
        self.state.drive()
    }

    /// What the page sends back with every change.
    pub fn csrf(&self) -> String {
        self.drive().form_token(&self.session, PURPOSE)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// `https://host:port` of an address.
fn origin_of(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    Some(url.origin().ascii_serialization())
}

/// Whether a request may come from a page of this server. Browsers say so by themselves, and no page can make them lie;
/// what says nothing is no browser, or an old one, and still needs the token.
fn is_same_site(headers: &HeaderMap, public_url: &str) -> bool {
    match text(headers, &FETCH_SITE) {
        // "none": typed into the address bar.
        None | Some("same-origin" | "none") => {}
        Some(_) => return false,
    }
    let Some(origin) = text(headers, &ORIGIN) else {
        return true;
    };
    let ours = origin_of(public_url).is_some_and(|own| own == origin);
    // Reached by another of its names: the browser sends the cookie to the host that the page came from.
    let host = origin.split_once("://").map(|(_, host)| host);
    ours || (host.is_some() && host == text(headers, &HOST))
}

impl FromRequestParts<AppState> for Signed {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Fault> {
        let public_url = state.drive().settings().server.public_url.clone();
        if !is_same_site(&parts.headers, &public_url) {
            return Err(Fault::CrossSite);
        }
        let visitor = Visitor::from_request_parts(parts, state).await?;
        let session = visitor.session.ok_or(Fault::NotSignedIn)?;
        let signed = Self {
            session,
            origin: visitor.origin,
            state: state.clone(),
        };
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            let sent = text(&parts.headers, &CSRF).unwrap_or_default();
            if !Drive::is_form_token(&signed.csrf(), sent) {
                return Err(Fault::NoToken);
            }
        }
        Ok(signed)
    }
}

/// A person who may administer this installation, calling from a page of this server.
pub struct Administrator {
    /// The proof.
    pub admin: Admin,
    signed: Signed,
}

impl Administrator {
    /// The drive.
    pub fn drive(&self) -> &Drive {
        self.signed.drive()
    }
}

impl FromRequestParts<AppState> for Administrator {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Fault> {
        let signed = Signed::from_request_parts(parts, state).await?;
        let admin = signed.drive().administrator(&signed.session, &signed.origin)?;
        Ok(Self { admin, signed })
    }
}

/// The query of a page: `cursor`, `limit`, and what else the route knows.
pub struct Paged {
    /// From where on, and how much.
    pub paging: Paging,
    query: Params,
}

impl Paged {
    /// One text of the query; none if it is missing or empty.
    pub fn text(&self, name: &str) -> Option<String> {
        self.query.all(name).next().filter(|t| !t.is_empty()).map(str::to_owned)
    }

    /// Whether the query says so.
    pub fn flag(&self, name: &'static str) -> Result<bool, Fault> {
        Ok(self.query.opt_flag(name)?.unwrap_or(false))
    }

    /// One number of the query.
    pub fn number(&self, name: &'static str) -> Result<Option<i64>, Fault> {
        self.query.opt_int(name).map_err(Fault::from)
    }
}

impl FromRequestParts<AppState> for Paged {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Fault> {
        let query = Params::of_query(parts.uri.query().unwrap_or_default());
        let paging = Paging {
            cursor: query.all("cursor").next().filter(|c| !c.is_empty()).map(str::to_owned),
            limit: query.opt_int("limit")?,
        };
        Ok(Self { paging, query })
    }
}

/// Reads a body of at most so many bytes.
pub(super) async fn body(request: Request, limit: usize) -> Result<bytes::Bytes, Failure> {
    let limited = Limited::new(request.into_body(), limit);
    match tokio::time::timeout(BODY_SECONDS, limited.collect()).await {
        Err(_) => Err(Failure::BodyTimeout),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(Failure::BodyTooLarge(limit as u64)),
        Ok(Err(e)) => Err(Error::BodyBroken(e.to_string()).into()),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}

/// A body of JSON, which nothing but a script can send: a form cannot.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, Fault> {
        let sent = text(request.headers(), &CONTENT_TYPE).unwrap_or_default().to_owned();
        let essence = sent.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Failure::MediaType(sent).into());
        }
        let body = body(request, BODY_LIMIT).await?;
        let bad = |e: serde_json::Error| Fault::from(Failure::Body(format!("the JSON body does not do: {e}")));
        // An object, and not what could be read as one.
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&body).map_err(bad)?;
        T::deserialize(serde_json::Value::Object(fields)).map(Self).map_err(bad)
    }
}

#[cfg(test)]
mod tests {
    //! Whose page a request comes from.
    use super::*;

    fn passes(headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a header"));
        }
        is_same_site(&map, "https://drive.example")
    }

    #[test]
    fn only_pages_of_this_server_may_call() {
        for good in [
            &[][..],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://drive.example")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://drive.example")],
            &[("origin", "http://10.0.0.2:8080"), ("host", "10.0.0.2:8080")],
        ] {
            assert!(passes(good), "{good:?}");
        }
        for bad in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
            &[("origin", "null"), ("host", "drive.example")],
            &[("origin", "https://drive.example.evil.example")],
            &[("origin", "https://drive.example:8443"), ("host", "drive.example")],
            &[("origin", "")],
        ] {
            assert!(!passes(bad), "{bad:?}");
        }
    }
}
