//! Copying nodes: rows only, never bytes, within a drive or out of a share into another's. Up to 10,000 nodes in one
//! transaction; above that a job that builds the copy in batches out of sight, and attaches it in one transaction.
//! Must not be entered but through [`crate::files`] and [`crate::shares`], which look at who may.

mod job;

use pantry_db::{
    DbError, Tx, blobs,
    dialect::next_ids,
    nodes,
    nodes::{Kind, Node},
    versions,
    versions::Version,
};
use pantry_types::{Name, NodeId, UserId, VersionId, limits, sort::sort_key};

use crate::{
    Actor, Error,
    access::{self, Entry, Need, Place},
    contents::{Content, Rules, charge, put_file},
    files::{Done, FolderRef, OnConflict, Selection, Slot, chosen, slot, target, trash},
    item::Item,
    shares::Leave,
};
pub(crate) use job::under_way;

/// What is to be copied where.
pub(crate) struct Wish<'a> {
    pub(crate) what: &'a Selection,
    pub(crate) to: &'a FolderRef,
    pub(crate) name: Option<&'a Name>,
    pub(crate) on_conflict: OnConflict,
}

/// How a copy is to be made.
pub(crate) struct Manner<'a> {
    pub(crate) name: Option<&'a Name>,
    pub(crate) on_conflict: OnConflict,
    /// The share that the nodes are copied out of, if it is one.
    pub(crate) leave: Option<Leave>,
    /// What the copy comes to, where that was found out.
    pub(crate) measured: Option<Measure>,
    /// How many were asked for: an id that was given twice counts twice.
    pub(crate) affected: i64,
}

/// Nodes and bytes of what is to be copied.
pub(crate) type Measure = (i64, i64);

/// Why a copy was not made, nor begun.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// It is long work: it has to be measured first, outside of the transaction.
    Large,
    /// A rule says no.
    Refused(Error),
}

impl From<DbError> for Unfit {
    fn from(e: DbError) -> Self {
        Unfit::Refused(e.into())
    }
}

impl From<Error> for Unfit {
    fn from(e: Error) -> Self {
        Unfit::Refused(e)
    }
}

/// Measures all that was chosen of a person's, however large; what may be copied is looked at later.
pub(crate) async fn measure_all(tx: &mut Tx<'_>, user: UserId, what: &[NodeId]) -> Result<Measure, Error> {
    let (mut count, mut bytes) = (0, 0);
    for id in what {
        if let Some(top) = nodes::get(tx, user, *id).await? {
            let (n, b) = measure(tx, user, &top, i64::MAX).await?;
            count += n;
            bytes += b;
        }
    }
    Ok((count, bytes))
}

/// Nodes and bytes below a folder, itself included, counted up to a limit of nodes.
async fn measure(tx: &mut Tx<'_>, user: UserId, top: &Node, limit: i64) -> Result<Measure, Error> {
    let (mut count, mut bytes) = (1, top.size);
    let mut folders = Vec::new();
    if top.kind == Kind::Folder {
        folders.push(top.id);
    }
    while let Some(folder) = folders.pop() {
        let mut after = None;
        loop {
            let page = nodes::page(tx, user, folder, after.as_ref(), 1000).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.into());
            for n in &page {
                count += 1;
                bytes += n.size;
                if n.kind == Kind::Folder {
                    folders.push(n.id);
                }
            }
            if count > limit {
                return Ok((count, bytes));
            }
        }
    }
    Ok((count, bytes))
}

/// Copies, or begins the job that does, once that is measured.
pub(crate) async fn start(
    tx: &mut Tx<'_>,
    actor: &Actor,
    wish: &Wish<'_>,
    now: i64,
    rules: &Rules,
    measured: Option<Measure>,
) -> Result<Done, Unfit> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    let to = target(tx, &mut entry, wish.to).await?;
    let mut places = Vec::with_capacity(wish.what.len());
    for (id, kind) in wish.what.ids() {
        // Bringing content where it can be read needs the right to read it where it is.
        let need = if entry.reaches(Need::Read, to.sandbox) {
            Need::Read
        } else {
            Need::Write
        };
        let place = chosen(tx, &entry, id, kind, need).await?;
        if place.node.id == to.node.id {
            return Err(Error::IntoItself.into());
        }
        if to.is_within(place.node.id) {
            return Err(Error::IntoOwnSubfolder.into());
        }
        places.push(place);
    }
    let manner = Manner {
        name: wish.name,
        on_conflict: wish.on_conflict,
        leave: None,
        measured,
        affected: wish.what.len() as i64,
    };
    run(tx, entry, &places, &to, &manner, rules).await
}

/// Copies nodes that may be copied into a folder, or begins the job that does. Closes the entry.
pub(crate) async fn run(
    tx: &mut Tx<'_>,
    mut entry: Entry<'_>,
    places: &[Place],
    to: &Place,
    manner: &Manner<'_>,
    rules: &Rules,
) -> Result<Done, Unfit> {
    let limit = limits::BATCH_NODES as i64;
    let mut count = 0;
    for p in places {
        count += measure(tx, p.node.user, &p.node, limit - count).await?.0;
        if count > limit {
            let measured = manner.measured.ok_or(Unfit::Large)?;
            return Ok(job::start(tx, entry, places, to, manner, measured).await?);
        }
    }
    let mut items = Vec::with_capacity(places.len());
    for p in places {
        let own = Name::from_stored(p.node.name.clone());
        let name = manner.name.unwrap_or(&own);
        let copied = copy_one(tx, &mut entry, p, to, name, manner.on_conflict, rules).await?;
        items.push(Item::of(&copied, entry.user.root_id));
    }
    let head = entry.close(tx).await?;
    Ok(Done {
        affected: manner.affected,
        job: None,
        items,
        head,
    })
}

