//! Copying nodes: rows only, never bytes. Up to 10,000 nodes in one transaction;
//! above that a job that builds the copy in batches out of sight, and attaches it
//! in one transaction. Must not be entered but through [`crate::files`].

use pantry_db::{
    Tx, blobs, jobs,
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
    access::{self, Entry, Need, Place},
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

/// Nodes and bytes below a folder, itself included, counted up to a limit of nodes.
async fn measure(tx: &mut Tx<'_>, user: UserId, top: &Node, limit: i64) -> Result<(i64, i64), Error> {
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

/// Copies, or begins the job that does.
pub(crate) async fn start(
    tx: &mut Tx<'_>,
    actor: &Actor,
    wish: &Wish<'_>,
    now: i64,
    rules: &Rules,
) -> Result<Done, Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    let to = target(tx, &mut entry, wish.to).await?;
    let mut places = Vec::with_capacity(wish.what.len());
    let files = wish.what.files.iter().map(|i| (*i, Kind::File));
    let folders = wish.what.folders.iter().map(|i| (*i, Kind::Folder));
    for (id, kind) in files.chain(folders) {
        // Bringing content where it can be read needs the right to read it where it is.
        let need = if entry.reaches(Need::Read, to.sandbox) {
            Need::Read
        } else {
            Need::Write
        };
        let place = chosen(tx, &entry, id, kind, need).await?;
        if place.node.id == to.node.id {
            return Err(Error::IntoItself);
        }
        if to.is_within(place.node.id) {
            return Err(Error::IntoOwnSubfolder);
        }
        places.push(place);
    }
    let limit = limits::BATCH_NODES as i64;
    let mut count = 0;
    for p in &places {
        count += measure(tx, entry.user.id, &p.node, limit - count).await?.0;
        if count > limit {
            return start_job(tx, entry, &places, &to, wish).await;
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
    let itself = (on_conflict == OnConflict::Overwrite).then_some(from.node.id);
    let same = from.node.parent == to.node.id && from.node.name == wanted.as_str();
    if same && itself.is_some() {
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
    let top = new_node(tx, &from.node, to.node.id, slot.name.as_str(), &client, entry.now).await?;
    let top = entry.insert_node(tx, &to, top, true).await?;
    queue.push((from.node.id, top.node.id));
    while let Some((source, into)) = queue.pop() {
        let mut after = NodeId(0);
        let (mut files, mut folders) = (0, 0);
        loop {
            let page = nodes::children(tx, entry.user.id, source, after, 1000).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for n in &page {
                let copied = copy_node(tx, n, into, &client, entry.now).await?;
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
    Ok(top)
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

async fn new_node(
    tx: &mut Tx<'_>,
    from: &Node,
    parent: NodeId,
    name: &str,
    client_id: &str,
    now: i64,
) -> Result<Node, Error> {
    Ok(Node {
        id: NodeId(pantry_db::dialect::next_id(tx).await?),
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
    })
}

/// Copies one node below a folder of the copy, without log or counters.
async fn copy_node(tx: &mut Tx<'_>, from: &Node, parent: NodeId, client_id: &str, now: i64) -> Result<NodeId, Error> {
    let mut node = new_node(tx, from, parent, &from.name, client_id, now).await?;
    if from.kind == Kind::File {
        let old = versions::get(tx, from.user, from.version)
            .await?
            .ok_or_else(|| Error::Internal("a file without its version".into()))?;
        if old.size > 0 && blobs::name(tx, old.blob).await?.is_none() {
            return Err(Error::Internal("a version without its content".into()));
        }
        node.version = VersionId(pantry_db::dialect::next_id(tx).await?);
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
    if !nodes::insert(tx, &node).await? {
        return Err(Error::NameTaken { name: node.name });
    }
    access::index(tx, &node).await?;
    Ok(node.id)
}

/// What a copying job knows; its progress is the queue.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    grant: i64,
    epoch: i64,
    scopes: i64,
    to: i64,
    on_conflict: i64,
    /// Tops: the source, the name it gets, and the copy once it is begun.
    tops: Vec<Top>,
    /// Folders whose children are still to be copied: source, copy, last child done, files and folders so far.
    queue: Vec<(i64, i64, i64, i64, i64)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Top {
    from: i64,
    name: String,
    copy: i64,
}

async fn start_job(
    tx: &mut Tx<'_>,
    mut entry: Entry<'_>,
    places: &[Place],
    to: &Place,
    wish: &Wish<'_>,
) -> Result<Done, Error> {
    let (mut total, mut bytes) = (0, 0);
    let mut tops = Vec::new();
    for p in places {
        let (n, b) = measure(tx, entry.user.id, &p.node, i64::MAX).await?;
        total += n;
        bytes += b;
        let name = wish.name.map_or(p.node.name.as_str(), Name::as_str);
        if wish.on_conflict == OnConflict::Fail && nodes::child(tx, entry.user.id, to.node.id, name).await?.is_some() {
            return Err(Error::NameTaken { name: name.into() });
        }
        tops.push(Top {
            from: p.node.id.0,
            name: name.to_owned(),
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
        let args = (job.user, job.id, self.now());
        let result = self
            .db()
            .write(args, |tx, (user, id, now)| {
                Box::pin(async move { step(tx, *user, *id, *now).await.into() })
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

/// One batch: a top is begun, or children are copied, or (at the end) all is attached.
async fn step(tx: &mut Tx<'_>, user: UserId, id: i64, now: i64) -> Result<(), Error> {
    let row = pantry_db::users::lock(tx, user).await?.ok_or(Error::Unauthorized)?;
    let Some(mut job) = jobs::get(tx, user, id).await?.filter(|j| j.state == JobState::Running) else {
        return Ok(());
    };
    let mut plan: Plan = serde_json::from_str(&job.payload).map_err(|e| Error::Internal(e.to_string()))?;
    // Out of sight until it is attached: under the bin, without an entry in it.
    // Bytes move from promised to used as they are copied.
    let mut bytes = 0;
    if let Some(top) = plan.tops.iter_mut().find(|t| t.copy == 0) {
        let from = nodes::get(tx, user, NodeId(top.from))
            .await?
            .ok_or(Error::NotFound("folder"))?;
        let copy = detached(tx, &from, row.bin_id, &top.name, &job.client_id, now).await?;
        top.copy = copy.0;
        bytes += from.size;
        if from.kind == Kind::Folder {
            plan.queue.push((from.id.0, copy.0, 0, 0, 0));
        }
        job.done += 1;
    } else if let Some((source, into, after, files, folders)) = plan.queue.pop() {
        let page = nodes::children(tx, user, NodeId(source), NodeId(after), BATCH).await?;
        let (mut files, mut folders) = (files, folders);
        let mut found = Vec::new();
        for n in &page {
            let copied = copy_node(tx, n, NodeId(into), &job.client_id, now).await?;
            bytes += n.size;
            match n.kind {
                Kind::File => files += 1,
                Kind::Folder => {
                    folders += 1;
                    found.push((n.id.0, copied.0, 0, 0, 0));
                }
            }
            job.done += 1;
        }
        match page.last() {
            Some(last) => plan.queue.push((source, into, last.id.0, files, folders)),
            None => nodes::set_counts(tx, user, NodeId(into), files, folders).await?,
        }
        plan.queue.extend(found);
    } else {
        return attach(tx, &mut job, &plan, now).await;
    }
    // The source may have grown since it was measured.
    let promised = bytes.min(job.reserved);
    if row.used + row.reserved - promised + bytes > row.quota.max(row.used + row.reserved) {
        return Err(Error::Quota {
            needed: bytes,
            free: (row.quota - row.used - row.reserved).max(0),
        });
    }
    job.reserved -= promised;
    let (used, reserved) = (row.used + bytes, row.reserved - promised);
    pantry_db::users::set_books(tx, user, used, reserved, row.head).await?;
    job.payload = to_json(&plan)?;
    Ok(jobs::update(tx, &job, now).await?)
}

async fn detached(
    tx: &mut Tx<'_>,
    from: &Node,
    bin: NodeId,
    name: &str,
    client_id: &str,
    now: i64,
) -> Result<NodeId, Error> {
    let id = copy_node(tx, from, bin, client_id, now).await?;
    nodes::put(tx, from.user, id, bin, name, &sort_key(name), false).await?;
    if name != from.name {
        pantry_db::search::remove(tx, from.user, id).await?;
        let renamed = Node {
            id,
            name: name.to_owned(),
            ..from.clone()
        };
        access::index(tx, &renamed).await?;
    }
    Ok(id)
}

/// The last step: everything appears at once, and is counted.
async fn attach(tx: &mut Tx<'_>, job: &mut Job, plan: &Plan, now: i64) -> Result<(), Error> {
    let actor = if plan.grant == 0 {
        Actor::person(job.user)
    } else {
        Actor::app(
            job.user,
            job.client_id.clone(),
            GrantId(plan.grant),
            plan.epoch,
            Scopes::from_bits(plan.scopes),
        )
    };
    let mut entry = access::enter_write(tx, &actor, now).await?;
    entry.user.reserved -= job.reserved;
    for top in &plan.tops {
        let to = entry.node(tx, NodeId(plan.to), Need::Write, "folder").await?;
        let node = nodes::get(tx, job.user, NodeId(top.copy))
            .await?
            .ok_or(Error::NotFound("folder"))?;
        let wanted = Name::from_stored(top.name.clone());
        let on_conflict = OnConflict::from_code(plan.on_conflict);
        let slot = slot(tx, &entry, &to, &wanted, node.kind, on_conflict, None).await?;
        make_way(tx, &mut entry, &slot).await?;
        let name = slot.name.as_str();
        nodes::put(tx, job.user, node.id, to.node.id, name, &sort_key(name), true).await?;
        access::count_child(tx, &node, to.node.id, 1, now).await?;
        if name != node.name {
            pantry_db::search::remove(tx, job.user, node.id).await?;
            access::index(
                tx,
                &Node {
                    name: name.to_owned(),
                    ..node.clone()
                },
            )
            .await?;
        }
        let at = Some((to.node.id, to.sandbox));
        let subtree = node.kind == Kind::Folder;
        entry
            .record(tx, pantry_db::changes::Event::Created, &node, subtree, None, at)
            .await?;
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
    let Some(mut job) = jobs::get(tx, user, id).await? else {
        return Ok(());
    };
    let plan: Plan = serde_json::from_str(&job.payload).map_err(|e| Error::Internal(e.to_string()))?;
    for top in plan.tops.iter().filter(|t| t.copy != 0) {
        pantry_db::bin::queue_purge(tx, user, NodeId(top.copy), now).await?;
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
