//! Copying as a job: in batches out of sight, under the bin, until all of it appears at once. A job that a rule stops leaves
//! nothing. Must not decide what may be copied when it begins; it looks again at every batch.

use pantry_db::{
    Tx, bin,
    changes::Event,
    dialect::next_ids,
    jobs,
    jobs::{Job, JobState},
    nodes,
    nodes::{Kind, Node},
    shares, users, versions,
};
use pantry_types::{GrantId, Name, NodeId, Scopes, ShareId, UserId, sort::sort_key};
use serde::{Deserialize, Serialize};

use super::{Manner, Measure, Whose, copy_node, in_folder, insert, make_way, new_node, over_itself};
use crate::{
    Actor, Drive, Error,
    access::{self, Entry, Need, Place, check_depth},
    contents::{Content, Rules, charge, put_file, reserve},
    files::{Done, OnConflict, slot},
    shares::Leave,
};

/// Nodes copied in one transaction of a job.
const BATCH: i64 = 500;

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
    /// The share that all of it is copied out of.
    #[serde(default)]
    leave: Option<LeaveRow>,
    tops: Vec<Top>,
    /// Folders of the top that is being copied whose children are still to be copied.
    queue: Vec<Todo>,
}

/// A [`Leave`], as a job keeps it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct LeaveRow {
    owner: i64,
    share: i64,
    epoch: i64,
}

/// A folder that holds more than these is read in the order of the person's nodes.
const MANY: i64 = 10_000;

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
    /// It holds very many.
    #[serde(default = "yes")]
    many: bool,
    files: i64,
    folders: i64,
}

/// Jobs of before read every folder in that order.
fn yes() -> bool {
    true
}

impl Todo {
    fn new(source: &Node, into: NodeId) -> Self {
        Self {
            source: source.id,
            into,
            after: NodeId(0),
            many: source.file_count + source.folder_count > MANY,
            files: 0,
            folders: 0,
        }
    }
}

impl Plan {
    fn of(job: &Job) -> Result<Self, Error> {
        serde_json::from_str(&job.payload).map_err(|e| Error::Internal(e.to_string()))
    }

    fn leave(&self) -> Option<Leave> {
        self.leave.map(|l| Leave {
            owner: UserId(l.owner),
            share: ShareId(l.share),
            epoch: l.epoch,
        })
    }

