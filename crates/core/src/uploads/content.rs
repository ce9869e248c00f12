//! A file in one request: small contents go into the row store in the same transaction
//! as the file, larger ones through the staging. Must not hold more than a small content
//! in memory unless the length was not announced.

use bytes::{Bytes, BytesMut};
use pantry_blob::{Extent, Layout, PartWriter, StageKey};
use pantry_db::{Tx, blobs, blobs::Blob};
use pantry_types::{Md5, Name, random};

use super::{
    Through,
    hasher::{Hashes, Running, hash_all},
};
use crate::{
    Actor, Drive, Error,
    access::{self, Need},
    contents::{Content, Rules, guess_mime, put_file},
    files::{Changed, FolderRef, OnConflict, target},
    item::Item,
    shares::inbox,
};

/// What the content goes to.
#[derive(Debug, Clone)]
struct Wish {
    actor: Actor,
    folder: FolderRef,
    name: Name,
    on_conflict: OnConflict,
    md5: Option<Md5>,
    mime: String,
    /// The drop box that it comes through.
    through: Option<Through>,
}

enum Sink {
    Memory(BytesMut),
    Staged {
        stage: OwnStage,
        writer: Box<PartWriter>,
        hashes: Box<Running>,
    },
}

/// A staging that no row knows: removed when dropped, whatever came of it.
struct OwnStage {
    drive: Drive,
    key: StageKey,
}

impl Drop for OwnStage {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the janitor finds it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (drive, key) = (self.drive.clone(), self.key);
            runtime.spawn(async move {
                // Gone already unless something was refused.
                if let Err(e) = drive.blobs().stage_remove(key).await {
                    tracing::debug!(error = %e, "could not remove the staging of a content");
                }
            });
        }
    }
}

/// A content on its way. Dropped before `finish`, it leaves no trace.
pub struct ContentReceiver {
    drive: Drive,
    wish: Wish,
    sink: Sink,
    limit: u64,
    length: Option<u64>,
    so_far: u64,
}

impl std::fmt::Debug for ContentReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentReceiver")
    }
}

impl Drive {
    /// Begins to receive a file whole: at most `limit` bytes, `length` if it was announced.
    #[expect(clippy::too_many_arguments, reason = "each is one parameter of the call")]
    pub async fn receive_content(
        &self,
        actor: &Actor,
        folder: FolderRef,
        name: Name,
        on_conflict: OnConflict,
        md5: Option<Md5>,
        mime: Option<String>,
        length: Option<u64>,
        limit: u64,
    ) -> Result<ContentReceiver, Error> {
        let too_large = Error::TooLarge {
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
        };
        if length.is_some_and(|n| n > limit) {
            return Err(too_large);
        }
        let wish = Wish {
            actor: actor.clone(),
            folder,
            mime: mime.unwrap_or_else(|| guess_mime(name.as_str())),
            name,
            on_conflict,
            md5,
            through: None,
        };
        let inline = u64::try_from(self.settings().upload.inline_bytes).unwrap_or(0);
        let sink = match length {
            Some(n) if n > inline => {
                self.check_content(&wish, n).await?;
                let stage = StageKey(random::bytes::<16>(self.random().as_ref()));
                let own = OwnStage {
                    drive: self.clone(),
                    key: stage,
                };
                self.blobs().stage_create(stage, n).await?;
                Sink::Staged {
                    stage: own,
                    writer: Box::new(self.blobs().part_writer(stage, Extent::Main, 0, n).await?),
                    hashes: Box::default(),
                }
            }
            n => Sink::Memory(BytesMut::with_capacity(
                n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
            )),
        };
        Ok(ContentReceiver {
            drive: self.clone(),
            wish,
            sink,
            limit,
            length,
            so_far: 0,
        })
    }

