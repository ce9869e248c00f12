//! Apps: registering them, and proving that a request comes from one.
//! Must not know how a request carries the proof.

pub use pantry_db::apps::App;
use pantry_db::{Outcome, Tx, apps, audit};
use pantry_types::{Name, Scope, Scopes, SecretKind, SecretText, random, secret};

use super::{OAuthCode, OAuthError, Origin, accounts, redirect, seal};
use crate::{Drive, Error, keys};

/// How often another id is drawn before giving up.
const DRAWS: usize = 8;

/// An app to be registered.
#[derive(Debug, Clone)]
pub struct NewApp {
    /// Login name of its owner.
    pub owner: String,
    /// Name: a legal name of a folder.
    pub name: String,
    /// Addresses that an answer may go to.
    pub redirect_uris: Vec<String>,
    /// Scopes granted beyond those that every app may ask for.
    pub scopes: Scopes,
    /// Cannot keep a secret.
    pub public: bool,
    /// May use the weipan API, which gives it people's whole drives.
    pub weipan: bool,
}

/// An app that was registered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AddedApp {
    /// Ten digits.
    pub client_id: String,
    /// The secret, told this once; none for a public app.
    pub client_secret: Option<SecretText>,
    /// Name.
    pub name: String,
    /// Addresses that an answer may go to.
    pub redirect_uris: Vec<String>,
    /// What it may ask for.
    pub scopes: Scopes,
    /// Cannot keep a secret.
    pub public: bool,
    /// May use the weipan API.
    pub weipan: bool,
}

/// An app that has proved itself, as far as it can.
#[derive(Debug, Clone)]
pub struct Client(App);

impl Client {
    /// The app.
    pub fn app(&self) -> &App {
        &self.0
    }
}

/// What an app may ask for: what was granted, and what needs no review.
pub(super) fn may_ask(app: &App) -> Scopes {
    Scope::ALL
        .into_iter()
        .filter(|s| !s.needs_review())
        .collect::<Scopes>()
        .union(app.scopes)
}

/// The scopes of a request; nothing asked is `user.read files.app_data`.
pub(super) fn asked(app: &App, scope: Option<&str>) -> Result<Scopes, OAuthError> {
    let scopes = wished(scope.unwrap_or_default())?;
    let scopes = if scopes.is_empty() { Scopes::DEFAULT } else { scopes };
    let refused = scopes.difference(may_ask(app));
    if refused.is_empty() {
        Ok(scopes)
    } else {
        Err(OAuthError::refused(
            OAuthCode::InvalidScope,
            format!("this app was not granted {refused}; ask an administrator"),
        ))
    }
}

/// Asks for a refresh token (OpenID Connect Core 1.0, section 11). Every app gets one, so beside other scopes it is
/// understood and adds nothing: many clients send it whatever the metadata say.
const OFFLINE: &str = "offline_access";

/// The scopes that a request names.
pub(super) fn wished(text: &str) -> Result<Scopes, OAuthError> {
    let words: Vec<&str> = text.split_ascii_whitespace().filter(|word| *word != OFFLINE).collect();
    // Alone it asks for nothing that a token could be good for.
    let parsed = if words.is_empty() {
        Scopes::parse(text)
    } else {
        Scopes::parse(&words.join(" "))
    };
    parsed.map_err(|e| OAuthError::refused(OAuthCode::InvalidScope, e.to_string()))
}

struct Add {
    owner: String,
    app: App,
    /// How it presents itself, if that is known.
    shown: Option<apps::Shown>,
    ids: Vec<String>,
    address: String,
}

async fn add_tx(tx: &mut Tx<'_>, a: &Add) -> Outcome<String, Error> {
    add_rows(tx, a).await.into()
}

async fn add_rows(tx: &mut Tx<'_>, a: &Add) -> Result<String, Error> {
    let owner = accounts::by_name(tx, &a.owner).await?;
    for id in &a.ids {
        let app = App {
            client_id: id.clone(),
            owner: owner.id,
            ..a.app.clone()
        };
        if apps::insert(tx, &app).await? {
            if let Some(shown) = &a.shown {
                apps::set_shown(tx, id, shown).await?;
            }
            let entry = audit::Entry {
                at: app.created_at,
                user: owner.id,
                client_id: id.clone(),
                event: "app_added".into(),
                address: a.address.clone(),
                detail: app.name.clone(),
            };
            audit::append(tx, &entry).await?;
            return Ok(id.clone());
        }
    }
    Err(Error::Busy)
}

async fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<App>, Error> {
    Ok(apps::get(tx, id).await?)
}

async fn get_with_owner(tx: &mut Tx<'_>, id: &str) -> Result<Option<(App, String)>, Error> {
    Ok(apps::with_owner(tx, id).await?)
}

async fn old_secret(tx: &mut Tx<'_>, (id, now): &(String, i64)) -> Result<Option<Vec<u8>>, Error> {
    Ok(apps::old_secret(tx, id, *now).await?)
}

fn not_a_client(why: &'static str) -> OAuthError {
    OAuthError::refused(OAuthCode::InvalidClient, why)
}

