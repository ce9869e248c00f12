//! The storage address of the settings (`file:PATH`). Owns its text form; must not open anything.

use std::{path::PathBuf, str::FromStr};

use crate::BlobError;

/// Where the store keeps its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageUrl {
    /// A folder of this machine: `file:/var/lib/pantry/blobs`, or relative to the working folder.
    File(PathBuf),
}

impl FromStr for StorageUrl {
    type Err = BlobError;

    fn from_str(text: &str) -> Result<Self, BlobError> {
        let bad = |why: &str| BlobError::BadUrl {
            url: text.to_owned(),
            why: why.to_owned(),
        };
        let Some(path) = text.strip_prefix("file:") else {
            return Err(bad(
                "it must begin with file: and name a folder, as in file:/var/lib/pantry/blobs",
            ));
        };
        // `file:///folder` is how URLs write an absolute path.
        let path = match path.strip_prefix("//") {
            Some(rest) if rest.starts_with('/') => rest,
            Some(_) => return Err(bad("a machine name in it is not supported")),
            None => path,
        };
        if path.is_empty() || path.contains('\0') {
            return Err(bad("the folder is missing after file:"));
        }
        Ok(Self::File(PathBuf::from(path)))
    }
}
