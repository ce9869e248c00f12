//! Uploads in parts: precreate, parts, complete, abort. Bytes first, row second.
//! The secret of an upload is made from its row's salt and the server's key, so that the
//! same precreate can answer the same upload; only its hash is stored, and it is never logged.
//! Must not know HTTP; parts come as slices.

mod begin;
mod complete;
mod content;
mod digest;
pub mod hasher;
mod receive;
mod session;

use std::sync::Arc;

use md5::Digest as _;
use pantry_blob::BlobError;
use pantry_db::{
    Tx,
    uploads::{self as rows, Part, Upload, UploadState},
    users,
};
use pantry_types::{Blake3, Md5, Name, UserId, limits, random};

use crate::{
    Actor, Drive, Error, access,
    contents::EMPTY_MD5,
    files::{FolderRef, OnConflict},
    item::Item,
    shares::Leave,
};
use begin::{Begun, Precreate};
pub(crate) use complete::From;
pub use content::ContentReceiver;
pub use receive::PartReceiver;
use session::{Session, Sessions, extent_of};

/// What runs for all uploads of the process.
#[derive(Debug)]
pub(crate) struct Uploads {
    sessions: Sessions,
    pool: hasher::Pool,
}

impl Uploads {
    pub(crate) fn start() -> Self {
        Self {
            sessions: Sessions::default(),
            pool: hasher::Pool::start(),
        }
    }
}

/// What a client declares of a file that it wants to upload.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Name.
    pub name: Name,
    /// Bytes.
    pub size: i64,
    /// MD5 of the whole.
    pub md5: Md5,
    /// Media type; guessed from the name if absent.
    pub mime: Option<String>,
    /// What to do if the name is taken.
    pub on_conflict: OnConflict,
}

/// The drop box that an upload comes through.
#[derive(Debug, Clone)]
pub(crate) struct Through {
    pub(crate) leave: Leave,
    /// Its folder.
    pub(crate) folder: FolderRef,
    /// Uploads that may be open through it at once; 0 is no limit.
    pub(crate) most: i64,
}

/// What precreate answers.
#[derive(Debug, Clone)]
pub enum Precreated {
    /// The content was at hand: here is the file.
    Instant(Item),
    /// Send the parts.
    Session {
        /// The secret that names the upload: 32 hex digits.
        upload_id: String,
        /// Bytes of every part but the last.
        chunk_size: i64,
        /// Number of parts.
        total_parts: i64,
        /// Seconds left.
        expires_in: i64,
    },
}

/// What is known of a part.
#[derive(Debug, Clone)]
pub struct PartInfo {
    /// Number, from 1.
    pub seq: i64,
    /// Bytes.
    pub size: i64,
    /// Names its content.
    pub etag: String,
}

/// What an upload has so far.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Parts in all.
    pub total_parts: i64,
    /// Parts received, in order.
    pub parts: Vec<PartInfo>,
}

/// What a received part answers.
#[derive(Debug, Clone)]
pub struct PartReceived {
    /// The part.
    pub part: PartInfo,
    /// Parts received so far.
    pub received: i64,
    /// Parts in all.
    pub total: i64,
}

/// What a completed upload became.
#[derive(Debug, Clone)]
pub struct Completed {
    /// The file.
    pub id: pantry_types::NodeId,
    /// Full path from the drive's root.
    pub path: String,
    /// Bytes.
    pub size: i64,
    /// MD5.
    pub md5: Md5,
}

fn etag(hash: &Blake3) -> String {
    hex::encode(&hash.0[..16])
}

fn info(p: &Part) -> PartInfo {
    PartInfo {
        seq: p.seq,
        size: p.size,
        etag: etag(&p.hash),
    }
}

fn secret_hash(upload_id: &str) -> Vec<u8> {
    blake3::hash(upload_id.as_bytes()).as_bytes().to_vec()
}

impl Drive {
    /// How many uploads are in use in this process.
    pub fn open_uploads(&self) -> usize {
        self.uploads().sessions.len()
    }

    fn upload_id(&self, salt: &[u8]) -> String {
        hex::encode(self.keys().upload_secret(salt))
    }

    /// Begins an upload, finds the one that was begun, or answers the file at once.
    pub async fn precreate(&self, actor: &Actor, folder: FolderRef, declared: Declared) -> Result<Precreated, Error> {
        self.begin_upload(actor, folder, declared, None).await
    }

    /// Begins an upload through a drop box, by its owner's right.
    pub(crate) async fn precreate_through(
        &self,
        owner: &Actor,
        declared: Declared,
        through: Through,
    ) -> Result<Precreated, Error> {
        let folder = through.folder.clone();
        self.begin_upload(owner, folder, declared, Some(through)).await
    }

