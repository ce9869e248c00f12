//! Looking at the tree and changing it: list, stat, make, rename, move, copy, delete.
//! Every operation is one transaction, entered through [`crate::access`].
//! Must not touch contents; [`crate::contents`] does.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_db::{
    Tx, bin,
    bin::Binned,
    changes::Event,
    grants, nodes,
    nodes::{After, Kind},
};
use pantry_types::{DrivePath, Name, NodeId, UserId, limits, sort::sort_key};

use crate::{
    Actor, Drive, Error, Reach,
    access::{self, Entry, Need, Place, check_depth, count_child, free_name},
    copy,
    item::Item,
};

/// What to do when a name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// Refuse.
    Fail,
    /// Take the next free `name (1)`.
    Rename,
    /// Take its place: a file gets a new version, what else is replaced goes to the bin.
    Overwrite,
}

impl OnConflict {
    pub(crate) fn code(self) -> i64 {
        match self {
            OnConflict::Fail => 0,
            OnConflict::Rename => 1,
            OnConflict::Overwrite => 2,
        }
    }

    pub(crate) fn from_code(n: i64) -> Self {
        match n {
            0 => OnConflict::Fail,
            1 => OnConflict::Rename,
            _ => OnConflict::Overwrite,
        }
    }
}

/// A folder, by id or by path. A path that was not sent is the caller's own start.
#[derive(Debug, Clone)]
pub enum FolderRef {
    /// By id; 0 is the root of the drive.
    Id(NodeId),
    /// By path as the caller sees the drive.
    Path(Option<DrivePath>),
}

/// Which page of a folder.
#[derive(Debug, Clone)]
pub enum Page {
    /// By number, from 1.
    Number(i64),
    /// After the one that gave this cursor.
    Cursor(String),
}

/// One page of a folder.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The folder itself; `None` for an app's folder that was not made yet.
    pub folder: Option<Item>,
    /// Folders, then files, each in natural order.
    pub items: Vec<Item>,
    /// Entries in all.
    pub total: i64,
    /// Where the next page begins; `None` on the last.
    pub next_cursor: Option<String>,
}

/// What was chosen for an operation on many.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Files.
    pub files: Vec<NodeId>,
    /// Folders.
    pub folders: Vec<NodeId>,
}

impl Selection {
    /// How many ids were given.
    pub fn len(&self) -> usize {
        self.files.len() + self.folders.len()
    }

    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each once: an id that was given twice is counted twice and means the same.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (NodeId, Kind)> + '_ {
        let files = self.files.iter().map(|i| (*i, Kind::File));
        let all = files.chain(self.folders.iter().map(|i| (*i, Kind::Folder)));
        let mut seen = HashSet::with_capacity(self.len());
        all.filter(move |one| seen.insert(*one))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_empty() {
            return Err(Error::invalid(
                "file_ids",
                "name at least one file or folder (file_ids, folder_ids)",
            ));
        }
        if self.len() > limits::BATCH_NODES {
            return Err(Error::invalid(
                "file_ids",
                format!("{} ids are too many; send at most {}", self.len(), limits::BATCH_NODES),
            ));
        }
        Ok(())
    }
}

/// What an operation on many did.
#[derive(Debug, Clone)]
pub struct Done {
    /// How many of the given ids it concerned.
    pub affected: i64,
    /// The job that does it, where it is long.
    pub job: Option<i64>,
    /// Where they are now, in the order given: files, then folders.
    pub items: Vec<Item>,
    /// The change log's head after it.
    pub head: i64,
}

/// What an operation on one did.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The node as it is now.
    pub item: Item,
    /// The change log's head after it.
    pub head: i64,
}

pub(crate) fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Folder => "folder",
    }
}

impl Drive {
    /// Lists a page of a folder. `limit` above 200 counts as 200.
    pub async fn list(&self, actor: &Actor, folder: FolderRef, page: Page, limit: i64) -> Result<Listing, Error> {
        let args = (actor.clone(), folder, page, limit, self.now());
        self.db()
            .read(args, |tx, (actor, folder, page, limit, now)| {
                Box::pin(async move {
                    let mut entry = access::enter(tx, actor, *now).await?;
                    list(tx, &mut entry, folder, page, *limit).await
                })
            })
            .await
    }

