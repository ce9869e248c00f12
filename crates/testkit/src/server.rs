//! A server in this process, on a free port. Owns its start and end.

use std::sync::Arc;

use pantry_core::{
    Drive, Settings,
    auth::{NewApp, NewUser, Origin, SessionActor},
};
use pantry_server::Server;
use pantry_types::{ManualClock, Scopes, SeededRandom};

use crate::{
    Engine, Reply,
    actors::{App, Person, Token},
    place::Place,
    secrets,
};

/// A server, its place, and a client for it.
#[derive(Debug)]
pub struct TestServer {
    // The server goes before its place: the proof of the books comes last.
    server: Server,
    /// Speaks HTTP; follows no redirect.
    pub http: reqwest::Client,
    /// Where the drive lies.
    pub place: Place,
}

/// A client as the tests use it.
pub(crate) fn client() -> reqwest::Client {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build();
    client.expect("a client")
}

impl TestServer {
    /// A server with an empty drive.
    pub async fn new(engine: Engine) -> Self {
        Self::with(engine, |_| {}).await
    }

    /// The same, with other settings.
    pub async fn with(engine: Engine, change: impl FnOnce(&mut Settings)) -> Self {
        Self::at(Place::new(engine, change).await).await
    }

    /// A server of a drive that may be there already.
    pub async fn at(place: Place) -> Self {
        // The place's clock goes on where it stood; the random source must not repeat what it gave before.
        let seed = u64::try_from(std::time::UNIX_EPOCH.elapsed().map_or(1, |d| d.as_nanos()) & u128::from(u64::MAX));
        let random = Arc::new(SeededRandom::new(seed.unwrap_or(1)));
        let server = Server::start(place.settings.clone(), place.clock.shared(), random).await;
        Self::of(server.expect("the server starts"), place)
    }

    /// A server that runs, with its place.
    pub(crate) fn of(server: Server, place: Place) -> Self {
        Self {
            server,
            http: client(),
            place,
        }
    }

    /// Ends the server and starts another one on the same drive.
    pub async fn restarted(self) -> Self {
        let Self { server, place, .. } = self;
        server.stop().await;
        Self::at(place).await
    }

    /// Stops the server; the drive stays where it is.
    pub async fn stopped(self) -> Place {
        let Self { server, place, .. } = self;
        server.stop().await;
        place
    }

    /// The drive that it serves.
    pub fn drive(&self) -> &Drive {
        self.server.drive()
    }

    /// The clock that the drive reads.
    pub fn clock(&self) -> &ManualClock {
        &self.place.clock
    }

    /// The whole address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    /// `GET` by nobody in particular; of a path, or of a whole address.
    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.http.get(self.absolute(path))).await
    }

    /// `POST` of a form by nobody in particular.
    pub async fn post(&self, path: &str, form: &str) -> Reply {
        let request = self.http.post(self.absolute(path));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Reply::of(request.body(form.to_owned())).await
    }

    pub(crate) fn absolute(&self, path: &str) -> String {
        if path.starts_with("http://") {
            path.to_owned()
        } else {
            self.url(path)
        }
    }

    /// A person with the usual quota.
    pub async fn person(&self, name: &str) -> Person {
        self.person_with(name, None).await
    }

    /// A person with so many bytes.
    pub async fn person_with(&self, name: &str, quota: Option<i64>) -> Person {
        let new = NewUser {
            name: name.to_owned(),
            email: format!("{name}@example.com"),
            password: Person::PASSWORD.to_owned(),
            is_admin: false,
            quota,
        };
        secrets::note("password", Person::PASSWORD);
        let user = self.drive().add_user(new).await.expect("an account");
        Person {
            id: user.id,
            name: user.name,
        }
    }

    /// An app that was allowed to ask for everything.
    pub async fn app(&self, owner: &Person, name: &str) -> App {
        let new = NewApp {
            owner: owner.name.clone(),
            name: name.to_owned(),
            redirect_uris: vec!["https://app.example.com/callback".to_owned()],
            scopes: Scopes::all(),
            public: false,
            weipan: false,
        };
        let app = self.drive().add_app(new).await.expect("an app");
        if let Some(secret) = &app.client_secret {
            secrets::note_client(&app.client_id, secret.expose());
        }
        App {
            client_id: app.client_id,
            client_secret: app.client_secret.map(|secret| secret.into_exposed()),
            name: app.name,
        }
    }

    /// A token of an app in a person's name, with these scopes.
    pub async fn token(&self, person: &Person, app: &App, scopes: &str) -> Token {
        let issued = self.drive().issue_token(&person.name, &app.client_id, scopes).await;
        let access = issued.expect("a token").access_token.into_exposed();
        secrets::note("access_token", &access);
        Token::new(access, self.url(""), self.http.clone())
    }

    /// Signs a person in.
    pub async fn session(&self, person: &Person) -> SessionActor {
        let origin = Origin::operator();
        let signed_in = self.drive().sign_in(&person.name, Person::PASSWORD, &origin, None);
        let signed_in = signed_in.await.expect("signing in works");
        let cookie = signed_in.expect("the password is right").cookie;
        secrets::note("cookie pantry_session", cookie.expose());
        let session = self.drive().session_of(cookie.expose()).await;
        session.expect("sessions can be read").expect("a session")
    }

    /// Revokes an app as the person does on their page.
    pub async fn revoke(&self, person: &Person, app: &App) {
        let (session, origin) = (self.session(person).await, Origin::operator());
        let revoked = self.drive().revoke_grant(&session, &app.client_id, &origin).await;
        revoked.expect("revoked");
    }

    /// A token of one person and one app, the usual beginning of a test.
    pub async fn one_token(&self, scopes: &str) -> Token {
        let person = self.person("ada").await;
        let app = self.app(&person, "GPTGet").await;
        self.token(&person, &app, scopes).await
    }
}
