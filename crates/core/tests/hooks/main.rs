//! Webhooks against a real drive, on both row engines, with a sender that only writes down what it was given.
//! Tests are named by what must not happen. How bytes go out is proved where they do.

#[path = "../../../testkit/src/pg.rs"]
mod pg;

/// Runs each test on both engines.
macro_rules! on_both {
    ($($name:ident)*) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                Box::pin(super::$name($crate::World::sqlite().await)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                Box::pin(super::$name($crate::World::postgres().await)).await;
            }
        }
    )*};
}

mod failing;
mod queue;
mod who;

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use pantry_blob::Store;
use pantry_core::{
    Actor, Drive, Keys, Settings,
    auth::{
        NewApp, NewUser, Origin, SessionActor,
        console::{Delivery, DeliveryState, Paging},
    },
    files::FolderRef,
    hooks::{Answer, Courier, Message, Sender, Sent},
};
use pantry_db::{Db, DbOptions};
use pantry_types::{DrivePath, ManualClock, Name, Scopes, SystemRandom, UserId};
use serde_json::Value;
use sha2::Sha256;

const START: i64 = 1_800_000_000;
const PASSWORD: &str = "correct horse";
/// Seconds between two deliveries to one app, in these tests.
const INTERVAL: i64 = 10;

/// What the other side does with the next attempts at one address.
#[derive(Clone, Copy)]
enum Does {
    Answer(Sent),
    /// Never comes back.
    Hang,
}

/// Writes down what it is given, and answers as it is told: 200 unless said otherwise.
#[derive(Default)]
struct Post {
    sent: Mutex<Vec<Message>>,
    does: Mutex<HashMap<String, Does>>,
}

impl Post {
    fn does(&self, url: &str, does: Does) {
        self.does.lock().expect("a lock").insert(url.to_owned(), does);
    }

    fn answers(&self, url: &str, status: u16) {
        let answer = Answer {
            status,
            retry_after: None,
        };
        self.does(url, Does::Answer(Ok(answer)));
    }

    /// What was sent since the last call.
    fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.sent.lock().expect("a lock"))
    }
}

impl Sender for Post {
    fn send(&self, message: Message) -> Pin<Box<dyn Future<Output = Sent> + Send + '_>> {
        Box::pin(async move {
            let ok = Answer {
                status: 200,
                retry_after: None,
            };
            let does = self.does.lock().expect("a lock").get(message.target.as_str()).copied();
            self.sent.lock().expect("a lock").push(message);
            match does.unwrap_or(Does::Answer(Ok(ok))) {
                Does::Answer(sent) => sent,
                Does::Hang => std::future::pending().await,
            }
        })
    }
}

/// A drive with people, apps and a post.
struct World {
    drive: Drive,
    clock: ManualClock,
    post: Arc<Post>,
    ann: UserId,
    bob: UserId,
    owner: SessionActor,
    url: String,
    dir: tempfile::TempDir,
    _pg: Option<pg::TestDatabase>,
}

/// An app with a webhook.
struct App {
    id: String,
    url: String,
    secret: String,
}

async fn open(url: &str, dir: &tempfile::TempDir, clock: &ManualClock) -> Drive {
    let address = url.parse().expect("address");
    let db = Db::open(&address, DbOptions::default()).await.expect("rows");
    let content = format!("file:{}", dir.path().join("content").display());
    let blobs = Store::open(&content.parse().expect("address")).await.expect("content");
    let mut settings = Settings::default();
    settings.server.public_url = "https://drive.example".into();
    settings.hooks.interval_seconds = INTERVAL;
    settings.hooks.retry_seconds = "20,400".into();
    Drive::new(
        db,
        blobs,
        clock.shared(),
        Arc::new(SystemRandom),
        settings,
        Keys::new([7; 32]),
    )
}

impl World {
    async fn sqlite() -> Self {
        let dir = tempfile::tempdir().expect("folder");
        let url = format!("sqlite:{}", dir.path().join("rows.db").display());
        Self::at(url, dir, None).await
    }

    async fn postgres() -> Self {
        let pg = pg::fresh_database().await;
        Self::at(pg.url.clone(), tempfile::tempdir().expect("folder"), Some(pg)).await
    }

    async fn at(url: String, dir: tempfile::TempDir, pg: Option<pg::TestDatabase>) -> Self {
        let clock = ManualClock::at(START);
        let drive = open(&url, &dir, &clock).await;
        let mut ids = Vec::new();
        for name in ["owner", "ann", "bob"] {
            let new = NewUser {
                name: name.into(),
                email: format!("{name}@example.com"),
                password: PASSWORD.into(),
                is_admin: false,
                quota: None,
            };
            ids.push(drive.add_user(new).await.expect("a person").id);
        }
        let signed = drive.sign_in("owner", PASSWORD, &Origin::operator(), None).await;
        let cookie = signed.expect("works").expect("right").cookie;
        let owner = drive.session_of(cookie.expose()).await.expect("read").expect("there");
        Self {
            drive,
            clock,
            post: Arc::new(Post::default()),
            ann: ids[1],
            bob: ids[2],
            owner,
            url,
            dir,
            _pg: pg,
        }
    }

