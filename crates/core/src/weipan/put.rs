//! Bringing files in: with their bytes, by the hash of what the person has, or by the key of what was sent before.
//! Must not know how bytes came; they are whole when they come here.

use bytes::Bytes;
use pantry_db::{Tx, blobs, loose as rows, nodes, nodes::Kind, versions};
use pantry_types::{DrivePath, Name, NodeId, Sha1};

use super::{
    Refused,
    tree::{Limits, Placed, check_path, check_room, destination, placed},
};
use crate::{
    Actor, Drive, Error,
    access::{self, Entry, Place},
    auth::hash,
    contents::{Content, EMPTY_SHA1, guess_mime, put_file},
    files::OnConflict,
    shares::{self, Codes},
};

/// The folder that a file goes to.
#[derive(Debug, Clone)]
pub enum Target {
    /// By id; 0 is the root.
    Id(NodeId),
    /// By path; folders that are missing are made.
    Path(DrivePath),
}

/// A file to be made.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Where.
    pub folder: Target,
    /// Name.
    pub name: Name,
    /// A file of this name gets a new version; otherwise the name must be free.
    pub cover: bool,
    /// Opens it to everybody in the same step.
    pub share: bool,
}

/// Contents with the same hash that are looked at: one of them may be going just now.
const SAME: i64 = 8;

#[derive(Debug, Clone)]
struct Wish {
    actor: Actor,
    upload: Upload,
    codes: Option<Codes>,
    limits: Limits,
}

impl Drive {
    fn wish(&self, actor: &Actor, upload: Upload) -> Wish {
        Wish {
            actor: actor.clone(),
            codes: upload.share.then(|| self.draw_codes()),
            upload,
            limits: self.weipan_limits(),
        }
    }

    /// Makes a file of bytes that are in memory.
    ///
    /// # Errors
    /// [`Refused::NoDestination`], [`Refused::PathTooLong`], [`Refused::FolderFull`]; [`Error::NameTaken`],
    /// [`Error::KindMismatch`], [`Error::Quota`], [`Error::StaleHead`].
    pub async fn weipan_upload(&self, actor: &Actor, upload: Upload, bytes: Bytes) -> Result<Placed, Refused> {
        // What would be refused is refused before it costs a hash and a sync.
        let wish = self.wish(actor, upload);
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        self.foresee(&wish, size).await?;
        let mime = guess_mime(wish.upload.name.as_str());
        let held = self.hold(bytes, mime).await?;
        self.db()
            .write((wish, held), |tx, (wish, held)| {
                Box::pin(async move {
                    let put = async {
                        let (mut entry, folder) = enter(tx, wish).await?;
                        held.settle(tx, wish.limits.now).await?;
                        let place = finish(tx, &mut entry, wish, &folder, &held.content).await?;
                        conclude(tx, entry, wish, &place).await
                    };
                    put.await.into()
                })
            })
            .await
    }

    /// Makes a file of a content that the person has, in a file, an old version or the bin.
    ///
    /// # Errors
    /// [`Refused::NoContent`]; as [`Self::weipan_upload`].
    pub async fn weipan_upload_known(&self, actor: &Actor, upload: Upload, sha1: Sha1) -> Result<Placed, Refused> {
        let wish = self.wish(actor, upload);
        self.db()
            .write((wish, sha1), |tx, (wish, sha1)| {
                Box::pin(async move {
                    let put = async {
                        let (mut entry, folder) = enter(tx, wish).await?;
                        let content = known(tx, &entry, wish, *sha1).await?.ok_or(Refused::NoContent)?;
                        let place = finish(tx, &mut entry, wish, &folder, &content).await?;
                        conclude(tx, entry, wish, &place).await
                    };
                    put.await.into()
                })
            })
            .await
    }

    /// Makes a file of what was sent under a key.
    ///
    /// # Errors
    /// [`Refused::NoPost`]; as [`Self::weipan_upload`].
    pub async fn weipan_upload_sent(&self, actor: &Actor, upload: Upload, key: &str) -> Result<Placed, Refused> {
        let wish = self.wish(actor, upload);
        self.db()
            .write((wish, hash(key)), |tx, (wish, key)| {
                Box::pin(async move {
                    let put = async {
                        let (mut entry, folder) = enter(tx, wish).await?;
                        let content = sent(tx, &entry, wish, key).await?;
                        let place = finish(tx, &mut entry, wish, &folder, &content).await?;
                        rows::remove(tx, key).await?;
                        conclude(tx, entry, wish, &place).await
                    };
                    put.await.into()
                })
            })
            .await
    }

