//! Copying nodes: rows only, never bytes. Up to 10,000 nodes in one transaction;
//! above that a job that builds the copy in batches out of sight, and attaches it
//! in one transaction. Must not be entered but through [`crate::files`].

use pantry_db::{
    DbError, Tx, bin, blobs,
    changes::Event,
    dialect::next_ids,
    jobs,
    jobs::{Job, JobState},
    nodes,
    nodes::{Kind, Node},
    versions,
    versions::Version,
};
use pantry_types::{GrantId, Name, NodeId, Scopes, UserId, VersionId, limits, sort::sort_key};
use serde::{Deserialize, Serialize};

use crate::{
    Actor, Drive, Error,
    access::{self, Entry, Need, Place, check_depth},
    contents::{Content, Rules, charge, put_file, reserve},
    files::{Done, FolderRef, OnConflict, Selection, Slot, chosen, slot, target, trash},
    item::Item,
};

/// Nodes copied in one transaction of a job.
const BATCH: i64 = 500;

/// What is to be copied where.
pub(crate) struct Wish<'a> {
    pub(crate) what: &'a Selection,
    pub(crate) to: &'a FolderRef,
    pub(crate) name: Option<&'a Name>,
    pub(crate) on_conflict: OnConflict,
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

/// Measures all that was chosen, however large; what may be copied is looked at later.
pub(crate) async fn measure_all(tx: &mut Tx<'_>, actor: &Actor, what: &Selection, now: i64) -> Result<Measure, Error> {
    let entry = access::enter(tx, actor, now).await?;
    let (mut count, mut bytes) = (0, 0);
    for (id, _) in what.ids() {
        if let Some(top) = nodes::get(tx, entry.user.id, id).await? {
            let (n, b) = measure(tx, entry.user.id, &top, i64::MAX).await?;
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
        let mut after = NodeId(0);
        loop {
            let page = nodes::children(tx, user, folder, after, 1000).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
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
    let limit = limits::BATCH_NODES as i64;
    let mut count = 0;
    for p in &places {
        count += measure(tx, entry.user.id, &p.node, limit - count).await?.0;
        if count > limit {
            let measured = measured.ok_or(Unfit::Large)?;
            return Ok(start_job(tx, entry, &places, &to, wish, measured).await?);
        }
    }
    let mut items = Vec::with_capacity(places.len());
    for p in &places {
        let own = Name::from_stored(p.node.name.clone());
        let name = wish.name.unwrap_or(&own);
        let copied = copy_one(tx, &mut entry, p, &to, name, wish.on_conflict, rules).await?;
        items.push(Item::of(&copied, entry.user.root_id));
    }
    let head = entry.close(tx).await?;
    Ok(Done {
        affected: wish.what.len() as i64,
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
        let version = versions::get(tx, entry.user.id, from.node.version)
            .await?
            .ok_or_else(|| Error::Internal("a file without its version".into()))?;
        return put_file(tx, entry, &to, wanted, &Content::of(&version), on_conflict, rules).await;
    }
    let slot = slot(tx, entry, &to, wanted, Kind::Folder, on_conflict, None).await?;
    make_way(tx, entry, &slot).await?;
    let client = entry.actor.client_id().to_owned();
    let mut queue = Vec::new();
    let id = NodeId(pantry_db::dialect::next_id(tx).await?);
    let top = new_node(&from.node, id, to.node.id, slot.name.as_str(), &client, entry.now);
    let top = entry.insert_node(tx, &to, top, true).await?;
    queue.push((from.node.id, top.node.id));
    while let Some((source, into)) = queue.pop() {
        let mut after = NodeId(0);
        let (mut files, mut folders) = (0, 0);
        loop {
            let page = nodes::children(tx, entry.user.id, source, after, 1000).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            let ids = next_ids(tx, page.len() * 2).await?;
            for (n, ids) in page.iter().zip(ids.chunks_exact(2)) {
                let copied = copy_node(tx, n, into, &n.name, (ids[0], ids[1]), &client, entry.now).await?;
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

fn new_node(from: &Node, id: NodeId, parent: NodeId, name: &str, client_id: &str, now: i64) -> Node {
    Node {
        id,
        parent,
        name: name.to_owned(),
        sort_key: sort_key(name),
        live: true,
        sandbox: false,
        file_count: 0,
        folder_count: 0,
        client_id: client_id.to_owned(),
        created_at: now,
        modified_at: now,
        ..from.clone()
    }
}

/// Copies one node below a folder of the copy, without log or counters. `ids` are
/// those of the node and, for a file, of its version.
async fn copy_node(
    tx: &mut Tx<'_>,
    from: &Node,
    parent: NodeId,
    name: &str,
    ids: (i64, i64),
    client_id: &str,
    now: i64,
) -> Result<NodeId, Error> {
    let mut node = new_node(from, NodeId(ids.0), parent, name, client_id, now);
    if from.kind == Kind::File {
        let old = versions::get(tx, from.user, from.version)
            .await?
            .ok_or_else(|| Error::Internal("a file without its version".into()))?;
        if old.size > 0 && blobs::name(tx, old.blob).await?.is_none() {
            return Err(Error::Internal("a version without its content".into()));
        }
        node.version = VersionId(ids.1);
        let version = Version {
            id: node.version,
            node: node.id,
            client_id: client_id.to_owned(),
            created_at: now,
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

/// What a copying job knows; its progress is the queue.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    grant: i64,
    epoch: i64,
    scopes: i64,
    to: i64,
    /// Whether the caller could read there when it began: then they could read the sources too.
    readable: bool,
    on_conflict: i64,
    tops: Vec<Top>,
    /// Folders of the top that is being copied whose children are still to be copied.
    queue: Vec<Todo>,
}

/// One of what was chosen.
#[derive(Debug, Serialize, Deserialize)]
struct Top {
    from: i64,
    name: String,
    /// A file: it is copied when all is attached, for it may become a version.
    file: bool,
    /// The copy, once it is begun.
    copy: i64,
}

/// A folder that is being copied.
#[derive(Debug, Serialize, Deserialize)]
struct Todo {
    source: NodeId,
    into: NodeId,
    /// The last child done.
    after: NodeId,
    files: i64,
    folders: i64,
}

impl Todo {
    fn new(source: NodeId, into: NodeId) -> Self {
        Self {
            source,
            into,
            after: NodeId(0),
            files: 0,
            folders: 0,
        }
    }
}

impl Plan {
    fn actor(&self, job: &Job) -> Actor {
        if self.grant == 0 {
            return match job.client_id.as_str() {
                "" => Actor::person(job.user),
                app => Actor::weipan(job.user, app.to_owned()),
            };
        }
        Actor::app(
            job.user,
            job.client_id.clone(),
            GrantId(self.grant),
            self.epoch,
            Scopes::from_bits(self.scopes),
        )
    }
}

async fn start_job(
    tx: &mut Tx<'_>,
    mut entry: Entry<'_>,
    places: &[Place],
    to: &Place,
    wish: &Wish<'_>,
    (total, bytes): Measure,
) -> Result<Done, Error> {
    let mut tops = Vec::new();
    for p in places {
        let name = wish.name.map_or(p.node.name.as_str(), Name::as_str);
        if over_itself(p, to, name, wish.on_conflict) {
            continue;
        }
        check_depth(&in_folder(to, new_node(&p.node, NodeId(0), to.node.id, name, "", 0)))?;
        if wish.on_conflict == OnConflict::Fail && nodes::child(tx, entry.user.id, to.node.id, name).await?.is_some() {
            return Err(Error::NameTaken { name: name.into() });
        }
        tops.push(Top {
            from: p.node.id.0,
            name: name.to_owned(),
            file: p.node.kind == Kind::File,
            copy: 0,
        });
    }
    reserve(tx, &mut entry, bytes).await?;
    let actor = entry.actor;
    let plan = Plan {
        grant: actor.grant().0,
        epoch: actor.epoch(),
        scopes: actor.scopes().to_bits(),
        to: to.node.id.0,
        readable: entry.reaches(Need::Read, to.sandbox),
        on_conflict: wish.on_conflict.code(),
        tops,
        queue: Vec::new(),
    };
    let job = Job {
        user: entry.user.id,
        id: pantry_db::dialect::next_id(tx).await?,
        client_id: actor.client_id().to_owned(),
        kind: "copy".into(),
        state: JobState::Running,
        done: 0,
        total,
        reserved: bytes,
        payload: to_json(&plan)?,
        error: String::new(),
        created_at: entry.now,
    };
    jobs::insert(tx, &job).await?;
    let head = entry.close(tx).await?;
    Ok(Done {
        affected: wish.what.len() as i64,
        job: Some(job.id),
        items: Vec::new(),
        head,
    })
}

fn to_json(plan: &Plan) -> Result<String, Error> {
    serde_json::to_string(plan).map_err(|e| Error::Internal(e.to_string()))
}

impl Drive {
    /// Does a batch of one running job, if there is one; `false` if there was nothing to do.
    pub async fn work(&self) -> Result<bool, Error> {
        let next = self
            .db()
            .read((), |tx, ()| {
                Box::pin(async move { Ok::<_, Error>(jobs::running(tx, 1).await?) })
            })
            .await?;
        let Some(job) = next.into_iter().next() else {
            return Ok(false);
        };
        let args = (job.user, job.id, self.now(), self.rules());
        let result = self
            .db()
            .write(args, |tx, (user, id, now, rules)| {
                Box::pin(async move { step(tx, *user, *id, *now, rules).await.into() })
            })
            .await;
        match result {
            Ok(()) => {}
            Err(e @ (Error::Busy | Error::DiskFull | Error::Rows(_))) => return Err(e),
            // A rule says no: give the job up, and free what it made.
            Err(e) => {
                let args = (job.user, job.id, self.now(), e.to_string());
                self.db()
                    .write(args, |tx, (user, id, now, why)| {
                        Box::pin(async move { give_up(tx, *user, *id, *now, why).await.into() })
                    })
                    .await?;
            }
        }
        Ok(true)
    }

    /// How far a job of the caller has come.
    pub async fn job(&self, actor: &Actor, id: i64) -> Result<Job, Error> {
        self.db()
            .read((actor.clone(), id, self.now()), |tx, (actor, id, now)| {
                Box::pin(async move {
                    access::enter(tx, actor, *now).await?;
                    jobs::get(tx, actor.user(), *id)
                        .await?
                        .filter(|j| actor.client_id().is_empty() || j.client_id == actor.client_id())
                        .ok_or(Error::NotFound("job"))
                })
            })
            .await
    }
}

/// One batch: tops are begun and children copied, or (at the end) all is attached.
async fn step(tx: &mut Tx<'_>, user: UserId, id: i64, now: i64, rules: &Rules) -> Result<(), Error> {
    if pantry_db::users::lock(tx, user).await?.is_none() {
        return Err(Error::Unauthorized);
    }
    let Some(mut job) = jobs::get(tx, user, id).await?.filter(|j| j.state == JobState::Running) else {
        return Ok(());
    };
    let mut plan: Plan = serde_json::from_str(&job.payload).map_err(|e| Error::Internal(e.to_string()))?;
    let actor = plan.actor(&job);
    let mut entry = access::enter_write(tx, &actor, now).await?;
    if plan.queue.is_empty() && plan.tops.iter().all(|t| t.file || t.copy != 0) {
        return attach(tx, entry, &mut job, &plan, rules).await;
    }
    let done = copy_batch(tx, &entry, &job, &mut plan).await?;
    job.done += done.0;
    // What was promised becomes used; the source may have grown since it was measured.
    let promised = done.1.min(job.reserved);
    job.reserved -= promised;
    entry.user.reserved -= promised;
    charge(tx, &mut entry, done.1).await?;
    entry.close(tx).await?;
    job.payload = to_json(&plan)?;
    Ok(jobs::update(tx, &job, now).await?)
}

/// Copies up to a batch of nodes out of sight: under the bin, without an entry in it.
async fn copy_batch(tx: &mut Tx<'_>, entry: &Entry<'_>, job: &Job, plan: &mut Plan) -> Result<Measure, Error> {
    let (user, client, now) = (job.user, job.client_id.as_str(), entry.now);
    let (mut count, mut bytes) = (0, 0);
    let begun = plan.tops.iter().rfind(|t| t.copy != 0).map(|t| t.from);
    if let Some(from) = begun.filter(|_| !plan.queue.is_empty()) {
        source(tx, entry, from, plan.readable).await?;
    }
    // A folder costs something too when it holds nothing.
    let mut room = BATCH;
    while room > 0 {
        room -= 1;
        let Some(mut todo) = plan.queue.pop() else {
            let readable = plan.readable;
            let Some(top) = plan.tops.iter_mut().find(|t| !t.file && t.copy == 0) else {
                break;
            };
            let from = source(tx, entry, top.from, readable).await?;
            let id = NodeId(pantry_db::dialect::next_id(tx).await?);
            let node = Node {
                live: false,
                ..new_node(&from, id, entry.user.bin_id, &top.name, client, now)
            };
            top.copy = insert(tx, &node).await?.0;
            plan.queue.push(Todo::new(from.id, id));
            count += 1;
            continue;
        };
        let page = nodes::children(tx, user, todo.source, todo.after, room.max(1)).await?;
        let whole = (page.len() as i64) < room.max(1);
        let ids = next_ids(tx, page.len() * 2).await?;
        let mut found = Vec::new();
        for (n, ids) in page.iter().zip(ids.chunks_exact(2)) {
            let copied = copy_node(tx, n, todo.into, &n.name, (ids[0], ids[1]), client, now).await?;
            bytes += n.size;
            match n.kind {
                Kind::File => todo.files += 1,
                Kind::Folder => {
                    todo.folders += 1;
                    found.push(Todo::new(n.id, copied));
                }
            }
            todo.after = n.id;
        }
        count += page.len() as i64;
        room -= page.len() as i64;
        if whole {
            nodes::set_counts(tx, user, todo.into, todo.files, todo.folders).await?;
        } else {
            plan.queue.push(todo);
        }
        plan.queue.extend(found);
    }
    Ok((count, bytes))
}

/// What is copied, if it is still there whole: in the tree within the caller's reach, or in
/// the bin, but not on its way out of it.
async fn source(tx: &mut Tx<'_>, entry: &Entry<'_>, id: i64, readable: bool) -> Result<Node, Error> {
    let gone = || Error::NotFound("source of the copy");
    let line = nodes::lineage(tx, entry.user.id, NodeId(id)).await?;
    let line = line.ok_or_else(gone)?;
    let top = line.top();
    if top == entry.user.root_id {
        let need = if readable { Need::Read } else { Need::Write };
        if !entry.reaches(need, line.sandbox()) {
            return Err(gone());
        }
    } else if bin::is_purging(tx, entry.user.id, top).await? {
        return Err(gone());
    }
    Ok(line.node)
}

/// The last step: everything appears at once, and is counted.
async fn attach(tx: &mut Tx<'_>, mut entry: Entry<'_>, job: &mut Job, plan: &Plan, rules: &Rules) -> Result<(), Error> {
    let now = entry.now;
    entry.user.reserved -= job.reserved;
    let on_conflict = OnConflict::from_code(plan.on_conflict);
    for top in &plan.tops {
        let to = entry.node(tx, NodeId(plan.to), Need::Write, "folder").await?;
        if !plan.readable && entry.reaches(Need::Read, to.sandbox) {
            // It was moved to where the caller can read what they copied without reading it.
            return Err(Error::NotFound("folder"));
        }
        let wanted = Name::from_stored(top.name.clone());
        if top.file {
            let from = source(tx, &entry, top.from, plan.readable).await?;
            let version = versions::get(tx, job.user, from.version)
                .await?
                .ok_or_else(|| Error::Internal("a file without its version".into()))?;
            put_file(tx, &mut entry, &to, &wanted, &Content::of(&version), on_conflict, rules).await?;
            job.done += 1;
            continue;
        }
        let node = nodes::get(tx, job.user, NodeId(top.copy))
            .await?
            .ok_or(Error::NotFound("folder"))?;
        let slot = slot(tx, &entry, &to, &wanted, node.kind, on_conflict, None).await?;
        make_way(tx, &mut entry, &slot).await?;
        let place = in_folder(
            &to,
            Node {
                parent: to.node.id,
                name: slot.name.as_str().to_owned(),
                ..node.clone()
            },
        );
        check_depth(&place)?;
        let name = slot.name.as_str();
        nodes::put(tx, job.user, node.id, to.node.id, name, &sort_key(name), true).await?;
        access::count_child(tx, &node, to.node.id, 1, now).await?;
        if name != node.name {
            pantry_db::search::remove(tx, job.user, node.id).await?;
            access::index(tx, &place.node).await?;
        }
        let at = Some((to.node.id, to.sandbox));
        entry.record(tx, Event::Created, &node, true, None, at).await?;
    }
    job.state = JobState::Done;
    job.reserved = 0;
    job.done = job.total.max(job.done);
    jobs::update(tx, job, now).await?;
    entry.close(tx).await?;
    Ok(())
}

/// Ends a job that a rule stopped: nothing of it remains.
async fn give_up(tx: &mut Tx<'_>, user: UserId, id: i64, now: i64, why: &str) -> Result<(), Error> {
    let Some(row) = pantry_db::users::lock(tx, user).await? else {
        return Ok(());
    };
    // Another worker may have ended it meanwhile: what is attached is no leftover.
    let Some(mut job) = jobs::get(tx, user, id).await?.filter(|j| j.state == JobState::Running) else {
        return Ok(());
    };
    let plan: Plan = serde_json::from_str(&job.payload).map_err(|e| Error::Internal(e.to_string()))?;
    for top in plan.tops.iter().filter(|t| t.copy != 0) {
        bin::queue_purge(tx, user, NodeId(top.copy), now).await?;
    }
    pantry_db::users::set_books(tx, user, row.used, row.reserved - job.reserved, row.head).await?;
    job.reserved = 0;
    job.state = JobState::Failed;
    job.error = why.to_owned();
    Ok(jobs::update(tx, &job, now).await?)
}

/// Tops of the copies that are being made for a person: in nobody's sight yet.
pub(crate) async fn under_way(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<NodeId>, Error> {
    let mut tops = Vec::new();
    for job in jobs::running_of(tx, user).await? {
        let plan: Plan = serde_json::from_str(&job.payload).map_err(|e| Error::Internal(e.to_string()))?;
        tops.extend(plan.tops.iter().filter(|t| t.copy != 0).map(|t| NodeId(t.copy)));
    }
    Ok(tops)
}
