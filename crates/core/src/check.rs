//! Whether the books balance: every content is there and is what its hash says, sums are sums,
//! counters are counters, nothing hangs in the air. Repairs sums and counters when asked; never
//! throws anything away.

use std::collections::{HashMap, HashSet};

use pantry_blob::BlobKey;
use pantry_db::{
    Tx, bin, blobs, blobs::Blob, grants, hooks, jobs, nodes, nodes::Kind, shares, uploads, users, users::User,
    versions, versions::Version,
};
use pantry_types::{NodeId, UserId, VersionId};
use serde::Serialize;

use crate::{Drive, Error};

const PAGE: i64 = 1_000;

/// Something that does not balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind, e.g. `quota`, `counter`, `content_missing`.
    pub kind: &'static str,
    /// Whom or what it concerns.
    pub subject: String,
    /// What was expected and what is there.
    pub detail: String,
    /// Whether `--repair` mends it.
    pub repairable: bool,
}

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Nothing was found.
    pub clean: bool,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// How to check.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckOptions {
    /// Only look whether contents are there, without reading them.
    pub quick: bool,
    /// Set sums and counters right.
    pub repair: bool,
}

impl Drive {
    /// Checks everything; may run beside a server. `progress` is called with what is being looked at.
    pub async fn check(&self, options: CheckOptions, progress: &(dyn Fn(&str) + Sync)) -> Result<Report, Error> {
        let mut findings = Vec::new();
        let mut after = UserId(0);
        loop {
            let page = self
                .db()
                .read(after, |tx, after| {
                    Box::pin(async move { Ok::<_, Error>(users::page(tx, *after, 100).await?) })
                })
                .await?;
            let Some(last) = page.last() else { break };
            after = *last;
            for user in page {
                progress(&format!("account {user}"));
                findings.extend(self.check_user(user, options.repair).await?);
            }
        }
        findings.extend(self.check_loose().await?);
        findings.extend(self.check_blobs(options.quick, progress).await?);
        Ok(Report {
            clean: findings.is_empty(),
            findings,
        })
    }

    /// What hangs on nothing: shown by no share, a webhook of no app.
    async fn check_loose(&self) -> Result<Vec<Finding>, Error> {
        let (shown, told) = self
            .db()
            .read_long((), |tx, ()| {
                Box::pin(async move { Ok::<_, Error>((shares::loose(tx).await?, hooks::loose(tx).await?)) })
            })
            .await?;
        let all = [
            ("share_loose", "items without their share", shown),
            ("webhook_loose", "webhooks without their app", told),
        ];
        let found = all.into_iter().filter(|(_, _, count)| *count > 0);
        Ok(found
            .map(|(kind, what, count)| Finding {
                kind,
                subject: what.to_owned(),
                detail: format!("{count} rows"),
                repairable: false,
            })
            .collect())
    }

    async fn check_user(&self, user: UserId, repair: bool) -> Result<Vec<Finding>, Error> {
        let found = self
            .db()
            .read_long(user, |tx, user| {
                Box::pin(async move {
                    let Some(row) = users::get(tx, *user).await? else {
                        return Ok(Vec::new());
                    };
                    user_findings(tx, &row, false).await
                })
            })
            .await?;
        if found.is_empty() {
            return Ok(found);
        }
        // Somebody may have been writing: what is found again while they wait is true.
        self.db()
            .write((user, repair), |tx, (user, repair)| {
                Box::pin(async move {
                    let r: Result<Vec<Finding>, Error> = async {
                        let Some(row) = users::lock(tx, *user).await? else {
                            return Ok(Vec::new());
                        };
                        user_findings(tx, &row, *repair).await
                    }
                    .await;
                    r.into()
                })
            })
            .await
    }

    async fn check_blobs(&self, quick: bool, progress: &(dyn Fn(&str) + Sync)) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        let mut after = Vec::new();
        let mut seen = 0_u64;
        loop {
            let page = self
                .db()
                .read(after.clone(), |tx, after| {
                    Box::pin(async move { Ok::<_, Error>(blobs::all(tx, after, 200).await?) })
                })
                .await?;
            let Some(last) = page.last() else { return Ok(findings) };
            after = last.hash.0.to_vec();
            for b in page {
                seen += 1;
                if seen.is_multiple_of(100) {
                    progress(&format!("content {seen}"));
                }
                if let Some(f) = self.check_blob(&b, quick).await? {
                    // Deleted while it was looked at, in which case all is well.
                    let still = self
                        .db()
                        .read(b.hash, |tx, hash| {
                            Box::pin(async move { Ok::<_, Error>(blobs::get(tx, *hash).await?) })
                        })
                        .await?;
                    if still.is_some_and(|s| s.gen_ == b.gen_) {
                        findings.push(f);
                    }
                }
            }
        }
    }

    async fn check_blob(&self, b: &Blob, quick: bool) -> Result<Option<Finding>, Error> {
        let finding = |kind, detail: String| {
            Some(Finding {
                kind,
                subject: format!("content {}", b.hash),
                detail,
                repairable: false,
            })
        };
        let (length, hash) = if b.inline {
            let content = self
                .db()
                .read(b.hash, |tx, hash| {
                    Box::pin(async move { Ok::<_, Error>(blobs::content(tx, *hash).await?) })
                })
                .await?
                .unwrap_or_default();
            (content.len() as u64, Some(*blake3::hash(&content).as_bytes()))
        } else {
            let key = BlobKey::new(b.hash.0, b.gen_);
            match self.blobs().exists(key).await? {
                None => return Ok(finding("content_missing", "it is not in storage".into())),
                Some(n) if quick => (n, None),
                Some(n) => match self.blobs().verify(key).await {
                    Ok(hash) => (n, Some(hash)),
                    Err(e) => return Ok(finding("content_unreadable", e.to_string())),
                },
            }
        };
        if i64::try_from(length).ok() != Some(b.size) {
            return Ok(finding(
                "content_length",
                format!("it should have {} bytes and has {length}", b.size),
            ));
        }
        if hash.is_some_and(|h| h != b.hash.0) {
            return Ok(finding("content_damaged", "its bytes do not have its hash".into()));
        }
        Ok(None)
    }
}