    async fn foresee(&self, wish: &Wish, size: i64) -> Result<(), Refused> {
        self.db()
            .read((wish.clone(), size), |tx, (wish, size)| {
                Box::pin(async move {
                    let entry = access::enter(tx, &wish.actor, wish.limits.now).await?;
                    entry.check_head()?;
                    if let Target::Id(id) = &wish.upload.folder {
                        let folder = destination(tx, &entry, *id).await?;
                        check_slot(tx, &entry, &folder, wish).await?;
                    }
                    let u = &entry.user;
                    let free = u.quota - u.used - u.reserved + versions::droppable_bytes(tx, u.id).await?;
                    if *size > 0 && free < *size {
                        return Err(Error::Quota {
                            needed: *size,
                            free: free.max(0),
                        }
                        .into());
                    }
                    Ok(())
                })
            })
            .await
    }
}

async fn enter<'a>(tx: &mut Tx<'_>, wish: &'a Wish) -> Result<(Entry<'a>, Place), Refused> {
    let mut entry = access::enter_write(tx, &wish.actor, wish.limits.now).await?;
    let folder = match &wish.upload.folder {
        Target::Id(id) => destination(tx, &entry, *id).await?,
        Target::Path(path) => make_path(tx, &mut entry, path, &wish.limits).await?,
    };
    check_slot(tx, &entry, &folder, wish).await?;
    Ok((entry, folder))
}

/// Walks a path from the root and makes what is missing.
async fn make_path(
    tx: &mut Tx<'_>,
    entry: &mut Entry<'_>,
    path: &DrivePath,
    limits: &Limits,
) -> Result<Place, Refused> {
    let mut at = destination(tx, entry, NodeId(0)).await?;
    for name in path.components() {
        at = match nodes::child(tx, entry.user.id, at.node.id, name.as_str()).await? {
            Some(node) if node.kind == Kind::Folder => destination(tx, entry, node.id).await?,
            Some(_) => return Err(Refused::NoDestination),
            None => {
                if at.node.id == entry.user.apps_id {
                    return Err(Error::SystemFolder.into());
                }
                check_path(&at, name)?;
                check_room(&at.node, 1, limits)?;
                let client = entry.actor.client_id().to_owned();
                entry.insert_folder(tx, &at, name, &client, false).await?
            }
        };
    }
    Ok(at)
}

async fn check_slot(tx: &mut Tx<'_>, entry: &Entry<'_>, folder: &Place, wish: &Wish) -> Result<(), Refused> {
    check_path(folder, &wish.upload.name)?;
    let there = nodes::child(tx, entry.user.id, folder.node.id, wish.upload.name.as_str()).await?;
    match there {
        Some(n) if !wish.upload.cover => Err(Error::NameTaken { name: n.name }.into()),
        Some(_) => check_room(&folder.node, 0, &wish.limits),
        None => check_room(&folder.node, 1, &wish.limits),
    }
}

async fn known(tx: &mut Tx<'_>, entry: &Entry<'_>, wish: &Wish, sha1: Sha1) -> Result<Option<Content>, Error> {
    let mime = guess_mime(wish.upload.name.as_str());
    if sha1 == EMPTY_SHA1 {
        return Ok(Some(Content::empty(mime)));
    }
    for v in versions::with_sha1(tx, entry.user.id, sha1, SAME).await? {
        if blobs::name(tx, v.blob).await?.is_some() {
            return Ok(Some(Content {
                mime,
                ..Content::of(&v)
            }));
        }
    }
    if wish.limits.rules.trusting
        && let Some(b) = blobs::with_sha1(tx, sha1).await?
    {
        return Ok(Some(Content {
            hash: b.hash,
            size: b.size,
            md5: b.md5,
            sha1: b.sha1,
            mime,
        }));
    }
    Ok(None)
}

async fn sent(tx: &mut Tx<'_>, entry: &Entry<'_>, wish: &Wish, key: &[u8; 32]) -> Result<Content, Refused> {
    let found = rows::get(tx, key)
        .await?
        .filter(|l| l.user == entry.user.id && l.client_id == wish.actor.client_id() && wish.limits.now < l.expires_at);
    let l = found.ok_or(Refused::NoPost)?;
    if l.size > 0 && blobs::name(tx, l.blob).await?.is_none() {
        return Err(Refused::NoPost);
    }
    Ok(Content {
        hash: l.blob,
        size: l.size,
        md5: l.md5,
        sha1: l.sha1,
        mime: guess_mime(wish.upload.name.as_str()),
    })
}

async fn finish(
    tx: &mut Tx<'_>,
    entry: &mut Entry<'_>,
    wish: &Wish,
    folder: &Place,
    content: &Content,
) -> Result<Place, Refused> {
    let on_conflict = if wish.upload.cover {
        OnConflict::Overwrite
    } else {
        OnConflict::Fail
    };
    let name = &wish.upload.name;
    Ok(put_file(tx, entry, folder, name, content, on_conflict, &wish.limits.rules).await?)
}

/// Opens the file to everybody if that was wished, and tells what is there now.
async fn conclude(tx: &mut Tx<'_>, mut entry: Entry<'_>, wish: &Wish, place: &Place) -> Result<Placed, Refused> {
    let code = match &wish.codes {
        Some(codes) => Some(shares::open(tx, &mut entry, place, codes).await?),
        None => None,
    };
    placed(tx, entry, place, code).await
}
