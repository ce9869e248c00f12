//! `/oauth/authorize` (RFC 6749, section 3.1): the consent page and its answer.
//! The page's form carries the whole request, signed for the session that it was shown to.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri};
use pantry_core::{
    Drive,
    access::APPS_FOLDER,
    auth::{App, Asked, AuthorizeError, AuthorizeRequest, OAuthCode, Prompt, SessionActor},
};
use pantry_types::{Scope, Scopes};
use percent_encoding::percent_decode;
use url::{Host, Url};

use crate::{
    envelope::Failure,
    html::{
        AppView,
        consent::{ConsentProblem, ConsentView, ReturnTo, consent},
        error::Failure as Page,
        paths,
    },
    params::Params,
    visitor::{Visitor, encoded, field, fields},
};

/// An authorization request as it came, for what only this face needs.
struct Came<'a> {
    /// The query, untouched: what signs, and what leads back here.
    query: &'a str,
    request: AuthorizeRequest,
    /// Percent-encoded anew, byte for byte the same; `None` if it was not sent.
    state: Option<String>,
}

impl<'a> Came<'a> {
    fn read(query: &'a str) -> Self {
        let params = Params::of_query(query);
        let mut repeated = Vec::new();
        let mut take = |name: &'static str| {
            if params.all(name).count() > 1 {
                repeated.push(name.to_owned());
            }
            // What is no UTF-8 is no legal value of any of them.
            let text = params.opt_text(name).map(|t| t.map(str::to_owned));
            text.unwrap_or_else(|_| Some("\u{fffd}".to_owned()))
                .filter(|t| !t.is_empty())
        };
        let request = AuthorizeRequest {
            client_id: take("client_id"),
            redirect_uri: take("redirect_uri"),
            response_type: take("response_type"),
            response_mode: take("response_mode"),
            scope: take("scope"),
            code_challenge: take("code_challenge"),
            code_challenge_method: take("code_challenge_method"),
            nonce: take("nonce"),
            prompt: take("prompt"),
            repeated: Vec::new(),
        };
        let mut states = raw_values(query, "state");
        let state = states.next().map(|bytes| encoded(&bytes));
        let ambiguous = states.next().is_some();
        drop(states);
        if ambiguous {
            repeated.push("state".to_owned());
        }
        Self {
            query,
            request: AuthorizeRequest { repeated, ..request },
            state: state.filter(|_| !ambiguous),
        }
    }

    fn path_and_query(&self) -> String {
        format!("{}?{}", paths::AUTHORIZE, self.query)
    }

    /// The same without `prompt`, for the way back from signing in.
    fn without_prompt(&self) -> String {
        let kept = self.query.split('&').filter(|pair| name_of(pair) != b"prompt");
        format!("{}?{}", paths::AUTHORIZE, kept.collect::<Vec<_>>().join("&"))
    }

    /// The way back to the app: its address with the answer, `state` and `iss` (RFC 9207).
    fn back(&self, drive: &Drive, redirect_uri: &str, answer: &[(&str, &str)]) -> String {
        let issuer = drive.settings().server.public_url.trim_end_matches('/');
        let mut to = redirect_uri.to_owned();
        let mut add = |name: &str, value: &str| {
            to.push(if to.contains('?') { '&' } else { '?' });
            to.push_str(name);
            to.push('=');
            to.push_str(value);
        };
        for (name, value) in answer {
            add(name, &encoded(value.as_bytes()));
        }
        if let Some(state) = &self.state {
            add("state", state);
        }
        add("iss", &encoded(issuer.as_bytes()));
        to
    }

    fn refuse(&self, visitor: &Visitor, redirect_uri: &str, code: OAuthCode, description: &str) -> Response {
        let answer = [("error", code.as_str()), ("error_description", description)];
        visitor.see_other(&self.back(visitor.drive(), redirect_uri, &answer))
    }

    fn failed(&self, visitor: &Visitor, e: AuthorizeError) -> Response {
        match e {
            AuthorizeError::UnknownClient(id) => visitor.error(Page::UnknownClient, Some(&format!("client_id={id}"))),
            AuthorizeError::WrongRedirect(uri) => {
                visitor.error(Page::WrongRedirect, Some(&format!("redirect_uri={uri}")))
            }
            AuthorizeError::Repeated(name) => visitor.error(Page::BadRequest, Some(name)),
            AuthorizeError::Redirect {
                redirect_uri,
                code,
                description,
            } => self.refuse(visitor, &redirect_uri, code, &description),
            AuthorizeError::Drive(e) => Failure::from(e).into_response(),
        }
    }

    /// What the consent form must bring back unchanged, for this session.
    fn check(&self, drive: &Drive, session: &SessionActor, asked: &Asked) -> String {
        let what = format!("consent\n{}\n{}", asked.fingerprint(), self.query);
        drive.form_token(session, &what)
    }
}

