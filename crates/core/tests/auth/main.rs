//! Signing in and OAuth against a real drive, on both row engines. Tests are named by the attack or trap.
//! Must not reach round the drive but to look at rows.

#[path = "../../../testkit/src/pg.rs"]
mod pg;

/// Runs each test on both engines.
macro_rules! on_both {
    ($($name:ident)*) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$name($crate::World::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                super::$name($crate::World::postgres().await).await;
            }
        }
    )*};
}

mod apps;
mod codes;
mod devices;
mod grant_life;
mod model;
mod nodes;
mod oidc;
mod people;
mod refresh;
mod tokens;

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_blob::Store;
use pantry_core::{
    Drive, Error, Keys, Settings,
    auth::{
        AddedApp, Asked, AuthorizeError, AuthorizeRequest, Client, NewApp, NewUser, OAuthCode, OAuthError, Origin,
        SessionActor, TokenAnswer,
    },
};
use pantry_db::{Db, DbOptions, Tx, audit, grants, users};
use pantry_types::{ManualClock, Scopes, SystemRandom, UserId};
use sha2::{Digest, Sha256};

pub(crate) const START: i64 = 1_800_000_000;
pub(crate) const CALLBACK: &str = "https://app.example/cb";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A drive of a test, with a person and an app.
pub(crate) struct World {
    pub(crate) drive: Drive,
    pub(crate) clock: ManualClock,
    pub(crate) app: AddedApp,
    pub(crate) alice: SessionActor,
    dir: tempfile::TempDir,
    pg: Option<pg::TestDatabase>,
}

impl World {
    async fn open(url: &str, dir: tempfile::TempDir, pg: Option<pg::TestDatabase>) -> Self {
        let drive = open_drive(url, &dir, Keys::new([7; 32])).await;
        drive.0.add_user(user("alice")).await.expect("alice");
        let app = drive.0.add_app(app("Notes")).await.expect("app");
        let alice = sign_in(&drive.0, "alice").await;
        Self {
            drive: drive.0,
            clock: drive.1,
            app,
            alice,
            dir,
            pg,
        }
    }

    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().expect("folder");
        let url = format!("sqlite:{}", dir.path().join("rows.db").display());
        Self::open(&url, dir, None).await
    }

    pub(crate) async fn postgres() -> Self {
        let pg = pg::fresh_database().await;
        let url = pg.url.clone();
        Self::open(&url, tempfile::tempdir().expect("folder"), Some(pg)).await
    }

    /// Where the rows are, on PostgreSQL.
    pub(crate) fn postgres_url(&self) -> &str {
        &self.pg.as_ref().expect("PostgreSQL").url
    }

    /// Another process on the same rows and contents: a drive of its own, whose clock stands still.
    pub(crate) async fn another_node(&self) -> Drive {
        open_drive(self.postgres_url(), &self.dir, Keys::new([7; 32])).await.0
    }

    /// The app, proved.
    pub(crate) async fn client(&self) -> Client {
        self.client_of(&self.app).await
    }

    pub(crate) async fn client_of(&self, app: &AddedApp) -> Client {
        let secret = app.client_secret.as_ref().map(|s| s.expose().to_owned());
        self.drive
            .authenticate_client(&app.client_id, secret.as_deref())
            .await
            .expect("client")
    }

    pub(crate) fn request(&self, scope: &str) -> AuthorizeRequest {
        AuthorizeRequest {
            client_id: Some(self.app.client_id.clone()),
            redirect_uri: Some(CALLBACK.into()),
            response_type: Some("code".into()),
            scope: Some(scope.into()),
            ..AuthorizeRequest::default()
        }
    }

    pub(crate) async fn asked(&self, request: &AuthorizeRequest) -> Result<Asked, AuthorizeError> {
        self.drive.check_authorization(request).await
    }

    /// A code that Alice consented to in full.
    pub(crate) async fn code_for(&self, request: &AuthorizeRequest) -> String {
        let asked = self.asked(request).await.expect("asked");
        self.drive
            .approve(&self.alice, &asked, Scopes::all(), &here())
            .await
            .expect("approved")
            .expect("something to approve")
            .into_exposed()
    }

    pub(crate) async fn code(&self) -> String {
        self.code_for(&self.request("user.read files.app_data")).await
    }

    pub(crate) async fn exchange(&self, code: &str) -> Result<TokenAnswer, OAuthError> {
        let client = self.client().await;
        self.drive
            .exchange_code(&client, code, Some(CALLBACK), None, &here())
            .await
    }

    pub(crate) async fn pair(&self) -> TokenAnswer {
        self.exchange(&self.code().await).await.expect("a pair")
    }

    pub(crate) async fn refresh(&self, token: &str, scope: Option<&str>) -> Result<TokenAnswer, OAuthError> {
        let client = self.client().await;
        self.drive.refresh(&client, token, scope, &here()).await
    }

    /// Whether an access token opens the API.
    pub(crate) async fn opens(&self, access: &str) -> bool {
        match self.drive.authenticate(access).await {
            Ok(_) => true,
            Err(Error::Unauthorized) => false,
            Err(e) => panic!("{e}"),
        }
    }

    pub(crate) async fn grant(&self) -> grants::Grant {
        let args = (self.alice.user, self.app.client_id.clone());
        self.drive
            .db()
            .read(args, |tx, a| Box::pin(grant_row(tx, a)))
            .await
            .expect("read")
            .expect("a grant")
    }

    /// What the audit log says of Alice, oldest first.
    pub(crate) async fn events(&self) -> Vec<String> {
        let mut rows = self
            .drive
            .db()
            .read(self.alice.user, |tx, id| Box::pin(audit_rows(tx, id)))
            .await
            .expect("read");
        rows.reverse();
        rows.into_iter().map(|e| e.event).collect()
    }
}

