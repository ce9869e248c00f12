//! The recycle bin: what is in it, taking out, purging for good.
//! Must not free contents; that is the janitor's, after a grace.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_db::{
    Tx, bin,
    bin::Binned,
    books::{self, Books},
    changes::Event,
    jobs,
    jobs::{Job, JobState},
    nodes,
    nodes::{Kind, Node},
    users, versions,
};
use pantry_types::{Name, NodeId, UserId, limits, sort::sort_key};

use crate::{
    Actor, Drive, Error, Reach,
    access::{self, Entry, Need, Place, check_depth, count_child},
    files::{Done, FolderRef, OnConflict, Selection, holds_sandbox, kind_word, slot, target, trash},
    item::Item,
};

/// Something in the bin.
#[derive(Debug, Clone)]
pub struct BinItem {
    /// Where it was and when it was deleted.
    pub entry: Binned,
    /// The node as it is.
    pub node: Node,
    /// When it is purged, 0 if never.
    pub purge_at: i64,
}

/// A page of the bin.
#[derive(Debug, Clone)]
pub struct BinPage {
    /// Latest first.
    pub items: Vec<BinItem>,
    /// Entries in all that the caller may see, counted up to 10,000.
    pub total: i64,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

impl Drive {
    /// Lists what the caller may read in the bin, latest first.
    pub async fn bin(&self, actor: &Actor, cursor: Option<&str>, limit: i64) -> Result<BinPage, Error> {
        let after = match cursor {
            None => None,
            Some(c) => Some(parse_cursor(c)?),
        };
        let keep = self.settings().bin.keep_days * 86_400;
        let limit = limit.clamp(1, 1024);
        let args = (actor.clone(), after, limit, keep, self.now());
        self.db()
            .read(args, |tx, (actor, after, limit, keep, now)| {
                Box::pin(async move {
                    let entry = access::enter(tx, actor, *now).await?;
                    list(tx, &entry, *after, *limit, *keep).await
                })
            })
            .await
    }

    /// Takes things out of the bin: to where they were, or into a folder.
    pub async fn restore(
        &self,
        actor: &Actor,
        what: Selection,
        to: Option<FolderRef>,
        on_conflict: OnConflict,
    ) -> Result<Done, Error> {
        what.check()?;
        let args = (actor.clone(), what, to, on_conflict, self.now());
        self.db()
            .write(args, |tx, (actor, what, to, on_conflict, now)| {
                Box::pin(async move { restore(tx, actor, what, to.as_ref(), *on_conflict, *now).await.into() })
            })
            .await
    }

    /// Deletes things in the bin for good.
    pub async fn purge(&self, actor: &Actor, what: Selection) -> Result<Done, Error> {
        what.check()?;
        self.db()
            .write((actor.clone(), what, self.now()), |tx, (actor, what, now)| {
                Box::pin(async move { purge(tx, actor, what, *now).await.into() })
            })
            .await
    }

    /// Deletes for good all that the caller may write in the bin.
    pub async fn empty_bin(&self, actor: &Actor) -> Result<Done, Error> {
        let mut actor = actor.clone();
        let mut freeing = Freeing::new(limits::PURGE_NODES);
        let mut affected = 0;
        loop {
            let (done, left) = self
                .db()
                .write((actor.clone(), freeing, self.now()), |tx, (actor, freeing, now)| {
                    Box::pin(async move { empty(tx, actor, *freeing, *now).await.into() })
                })
                .await?;
            freeing = left;
            affected += done.affected;
            if done.affected == 0 {
                return Ok(Done { affected, ..done });
            }
            // The caller's picture held when it began; what others do between two batches does not stop it halfway.
            actor = actor.expecting_head(None);
        }
    }

    /// Frees a batch of what is being purged, or counts it for who follows that; `false` if there was nothing to do.
    pub async fn purge_some(&self) -> Result<bool, Error> {
        if self.count_purges().await? {
            return Ok(true);
        }
        let waiting = self
            .db()
            .read((), |tx, ()| {
                Box::pin(async move { Ok::<_, Error>(bin::next_purge(tx).await?) })
            })
            .await?;
        let Some(user) = waiting else {
            return Ok(false);
        };
        self.db()
            .write((user, self.now()), |tx, (user, now)| {
                Box::pin(async move { purge_batch(tx, *user, *now).await.into() })
            })
            .await?;
        Ok(true)
    }