struct Books<'a> {
    user: &'a User,
    findings: Vec<Finding>,
}

impl Books<'_> {
    fn note(&mut self, kind: &'static str, subject: String, detail: String, repairable: bool) {
        self.findings.push(Finding {
            kind,
            subject: format!("{} of {}", subject, self.user.name),
            detail,
            repairable,
        });
    }
}

/// What the check keeps of a node.
struct Seen {
    parent: NodeId,
    kind: Kind,
    version: VersionId,
    counted: (i64, i64),
}

async fn user_findings(tx: &mut Tx<'_>, user: &User, repair: bool) -> Result<Vec<Finding>, Error> {
    let mut books = Books {
        user,
        findings: Vec::new(),
    };
    let mut tree: HashMap<NodeId, Seen> = HashMap::new();
    let mut children: HashMap<NodeId, (i64, i64)> = HashMap::new();
    let mut tops = Vec::new();
    let mut after = NodeId(0);
    loop {
        let page = nodes::all(tx, user.id, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for n in page {
            let c = children.entry(n.parent).or_default();
            match n.kind {
                Kind::File => c.0 += 1,
                Kind::Folder => c.1 += 1,
            }
            if n.parent == user.bin_id {
                tops.push(n.id);
            }
            if n.live == (n.parent == user.bin_id) {
                let what = if n.live {
                    "in the bin and"
                } else {
                    "in the tree and not"
                };
                books.note(
                    "state",
                    format!("node {}", n.id),
                    format!("it is {what} marked live"),
                    false,
                );
            }
            tree.insert(
                n.id,
                Seen {
                    parent: n.parent,
                    kind: n.kind,
                    version: n.version,
                    counted: (n.file_count, n.folder_count),
                },
            );
        }
    }
    places(&mut books, &tree);
    for (id, seen) in tree.iter().filter(|(_, s)| s.kind == Kind::Folder) {
        let real = children.get(id).copied().unwrap_or_default();
        if real != seen.counted && !in_motion(tx, books.user, &tree, *id).await? {
            let (files, folders) = real;
            let detail = format!(
                "it counts {} files and {} folders and holds {files} and {folders}",
                seen.counted.0, seen.counted.1
            );
            books.note("counter", format!("folder {id}"), detail, true);
            if repair {
                nodes::set_counts(tx, user.id, *id, files, folders).await?;
            }
        }
    }
    let used = contents(tx, &mut books, &tree).await?;
    sums(tx, &mut books, used, repair).await?;
    binned(tx, &mut books, &tree, tops).await?;
    for job in jobs::following(tx, user.id).await? {
        if !bin::job_waits(tx, user.id, job).await? {
            let detail = "it follows what is being freed, and there is nothing of it".into();
            books.note("job", format!("job {job}"), detail, false);
        }
    }
    for g in grants::of_user(tx, user.id).await? {
        if g.sandbox.0 != 0 && !tree.contains_key(&g.sandbox) {
            let subject = format!("grant {}", g.id);
            books.note(
                "sandbox",
                subject,
                format!("its folder {} is not there", g.sandbox),
                false,
            );
        }
    }
    Ok(books.findings)
}

/// Whether a folder lies in what is being freed or copied just now, in batches: its
/// counters hold again when that is done.
async fn in_motion(tx: &mut Tx<'_>, user: &User, tree: &HashMap<NodeId, Seen>, folder: NodeId) -> Result<bool, Error> {
    let mut top = folder;
    // No longer than the tree is large, should a folder lie in itself.
    for _ in 0..tree.len() {
        match tree.get(&top) {
            Some(seen) if seen.parent == user.bin_id => {
                return Ok(bin::is_purging(tx, user.id, top).await?
                    || crate::copy::under_way(tx, user.id).await?.contains(&top));
            }
            Some(seen) => top = seen.parent,
            None => return Ok(false),
        }
    }
    Ok(false)
}

/// Everything hangs on the root or lies in the bin, and no folder holds itself.
fn places(books: &mut Books<'_>, tree: &HashMap<NodeId, Seen>) {
    let user = books.user;
    if !tree.contains_key(&user.root_id) {
        books.note("root", "the root".into(), "it is not there".into(), false);
    }
    let mut good: HashSet<NodeId> = HashSet::from([user.root_id, user.bin_id]);
    for id in tree.keys() {
        let mut way = Vec::new();
        let mut walked = HashSet::new();
        let mut at = *id;
        while !good.contains(&at) {
            if !walked.insert(at) {
                books.note(
                    "cycle",
                    format!("node {id}"),
                    format!("folder {at} lies in itself"),
                    false,
                );
                break;
            }
            way.push(at);
            match tree.get(&at) {
                Some(seen) => at = seen.parent,
                None => {
                    books.note(
                        "orphan",
                        format!("node {id}"),
                        format!("its folder {at} is not there"),
                        false,
                    );
                    break;
                }
            }
        }
        // Told once for each branch: what hangs below is not told again.
        good.extend(way);
    }
}

/// Every file has its version, and every version its file and its content.
async fn contents(tx: &mut Tx<'_>, books: &mut Books<'_>, tree: &HashMap<NodeId, Seen>) -> Result<i64, Error> {
    let user = books.user.id;
    let mut current: HashSet<NodeId> = HashSet::new();
    let mut used = 0;
    let mut after = VersionId(0);
    loop {
        let page = versions::all(tx, user, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for v in page {
            used += v.size;
            let subject = || format!("version {}", v.id);
            match tree.get(&v.node) {
                None => books.note("version", subject(), format!("its file {} is not there", v.node), false),
                Some(seen) => {
                    let is_current = seen.version == v.id;
                    if is_current {
                        current.insert(v.node);
                    }
                    if is_current != (v.replaced_at == 0) {
                        let detail = "it is marked as the current one, or replaced, and is not".into();
                        books.note("version", subject(), detail, false);
                    }
                }
            }
            if let Some(problem) = content_problem(tx, &v).await? {
                books.note("content", subject(), problem, false);
            }
        }
    }
    for (id, _) in tree
        .iter()
        .filter(|(id, s)| s.kind == Kind::File && !current.contains(id))
    {
        books.note(
            "file",
            format!("file {id}"),
            "its current version is not there".into(),
            false,
        );
    }
    Ok(used)
}

async fn content_problem(tx: &mut Tx<'_>, v: &Version) -> Result<Option<String>, Error> {
    if v.size == 0 {
        return Ok(None);
    }
    Ok(match blobs::get(tx, v.blob).await? {
        None => Some(format!("its content {} has no row", v.blob)),
        Some(b) if b.size != v.size || b.md5 != v.md5 || b.sha1 != v.sha1 => {
            Some(format!("its content {} has another size or hash", v.blob))
        }
        Some(_) => None,
    })
}

async fn sums(tx: &mut Tx<'_>, books: &mut Books<'_>, used: i64, repair: bool) -> Result<(), Error> {
    let user = books.user;
    if used != user.used {
        let detail = format!(
            "{} bytes are booked as used, and the contents sum up to {used}",
            user.used
        );
        books.note("quota", "the account".into(), detail, true);
        if repair {
            users::repair_used(tx, user.id, used).await?;
        }
    }
    let reserved = uploads::reserved(tx, user.id).await? + jobs::reserved(tx, user.id).await?;
    if reserved != user.reserved {
        let detail = format!(
            "{} bytes are booked as reserved, and uploads and jobs sum up to {reserved}",
            user.reserved
        );
        books.note("reservation", "the account".into(), detail, true);
        if repair {
            users::repair_reserved(tx, user.id, reserved).await?;
        }
    }
    Ok(())
}

/// What lies under the bin has an entry, is being freed, or is a copy under way.
async fn binned(
    tx: &mut Tx<'_>,
    books: &mut Books<'_>,
    tree: &HashMap<NodeId, Seen>,
    tops: Vec<NodeId>,
) -> Result<(), Error> {
    let user = books.user;
    let copies = crate::copy::under_way(tx, user.id).await?;
    for id in tops {
        let known = bin::get(tx, user.id, id).await?.is_some()
            || bin::is_purging(tx, user.id, id).await?
            || copies.contains(&id);
        if !known {
            let detail = "it lies in the bin without an entry".into();
            books.note("bin", format!("node {id}"), detail, false);
        }
    }
    let mut from = None;
    loop {
        let page = bin::page(tx, user.id, from, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        from = Some((last.deleted_at, last.node));
        for b in page {
            if tree.get(&b.node).is_none_or(|s| s.parent != user.bin_id) {
                let detail = "the bin has an entry for it, and it is not in the bin".into();
                books.note("bin", format!("node {}", b.node), detail, false);
            }
        }
    }
}
