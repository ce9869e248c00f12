//! The upload in three steps: a form that is signed, a content sent with it, and later its name.
//! Must not name the content; [`super::put`] does. Until then the janitor may come to it in its time.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_blob::{Extent, Layout, PartWriter, StageKey};
use pantry_db::{Tx, grants, loose as rows, loose::Loose, users, versions};
use pantry_types::{GrantId, Md5, UserId, random};

use super::{Refused, WeipanActor};
use crate::{
    Drive, Error,
    auth::hash,
    contents::Content,
    keys::same,
    uploads::{From as Where, hasher::Running},
};

/// Seconds from the signature to the name.
const LIFE: i64 = 86_400;

/// A form that was signed.
#[derive(Debug, Clone)]
pub struct PostTicket {
    /// Names what is sent under it; a secret of the program.
    pub key: String,
    /// What was signed.
    pub policy: String,
    /// The signature.
    pub signature: String,
    /// From when on it is refused, Unix seconds.
    pub expires_at: i64,
}

/// A content on its way. Dropped before `finish`, it leaves no trace.
pub struct LooseReceiver {
    drive: Drive,
    signed: Signed,
    client_id: String,
    key: [u8; 32],
    expires_at: i64,
    length: u64,
    staged: Option<(StageKey, PartWriter, Box<Running>)>,
}

/// For whom a form was signed, and under which grant: it ends with it.
#[derive(Debug, Clone, Copy)]
struct Signed {
    user: UserId,
    grant: GrantId,
    epoch: i64,
}

impl std::fmt::Debug for LooseReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LooseReceiver")
    }
}

impl Drive {
    fn sign_post(&self, policy: &str) -> String {
        let key = self.keys().derive("pantry 2026 weipan forms");
        let full = blake3::keyed_hash(&key, policy.as_bytes());
        URL_SAFE_NO_PAD.encode(&full.as_bytes()[..16])
    }

    /// Signs a form for one content of this person and app.
    pub fn weipan_sign_post(&self, caller: &WeipanActor) -> PostTicket {
        let key = hex::encode(random::bytes::<16>(self.random().as_ref()));
        let expires_at = self.now() + LIFE;
        let (grant, epoch) = caller.grant();
        let text = format!(
            "{}.{}.{expires_at}.{key}.{}.{epoch}",
            caller.user, caller.client_id, grant.0
        );
        let policy = URL_SAFE_NO_PAD.encode(text);
        PostTicket {
            signature: self.sign_post(&policy),
            key,
            policy,
            expires_at,
        }
    }

    /// Begins to receive a content of `length` bytes under a signed form. The fields are as they came.
    ///
    /// # Errors
    /// [`Refused::NoPost`]: the form is not ours, too old, or the person took back what the app had. [`Error::Quota`], [`Error::TooLarge`].
    pub async fn weipan_receive_post(
        &self,
        key: &str,
        policy: &str,
        signature: &str,
        length: u64,
    ) -> Result<LooseReceiver, Refused> {
        if !same(self.sign_post(policy).as_bytes(), signature.as_bytes()) {
            return Err(Refused::NoPost);
        }
        let text = URL_SAFE_NO_PAD
            .decode(policy)
            .ok()
            .and_then(|b| String::from_utf8(b).ok());
        let parts: Vec<&str> = text.as_deref().unwrap_or_default().split('.').collect();
        let [user, client_id, expires, signed_key, grant, epoch] = parts[..] else {
            return Err(Refused::NoPost);
        };
        let numbers = (user.parse(), expires.parse::<i64>(), grant.parse(), epoch.parse());
        let (Ok(user), Ok(expires_at), Ok(grant), Ok(epoch)) = numbers else {
            return Err(Refused::NoPost);
        };
        let signed = Signed {
            user: UserId(user),
            grant: GrantId(grant),
            epoch,
        };
        if signed_key != key || self.now() >= expires_at {
            return Err(Refused::NoPost);
        }
        let limit = self.settings().weipan.post_bytes;
        if i64::try_from(length).is_ok_and(|n| n > limit) {
            return Err(Error::TooLarge { limit }.into());
        }
        let key = hash(key);
        let size = i64::try_from(length).unwrap_or(i64::MAX);
        self.db()
            .read((signed, key, size, self.now()), |tx, (signed, key, size, now)| {
                Box::pin(async move {
                    if !holds(tx, *signed, *now).await? {
                        return Err(Refused::NoPost);
                    }
                    Ok(room(tx, signed.user, key, *size).await?)
                })
            })
            .await?;
        let staged = match length {
            0 => None,
            n => {
                let stage = StageKey(random::bytes::<16>(self.random().as_ref()));
                self.blobs().stage_create(stage, n).await.map_err(Error::from)?;
                let writer = self.blobs().part_writer(stage, Extent::Main, 0, n).await;
                Some((stage, writer.map_err(Error::from)?, Box::default()))
            }
        };
        Ok(LooseReceiver {
            drive: self.clone(),
            signed,
            client_id: client_id.to_owned(),
            key,
            expires_at,
            length,
            staged,
        })
    }
}

