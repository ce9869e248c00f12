//! `/v1/files*` but for contents: listing, finding, folders, and moving things about. Must not touch local files.

use std::fmt;

use pantry_api::{
    Affected, ArchiveLink, CreatedFolder, FileInfo, FolderInfo, Listing, NodeInfo, SearchHits, VersionEntry, Versions,
};
use serde::Serialize;

use crate::{Client, Entries, Entry, Error, retry::Repeat};

/// Entries of one page; the most that the server gives.
pub(crate) const PAGE: i64 = 200;

/// What to do when a name is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// Refuse with 409 `name_taken`.
    Fail,
    /// Take another name: `movie (1).mp4`.
    Rename,
    /// Take its place: a file's old content stays as a version, what a move replaces goes to the bin.
    Overwrite,
}

impl fmt::Display for OnConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fail => "fail",
            Self::Rename => "rename",
            Self::Overwrite => "overwrite",
        })
    }
}

/// Files and folders by their ids. An operation on them is done whole or not at all.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Selection {
    /// Files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_ids: Vec<i64>,
    /// Folders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folder_ids: Vec<i64>,
}

impl Selection {
    /// One file.
    pub fn file(id: i64) -> Self {
        Self {
            file_ids: vec![id],
            folder_ids: Vec::new(),
        }
    }

    /// One folder.
    pub fn folder(id: i64) -> Self {
        Self {
            file_ids: Vec::new(),
            folder_ids: vec![id],
        }
    }

    /// Adds a listed file or folder.
    pub fn push(&mut self, entry: &Entry) {
        match entry {
            Entry::File(file) => self.file_ids.push(file.id),
            Entry::Folder(folder) => self.folder_ids.push(folder.id),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.file_ids.len() + self.folder_ids.len()
    }

    /// Whether nothing is chosen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Serialize)]
struct Manage<'a> {
    action: &'static str,
    #[serde(flatten)]
    what: &'a Selection,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_conflict: Option<OnConflict>,
}

#[derive(Serialize)]
struct Archive<'a> {
    #[serde(flatten)]
    what: &'a Selection,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct PageQuery<'a> {
    #[serde(flatten)]
    folder: &'a Folder,
    limit: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

/// Which folder is listed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Folder {
    Path(String),
    FolderId(i64),
}

/// The folder and the name of a path as the token sees it; no name for the root.
pub(crate) fn split(path: &str) -> (String, Option<&str>) {
    let path = path.trim_end_matches('/');
    match path.rsplit_once('/') {
        None if path.is_empty() => ("/".to_owned(), None),
        None => ("/".to_owned(), Some(path)),
        Some((_, "")) => ("/".to_owned(), None),
        Some((parent, name)) => {
            let parent = parent.trim_end_matches('/');
            let parent = if parent.is_empty() { "/" } else { parent };
            (parent.to_owned(), Some(name))
        }
    }
}

impl Client {
    /// One page of a folder (`GET /v1/files`), `limit` up to 200 entries. `cursor` is the last page's `next_cursor`.
    ///
    /// # Errors
    /// [`Error::Api`] 404: no such folder; 403: the path lies outside what the token may read.
    pub async fn list_page(&self, path: &str, cursor: Option<&str>, limit: i64) -> Result<Listing, Error> {
        self.page_of(&Folder::Path(path.to_owned()), cursor, limit).await
    }

    pub(crate) async fn page_of(&self, folder: &Folder, cursor: Option<&str>, limit: i64) -> Result<Listing, Error> {
        self.get("/v1/files", &PageQuery { folder, limit, cursor }).await
    }

    /// A whole folder, page by page.
    pub fn list(&self, path: &str) -> Entries {
        Entries::new(self.clone(), Folder::Path(path.to_owned()))
    }

    /// The same by the folder's id, which stays the same folder wherever it is moved to meanwhile; 0 is the token's root.
    pub fn list_folder(&self, folder_id: i64) -> Entries {
        Entries::new(self.clone(), Folder::FolderId(folder_id))
    }

