//! Drives with very many nodes and with few, written straight into the rows while no server runs.
//! Owns that the books balance afterwards (`pantryd check` says so); must hold no SQL.

use std::time::Instant;

use anyhow::Context;
use md5::{Digest as _, Md5 as Md5Hasher};
use pantry_db::{
    Db, DbOptions, Tx, blobs,
    blobs::Blob,
    changes::{self, Change, Event},
    dialect, nodes,
    nodes::{Kind, Node},
    search, users, versions,
    versions::Version,
};
use pantry_types::{
    Blake3, Md5, NodeId, Sha1, UserId, VersionId,
    search::{fold, grams},
    sort::sort_key,
};
use sha1::Sha1 as Sha1Hasher;

use crate::{
    Bench,
    house::{Engine, House},
};

/// Files written by one transaction.
const BATCH: usize = 5_000;

/// A folder at the root, with a folder `list` in it that holds the entries.
pub const LISTED: &str = "listed";
/// The same, with nine entries: ten nodes below it. Only in the small drive.
pub const TINY: &str = "tiny";
/// Where others are moved to.
pub const ELSEWHERE: &str = "elsewhere";

/// Entries of the small drive's list.
pub const SMALL_ENTRIES: usize = 100;

/// A drive with very many nodes and one with few. They are two, because a cost that grows with the whole account would
/// slow a small folder beside the large one just as much, and no ratio would show it.
#[derive(Debug)]
pub struct Houses {
    /// With very many.
    pub large: House,
    /// With few.
    pub small: House,
}

impl Houses {
    /// Makes both.
    pub async fn new(bench: &Bench, engine: Engine) -> anyhow::Result<Self> {
        let large = [(LISTED, bench.entries), (ELSEWHERE, 0)];
        let small = [(LISTED, SMALL_ENTRIES), (TINY, 9), (ELSEWHERE, 0)];
        Ok(Self {
            large: house(bench, engine, &large).await?,
            small: house(bench, engine, &small).await?,
        })
    }

    /// Fails if the books of either do not balance.
    pub fn check(&self) -> anyhow::Result<()> {
        self.large.check()?;
        self.small.check()
    }
}

const NOW: i64 = 1_700_000_000;
const CONTENT: &[u8] = b"Every seeded file has this content.\n";

