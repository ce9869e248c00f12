//! Who looks at a page: language, session, the token of forms, and how a page is answered.
//! Beside the faces, since two of them show pages. Must not know what any page says.

use axum::{
    extract::{FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode, Uri,
    header::{
        ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, RETRY_AFTER, SET_COOKIE, USER_AGENT,
        X_FRAME_OPTIONS,
    },
    request::Parts,
};
use maud::Markup;
use pantry_core::{
    Drive,
    auth::{Origin, SessionActor, SignedIn},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::{
    envelope::Failure,
    html::{self, Frame, Lang, error::ErrorView, lang::LANG_COOKIE},
    params::Params,
    request::{ClientAddress, Context, RequestId},
    state::AppState,
};

/// Everything but what RFC 3986, section 2.3 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const SESSION_COOKIE: &str = "pantry_session";
const FORM_COOKIE: &str = "pantry_form";
/// Seconds that a chosen language is remembered.
const LANG_SECONDS: i64 = 31_536_000;
/// What forms of pages are bound to, beside the session.
const PAGE: &str = "page";

/// Writes bytes as a value of a query.
pub fn encoded(bytes: &[u8]) -> String {
    percent_encode(bytes, RESERVED).to_string()
}

/// A browser, as far as a page must know it.
pub struct Visitor {
    /// The language to speak.
    pub lang: Lang,
    /// Path and query of the request.
    pub path_and_query: String,
    /// Who is signed in.
    pub session: Option<SessionActor>,
    /// Where it comes from.
    pub origin: Origin,
    request_id: RequestId,
    state: AppState,
    session_cookie: Option<String>,
    form_cookie: String,
    headers: HeaderMap,
    /// Cookies that every answer sets.
    cookies: Vec<HeaderValue>,
}

impl std::fmt::Debug for Visitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Visitor")
    }
}

fn header(headers: &HeaderMap, name: http::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(n, value)| (n == name).then_some(value))
}

/// The first language that we speak of those that an app thinks the person reads (OpenID Connect Core 1.0, section
/// 3.1.2.1), also on the way to signing in for it.
fn ui_locales(query: &Params) -> Option<Lang> {
    let spoken = |text: &str| text.split_ascii_whitespace().find_map(Lang::parse);
    if let Some(locales) = query.all("ui_locales").next() {
        return spoken(locales);
    }
    let next = query.all("next").next()?.split_once('?')?.1;
    Params::of_query(next).all("ui_locales").next().and_then(spoken)
}

fn is_secure(drive: &Drive) -> bool {
    drive.settings().server.public_url.starts_with("https://")
}

/// The name under which a cookie travels: over TLS only this very host may have set it.
fn cookie_name(drive: &Drive, name: &str) -> String {
    let prefix = if is_secure(drive) { "__Host-" } else { "" };
    format!("{prefix}{name}")
}