fn name_of(pair: &str) -> Vec<u8> {
    decoded(pair.split('=').next().unwrap_or_default())
}

fn decoded(text: &str) -> Vec<u8> {
    percent_decode(text.replace('+', " ").as_bytes()).collect()
}

/// Every value of a name, as bytes: a client's `state` need not be text.
fn raw_values<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = Vec<u8>> + 'a {
    query
        .split('&')
        .filter(move |pair| name_of(pair) == name.as_bytes())
        .map(|pair| decoded(pair.split_once('=').map_or("", |(_, value)| value)))
}

/// An app as pages tell of it.
pub(super) fn app_view<'a>(app: &'a App, owner: &'a str) -> AppView<'a> {
    AppView {
        name: &app.name,
        owner,
        home_host: None,
    }
}

/// Full path of an app's folder.
pub(super) fn sandbox(app: &App) -> String {
    format!("/{APPS_FOLDER}/{}/", app.name)
}

/// The scopes that were ticked; what is none is not one.
pub(super) fn ticked(params: &Params) -> Scopes {
    params.all("scope").filter_map(|s| Scope::parse(s).ok()).collect()
}

fn ask(
    visitor: &Visitor,
    came: &Came<'_>,
    session: &SessionActor,
    asked: &Asked,
    problem: Option<ConsentProblem>,
) -> Response {
    let url = Url::parse(&asked.redirect_uri).ok();
    let host = url.as_ref().and_then(Url::host);
    let this_computer = match &host {
        Some(Host::Ipv4(a)) => a.is_loopback(),
        Some(Host::Ipv6(a)) => a.is_loopback(),
        Some(Host::Domain(name)) => *name == "localhost",
        None => false,
    };
    let scheme = asked.redirect_uri.split(':').next().unwrap_or_default();
    let return_to = match (scheme, url.as_ref().and_then(Url::host_str)) {
        ("http" | "https", Some(_)) if this_computer => ReturnTo::ThisComputer,
        ("http" | "https", Some(host)) => ReturnTo::Site(host),
        _ => ReturnTo::App(scheme),
    };
    let csrf = visitor.csrf();
    let check = came.check(visitor.drive(), session, asked);
    let here = came.path_and_query();
    let scopes: Vec<Scope> = asked.scopes.iter().collect();
    let view = ConsentView {
        app: app_view(&asked.app, &asked.owner),
        scopes: &scopes,
        sandbox: &sandbox(&asked.app),
        return_to,
        action: paths::AUTHORIZE,
        hidden: &[("request", came.query), ("check", &check)],
        problem,
    };
    let status = match problem {
        None => StatusCode::OK,
        Some(ConsentProblem::FormExpired) => StatusCode::FORBIDDEN,
        Some(ConsentProblem::Nothing) => StatusCode::BAD_REQUEST,
    };
    let page = consent(&visitor.frame(&here, &csrf), &view);
    visitor.page(status, page, &[&asked.redirect_uri])
}