    /// Counts the nodes of a purge that somebody follows, once, before its first batch.
    async fn count_purges(&self) -> Result<bool, Error> {
        let counted = self
            .db()
            .read((), |tx, ()| {
                Box::pin(async move { Ok::<_, Error>(jobs::uncounted(tx).await?.map(|job| (job.user, job.id))) })
            })
            .await?;
        let Some((user, job)) = counted else {
            return Ok(false);
        };
        let left = self
            .db()
            .read_long((user, job), |tx, (user, job)| {
                Box::pin(async move { Ok::<_, Error>(bin::count_purges(tx, *user, *job).await?) })
            })
            .await?;
        self.db()
            .write((user, job, left, self.now()), |tx, (user, job, left, now)| {
                Box::pin(async move { counted_purges(tx, *user, *job, *left, *now).await.into() })
            })
            .await?;
        Ok(true)
    }
}

fn parse_cursor(cursor: &str) -> Result<(i64, NodeId), Error> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|b| String::from_utf8(b).ok())
        .and_then(|t| {
            let (a, b) = t.split_once('/')?;
            Some((a.parse().ok()?, NodeId(b.parse().ok()?)))
        })
        .ok_or_else(|| Error::invalid("cursor", "this is not a cursor of the bin; begin again without one"))
}

/// Whether the caller's right reaches something in the bin.
fn reaches(entry: &Entry<'_>, need: Need, binned: &Binned) -> bool {
    entry.reaches(need, binned.sandbox)
}

async fn list(
    tx: &mut Tx<'_>,
    entry: &Entry<'_>,
    after: Option<(i64, NodeId)>,
    limit: i64,
    keep: i64,
) -> Result<BinPage, Error> {
    entry.require(Need::Read)?;
    let user = entry.user.id;
    let mut rows = Vec::new();
    let mut from = after;
    // An app that sees only its own folder skips the entries of others.
    while rows.len() as i64 <= limit {
        let page = bin::page(tx, user, from, 500).await?;
        let Some(last) = page.last() else { break };
        from = Some((last.deleted_at, last.node));
        rows.extend(page.into_iter().filter(|b| reaches(entry, Need::Read, b)));
    }
    let more = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    let next_cursor = match rows.last() {
        Some(b) if more => Some(URL_SAFE_NO_PAD.encode(format!("{}/{}", b.deleted_at, b.node.0))),
        _ => None,
    };
    let total = match entry.reach(Need::Read) {
        Reach::All => bin::count(tx, user, None).await?,
        _ => bin::count(tx, user, Some(entry.sandbox)).await?,
    };
    let ids: Vec<i64> = rows.iter().map(|b| b.node.0).collect();
    let found = nodes::many(tx, user, &ids).await?;
    let items = rows
        .into_iter()
        .filter_map(|b| {
            let node = found.iter().find(|n| n.id == b.node)?.clone();
            Some(BinItem {
                purge_at: b.deleted_at + keep,
                entry: b,
                node,
            })
        })
        .collect();
    Ok(BinPage {
        items,
        total,
        next_cursor,
    })
}

async fn binned(tx: &mut Tx<'_>, entry: &Entry<'_>, id: NodeId, kind: Kind) -> Result<Binned, Error> {
    entry.require(Need::Write)?;
    bin::get(tx, entry.user.id, id)
        .await?
        .filter(|b| b.kind == kind && reaches(entry, Need::Write, b))
        .ok_or(Error::NotFound(kind_word(kind)))
}

async fn restore(
    tx: &mut Tx<'_>,
    actor: &Actor,
    what: &Selection,
    to: Option<&FolderRef>,
    on_conflict: OnConflict,
    now: i64,
) -> Result<Done, Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    for (id, kind) in what.ids() {
        binned(tx, &entry, id, kind).await?;
    }
    let to = match to {
        Some(folder) => Some(target(tx, &mut entry, folder).await?),
        None => None,
    };
    let mut items = Vec::with_capacity(what.len());
    for (id, kind) in what.ids() {
        let b = binned(tx, &entry, id, kind).await?;
        let folder = match &to {
            Some(p) => entry.place(tx, p.node.id).await?,
            None => entry.place(tx, b.parent).await?,
        };
        let Some(folder) = folder.filter(|p| p.node.kind == Kind::Folder) else {
            return Err(Error::ParentMissing);
        };
        // Where it was may since lie out of the caller's reach.
        if !entry.reaches(Need::Write, folder.sandbox) {
            return Err(Error::ParentMissing);
        }
        if !reaches(&entry, Need::Read, &b) && entry.reaches(Need::Read, folder.sandbox) {
            return Err(Error::NotFound(kind_word(kind)));
        }
        let place = put_back(tx, &mut entry, &b, &folder, on_conflict).await?;
        items.push(Item::of(&place, entry.user.root_id));
    }
    let head = entry.close(tx).await?;
    Ok(Done {
        affected: what.len() as i64,
        job: None,
        items,
        head,
    })
}

