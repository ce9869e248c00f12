//! The drive: its rules and its transactions. Every operation of every face ends here.
//! Must not know HTTP, nor any face's shapes or numbers.

pub mod access;
pub mod account;
pub mod actor;
pub mod archive;
pub mod auth;
pub mod bin;
pub mod changes;
pub mod check;
pub mod contents;
mod copy;
pub mod downloads;
mod error;
pub mod files;
pub mod history;
pub mod hooks;
pub mod item;
pub mod janitor;
pub mod keys;
pub mod search;
pub mod settings;
pub mod shares;
pub mod uploads;
pub mod weipan;

use std::sync::Arc;

use pantry_blob::Store;
use pantry_db::Db;
use pantry_types::{SharedClock, SharedRandom};

pub use actor::{Actor, Reach, View};
pub use error::Error;
pub use keys::Keys;
pub use pantry_db::{jobs::JobState, nodes::Kind};
pub use settings::Settings;

/// The drive, open. Cheap to clone.
#[derive(Clone)]
pub struct Drive(Arc<Inner>);

/// What every operation needs.
struct Inner {
    db: Db,
    blobs: Store,
    clock: SharedClock,
    random: SharedRandom,
    settings: Settings,
    keys: Keys,
    auth: auth::State,
    uploads: uploads::Uploads,
    weipan: weipan::State,
    watch: changes::Watch,
    /// Housekeeping does not rest any more.
    hurried: std::sync::atomic::AtomicBool,
}

impl std::fmt::Debug for Drive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Drive")
    }
}

impl Drive {
    /// Puts the drive together. `settings.server.public_url` must be filled in.
    pub fn new(db: Db, blobs: Store, clock: SharedClock, random: SharedRandom, settings: Settings, keys: Keys) -> Self {
        Self(Arc::new(Inner {
            db,
            blobs,
            clock,
            random,
            settings,
            keys,
            auth: auth::State::new(),
            uploads: uploads::Uploads::start(),
            weipan: weipan::State::new(),
            watch: changes::Watch::default(),
            hurried: std::sync::atomic::AtomicBool::new(false),
        }))
    }

    /// The row store.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The object store.
    pub fn blobs(&self) -> &Store {
        &self.0.blobs
    }

    /// Unix seconds by the drive's clock.
    pub fn now(&self) -> i64 {
        self.0.clock.now()
    }

    /// The drive's clock.
    pub fn clock(&self) -> &SharedClock {
        &self.0.clock
    }

    /// The drive's source of randomness.
    pub fn random(&self) -> &SharedRandom {
        &self.0.random
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn uploads(&self) -> &uploads::Uploads {
        &self.0.uploads
    }

    /// The keys.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }
}
