//! A drive in a temporary folder, on either row engine, for the tests of core.
//! Must not know HTTP. Dropping nothing checks the books: every test ends with `balanced`.

#[path = "../../../../testkit/src/pg.rs"]
pub mod pg;

use std::sync::Arc;

use pantry_blob::Store;
use pantry_core::{
    Actor, Drive, Keys, Settings,
    check::CheckOptions,
    files::{FolderRef, OnConflict, Page},
    item::Item,
    uploads::{Declared, Precreated},
};
use pantry_db::{
    Db, DbOptions, Faults, apps, grants,
    grants::Grant,
    nodes,
    nodes::{Kind, Node},
    users,
    users::User,
};
use pantry_types::{DrivePath, GrantId, ManualClock, Md5, Name, NodeId, Scopes, SeededRandom, Sha1, UserId, VersionId};

pub const NOW: i64 = 1_800_000_000;

/// A drive, and what keeps its places alive.
pub struct Home {
    pub drive: Drive,
    pub clock: ManualClock,
    pub dir: tempfile::TempDir,
    pub url: String,
    _database: Option<pg::TestDatabase>,
}

#[derive(Clone, Copy, Debug)]
pub enum On {
    Sqlite,
    Postgres,
}

pub fn settings() -> Settings {
    let mut s = Settings::default();
    s.server.public_url = "http://127.0.0.1".into();
    s
}

pub async fn drive(on: On) -> Home {
    drive_with(on, settings(), DbOptions::default()).await
}

pub async fn drive_with(on: On, settings: Settings, options: DbOptions) -> Home {
    let dir = tempfile::tempdir().expect("folder");
    let (url, database) = match on {
        On::Sqlite => (format!("sqlite:{}", dir.path().join("rows.db").display()), None),
        On::Postgres => {
            let d = pg::fresh_database().await;
            (d.url.clone(), Some(d))
        }
    };
    let clock = ManualClock::at(NOW);
    let drive = open(&url, dir.path(), &clock, settings, options).await;
    Home {
        drive,
        clock,
        dir,
        url,
        _database: database,
    }
}

pub async fn open(
    url: &str,
    dir: &std::path::Path,
    clock: &ManualClock,
    settings: Settings,
    options: DbOptions,
) -> Drive {
    let db = Db::open(&url.parse().expect("url"), options).await.expect("rows");
    let storage = format!("file:{}", dir.join("content").display());
    let blobs = Store::open(&storage.parse().expect("url")).await.expect("content");
    let seed = std::time::UNIX_EPOCH.elapsed().map_or(1, |d| d.subsec_nanos().into());
    Drive::new(
        db,
        blobs,
        clock.shared(),
        Arc::new(SeededRandom::new(seed)),
        settings,
        Keys::new([7; 32]),
    )
}

impl Home {
    /// The same drive after its process ended and began again.
    pub async fn reopened(&mut self, settings: Settings, faults: Faults) {
        let options = DbOptions {
            faults,
            ..DbOptions::default()
        };
        self.drive.db().close().await;
        self.drive = open(&self.url, self.dir.path(), &self.clock, settings, options).await;
    }

    /// A person with so many bytes.
    pub async fn person(&self, name: &str, quota: i64) -> UserId {
        let user = User {
            id: UserId(0),
            name: name.into(),
            email: format!("{name}@example.com"),
            nickname: name.into(),
            avatar_url: String::new(),
            password_hash: String::new(),
            is_admin: false,
            is_disabled: false,
            vip_group: 0,
            vip_expire: 0,
            quota,
            used: 0,
            reserved: 0,
            head: 0,
            floor: 0,
            root_id: NodeId(0),
            bin_id: NodeId(0),
            apps_id: NodeId(0),
            created_at: NOW,
        };
        self.drive
            .db()
            .write(user, |tx, user| {
                Box::pin(async move {
                    let r: Result<UserId, pantry_db::DbError> = async {
                        let mut u = user.clone();
                        u.id = UserId(pantry_db::dialect::next_id(tx).await?);
                        u.root_id = NodeId(pantry_db::dialect::next_id(tx).await?);
                        u.bin_id = NodeId(pantry_db::dialect::next_id(tx).await?);
                        users::insert(tx, &u, &u.name, &u.email).await?;
                        let root = Node {
                            user: u.id,
                            id: u.root_id,
                            parent: NodeId(0),
                            kind: Kind::Folder,
                            name: String::new(),
                            sort_key: Vec::new(),
                            live: true,
                            sandbox: false,
                            size: 0,
                            md5: Md5([0; 16]),
                            sha1: Sha1([0; 20]),
                            mime: String::new(),
                            version: VersionId(0),
                            file_count: 0,
                            folder_count: 0,
                            client_id: String::new(),
                            created_at: NOW,
                            modified_at: NOW,
                        };
                        nodes::insert(tx, &root).await?;
                        Ok(u.id)
                    }
                    .await;
                    r.into()
                })
            })
            .await
            .expect("person")
    }

