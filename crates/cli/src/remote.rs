//! Paths in the drive: what stands there, and how full paths look to the token. Must not change anything.

use pantry_client::{Client, Entry};

use crate::{
    fail::{Exit, Failure, about},
    lang::tf,
    text::Text,
};

/// What a path means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// The top of the drive, or of the app's folder.
    Root,
    /// A folder or file.
    There(Entry),
    /// Nothing yet.
    Free,
}

/// A path with one slash before each name, and none at the end but for the root's.
pub fn tidy(path: &str) -> String {
    let names: Vec<&str> = path
        .split('/')
        .filter(|name| !name.is_empty() && *name != ".")
        .collect();
    format!("/{}", names.join("/"))
}

/// The folder and the name of a path; no name for the root.
pub fn split(path: &str) -> (String, Option<String>) {
    let path = tidy(path);
    match path.rsplit_once('/') {
        Some((_, "")) | None => ("/".to_owned(), None),
        Some(("", name)) => ("/".to_owned(), Some(name.to_owned())),
        Some((parent, name)) => (parent.to_owned(), Some(name.to_owned())),
    }
}

/// A name in a folder.
pub fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

/// What stands at a path. A missing folder above it is an error.
pub async fn look(client: &Client, path: &str) -> Result<Target, Failure> {
    let (parent, name) = split(path);
    if name.is_none() {
        return Ok(Target::Root);
    }
    match client.find(&tidy(path)).await {
        Ok(Some(entry)) => Ok(Target::There(entry)),
        Ok(None) => Ok(Target::Free),
        Err(e) if e.is_code("not_found") => Err(Failure::said(
            Exit::NotFound,
            "not_found",
            tf(Text::ErrNoFolder, &[&parent]),
        )),
        Err(e) => Err(about(path)(e)),
    }
}

/// The file or folder at a path.
pub async fn entry(client: &Client, path: &str) -> Result<Entry, Failure> {
    match look(client, path).await? {
        Target::There(entry) => Ok(entry),
        Target::Free => Err(Failure::not_found(path)),
        Target::Root => Err(Failure::said(Exit::Usage, "is_root", tf(Text::ErrIsRoot, &[&"/"]))),
    }
}

/// Whether the path must be a folder because it ends with a slash.
pub fn wants_folder(path: &str) -> bool {
    path.ends_with('/')
}

/// Where things go that are put, moved or copied to `path`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The folder.
    pub folder: String,
    /// The new name; none to keep the old one.
    pub name: Option<String>,
}

/// Several things need a folder; one thing may get a new name instead.
pub async fn place(client: &Client, path: &str, several: bool) -> Result<Place, Failure> {
    let into = || Place {
        folder: tidy(path),
        name: None,
    };
    match look(client, path).await? {
        Target::Root => Ok(into()),
        Target::There(Entry::Folder(_)) => Ok(into()),
        Target::There(Entry::File(_)) if several || wants_folder(path) => Err(Failure::said(
            Exit::Conflict,
            "not_a_folder",
            tf(Text::ErrNotFolder, &[&path]),
        )),
        Target::Free if several || wants_folder(path) => Err(Failure::said(
            Exit::NotFound,
            "not_found",
            tf(Text::ErrNoFolder, &[&path]),
        )),
        Target::There(Entry::File(_)) | Target::Free => {
            let (folder, name) = split(path);
            Ok(Place { folder, name })
        }
    }
}

/// Turns full paths into those that the token sees.
#[derive(Clone, Debug)]
pub struct View {
    root: Option<String>,
}

impl View {
    /// Asks where the token's root is. When it is empty that cannot be known: paths then stay full.
    pub async fn of(client: &Client) -> Result<Self, Failure> {
        Ok(Self {
            root: client.root_path().await?,
        })
    }

    /// The path as the token sees it.
    pub fn path(&self, full: &str) -> String {
        let root = self.root.as_deref().unwrap_or("/").trim_end_matches('/');
        match full.strip_prefix(root) {
            Some(below) if below.starts_with('/') => below.to_owned(),
            _ => full.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Paths.
    use super::*;

    #[test]
    fn paths_are_tidied_and_taken_apart() {
        for (path, tidied, parent, name) in [
            ("", "/", "/", None),
            ("/", "/", "/", None),
            ("a", "/a", "/", Some("a")),
            ("./a//b/", "/a/b", "/a", Some("b")),
        ] {
            assert_eq!(tidy(path), tidied);
            assert_eq!(split(path), (parent.to_owned(), name.map(str::to_owned)));
        }
        assert_eq!(join("/", "a"), "/a");
        assert_eq!(join("/a", "b"), "/a/b");
    }

    #[test]
    fn full_paths_become_the_tokens_own() {
        let view = |root: &str| View {
            root: Some(root.to_owned()),
        };
        assert_eq!(view("/我的应用数据/Notes").path("/我的应用数据/Notes/a/b"), "/a/b");
        assert_eq!(
            view("/我的应用数据/Notes").path("/我的应用数据/Notes2/a"),
            "/我的应用数据/Notes2/a"
        );
        assert_eq!(view("/").path("/a"), "/a");
        assert_eq!(View { root: None }.path("/a"), "/a");
    }
}
