//! Opening a drive from its settings: the data folder, the secret, rows and contents.
//! Must not listen, nor change anything that is there.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path};

use anyhow::{Context, ensure};
use pantry_blob::Store;
use pantry_core::{Drive, Keys, Settings};
use pantry_db::{DatabaseUrl, Db, DbOptions};
use pantry_types::{Random, SharedClock, SharedRandom};

use crate::config;

/// What a drive is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To serve it, or to add to it: what is missing is made, namely the data folder (mode 0700), the secret in it (0600),
    /// the tables, the folders of contents.
    Use,
    /// To look at it: without a database there is nothing to look at, and no secret is made.
    Inspect,
}

/// Opens what the settings name. `server.public_url` must be filled in by whoever serves.
///
/// # Errors
/// A text for the operator.
pub async fn drive(
    settings: Settings,
    purpose: Purpose,
    clock: SharedClock,
    random: SharedRandom,
) -> anyhow::Result<Drive> {
    let data_dir = config::data_dir(&settings)?;
    let database = config::database(&settings, &data_dir)?;
    let keys = match purpose {
        Purpose::Use => {
            make_data_dir(&data_dir)?;
            secret(&data_dir.join("secret"), random.as_ref())?
        }
        Purpose::Inspect => {
            if let DatabaseUrl::Sqlite(file) = &database {
                ensure!(file.is_file(), "there is no database at {}", file.display());
            }
            // Nothing is signed or opened with them.
            Keys::new(pantry_types::random::bytes::<32>(random.as_ref()))
        }
    };
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

fn secret(file: &Path, random: &dyn Random) -> anyhow::Result<Keys> {
    Keys::load_or_create(file, random).with_context(|| format!("the server's secret {}", file.display()))
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