    /// What stands at a path; none if nothing does. The root has no entry, so `/` gives none as well. v1 has no call for
    /// this: the folder above is listed until the name is found.
    ///
    /// # Errors
    /// [`Error::Api`] 404: the folder above does not exist; 403: it lies outside what the token may read.
    pub async fn find(&self, path: &str) -> Result<Option<Entry>, Error> {
        let (parent, Some(name)) = split(path) else {
            return Ok(None);
        };
        let mut entries = self.list(&parent);
        while let Some(entry) = entries.next().await? {
            if entry.name() == name {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Files whose name contains `q`, newest first (`GET /v1/files/search`); `ext` without the dot, `limit` up to 200.
    ///
    /// # Errors
    /// [`Error::Api`] 400: `q` is empty.
    pub async fn search(&self, q: &str, ext: Option<&str>, limit: i64) -> Result<SearchHits, Error> {
        let mut query = vec![("q", q.to_owned()), ("limit", limit.to_string())];
        query.extend(ext.map(|ext| ("ext", ext.to_owned())));
        self.get("/v1/files/search", &query).await
    }

    /// A file or folder by its id (`GET /v1/files/{id}`).
    ///
    /// # Errors
    /// [`Error::Api`] 404: there is none that the token may read.
    pub async fn stat(&self, id: i64) -> Result<NodeInfo, Error> {
        self.get(&format!("/v1/files/{id}"), &()).await
    }

    /// The full path of what the token sees as `/`, so that full paths can be turned into the token's own; none when
    /// that cannot be known because there is nothing in it.
    ///
    /// # Errors
    /// Those of listing.
    pub async fn root_path(&self) -> Result<Option<String>, Error> {
        let first = self.list_page("/", None, 1).await?;
        let first = first
            .folders
            .first()
            .map(|f| f.id)
            .or(first.files.first().map(|f| f.id));
        let Some(first) = first else { return Ok(None) };
        let (NodeInfo::File(FileInfo { path, .. }) | NodeInfo::Folder(FolderInfo { path, .. })) =
            self.stat(first).await?;
        Ok(Some(split(&path).0))
    }

    /// Makes a folder (`POST /v1/files/folder`).
    ///
    /// # Errors
    /// [`Error::Api`] 409 `name_taken`; 404: no such parent; 400: an illegal name.
    pub async fn create_folder(&self, parent_path: &str, name: &str) -> Result<CreatedFolder, Error> {
        let body = serde_json::json!({"parent_path": parent_path, "name": name});
        self.post("/v1/files/folder", &body, Repeat::IfRefused).await
    }

    /// Makes a folder and those above it, as far as they are missing. Gives how many were made.
    ///
    /// # Errors
    /// [`Error::Api`] 409 `name_taken`: a file stands in the way.
    pub async fn create_folders(&self, path: &str) -> Result<usize, Error> {
        // From below, so that the usual case, where most of them exist, asks little.
        let mut missing = Vec::new();
        let mut at = path.to_owned();
        while let (parent, Some(name)) = split(&at) {
            match self.list_page(&at, None, 1).await {
                Ok(_) => break,
                Err(e) if e.is_status(404) => missing.push((parent.clone(), name.to_owned())),
                Err(e) => return Err(e),
            }
            at = parent;
        }
        let mut made = 0;
        for (parent, name) in missing.iter().rev() {
            match self.create_folder(parent, name).await {
                Ok(_) => made += 1,
                // Somebody else may have made it meanwhile; a file of that name stays an error.
                Err(e) if e.is_code("name_taken") => {
                    let below = format!("{}/{name}", parent.trim_end_matches('/'));
                    if self.list_page(&below, None, 1).await.is_err() {
                        return Err(e);
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Ok(made)
    }

    /// Gives the one thing in `what` a new name.
    ///
    /// # Errors
    /// [`Error::Api`] 409 `name_taken` or `kind_mismatch`; 400: an illegal name, or not exactly one id.
    pub async fn rename(&self, what: &Selection, new_name: &str, on_conflict: OnConflict) -> Result<Affected, Error> {
        self.manage("rename", what, None, Some(new_name), Some(on_conflict))
            .await
    }

    /// Moves `what` into the folder at `dest_path`.
    ///
    /// # Errors
    /// [`Error::Api`] 409 `name_taken`, `kind_mismatch` or `into_itself`; 404: no such folder.
    pub async fn move_into(
        &self,
        what: &Selection,
        dest_path: &str,
        on_conflict: OnConflict,
    ) -> Result<Affected, Error> {
        self.manage("move", what, Some(dest_path), None, Some(on_conflict))
            .await
    }

    /// Copies `what`, folders with all that is in them, into the folder at `dest_path`. A large copy answers with a job:
    /// see [`Client::wait_for_job`].
    ///
    /// # Errors
    /// [`Error::Api`] 409 `name_taken`, `kind_mismatch` or `into_itself`; 404: no such folder; 507: no space.
    pub async fn copy_into(
        &self,
        what: &Selection,
        dest_path: &str,
        on_conflict: OnConflict,
    ) -> Result<Affected, Error> {
        self.manage("copy", what, Some(dest_path), None, Some(on_conflict))
            .await
    }

    /// Moves `what` to the bin.
    ///
    /// # Errors
    /// [`Error::Api`] 404: one of them does not exist.
    pub async fn delete(&self, what: &Selection) -> Result<Affected, Error> {
        self.manage("delete", what, None, None, None).await
    }

    /// A signed link to one ZIP of `what`, folders with all that is in them (`POST /v1/files/archive`). `name` is what it is called.
    /// Whoever has the link can fetch it; one that breaks off is no archive, and is begun again.
    ///
    /// # Errors
    /// [`Error::Api`] 404: one of them does not exist; 400: none, or more than 1,000; 429: too many wait to be fetched.
    pub async fn archive_link(&self, what: &Selection, name: Option<&str>) -> Result<ArchiveLink, Error> {
        let body = Archive { what, name };
        self.post("/v1/files/archive", &body, Repeat::IfRefused).await
    }

    /// What a file holds and held, newest first (`GET /v1/files/{id}/versions`).
    ///
    /// # Errors
    /// [`Error::Api`] 404: no such file.
    pub async fn versions(&self, id: i64) -> Result<Versions, Error> {
        self.get(&format!("/v1/files/{id}/versions"), &()).await
    }

    /// Keeps a version of a file for ever, or no longer (`POST /v1/files/{id}/versions/{version}/keep`).
    ///
    /// # Errors
    /// [`Error::Api`] 404: no such file, or it has no such version.
    pub async fn keep_version(&self, id: i64, version: i64, keep: bool) -> Result<VersionEntry, Error> {
        let body = serde_json::json!({"keep": keep});
        let url = format!("/v1/files/{id}/versions/{version}/keep");
        self.post(&url, &body, Repeat::IfRefused).await
    }

    async fn manage(
        &self,
        action: &'static str,
        what: &Selection,
        dest_path: Option<&str>,
        new_name: Option<&str>,
        on_conflict: Option<OnConflict>,
    ) -> Result<Affected, Error> {
        let body = Manage {
            action,
            what,
            dest_path,
            new_name,
            on_conflict,
        };
        self.post("/v1/files/manage", &body, Repeat::IfRefused).await
    }
}

#[cfg(test)]
mod tests {
    //! Paths taken apart.
    use super::split;

    #[test]
    fn a_path_is_its_folder_and_its_name() {
        for (path, parent, name) in [
            ("", "/", None),
            ("/", "/", None),
            ("//", "/", None),
            ("a", "/", Some("a")),
            ("/a", "/", Some("a")),
            ("/a/", "/", Some("a")),
            ("/a/b", "/a", Some("b")),
            ("a/b//", "a", Some("b")),
            ("/a//b", "/a", Some("b")),
        ] {
            assert_eq!(split(path), (parent.to_owned(), name), "{path}");
        }
    }
}