/// Asks for consent, or to sign in first.
pub(super) async fn show(visitor: Visitor, uri: Uri) -> Response {
    let came = Came::read(uri.query().unwrap_or_default());
    if raw_values(came.query, "client_secret").next().is_some() {
        return visitor.error(Page::BadRequest, Some("client_secret"));
    }
    let asked = match visitor.drive().check_authorization(&came.request).await {
        Ok(asked) => asked,
        Err(e) => return came.failed(&visitor, e),
    };
    let refuse = |code, why| came.refuse(&visitor, &asked.redirect_uri, code, why);
    match (&visitor.session, asked.prompt) {
        (None, Prompt::None) => refuse(OAuthCode::LoginRequired, "nobody is signed in"),
        (Some(_), Prompt::None) => refuse(OAuthCode::ConsentRequired, "the person must be asked"),
        (_, Prompt::Login) | (None, Prompt::Usual) => visitor.to_login(&came.without_prompt()),
        (Some(session), Prompt::Usual) => ask(&visitor, &came, session, &asked, None),
    }
}

/// Takes the person's answer. A request that was posted by the app itself is asked like one by GET.
pub(super) async fn answer(visitor: Visitor, request: Request) -> Result<Response, Failure> {
    let form = fields(request).await?;
    if form.all("request").next().is_none() {
        let pairs = form
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name.as_bytes()), encoded(value.as_bytes())));
        let query = pairs.collect::<Vec<_>>().join("&");
        return Ok(visitor.see_other(&format!("{}?{query}", paths::AUTHORIZE)));
    }
    let came = Came::read(field(&form, "request"));
    let drive = visitor.drive();
    let asked = match drive.check_authorization(&came.request).await {
        Ok(asked) => asked,
        Err(e) => return Ok(came.failed(&visitor, e)),
    };
    let Some(session) = &visitor.session else {
        return Ok(visitor.to_login(&came.without_prompt()));
    };
    let right = Drive::is_form_token(&visitor.csrf(), field(&form, "csrf"))
        && Drive::is_form_token(&came.check(drive, session, &asked), field(&form, "check"));
    if !right {
        return Ok(ask(&visitor, &came, session, &asked, Some(ConsentProblem::FormExpired)));
    }
    // Anything but a clear yes is a no.
    if field(&form, "decision") != "allow" {
        let why = "the person refused";
        return Ok(came.refuse(&visitor, &asked.redirect_uri, OAuthCode::AccessDenied, why));
    }
    match drive.approve(session, &asked, ticked(&form), &visitor.origin).await? {
        Some(code) => {
            let back = came.back(drive, &asked.redirect_uri, &[("code", code.expose())]);
            Ok(visitor.see_other(&back))
        }
        None => Ok(ask(&visitor, &came, session, &asked, Some(ConsentProblem::Nothing))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_kept_byte_for_byte() {
        for (sent, kept) in [
            ("state=a%2Fb", Some("a%2Fb")),
            ("state=a+b%20c%2B", Some("a%20b%20c%2B")),
            ("x=1&%73tate=%FF%00%0d%0A", Some("%FF%00%0D%0A")),
            ("state=", Some("")),
            ("x=1", None),
            ("state=1&state=1", None),
        ] {
            assert_eq!(Came::read(sent).state.as_deref(), kept, "{sent}");
        }
    }

    #[test]
    fn repeated_parameters_are_named_and_empty_ones_are_none() {
        let came = Came::read("client_id=1&client_id=1&scope=&state=a&state=b&nonce=%FF&prompt=login");
        assert_eq!(came.request.repeated, ["client_id", "state"]);
        assert_eq!(came.request.scope, None);
        assert_eq!(came.request.nonce.as_deref(), Some("\u{fffd}"));
        assert!(came.without_prompt().ends_with("&nonce=%FF"));
    }
}
