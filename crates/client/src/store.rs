//! Where tokens are kept between calls and between runs: in memory, or in a file that only its owner can read.
//! Must not renew them.

use std::{
    any::Any,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

/// What a sign-in gives.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Opens v1.
    pub access_token: String,
    /// Gets the next pair, once; without it the sign-in ends with the access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// When the access token dies, Unix seconds; 0 when that is not known.
    #[serde(default)]
    pub expires_at: i64,
    /// Scopes with spaces between them.
    #[serde(default)]
    pub scope: String,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("expires_at", &self.expires_at)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// Why a store failed.
#[derive(Debug, thiserror::Error)]
#[error("the stored sign-in cannot be {doing}: {source}")]
pub struct StoreError {
    /// `read`, `written`, …
    pub doing: &'static str,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl StoreError {
    /// A failure of `doing` something with the store.
    pub fn new(doing: &'static str, source: io::Error) -> Self {
        Self { doing, source }
    }
}

/// Held while tokens are renewed; dropping it lets the next one in.
pub type Lock = Box<dyn Any + Send>;

/// Keeps the tokens of one sign-in. Its calls may block for as long as a small file takes, `lock` for as long as another
/// process takes to renew.
pub trait TokenStore: Send + Sync {
    /// The tokens; none when nobody is signed in.
    ///
    /// # Errors
    /// The store cannot be read.
    fn load(&self) -> Result<Option<Tokens>, StoreError>;

    /// Keeps new tokens in place of the old ones, durably: the old refresh token is dead already.
    ///
    /// # Errors
    /// The store cannot be written.
    fn save(&self, tokens: &Tokens) -> Result<(), StoreError>;

    /// Forgets the tokens.
    ///
    /// # Errors
    /// The store cannot be written.
    fn clear(&self) -> Result<(), StoreError>;

    /// Keeps other processes from renewing the same tokens: a refresh token that is used twice ends the whole grant.
    ///
    /// # Errors
    /// The lock cannot be had.
    fn lock(&self) -> Result<Lock, StoreError> {
        Ok(Box::new(()))
    }
}

/// Keeps tokens for the life of the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Option<Tokens>>);

impl MemoryStore {
    /// A store that holds `tokens`.
    pub fn with(tokens: Tokens) -> Self {
        Self(Mutex::new(Some(tokens)))
    }

    /// A store with an access token alone, which cannot be renewed.
    pub fn of_access_token(token: &str) -> Self {
        Self::with(Tokens {
            access_token: token.to_owned(),
            refresh_token: None,
            expires_at: 0,
            scope: String::new(),
        })
    }
}

impl TokenStore for MemoryStore {
    fn load(&self) -> Result<Option<Tokens>, StoreError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn save(&self, tokens: &Tokens) -> Result<(), StoreError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokens.clone());
        Ok(())
    }

    fn clear(&self) -> Result<(), StoreError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

/// Keeps tokens in a JSON file of mode 0600, replaced whole; processes that share it renew one at a time.
#[derive(Clone, Debug)]
pub struct FileStore {
    path: PathBuf,
}

impl FileStore {
    /// A store in the file `path`; it and its folder (mode 0700) are made when tokens are first kept.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        self.path.with_file_name(name)
    }

    fn make_folder(&self) -> io::Result<()> {
        let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
            return Ok(());
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)
    }

    fn write(&self, tokens: &Tokens) -> io::Result<()> {
        self.make_folder()?;
        let new = self.beside(".new");
        // One left behind by a crash may have another mode.
        remove(&new)?;
        let mut file = private(&new, true)?;
        file.write_all(&serde_json::to_vec_pretty(tokens)?)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)
    }
}

fn private(path: &Path, fresh: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).create_new(fresh);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

impl TokenStore for FileStore {
    fn load(&self) -> Result<Option<Tokens>, StoreError> {
        let read = |e| StoreError::new("read", e);
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| read(e.into())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(read(e)),
        }
    }

    fn save(&self, tokens: &Tokens) -> Result<(), StoreError> {
        self.write(tokens).map_err(|e| StoreError::new("written", e))
    }

    fn clear(&self) -> Result<(), StoreError> {
        remove(&self.path).map_err(|e| StoreError::new("removed", e))
    }

    fn lock(&self) -> Result<Lock, StoreError> {
        let locked = || -> io::Result<File> {
            self.make_folder()?;
            let file = private(&self.beside(".lock"), false)?;
            file.lock()?;
            Ok(file)
        };
        Ok(Box::new(locked().map_err(|e| StoreError::new("locked", e))?))
    }
}

#[cfg(test)]
mod tests {
    //! The file: its mode, its replacement, and that nothing secret shows.
    use super::*;

    fn tokens(access: &str) -> Tokens {
        Tokens {
            access_token: access.to_owned(),
            refresh_token: Some("secret-refresh".to_owned()),
            expires_at: 5,
            scope: "user.read".to_owned(),
        }
    }

    #[test]
    fn a_file_keeps_tokens_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a").join("tokens.json");
        let store = FileStore::new(&path);
        assert_eq!(store.load().expect("no file is no tokens"), None);
        store.save(&tokens("one")).expect("saved");
        fs::write(store.beside(".new"), "left by a crash").expect("written");
        store.save(&tokens("two")).expect("saved again");
        assert_eq!(store.load().expect("read"), Some(tokens("two")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(path.parent().expect("a folder")), 0o700);
        }
        store.clear().expect("cleared");
        store.clear().expect("cleared twice");
        assert_eq!(store.load().expect("gone"), None);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_a_signed_out_person() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens.json");
        fs::write(&path, "{").expect("written");
        assert!(FileStore::new(&path).load().is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!(
            "{:?} {:?}",
            tokens("secret-access"),
            MemoryStore::with(tokens("secret-access"))
        );
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn one_lock_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FileStore::new(folder.path().join("tokens.json"));
        let held = store.lock().expect("locked");
        let other = private(&store.beside(".lock"), false).expect("opened");
        assert!(other.try_lock().is_err());
        drop(held);
        assert!(other.try_lock().is_ok());
    }
}