impl LooseReceiver {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// More came than were announced; the object store's.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match &mut self.staged {
            None if bytes.is_empty() => Ok(()),
            None => Err(Error::BodyBroken("more bytes came than were announced".into())),
            Some((_, writer, hashes)) => {
                hashes.update(bytes);
                Ok(writer.write(bytes).await?)
            }
        }
    }

    /// The content is whole: makes it durable, to be named later. Answers its MD5.
    ///
    /// # Errors
    /// [`Error::Quota`]; the stores'.
    pub async fn finish(self) -> Result<Md5, Error> {
        let Self {
            drive,
            signed,
            client_id,
            key,
            expires_at,
            length,
            staged,
        } = self;
        let size = i64::try_from(length).unwrap_or(i64::MAX);
        let content = match staged {
            None => Content::empty(String::new()),
            Some((stage, writer, hashes)) => {
                writer.finish().await?;
                let h = hashes.finish();
                let content = Content {
                    hash: h.blake3,
                    size,
                    md5: h.md5,
                    sha1: h.sha1,
                    mime: String::new(),
                };
                let stored = drive.keep_staged(stage, length, &content).await;
                // Gone already unless something was refused.
                let _ = drive.blobs().stage_remove(stage).await;
                stored?;
                content
            }
        };
        let loose = Loose {
            hash: key.to_vec(),
            user: signed.user,
            client_id,
            blob: content.hash,
            size,
            md5: content.md5,
            sha1: content.sha1,
            expires_at,
        };
        drive
            .db()
            .write((loose, signed, drive.now()), |tx, (l, signed, now)| {
                Box::pin(async move {
                    let put: Result<(), Error> = async {
                        users::lock(tx, l.user).await?.ok_or(Error::Unauthorized)?;
                        if !holds(tx, *signed, *now).await? {
                            return Err(Error::Unauthorized);
                        }
                        room(tx, l.user, &l.hash, l.size).await?;
                        Ok(rows::put(tx, l).await?)
                    }
                    .await;
                    put.into()
                })
            })
            .await?;
        Ok(content.md5)
    }
}

impl Drive {
    async fn keep_staged(&self, stage: StageKey, length: u64, content: &Content) -> Result<(), Error> {
        let layout = Layout::new(length, length)?;
        if content.size > self.settings().upload.inline_bytes {
            return self.store(content, Where::Single(stage, layout)).await;
        }
        let reader = self.blobs().stage_reader(stage).await?;
        let mut small = vec![0; usize::try_from(length).unwrap_or(0)];
        let mut at = 0;
        while at < small.len() {
            match reader.read_at(&layout, at as u64, &mut small[at..])? {
                0 => return Err(Error::Internal("the staged bytes end early".into())),
                n => at += n,
            }
        }
        self.store(content, Where::Memory(&small.into())).await
    }
}

async fn holds(tx: &mut Tx<'_>, signed: Signed, now: i64) -> Result<bool, Error> {
    let grant = grants::get(tx, signed.user, signed.grant).await?;
    Ok(grant.is_some_and(|g| g.holds(signed.epoch, now)))
}

/// Refuses what the person has no space for, with all that waits for its name.
async fn room(tx: &mut Tx<'_>, user: UserId, key: &[u8], size: i64) -> Result<(), Error> {
    let u = users::get(tx, user)
        .await?
        .filter(|u| !u.is_disabled)
        .ok_or(Error::Unauthorized)?;
    let waiting = rows::waiting_bytes(tx, user, key).await?;
    let free = u.quota - u.used - u.reserved - waiting + versions::droppable_bytes(tx, user).await?;
    if size > 0 && free < size {
        return Err(Error::Quota {
            needed: size,
            free: free.max(0),
        });
    }
    Ok(())
}
