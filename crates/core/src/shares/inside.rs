//! Looking around in a share, and downloading from it. Must not lead out of what it shows.

use pantry_db::{
    Tx,
    nodes::{self, After, Kind, Line, Node},
    shares as rows,
};
use pantry_types::{DrivePath, Name, NodeId, limits};

use super::{Closed, Door, Leave, Shows, Visit, door::order, door::shared_item};
use crate::{
    Drive, Error, Keys, archive,
    downloads::Link,
    files::{FolderRef, Listing, Page, Selection, make_cursor, page_of, parse_cursor},
    item::Item,
};

impl Drive {
    /// One page of a folder in a share. `/` holds the shared items themselves.
    ///
    /// # Errors
    /// Those of the door; [`Error::NotFound`].
    pub async fn list_share(&self, visit: &Visit, folder: FolderRef, page: Page, limit: i64) -> Result<Listing, Error> {
        let args = (visit.clone(), self.keys().clone(), self.now(), folder, page, limit);
        let listed = self
            .db()
            .read(args, |tx, (visit, keys, now, folder, page, limit)| {
                Box::pin(async move {
                    let door = Door::enter_to_see(tx, keys, visit, *now).await?;
                    list(tx, &door, folder, page, *limit).await
                })
            })
            .await;
        self.at_door(visit, listed)
    }

    /// A link to a file in a share, to be saved if `raw`. It counts as a download. No file needs to be named where one is all
    /// that is shared.
    ///
    /// # Errors
    /// Those of the door; [`Error::NotFound`].
    pub async fn share_download(&self, visit: &Visit, file: Option<NodeId>, raw: bool) -> Result<Link, Error> {
        let args = (visit.clone(), self.keys().clone(), self.now(), file);
        let given = self
            .db()
            .write(args, |tx, (visit, keys, now, file)| {
                Box::pin(async move { download(tx, keys, visit, *now, *file).await.into() })
            })
            .await;
        let (leave, node) = self.at_door(visit, given)?;
        Ok(Link {
            path: self.leave_link(leave, node.version, raw),
            expires_in: self.settings().download.link_seconds,
            name: node.name,
            size: node.size,
            md5: node.md5,
        })
    }
}

impl Drive {
    /// A link to an archive of what a share shows, or of some of it. It counts as one download.
    ///
    /// # Errors
    /// Those of the door; those of an archive.
    pub async fn share_archive(
        &self,
        visit: &Visit,
        what: Selection,
        name: Option<Name>,
    ) -> Result<archive::Link, Error> {
        let args = (visit.clone(), self.keys().clone(), self.now(), what);
        let found = self
            .db()
            .read(args, |tx, (visit, keys, now, what)| {
                Box::pin(async move { chosen(tx, keys, visit, *now, what).await })
            })
            .await;
        let (leave, what) = self.at_door(visit, found)?;
        let of = archive::Of::Share {
            user: leave.owner,
            share: leave.share,
            epoch: leave.epoch,
        };
        let link = self.archive_of(of, what, name).await?;
        let counted = self
            .db()
            .write(leave, |tx, leave| {
                Box::pin(async move {
                    let counted = rows::downloaded(tx, leave.owner, leave.share).await;
                    counted.map_err(Error::from).into()
                })
            })
            .await?;
        if counted {
            Ok(link)
        } else {
            Err(Error::ShareClosed(Closed::UsedUp))
        }
    }
}

/// What was chosen of a share, or all of it.
async fn chosen(
    tx: &mut Tx<'_>,
    keys: &Keys,
    visit: &Visit,
    now: i64,
    what: &Selection,
) -> Result<(Leave, Selection), Error> {
    let door = Door::enter_to_see(tx, keys, visit, now).await?;
    let mut what = what.clone();
    if what.is_empty() {
        for node in door.nodes(tx).await? {
            match node.kind {
                Kind::File => what.files.push(node.id),
                Kind::Folder => what.folders.push(node.id),
            }
        }
    }
    Ok((Leave::of(&door.share), what))
}