/// A cookie for the whole site that scripts do not see.
fn set_cookie(drive: &Drive, name: &str, value: &str, max_age: Option<i64>) -> Option<HeaderValue> {
    let secure = if is_secure(drive) { "; Secure" } else { "" };
    let max_age = max_age.map(|s| format!("; Max-Age={s}")).unwrap_or_default();
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{max_age}");
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let drive = state.drive();
        let headers = &parts.headers;
        let query = Params::of_query(parts.uri.query().unwrap_or_default());
        let asked_lang = query.all("lang").next().and_then(Lang::parse);
        let lang = Lang::negotiate(
            asked_lang.map(Lang::code),
            cookie(headers, LANG_COOKIE).or(ui_locales(&query).map(Lang::code)),
            header(headers, ACCEPT_LANGUAGE),
            Lang::default(),
        );
        let mut cookies = Vec::new();
        if let Some(lang) = asked_lang {
            cookies.extend(set_cookie(drive, LANG_COOKIE, lang.code(), Some(LANG_SECONDS)));
        }
        let form_name = cookie_name(drive, FORM_COOKIE);
        let sent = cookie(headers, &form_name).filter(|v| v.len() == 32 && v.bytes().all(|b| b.is_ascii_hexdigit()));
        let form_cookie = match sent {
            Some(value) => value.to_owned(),
            None => {
                let value = drive.new_form_cookie();
                cookies.extend(set_cookie(drive, &form_name, &value, None));
                value
            }
        };
        let session_cookie = cookie(headers, &cookie_name(drive, SESSION_COOKIE)).map(str::to_owned);
        let agent = header(headers, USER_AGENT).unwrap_or_default().to_owned();
        let path_and_query = parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
        let session = match &session_cookie {
            Some(value) => drive.session_of(value).await?,
            None => None,
        };
        let Ok(ClientAddress(address)) = ClientAddress::from_request_parts(parts, state).await;
        let Ok(context) = Context::from_request_parts(parts, state).await;
        if let Some(session) = &session {
            context.set_user(session.user);
        }
        Ok(Self {
            lang,
            path_and_query,
            session,
            origin: Origin::new(Some(address), &agent),
            request_id: context.id(),
            state: state.clone(),
            session_cookie,
            form_cookie,
            headers: parts.headers.clone(),
            cookies,
        })
    }
}

impl Visitor {
    /// The drive.
    pub fn drive(&self) -> &Drive {
        self.state.drive()
    }

    /// The value of the cookie of a session, as it came.
    pub fn session_cookie(&self) -> Option<&str> {
        self.session_cookie.as_deref()
    }

    /// The token of this page's forms: bound to the session, or without one to a cookie.
    pub fn csrf(&self) -> String {
        match &self.session {
            Some(session) => self.drive().form_token(session, PAGE),
            None => self.anonymous_csrf(),
        }
    }

    /// The token of forms that are the same for everybody: signing in, setting up.
    pub fn anonymous_csrf(&self) -> String {
        self.drive().anonymous_form_token(&self.form_cookie, PAGE)
    }

    /// Signs something for this browser alone, whoever signs in at it.
    pub fn bound_to_browser(&self, what: &str) -> String {
        self.drive().anonymous_form_token(&self.form_cookie, what)
    }

