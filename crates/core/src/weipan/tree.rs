//! Changing the tree under the API's tighter rules: paths of at most 200 characters, folders that may be full.
//! Must not repeat the drive's own rules; what it decides here comes on top of them.

use pantry_db::{
    Tx, bin as rows, nodes,
    nodes::{Kind, Node},
    versions,
};
use pantry_types::{Name, NodeId};

use super::{PATH_CHARS, Refused};
use crate::{
    Actor, Drive, Error,
    access::{self, Entry, Need, Place},
    bin::put_back,
    contents::{Content, Rules, put_file},
    files::{Changed, OnConflict, check_movable, chosen, kind_word, move_one, parent_of},
    item::Item,
    shares,
};

/// A node where an operation put it.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The node.
    pub item: Item,
    /// The folders that it lies in, from the root's own children downwards.
    pub above: Vec<NodeId>,
    /// The code of the share that opens it to everybody, if one does.
    pub share: Option<String>,
    /// The change log's head after it.
    pub head: i64,
}

/// What the rules need to know of the settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) now: i64,
    pub(super) folder_limit: i64,
    pub(super) rules: Rules,
}

impl Drive {
    pub(super) fn weipan_limits(&self) -> Limits {
        Limits {
            now: self.now(),
            folder_limit: self.settings().weipan.folder_limit,
            rules: self.rules(),
        }
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// [`Refused::NoDestination`], [`Refused::PathTooLong`], [`Refused::FolderFull`]; [`Error::NameTaken`],
    /// [`Error::SystemFolder`] in the folder of the apps' folders.
    pub async fn weipan_create_folder(&self, actor: &Actor, parent: NodeId, name: Name) -> Result<Changed, Refused> {
        let args = (actor.clone(), parent, name, self.weipan_limits());
        self.db()
            .write(args, |tx, (actor, parent, name, limits)| {
                Box::pin(async move { create_folder(tx, actor, *parent, name, limits).await.into() })
            })
            .await
    }

    /// Gives a file or folder another name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NameTaken`], [`Error::KindMismatch`]; as [`Self::weipan_create_folder`].
    pub async fn weipan_rename(&self, actor: &Actor, id: NodeId, kind: Kind, name: Name) -> Result<Changed, Refused> {
        let args = (actor.clone(), id, kind, name, self.weipan_limits());
        self.db()
            .write(args, |tx, (actor, id, kind, name, limits)| {
                Box::pin(async move { rename(tx, actor, *id, *kind, name, limits).await.into() })
            })
            .await
    }

    /// Moves a file or folder into a folder, under a name.
    ///
    /// # Errors
    /// As [`Self::weipan_rename`]; [`Error::IntoItself`], [`Error::IntoOwnSubfolder`].
    pub async fn weipan_move(
        &self,
        actor: &Actor,
        id: NodeId,
        kind: Kind,
        to: NodeId,
        name: Name,
    ) -> Result<Placed, Refused> {
        let args = (actor.clone(), id, kind, to, name, self.weipan_limits());
        self.db()
            .write(args, |tx, (actor, id, kind, to, name, limits)| {
                Box::pin(async move { relocate(tx, actor, *id, *kind, *to, name, limits).await.into() })
            })
            .await
    }

    /// Copies a file into a folder, under a name.
    ///
    /// # Errors
    /// As [`Self::weipan_rename`]; [`Error::Quota`].
    pub async fn weipan_copy_file(
        &self,
        actor: &Actor,
        file: NodeId,
        to: NodeId,
        name: Name,
    ) -> Result<Placed, Refused> {
        let args = (actor.clone(), file, to, name, self.weipan_limits());
        self.db()
            .write(args, |tx, (actor, file, to, name, limits)| {
                Box::pin(async move { copy_file(tx, actor, *file, *to, name, limits).await.into() })
            })
            .await
    }

    /// Takes a file or folder out of the bin, to where it was. Answers the change log's head after it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ParentMissing`], [`Error::NameTaken`], [`Error::KindMismatch`],
    /// [`Refused::FolderFull`].
    pub async fn weipan_restore(&self, actor: &Actor, id: NodeId, kind: Kind) -> Result<i64, Refused> {
        let args = (actor.clone(), id, kind, self.weipan_limits());
        self.db()
            .write(args, |tx, (actor, id, kind, limits)| {
                Box::pin(async move { restore(tx, actor, *id, *kind, limits).await.into() })
            })
            .await
    }
}

/// The folder that something is to go to; 0 is the root.
pub(super) async fn destination(tx: &mut Tx<'_>, entry: &Entry<'_>, id: NodeId) -> Result<Place, Refused> {
    let id = if id.0 == 0 { entry.user.root_id } else { id };
    match entry.node(tx, id, Need::Write, "folder").await {
        Ok(place) if place.node.kind == Kind::Folder => Ok(place),
        Ok(_) | Err(Error::NotFound(_)) => Err(Refused::NoDestination),
        Err(e) => Err(e.into()),
    }
}

/// Refuses what would make a path too long.
pub(super) fn check_path(folder: &Place, name: &Name) -> Result<(), Refused> {
    let root = folder.above.is_empty();
    let above = if root { 0 } else { folder.path().chars().count() };
    if above + 1 + name.as_str().chars().count() > PATH_CHARS {
        return Err(Refused::PathTooLong);
    }
    Ok(())
}

/// Refuses what would make, or finds, a folder with more entries than are allowed.
pub(super) fn check_room(folder: &Node, adds: i64, limits: &Limits) -> Result<(), Refused> {
    let entries = folder.file_count + folder.folder_count;
    if limits.folder_limit > 0 && entries + adds > limits.folder_limit {
        return Err(Refused::FolderFull {
            entries,
            limit: limits.folder_limit,
        });
    }
    Ok(())
}

/// What is told of a place.
pub(super) async fn placed(
    tx: &mut Tx<'_>,
    entry: Entry<'_>,
    place: &Place,
    share: Option<String>,
) -> Result<Placed, Refused> {
    let share = match share {
        None if place.node.kind == Kind::File => shares::open_code(tx, entry.user.id, place.node.id).await?,
        share => share,
    };
    let above = place.above.iter().rev().skip(1).map(|n| n.id).collect();
    let item = Item::of(place, entry.user.root_id);
    let head = entry.close(tx).await?;
    Ok(Placed {
        item,
        above,
        share,
        head,
    })
}

async fn create_folder(
    tx: &mut Tx<'_>,
    actor: &Actor,
    parent: NodeId,
    name: &Name,
    limits: &Limits,
) -> Result<Changed, Refused> {
    let mut entry = access::enter_write(tx, actor, limits.now).await?;
    let parent = destination(tx, &entry, parent).await?;
    if parent.node.id == entry.user.apps_id {
        return Err(Error::SystemFolder.into());
    }
    check_path(&parent, name)?;
    check_room(&parent.node, 1, limits)?;
    let client = actor.client_id().to_owned();
    let place = entry.insert_folder(tx, &parent, name, &client, false).await?;
    let item = Item::of(&place, entry.user.root_id);
    let head = entry.close(tx).await?;
    Ok(Changed { item, head })
}

async fn rename(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: NodeId,
    kind: Kind,
    name: &Name,
    limits: &Limits,
) -> Result<Changed, Refused> {
    let mut entry = access::enter_write(tx, actor, limits.now).await?;
    let place = chosen(tx, &entry, id, kind, Need::Write).await?;
    check_movable(&entry, &place)?;
    let parent = parent_of(tx, &place).await?;
    check_path(&parent, name)?;
    check_room(&parent.node, 0, limits)?;
    let place = move_one(tx, &mut entry, &place, &parent, name, OnConflict::Fail).await?;
    let item = Item::of(&place, entry.user.root_id);
    let head = entry.close(tx).await?;
    Ok(Changed { item, head })
}

async fn relocate(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: NodeId,
    kind: Kind,
    to: NodeId,
    name: &Name,
    limits: &Limits,
) -> Result<Placed, Refused> {
    let mut entry = access::enter_write(tx, actor, limits.now).await?;
    let place = chosen(tx, &entry, id, kind, Need::Write).await?;
    check_movable(&entry, &place)?;
    let to = destination(tx, &entry, to).await?;
    if place.node.id == to.node.id {
        return Err(Error::IntoItself.into());
    }
    if to.is_within(place.node.id) {
        return Err(Error::IntoOwnSubfolder.into());
    }
    if kind == Kind::Folder && to.node.id == entry.user.apps_id && place.node.parent != to.node.id {
        return Err(Error::SystemFolder.into());
    }
    check_path(&to, name)?;
    check_room(&to.node, i64::from(place.node.parent != to.node.id), limits)?;
    let moved = move_one(tx, &mut entry, &place, &to, name, OnConflict::Fail).await?;
    placed(tx, entry, &moved, None).await
}

async fn copy_file(
    tx: &mut Tx<'_>,
    actor: &Actor,
    file: NodeId,
    to: NodeId,
    name: &Name,
    limits: &Limits,
) -> Result<Placed, Refused> {
    let mut entry = access::enter_write(tx, actor, limits.now).await?;
    let place = chosen(tx, &entry, file, Kind::File, Need::Read).await?;
    let to = destination(tx, &entry, to).await?;
    check_path(&to, name)?;
    check_room(&to.node, 1, limits)?;
    let version = versions::get(tx, entry.user.id, place.node.version)
        .await?
        .ok_or_else(|| Error::Internal("a file without its version".into()))?;
    let content = Content::of(&version);
    let copied = put_file(tx, &mut entry, &to, name, &content, OnConflict::Fail, &limits.rules).await?;
    placed(tx, entry, &copied, None).await
}

async fn restore(tx: &mut Tx<'_>, actor: &Actor, id: NodeId, kind: Kind, limits: &Limits) -> Result<i64, Refused> {
    let mut entry = access::enter_write(tx, actor, limits.now).await?;
    let binned = rows::get(tx, entry.user.id, id)
        .await?
        .filter(|b| b.kind == kind)
        .ok_or(Error::NotFound(kind_word(kind)))?;
    let folder = entry
        .place(tx, binned.parent)
        .await?
        .filter(|p| p.node.kind == Kind::Folder)
        .ok_or(Error::ParentMissing)?;
    if nodes::child(tx, entry.user.id, folder.node.id, &binned.name)
        .await?
        .is_none()
    {
        check_room(&folder.node, 1, limits)?;
    }
    put_back(tx, &mut entry, &binned, &folder, OnConflict::Fail).await?;
    Ok(entry.close(tx).await?)
}
