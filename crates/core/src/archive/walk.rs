//! The walk through what was chosen, a page at a time, each in a short transaction of its own that asks again whether it may.
//! Never leaves what was chosen, and holds no more than a page for each level. Must not read contents, nor know the format.

use std::collections::VecDeque;

use pantry_blob::BlobKey;
use pantry_db::{
    Tx, blobs, nodes,
    nodes::{After, Kind, Node},
};
use pantry_types::NodeId;

use super::of::Of;
use crate::{Drive, Error, access::Place};

/// Entries read at once.
const PAGE: i64 = 100;

/// One of what was chosen: it stands at the archive's root under this name.
#[derive(Debug, Clone)]
pub(super) struct Top {
    pub(super) id: NodeId,
    pub(super) kind: Kind,
    pub(super) name: String,
}

/// What the walk came to. Paths have no slash at either end.
#[derive(Debug)]
pub(super) enum Found {
    Folder {
        path: String,
        modified: i64,
    },
    File {
        path: String,
        modified: i64,
        size: i64,
        content: Content,
    },
}

/// Where a file's content is.
#[derive(Debug)]
pub(super) enum Content {
    /// Here; also the empty one.
    Here(Vec<u8>),
    /// In the object store.
    Stored(BlobKey),
}

/// How far a walk has come.
#[derive(Debug)]
pub(super) struct Walk {
    of: Of,
    tops: VecDeque<Top>,
    /// The one that is being walked.
    top: NodeId,
    /// Folders that are open, the outermost first.
    levels: Vec<Level>,
}

/// A folder that is open.
#[derive(Debug)]
struct Level {
    folder: NodeId,
    path: String,
    /// Entries that were read and not come to yet.
    page: VecDeque<Child>,
    /// Where the next page begins; `None`: there is none.
    after: Option<After>,
}

/// As much of an entry as waits for its turn.
#[derive(Debug)]
struct Child {
    id: NodeId,
    kind: Kind,
    name: String,
}

/// One step of the walk, as a transaction takes it.
#[derive(Debug, Clone)]
struct Step {
    of: Of,
    top: NodeId,
    /// The folder that the node must lie in; `None` for one that was chosen itself.
    within: Option<NodeId>,
    node: NodeId,
    after: Option<After>,
    now: i64,
}

impl Walk {
    pub(super) fn new(of: Of, tops: Vec<Top>) -> Self {
        Self {
            of,
            tops: tops.into(),
            top: NodeId(0),
            levels: Vec::new(),
        }
    }

    /// Goes on to the next folder or file; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Forbidden`]: the right has ended. [`Error::NotFound`]: what was chosen, or a folder that was begun, is no
    /// longer where it was, so that the archive could not be whole.
    pub(super) async fn next(&mut self, drive: &Drive) -> Result<Option<Found>, Error> {
        loop {
            let Some(level) = self.levels.last_mut() else {
                let Some(top) = self.tops.pop_front() else {
                    return Ok(None);
                };
                self.top = top.id;
                let found = self.come_to(drive, None, top.id, top.kind, top.name).await?;
                return found.ok_or_else(gone).map(Some);
            };
            if let Some(child) = level.page.pop_front() {
                let (folder, path) = (level.folder, format!("{}/{}", level.path, child.name));
                // What was deleted or moved away before its turn is not in the archive.
                match self.come_to(drive, Some(folder), child.id, child.kind, path).await? {
                    None => continue,
                    found => return Ok(found),
                }
            }
            let Some(after) = level.after.take() else {
                self.levels.pop();
                continue;
            };
            let node = level.folder;
            let step = self.step(drive, None, node, Some(after));
            let (_, page) = folder(drive, step).await?.ok_or_else(gone)?;
            if let Some(level) = self.levels.last_mut() {
                level.take(page);
            }
        }
    }

