//! Finding files by name: by the index, or in a small folder by walking it.
//! Must not show what the caller may not read, nor count it.

use std::collections::{HashMap, hash_map};

use pantry_db::{
    Tx, nodes,
    nodes::{Kind, Node},
    search as index,
};
use pantry_types::{
    NodeId, limits,
    search::{fold, query_grams},
};

use crate::{
    Actor, Drive, Error, Reach,
    access::{self, Entry, Need, Place},
    item::Item,
};

/// Up to so many nodes an app's folder is walked rather than asked of the index.
const WALK: usize = 2_000;

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Newest first.
    pub files: Vec<Item>,
    /// How many there are, counted up to 1,000.
    pub total: i64,
}

impl Drive {
    /// Files whose name contains `text`, without regard to case, newest first.
    /// `ext` without the dot narrows to an extension; with it, `text` may be empty.
    pub async fn search(&self, actor: &Actor, text: &str, ext: Option<&str>, limit: i64) -> Result<Found, Error> {
        let text = fold(text.trim());
        let ext = ext
            .map(|e| fold(e.trim().trim_start_matches('.')))
            .filter(|e| !e.is_empty());
        if text.is_empty() && ext.is_none() {
            return Err(Error::invalid("q", "is empty; say what to search for"));
        }
        let limit = limit.clamp(1, i64::from(limits::LIST_MAX));
        let args = (actor.clone(), text, ext, limit, self.now());
        self.db()
            .read_long(args, |tx, (actor, text, ext, limit, now)| {
                Box::pin(search(tx, actor, text, ext.as_deref(), *limit, *now))
            })
            .await
    }
}

/// What is known of a folder during one search: its place, if it is in the tree.
type Folders = HashMap<NodeId, Option<Place>>;

async fn search(
    tx: &mut Tx<'_>,
    actor: &Actor,
    text: &str,
    ext: Option<&str>,
    limit: i64,
    now: i64,
) -> Result<Found, Error> {
    let entry = access::enter(tx, actor, now).await?;
    let mut hits = Hits {
        limit: limit as usize,
        files: Vec::new(),
        total: 0,
        text,
        ext,
    };
    let mut folders = Folders::new();
    if entry.require(Need::Read)? == Reach::Sandbox {
        if entry.sandbox.0 == 0 {
            return Ok(hits.found());
        }
        if let Some(nodes) = small_subtree(tx, &entry).await? {
            for n in &nodes {
                if hits.wants(n) {
                    keep(tx, &entry, &mut folders, &mut hits, n).await?;
                }
            }
            return Ok(hits.found());
        }
    }
    // An extension is looked up as well: it narrows, and may be all there is.
    let dotted = ext.map(|e| format!(".{e}"));
    let mut grams = query_grams(text);
    if let Some(d) = &dotted {
        grams.extend(query_grams(d));
        grams.sort_unstable();
        grams.dedup();
    }
    let mut before = NodeId(i64::MAX);
    // Larger and larger: on PostgreSQL each batch looks at all that have the grams.
    let mut size = 1000;
    while hits.total < i64::from(limits::SEARCH_TOTAL_MAX) {
        let batch = index::candidates(tx, entry.user.id, &grams, before, size).await?;
        size = (size * 2).min(16_000);
        let Some(last) = batch.last() else { break };
        before = *last;
        let ids: Vec<i64> = batch.iter().map(|n| n.0).collect();
        let mut rows = nodes::many(tx, entry.user.id, &ids).await?;
        rows.sort_unstable_by_key(|n| std::cmp::Reverse(n.id));
        for n in rows {
            if hits.wants(&n) && hits.total < i64::from(limits::SEARCH_TOTAL_MAX) {
                keep(tx, &entry, &mut folders, &mut hits, &n).await?;
            }
        }
    }
    Ok(hits.found())
}

struct Hits<'a> {
    limit: usize,
    files: Vec<Item>,
    total: i64,
    text: &'a str,
    ext: Option<&'a str>,
}

impl Hits<'_> {
    fn wants(&self, n: &Node) -> bool {
        if n.kind != Kind::File {
            return false;
        }
        let name = fold(&n.name);
        let ext_fits = self.ext.is_none_or(|e| {
            name.strip_suffix(e)
                .is_some_and(|stem| stem.ends_with('.') && stem.len() > 1)
        });
        ext_fits && name.contains(self.text)
    }

    fn found(self) -> Found {
        Found {
            files: self.files,
            total: self.total,
        }
    }
}

/// Counts a hit, and shows it, if it is in the tree and the caller may read it.
async fn keep(
    tx: &mut Tx<'_>,
    entry: &Entry<'_>,
    folders: &mut Folders,
    hits: &mut Hits<'_>,
    node: &Node,
) -> Result<(), Error> {
    if !node.live {
        return Ok(());
    }
    if let hash_map::Entry::Vacant(free) = folders.entry(node.parent) {
        free.insert(entry.place(tx, node.parent).await?);
    }
    if let Some(Some(folder)) = folders.get(&node.parent)
        && entry.reaches(Need::Read, folder.sandbox)
    {
        hits.total += 1;
        if hits.files.len() < hits.limit {
            hits.files.push(Item::inside(node, folder, entry.user.root_id));
        }
    }
    Ok(())
}

/// All nodes in the app's own folder, newest first, if they are few.
async fn small_subtree(tx: &mut Tx<'_>, entry: &Entry<'_>) -> Result<Option<Vec<Node>>, Error> {
    let mut all = Vec::new();
    let mut queue = vec![entry.sandbox];
    while let Some(folder) = queue.pop() {
        let mut after = None;
        loop {
            let page = nodes::page(tx, entry.user.id, folder, after.as_ref(), 500).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.into());
            queue.extend(page.iter().filter(|n| n.kind == Kind::Folder).map(|n| n.id));
            all.extend(page);
            if all.len() > WALK {
                return Ok(None);
            }
        }
    }
    all.sort_unstable_by_key(|n| std::cmp::Reverse(n.id));
    Ok(Some(all))
}
