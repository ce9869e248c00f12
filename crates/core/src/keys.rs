//! The server's secret and the keys made from it, each for one purpose.
//! Must not be logged, nor leave the process.

use std::{fmt, io::Write, path::Path};

use pantry_types::{Random, random};
use subtle::ConstantTimeEq;

/// Keys made from the server's one secret.
#[derive(Clone)]
pub struct Keys {
    master: [u8; 32],
    link: [u8; 32],
    upload: [u8; 32],
    form: [u8; 32],
    ticket: [u8; 32],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// Makes the keys from the secret.
    pub fn new(master: [u8; 32]) -> Self {
        let derive = |what: &str| blake3::derive_key(what, &master);
        Self {
            link: derive("pantry 2026 signed links"),
            upload: derive("pantry 2026 upload ids"),
            form: derive("pantry 2026 form tokens"),
            ticket: derive("pantry 2026 share tickets"),
            master,
        }
    }

    /// Reads the secret from a file, or makes the file (mode 0600) at first start.
    pub fn load_or_create(file: &Path, random: &dyn Random) -> std::io::Result<Self> {
        match std::fs::read(file) {
            Ok(bytes) => Self::from_file(&bytes).ok_or_else(|| {
                std::io::Error::new(
                    std::io::ErrorKind::InvalidData,
                    format!(
                        "{} does not hold a secret of 64 hex digits; restore it from your backup",
                        file.display()
                    ),
                )
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let master = random::bytes::<32>(random);
                let text = format!("{}\n", hex::encode(master));
                let partial = file.with_extension(format!("new-{}", std::process::id()));
                let mut options = std::fs::OpenOptions::new();
                options.write(true).create(true).truncate(true);
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut f = options.open(&partial)?;
                f.write_all(text.as_bytes())?;
                f.sync_all()?;
                // A link never replaces: two processes that start at once end up with one secret.
                let linked = std::fs::hard_link(&partial, file);
                let _ = std::fs::remove_file(&partial);
                match linked {
                    Ok(()) => {
                        if let Some(folder) = file.parent() {
                            std::fs::File::open(folder)?.sync_all()?;
                        }
                        Ok(Self::new(master))
                    }
                    Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Self::load_or_create(file, random),
                    Err(e) => Err(e),
                }
            }
            Err(e) => Err(e),
        }
    }

    fn from_file(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.trim();
        let master: [u8; 32] = hex::decode(text).ok()?.try_into().ok()?;
        Some(Self::new(master))
    }

    /// A key for a purpose of another module; `purpose` must be unique.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, &self.master)
    }

    /// Names the secret without giving it away, so that a database is not
    /// served with another server's secret by mistake.
    pub fn fingerprint(&self) -> Vec<u8> {
        self.derive("pantry 2026 fingerprint")[..8].to_vec()
    }

    /// Signs a link: 16 bytes.
    pub fn sign_link(&self, text: &[u8]) -> [u8; 16] {
        mac(&self.link, text)
    }

    /// Makes an upload's secret from the salt of its row: 16 bytes.
    pub fn upload_secret(&self, salt: &[u8]) -> [u8; 16] {
        mac(&self.upload, salt)
    }

    /// Signs the ticket of a share: 16 bytes.
    pub fn sign_ticket(&self, text: &[u8]) -> [u8; 16] {
        mac(&self.ticket, text)
    }

    /// Binds a form to a session and to what it asks: 16 bytes.
    pub fn form_token(&self, text: &[u8]) -> [u8; 16] {
        mac(&self.form, text)
    }
}

fn mac(key: &[u8; 32], text: &[u8]) -> [u8; 16] {
    let full = blake3::keyed_hash(key, text);
    let mut out = [0; 16];
    out.copy_from_slice(&full.as_bytes()[..16]);
    out
}

/// Compares in time that does not tell where the difference is.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantry_types::SeededRandom;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_secret_is_made_once_and_only_its_owner_reads_it() {
        let dir = std::env::temp_dir().join(format!("pantry-keys-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("folder");
        let file = dir.join("secret");
        let first = Keys::load_or_create(&file, &SeededRandom::new(1)).expect("made");
        let again = Keys::load_or_create(&file, &SeededRandom::new(2)).expect("read");
        assert_eq!(first.fingerprint(), again.fingerprint());
        let mode = std::fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&file, "short").expect("written");
        assert!(Keys::load_or_create(&file, &SeededRandom::new(3)).is_err());
        std::fs::remove_dir_all(&dir).expect("removed");
    }
}