    async fn begin_upload(
        &self,
        actor: &Actor,
        folder: FolderRef,
        declared: Declared,
        through: Option<Through>,
    ) -> Result<Precreated, Error> {
        let size = u64::try_from(declared.size).map_err(|_| Error::invalid("size", "must not be negative"))?;
        if size > limits::MAX_FILE_BYTES {
            return Err(Error::invalid(
                "size",
                format!("{size} bytes are more than a file can have"),
            ));
        }
        if size == 0 && declared.md5 != EMPTY_MD5 {
            return Err(Error::HashMismatch {
                algorithm: "MD5",
                expected: declared.md5.to_string(),
                actual: EMPTY_MD5.to_string(),
            });
        }
        // Drawn before the transaction, which may run more than once.
        let salt = random::bytes::<16>(self.random().as_ref()).to_vec();
        let hash = secret_hash(&self.upload_id(&salt));
        let args = Precreate {
            actor: actor.clone(),
            folder,
            declared,
            salt,
            secret_hash: hash,
            now: self.now(),
            seconds: self.settings().upload.session_seconds,
            rules: self.rules(),
            through,
        };
        let now = args.now;
        let made = self
            .db()
            .write(args, |tx, a| {
                Box::pin(async move { begin::precreate(tx, a).await.into() })
            })
            .await?;
        Ok(match made {
            Begun::Instant(item) => Precreated::Instant(*item),
            Begun::Upload(u) => Precreated::Session {
                upload_id: self.upload_id(&u.salt),
                chunk_size: u.chunk_size,
                total_parts: u.parts,
                expires_in: u.expires_at - now,
            },
        })
    }

