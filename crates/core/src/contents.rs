//! What files hold: new versions, old ones, and the quota that counts both.
//! Must not read or write bytes; a content is named by its hash here.

use pantry_db::{
    Tx, blobs,
    changes::Event,
    nodes,
    nodes::{Kind, Node},
    versions,
    versions::Version,
};
use pantry_types::{Blake3, Md5, Name, NodeId, Sha1, VersionId, sort::sort_key};

use crate::{
    Error,
    access::{Entry, Place},
    files::{OnConflict, slot},
};

/// The rules of versions that a write needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Old versions kept of one file.
    pub keep_count: i64,
    /// `trusting`: whoever names a hash gets the content.
    pub trusting: bool,
}

impl crate::Drive {
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            keep_count: self.settings().versions.keep_count,
            trusting: self.settings().v1.instant_upload == "trusting",
        }
    }
}

/// A content that is stored, or empty.
#[derive(Debug, Clone)]
pub struct Content {
    /// BLAKE3.
    pub hash: Blake3,
    /// Bytes.
    pub size: i64,
    /// MD5.
    pub md5: Md5,
    /// SHA-1.
    pub sha1: Sha1,
    /// Media type that the file gets.
    pub mime: String,
}

impl Content {
    /// The empty content: it is nowhere stored.
    pub fn empty(mime: String) -> Self {
        Self {
            hash: Blake3(*blake3::hash(b"").as_bytes()),
            size: 0,
            md5: EMPTY_MD5,
            sha1: EMPTY_SHA1,
            mime,
        }
    }

    /// The same content as a version has.
    pub fn of(v: &Version) -> Self {
        Self {
            hash: v.blob,
            size: v.size,
            md5: v.md5,
            sha1: v.sha1,
            mime: v.mime.clone(),
        }
    }
}

/// MD5 of nothing.
pub const EMPTY_MD5: Md5 = Md5([
    0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e,
]);
/// SHA-1 of nothing.
pub const EMPTY_SHA1: Sha1 = Sha1([
    0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d, 0x32, 0x55, 0xbf, 0xef, 0x95, 0x60, 0x18, 0x90, 0xaf, 0xd8, 0x07,
    0x09,
]);

/// The media type that a name suggests.
pub fn guess_mime(name: &str) -> String {
    mime_guess::from_path(name)
        .first_raw()
        .unwrap_or("application/octet-stream")
        .to_owned()
}

/// Puts a content under a name into a folder: a new file, or a new version of
/// the one that is there. The content must be stored; naming it keeps it.
pub async fn put_file(
    tx: &mut Tx<'_>,
    entry: &mut Entry<'_>,
    folder: &Place,
    wanted: &Name,
    content: &Content,
    on_conflict: OnConflict,
    rules: &Rules,
) -> Result<Place, Error> {
    let slot = slot(tx, entry, folder, wanted, Kind::File, on_conflict, None).await?;
    if content.size > 0 && blobs::name(tx, content.hash).await?.is_none() {
        return Err(Error::Internal("a content that is not stored was named".into()));
    }
    let now = entry.now;
    let version = Version {
        user: entry.user.id,
        id: VersionId(pantry_db::dialect::next_id(tx).await?),
        node: NodeId(0),
        size: content.size,
        md5: content.md5,
        sha1: content.sha1,
        blob: content.hash,
        mime: content.mime.clone(),
        client_id: entry.actor.client_id().to_owned(),
        created_at: now,
        replaced_at: 0,
        keep: false,
    };
    match slot.replaces {
        Some(old) => {
            let above = folder.above_children();
            let place = Place {
                node: old,
                above,
                sandbox: folder.sandbox,
            };
            replace_content(tx, entry, place, version, rules).await
        }
        None => {
            charge(tx, entry, content.size).await?;
            let id = NodeId(pantry_db::dialect::next_id(tx).await?);
            versions::insert(
                tx,
                &Version {
                    node: id,
                    ..version.clone()
                },
            )
            .await?;
            let node = Node {
                user: entry.user.id,
                id,
                parent: folder.node.id,
                kind: Kind::File,
                name: slot.name.as_str().to_owned(),
                sort_key: sort_key(slot.name.as_str()),
                live: true,
                sandbox: false,
                size: content.size,
                md5: content.md5,
                sha1: content.sha1,
                mime: content.mime.clone(),
                version: version.id,
                file_count: 0,
                folder_count: 0,
                client_id: version.client_id.clone(),
                created_at: now,
                modified_at: now,
            };
            entry.insert_node(tx, folder, node, false).await
        }
    }
}