    /// Whose nodes are copied.
    fn owner(&self, job: &Job) -> UserId {
        self.leave.map_or(job.user, |l| UserId(l.owner))
    }

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

/// Begins a job that was measured. Closes the entry.
pub(super) async fn start(
    tx: &mut Tx<'_>,
    mut entry: Entry<'_>,
    places: &[Place],
    to: &Place,
    manner: &Manner<'_>,
    (total, bytes): Measure,
) -> Result<Done, Error> {
    let mut tops = Vec::new();
    let whose = Whose {
        user: entry.user.id,
        client_id: "",
        now: entry.now,
    };
    for p in places {
        let name = manner.name.map_or(p.node.name.as_str(), Name::as_str);
        if over_itself(p, to, name, manner.on_conflict) {
            continue;
        }
        check_depth(&in_folder(to, new_node(&p.node, NodeId(0), to.node.id, name, &whose)))?;
        if manner.on_conflict == OnConflict::Fail && nodes::child(tx, entry.user.id, to.node.id, name).await?.is_some()
        {
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
        on_conflict: manner.on_conflict.code(),
        leave: manner.leave.map(|l| LeaveRow {
            owner: l.owner.0,
            share: l.share.0,
            epoch: l.epoch,
        }),
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
        affected: manner.affected,
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
    // The rows of both, in the order of their ids: nothing moves where it is copied from, nor where it goes.
    let owner = match jobs::get(tx, user, id).await? {
        Some(job) => Plan::of(&job)?.owner(&job),
        None => return Ok(()),
    };
    for one in [owner.min(user), owner.max(user)] {
        let found = users::lock(tx, one).await?;
        if found.is_none() && one == user {
            return Err(Error::Unauthorized);
        }
    }
    let Some(mut job) = jobs::get(tx, user, id).await?.filter(|j| j.state == JobState::Running) else {
        return Ok(());
    };
    let mut plan = Plan::of(&job)?;
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
    let (user, now) = (job.user, entry.now);
    let whose = Whose {
        user,
        client_id: job.client_id.as_str(),
        now,
    };
    let owner = plan.owner(job);
    let (mut count, mut bytes) = (0, 0);
    let begun = plan.tops.iter().rfind(|t| t.copy != 0).map(|t| t.from);
    if let Some(from) = begun.filter(|_| !plan.queue.is_empty()) {
        source(tx, entry, from, plan).await?;
    }
    // A folder costs something too when it holds nothing.
    let mut room = BATCH;
    while room > 0 {
        room -= 1;
        let Some(mut todo) = plan.queue.pop() else {
            let Some(at) = plan.tops.iter().position(|t| !t.file && t.copy == 0) else {
                break;
            };
            let from = source(tx, entry, plan.tops[at].from, plan).await?;
            let top = &mut plan.tops[at];
            let id = NodeId(pantry_db::dialect::next_id(tx).await?);
            let node = Node {
                live: false,
                ..new_node(&from, id, entry.user.bin_id, &top.name, &whose)
            };
            top.copy = insert(tx, &node).await?.0;
            plan.queue.push(Todo::new(&from, id));
            count += 1;
            continue;
        };
        let page = nodes::by_id(tx, owner, todo.source, todo.after, todo.many, room.max(1)).await?;
        let whole = (page.len() as i64) < room.max(1);
        let ids = next_ids(tx, page.len() * 2).await?;
        let mut found = Vec::new();
        for (n, ids) in page.iter().zip(ids.chunks_exact(2)) {
            let copied = copy_node(tx, n, todo.into, (ids[0], ids[1]), &whose).await?;
            bytes += n.size;
            match n.kind {
                Kind::File => todo.files += 1,
                Kind::Folder => {
                    todo.folders += 1;
                    found.push(Todo::new(n, copied));
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
async fn source(tx: &mut Tx<'_>, entry: &Entry<'_>, id: i64, plan: &Plan) -> Result<Node, Error> {
    let gone = || Error::NotFound("source of the copy");
    if let Some(leave) = plan.leave() {
        return shared(tx, leave, NodeId(id), entry.now).await?.ok_or_else(gone);
    }
    let readable = plan.readable;
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

/// The same of what is copied out of a share: it still serves, and still shows it.
async fn shared(tx: &mut Tx<'_>, leave: Leave, id: NodeId, now: i64) -> Result<Option<Node>, Error> {
    if leave.stands(tx, now).await?.is_none_or(|share| !share.allow_save) {
        return Ok(None);
    }
    let root = users::get(tx, leave.owner).await?.map(|owner| owner.root_id);
    match nodes::lineage(tx, leave.owner, id).await? {
        Some(line) if Some(line.top()) == root && leave.holds(tx, &line).await? => Ok(Some(line.node)),
        _ => Ok(None),
    }
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
            let from = source(tx, &entry, top.from, plan).await?;
            let version = versions::get(tx, from.user, from.version)
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
    if let Some(leave) = plan.leave() {
        shares::saved(tx, leave.owner, leave.share).await?;
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
    let Some(row) = users::lock(tx, user).await? else {
        return Ok(());
    };
    // Another worker may have ended it meanwhile: what is attached is no leftover.
    let Some(mut job) = jobs::get(tx, user, id).await?.filter(|j| j.state == JobState::Running) else {
        return Ok(());
    };
    let plan = Plan::of(&job)?;
    for top in plan.tops.iter().filter(|t| t.copy != 0) {
        bin::queue_purge(tx, user, NodeId(top.copy), now).await?;
    }
    users::set_books(tx, user, row.used, row.reserved - job.reserved, row.head).await?;
    job.reserved = 0;
    job.state = JobState::Failed;
    job.error = why.to_owned();
    Ok(jobs::update(tx, &job, now).await?)
}

/// Tops of the copies that are being made for a person: in nobody's sight yet.
pub(crate) async fn under_way(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<NodeId>, Error> {
    let mut tops = Vec::new();
    for job in jobs::running_of(tx, user).await? {
        let plan = Plan::of(&job)?;
        tops.extend(plan.tops.iter().filter(|t| t.copy != 0).map(|t| NodeId(t.copy)));
    }
    Ok(tops)
}
