//! A server whose disk a test can fill, and the change log as it lies in the rows.
//! Must not decide what a full disk is answered with; the server does.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use pantry_blob::{Op, Store};
use pantry_core::{Drive, Keys, Settings};
use pantry_db::{Db, DbErrorKind, DbOptions, Fault, Faults, Point};
use pantry_server::{Server, config, listen};
use pantry_types::SeededRandom;

use crate::{Engine, Person, Place, TestServer};

/// The disk under a server: full when a test says so.
#[derive(Debug)]
pub struct Disk {
    rows: Arc<AtomicBool>,
    contents: Arc<pantry_blob::Faults>,
}

impl Disk {
    /// From now on every write of rows finds the disk full, or none does.
    pub fn fill_rows(&self, is_full: bool) {
        self.rows.store(is_full, Ordering::SeqCst);
    }

    /// The next bytes of a content find the disk full.
    pub fn refuse_content(&self) {
        self.contents.plan(Op::Write, 1, pantry_blob::Fault::NoSpace);
    }
}

impl TestServer {
    /// A server with an empty drive, on a disk that can be filled.
    pub async fn on_a_disk(engine: Engine, change: impl FnOnce(&mut Settings)) -> (Self, Disk) {
        let place = Place::new(engine, change).await;
        let mut settings = place.settings.clone();
        let data_dir = config::data_dir(&settings).expect("a folder");
        std::fs::create_dir_all(&data_dir).expect("the folder is made");
        let disk = Disk {
            rows: Arc::default(),
            contents: Arc::default(),
        };
        let is_full = Arc::clone(&disk.rows);
        let options = DbOptions {
            faults: Faults::new(move |point| {
                (point == Point::Statement && is_full.load(Ordering::SeqCst))
                    .then_some(Fault::RolledBack(DbErrorKind::DiskFull))
            }),
            ..DbOptions::default()
        };
        let database = config::database(&settings, &data_dir).expect("an address");
        let db = Db::open(&database, options).await.expect("the rows");
        let storage = config::storage(&settings, &data_dir).expect("an address");
        let options = pantry_blob::Options {
            faults: Some(Arc::clone(&disk.contents)),
        };
        let blobs = Store::open_with(&storage, options).await.expect("the contents");
        let listener = listen::bind(&settings.server.listen).await.expect("a port");
        settings.server.public_url = format!("http://{}", listener.local_addr().expect("an address"));
        let random = Arc::new(SeededRandom::new(3));
        let drive = Drive::new(db, blobs, place.clock.shared(), random, settings, Keys::new([7; 32]));
        let server = Server::with_drive(drive, listener, None).await;
        (Self::of(server.expect("the server starts"), place), disk)
    }

    /// Number and node of each change in a person's log, in order.
    pub async fn change_log(&self, person: &Person) -> Vec<(i64, i64)> {
        let rows: Result<_, pantry_core::Error> = self
            .drive()
            .db()
            .read(person.id, |tx, user| {
                Box::pin(async move { Ok(pantry_db::changes::since(tx, *user, 0, i64::MAX).await?) })
            })
            .await;
        let rows = rows.expect("the log can be read");
        rows.into_iter().map(|change| (change.seq, change.node.0)).collect()
    }
}