/// Makes a version the current one of a file; the one before it becomes old.
pub async fn replace_content(
    tx: &mut Tx<'_>,
    entry: &mut Entry<'_>,
    mut place: Place,
    version: Version,
    rules: &Rules,
) -> Result<Place, Error> {
    let user = entry.user.id;
    let node = &mut place.node;
    versions::set_replaced(tx, user, node.version, entry.now).await?;
    charge(tx, entry, version.size).await?;
    versions::insert(
        tx,
        &Version {
            node: node.id,
            ..version.clone()
        },
    )
    .await?;
    node.size = version.size;
    node.md5 = version.md5;
    node.sha1 = version.sha1;
    node.mime = version.mime.clone();
    node.version = version.id;
    node.client_id = version.client_id.clone();
    node.modified_at = entry.now;
    nodes::set_content(tx, node).await?;
    drop_beyond(tx, entry, node.id, rules.keep_count).await?;
    let at = Some((place.node.parent, place.sandbox));
    entry.record(tx, Event::Updated, &place.node, false, at, at).await?;
    Ok(place)
}

/// Drops the oldest versions of a file beyond how many are kept.
async fn drop_beyond(tx: &mut Tx<'_>, entry: &mut Entry<'_>, node: NodeId, keep: i64) -> Result<(), Error> {
    let old = versions::of_node(tx, entry.user.id, node).await?;
    let old = old.into_iter().filter(|v| v.replaced_at > 0 && !v.keep);
    for v in old.skip(usize::try_from(keep).unwrap_or(0)) {
        drop_version(tx, entry, &v).await?;
    }
    Ok(())
}

/// Removes a version and frees its bytes; its content is looked at by the janitor.
pub async fn drop_version(tx: &mut Tx<'_>, entry: &mut Entry<'_>, version: &Version) -> Result<(), Error> {
    versions::remove(tx, version.user, version.id).await?;
    entry.user.used -= version.size;
    if version.size > 0 {
        blobs::suspect(tx, version.blob, version.id.0, entry.now).await?;
    }
    Ok(())
}

/// What is free, were all old versions dropped.
async fn could_be_free(tx: &mut Tx<'_>, entry: &Entry<'_>) -> Result<(i64, i64), Error> {
    let free = entry.user.quota - entry.user.used - entry.user.reserved;
    let old = versions::droppable_bytes(tx, entry.user.id).await?;
    Ok((free, old))
}

/// Counts bytes against the quota. Drops old versions, oldest first, if that
/// makes room; refuses, and drops none, if it does not.
pub async fn charge(tx: &mut Tx<'_>, entry: &mut Entry<'_>, bytes: i64) -> Result<(), Error> {
    let user = &entry.user;
    let mut short = user.used + user.reserved + bytes - user.quota;
    if bytes > 0 && short > 0 {
        let (free, old) = could_be_free(tx, entry).await?;
        if old < short {
            return Err(Error::Quota {
                needed: bytes,
                free: (free + old).max(0),
            });
        }
        while short > 0 {
            let batch = versions::droppable(tx, entry.user.id, 100).await?;
            if batch.is_empty() {
                return Err(Error::Internal("old versions that are not there".into()));
            }
            for v in batch {
                if short <= 0 {
                    break;
                }
                drop_version(tx, entry, &v).await?;
                short -= v.size;
            }
        }
    }
    entry.user.used += bytes;
    Ok(())
}

/// Promises bytes to an upload or a job; old versions count as free, and are
/// dropped only when the bytes are there.
pub async fn reserve(tx: &mut Tx<'_>, entry: &mut Entry<'_>, bytes: i64) -> Result<(), Error> {
    let user = &entry.user;
    if bytes > 0 && user.used + user.reserved + bytes > user.quota {
        let (free, old) = could_be_free(tx, entry).await?;
        if free + old < bytes {
            return Err(Error::Quota {
                needed: bytes,
                free: (free + old).max(0),
            });
        }
    }
    entry.user.reserved += bytes;
    Ok(())
}