/// A drive with such folders at its root, each with so many files.
pub async fn house(bench: &Bench, engine: Engine, folders: &[(&'static str, usize)]) -> anyhow::Result<House> {
    let house = House::new(bench, engine).await?;
    let started = Instant::now();
    let files: usize = folders.iter().map(|(_, entries)| entries).sum();
    eprintln!("seeding {files} files on {}", engine.name());
    let db = Db::open(&house.database()?, DbOptions::default()).await?;
    let user = UserId(house.user);
    let blob = blob();
    db.write(blob.clone(), |tx, blob| {
        Box::pin(async move { add_blob(tx, blob).await.into() })
    })
    .await?;
    for &(name, entries) in folders {
        let list = db
            .write((user, name), |tx, (user, name)| {
                Box::pin(async move { add_top(tx, *user, name).await.into() })
            })
            .await?;
        let mut done = 0;
        while done < entries {
            let batch = Batch {
                user,
                list,
                from: done,
                to: entries.min(done + BATCH),
                blob: blob.clone(),
            };
            done = batch.to;
            db.write(batch, |tx, batch| {
                Box::pin(async move { add_files(tx, batch).await.into() })
            })
            .await?;
        }
    }
    db.close().await;
    house.check().context("after seeding")?;
    eprintln!("seeded in {:.0} s", started.elapsed().as_secs_f64());
    Ok(house)
}

fn blob() -> Blob {
    Blob {
        hash: Blake3(*blake3::hash(CONTENT).as_bytes()),
        gen_: 1,
        size: CONTENT.len() as i64,
        md5: Md5(Md5Hasher::digest(CONTENT).into()),
        sha1: Sha1(Sha1Hasher::digest(CONTENT).into()),
        condemned_at: 0,
        inline: true,
    }
}

async fn add_blob(tx: &mut Tx<'_>, blob: &Blob) -> anyhow::Result<bool> {
    Ok(blobs::insert(tx, blob, Some(CONTENT), NOW).await?)
}

/// A folder at the root and the folder `list` in it, as if both had come with what they hold: one change.
async fn add_top(tx: &mut Tx<'_>, user: UserId, name: &str) -> anyhow::Result<NodeId> {
    let mut row = users::lock(tx, user).await?.context("no such person")?;
    let top = folder(user, NodeId(dialect::next_id(tx).await?), row.root_id, name, 1);
    let list = folder(user, NodeId(dialect::next_id(tx).await?), top.id, "list", 0);
    for node in [&top, &list] {
        nodes::insert(tx, node).await?;
        search::add(tx, user, node.id, &grams(&fold(&node.name))).await?;
    }
    nodes::count(tx, user, row.root_id, 0, 1, NOW).await?;
    row.head += 1;
    let change = Change {
        user,
        seq: row.head,
        event: Event::Created,
        kind: Kind::Folder,
        node: top.id,
        subtree: true,
        parent_before: NodeId(0),
        parent_after: row.root_id,
        sandbox_before: NodeId(0),
        sandbox_after: NodeId(0),
        at: NOW,
    };
    changes::append(tx, &change).await?;
    users::set_books(tx, user, row.used, row.reserved, row.head).await?;
    Ok(list.id)
}

/// Files of one folder, by their numbers.
struct Batch {
    user: UserId,
    list: NodeId,
    from: usize,
    to: usize,
    blob: Blob,
}

async fn add_files(tx: &mut Tx<'_>, batch: &Batch) -> anyhow::Result<()> {
    let row = users::lock(tx, batch.user).await?.context("no such person")?;
    let count = batch.to - batch.from;
    let ids = dialect::next_ids(tx, 2 * count).await?;
    for (n, pair) in (batch.from..batch.to).zip(ids.chunks(2)) {
        let (version, node) = (VersionId(pair[0]), NodeId(pair[1]));
        let file = file(batch, n, version, node);
        versions::insert(tx, &version_of(&file, &batch.blob)).await?;
        nodes::insert(tx, &file).await?;
        search::add(tx, batch.user, node, &grams(&fold(&file.name))).await?;
    }
    let count = count as i64;
    nodes::count(tx, batch.user, batch.list, count, 0, NOW).await?;
    Ok(users::set_books(
        tx,
        batch.user,
        row.used + count * batch.blob.size,
        row.reserved,
        row.head,
    )
    .await?)
}

fn folder(user: UserId, id: NodeId, parent: NodeId, name: &str, folders: i64) -> Node {
    Node {
        user,
        id,
        parent,
        kind: Kind::Folder,
        name: name.to_owned(),
        sort_key: sort_key(name),
        live: true,
        sandbox: false,
        size: 0,
        md5: Md5([0; 16]),
        sha1: Sha1([0; 20]),
        mime: String::new(),
        version: VersionId(0),
        file_count: 0,
        folder_count: folders,
        client_id: String::new(),
        created_at: NOW,
        modified_at: NOW,
    }
}

fn file(batch: &Batch, n: usize, version: VersionId, id: NodeId) -> Node {
    let name = format!("photo {n}.jpg");
    Node {
        kind: Kind::File,
        size: batch.blob.size,
        md5: batch.blob.md5,
        sha1: batch.blob.sha1,
        mime: "image/jpeg".to_owned(),
        version,
        ..folder(batch.user, id, batch.list, &name, 0)
    }
}

fn version_of(file: &Node, blob: &Blob) -> Version {
    Version {
        user: file.user,
        id: file.version,
        node: file.id,
        size: file.size,
        md5: file.md5,
        sha1: file.sha1,
        blob: blob.hash,
        mime: file.mime.clone(),
        client_id: String::new(),
        created_at: NOW,
        replaced_at: 0,
        keep: false,
    }
}
