//! The end of an upload: hash what is left, make the bytes durable, then write the row.
//! Must not answer before both are on the disk.

use bytes::Bytes;
use pantry_blob::{BlobKey, StageKey};
use pantry_db::{
    Tx, blobs,
    blobs::Blob,
    nodes::Kind,
    uploads::{self as rows, Upload, UploadState},
};
use pantry_types::Name;

use super::{Completed, Session, leave_of};
use crate::{
    Drive, Error,
    access::{self, Need},
    contents::{Content, Rules, put_file},
    files::OnConflict,
    shares::inbox,
    uploads::hasher::Hashes,
};

/// Where a content that may have to be stored is.
pub(crate) enum From<'a> {
    /// In memory.
    Memory(&'a Bytes),
    /// Staged.
    Staged(&'a Upload, pantry_blob::Layout),
    /// Staged whole, by no upload.
    Single(StageKey, pantry_blob::Layout),
}

impl Drive {
    /// Puts the parts together as a file. Repeated, it answers what it answered first.
    pub async fn complete_upload(&self, upload_id: &str) -> Result<Completed, Error> {
        let upload = self.upload_row(upload_id).await?;
        if upload.state == UploadState::Completed {
            return Ok(answer(&upload));
        }
        let content = match self.stored_content(&upload).await? {
            Some(content) => {
                self.check_target(&upload).await?;
                return self.name_content(&upload, content).await;
            }
            None => self.session(upload.clone()).await?,
        };
        let session = content;
        let _one = session.completing.lock().await;
        // Parts that arrive meanwhile wait: what is hashed is what is stored.
        let _still = session.acknowledging.lock().await;
        // Another may have completed it while this one waited.
        let upload = self.upload_row(upload_id).await?;
        if upload.state == UploadState::Completed {
            return Ok(answer(&upload));
        }
        let (received, total) = (session.received(), upload.parts);
        if received < total {
            return Err(Error::Incomplete { received, total });
        }
        // Refusals that can be known are given before bytes are moved.
        self.check_target(&upload).await?;
        let size = u64::try_from(upload.size).unwrap_or(0);
        let hashes = self.hashes_of(&session, size).await?;
        if hashes.md5 != upload.md5 {
            return Err(Error::HashMismatch {
                algorithm: "MD5",
                expected: upload.md5.to_string(),
                actual: hashes.md5.to_string(),
            });
        }
        let content = Content {
            hash: hashes.blake3,
            size: upload.size,
            md5: hashes.md5,
            sha1: hashes.sha1,
            mime: upload.mime.clone(),
        };
        self.store_staged(&session, &content).await?;
        self.name_content(&upload, content).await
    }

    async fn check_target(&self, upload: &Upload) -> Result<(), Error> {
        self.db()
            .read((upload.clone(), self.now()), |tx, (u, now)| {
                Box::pin(async move { may_complete(tx, u, *now).await })
            })
            .await
    }

    /// The last step: the row that names the content.
    async fn name_content(&self, upload: &Upload, content: Content) -> Result<Completed, Error> {
        let args = (upload.clone(), content, self.now(), self.rules());
        let done = self
            .db()
            .write(args, |tx, (u, content, now, rules)| {
                Box::pin(async move { complete(tx, u, content, *now, rules).await.into() })
            })
            .await?;
        self.uploads().sessions.remove(upload.id);
        self.forget_stage(upload).await;
        Ok(done)
    }

    /// The content of an upload that left its staging without getting its row: the
    /// process ended, or the row was refused, in between.
    pub(super) async fn stored_content(&self, upload: &Upload) -> Result<Option<Content>, Error> {
        let Some(stored) = upload.stored else {
            return Ok(None);
        };
        let size = u64::try_from(upload.size).unwrap_or(0);
        let row = self
            .db()
            .read(stored.hash, |tx, hash| {
                Box::pin(async move { Ok::<_, Error>(blobs::get(tx, *hash).await?) })
            })
            .await?;
        let content = Content {
            hash: stored.hash,
            size: upload.size,
            md5: upload.md5,
            sha1: stored.sha1,
            mime: upload.mime.clone(),
        };
        if row.is_none() {
            let key = BlobKey::new(stored.hash.0, stored.gen_);
            if self.blobs().exists(key).await? != Some(size) {
                return Ok(None);
            }
            self.add_blob(&content, stored.gen_, None).await?;
        }
        Ok(Some(content))
    }

    async fn hashes_of(&self, session: &Session, size: u64) -> Result<Hashes, Error> {
        let hashed = session.hashing.finish(size).await;
        if hashed.is_err() {
            // The next call begins anew from the disk.
            self.uploads().sessions.remove(session.upload.id);
        }
        hashed
    }

    async fn store_staged(&self, session: &Session, content: &Content) -> Result<(), Error> {
        if content.size <= self.settings().upload.inline_bytes {
            let mut small = vec![0; usize::try_from(content.size).unwrap_or(0)];
            let layout = session.layout();
            let reader = self.blobs().stage_reader(session.stage).await?;
            let mut at = 0;
            while at < small.len() {
                match reader.read_at(&layout, at as u64, &mut small[at..])? {
                    0 => return Err(Error::Internal("the staged bytes end early".into())),
                    n => at += n,
                }
            }
            let small = Bytes::from(small);
            return self.store(content, From::Memory(&small)).await;
        }
        let from = From::Staged(&session.upload, session.layout());
        let stored = self.store(content, from).await;
        if stored.is_err() {
            // The staging may be gone or half moved: what the rows say is looked at again.
            self.uploads().sessions.remove(session.upload.id);
        }
        stored
    }

    /// Makes sure that a content is stored and has a row; nobody needs to name it yet:
    /// the janitor looks at it later.
    pub(crate) async fn store(&self, content: &Content, from: From<'_>) -> Result<(), Error> {
        if content.size == 0 {
            return Ok(());
        }
        let mark = match &from {
            From::Staged(upload, _) if content.size > self.settings().upload.inline_bytes => {
                Some((upload.user, upload.id))
            }
            _ => None,
        };
        let args = (content.clone(), mark, self.now());
        let generation = self
            .db()
            .write(args, |tx, (content, mark, now)| {
                Box::pin(async move { generation_for(tx, content, *mark, *now).await.into() })
            })
            .await?;
        let Some(generation) = generation else {
            return Ok(());
        };
        let inline = content.size <= self.settings().upload.inline_bytes;
        let key = BlobKey::new(content.hash.0, generation);
        let held = match from {
            From::Memory(bytes) if inline => Some(bytes.clone()),
            From::Memory(bytes) => {
                self.blobs().put_bytes(key, bytes.clone()).await?;
                None
            }
            From::Staged(upload, layout) => {
                let stage = super::session::stage_key(upload)?;
                self.blobs().stage_commit(stage, layout, key).await?;
                None
            }
            From::Single(stage, layout) => {
                self.blobs().stage_commit(stage, layout, key).await?;
                None
            }
        };
        let stands = self.add_blob(content, generation, held).await?;
        if stands != generation && !inline {
            // Another stored the same content meanwhile: one copy is enough. (A question about this very
            // upload may have written the row that names ours.)
            self.blobs().delete(key).await?;
        }
        Ok(())
    }

    /// Adds a content's row, unnamed, unless there is one; answers the generation that stands.
    pub(super) async fn add_blob(&self, content: &Content, generation: i64, held: Option<Bytes>) -> Result<i64, Error> {
        let blob = Blob {
            hash: content.hash,
            gen_: generation,
            size: content.size,
            md5: content.md5,
            sha1: content.sha1,
            condemned_at: 0,
            inline: held.is_some(),
        };
        self.db()
            .write((blob, held, self.now()), |tx, (blob, held, now)| {
                Box::pin(async move { insert_blob(tx, blob, held.as_deref(), *now).await.into() })
            })
            .await
    }
}

/// Adds a content's row, for the janitor to look at if nobody names it; answers the generation that stands.
pub(super) async fn insert_blob(tx: &mut Tx<'_>, blob: &Blob, held: Option<&[u8]>, now: i64) -> Result<i64, Error> {
    blobs::suspect(tx, blob.hash, blob.gen_, now).await?;
    if blobs::insert(tx, blob, held, now).await? {
        return Ok(blob.gen_);
    }
    Ok(blobs::get(tx, blob.hash).await?.map_or(0, |there| there.gen_))
}

/// The generation of a new content's key; `None` if the content is stored already. An
/// upload notes it, so that a crash between moving the bytes and writing the row loses nothing.
async fn generation_for(
    tx: &mut Tx<'_>,
    content: &Content,
    mark: Option<(pantry_types::UserId, i64)>,
    now: i64,
) -> Result<Option<i64>, Error> {
    if let Some(there) = blobs::name(tx, content.hash).await? {
        blobs::suspect(tx, content.hash, there.gen_, now).await?;
        return Ok(None);
    }
    let gen_ = pantry_db::dialect::next_id(tx).await?;
    if let Some((user, id)) = mark {
        let stored = rows::Stored {
            hash: content.hash,
            sha1: content.sha1,
            gen_,
        };
        rows::set_stored(tx, user, id, &stored).await?;
    }
    Ok(Some(gen_))
}

pub(super) fn answer(u: &Upload) -> Completed {
    Completed {
        id: u.node,
        path: u.path.clone(),
        size: u.size,
        md5: u.md5,
    }
}

async fn target_folder(tx: &mut Tx<'_>, entry: &access::Entry<'_>, u: &Upload) -> Result<access::Place, Error> {
    if let Some(leave) = leave_of(u) {
        inbox::leads_to(tx, leave, u.parent, entry.now).await?;
    }
    entry
        .place(tx, u.parent)
        .await?
        .filter(|p| p.node.kind == Kind::Folder && entry.reaches(Need::Write, p.sandbox))
        .ok_or(Error::NotFound("folder"))
}

async fn may_complete(tx: &mut Tx<'_>, u: &Upload, now: i64) -> Result<(), Error> {
    let actor = Drive::upload_actor(u);
    let entry = access::enter(tx, &actor, now).await?;
    let folder = target_folder(tx, &entry, u).await?;
    let name = Name::from_stored(u.name.clone());
    let on_conflict = OnConflict::from_code(u.on_conflict);
    crate::files::slot(tx, &entry, &folder, &name, Kind::File, on_conflict, None).await?;
    Ok(())
}

async fn complete(tx: &mut Tx<'_>, u: &Upload, content: &Content, now: i64, rules: &Rules) -> Result<Completed, Error> {
    let actor = Drive::upload_actor(u);
    let mut entry = access::enter_write(tx, &actor, now).await?;
    let current = rows::lock(tx, u.user, u.id).await?.ok_or(Error::NoUpload)?;
    match current.state {
        UploadState::Open => {}
        UploadState::Completed => return Ok(answer(&current)),
        UploadState::Expired => return Err(Error::UploadExpired),
    }
    let folder = target_folder(tx, &entry, u).await?;
    entry.user.reserved -= u.size;
    let name = Name::from_stored(u.name.clone());
    let on_conflict = OnConflict::from_code(u.on_conflict);
    let place = put_file(tx, &mut entry, &folder, &name, content, on_conflict, rules).await?;
    let path = match leave_of(u) {
        None => place.path(),
        Some(leave) => inbox::received(tx, leave, name.as_str()).await?,
    };
    rows::complete(tx, u.user, u.id, place.node.id, &path).await?;
    entry.close(tx).await?;
    Ok(Completed {
        id: place.node.id,
        path,
        size: content.size,
        md5: content.md5,
    })
}