    /// An app that a person gave these scopes.
    pub async fn app(&self, user: UserId, client_id: &str, name: &str, scopes: &str) -> Actor {
        let scopes = Scopes::parse(scopes).expect("scopes");
        let args = (user, client_id.to_owned(), name.to_owned(), scopes);
        let id = self
            .drive
            .db()
            .write(args, |tx, (user, client_id, name, scopes)| {
                Box::pin(async move {
                    let r: Result<GrantId, pantry_db::DbError> = async {
                        if apps::name(tx, client_id).await?.is_none() {
                            let app = apps::App {
                                client_id: client_id.clone(),
                                owner: *user,
                                name: name.clone(),
                                secret: Vec::new(),
                                redirect_uris: Vec::new(),
                                scopes: *scopes,
                                public: true,
                                weipan: false,
                                created_at: NOW,
                            };
                            apps::insert(tx, &app).await?;
                        }
                        let id = GrantId(pantry_db::dialect::next_id(tx).await?);
                        let grant = Grant {
                            user: *user,
                            id,
                            client_id: client_id.clone(),
                            scopes: *scopes,
                            lasting: *scopes,
                            sandbox: NodeId(0),
                            epoch: 1,
                            share_enabled: false,
                            created_at: NOW,
                            last_used_at: 0,
                            last_address: String::new(),
                            revoked_at: 0,
                            expires_at: 0,
                            weipan_at: 0,
                        };
                        grants::insert(tx, &grant).await?;
                        Ok(id)
                    }
                    .await;
                    r.into()
                })
            })
            .await
            .expect("grant");
        Actor::app(user, client_id.to_owned(), id, 1, scopes)
    }

    /// The books balance, contents included.
    pub async fn balanced(&self) {
        let report = self
            .drive
            .check(CheckOptions::default(), &|_| {})
            .await
            .expect("checked");
        assert!(report.clean, "{:#?}", report.findings);
    }

    pub async fn put(&self, actor: &Actor, folder: &str, name: &str, bytes: &[u8]) -> Item {
        self.try_put(actor, folder, name, bytes).await.expect("stored")
    }

    pub async fn try_put(
        &self,
        actor: &Actor,
        folder: &str,
        name: &str,
        bytes: &[u8],
    ) -> Result<Item, pantry_core::Error> {
        let mut r = self
            .drive
            .receive_content(
                actor,
                at(folder),
                name_of(name),
                OnConflict::Overwrite,
                None,
                None,
                Some(bytes.len() as u64),
                1 << 25,
            )
            .await?;
        for piece in bytes.chunks(60_000) {
            r.write(piece).await?;
        }
        r.finish().await
    }

    /// The app's own folder, made if need be.
    pub async fn sandbox(&self, app: &Actor) -> NodeId {
        let made = self
            .drive
            .create_folder(app, FolderRef::Path(None), name_of("made-by-the-test"))
            .await
            .expect("made");
        let what = pantry_core::files::Selection {
            files: vec![],
            folders: vec![made.item.id],
        };
        self.drive.delete(app, what.clone()).await.expect("deleted");
        self.drive.purge(app, what).await.expect("purged");
        made.item.parent
    }

    pub async fn mkdir(&self, actor: &Actor, folder: &str, name: &str) -> Item {
        self.drive
            .create_folder(actor, at(folder), name_of(name))
            .await
            .expect("made")
            .item
    }

    /// Names in a folder, in order.
    pub async fn names(&self, actor: &Actor, folder: &str) -> Vec<String> {
        let l = self
            .drive
            .list(actor, at(folder), Page::Number(1), 200)
            .await
            .expect("listed");
        l.items.into_iter().map(|i| i.name).collect()
    }

