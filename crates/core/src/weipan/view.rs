//! What the API lists: a folder, the bin, one file, the folder at a path. Each is one read, with what is shared.
//! Must not show what is not in the person's tree or bin.

use std::collections::HashMap;

use pantry_db::{Tx, bin as rows, books::Books, nodes, nodes::Kind, nodes::Node, shares};
use pantry_types::{DrivePath, NodeId};

use super::dolog::{Dolog, told};
use crate::{
    Actor, Drive, Error,
    access::{self, Entry, Need},
    files::{self, FolderRef, Page, chosen},
    item::Item,
};

/// Something in a folder.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The node.
    pub item: Item,
    /// The code of the share that opens it to everybody, if one does.
    pub share: Option<String>,
}

/// A page of a folder.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Folders, then files, each in natural order.
    pub items: Vec<Listed>,
    /// Entries in all.
    pub total: i64,
}

/// Something in the bin.
#[derive(Debug, Clone)]
pub struct Binned {
    /// The node.
    pub node: Node,
    /// Name that it had.
    pub name: String,
    /// The folder that it lay in, 0 for the root.
    pub parent: NodeId,
    /// When it was deleted.
    pub deleted_at: i64,
}

impl Drive {
    /// A page of a folder, counted from 1; 0 is the root. With it the head of before it was looked at, and what changed
    /// since `since`.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn weipan_list(
        &self,
        actor: &Actor,
        folder: NodeId,
        page: i64,
        size: i64,
        since: Option<i64>,
    ) -> Result<(Listing, Dolog), Error> {
        self.db()
            .read(
                (actor.clone(), folder, page, size, since, self.now()),
                |tx, (actor, folder, page, size, since, now)| {
                    Box::pin(async move {
                        let mut entry = access::enter(tx, actor, *now).await?;
                        let dolog = told(tx, &entry.user, *since, None).await?;
                        Ok((list(tx, &mut entry, *folder, *page, *size).await?, dolog))
                    })
                },
            )
            .await
    }

    /// The person's row, with the head and what changed since `since`.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]: there is no such person (any more).
    pub async fn weipan_account(&self, actor: &Actor, since: Option<i64>) -> Result<(Books, Dolog), Error> {
        self.db()
            .read((actor.clone(), since, self.now()), |tx, (actor, since, now)| {
                Box::pin(async move {
                    let user = access::enter(tx, actor, *now).await?.user;
                    let dolog = told(tx, &user, *since, None).await?;
                    Ok((user, dolog))
                })
            })
            .await
    }

    /// One file, with the head of before it was looked at and what changed since `since`.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn weipan_look(&self, actor: &Actor, file: NodeId, since: Option<i64>) -> Result<(Listed, Dolog), Error> {
        self.db()
            .read(
                (actor.clone(), file, since, self.now()),
                |tx, (actor, file, since, now)| {
                    Box::pin(async move {
                        let entry = access::enter(tx, actor, *now).await?;
                        let dolog = told(tx, &entry.user, *since, None).await?;
                        Ok((listed(tx, &entry, *file).await?, dolog))
                    })
                },
            )
            .await
    }

    /// One file. Whoever is about to write (who carries a head) is refused here already when the head is not the latest:
    /// what else would be wrong may only seem so.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::StaleHead`].
    pub async fn weipan_file(&self, actor: &Actor, file: NodeId) -> Result<Listed, Error> {
        self.db()
            .read((actor.clone(), file, self.now()), |tx, (actor, file, now)| {
                Box::pin(async move {
                    let entry = access::enter(tx, actor, *now).await?;
                    entry.check_head()?;
                    listed(tx, &entry, *file).await
                })
            })
            .await
    }

    /// The folder at a path, 0 for the root. `None`: there is none.
    ///
    /// # Errors
    /// The row store's.
    pub async fn weipan_folder_at(&self, actor: &Actor, path: DrivePath) -> Result<Option<NodeId>, Error> {
        let found = self.stat_path(actor, path.clone()).await?;
        Ok(found
            .filter(|item| item.kind == Kind::Folder)
            .map(|item| if path.is_root() { NodeId(0) } else { item.id }))
    }

    /// A page of the bin, latest first, counted from 1. `None`: the bin is empty.
    ///
    /// # Errors
    /// The row store's.
    pub async fn weipan_bin(&self, actor: &Actor, page: i64, size: i64) -> Result<Option<Vec<Binned>>, Error> {
        self.db()
            .read(
                (actor.clone(), page, size, self.now()),
                |tx, (actor, page, size, now)| Box::pin(bin(tx, actor, *page, *size, *now)),
            )
            .await
    }
}

async fn listed(tx: &mut Tx<'_>, entry: &Entry<'_>, file: NodeId) -> Result<Listed, Error> {
    let place = chosen(tx, entry, file, Kind::File, Need::Read).await?;
    Ok(Listed {
        share: crate::shares::open_code(tx, entry.user.id, file).await?,
        item: Item::of(&place, entry.user.root_id),
    })
}

async fn list(tx: &mut Tx<'_>, entry: &mut Entry<'_>, folder: NodeId, page: i64, size: i64) -> Result<Listing, Error> {
    let listing = files::list(tx, entry, &FolderRef::Id(folder), &Page::Number(page), size).await?;
    let is_file = |item: &&Item| item.kind == Kind::File;
    let ids: Vec<i64> = listing.items.iter().filter(is_file).map(|item| item.id.0).collect();
    let mut open = HashMap::new();
    if !ids.is_empty() {
        for (node, _, code) in shares::open_of(tx, entry.user.id, &ids).await? {
            open.entry(node).or_insert(code);
        }
    }
    let items = listing.items.into_iter().map(|item| Listed {
        share: open.remove(&item.id),
        item,
    });
    Ok(Listing {
        items: items.collect(),
        total: listing.total,
    })
}

async fn bin(tx: &mut Tx<'_>, actor: &Actor, page: i64, size: i64, now: i64) -> Result<Option<Vec<Binned>>, Error> {
    let entry = access::enter(tx, actor, now).await?;
    let (user, root) = (entry.user.id, entry.user.root_id);
    let skip = (page.max(1) - 1).saturating_mul(size);
    let page = rows::page_at(tx, user, skip, size).await?;
    if page.is_empty() && rows::page_at(tx, user, 0, 1).await?.is_empty() {
        return Ok(None);
    }
    let ids: Vec<i64> = page.iter().map(|b| b.node.0).collect();
    let mut found: HashMap<NodeId, Node> = HashMap::new();
    for node in nodes::many(tx, user, &ids).await? {
        found.insert(node.id, node);
    }
    let items = page.into_iter().filter_map(|b| {
        Some(Binned {
            node: found.remove(&b.node)?,
            name: b.name,
            parent: if b.parent == root { NodeId(0) } else { b.parent },
            deleted_at: b.deleted_at,
        })
    });
    Ok(Some(items.collect()))
}