pub(crate) async fn put_back(
    tx: &mut Tx<'_>,
    entry: &mut Entry<'_>,
    b: &Binned,
    folder: &Place,
    on_conflict: OnConflict,
) -> Result<Place, Error> {
    let node = nodes::get(tx, b.user, b.node)
        .await?
        .ok_or(Error::NotFound(kind_word(b.kind)))?;
    if folder.sandbox.0 != 0 && b.kind == Kind::Folder && holds_sandbox(tx, entry, b.node).await? {
        return Err(Error::NestedSandbox);
    }
    let wanted = Name::from_stored(b.name.clone());
    let slot = slot(tx, entry, folder, &wanted, b.kind, on_conflict, None).await?;
    if let Some(old) = &slot.replaces {
        let old = entry
            .place(tx, old.id)
            .await?
            .ok_or(Error::NotFound(kind_word(b.kind)))?;
        trash(tx, entry, &old).await?;
    }
    let mut back = node.clone();
    back.parent = folder.node.id;
    back.name = slot.name.as_str().to_owned();
    back.sort_key = sort_key(&back.name);
    back.live = true;
    let above = folder.above_children();
    let place = Place {
        node: back,
        above,
        sandbox: folder.sandbox,
    };
    check_depth(&place)?;
    let n = &place.node;
    nodes::put(tx, n.user, n.id, n.parent, &n.name, &n.sort_key, true).await?;
    if n.name != node.name {
        pantry_db::search::remove(tx, n.user, n.id).await?;
        access::index(tx, n).await?;
    }
    count_child(tx, n, n.parent, 1, entry.now).await?;
    bin::remove(tx, n.user, n.id).await?;
    let after = Some((n.parent, folder.sandbox));
    let subtree = n.kind == Kind::Folder;
    entry.record(tx, Event::Created, n, subtree, None, after).await?;
    Ok(place)
}

async fn purge(tx: &mut Tx<'_>, actor: &Actor, what: &Selection, now: i64) -> Result<Done, Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    let mut freeing = Freeing::new(limits::PURGE_NODES);
    for (id, kind) in what.ids() {
        let b = binned(tx, &entry, id, kind).await?;
        freeing.forget(tx, &mut entry.user, &b, true, now).await?;
    }
    freeing.note(tx, &entry).await?;
    let head = entry.close(tx).await?;
    Ok(Done {
        affected: what.len() as i64,
        job: freeing.job,
        items: Vec::new(),
        head,
    })
}

/// A batch of entries; what goes beyond the budget of nodes is queued, many at a time.
async fn empty(tx: &mut Tx<'_>, actor: &Actor, mut freeing: Freeing, now: i64) -> Result<(Done, Freeing), Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    entry.require(Need::Write)?;
    let (mut affected, mut from) = (0, None);
    while affected < EMPTIED {
        let page = bin::page(tx, entry.user.id, from, 500).await?;
        let Some(last) = page.last() else { break };
        from = Some((last.deleted_at, last.node));
        let mut later = Vec::new();
        for b in &page {
            if !reaches(&entry, Need::Write, b) {
                continue;
            }
            affected += 1;
            match freeing.budget {
                0 => later.push(b.node),
                _ => freeing.forget(tx, &mut entry.user, b, true, now).await?,
            }
        }
        if !later.is_empty() {
            let job = freeing.follow(tx).await?;
            bin::queue_purges(tx, entry.user.id, &later, job, now).await?;
        }
    }
    freeing.note(tx, &entry).await?;
    let head = entry.close(tx).await?;
    let done = Done {
        affected,
        job: freeing.job,
        items: Vec::new(),
        head,
    };
    Ok((done, freeing))
}

/// Entries taken out of the bin in one transaction.
const EMPTIED: i64 = 1_000;

/// What is freed for good under one request: so many nodes at once, the rest in the background under a job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freeing {
    /// Nodes that may still be freed at once.
    budget: usize,
    /// Nodes freed at once. There is a rest only when the budget is spent, so that they are told with the first of it.
    freed: i64,
    /// The job that tells of the rest.
    job: Option<i64>,
    /// Whether the job has its row.
    noted: bool,
    /// Whether the job got more to follow since the last note.
    grown: bool,
}