async fn grant_row(tx: &mut Tx<'_>, (user, client): &(UserId, String)) -> Result<Option<grants::Grant>, Error> {
    Ok(grants::of_client(tx, *user, client).await?)
}

async fn audit_rows(tx: &mut Tx<'_>, user: &UserId) -> Result<Vec<audit::Entry>, Error> {
    Ok(audit::of_user(tx, *user, 1000).await?)
}

pub(crate) async fn user_row(tx: &mut Tx<'_>, user: &UserId) -> Result<users::User, Error> {
    Ok(users::get(tx, *user).await?.expect("a person"))
}

pub(crate) async fn open_drive(url: &str, dir: &tempfile::TempDir, keys: Keys) -> (Drive, ManualClock) {
    let db = Db::open(&url.parse().expect("address"), DbOptions::default())
        .await
        .expect("rows");
    let content = format!("file:{}", dir.path().join("content").display());
    let blobs = Store::open(&content.parse().expect("address")).await.expect("content");
    let clock = ManualClock::at(START);
    let mut settings = Settings::default();
    settings.server.public_url = "https://drive.example".into();
    let drive = Drive::new(db, blobs, clock.shared(), Arc::new(SystemRandom), settings, keys);
    (drive, clock)
}

pub(crate) fn user(name: &str) -> NewUser {
    NewUser {
        name: name.into(),
        email: format!("{name}@example.com"),
        password: PASSWORD.into(),
        is_admin: false,
        quota: None,
    }
}

pub(crate) fn app(name: &str) -> NewApp {
    NewApp {
        owner: "alice".into(),
        name: name.into(),
        redirect_uris: vec![CALLBACK.into()],
        scopes: "files.read_all files.write_all".parse_scopes(),
        public: false,
        weipan: false,
    }
}

pub(crate) trait ParseScopes {
    fn parse_scopes(&self) -> Scopes;
}

impl ParseScopes for str {
    fn parse_scopes(&self) -> Scopes {
        Scopes::parse(self).expect("scopes")
    }
}

pub(crate) fn from(address: &str) -> Origin {
    Origin::new(address.parse().ok(), "test")
}

pub(crate) fn here() -> Origin {
    from("192.0.2.1")
}

pub(crate) async fn sign_in(drive: &Drive, name: &str) -> SessionActor {
    let signed = drive
        .sign_in(name, PASSWORD, &here(), None)
        .await
        .expect("answered")
        .expect("signed in");
    drive
        .session_of(signed.cookie.expose())
        .await
        .expect("read")
        .expect("a session")
}

pub(crate) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

pub(crate) fn refused<T>(result: Result<T, OAuthError>) -> OAuthCode {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(OAuthError::Refused { code, .. }) => code,
        Err(OAuthError::Drive(e)) => panic!("{e}: {e:?}"),
    }
}
