//! The authorization endpoint's rules (RFC 6749, section 4.1.1; RFC 7636): what a request asks, and what
//! consent makes of it. Must not know redirects or pages, but for which of the two an error may be.

use pantry_db::{Outcome, Tx, audit, codes, dialect, grants, users};
use pantry_types::{Scopes, SecretKind, SecretText, secret, shown};

use super::{
    App, OAuthCode, OAuthError, Origin, SessionActor,
    apps::asked,
    exchange::is_challenge,
    grant::{self, Given, entry},
    hash, redirect,
    term::{self, Consent, told},
};
use crate::{Drive, Error};

/// Longest `nonce` that is kept, in bytes.
const NONCE: usize = 1024;
/// Seconds for which being asked to sign in anew is remembered.
const ASKED: i64 = 900;
/// Seconds that the clocks of two nodes may be apart.
const SKEW: i64 = 5;

/// An authorization request; a parameter without a value is `None`. `state` is the face's alone.
#[derive(Debug, Clone, Default)]
pub struct AuthorizeRequest {
    /// The app.
    pub client_id: Option<String>,
    /// Where the answer goes.
    pub redirect_uri: Option<String>,
    /// `code`.
    pub response_type: Option<String>,
    /// `query`, or nothing.
    pub response_mode: Option<String>,
    /// Scopes with spaces between them.
    pub scope: Option<String>,
    /// PKCE.
    pub code_challenge: Option<String>,
    /// PKCE: `S256`.
    pub code_challenge_method: Option<String>,
    /// OpenID Connect.
    pub nonce: Option<String>,
    /// OpenID Connect: `none`, `login`, `consent`, `select_account`.
    pub prompt: Option<String>,
    /// OpenID Connect: the oldest sign-in that does, in seconds.
    pub max_age: Option<String>,
    /// What the token is for (RFC 8707); may be several.
    pub resource: Vec<String>,
    /// OpenID Connect: a request as a signed object, which is not understood.
    pub request: Option<String>,
    /// OpenID Connect: a request elsewhere, which is not fetched.
    pub request_uri: Option<String>,
    /// OpenID Connect: a registration beside the request, which there is not.
    pub registration: Option<String>,
    /// Names of parameters that were sent more than once.
    pub repeated: Vec<String>,
}

/// Which pages a request wants or refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// Whatever is needed.
    Usual,
    /// None at all.
    None,
    /// Signing in anew.
    Login,
}

/// A request that may be shown to a person.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Asked {
    /// Who asks.
    pub app: App,
    /// Login name of the app's owner.
    pub owner: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What is asked for.
    pub scopes: Scopes,
    /// Which pages are wanted.
    pub prompt: Prompt,
    /// The oldest sign-in that does, in seconds.
    pub max_age: Option<i64>,
    challenge: String,
    nonce: String,
}

impl Asked {
    /// Everything that consent is given to, as one text: what a form must bring back unchanged.
    pub fn fingerprint(&self) -> String {
        [
            self.app.client_id.as_str(),
            &self.redirect_uri,
            &self.scopes.to_string(),
            &self.challenge,
            &self.nonce,
        ]
        .map(|s| format!("{} {s}\n", s.len()))
        .concat()
    }

    /// Whether the person must show a password before consenting. `asked_at` is when they were last sent to do so
    /// for this very request: a sign-in since then does, however long the way back took.
    pub fn needs_sign_in(&self, session: &SessionActor, now: i64, asked_at: Option<i64>) -> bool {
        if let Some(asked) = asked_at
            && (now - ASKED..=now + SKEW).contains(&asked)
            && session.auth_time + SKEW >= asked
        {
            return false;
        }
        let too_old = |max: i64| max == 0 || now - session.auth_time > max;
        self.prompt == Prompt::Login || self.max_age.is_some_and(too_old)
    }

    /// Whether a code may go out without a page. A public client on an address that any program can take must be
    /// looked at by the person each time (RFC 8252, section 8.6).
    fn may_be_silent(&self) -> bool {
        !self.app.public || self.redirect_uri.starts_with("https://")
    }
}

