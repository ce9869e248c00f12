//! Listings as one runs through them: page after page by cursor, entry after entry. Must not hold more than one page.

use std::collections::VecDeque;

use futures_util::{Stream, stream};
use pantry_api::{BinEntry, FileEntry, FolderEntry};

use crate::{
    Client, Error,
    files::{Folder, PAGE},
};

/// A folder or a file in a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A folder.
    Folder(FolderEntry),
    /// A file.
    File(FileEntry),
}

impl Entry {
    /// Id.
    pub fn id(&self) -> i64 {
        match self {
            Self::Folder(folder) => folder.id,
            Self::File(file) => file.id,
        }
    }

    /// Name.
    pub fn name(&self) -> &str {
        match self {
            Self::Folder(folder) => &folder.name,
            Self::File(file) => &file.name,
        }
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        matches!(self, Self::Folder(_))
    }
}

/// Where a listing by cursor stands.
#[derive(Clone, PartialEq, Eq, Debug)]
enum At {
    Start,
    Cursor(String),
    End,
}

impl At {
    fn after(cursor: Option<String>) -> Self {
        cursor.map_or(Self::End, Self::Cursor)
    }

    /// The cursor to send for the next page; `None` at the end.
    fn next(&self) -> Option<Option<&str>> {
        match self {
            Self::Start => Some(None),
            Self::Cursor(cursor) => Some(Some(cursor)),
            Self::End => None,
        }
    }
}

/// The entries of a folder in natural order, folders first. Names that change meanwhile may be missed or seen twice.
#[derive(Debug)]
pub struct Entries {
    client: Client,
    folder: Folder,
    page: VecDeque<Entry>,
    at: At,
}

impl Entries {
    pub(crate) fn new(client: Client, folder: Folder) -> Self {
        Self {
            client,
            folder,
            page: VecDeque::new(),
            at: At::Start,
        }
    }

    /// The next entry; none at the end.
    ///
    /// # Errors
    /// Those of [`Client::list_page`].
    pub async fn next(&mut self) -> Result<Option<Entry>, Error> {
        while self.page.is_empty() {
            let Some(cursor) = self.at.next() else { return Ok(None) };
            let page = self.client.page_of(&self.folder, cursor, PAGE).await?;
            self.page.extend(page.folders.into_iter().map(Entry::Folder));
            self.page.extend(page.files.into_iter().map(Entry::File));
            self.at = At::after(page.next_cursor);
        }
        Ok(self.page.pop_front())
    }

    /// The same as a stream, which ends after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Entry, Error>> {
        stream::try_unfold(self, |mut entries| async move {
            Ok(entries.next().await?.map(|entry| (entry, entries)))
        })
    }
}

/// The items of the bin, latest first.
#[derive(Debug)]
pub struct BinItems {
    client: Client,
    page: VecDeque<BinEntry>,
    at: At,
}

impl BinItems {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            page: VecDeque::new(),
            at: At::Start,
        }
    }

    /// The next item; none at the end.
    ///
    /// # Errors
    /// Those of [`Client::bin_page`].
    pub async fn next(&mut self) -> Result<Option<BinEntry>, Error> {
        while self.page.is_empty() {
            let Some(cursor) = self.at.next() else { return Ok(None) };
            let page = self.client.bin_page(cursor, PAGE).await?;
            self.page.extend(page.items);
            self.at = At::after(page.next_cursor);
        }
        Ok(self.page.pop_front())
    }

    /// The same as a stream, which ends after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<BinEntry, Error>> {
        stream::try_unfold(self, |mut items| async move {
            Ok(items.next().await?.map(|item| (item, items)))
        })
    }
}