    /// One file or folder.
    pub async fn stat(&self, actor: &Actor, id: NodeId) -> Result<Item, Error> {
        self.db()
            .read((actor.clone(), id, self.now()), |tx, (actor, id, now)| {
                Box::pin(async move {
                    let entry = access::enter(tx, actor, *now).await?;
                    let place = entry.node(tx, *id, Need::Read, "file").await?;
                    Ok(Item::of(&place, entry.user.root_id))
                })
            })
            .await
    }

    /// The file or folder at a path.
    pub async fn stat_path(&self, actor: &Actor, path: DrivePath) -> Result<Option<Item>, Error> {
        self.db()
            .read((actor.clone(), path, self.now()), |tx, (actor, path, now)| {
                Box::pin(async move {
                    let mut entry = access::enter(tx, actor, *now).await?;
                    let place = entry.at_path(tx, Some(path), Need::Read).await?;
                    Ok(place.map(|p| Item::of(&p, entry.user.root_id)))
                })
            })
            .await
    }

    /// Makes a folder.
    pub async fn create_folder(&self, actor: &Actor, parent: FolderRef, name: Name) -> Result<Changed, Error> {
        let args = (actor.clone(), parent, name, self.now());
        self.db()
            .write(args, |tx, (actor, parent, name, now)| {
                Box::pin(async move { create_folder(tx, actor, parent, name, *now).await.into() })
            })
            .await
    }

    /// Gives one file or folder another name.
    pub async fn rename(
        &self,
        actor: &Actor,
        id: NodeId,
        kind: Kind,
        name: Name,
        on_conflict: OnConflict,
    ) -> Result<Changed, Error> {
        let args = (actor.clone(), id, kind, name, on_conflict, self.now());
        self.db()
            .write(args, |tx, (actor, id, kind, name, on_conflict, now)| {
                Box::pin(async move { rename(tx, actor, *id, *kind, name, *on_conflict, *now).await.into() })
            })
            .await
    }

    /// Moves files and folders into a folder; a single one may get another name.
    pub async fn relocate(
        &self,
        actor: &Actor,
        what: Selection,
        to: FolderRef,
        name: Option<Name>,
        on_conflict: OnConflict,
    ) -> Result<Done, Error> {
        what.check()?;
        let args = (actor.clone(), what, to, name, on_conflict, self.now());
        self.db()
            .write(args, |tx, (actor, what, to, name, on_conflict, now)| {
                Box::pin(async move {
                    relocate(tx, actor, what, to, name.as_ref(), *on_conflict, *now)
                        .await
                        .into()
                })
            })
            .await
    }

    /// Copies files and folders into a folder; a single one may get another name.
    /// Above 10,000 nodes it is a job.
    pub async fn copy(
        &self,
        actor: &Actor,
        what: Selection,
        to: FolderRef,
        name: Option<Name>,
        on_conflict: OnConflict,
    ) -> Result<Done, Error> {
        what.check()?;
        let first = self.copy_once(actor, &what, &to, &name, on_conflict, None).await;
        let again = match first {
            Ok(done) => return Ok(done),
            Err(copy::Unfit::Refused(e)) => return Err(e),
            Err(copy::Unfit::Large) => {
                // Counting a million nodes would hold up every other writer: it is a read of its own.
                let measure = self
                    .db()
                    .read_long((actor.clone(), what.clone(), self.now()), |tx, (actor, what, now)| {
                        Box::pin(async move {
                            let user = access::enter(tx, actor, *now).await?.user.id;
                            let ids: Vec<NodeId> = what.ids().map(|(id, _)| id).collect();
                            copy::measure_all(tx, user, &ids).await
                        })
                    })
                    .await?;
                self.copy_once(actor, &what, &to, &name, on_conflict, Some(measure))
                    .await
            }
        };
        again.map_err(|e| match e {
            copy::Unfit::Refused(e) => e,
            copy::Unfit::Large => Error::Internal("a copy that was not measured".into()),
        })
    }