/// Why a request gets no page of consent.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// No such app: never a redirect.
    #[error("there is no app {}", shown(.0))]
    UnknownClient(String),
    /// Not one of the app's addresses: never a redirect.
    #[error("{} is not registered for this app", shown(.0))]
    WrongRedirect(String),
    /// `client_id` or `redirect_uri` was sent twice: never a redirect.
    #[error("the parameter {0} was sent more than once")]
    Repeated(&'static str),
    /// Told to the app, by redirect.
    #[error("{description}")]
    Redirect {
        /// Where to.
        redirect_uri: String,
        /// Which error it is.
        code: OAuthCode,
        /// What was wrong.
        description: String,
    },
    /// The drive could not serve it.
    #[error(transparent)]
    Drive(#[from] Error),
}

struct Approve {
    session: SessionActor,
    client_id: String,
    redirect_uri: String,
    scopes: Scopes,
    /// When consent ends, 0 for never.
    ends_at: i64,
    challenge: String,
    nonce: String,
    hash: [u8; 32],
    now: i64,
    expires_at: i64,
    origin: Origin,
}

async fn approve_tx(tx: &mut Tx<'_>, a: &Approve) -> Outcome<(), Error> {
    approve_rows(tx, a).await.into()
}

async fn approve_rows(tx: &mut Tx<'_>, a: &Approve) -> Result<(), Error> {
    let given = grant::give(tx, a.session.user, &a.client_id, a.scopes, a.ends_at, a.now).await?;
    make_code(tx, a, given).await?;
    let mut entry = entry(a.now, given.user, &a.client_id, "grant_given", &a.origin);
    entry.detail = told(a.scopes, a.ends_at);
    audit::append(tx, &entry).await?;
    Ok(())
}

async fn silent_tx(tx: &mut Tx<'_>, a: &Approve) -> Outcome<bool, Error> {
    silent_rows(tx, a).await.into()
}

/// A code on the strength of a consent that stands. Changes nothing about it.
async fn silent_rows(tx: &mut Tx<'_>, a: &Approve) -> Result<bool, Error> {
    users::lock(tx, a.session.user).await?;
    let found = grants::of_client(tx, a.session.user, &a.client_id).await?;
    // What was consented to for a time is asked for anew: a code without a page would outlive it.
    let Some(grant) = found.filter(|g| g.is_live(a.now) && a.scopes.is_subset(g.lasting)) else {
        return Ok(false);
    };
    let given = Given {
        user: grant.user,
        grant: grant.id,
        epoch: grant.epoch,
    };
    if !grant::stands(tx, given, a.now).await? {
        return Ok(false);
    }
    make_code(tx, a, given).await?;
    let mut entry = entry(a.now, given.user, &a.client_id, "signed_in_to_app", &a.origin);
    entry.detail = a.scopes.to_string();
    audit::append(tx, &entry).await?;
    Ok(true)
}

async fn make_code(tx: &mut Tx<'_>, a: &Approve, given: Given) -> Result<(), Error> {
    let family = dialect::next_id(tx).await?;
    term::limit(tx, given, family, a.scopes, a.ends_at).await?;
    let code = codes::Code {
        hash: a.hash.to_vec(),
        family,
        user: given.user,
        grant: given.grant,
        epoch: given.epoch,
        client_id: a.client_id.clone(),
        redirect_uri: a.redirect_uri.clone(),
        scopes: a.scopes,
        challenge: a.challenge.clone(),
        nonce: a.nonce.clone(),
        auth_time: a.session.auth_time,
        created_at: a.now,
        expires_at: a.expires_at,
        used_at: 0,
    };
    codes::insert(tx, &code).await?;
    Ok(())
}

/// What consent covers: everything harmless that was asked for, and of the sensitive what was ticked.
pub(super) fn consented(asked: Scopes, ticked: Scopes) -> Scopes {
    asked
        .iter()
        .filter(|s| !s.is_sensitive() || ticked.contains(*s))
        .collect()
}

/// Whether challenge and method are well-formed (RFC 7636, section 4.3); the challenge, empty without one.
pub(super) fn pkce(challenge: Option<&str>, method: Option<&str>) -> Result<String, OAuthError> {
    let bad = |why: &'static str| Err(OAuthError::refused(OAuthCode::InvalidRequest, why));
    match (challenge, method) {
        (None, None) => Ok(String::new()),
        (None, Some(_)) => bad("code_challenge is missing beside code_challenge_method"),
        (Some(c), Some("S256")) if is_challenge(c) => Ok(c.to_owned()),
        (Some(_), Some("S256")) => {
            bad("code_challenge must be the base64url of a SHA-256, 43 characters without padding")
        }
        (Some(_), _) => bad("code_challenge_method must be S256"),
    }
}

/// What `prompt` asks for (OpenID Connect Core 1.0, section 3.1.2.1). Consent is asked for in any case but `none`, and
/// an account is chosen by signing in to it.
fn prompt(text: &str) -> Result<Prompt, &'static str> {
    let wanted: Vec<&str> = text.split_ascii_whitespace().collect();
    let known = ["none", "login", "consent", "select_account"];
    if wanted.iter().any(|w| !known.contains(w)) {
        return Err("prompt must be none, login, consent or select_account");
    }
    if wanted.contains(&"none") {
        return if wanted.len() == 1 {
            Ok(Prompt::None)
        } else {
            Err("prompt=none stands alone")
        };
    }
    let anew = wanted.contains(&"login") || wanted.contains(&"select_account");
    Ok(if anew { Prompt::Login } else { Prompt::Usual })
}