async fn download(
    tx: &mut Tx<'_>,
    keys: &Keys,
    visit: &Visit,
    now: i64,
    file: Option<NodeId>,
) -> Result<(Leave, Node), Error> {
    let door = Door::enter_to_see(tx, keys, visit, now).await?;
    let id = match (file, door.share.shows, door.items.as_slice()) {
        (Some(id), ..) => id,
        (None, Shows::File, [id]) => *id,
        (None, ..) => return Err(Error::invalid("file_id", "name the file to download")),
    };
    let line = door.node(tx, id, "file").await?;
    if line.node.kind != Kind::File {
        return Err(Error::NotFound("file"));
    }
    // Counted where the limit is looked at: of many at once, only so many pass.
    if !rows::downloaded(tx, door.share.user, door.share.id).await? {
        return Err(Error::ShareClosed(Closed::UsedUp));
    }
    Ok((Leave::of(&door.share), line.node))
}

async fn list(tx: &mut Tx<'_>, door: &Door, folder: &FolderRef, page: &Page, limit: i64) -> Result<Listing, Error> {
    let limit = limit.clamp(1, i64::from(limits::LIST_MAX));
    let (line, path) = match folder {
        FolderRef::Id(id) if id.0 == 0 => return top(tx, door, page, limit).await,
        FolderRef::Id(id) => {
            let line = door.node(tx, *id, "folder").await?;
            let path = path_inside(&line, &door.items);
            (line, path)
        }
        FolderRef::Path(path) => {
            let path = path.clone().unwrap_or_else(DrivePath::root);
            if path.is_root() {
                return top(tx, door, page, limit).await;
            }
            let line = at_path(tx, door, &path).await?.ok_or(Error::NotFound("folder"))?;
            (line, path.to_string())
        }
    };
    if line.node.kind != Kind::Folder {
        return Err(Error::NotFound("folder"));
    }
    let (nodes, next_cursor) = page_of(tx, door.share.user, line.node.id, page, limit).await?;
    Ok(Listing {
        total: line.node.file_count + line.node.folder_count,
        items: nodes.iter().map(|n| Item::below(&path, n, n.parent)).collect(),
        folder: Some(Item::at(path, &line.node)),
        next_cursor,
    })
}

/// The shared items themselves. There are never many.
async fn top(tx: &mut Tx<'_>, door: &Door, page: &Page, limit: i64) -> Result<Listing, Error> {
    let nodes = door.nodes(tx).await?;
    let total = nodes.len();
    let skip = match page {
        Page::Number(n) => usize::try_from(n.max(&1).saturating_sub(1).saturating_mul(limit)).unwrap_or(total),
        Page::Cursor(text) => {
            let After {
                kind,
                sort_key,
                name,
                id,
            } = parse_cursor(text, NodeId(0))?;
            nodes.partition_point(|n| order(n) <= (kind.code(), &sort_key, &name, id.0))
        }
    };
    let shown: Vec<&Node> = nodes
        .iter()
        .skip(skip)
        .take(usize::try_from(limit).unwrap_or(total))
        .collect();
    let more = skip + shown.len() < total;
    Ok(Listing {
        folder: None,
        next_cursor: shown
            .last()
            .filter(|_| more)
            .map(|last| make_cursor(NodeId(0), last.kind, last.id, &last.name)),
        items: shown.into_iter().map(shared_item).collect(),
        total: i64::try_from(total).unwrap_or(i64::MAX),
    })
}

/// The node at a path in a share: its first name is one of the shared items'.
async fn at_path(tx: &mut Tx<'_>, door: &Door, path: &DrivePath) -> Result<Option<Line>, Error> {
    let Some((first, rest)) = path.components().split_first() else {
        return Ok(None);
    };
    // Items of one name in different folders: the one that is listed first.
    let tops = door.nodes(tx).await?;
    let Some(mut node) = tops.into_iter().find(|n| n.name == first.as_str()) else {
        return Ok(None);
    };
    for name in rest {
        match nodes::child(tx, door.share.user, node.id, name.as_str()).await? {
            Some(child) => node = child,
            None => return Ok(None),
        }
    }
    door.node(tx, node.id, "folder").await.map(Some)
}

/// Where a node lies in a share, from the shared item on.
pub(super) fn path_inside(line: &Line, items: &[NodeId]) -> String {
    // The outermost item that it lies in.
    let outermost = line.above.iter().rposition(|a| items.binary_search(&a.id).is_ok());
    let mut path = String::new();
    let above = outermost.map_or(&[][..], |at| &line.above[..=at]);
    for name in above
        .iter()
        .rev()
        .map(|a| a.name.as_str())
        .chain([line.node.name.as_str()])
    {
        path.push('/');
        path.push_str(name);
    }
    path
}