    async fn copy_once(
        &self,
        actor: &Actor,
        what: &Selection,
        to: &FolderRef,
        name: &Option<Name>,
        on_conflict: OnConflict,
        measured: Option<copy::Measure>,
    ) -> Result<Done, copy::Unfit> {
        let (what, to, name) = (what.clone(), to.clone(), name.clone());
        let args = (actor.clone(), what, to, name, on_conflict, self.now(), self.rules());
        self.db()
            .write((args, measured), |tx, (args, measured)| {
                Box::pin(async move {
                    let (actor, what, to, name, on_conflict, now, rules) = args;
                    let wish = copy::Wish {
                        what,
                        to,
                        name: name.as_ref(),
                        on_conflict: *on_conflict,
                    };
                    copy::start(tx, actor, &wish, *now, rules, *measured).await.into()
                })
            })
            .await
    }

    /// Moves files and folders to the recycle bin, in time that does not depend on what lies in them.
    pub async fn delete(&self, actor: &Actor, what: Selection) -> Result<Done, Error> {
        what.check()?;
        self.db()
            .write((actor.clone(), what, self.now()), |tx, (actor, what, now)| {
                Box::pin(async move { delete(tx, actor, what, *now).await.into() })
            })
            .await
    }
}

pub(crate) async fn list(
    tx: &mut Tx<'_>,
    entry: &mut Entry<'_>,
    folder: &FolderRef,
    page: &Page,
    limit: i64,
) -> Result<Listing, Error> {
    let limit = limit.clamp(1, i64::from(limits::LIST_MAX.max(1024)));
    let place = match folder {
        FolderRef::Id(id) => {
            let id = if id.0 == 0 { entry.user.root_id } else { *id };
            Some(entry.node(tx, id, Need::Read, "folder").await?)
        }
        FolderRef::Path(path) => {
            let found = entry.at_path(tx, path.as_ref(), Need::Read).await?;
            let at_start = path.as_ref().is_none_or(DrivePath::is_root);
            if found.is_none() && !at_start {
                return Err(Error::NotFound("folder"));
            }
            found
        }
    };
    let Some(place) = place else {
        return Ok(Listing {
            folder: None,
            items: Vec::new(),
            total: 0,
            next_cursor: None,
        });
    };
    if place.node.kind != Kind::Folder {
        return Err(Error::NotFound("folder"));
    }
    let (rows, next_cursor) = page_of(tx, entry.user.id, place.node.id, page, limit).await?;
    let root = entry.user.root_id;
    Ok(Listing {
        total: place.node.file_count + place.node.folder_count,
        items: rows.iter().map(|n| Item::inside(n, &place, root)).collect(),
        folder: Some(Item::of(&place, root)),
        next_cursor,
    })
}

/// One page of a folder, and where the next begins.
pub(crate) async fn page_of(
    tx: &mut Tx<'_>,
    user: UserId,
    id: NodeId,
    page: &Page,
    limit: i64,
) -> Result<(Vec<nodes::Node>, Option<String>), Error> {
    // One more than asked for tells whether there is a next page.
    let mut rows = match page {
        Page::Number(n) => {
            let skip = n.max(&1).saturating_sub(1).saturating_mul(limit);
            if skip == 0 {
                nodes::page(tx, user, id, None, limit + 1).await?
            } else {
                nodes::page_at(tx, user, id, skip, limit + 1).await?
            }
        }
        Page::Cursor(c) => {
            let after = parse_cursor(c, id)?;
            nodes::page(tx, user, id, Some(&after), limit + 1).await?
        }
    };
    let more = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    let next_cursor = match rows.last() {
        Some(last) if more => Some(make_cursor(id, last.kind, last.id, &last.name)),
        _ => None,
    };
    Ok((rows, next_cursor))
}

pub(crate) fn make_cursor(folder: NodeId, kind: Kind, id: NodeId, name: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}/{}/{}", folder.0, kind.code(), id.0, name))
}