    pub async fn begin(&self, actor: &Actor, folder: &str, name: &str, bytes: &[u8]) -> String {
        let declared = Declared {
            name: name_of(name),
            size: bytes.len() as i64,
            md5: md5_of(bytes),
            mime: None,
            on_conflict: OnConflict::Overwrite,
        };
        match self.drive.precreate(actor, at(folder), declared).await.expect("begun") {
            Precreated::Session { upload_id, .. } => upload_id,
            Precreated::Instant(_) => panic!("instant"),
        }
    }

    pub async fn send(&self, upload: &str, seq: i64, bytes: &[u8]) -> Result<(), pantry_core::Error> {
        let mut r = self
            .drive
            .receive_part(upload, seq, Some(bytes.len() as u64), None)
            .await?;
        for piece in bytes.chunks(100_000) {
            r.write(piece).await?;
        }
        r.finish().await.map(|_| ())
    }

    pub async fn send_all(&self, upload: &str, bytes: &[u8]) {
        for (n, part) in (1..).zip(bytes.chunks(CHUNK)) {
            self.send(upload, n, part).await.expect("sent");
        }
    }

    /// Puts so many empty folders into a folder, by rows alone: a large tree in one transaction.
    pub async fn fill(&self, user: UserId, folder: NodeId, count: usize) {
        self.drive
            .db()
            .write((user, folder, count), |tx, (user, folder, count)| {
                Box::pin(async move {
                    let r: Result<(), pantry_db::DbError> = async {
                        let Some(like) = nodes::get(tx, *user, *folder).await? else {
                            return Ok(());
                        };
                        for id in pantry_db::dialect::next_ids(tx, *count).await? {
                            let name = format!("n{id}");
                            let node = Node {
                                id: NodeId(id),
                                parent: *folder,
                                sort_key: pantry_types::sort::sort_key(&name),
                                name,
                                file_count: 0,
                                folder_count: 0,
                                ..like.clone()
                            };
                            nodes::insert(tx, &node).await?;
                        }
                        nodes::count(tx, *user, *folder, 0, *count as i64, NOW).await
                    }
                    .await;
                    r.into()
                })
            })
            .await
            .expect("filled");
    }

    /// The change log of a person, from the start.
    pub async fn log(&self, user: UserId) -> Vec<pantry_db::changes::Change> {
        self.drive
            .db()
            .read(user, |tx, user| {
                Box::pin(async move { pantry_db::changes::since(tx, *user, 0, 1_000_000).await })
            })
            .await
            .expect("log")
    }

    /// How many contents have a row.
    pub async fn contents(&self) -> usize {
        self.drive
            .db()
            .read((), |tx, ()| {
                Box::pin(async move { pantry_db::blobs::all(tx, &[], 1000).await })
            })
            .await
            .expect("contents")
            .len()
    }

    /// The content of a file, through its link.
    pub async fn content(&self, actor: &Actor, id: NodeId) -> Vec<u8> {
        let link = self.drive.link(actor, id, None).await.expect("link");
        let rest = link.path.strip_prefix("/d/").expect("link").to_owned();
        let (claim, sig) = rest.split_once("?sig=").expect("link");
        let opened = self.drive.open_link(claim, sig).await.expect("opened");
        match opened.source {
            pantry_core::downloads::Source::Inline(b) => b.to_vec(),
            pantry_core::downloads::Source::Stored(r) => {
                let mut all = vec![0; usize::try_from(r.len()).expect("length")];
                let mut n = 0;
                while n < all.len() {
                    n += r.read_at(n as u64, &mut all[n..]).expect("read");
                }
                all
            }
        }
    }
}

pub const CHUNK: usize = 5_242_880;

pub fn at(path: &str) -> FolderRef {
    FolderRef::Path(Some(DrivePath::parse(path).expect("path")))
}

pub fn name_of(name: &str) -> Name {
    Name::parse(name).expect("name")
}

pub fn md5_of(bytes: &[u8]) -> Md5 {
    pantry_core::uploads::hasher::hash_all(bytes).md5
}

/// Bytes that look random and are the same each time.
pub fn noise(seed: u8, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    blake3::Hasher::new_keyed(&[seed; 32]).finalize_xof().fill(&mut out);
    out
}