impl Drive {
    /// Checks an authorization request, in an order in which nobody is redirected to an address that is not the app's.
    ///
    /// # Errors
    /// [`AuthorizeError`].
    pub async fn check_authorization(&self, r: &AuthorizeRequest) -> Result<Asked, AuthorizeError> {
        let repeated = |name: &str| r.repeated.iter().any(|n| n == name);
        for name in ["client_id", "redirect_uri"] {
            if repeated(name) {
                return Err(AuthorizeError::Repeated(name));
            }
        }
        let client_id = r.client_id.clone().unwrap_or_default();
        let Some((app, owner)) = self.app_and_owner(&client_id).await? else {
            return Err(AuthorizeError::UnknownClient(client_id));
        };
        let redirect_uri = match (&r.redirect_uri, &app.redirect_uris[..]) {
            (Some(sent), registered) if registered.iter().any(|u| redirect::matches(u, sent)) => sent.clone(),
            (Some(sent), _) => return Err(AuthorizeError::WrongRedirect(sent.clone())),
            (None, [only]) => only.clone(),
            (None, _) => return Err(AuthorizeError::WrongRedirect(String::new())),
        };
        let to_app = |code: OAuthCode, description: String| AuthorizeError::Redirect {
            redirect_uri: redirect_uri.clone(),
            code,
            description,
        };
        let told = |e: OAuthError| match e {
            OAuthError::Refused { code, description } => to_app(code, description.into_owned()),
            OAuthError::Drive(e) => AuthorizeError::Drive(e),
        };
        let wrong = |text: &str| told(OAuthError::refused(OAuthCode::InvalidRequest, text.to_owned()));
        if let Some(name) = r.repeated.first() {
            return Err(wrong(&format!("the parameter {name} was sent more than once")));
        }
        let unsupported = [
            (
                &r.request,
                OAuthCode::RequestNotSupported,
                "request is not supported; send the parameters themselves",
            ),
            (
                &r.request_uri,
                OAuthCode::RequestUriNotSupported,
                "request_uri is only for requests that were pushed to /oauth/par",
            ),
            (
                &r.registration,
                OAuthCode::RegistrationNotSupported,
                "registration is not supported; register the app first",
            ),
        ];
        for (sent, code, why) in unsupported {
            if sent.is_some() {
                return Err(told(OAuthError::refused(code, why)));
            }
        }
        match r.response_type.as_deref() {
            Some("code") => {}
            None => return Err(wrong("response_type is missing; send code")),
            Some(_) => {
                return Err(told(OAuthError::refused(
                    OAuthCode::UnsupportedResponseType,
                    "response_type must be code",
                )));
            }
        }
        if r.response_mode.as_deref().is_some_and(|m| m != "query") {
            return Err(wrong("response_mode must be query"));
        }
        let scopes = asked(&app, r.scope.as_deref()).map_err(told)?;
        let challenge = pkce(r.code_challenge.as_deref(), r.code_challenge_method.as_deref()).map_err(told)?;
        if app.public && challenge.is_empty() {
            return Err(wrong("code_challenge is missing; a public client must use PKCE"));
        }
        let nonce = r.nonce.clone().unwrap_or_default();
        if nonce.len() > NONCE {
            return Err(wrong("nonce is longer than 1024 bytes"));
        }
        for resource in &r.resource {
            self.check_resource(resource).map_err(told)?;
        }
        let prompt = prompt(r.prompt.as_deref().unwrap_or_default()).map_err(wrong)?;
        let max_age = match r.max_age.as_deref().map(str::parse::<u32>) {
            None => None,
            Some(Ok(seconds)) => Some(i64::from(seconds)),
            Some(Err(_)) => return Err(wrong("max_age must be a number of seconds")),
        };
        Ok(Asked {
            app,
            owner,
            redirect_uri,
            scopes,
            prompt,
            max_age,
            challenge,
            nonce,
        })
    }

