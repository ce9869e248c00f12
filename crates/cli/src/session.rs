//! The sign-in that is kept between runs: where the server is, which app this is, and (by the client's own store) the
//! tokens. All of it is readable by its owner alone. Must not talk to a server.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use pantry_client::{Client, FileStore, MemoryStore, StoreError};
use pantry_types::SecretText;
use serde::{Deserialize, Serialize};

use crate::{
    fail::{Exit, Failure},
    lang::t,
    text::Text,
};

/// Where to sign in, and as which app.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    /// Address of the server.
    pub server: String,
    /// The app.
    pub client_id: String,
    /// The app's secret, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

/// The folder that everything is kept in.
pub fn folder() -> Result<PathBuf, Failure> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // A relative XDG path is to be ignored, as its specification says.
    let config = set("XDG_CONFIG_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".config")));
    match config {
        Some(config) => Ok(config.join("pantry")),
        None => Err(Failure::said(Exit::Failed, "no_home", t(Text::ErrNoHome).to_owned())),
    }
}

/// The tokens' file.
pub fn store() -> Result<FileStore, Failure> {
    Ok(FileStore::new(folder()?.join("tokens.json")))
}

impl Session {
    /// The kept session; none when nobody ever signed in.
    pub fn load() -> Result<Option<Self>, Failure> {
        let path = folder()?.join("session.json");
        let read = |e: io::Error| Failure::from(pantry_client::Error::from(StoreError::new("read", e)));
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| read(e.into())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(read(e)),
        }
    }

    /// Keeps the session.
    pub fn save(&self) -> Result<(), Failure> {
        let write = |e: io::Error| Failure::from(pantry_client::Error::from(StoreError::new("written", e)));
        let text = serde_json::to_vec_pretty(self).map_err(|e| write(e.into()))?;
        write_private(&folder()?, "session.json", &text).map_err(write)
    }

    /// A client of this session with the kept tokens.
    pub fn client(&self) -> Result<Client, Failure> {
        let mut client = Client::new(&self.server)?
            .with_client_id(&self.client_id)
            .with_store(Arc::new(store()?));
        if let Some(secret) = &self.client_secret {
            client = client.with_client_secret(SecretText::new(secret.clone()));
        }
        Ok(client)
    }
}

/// The client of every command but `login`: the kept sign-in, or the token of the environment.
pub fn client() -> Result<Client, Failure> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let session = Session::load()?;
    if let Some(token) = variable("PANTRY_TOKEN") {
        let server = variable("PANTRY_SERVER").or(session.map(|session| session.server));
        let server = server.ok_or_else(|| Failure::said(Exit::Usage, "no_server", t(Text::ErrNoServer).to_owned()))?;
        return Ok(Client::new(&server)?.with_store(Arc::new(MemoryStore::of_access_token(&token))));
    }
    match session {
        Some(session) => session.client(),
        None => Err(Failure::said(
            Exit::SignIn,
            "sign_in_needed",
            t(Text::ErrNoSession).to_owned(),
        )),
    }
}

fn write_private(folder: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    let new = folder.join(format!("{name}.new"));
    match fs::remove_file(&new) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(new, folder.join(name))
}
