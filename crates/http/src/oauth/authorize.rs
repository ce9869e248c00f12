//! `/oauth/authorize` (RFC 6749, section 3.1): the consent page and its answer.
//! The page's form carries the whole request, signed for the session that it was shown to.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri};
use pantry_core::{
    Drive, Error,
    access::APPS_FOLDER,
    auth::{App, Asked, AuthorizeError, AuthorizeRequest, Consent, OAuthCode, OAuthError, Prompt, SessionActor, Term},
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

/// Says on the way back from signing in when that was asked for, so that it is asked once. Signed for this browser and
/// this request: an app that could write it would have the person taken for one who just showed a password.
const ASKED_AT: &str = "signed_in_since";
/// Seconds for which that counts as just now.
const JUST: i64 = 900;

/// An authorization request as it came, for what only this face needs.
struct Came {
    /// The query of the address, untouched: what leads back here.
    outer: String,
    /// The request: that query, or the one that the app pushed before.
    query: String,
    request: AuthorizeRequest,
    /// Percent-encoded anew, byte for byte the same; `None` if it was not sent.
    state: Option<String>,
    /// An `id_token` of whom the app takes the person for.
    hint: Option<String>,
    /// When the person was last sent to sign in for this request, Unix seconds.
    asked_at: Option<i64>,
    /// The address of a pushed request.
    pushed: Option<String>,
}

impl Came {
    /// Reads a request, one that was pushed included.
    async fn read(visitor: &Visitor, outer: &str) -> Result<Self, Response> {
        let params = Params::of_query(outer);
        let single = |name| {
            let mut all = params.all(name);
            all.next().filter(|_| all.next().is_none())
        };
        let Some(uri) = single("request_uri").filter(|uri| Drive::is_pushed(uri)) else {
            return Ok(Self::of(outer, outer).with_mark(visitor));
        };
        let found = visitor
            .drive()
            .pushed_request(single("client_id").unwrap_or_default(), uri)
            .await;
        match found {
            Ok(Some(query)) => Ok(Self {
                pushed: Some(uri.to_owned()),
                ..Self::of(outer, &query).with_mark(visitor)
            }),
            Ok(None) => Err(visitor.error(Page::BadRequest, Some("request_uri"))),
            Err(e) => Err(Failure::from(e).into_response()),
        }
    }

    fn of(outer: &str, query: &str) -> Self {
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
            max_age: take("max_age"),
            resource: Vec::new(),
            request: take("request"),
            request_uri: take("request_uri"),
            registration: take("registration"),
            repeated: Vec::new(),
        };
        let hint = take("id_token_hint");
        // The one parameter that may come several times (RFC 8707, section 2).
        let resource = params.all("resource").map(str::to_owned).collect();
        let mut states = raw_values(query, "state");
        let state = states.next().map(|bytes| encoded(&bytes));
        let ambiguous = states.next().is_some();
        drop(states);
        if ambiguous {
            repeated.push("state".to_owned());
        }
        Self {
            request: AuthorizeRequest {
                repeated,
                resource,
                ..request
            },
            state: state.filter(|_| !ambiguous),
            hint,
            asked_at: None,
            pushed: None,
            outer: outer.to_owned(),
            query: query.to_owned(),
        }
    }

    fn path_and_query(&self) -> String {
        format!("{}?{}", paths::AUTHORIZE, self.outer)
    }

    /// Sends the person to sign in and back. Where the app wants a fresh sign-in, the way back says since when.
    fn to_login(&self, visitor: &Visitor) -> Response {
        if self.request.prompt.is_none() && self.request.max_age.is_none() && self.hint.is_none() {
            return visitor.to_login(&self.path_and_query());
        }
        let (outer, now) = (without_mark(&self.outer), visitor.drive().now());
        let mark = self.mark(visitor, now);
        visitor.to_login(&format!("{}?{outer}&{ASKED_AT}={now}.{mark}", paths::AUTHORIZE))
    }

    /// Signs that the person was sent to sign in for this request.
    fn mark(&self, visitor: &Visitor, at: i64) -> String {
        let asked = without_mark(&self.query);
        visitor.bound_to_browser(&format!("sent to sign in\n{at}\n{asked}"))
    }

    /// Reads when this browser was last sent to sign in for this very request.
    fn with_mark(mut self, visitor: &Visitor) -> Self {
        let sent = raw_values(&self.outer, ASKED_AT).next();
        let sent = sent.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        if let Some((at, mark)) = sent.split_once('.')
            && let Ok(at) = at.parse()
            && Drive::is_form_token(&self.mark(visitor, at), mark)
        {
            self.asked_at = Some(at);
        }
        self
    }

    /// Whether the person must sign in, anew or as somebody else, before they are asked.
    async fn needs_sign_in(&self, drive: &Drive, session: &SessionActor, asked: &Asked) -> Result<bool, Error> {
        let now = drive.now();
        if asked.needs_sign_in(session, now, self.asked_at) {
            return Ok(true);
        }
        // Somebody who was just asked to sign in, and came back as they were, means to be that.
        let was_asked = self.asked_at.is_some_and(|at| now - at < JUST);
        Ok(!was_asked && self.means_another(drive, session, asked).await?)
    }

    /// Whether the app takes the person for somebody else than who is signed in.
    async fn means_another(&self, drive: &Drive, session: &SessionActor, asked: &Asked) -> Result<bool, Error> {
        match &self.hint {
            Some(hint) => drive.hints_at_another(hint, &asked.app.client_id, session).await,
            None => Ok(false),
        }
    }

    /// A pushed request works once.
    async fn answered(&self, drive: &Drive) -> Result<(), Error> {
        match &self.pushed {
            Some(uri) => drive.forget_pushed(uri).await,
            None => Ok(()),
        }
    }

    /// The way back to the app: its address with the answer, `state` and `iss` (RFC 9207).
    fn back(&self, drive: &Drive, redirect_uri: &str, answer: &[(&str, &str)]) -> String {
        let issuer = drive.issuer();
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

/// The request that a query makes, for what is checked before a person is sent.
pub(super) fn request(query: &str) -> AuthorizeRequest {
    Came::of(query, query).request
}

/// A request without what this server adds to it.
fn without_mark(outer: &str) -> String {
    let kept = outer.split('&').filter(|pair| name_of(pair) != ASKED_AT.as_bytes());
    kept.collect::<Vec<_>>().join("&")
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

/// What a form of consent says: the scopes that were ticked, where what is none is not one, and for how long.
/// `None`: a time that is not one of the page's.
pub(super) fn consent_of(params: &Params) -> Option<Consent> {
    let term = match params.all("term").next() {
        None => Term::default(),
        Some(text) => Term::parse(text)?,
    };
    let ticked: Scopes = params.all("scope").filter_map(|s| Scope::parse(s).ok()).collect();
    Some(Consent { ticked, term })
}

fn ask(
    visitor: &Visitor,
    came: &Came,
    session: &SessionActor,
    asked: &Asked,
    term: Term,
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
        hidden: &[("request", &came.outer), ("check", &check)],
        term,
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
pub(super) async fn show(visitor: Visitor, uri: Uri) -> Result<Response, Failure> {
    let outer = uri.query().unwrap_or_default();
    if raw_values(outer, "client_secret").next().is_some() {
        return Ok(visitor.error(Page::BadRequest, Some("client_secret")));
    }
    let came = match Came::read(&visitor, outer).await {
        Ok(came) => came,
        Err(response) => return Ok(response),
    };
    let drive = visitor.drive();
    let asked = match drive.check_authorization(&came.request).await {
        Ok(asked) => asked,
        Err(e) => return Ok(came.failed(&visitor, e)),
    };
    if asked.prompt == Prompt::None {
        return without_page(&visitor, &came, &asked).await;
    }
    let Some(session) = &visitor.session else {
        return Ok(came.to_login(&visitor));
    };
    if came.needs_sign_in(drive, session, &asked).await? {
        return Ok(came.to_login(&visitor));
    }
    Ok(ask(&visitor, &came, session, &asked, Term::default(), None))
}

/// `prompt=none`: an answer at once, from what the person did before (OpenID Connect Core 1.0, section 3.1.2.1).
async fn without_page(visitor: &Visitor, came: &Came, asked: &Asked) -> Result<Response, Failure> {
    let drive = visitor.drive();
    let login = |why| Ok(came.refuse(visitor, &asked.redirect_uri, OAuthCode::LoginRequired, why));
    let Some(session) = &visitor.session else {
        return login("nobody is signed in");
    };
    if asked.needs_sign_in(session, drive.now(), None) {
        return login("the person signed in longer ago than max_age");
    }
    if came.means_another(drive, session, asked).await? {
        return login("somebody else is signed in, or id_token_hint cannot be read");
    }
    match drive.approve_silently(session, asked, &visitor.origin).await {
        Ok(code) => {
            came.answered(drive).await?;
            let back = came.back(drive, &asked.redirect_uri, &[("code", code.expose())]);
            Ok(visitor.see_other(&back))
        }
        Err(OAuthError::Refused { code, description }) => {
            Ok(came.refuse(visitor, &asked.redirect_uri, code, &description))
        }
        Err(OAuthError::Drive(e)) => Err(e.into()),
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
    let came = match Came::read(&visitor, field(&form, "request")).await {
        Ok(came) => came,
        Err(response) => return Ok(response),
    };
    let drive = visitor.drive();
    let asked = match drive.check_authorization(&came.request).await {
        Ok(asked) => asked,
        Err(e) => return Ok(came.failed(&visitor, e)),
    };
    let Some(session) = &visitor.session else {
        return Ok(came.to_login(&visitor));
    };
    let right = Drive::is_form_token(&visitor.csrf(), field(&form, "csrf"))
        && Drive::is_form_token(&came.check(drive, session, &asked), field(&form, "check"));
    let Some(consent) = consent_of(&form).filter(|_| right) else {
        // The page that follows has a form of its own, so whoever gets it must be let to it as by GET.
        if asked.prompt == Prompt::None {
            return Ok(visitor.see_other(&came.path_and_query()));
        }
        if came.needs_sign_in(drive, session, &asked).await? {
            return Ok(came.to_login(&visitor));
        }
        let problem = Some(ConsentProblem::FormExpired);
        return Ok(ask(&visitor, &came, session, &asked, Term::default(), problem));
    };
    // Anything but a clear yes is a no.
    if field(&form, "decision") != "allow" {
        came.answered(drive).await?;
        let why = "the person refused";
        return Ok(came.refuse(&visitor, &asked.redirect_uri, OAuthCode::AccessDenied, why));
    }
    match drive.approve(session, &asked, consent, &visitor.origin).await? {
        Some(code) => {
            came.answered(drive).await?;
            let back = came.back(drive, &asked.redirect_uri, &[("code", code.expose())]);
            Ok(visitor.see_other(&back))
        }
        None => {
            let problem = Some(ConsentProblem::Nothing);
            Ok(ask(&visitor, &came, session, &asked, consent.term, problem))
        }
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
            assert_eq!(Came::of(sent, sent).state.as_deref(), kept, "{sent}");
        }
    }

    #[test]
    fn repeated_parameters_are_named_and_empty_ones_are_none() {
        let sent = "client_id=1&client_id=1&scope=&state=a&state=b&nonce=%FF&resource=a&resource=b";
        let came = Came::of(&format!("{sent}&signed_in_since=7.x"), sent);
        assert_eq!(came.request.repeated, ["client_id", "state"]);
        assert_eq!(came.request.scope, None);
        assert_eq!(came.request.nonce.as_deref(), Some("\u{fffd}"));
        assert_eq!((came.request.resource.len(), came.asked_at), (2, None));
        assert_eq!(
            without_mark(&format!("signed_in_since=1&{}&%73igned_in_since=7.x", came.query)),
            sent
        );
    }
}
