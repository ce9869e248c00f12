//! Where a test's drive lies: a temporary folder, and a database in it or on the test server.
//! Owns the making, the proof of the books at the end, and the removal.

use std::sync::Arc;

use pantry_core::{Drive, Settings, check::CheckOptions};
use pantry_server::open::{self, Purpose};
use pantry_types::{ManualClock, SeededRandom};

use crate::{
    pg::{self, TestDatabase},
    secrets,
};

/// What a test's clock shows at first, in Unix seconds.
pub const NOW: i64 = 1_795_000_000;

/// Which engine holds the rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// A server, started by `scripts/with-postgres`.
    Postgres,
}

/// The place of one drive, and the settings that lead to it.
#[derive(Debug)]
pub struct Place {
    /// Settings of whoever opens it.
    pub settings: Settings,
    /// What its drive's clock shows.
    pub clock: ManualClock,
    /// Whether the books are proved at the end.
    pub is_checked: bool,
    folder: tempfile::TempDir,
    _database: Option<TestDatabase>,
}

impl Place {
    /// An empty place. `change` is given the settings before anything is opened.
    pub async fn new(engine: Engine, change: impl FnOnce(&mut Settings)) -> Self {
        secrets::log_here();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut settings = Settings::default();
        settings.server.listen = "127.0.0.1:0".to_owned();
        settings.server.data_dir = folder.path().join("data").display().to_string();
        // A test keeps house when it wants to, and by its own clock.
        settings.janitor.interval_seconds = 0;
        // And sends nothing by itself.
        settings.hooks.interval_seconds = 0;
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(pg::fresh_database().await),
        };
        if let Some(database) = &database {
            settings.server.database = database.url.clone();
        }
        settings.server.database_connections = 8;
        change(&mut settings);
        Self {
            settings,
            clock: ManualClock::at(NOW),
            is_checked: true,
            folder,
            _database: database,
        }
    }

    /// A folder of the test's own, beside the drive's.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Opens the drive once more, to look at it.
    async fn inspect(settings: Settings, clock: ManualClock) -> Drive {
        let random = Arc::new(SeededRandom::new(2));
        let drive = open::drive(settings, Purpose::Inspect, clock.shared(), random).await;
        drive.expect("the drive opens")
    }

    fn prove_books(&self) {
        let (settings, clock) = (self.settings.clone(), self.clock.clone());
        // A runtime of its own: the test's may be busy running this very drop.
        let proof = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let drive = Self::inspect(settings, clock).await;
                let report = drive.check(CheckOptions::default(), &|_| {}).await;
                drive.db().close().await;
                report.expect("the books can be checked")
            })
        });
        let report = proof.join().expect("the check ran");
        assert!(report.clean, "the books do not balance: {:#?}", report.findings);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_checked && !std::thread::panicking() {
            self.prove_books();
        }
    }
}