    /// Asks once more, in the middle of a long content, whether it may go on.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub(super) async fn ask(&self, drive: &Drive) -> Result<(), Error> {
        let step = self.step(drive, None, self.top, None);
        let place = drive
            .db()
            .read(step, |tx, step| Box::pin(async move { admitted(tx, step).await }))
            .await?;
        place.map(|_| ()).ok_or_else(gone)
    }

    fn step(&self, drive: &Drive, within: Option<NodeId>, node: NodeId, after: Option<After>) -> Step {
        Step {
            of: self.of,
            top: self.top,
            within,
            node,
            after,
            now: drive.now(),
        }
    }

    /// Comes to a node: opens a folder, finds a file's content. `None` if it is not there any more.
    async fn come_to(
        &mut self,
        drive: &Drive,
        within: Option<NodeId>,
        id: NodeId,
        kind: Kind,
        path: String,
    ) -> Result<Option<Found>, Error> {
        let step = self.step(drive, within, id, None);
        match kind {
            Kind::Folder => {
                let Some((modified, page)) = folder(drive, step).await? else {
                    return Ok(None);
                };
                let mut level = Level {
                    folder: id,
                    path: path.clone(),
                    page: VecDeque::new(),
                    after: None,
                };
                level.take(page);
                self.levels.push(level);
                Ok(Some(Found::Folder { path, modified }))
            }
            Kind::File => {
                let found = drive
                    .db()
                    .read(step, |tx, step| Box::pin(async move { file(tx, step).await }))
                    .await?;
                Ok(found.map(|(modified, size, content)| Found::File {
                    path,
                    modified,
                    size,
                    content,
                }))
            }
        }
    }
}

impl Level {
    /// Takes a page. A full one may not be the last.
    fn take(&mut self, page: Vec<Node>) {
        if page.len() as i64 == PAGE {
            self.after = page.last().map(After::from);
        }
        self.page.extend(page.into_iter().map(|n| Child {
            id: n.id,
            kind: n.kind,
            name: n.name,
        }));
    }
}

fn gone() -> Error {
    Error::NotFound("file or folder")
}

/// The node of a step, if it is still part of what was chosen and the right reaches it.
async fn admitted(tx: &mut Tx<'_>, step: &Step) -> Result<Option<Place>, Error> {
    let gate = step.of.enter(tx, step.now).await?;
    let Some(line) = nodes::lineage(tx, step.of.user(), step.node).await? else {
        return Ok(None);
    };
    let place = Place::from(line);
    let still = place.is_within(step.top) && step.within.is_none_or(|folder| place.node.parent == folder);
    Ok(Some(place).filter(|place| still && gate.admits(place)))
}

/// When a folder last changed, and a page of it.
async fn folder(drive: &Drive, step: Step) -> Result<Option<(i64, Vec<Node>)>, Error> {
    drive
        .db()
        .read(step, |tx, step| {
            Box::pin(async move {
                let Some(place) = admitted(tx, step).await? else {
                    return Ok(None);
                };
                let is_empty = place.node.file_count + place.node.folder_count == 0;
                let page = match is_empty {
                    true => Vec::new(),
                    false => nodes::page(tx, step.of.user(), step.node, step.after.as_ref(), PAGE).await?,
                };
                Ok::<_, Error>(Some((place.node.modified_at, page)))
            })
        })
        .await
}

/// When a file last changed, its size, and where its content is.
async fn file(tx: &mut Tx<'_>, step: &Step) -> Result<Option<(i64, i64, Content)>, Error> {
    let Some(place) = admitted(tx, step).await? else {
        return Ok(None);
    };
    let (user, node) = (step.of.user(), &place.node);
    let missing = || Error::Internal(format!("the content of file {} is not there", node.id));
    let held = blobs::of_version(tx, user, node.version).await?.ok_or_else(missing)?;
    let content = match (held.size, held.content, held.gen_) {
        (0, _, _) => Content::Here(Vec::new()),
        (_, Some(bytes), _) => Content::Here(bytes),
        (_, None, Some(generation)) => Content::Stored(BlobKey::new(held.hash.0, generation)),
        (_, None, None) => return Err(missing()),
    };
    Ok(Some((node.modified_at, held.size, content)))
}