impl Freeing {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            budget,
            freed: 0,
            job: None,
            noted: false,
            grown: false,
        }
    }

    /// Takes an entry off the bin for good; frees at once what the budget allows and queues the rest, to be followed or not.
    pub(crate) async fn forget(
        &mut self,
        tx: &mut Tx<'_>,
        user: &mut Books,
        b: &Binned,
        followed: bool,
        now: i64,
    ) -> Result<(), Error> {
        bin::remove(tx, b.user, b.node).await?;
        let before = self.budget;
        let whole = free_subtree(tx, user, b.node, now, &mut self.budget).await?;
        self.freed += (before - self.budget) as i64;
        if !whole {
            let job = if followed { self.follow(tx).await? } else { 0 };
            bin::queue_purge_of(tx, b.user, b.node, job, now).await?;
        }
        Ok(())
    }

    /// The job of the rest.
    async fn follow(&mut self, tx: &mut Tx<'_>) -> Result<i64, Error> {
        self.grown = true;
        Ok(match self.job {
            Some(job) => job,
            None => *self.job.insert(pantry_db::dialect::next_id(tx).await?),
        })
    }

    /// Writes down the job, if there is a rest.
    async fn note(&mut self, tx: &mut Tx<'_>, entry: &Entry<'_>) -> Result<(), Error> {
        let Some(id) = self.job.filter(|_| self.grown) else {
            return Ok(());
        };
        if self.noted {
            jobs::reopen(tx, entry.user.id, id, entry.now).await?;
        } else {
            let job = Job {
                user: entry.user.id,
                id,
                client_id: entry.actor.client_id().to_owned(),
                kind: jobs::PURGE.to_owned(),
                state: JobState::Running,
                done: self.freed,
                total: 0,
                reserved: 0,
                payload: String::new(),
                error: String::new(),
                created_at: entry.now,
            };
            jobs::insert(tx, &job).await?;
        }
        self.noted = true;
        self.grown = false;
        Ok(())
    }
}

/// Frees nodes from the leaves up until the budget is spent; `true` when the
/// subtree is gone.
async fn free_subtree(
    tx: &mut Tx<'_>,
    user: &mut Books,
    top: NodeId,
    now: i64,
    budget: &mut usize,
) -> Result<bool, Error> {
    let mut stack = vec![top];
    while let Some(at) = stack.last().copied() {
        if *budget == 0 {
            return Ok(false);
        }
        let children = nodes::page(tx, user.id, at, None, (*budget).min(500) as i64).await?;
        if children.is_empty() {
            if let Some(node) = nodes::get(tx, user.id, at).await? {
                free_nodes(tx, user, &[node], now).await?;
                *budget -= 1;
            }
            stack.pop();
            continue;
        }
        let (files, folders): (Vec<_>, Vec<_>) = children.into_iter().partition(|n| n.kind == Kind::File);
        // No more came than the budget has.
        *budget -= files.len();
        free_nodes(tx, user, &files, now).await?;
        stack.extend(folders.iter().map(|n| n.id));
    }
    Ok(true)
}

/// Frees nodes that hold nothing, in as many statements as for one.
async fn free_nodes(tx: &mut Tx<'_>, user: &mut Books, freed: &[Node], now: i64) -> Result<(), Error> {
    let ids: Vec<NodeId> = freed.iter().map(|n| n.id).collect();
    if freed.iter().any(|n| n.kind == Kind::File) {
        user.used -= versions::remove_of(tx, user.id, &ids, now).await?;
    }
    for n in freed.iter().filter(|n| n.sandbox) {
        // It was deleted with what was around it: its app gets a new one.
        pantry_db::grants::forget_sandbox(tx, user.id, n.id).await?;
    }
    if ids.is_empty() {
        return Ok(());
    }
    pantry_db::search::remove_all(tx, user.id, &ids).await?;
    pantry_db::shares::forget_nodes(tx, user.id, &ids).await?;
    Ok(nodes::remove_all(tx, user.id, &ids).await?)
}

/// Nodes freed in one transaction of the background: few, since others wait behind it.
const BATCH: usize = 64;

async fn purge_batch(tx: &mut Tx<'_>, user: UserId, now: i64) -> Result<(), Error> {
    let mut user = books::of(tx, user).await?.ok_or(Error::NotFound("user"))?;
    let mut budget = BATCH;
    let mut followed: Vec<(i64, i64)> = Vec::new();
    for (node, job) in bin::purges_of(tx, user.id, BATCH as i64).await? {
        let before = budget;
        let whole = free_subtree(tx, &mut user, node, now, &mut budget).await?;
        if whole {
            bin::purged(tx, user.id, node).await?;
        }
        let freed = (before - budget) as i64;
        match followed.iter_mut().find(|(id, _)| *id == job) {
            Some((_, sum)) => *sum += freed,
            None => followed.push((job, freed)),
        }
        if budget == 0 {
            break;
        }
    }
    for (job, freed) in followed.into_iter().filter(|(job, _)| *job != 0) {
        jobs::advance(tx, user.id, job, freed, now).await?;
        if !bin::job_waits(tx, user.id, job).await? {
            jobs::finish(tx, user.id, job, now).await?;
        }
    }
    users::set_books(tx, user.id, user.used, user.reserved, user.head).await?;
    Ok(())
}

async fn counted_purges(tx: &mut Tx<'_>, user: UserId, job: i64, left: i64, now: i64) -> Result<(), Error> {
    if books::of(tx, user).await?.is_none() || !bin::job_waits(tx, user, job).await? {
        // Another process came to its end meanwhile.
        return Ok(jobs::finish(tx, user, job, now).await?);
    }
    Ok(jobs::counted(tx, user, job, left.max(1), now).await?)
}