pub(crate) fn parse_cursor(cursor: &str, folder: NodeId) -> Result<After, Error> {
    let bad = || Error::invalid("cursor", "this is not a cursor of this folder; begin again without one");
    let text = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|b| String::from_utf8(b).ok())
        .ok_or_else(bad)?;
    let mut parts = text.splitn(4, '/');
    let mut number = || parts.next().and_then(|p| p.parse::<i64>().ok()).ok_or_else(bad);
    let (of, kind, id) = (number()?, number()?, number()?);
    let name = parts.next().ok_or_else(bad)?.to_owned();
    if of != folder.0 {
        return Err(bad());
    }
    Ok(After {
        kind: Kind::from_code(kind),
        sort_key: sort_key(&name),
        name,
        id: NodeId(id),
    })
}

/// The folder to write into, by id or by path.
pub(crate) async fn target(tx: &mut Tx<'_>, entry: &mut Entry<'_>, folder: &FolderRef) -> Result<Place, Error> {
    match folder {
        FolderRef::Path(path) => entry.folder_for_write(tx, path.as_ref()).await,
        FolderRef::Id(id) => {
            let id = if id.0 == 0 { entry.user.root_id } else { *id };
            let place = entry.node(tx, id, Need::Write, "folder").await?;
            match place.node.kind {
                Kind::Folder => Ok(place),
                Kind::File => Err(Error::NotFound("folder")),
            }
        }
    }
}

async fn create_folder(
    tx: &mut Tx<'_>,
    actor: &Actor,
    parent: &FolderRef,
    name: &Name,
    now: i64,
) -> Result<Changed, Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    let parent = target(tx, &mut entry, parent).await?;
    let client = actor.client_id().to_owned();
    let place = entry.insert_folder(tx, &parent, name, &client, false).await?;
    let item = Item::of(&place, entry.user.root_id);
    let head = entry.close(tx).await?;
    Ok(Changed { item, head })
}

/// A name in a folder, made free for what is to go there.
pub(crate) struct Slot {
    pub(crate) name: Name,
    /// What has the name now and is to give way.
    pub(crate) replaces: Option<nodes::Node>,
}

/// Finds the name that a node gets in a folder. `itself` is a node that may keep its own.
pub(crate) async fn slot(
    tx: &mut Tx<'_>,
    entry: &Entry<'_>,
    folder: &Place,
    wanted: &Name,
    kind: Kind,
    on_conflict: OnConflict,
    itself: Option<NodeId>,
) -> Result<Slot, Error> {
    let there = nodes::child(tx, entry.user.id, folder.node.id, wanted.as_str()).await?;
    let free = |name: Name| Slot { name, replaces: None };
    if kind == Kind::File && folder.node.id == entry.user.root_id && wanted.as_str() == access::APPS_FOLDER {
        return Err(Error::SystemFolder);
    }
    match (there, on_conflict) {
        (None, _) => Ok(free(wanted.clone())),
        (Some(n), _) if itself == Some(n.id) => Ok(free(wanted.clone())),
        (Some(_), OnConflict::Rename) => Ok(free(free_name(tx, entry.user.id, folder.node.id, wanted).await?)),
        (Some(n), _) if n.kind != kind => Err(Error::KindMismatch {
            there: kind_word(n.kind),
            wanted: kind_word(kind),
            name: n.name,
        }),
        (Some(n), OnConflict::Fail) => Err(Error::NameTaken { name: n.name }),
        (Some(n), OnConflict::Overwrite) => Ok(Slot {
            name: wanted.clone(),
            replaces: Some(n),
        }),
    }
}

/// Refuses to rename, move or delete what must stay: the root, the apps' folder,
/// and for an app without more rights its own folder.
pub(crate) fn check_movable(entry: &Entry<'_>, place: &Place) -> Result<(), Error> {
    if place.node.id == entry.user.root_id {
        return Err(Error::Forbidden(
            "the root folder itself cannot be renamed, moved or deleted".into(),
        ));
    }
    if place.node.id == entry.user.apps_id {
        return Err(Error::SystemFolder);
    }
    if place.node.id == entry.sandbox && entry.actor.write() == Reach::Sandbox {
        return Err(Error::Forbidden(
            "the app's own folder itself cannot be renamed, moved or deleted by the app".into(),
        ));
    }
    Ok(())
}