    /// The row of an upload that may be used now.
    async fn upload_row(&self, upload_id: &str) -> Result<Upload, Error> {
        if upload_id.len() != 32 || !upload_id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::NoUpload);
        }
        let hash = secret_hash(&upload_id.to_ascii_lowercase());
        let upload = self
            .db()
            .read((hash, self.now()), |tx, (hash, now)| {
                Box::pin(async move {
                    let Some(u) = rows::by_secret(tx, hash).await? else {
                        return Ok::<_, Error>(None);
                    };
                    // It dies with the grant that made it.
                    Ok(alive(tx, &u, *now).await?.then_some(u))
                })
            })
            .await?
            .ok_or(Error::NoUpload)?;
        if upload.state == UploadState::Expired
            || (upload.state == UploadState::Open && self.now() >= upload.expires_at)
        {
            return Err(Error::UploadExpired);
        }
        Ok(upload)
    }

    /// The upload in memory, made from its rows if need be.
    async fn session(&self, upload: Upload) -> Result<Arc<Session>, Error> {
        let sessions = &self.uploads().sessions;
        if let Some(s) = sessions.get(upload.id) {
            return Ok(s);
        }
        let making = sessions.making(upload.id);
        let _one = making.lock().await;
        if let Some(s) = sessions.get(upload.id) {
            return Ok(s);
        }
        let parts = self.parts_of(&upload).await?;
        let parts = self.rehash_suspects(&upload, parts).await?;
        let pool = &self.uploads().pool;
        let args = (upload.user, upload.id);
        let made = Session::new(self.blobs(), pool, upload.clone(), parts, self.now()).await;
        if let Ok(session) = &made {
            sessions.put(session.clone());
        }
        // Ended while it was made, it is not to stay, nor its staging.
        let now = self
            .db()
            .read(args, |tx, (user, id)| {
                Box::pin(async move { Ok::<_, Error>(rows::get(tx, *user, *id).await?) })
            })
            .await?;
        let ended = match now.map(|u| u.state) {
            Some(UploadState::Open) => return made,
            Some(UploadState::Completed) => Error::UploadCompleted,
            Some(UploadState::Expired) => Error::UploadExpired,
            None => Error::NoUpload,
        };
        sessions.remove(upload.id);
        self.forget_stage(&upload).await;
        Err(ended)
    }

    async fn parts_of(&self, upload: &Upload) -> Result<Vec<Part>, Error> {
        self.db()
            .read((upload.user, upload.id), |tx, (user, id)| {
                Box::pin(async move { Ok::<_, Error>(rows::parts(tx, *user, *id).await?) })
            })
            .await
    }

    /// Parts that power may have taken are hashed again; those that are not what
    /// they were are forgotten, so that the client sends them again.
    async fn rehash_suspects(&self, upload: &Upload, parts: Vec<Part>) -> Result<Vec<Part>, Error> {
        let stage = session::stage_key(upload)?;
        let mut good = Vec::with_capacity(parts.len());
        for mut p in parts {
            if !p.suspect {
                good.push(p);
                continue;
            }
            let offset = u64::try_from((p.seq - 1) * upload.chunk_size).unwrap_or(0);
            let size = u64::try_from(p.size).unwrap_or(0);
            let again = self
                .blobs()
                .stage_rehash_part(stage, extent_of(p.extent), offset, size)
                .await;
            let same = match again {
                Ok(hash) => hash == p.hash.0,
                Err(BlobError::NotFound | BlobError::WrongLength { .. } | BlobError::BadRange { .. }) => false,
                Err(e) => return Err(e.into()),
            };
            self.db()
                .write((upload.user, upload.id, p.seq, same), |tx, (user, id, seq, same)| {
                    Box::pin(async move {
                        let r: Result<(), Error> = async {
                            if *same {
                                rows::clear_suspect(tx, *user, *id, *seq).await?;
                            } else {
                                rows::drop_part(tx, *user, *id, *seq).await?;
                            }
                            Ok(())
                        }
                        .await;
                        r.into()
                    })
                })
                .await?;
            if same {
                p.suspect = false;
                good.push(p);
            } else {
                tracing::warn!(
                    upload = upload.id,
                    part = p.seq,
                    "a part was lost with the power; it must be sent again"
                );
            }
        }
        Ok(good)
    }

    /// Begins to receive a part. `length` is what the client announced, `md5` what
    /// it says the part has.
    pub async fn receive_part(
        &self,
        upload_id: &str,
        seq: i64,
        length: Option<u64>,
        md5: Option<Md5>,
    ) -> Result<PartReceiver, Error> {
        let upload = self.upload_row(upload_id).await?;
        if upload.state == UploadState::Completed {
            return Err(Error::UploadCompleted);
        }
        if self.stored_content(&upload).await?.is_some() {
            return Err(Error::UploadStored);
        }
        let session = self.session(upload).await?;
        let expected = session.part_size(seq)?;
        if let Some(n) = length.and_then(|n| i64::try_from(n).ok())
            && n != expected
        {
            return Err(Error::PartLength {
                seq,
                expected,
                actual: Some(n),
            });
        }
        let offset = u64::try_from((seq - 1) * session.upload.chunk_size).unwrap_or(0);
        let size = u64::try_from(expected).unwrap_or(0);
        // Before it has a place: who waits is in nobody's way.
        session.hashing.make_way(size).await;
        let mut claim = session.claim(seq, self.now());
        let open = |extent| self.blobs().part_writer(session.stage, extent, offset, size);
        let writer = match open(extent_of(claim.extent)).await {
            // A writer that was cut off is still letting go of the place.
            Err(BlobError::Busy) if claim.extent == 0 => {
                claim = session.claim(seq, self.now());
                open(extent_of(claim.extent)).await
            }
            r => r,
        };
        let writer = match writer {
            Ok(w) => w,
            Err(e) => return Err(self.stage_error(&session, e).await),
        };
        Ok(PartReceiver {
            drive: self.clone(),
            session: session.clone(),
            claim,
            writer,
            seq,
            expected,
            md5: md5.map(|declared| (declared, md5::Md5::new())),
        })
    }

    /// What an error of the staging means for the client.
    async fn stage_error(&self, session: &Session, e: BlobError) -> Error {
        match e {
            BlobError::Busy | BlobError::Closed => {}
            BlobError::NotFound => self.uploads().sessions.remove(session.upload.id),
            e => return e.into(),
        }
        // Being put together, or put away: its row says which.
        let args = (session.upload.user, session.upload.id);
        let row = self
            .db()
            .read(args, |tx, (user, id)| {
                Box::pin(async move { Ok::<_, Error>(rows::get(tx, *user, *id).await?) })
            })
            .await;
        match row {
            Err(e) => e,
            Ok(None) => Error::NoUpload,
            Ok(Some(u)) => match u.state {
                UploadState::Open => Error::UploadStored,
                UploadState::Completed => Error::UploadCompleted,
                UploadState::Expired => Error::UploadExpired,
            },
        }
    }

    /// What has been received.
    pub async fn upload_progress(&self, upload_id: &str) -> Result<Progress, Error> {
        let upload = self.upload_row(upload_id).await?;
        let total_parts = upload.parts;
        let ended = upload.state == UploadState::Completed;
        let parts = if ended || self.stored_content(&upload).await?.is_some() {
            self.parts_of(&upload).await?
        } else {
            self.session(upload).await?.parts()
        };
        Ok(Progress {
            total_parts,
            parts: parts.iter().map(info).collect(),
        })
    }

    /// Ends an upload; nothing of it remains.
    pub async fn abort_upload(&self, upload_id: &str) -> Result<(), Error> {
        let upload = self.upload_row(upload_id).await?;
        self.end_upload(upload.user, upload.id, Ending::Aborted).await?;
        self.forget_stage(&upload).await;
        Ok(())
    }

    /// Takes back what an upload reserved, and ends it.
    async fn end_upload(&self, user: UserId, id: i64, how: Ending) -> Result<bool, Error> {
        let ended = self
            .db()
            .write((user, id, how, self.now()), |tx, (user, id, how, now)| {
                Box::pin(async move { end(tx, *user, *id, *how, *now).await.into() })
            })
            .await?;
        self.uploads().sessions.remove(id);
        Ok(ended)
    }

    /// Removes the staging of an upload that has ended.
    async fn forget_stage(&self, upload: &Upload) {
        let removed = async {
            self.blobs().stage_remove(session::stage_key(upload)?).await?;
            Ok::<_, Error>(())
        };
        if let Err(e) = removed.await {
            // The janitor finds it.
            tracing::warn!(error = %e, "could not remove the staging of an upload that ended");
        }
    }

    /// Ends uploads whose time is over; `false` if there was none.
    pub(crate) async fn expire_uploads(&self) -> Result<bool, Error> {
        let now = self.now();
        let overdue = self
            .db()
            .read(now, |tx, now| {
                Box::pin(async move {
                    let mut found = Vec::new();
                    for (user, id) in rows::overdue(tx, *now, 100).await? {
                        found.extend(rows::get(tx, user, id).await?);
                    }
                    Ok::<_, Error>(found)
                })
            })
            .await?;
        let mut any = false;
        for u in &overdue {
            if self.end_upload(u.user, u.id, Ending::Expired).await? {
                any = true;
                self.forget_stage(u).await;
            }
        }
        // Memory is let go too; an upload that goes on is hashed again from the disk.
        self.uploads().sessions.drop_idle(now - 3_600);
        Ok(any)
    }

    /// To be called once at start. Parts that were not known to be on the disk are doubted
    /// if the machine was started anew since (`boot` names its start), for power may have taken them.
    pub async fn recover_uploads(&self, boot: &str) -> Result<(), Error> {
        self.db()
            .write(boot.to_owned(), |tx, boot| {
                Box::pin(async move {
                    let r: Result<(), Error> = async {
                        let before = pantry_db::meta::get(tx, "boot").await?;
                        if before.as_deref() != Some(boot.as_bytes()) || boot.is_empty() {
                            rows::doubt_unsynced(tx).await?;
                            pantry_db::meta::set(tx, "boot", boot.as_bytes()).await?;
                        }
                        Ok(())
                    }
                    .await;
                    r.into()
                })
            })
            .await
    }
}