    /// Begins to receive a file of a length that nobody announced through a drop box, by its owner's right; it is held in
    /// memory until it is whole.
    pub(crate) fn receive_through(
        &self,
        owner: &Actor,
        name: Name,
        mime: Option<String>,
        limit: u64,
        through: Through,
    ) -> ContentReceiver {
        ContentReceiver {
            drive: self.clone(),
            wish: Wish {
                actor: owner.clone(),
                folder: through.folder.clone(),
                mime: mime.unwrap_or_else(|| guess_mime(name.as_str())),
                name,
                on_conflict: OnConflict::Rename,
                md5: None,
                through: Some(through),
            },
            sink: Sink::Memory(BytesMut::new()),
            limit,
            length: None,
            so_far: 0,
        }
    }

    /// Refuses before the bytes come what would be refused after.
    async fn check_content(&self, wish: &Wish, length: u64) -> Result<(), Error> {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        self.db()
            .read((wish.clone(), length, self.now()), |tx, (wish, length, now)| {
                Box::pin(async move {
                    let mut entry = access::enter(tx, &wish.actor, *now).await?;
                    entry.require(Need::Write)?;
                    if let FolderRef::Path(path) = &wish.folder
                        && !entry.leads_to_sandbox(path.as_ref())
                    {
                        entry.at_path(tx, path.as_ref(), Need::Write).await?;
                    }
                    let u = &entry.user;
                    let mut free = u.quota - u.used - u.reserved;
                    if free < *length {
                        free += pantry_db::versions::droppable_bytes(tx, u.id).await?;
                    }
                    if free < *length {
                        return Err(Error::Quota {
                            needed: *length,
                            free: free.max(0),
                        });
                    }
                    Ok(())
                })
            })
            .await
    }
}

impl ContentReceiver {
    /// Takes the next bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.so_far += bytes.len() as u64;
        if self.so_far > self.limit {
            return Err(Error::TooLarge {
                limit: i64::try_from(self.limit).unwrap_or(i64::MAX),
            });
        }
        match &mut self.sink {
            Sink::Memory(held) => held.extend_from_slice(bytes),
            Sink::Staged { writer, hashes, .. } => {
                hashes.update(bytes);
                writer.write(bytes).await?;
            }
        }
        Ok(())
    }

    /// The content is whole: makes it durable, then the file. Answers the file.
    pub async fn finish(self) -> Result<Item, Error> {
        Ok(self.finish_changed().await?.item)
    }

    /// The same, and the change log's head after it.
    pub async fn finish_changed(self) -> Result<Changed, Error> {
        let Self {
            drive,
            wish,
            sink,
            length,
            so_far,
            ..
        } = self;
        if length.is_some_and(|n| n != so_far) {
            return Err(Error::BodyBroken(format!("{so_far} bytes came")));
        }
        match sink {
            Sink::Memory(held) => drive.put_held(wish, held.freeze()).await,
            Sink::Staged { stage, writer, hashes } => {
                writer.finish().await?;
                drive.put_staged(wish, stage.key, so_far, hashes.finish()).await
            }
        }
    }
}

fn content_of(wish: &Wish, h: &Hashes, size: u64) -> Result<Content, Error> {
    if let Some(declared) = wish.md5
        && declared != h.md5
    {
        return Err(Error::HashMismatch {
            algorithm: "MD5",
            expected: declared.to_string(),
            actual: h.md5.to_string(),
        });
    }
    Ok(Content {
        hash: h.blake3,
        size: i64::try_from(size).unwrap_or(i64::MAX),
        md5: h.md5,
        sha1: h.sha1,
        mime: wish.mime.clone(),
    })
}

impl Drive {
    async fn put_held(&self, wish: Wish, held: Bytes) -> Result<Changed, Error> {
        let content = content_of(&wish, &hash_all(&held), held.len() as u64)?;
        if content.size > self.settings().upload.inline_bytes {
            self.store(&content, super::complete::From::Memory(&held)).await?;
            return self.put_stored(wish, content, None).await;
        }
        self.put_stored(wish, content, Some(held)).await
    }