/// The node of an id, of the kind the caller says it is.
pub(crate) async fn chosen(
    tx: &mut Tx<'_>,
    entry: &Entry<'_>,
    id: NodeId,
    kind: Kind,
    need: Need,
) -> Result<Place, Error> {
    let word = kind_word(kind);
    let place = entry.node(tx, id, need, word).await?;
    if place.node.kind == kind {
        Ok(place)
    } else {
        Err(Error::NotFound(word))
    }
}

async fn rename(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: NodeId,
    kind: Kind,
    name: &Name,
    on_conflict: OnConflict,
    now: i64,
) -> Result<Changed, Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    let place = chosen(tx, &entry, id, kind, Need::Write).await?;
    check_movable(&entry, &place)?;
    let parent = parent_of(tx, &place).await?;
    let place = move_one(tx, &mut entry, &place, &parent, name, on_conflict).await?;
    let item = Item::of(&place, entry.user.root_id);
    let head = entry.close(tx).await?;
    Ok(Changed { item, head })
}

/// The folder that a node lies in, as a place.
pub(crate) async fn parent_of(tx: &mut Tx<'_>, place: &Place) -> Result<Place, Error> {
    let (first, rest) = place
        .above
        .split_first()
        .ok_or_else(|| Error::Internal("the root has no parent".into()))?;
    let node = nodes::get(tx, place.node.user, first.id)
        .await?
        .ok_or_else(|| Error::Internal("a node in a folder that is not there".into()))?;
    Ok(Place {
        node,
        above: rest.to_vec(),
        sandbox: place.above.iter().find(|n| n.sandbox).map_or(NodeId(0), |n| n.id),
    })
}

async fn relocate(
    tx: &mut Tx<'_>,
    actor: &Actor,
    what: &Selection,
    to: &FolderRef,
    name: Option<&Name>,
    on_conflict: OnConflict,
    now: i64,
) -> Result<Done, Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    for (id, kind) in what.ids() {
        chosen(tx, &entry, id, kind, Need::Write).await?;
    }
    let to = target(tx, &mut entry, to).await?;
    let mut items = Vec::with_capacity(what.len());
    for (id, kind) in what.ids() {
        // Looked up again: an earlier one of the batch may have taken it along.
        let Some(place) = entry.place(tx, id).await? else {
            return Err(Error::NotFound(kind_word(kind)));
        };
        check_movable(&entry, &place)?;
        if place.node.id == to.node.id {
            return Err(Error::IntoItself);
        }
        if to.is_within(place.node.id) {
            return Err(Error::IntoOwnSubfolder);
        }
        // What may be written but not read must not become readable by moving it.
        if !entry.reaches(Need::Read, place.sandbox) && entry.reaches(Need::Read, to.sandbox) {
            return Err(Error::NotFound(kind_word(kind)));
        }
        let own = Name::from_stored(place.node.name.clone());
        let name = name.unwrap_or(&own);
        let moved = move_one(tx, &mut entry, &place, &to, name, on_conflict).await?;
        items.push(Item::of(&moved, entry.user.root_id));
    }
    let head = entry.close(tx).await?;
    Ok(Done {
        affected: what.len() as i64,
        job: None,
        items,
        head,
    })
}

