//! Uploads in parts: precreate, parts, complete, abort. Bytes first, row second.
//! The secret of an upload is made from its row's salt and the server's key, so that the
//! same precreate can answer the same upload; only its hash is stored, and it is never logged.
//! Must not know HTTP; parts come as slices.

mod complete;
mod content;
pub mod hasher;
mod session;

use std::sync::Arc;

use md5::Digest as _;
use pantry_blob::{BlobError, PartWriter};
use pantry_db::{
    Tx, grants, nodes,
    uploads::{self as rows, Part, Upload, UploadState},
    users, versions,
};
use pantry_types::{Blake3, Md5, Name, UserId, limits, random};

use crate::{
    Actor, Drive, Error,
    access::{self, Need},
    contents::{Content, EMPTY_MD5, Rules, guess_mime, put_file, reserve},
    files::{FolderRef, OnConflict, slot, target},
    item::Item,
};
pub(crate) use complete::From;
pub use content::ContentReceiver;
use session::{Claim, Session, Sessions, extent_of};

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
        };
        let now = args.now;
        let made = self
            .db()
            .write(args, |tx, a| Box::pin(async move { precreate(tx, a).await.into() }))
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
            .read(hash, |tx, hash| {
                Box::pin(async move {
                    let Some(u) = rows::by_secret(tx, hash).await? else {
                        return Ok::<_, Error>(None);
                    };
                    // It dies with the grant that made it.
                    Ok(alive(tx, &u).await?.then_some(u))
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
        let _one = sessions.making.lock().await;
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
        let mut claim = session.claim(seq, self.now());
        let offset = u64::try_from((seq - 1) * session.upload.chunk_size).unwrap_or(0);
        let size = u64::try_from(expected).unwrap_or(0);
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

/// Whether the grant that made an upload still stands.
async fn alive(tx: &mut Tx<'_>, u: &Upload) -> Result<bool, Error> {
    if users::get(tx, u.user).await?.is_none_or(|u| u.is_disabled) {
        return Ok(false);
    }
    if u.grant.0 == 0 {
        return Ok(true);
    }
    Ok(grants::get(tx, u.user, u.grant)
        .await?
        .is_some_and(|g| g.epoch == u.epoch))
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

struct Precreate {
    actor: Actor,
    folder: FolderRef,
    declared: Declared,
    salt: Vec<u8>,
    secret_hash: Vec<u8>,
    now: i64,
    seconds: i64,
    rules: Rules,
}

enum Begun {
    Instant(Box<Item>),
    Upload(Box<Upload>),
}

async fn precreate(tx: &mut Tx<'_>, a: &Precreate) -> Result<Begun, Error> {
    let d = &a.declared;
    let mut entry = access::enter_write(tx, &a.actor, a.now).await?;
    let folder = target(tx, &mut entry, &a.folder).await?;
    // The depth is looked at now, so that nobody uploads what cannot be put there.
    let probe = nodes::Node {
        name: d.name.as_str().to_owned(),
        ..folder.node.clone()
    };
    let mut above = vec![folder.node.clone()];
    above.extend(folder.above.iter().cloned());
    access::check_depth(&access::Place {
        node: probe,
        above,
        sandbox: folder.sandbox,
    })?;
    let kind = nodes::Kind::File;
    slot(tx, &entry, &folder, &d.name, kind, d.on_conflict, None).await?;
    let mime = d.mime.clone().unwrap_or_else(|| guess_mime(d.name.as_str()));
    let content = match d.size {
        0 => Some(Content::empty(mime.clone())),
        _ => at_hand(tx, &entry, d, &mime, &a.rules).await?,
    };
    if let Some(content) = content {
        let place = put_file(tx, &mut entry, &folder, &d.name, &content, d.on_conflict, &a.rules).await?;
        let item = Item::of(&place, entry.user.root_id);
        entry.close(tx).await?;
        return Ok(Begun::Instant(Box::new(item)));
    }
    let same = rows::open_for(tx, entry.user.id, folder.node.id, d.name.as_str())
        .await?
        .into_iter()
        .find(|u| {
            u.grant == a.actor.grant()
                && u.epoch == a.actor.epoch()
                && u.scopes == a.actor.scopes()
                && u.size == d.size
                && u.md5 == d.md5
                && u.on_conflict == d.on_conflict.code()
                && u.expires_at > a.now
        });
    if let Some(u) = same {
        entry.close(tx).await?;
        return Ok(Begun::Upload(Box::new(u)));
    }
    reserve(tx, &mut entry, d.size).await?;
    let (chunk_size, parts) = limits::chunk_size(u64::try_from(d.size).unwrap_or(0));
    let upload = Upload {
        user: entry.user.id,
        id: pantry_db::dialect::next_id(tx).await?,
        secret_hash: a.secret_hash.clone(),
        salt: a.salt.clone(),
        state: UploadState::Open,
        grant: a.actor.grant(),
        epoch: a.actor.epoch(),
        client_id: a.actor.client_id().to_owned(),
        scopes: a.actor.scopes(),
        parent: folder.node.id,
        name: d.name.as_str().to_owned(),
        size: d.size,
        md5: d.md5,
        mime,
        chunk_size: i64::try_from(chunk_size).unwrap_or(i64::MAX),
        parts: i64::try_from(parts).unwrap_or(i64::MAX),
        on_conflict: d.on_conflict.code(),
        created_at: a.now,
        expires_at: a.now + a.seconds,
        node: pantry_types::NodeId(0),
        path: String::new(),
        stored: None,
    };
    rows::insert(tx, &upload).await?;
    entry.close(tx).await?;
    Ok(Begun::Upload(Box::new(upload)))
}

/// A content with the declared hash that the caller may read already (or, in a trusting
/// house, that anybody has). Nothing else is instant: a hash alone must not give content away.
async fn at_hand(
    tx: &mut Tx<'_>,
    entry: &access::Entry<'_>,
    d: &Declared,
    mime: &str,
    rules: &Rules,
) -> Result<Option<Content>, Error> {
    for v in versions::with_md5(tx, entry.user.id, d.md5, d.size, 50).await? {
        let Some(place) = entry.place(tx, v.node).await? else {
            continue;
        };
        if entry.reaches(Need::Read, place.sandbox) {
            return Ok(Some(Content {
                mime: mime.to_owned(),
                ..Content::of(&v)
            }));
        }
    }
    if rules.trusting
        && let Some(b) = pantry_db::blobs::with_md5(tx, d.md5, d.size).await?
        // Held, for nobody may name it any more, and the janitor come first.
        && pantry_db::blobs::name(tx, b.hash).await?.is_some()
    {
        return Ok(Some(Content {
            hash: b.hash,
            size: b.size,
            md5: b.md5,
            sha1: b.sha1,
            mime: mime.to_owned(),
        }));
    }
    Ok(None)
}

/// A part on its way. Dropped before `finish`, it leaves no trace.
#[derive(Debug)]
pub struct PartReceiver {
    drive: Drive,
    session: Arc<Session>,
    claim: Claim,
    writer: PartWriter,
    seq: i64,
    expected: i64,
    md5: Option<(Md5, md5::Md5)>,
}

impl PartReceiver {
    /// Takes the next bytes, in the order of the part.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let so_far = self.writer.written();
        if so_far + bytes.len() as u64 > u64::try_from(self.expected).unwrap_or(0) {
            return Err(Error::PartLength {
                seq: self.seq,
                expected: self.expected,
                actual: None,
            });
        }
        if let Some((_, md5)) = &mut self.md5 {
            md5.update(bytes);
        }
        match self.writer.write(bytes).await {
            Ok(()) => Ok(()),
            Err(e) => Err(self.drive.stage_error(&self.session, e).await),
        }
    }

    /// The part is whole: acknowledges it, in place of an earlier one of its number.
    pub async fn finish(self) -> Result<PartReceived, Error> {
        let Self {
            drive,
            session,
            claim,
            writer,
            seq,
            expected,
            md5,
        } = self;
        let written = i64::try_from(writer.written()).unwrap_or(0);
        if written != expected {
            return Err(Error::PartLength {
                seq,
                expected,
                actual: Some(written),
            });
        }
        if let Some((declared, md5)) = md5 {
            let actual = Md5(md5.finalize().into());
            if actual != declared {
                return Err(Error::HashMismatch {
                    algorithm: "MD5",
                    expected: declared.to_string(),
                    actual: actual.to_string(),
                });
            }
        }
        let done = match writer.finish().await {
            Ok(done) => done,
            Err(e) => return Err(drive.stage_error(&session, e).await),
        };
        let part = Part {
            seq,
            size: expected,
            hash: Blake3(done.blake3),
            extent: claim.extent,
            synced: false,
            suspect: false,
        };
        // A task of its own: if the caller goes away between the row and the memory of it, both are made.
        let noted = tokio::spawn(async move {
            let answer = drive.acknowledge(&session, part).await;
            drop(claim);
            answer
        });
        noted
            .await
            .map_err(|e| Error::Internal(format!("acknowledging a part: {e}")))?
    }
}

impl Drive {
    /// Notes a part whose bytes are there, in its row and in memory.
    async fn acknowledge(&self, session: &Arc<Session>, part: Part) -> Result<PartReceived, Error> {
        let _one = session.acknowledging.lock().await;
        let (seq, total) = (part.seq, session.upload.parts);
        if session.part(seq).is_some_and(|p| p.hash == part.hash) {
            // The same bytes again: what stands stays.
            return Ok(PartReceived {
                part: info(&part),
                received: session.received(),
                total,
            });
        }
        let u = &session.upload;
        let args = (u.user, u.id, part.clone());
        self.db()
            .write(args, |tx, (user, id, part)| {
                Box::pin(async move { note_part(tx, *user, *id, part).await.into() })
            })
            .await?;
        let counts = session.acknowledge(part.clone())?;
        if part.extent == 0 {
            let offset = u64::try_from((seq - 1) * u.chunk_size).unwrap_or(0);
            let size = u64::try_from(part.size).unwrap_or(0);
            // Only a hint that lets the disk begin early.
            let _ = self.blobs().start_writeback(session.stage, offset, size).await;
        }
        if counts.sync_due {
            let (drive, session) = (self.clone(), session.clone());
            tokio::spawn(async move { drive.sync_parts(&session).await });
        }
        Ok(PartReceived {
            part: info(&part),
            received: counts.received,
            total,
        })
    }
}

async fn note_part(tx: &mut Tx<'_>, user: UserId, id: i64, part: &Part) -> Result<(), Error> {
    // The row tells whether the upload was completed or aborted meanwhile; locked, so that it stays so.
    let u = rows::lock(tx, user, id).await?.ok_or(Error::NoUpload)?;
    match u.state {
        UploadState::Open => Ok(rows::put_part(tx, user, id, part).await?),
        UploadState::Completed => Err(Error::UploadCompleted),
        UploadState::Expired => Err(Error::UploadExpired),
    }
}

impl Drive {
    /// Writes the staged bytes through, and notes which parts are on the disk.
    async fn sync_parts(&self, session: &Session) {
        let mut parts: Vec<Part> = session.parts();
        parts.retain(|p| !p.synced);
        if self.blobs().stage_sync(session.stage).await.is_err() {
            // Not a loss: the parts stay doubted, and complete syncs again.
            return;
        }
        let args = (session.upload.user, session.upload.id, parts.clone());
        let noted = self
            .db()
            .write(args, |tx, (user, id, parts)| {
                Box::pin(async move {
                    let r: Result<(), Error> = async {
                        for p in parts {
                            rows::mark_synced(tx, *user, *id, p.seq, p.hash).await?;
                        }
                        Ok(())
                    }
                    .await;
                    r.into()
                })
            })
            .await;
        match noted {
            Ok(()) => session.synced(&parts),
            Err(e) => tracing::debug!(error = %e, "could not note which parts are on the disk"),
        }
    }

    /// The scopes an upload carries, as an actor.
    fn upload_actor(u: &Upload) -> Actor {
        if u.grant.0 == 0 {
            Actor::person(u.user)
        } else {
            Actor::app(u.user, u.client_id.clone(), u.grant, u.epoch, u.scopes)
        }
    }
}