    async fn put_staged(&self, wish: Wish, stage: StageKey, size: u64, hashes: Hashes) -> Result<Changed, Error> {
        let content = content_of(&wish, &hashes, size)?;
        let layout = Layout::new(size, size)?;
        self.store(&content, super::complete::From::Single(stage, layout))
            .await?;
        self.put_stored(wish, content, None).await
    }

    async fn put_stored(&self, wish: Wish, content: Content, held: Option<Bytes>) -> Result<Changed, Error> {
        let args = (wish, content, held, self.now(), self.rules());
        self.db()
            .write(args, |tx, (wish, content, held, now, rules)| {
                Box::pin(async move { put(tx, wish, content, held.as_ref(), *now, rules).await.into() })
            })
            .await
    }
}

async fn put(
    tx: &mut Tx<'_>,
    wish: &Wish,
    content: &Content,
    held: Option<&Bytes>,
    now: i64,
    rules: &Rules,
) -> Result<Changed, Error> {
    let mut entry = access::enter_write(tx, &wish.actor, now).await?;
    let folder = target(tx, &mut entry, &wish.folder).await?;
    if let Some(through) = &wish.through {
        inbox::check(tx, through, folder.node.id, content.size, now).await?;
        inbox::received(tx, through.leave, wish.name.as_str()).await?;
    }
    if let Some(held) = held {
        insert_inline(tx, content, held, now).await?;
    }
    let place = put_file(tx, &mut entry, &folder, &wish.name, content, wish.on_conflict, rules).await?;
    let item = Item::of(&place, entry.user.root_id);
    let head = entry.close(tx).await?;
    Ok(Changed { item, head })
}

/// Adds a small content in the transaction that names it.
async fn insert_inline(tx: &mut Tx<'_>, content: &Content, held: &Bytes, now: i64) -> Result<(), Error> {
    if content.size > 0 && blobs::name(tx, content.hash).await?.is_none() {
        let blob = Blob {
            hash: content.hash,
            gen_: pantry_db::dialect::next_id(tx).await?,
            size: content.size,
            md5: content.md5,
            sha1: content.sha1,
            condemned_at: 0,
            inline: true,
        };
        // Named in this very transaction: nothing for the janitor to look at.
        blobs::insert(tx, &blob, Some(held), now).await?;
    }
    Ok(())
}

/// A whole content that was hashed: stored by now, or so small that it goes into the row store with its file.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) content: Content,
    inline: Option<Bytes>,
}

impl Held {
    /// A content that is stored already.
    pub(crate) fn stored(content: Content) -> Self {
        Self { content, inline: None }
    }

    /// Makes sure, in the transaction that names it, that the content is there.
    pub(crate) async fn settle(&self, tx: &mut Tx<'_>, now: i64) -> Result<(), Error> {
        match &self.inline {
            Some(bytes) => insert_inline(tx, &self.content, bytes, now).await,
            None => Ok(()),
        }
    }
}

/// Contents up to this many bytes are hashed where they are: moving them costs more.
const HASH_INLINE: usize = 256 * 1024;

impl Drive {
    /// Hashes a content that is in memory, and stores it unless it is small.
    pub(crate) async fn hold(&self, bytes: Bytes, mime: String) -> Result<Held, Error> {
        let hashes = if bytes.len() <= HASH_INLINE {
            hash_all(&bytes)
        } else {
            let bytes = bytes.clone();
            tokio::task::spawn_blocking(move || hash_all(&bytes))
                .await
                .map_err(|e| Error::Internal(format!("hashing a content: {e}")))?
        };
        let content = Content {
            hash: hashes.blake3,
            size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            md5: hashes.md5,
            sha1: hashes.sha1,
            mime,
        };
        if content.size > self.settings().upload.inline_bytes {
            self.store(&content, super::complete::From::Memory(&bytes)).await?;
            return Ok(Held::stored(content));
        }
        Ok(Held {
            content,
            inline: Some(bytes),
        })
    }
}