/// Whether a folder is, or holds, an app's own folder.
pub(crate) async fn holds_sandbox(tx: &mut Tx<'_>, entry: &Entry<'_>, folder: NodeId) -> Result<bool, Error> {
    for g in grants::of_user(tx, entry.user.id).await? {
        if g.sandbox.0 == 0 {
            continue;
        }
        let line = nodes::lineage(tx, entry.user.id, g.sandbox).await?;
        if line.is_some_and(|l| l.node.id == folder || l.above.iter().any(|a| a.id == folder)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts one node into a folder under a name; what it replaces goes to the bin.
pub(crate) async fn move_one(
    tx: &mut Tx<'_>,
    entry: &mut Entry<'_>,
    place: &Place,
    to: &Place,
    wanted: &Name,
    on_conflict: OnConflict,
) -> Result<Place, Error> {
    let node = &place.node;
    let slot = slot(tx, entry, to, wanted, node.kind, on_conflict, Some(node.id)).await?;
    if node.parent == to.node.id && slot.name.as_str() == node.name {
        return Ok(place.clone());
    }
    if to.sandbox.0 != 0
        && node.kind == Kind::Folder
        && node.parent != to.node.id
        && holds_sandbox(tx, entry, node.id).await?
    {
        return Err(Error::NestedSandbox);
    }
    if let Some(old) = slot.replaces {
        let old = entry
            .place(tx, old.id)
            .await?
            .ok_or_else(|| Error::Internal("a name in a folder that is not there".into()))?;
        trash(tx, entry, &old).await?;
    }
    let mut moved = node.clone();
    moved.parent = to.node.id;
    moved.name = slot.name.as_str().to_owned();
    moved.sort_key = sort_key(&moved.name);
    let above = to.above_children();
    let moved = Place {
        sandbox: if moved.sandbox { moved.id } else { to.sandbox },
        node: moved,
        above,
    };
    check_depth(&moved)?;
    let m = &moved.node;
    nodes::put(tx, m.user, m.id, m.parent, &m.name, &m.sort_key, true).await?;
    if m.parent != node.parent {
        count_child(tx, m, node.parent, -1, entry.now).await?;
        count_child(tx, m, m.parent, 1, entry.now).await?;
    }
    if m.name != node.name {
        pantry_db::search::remove(tx, m.user, m.id).await?;
        access::index(tx, m).await?;
    }
    let before = Some((node.parent, place.sandbox));
    let after = Some((m.parent, moved.sandbox));
    let subtree = m.kind == Kind::Folder;
    entry.record(tx, Event::Moved, m, subtree, before, after).await?;
    Ok(moved)
}

/// Moves one node to the bin.
pub(crate) async fn trash(tx: &mut Tx<'_>, entry: &mut Entry<'_>, place: &Place) -> Result<(), Error> {
    check_movable(entry, place)?;
    let n = &place.node;
    nodes::put(tx, n.user, n.id, entry.user.bin_id, &n.name, &n.sort_key, false).await?;
    count_child(tx, n, n.parent, -1, entry.now).await?;
    let binned = Binned {
        user: n.user,
        node: n.id,
        kind: n.kind,
        parent: n.parent,
        name: n.name.clone(),
        path: place.path(),
        sandbox: if n.sandbox { NodeId(0) } else { place.sandbox },
        deleted_at: entry.now,
    };
    bin::insert(tx, &binned).await?;
    if n.sandbox {
        // The next write makes a new one; this one will be an ordinary folder.
        nodes::set_sandbox(tx, n.user, n.id, false).await?;
        grants::forget_sandbox(tx, n.user, n.id).await?;
        if entry.sandbox == n.id {
            entry.sandbox = NodeId(0);
        }
    }
    let before = Some((n.parent, place.sandbox));
    let subtree = n.kind == Kind::Folder;
    entry.record(tx, Event::Removed, n, subtree, before, None).await
}

async fn delete(tx: &mut Tx<'_>, actor: &Actor, what: &Selection, now: i64) -> Result<Done, Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    for (id, kind) in what.ids() {
        let place = chosen(tx, &entry, id, kind, Need::Write).await?;
        check_movable(&entry, &place)?;
    }
    for (id, _) in what.ids() {
        // Gone already if it lay in an earlier one of the batch.
        if let Some(place) = entry.place(tx, id).await? {
            trash(tx, &mut entry, &place).await?;
        }
    }
    let head = entry.close(tx).await?;
    Ok(Done {
        affected: what.len() as i64,
        job: None,
        items: Vec::new(),
        head,
    })
}