    /// Another process on the same rows, by the same clock.
    async fn another(&self) -> Drive {
        open(&self.url, &self.dir, &self.clock).await
    }

    fn clock_now(&self) -> i64 {
        self.drive.now()
    }

    fn courier(&self) -> Courier {
        Courier::new(self.drive.clone(), self.post.clone())
    }

    /// One round, to its end; what was sent.
    async fn round(&self, courier: &mut Courier) -> Vec<Message> {
        courier.round().await.expect("a round");
        courier.settle().await;
        self.post.take()
    }

    /// A new courier, as of a process that was just started, and one round of it.
    async fn fresh_round(&self) -> Vec<Message> {
        self.round(&mut self.courier()).await
    }

    async fn app(&self, name: &str) -> App {
        let new = NewApp {
            owner: "owner".into(),
            name: name.into(),
            redirect_uris: Vec::new(),
            scopes: Scopes::all(),
            public: false,
            weipan: false,
        };
        let id = self.drive.add_app(new).await.expect("an app").client_id;
        let url = format!("https://{}.example/hook", name.to_lowercase());
        let set = self
            .drive
            .set_webhook(&self.owner, &id, &url, &Origin::operator())
            .await;
        let secret = set.expect("set").secret.expect("a secret").into_exposed();
        App { id, url, secret }
    }

    /// Lets an app have what the scopes say of a person.
    async fn grant(&self, person: &str, app: &App, scopes: &str) {
        let issued = self.drive.issue_token(person, &app.id, scopes).await;
        issued.expect("a token");
    }

    async fn revoke(&self, person: &str, app: &App) {
        let session = self.sign_in(person).await;
        let revoked = self.drive.revoke_grant(&session, &app.id, &Origin::operator()).await;
        revoked.expect("revoked");
    }

    /// Makes a folder as the person, and answers the head of their log.
    async fn change(&self, person: UserId, parent: &str, name: &str) -> i64 {
        let at = FolderRef::Path(Some(DrivePath::parse(parent).expect("a path")));
        let (person, name) = (Actor::person(person), Name::parse(name).expect("a name"));
        let made = self.drive.create_folder(&person, at, name).await;
        made.expect("made").head
    }

    /// Whatever making people, apps and grants told: passes.
    async fn quiet(&self, courier: &mut Courier) {
        self.clock.advance(INTERVAL * 2);
        self.round(courier).await;
        self.clock.advance(INTERVAL * 2);
        assert_eq!(self.round(courier).await.len(), 0, "nothing is told twice");
        // Out of the time that every look goes back.
        self.clock.advance(INTERVAL * 2);
    }

    async fn deliveries(&self, app: &App) -> Vec<Delivery> {
        self.listed(app, None).await
    }

    async fn in_state(&self, app: &App, state: DeliveryState) -> Vec<Delivery> {
        self.listed(app, Some(state)).await
    }

    async fn listed(&self, app: &App, state: Option<DeliveryState>) -> Vec<Delivery> {
        let all = Paging::default();
        let page = self.drive.webhook_deliveries(&self.owner, &app.id, state, &all).await;
        page.expect("a page").items
    }

    /// Signs somebody in, just now.
    async fn sign_in(&self, name: &str) -> SessionActor {
        let signed = self.drive.sign_in(name, PASSWORD, &Origin::operator(), None).await;
        let cookie = signed.expect("works").expect("right").cookie;
        self.drive
            .session_of(cookie.expose())
            .await
            .expect("read")
            .expect("there")
    }
}

/// Whom a message names, with the number of the change.
fn named(message: &Message) -> Vec<(i64, i64)> {
    let body: Value = serde_json::from_slice(&message.body).expect("JSON");
    let users = body["users"].as_array().expect("users").iter();
    users
        .map(|u| {
            (
                u["uid"].as_i64().expect("a uid"),
                seq(u["cursor"].as_str().expect("a cursor")),
            )
        })
        .collect()
}

/// The number in a cursor.
fn seq(cursor: &str) -> i64 {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).expect("base64")).expect("text");
    plain.split_once('/').expect("two numbers").1.parse().expect("a number")
}

/// Whether a message is signed by this secret, as a receiver checks it.
fn is_signed_by(message: &Message, secret: &str) -> bool {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").expect("the prefix"))
        .expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    mac.update(format!("{}.{}.", message.id, message.timestamp).as_bytes());
    mac.update(&message.body);
    let right = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    message.signature.split(' ').any(|signature| signature == right)
}
