//! MD5 of local files and of bytes as they pass. Must not compare: whoever asks knows what is expected.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use md5::{Digest, Md5};

use crate::{Error, Progress, Step};

/// Bytes read at a time.
const BLOCK: usize = 1024 * 1024;

/// A hash of bytes that come one after another.
#[derive(Clone, Default)]
pub(crate) struct Hasher(Md5);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// 32 lower-case hex digits.
    pub(crate) fn finish(self) -> String {
        pantry_types::Md5(self.0.finalize().into()).to_string()
    }
}

/// The MD5 of a local file, as 32 lower-case hex digits.
///
/// # Errors
/// [`Error::Local`]
pub async fn md5_of_file(path: &Path, progress: Option<&Progress>) -> Result<String, Error> {
    Ok(hash_start(path, None, progress).await?.finish())
}

/// A hasher that has taken the first `length` bytes of a file, or all of it. A file that is shorter is an error.
pub(crate) async fn hash_start(path: &Path, length: Option<u64>, progress: Option<&Progress>) -> Result<Hasher, Error> {
    let (owned, progress) = (PathBuf::from(path), progress.cloned());
    // Reading and hashing keep a thread busy for seconds: not one of the runtime's.
    let done = tokio::task::spawn_blocking(move || hash(&owned, length, progress.as_ref())).await;
    match done {
        Ok(hashed) => hashed.map_err(|e| Error::local(path, e)),
        Err(e) => Err(Error::local(path, std::io::Error::other(e))),
    }
}

fn hash(path: &Path, length: Option<u64>, progress: Option<&Progress>) -> std::io::Result<Hasher> {
    let mut file = File::open(path)?;
    let total = match length {
        Some(length) => length,
        None => file.metadata()?.len(),
    };
    let mut reader = std::io::Read::by_ref(&mut file).take(length.unwrap_or(u64::MAX));
    let (mut hasher, mut block, mut done) = (Hasher::default(), vec![0; BLOCK], 0);
    loop {
        let n = match reader.read(&mut block) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        hasher.update(&block[..n]);
        done += n as u64;
        if let Some(progress) = progress {
            progress(Step::Hashing { done, total });
        }
    }
    if length.is_some_and(|length| done < length) {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(hasher)
}