    /// What every page is told, for one who is signed in or not.
    pub fn frame<'a>(&'a self, path_and_query: &'a str, csrf: &'a str) -> Frame<'a> {
        Frame {
            lang: self.lang,
            path_and_query,
            user: self.session.as_ref().map(|s| s.name.as_str()),
            csrf,
        }
    }

    /// The same for pages of people who are not signed in (yet).
    pub fn anonymous_frame<'a>(&'a self, path_and_query: &'a str, csrf: &'a str) -> Frame<'a> {
        Frame {
            user: None,
            ..self.frame(path_and_query, csrf)
        }
    }

    /// Answers a page. `redirects` are the addresses that its form may end at.
    pub fn page(&self, status: StatusCode, page: Markup, redirects: &[&str]) -> Response {
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (CONTENT_SECURITY_POLICY, html::content_security_policy(redirects)),
            (X_FRAME_OPTIONS, "DENY".to_owned()),
        ];
        self.dress((status, headers, page.into_string()).into_response())
    }

    /// Answers a page that asks to wait.
    pub fn wait_page(&self, retry_after: i64, page: Markup) -> Response {
        let mut response = self.page(StatusCode::TOO_MANY_REQUESTS, page, &[]);
        let seconds = HeaderValue::from(retry_after.max(1));
        response.headers_mut().insert(RETRY_AFTER, seconds);
        response
    }

    /// Answers an error page.
    pub fn error(&self, failure: html::error::Failure, detail: Option<&str>) -> Response {
        let csrf = self.csrf();
        let frame = self.frame(html::paths::HOME, &csrf);
        let id = self.request_id.to_string();
        let view = ErrorView {
            failure,
            detail,
            request_id: &id,
        };
        let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.page(status, html::error::error(&frame, &view), &[])
    }

    /// Sends the browser on, by GET.
    pub fn see_other(&self, to: &str) -> Response {
        match HeaderValue::from_str(to) {
            Ok(location) => self.dress((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()),
            Err(_) => self.error(html::error::Failure::BadRequest, None),
        }
    }

    /// Sends the browser to sign in, and back.
    pub fn to_login(&self, next: &str) -> Response {
        self.see_other(&format!("{}?next={}", html::paths::LOGIN, encoded(next.as_bytes())))
    }

    /// Gives the browser its session.
    pub fn with_session(&self, mut response: Response, signed: &SignedIn) -> Response {
        let name = cookie_name(self.drive(), SESSION_COOKIE);
        if let Some(cookie) = set_cookie(self.drive(), &name, signed.cookie.expose(), Some(signed.max_age)) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    /// Takes the session from the browser.
    pub fn without_session(&self, mut response: Response) -> Response {
        let name = cookie_name(self.drive(), SESSION_COOKIE);
        if let Some(cookie) = set_cookie(self.drive(), &name, "", Some(0)) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    /// What another part of the site keeps with the browser, by the name of its cookie.
    pub fn kept(&self, name: &str) -> Option<&str> {
        cookie(&self.headers, name)
    }

    /// Keeps something with the browser for some seconds, for one path of the site alone; scripts do not see it.
    pub fn keep(&self, mut response: Response, name: &str, value: &str, path: &str, seconds: i64) -> Response {
        let secure = if is_secure(self.drive()) { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax{secure}; Max-Age={seconds}");
        if let Ok(mut cookie) = HeaderValue::from_str(&text) {
            cookie.set_sensitive(true);
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    fn dress(&self, mut response: Response) -> Response {
        for cookie in &self.cookies {
            response.headers_mut().append(SET_COOKIE, cookie.clone());
        }
        response
    }
}

/// The fields of a page's form: of the body alone, for an address may be logged on its way.
///
/// # Errors
/// As [`Params::read`].
pub async fn fields(mut request: Request) -> Result<Params, Failure> {
    *request.uri_mut() = Uri::from_static("/");
    Params::read(request).await
}

/// One field of a form, empty if it is missing or is no text.
pub fn field<'a>(params: &'a Params, name: &'a str) -> &'a str {
    params.all(name).next().unwrap_or_default()
}

/// An address to go on to, if it is a path of this server; `/` otherwise.
pub fn local(next: &str) -> &str {
    let plain = next.bytes().all(|b| matches!(b, 0x21..=0x7e) && b != b'\\');
    if plain && next.starts_with('/') && !next.starts_with("//") {
        next
    } else {
        html::paths::HOME
    }
}

/// Minutes to wait, rounded up.
pub fn minutes(seconds: i64) -> u64 {
    u64::try_from(seconds.max(1)).unwrap_or(1).div_ceil(60)
}

#[cfg(test)]
mod tests {
    //! Where one may be sent, and what a cookie header says.
    use super::*;

    #[test]
    fn nobody_is_sent_away_from_this_server() {
        for good in ["/", "/login", "/oauth/authorize?a=%2F%2Fevil&b=c"] {
            assert_eq!(local(good), good);
        }
        for bad in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\/evil",
            "/a\r\nb",
            "/a b",
            "/中",
            "javascript:alert(1)",
            "/\t/evil.example",
        ] {
            assert_eq!(local(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(
            COOKIE,
            HeaderValue::from_static("xpantry_session=1; pantry_session=2;a=b"),
        );
        headers.append(COOKIE, HeaderValue::from_static("c=d=e"));
        assert_eq!(cookie(&headers, SESSION_COOKIE), Some("2"));
        assert_eq!(cookie(&headers, "c"), Some("d=e"));
        assert_eq!(cookie(&headers, "b"), None);
    }

    #[test]
    fn values_of_a_query_are_encoded_byte_for_byte() {
        assert_eq!(encoded(b"a-._~ /?&=+\xff"), "a-._~%20%2F%3F%26%3D%2B%FF");
        assert_eq!((minutes(0), minutes(60), minutes(61)), (1, 1, 2));
    }
}