async fn copy_one(
    tx: &mut Tx<'_>,
    entry: &mut Entry<'_>,
    from: &Place,
    to: &Place,
    wanted: &Name,
    on_conflict: OnConflict,
    rules: &Rules,
) -> Result<Place, Error> {
    // The folder's counters move with every copy into it.
    let to = entry.place(tx, to.node.id).await?.ok_or(Error::NotFound("folder"))?;
    if over_itself(from, &to, wanted.as_str(), on_conflict) {
        return Ok(from.clone());
    }
    if from.node.kind == Kind::File {
        let version = versions::get(tx, from.node.user, from.node.version)
            .await?
            .ok_or_else(|| Error::Internal("a file without its version".into()))?;
        return put_file(tx, entry, &to, wanted, &Content::of(&version), on_conflict, rules).await;
    }
    let slot = slot(tx, entry, &to, wanted, Kind::Folder, on_conflict, None).await?;
    make_way(tx, entry, &slot).await?;
    let client = entry.actor.client_id().to_owned();
    let whose = Whose {
        user: entry.user.id,
        client_id: &client,
        now: entry.now,
    };
    let mut queue = Vec::new();
    let id = NodeId(pantry_db::dialect::next_id(tx).await?);
    let top = new_node(&from.node, id, to.node.id, slot.name.as_str(), &whose);
    let top = entry.insert_node(tx, &to, top, true).await?;
    queue.push((from.node.id, top.node.id));
    while let Some((source, into)) = queue.pop() {
        let mut after = None;
        let (mut files, mut folders) = (0, 0);
        loop {
            let page = nodes::page(tx, from.node.user, source, after.as_ref(), 1000).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.into());
            let ids = next_ids(tx, page.len() * 2).await?;
            for (n, ids) in page.iter().zip(ids.chunks_exact(2)) {
                let copied = copy_node(tx, n, into, (ids[0], ids[1]), &whose).await?;
                match n.kind {
                    Kind::File => files += 1,
                    Kind::Folder => {
                        folders += 1;
                        queue.push((n.id, copied));
                    }
                }
                charge(tx, entry, n.size).await?;
            }
        }
        nodes::set_counts(tx, entry.user.id, into, files, folders).await?;
    }
    // As it is now, with what it holds.
    entry.place(tx, top.node.id).await?.ok_or(Error::NotFound("folder"))
}

/// A copy that would take the place of what it is made from changes nothing.
fn over_itself(from: &Place, to: &Place, wanted: &str, on_conflict: OnConflict) -> bool {
    on_conflict == OnConflict::Overwrite && from.node.parent == to.node.id && from.node.name == wanted
}

/// A node of this name as it would lie in a folder.
fn in_folder(folder: &Place, node: Node) -> Place {
    let above = folder.above_children();
    Place {
        node,
        above,
        sandbox: folder.sandbox,
    }
}

/// What a slot replaces goes to the bin.
async fn make_way(tx: &mut Tx<'_>, entry: &mut Entry<'_>, slot: &Slot) -> Result<(), Error> {
    if let Some(old) = &slot.replaces {
        let old = entry
            .place(tx, old.id)
            .await?
            .ok_or_else(|| Error::Internal("a name in a folder that is not there".into()))?;
        trash(tx, entry, &old).await?;
    }
    Ok(())
}

/// Who a copy belongs to, and who made it when.
struct Whose<'a> {
    user: UserId,
    client_id: &'a str,
    now: i64,
}

fn new_node(from: &Node, id: NodeId, parent: NodeId, name: &str, whose: &Whose<'_>) -> Node {
    Node {
        user: whose.user,
        id,
        parent,
        name: name.to_owned(),
        sort_key: sort_key(name),
        live: true,
        sandbox: false,
        file_count: 0,
        folder_count: 0,
        client_id: whose.client_id.to_owned(),
        created_at: whose.now,
        modified_at: whose.now,
        ..from.clone()
    }
}

/// Copies one node below a folder of the copy, without log or counters. `ids` are
/// those of the node and, for a file, of its version.
async fn copy_node(
    tx: &mut Tx<'_>,
    from: &Node,
    parent: NodeId,
    ids: (i64, i64),
    whose: &Whose<'_>,
) -> Result<NodeId, Error> {
    let mut node = new_node(from, NodeId(ids.0), parent, &from.name, whose);
    if from.kind == Kind::File {
        let old = versions::get(tx, from.user, from.version)
            .await?
            .ok_or_else(|| Error::Internal("a file without its version".into()))?;
        if old.size > 0 && blobs::name(tx, old.blob).await?.is_none() {
            return Err(Error::Internal("a version without its content".into()));
        }
        node.version = VersionId(ids.1);
        let version = Version {
            user: node.user,
            id: node.version,
            node: node.id,
            client_id: node.client_id.clone(),
            created_at: whose.now,
            replaced_at: 0,
            keep: false,
            ..old
        };
        versions::insert(tx, &version).await?;
    }
    insert(tx, &node).await
}

async fn insert(tx: &mut Tx<'_>, node: &Node) -> Result<NodeId, Error> {
    if !nodes::insert(tx, node).await? {
        return Err(Error::NameTaken {
            name: node.name.clone(),
        });
    }
    access::index(tx, node).await?;
    Ok(node.id)
}
