//! Opening a drive from its settings: the data folder, the secret, rows and contents.
//! Must not listen, nor change anything that is there.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path};

use anyhow::Context;
use pantry_blob::Store;
use pantry_core::{Drive, Keys, Settings};
use pantry_db::{Db, DbOptions};
use pantry_types::{SharedClock, SharedRandom};

use crate::config;

/// Opens what the settings name, and makes what is not there yet: the data folder (mode 0700), the secret in it (0600),
/// the tables, the folders of contents. `server.public_url` must be filled in by whoever serves.
///
/// # Errors
/// A text for the operator.
pub async fn drive(settings: Settings, clock: SharedClock, random: SharedRandom) -> anyhow::Result<Drive> {
    let data_dir = config::data_dir(&settings)?;
    make_data_dir(&data_dir)?;
    let secret = data_dir.join("secret");
    let keys = Keys::load_or_create(&secret, random.as_ref())
        .with_context(|| format!("the server's secret {}", secret.display()))?;
    let database = config::database(&settings, &data_dir)?;
    let options = DbOptions {
        pool: settings.server.database_connections.max(1),
        ..DbOptions::default()
    };
    let db = Db::open(&database, options)
        .await
        .with_context(|| format!("cannot open the database {database}"))?;
    let blobs = Store::open(&config::storage(&settings, &data_dir)?)
        .await
        .context("cannot open the storage of contents")?;
    Ok(Drive::new(db, blobs, clock, random, settings, keys))
}

/// Makes the data folder for its owner alone. One that is there keeps its mode: somebody may have chosen it.
fn make_data_dir(data_dir: &Path) -> anyhow::Result<()> {
    if data_dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = data_dir.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    let made = DirBuilder::new().mode(0o700).create(data_dir);
    match made {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(e).with_context(|| format!("cannot make the data folder {}", data_dir.display()))
        }
        _ => Ok(()),
    }
}