/// The drop box that an upload came through, if it did.
fn leave_of(u: &Upload) -> Option<Leave> {
    (u.share.0 != 0).then_some(Leave {
        owner: u.user,
        share: u.share,
        epoch: u.epoch,
    })
}

/// Whether the grant, or the drop box, that made an upload still stands.
async fn alive(tx: &mut Tx<'_>, u: &Upload, now: i64) -> Result<bool, Error> {
    if let Some(leave) = leave_of(u)
        && leave.stands(tx, now).await?.is_none()
    {
        return Ok(false);
    }
    let user = access::outlived(tx, u.user, u.grant, u.epoch, now).await?;
    Ok(user.is_some())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Aborted,
    Expired,
}

async fn end(tx: &mut Tx<'_>, user: UserId, id: i64, how: Ending, now: i64) -> Result<bool, Error> {
    let owner = users::lock(tx, user).await?.ok_or(Error::NoUpload)?;
    // Held: a part that is being noted is seen, or comes too late.
    let Some(u) = rows::lock(tx, user, id).await? else {
        return match how {
            Ending::Aborted => Err(Error::NoUpload),
            Ending::Expired => Ok(false),
        };
    };
    match (u.state, how) {
        (UploadState::Completed, Ending::Aborted) => return Err(Error::UploadCompleted),
        (UploadState::Open, Ending::Aborted) => rows::remove(tx, user, id).await?,
        (UploadState::Open, Ending::Expired) if u.expires_at <= now => {
            rows::expire(tx, user, id).await?;
            rows::remove_parts(tx, user, id).await?;
        }
        _ => return Ok(false),
    }
    users::set_books(tx, user, owner.used, owner.reserved - u.size, owner.head).await?;
    Ok(true)
}

impl Drive {
    /// The scopes an upload carries, as an actor.
    fn upload_actor(u: &Upload) -> Actor {
        if u.grant.0 == 0 {
            // The person, or a program that signed in as the person: then it has a name and no grant.
            Actor::weipan(u.user, u.client_id.clone())
        } else {
            Actor::app(u.user, u.client_id.clone(), u.grant, u.epoch, u.scopes)
        }
    }
}
