//! Grants that follow their app when it is suspended, resumed or deleted, in batches, against a real drive on both row
//! engines. What the console does otherwise is proved through its API.

#[path = "../../testkit/src/pg.rs"]
mod pg;

use std::sync::Arc;

use pantry_blob::Store;
use pantry_core::{
    Drive, Keys, Settings,
    auth::{NewApp, NewUser, console::Admin},
};
use pantry_db::{
    Db, DbError, DbOptions, Outcome, Tx,
    app_states::{AppState, follow},
    grants,
};
use pantry_types::{GrantId, ManualClock, Scopes, SystemRandom, UserId};

/// More than one batch.
const MANY: i64 = 450;

struct World {
    drive: Drive,
    clock: ManualClock,
    client_id: String,
    token: String,
    _dir: tempfile::TempDir,
    _pg: Option<pg::TestDatabase>,
}

impl World {
    async fn on_sqlite() -> Self {
        let dir = tempfile::tempdir().expect("folder");
        let url = format!("sqlite:{}", dir.path().join("rows.db").display());
        Self::open(&url, dir, None).await
    }

    async fn on_postgres() -> Self {
        let pg = pg::fresh_database().await;
        let url = pg.url.clone();
        Self::open(&url, tempfile::tempdir().expect("folder"), Some(pg)).await
    }

    async fn open(url: &str, dir: tempfile::TempDir, pg: Option<pg::TestDatabase>) -> Self {
        let db = Db::open(&url.parse().expect("url"), DbOptions::default())
            .await
            .expect("rows");
        let content = format!("file:{}", dir.path().join("content").display());
        let blobs = Store::open(&content.parse().expect("url")).await.expect("contents");
        let clock = ManualClock::at(1_800_000_000);
        let mut settings = Settings::default();
        settings.server.public_url = "https://drive.example".into();
        let random = Arc::new(SystemRandom);
        let drive = Drive::new(db, blobs, clock.shared(), random, settings, Keys::new([7; 32]));
        let ada = NewUser {
            name: "ada".into(),
            email: "ada@example.com".into(),
            password: "correct horse".into(),
            is_admin: false,
            quota: None,
        };
        drive.add_user(ada).await.expect("ada");
        let app = NewApp {
            owner: "ada".into(),
            name: "Notes".into(),
            redirect_uris: Vec::new(),
            scopes: Scopes::all(),
            public: false,
            weipan: false,
        };
        let client_id = drive.add_app(app).await.expect("app").client_id;
        let token = drive
            .issue_token("ada", &client_id, "user.read")
            .await
            .expect("a token");
        Self {
            token: token.access_token.into_exposed(),
            drive,
            clock,
            client_id,
            _dir: dir,
            _pg: pg,
        }
    }

    async fn opens(&self) -> bool {
        self.drive.authenticate(&self.token).await.is_ok()
    }
}

async fn fill(tx: &mut Tx<'_>, client_id: &str) -> Result<(), DbError> {
    let ada = pantry_db::users::find(tx, "ada").await?.expect("ada");
    let real = grants::of_client(tx, ada.id, client_id).await?.expect("a grant");
    for n in 0..MANY {
        let grant = grants::Grant {
            user: UserId(1_000_000 + n),
            id: GrantId(2_000_000 + n),
            epoch: 1 + n,
            ..real.clone()
        };
        grants::insert(tx, &grant).await?;
    }
    Ok(())
}

async fn epochs(tx: &mut Tx<'_>) -> Result<Vec<i64>, DbError> {
    let mut found = Vec::new();
    for n in 0..MANY {
        let grant = grants::get(tx, UserId(1_000_000 + n), GrantId(2_000_000 + n)).await?;
        found.push(grant.map_or(0, |g| g.epoch));
    }
    Ok(found)
}

async fn many_grants_follow(w: World) {
    let filled: Result<(), DbError> = w
        .drive
        .db()
        .write(w.client_id.clone(), |tx, id| {
            Box::pin(async move { Outcome::from(fill(tx, id).await) })
        })
        .await;
    filled.expect("grants");
    let read = async || -> Vec<i64> {
        let read: Result<_, DbError> = w.drive.db().read((), |tx, ()| Box::pin(epochs(tx))).await;
        read.expect("epochs")
    };
    let before = read().await;
    assert!(w.opens().await);
    let admin = Admin::operator();
    w.drive.suspend_app(&admin, &w.client_id, "").await.expect("suspended");
    assert!(!w.opens().await);
    let during = read().await;
    assert!(
        before.iter().zip(&during).all(|(b, d)| *d > 1 << 39 && b != d),
        "every one is out of its epoch"
    );
    // Again, and by the janitor: nothing moves twice.
    w.drive.suspend_app(&admin, &w.client_id, "").await.expect("suspended");
    w.drive.sweep_console(w.drive.now()).await.expect("swept");
    assert_eq!(read().await, during);
    w.drive.resume_app(&admin, &w.client_id).await.expect("resumed");
    assert_eq!(read().await, before);
    assert!(w.opens().await);
    // Deleted.
    let session = w.drive.sign_in("ada", "correct horse", &Default::default(), None).await;
    let cookie = session.expect("works").expect("right").cookie;
    let ada = w
        .drive
        .session_of(cookie.expose())
        .await
        .expect("read")
        .expect("a session");
    let ended = w
        .drive
        .delete_app(&ada, &w.client_id, "Notes", &Default::default())
        .await
        .expect("deleted");
    assert_eq!(i64::try_from(ended.grants), Ok(MANY + 1));
    assert!(!w.opens().await);
    assert!(before.iter().zip(read().await).all(|(b, d)| *b + 1 == d));
}

async fn undo(tx: &mut Tx<'_>, id: &str) -> Result<(), DbError> {
    follow(tx, id, AppState::Resumed, 1, 10).await.map(drop)
}

async fn a_grant_that_slipped_by_follows_later(w: World) {
    let admin = Admin::operator();
    w.drive.suspend_app(&admin, &w.client_id, "").await.expect("suspended");
    assert!(!w.opens().await);
    // As if consent had been on its way: a grant stands as before.
    let undone: Result<(), DbError> = w
        .drive
        .db()
        .write(w.client_id.clone(), |tx, id| {
            Box::pin(async move { Outcome::from(undo(tx, id).await) })
        })
        .await;
    undone.expect("undone");
    w.drive.tokens_changed();
    assert!(w.opens().await);
    assert_eq!(w.drive.sweep_console(w.drive.now()).await.expect("swept").grants, 1);
    assert!(!w.opens().await);
    // After an hour nothing is on its way any more.
    w.clock.advance(3601);
    w.drive.sweep_console(w.drive.now()).await.expect("swept");
    assert_eq!(w.drive.sweep_console(w.drive.now()).await.expect("swept").grants, 0);
    assert!(!w.opens().await);
}

macro_rules! on_both {
    ($($name:ident)*) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$name(super::World::on_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                super::$name(super::World::on_postgres().await).await;
            }
        }
    )*};
}

on_both! {
    many_grants_follow
    a_grant_that_slipped_by_follows_later
}