impl Drive {
    /// Registers an app. For the operator; needs only the database.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Invalid`], [`Error::NotFound`] (the owner).
    pub async fn add_app(&self, new: NewApp) -> Result<AddedApp, Error> {
        self.register(new, None, &Origin::operator()).await
    }

    /// Registers an app as somebody wishes it.
    pub(super) async fn register(
        &self,
        new: NewApp,
        shown: Option<apps::Shown>,
        origin: &Origin,
    ) -> Result<AddedApp, Error> {
        let name = Name::parse(&new.name)?;
        for uri in &new.redirect_uris {
            redirect::check(uri)?;
        }
        if new.public && new.weipan {
            return Err(Error::invalid(
                "weipan",
                "the weipan API needs a secret, and a public app has none",
            ));
        }
        let random = &*self.0.random;
        let (client_secret, sealed) = if new.public {
            (None, Vec::new())
        } else {
            let secret = secret::generate(SecretKind::ClientSecret, random);
            let sealed = seal::seal_secret(&self.sealing_key().await?, &secret, random)?;
            (Some(secret), sealed)
        };
        let app = App {
            client_id: String::new(),
            owner: pantry_types::UserId(0),
            name: name.as_str().to_owned(),
            secret: sealed,
            redirect_uris: new.redirect_uris,
            scopes: new.scopes.union(Scopes::DEFAULT),
            public: new.public,
            weipan: new.weipan,
            created_at: self.now(),
        };
        let args = Add {
            owner: new.owner,
            app: app.clone(),
            shown,
            address: origin.address(),
            ids: (0..DRAWS).map(|_| random::digits(random, 10)).collect(),
        };
        let client_id = self.0.db.write(args, |tx, a| Box::pin(add_tx(tx, a))).await?;
        Ok(AddedApp {
            client_id,
            client_secret,
            name: app.name,
            redirect_uris: app.redirect_uris,
            scopes: app.scopes,
            public: app.public,
            weipan: app.weipan,
        })
    }

    /// The app of an id, if it may act: one that is suspended is as if it were not there.
    pub(super) async fn app(&self, client_id: &str) -> Result<Option<App>, Error> {
        if !is_client_id(client_id) {
            return Ok(None);
        }
        self.0.db.read(client_id.to_owned(), |tx, c| Box::pin(get(tx, c))).await
    }

    /// The app of an id, and its owner's login name.
    pub(super) async fn app_and_owner(&self, client_id: &str) -> Result<Option<(App, String)>, Error> {
        if !is_client_id(client_id) {
            return Ok(None);
        }
        self.0
            .db
            .read(client_id.to_owned(), |tx, c| Box::pin(get_with_owner(tx, c)))
            .await
    }

    /// Whether this is the app's secret, or the one before it while that is right too.
    async fn is_secret(&self, app: &App, sent: &str) -> Result<bool, Error> {
        if app.public || !secret::check(SecretKind::ClientSecret, sent) {
            return Ok(false);
        }
        let same = |sealed: &[u8]| {
            let right = seal::open_secret(&self.0.keys, sealed)?;
            Ok::<bool, Error>(keys::same(right.expose().as_bytes(), sent.as_bytes()))
        };
        if same(&app.secret)? {
            return Ok(true);
        }
        match self.old_secret(app).await? {
            Some(sealed) => same(&sealed),
            None => Ok(false),
        }
    }

    /// The secret before the present one, sealed, while it is right.
    pub(super) async fn old_secret(&self, app: &App) -> Result<Option<Vec<u8>>, Error> {
        let args = (app.client_id.clone(), self.now());
        let old = self.0.db.read(args, |tx, a| Box::pin(old_secret(tx, a))).await?;
        Ok(old.filter(|sealed| !sealed.is_empty()))
    }

    /// Proves a client (RFC 6749, section 2.3): by its secret, or by nothing if it is public.
    ///
    /// # Errors
    /// `invalid_client`.
    pub async fn authenticate_client(&self, client_id: &str, secret: Option<&str>) -> Result<Client, OAuthError> {
        let app = self
            .app(client_id)
            .await?
            .ok_or_else(|| not_a_client("there is no such client; check client_id"))?;
        match secret.filter(|s| !s.is_empty()) {
            None if app.public => Ok(Client(app)),
            None => Err(not_a_client("this client must send its client_secret")),
            Some(s) if self.is_secret(&app, s).await? => Ok(Client(app)),
            Some(_) => Err(not_a_client("the client_secret is not right")),
        }
    }

    /// Names a client where its secret is optional (the device addresses): if sent it must be right.
    ///
    /// # Errors
    /// `invalid_client`.
    pub async fn identify_client(&self, client_id: &str, secret: Option<&str>) -> Result<App, OAuthError> {
        let app = self
            .app(client_id)
            .await?
            .ok_or_else(|| not_a_client("there is no such client; check client_id"))?;
        match secret.filter(|s| !s.is_empty()) {
            None => Ok(app),
            Some(s) if self.is_secret(&app, s).await? => Ok(app),
            Some(_) => Err(not_a_client("the client_secret is not right")),
        }
    }
}

/// Whether a text can be a client's id.
pub(super) fn is_client_id(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit())
}