    /// Writes the person's consent, with the sensitive scopes that were ticked and for the time chosen, and makes the code.
    /// `None`: nothing is left to consent to.
    ///
    /// # Errors
    /// The row store's; what keeps the app's folder from being made.
    pub async fn approve(
        &self,
        session: &SessionActor,
        asked: &Asked,
        consent: impl Into<Consent>,
        origin: &Origin,
    ) -> Result<Option<SecretText>, Error> {
        let consent = consent.into();
        let scopes = consented(asked.scopes, consent.ticked);
        if scopes.is_empty() {
            return Ok(None);
        }
        let (code, mut args) = self.new_code(session, asked, scopes, origin);
        args.ends_at = consent.term.ends_at(args.now);
        self.0.db.write(args, |tx, a| Box::pin(approve_tx(tx, a))).await?;
        Ok(Some(code))
    }

    /// Makes a code without asking (`prompt=none`), where the person consented to all of it before and that stands.
    ///
    /// # Errors
    /// `consent_required`, `interaction_required`.
    pub async fn approve_silently(
        &self,
        session: &SessionActor,
        asked: &Asked,
        origin: &Origin,
    ) -> Result<SecretText, OAuthError> {
        if !asked.may_be_silent() {
            return Err(OAuthError::refused(
                OAuthCode::InteractionRequired,
                "the person must see who asks, since other programs can take this redirect_uri",
            ));
        }
        let (code, args) = self.new_code(session, asked, asked.scopes, origin);
        if self.0.db.write(args, |tx, a| Box::pin(silent_tx(tx, a))).await? {
            Ok(code)
        } else {
            Err(OAuthError::refused(
                OAuthCode::ConsentRequired,
                "the person has not consented to all of this",
            ))
        }
    }

    /// A new code, and what its row needs.
    fn new_code(
        &self,
        session: &SessionActor,
        asked: &Asked,
        scopes: Scopes,
        origin: &Origin,
    ) -> (SecretText, Approve) {
        let code = secret::generate(SecretKind::AuthorizationCode, &*self.0.random);
        let now = self.now();
        let args = Approve {
            session: session.clone(),
            client_id: asked.app.client_id.clone(),
            redirect_uri: asked.redirect_uri.clone(),
            scopes,
            ends_at: 0,
            challenge: asked.challenge.clone(),
            nonce: asked.nonce.clone(),
            hash: hash(code.expose()),
            now,
            expires_at: now + self.0.settings.oauth.code_seconds,
            origin: origin.clone(),
        };
        (code, args)
    }
}
