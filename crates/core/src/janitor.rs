//! Housekeeping: what has had its time goes, in small batches.
//! Must not decide what is kept; the settings and the rules of the drive do.

use std::{sync::atomic::Ordering, time::Duration};

use pantry_blob::{BlobError, BlobKey};
use pantry_db::{Tx, bin, blobs, books, changes, jobs, meta, uploads, users, versions};
use pantry_types::{Blake3, UserId, VersionId};

use crate::{Drive, Error, bin::Freeing};

/// Rows looked at in one transaction.
const BATCH: i64 = 100;
/// Seconds after which a file in storage that no row names is a leak for certain.
const ORPHAN_SECONDS: i64 = 2 * 86_400;
/// Seconds that the row of an ended upload still answers for.
const REMEMBER_UPLOADS: i64 = 7 * 86_400;
const DAY: i64 = 86_400;
/// How many times as long as a batch took it rests after it: nobody waits for it, others have the rows most of the time.
const RESTS: u32 = 2;
const LONGEST_REST: Duration = Duration::from_secs(2);

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Contents deleted from storage.
    pub blobs: u64,
    /// Old versions dropped.
    pub versions: u64,
    /// Entries purged from bins.
    pub binned: u64,
    /// Files in storage that belonged to nothing.
    pub orphans: u64,
}

impl Drive {
    /// One round of everything. Each part goes on where the others fail; the
    /// first error is answered.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        let mut first = None;
        let mut note = |r: Result<(), Error>| {
            if let Err(e) = r {
                first.get_or_insert(e);
            }
        };
        note(self.sweep_uploads().await);
        note(self.sweep_bin(&mut swept).await);
        note(self.sweep_versions(&mut swept).await);
        note(self.sweep_changes().await);
        note(self.sweep_suspects().await);
        note(self.sweep_condemned(&mut swept).await);
        note(self.sweep_orphans(&mut swept).await);
        note(self.sweep_jobs().await);
        note(self.sweep_archives().await);
        note(self.sweep_weipan().await);
        first.map_or(Ok(swept), Err)
    }

    /// Lets housekeeping that goes on come to its end without rests: the server stops.
    pub fn hurry(&self) {
        self.0.hurried.store(true, Ordering::Relaxed);
    }

    /// How long what nobody waits for rests after a batch that was begun at this time, so that others get their turn.
    pub fn turn_of_others(&self, begun_ms: i64) -> Duration {
        let took = u64::try_from(self.clock().now_ms() - begun_ms).unwrap_or(0);
        // The clock may have been set.
        (Duration::from_millis(took) * RESTS).min(LONGEST_REST)
    }

    async fn rest(&self, begun_ms: i64) {
        if self.0.hurried.load(Ordering::Relaxed) {
            return;
        }
        tokio::time::sleep(self.turn_of_others(begun_ms)).await;
    }

    async fn sweep_uploads(&self) -> Result<(), Error> {
        while self.expire_uploads().await? {}
        let before = self.now() - REMEMBER_UPLOADS;
        loop {
            let begun = self.clock().now_ms();
            let n = self
                .db()
                .write(before, |tx, before| {
                    Box::pin(async move { forget_uploads(tx, *before).await.into() })
                })
                .await?;
            if n == 0 {
                return Ok(());
            }
            self.rest(begun).await;
        }
    }

    async fn sweep_bin(&self, swept: &mut Swept) -> Result<(), Error> {
        let before = self.now() - self.settings().bin.keep_days * DAY;
        loop {
            let begun = self.clock().now_ms();
            let n = self
                .db()
                .write((before, self.now()), |tx, (before, now)| {
                    Box::pin(async move { purge_stale(tx, *before, *now).await.into() })
                })
                .await?;
            swept.binned += n;
            if n == 0 {
                return Ok(());
            }
            self.rest(begun).await;
        }
    }

    async fn sweep_versions(&self, swept: &mut Swept) -> Result<(), Error> {
        let before = self.now() - self.settings().versions.keep_days * DAY;
        loop {
            let begun = self.clock().now_ms();
            let stale = self
                .db()
                .read(before, |tx, before| {
                    Box::pin(async move { Ok::<_, Error>(versions::stale(tx, *before, BATCH).await?) })
                })
                .await?;
            let dropped_before = swept.versions;
            for (user, version) in stale {
                let args = (user, version, before, self.now());
                let dropped = self
                    .db()
                    .write(args, |tx, (user, version, before, now)| {
                        Box::pin(async move { drop_stale(tx, *user, *version, *before, *now).await.into() })
                    })
                    .await?;
                swept.versions += u64::from(dropped);
            }
            // Nothing left, or nothing that goes: the same would be found for ever.
            if swept.versions == dropped_before {
                return Ok(());
            }
            self.rest(begun).await;
        }
    }

    async fn sweep_changes(&self) -> Result<(), Error> {
        let before = self.now() - self.settings().changes.keep_days * DAY;
        loop {
            let begun = self.clock().now_ms();
            let n = self
                .db()
                .write(before, |tx, before| {
                    Box::pin(async move { trim_changes(tx, *before).await.into() })
                })
                .await?;
            if n == 0 {
                return Ok(());
            }
            self.rest(begun).await;
        }
    }

    /// Contents that may have lost their last version: condemned if nobody names them.
    async fn sweep_suspects(&self) -> Result<(), Error> {
        let mut after = (Vec::new(), 0);
        loop {
            let begun = self.clock().now_ms();
            let args = (after.clone(), self.now());
            let last = self
                .db()
                .write(args, |tx, (after, now)| {
                    Box::pin(async move { look_at_suspects(tx, after, *now).await.into() })
                })
                .await?;
            match last {
                Some((hash, id)) => after = (hash.0.to_vec(), id),
                None => return Ok(()),
            }
            self.rest(begun).await;
        }
    }

    /// Contents condemned long enough ago: the row goes first, then the bytes. A new content
    /// with the same hash gets another key, so a late delete cannot hit it.
    async fn sweep_condemned(&self, swept: &mut Swept) -> Result<(), Error> {
        // An upload whose last step was refused has its content here and nowhere else.
        let upload = self.settings().upload.session_seconds;
        let before = self.now() - self.settings().janitor.grace_seconds.max(upload);
        loop {
            let begun = self.clock().now_ms();
            let gone = self
                .db()
                .write(before, |tx, before| {
                    Box::pin(async move { delete_condemned(tx, *before).await.into() })
                })
                .await?;
            if gone.is_empty() {
                return Ok(());
            }
            for key in gone.into_iter().flatten() {
                self.blobs().delete(key).await?;
                swept.blobs += 1;
            }
            self.rest(begun).await;
        }
    }

    /// Files in storage that are neither content nor upload: what a crash left.
    async fn sweep_orphans(&self, swept: &mut Swept) -> Result<(), Error> {
        // A walk through all of storage: once a day, by whichever process comes first.
        let now = self.now();
        let due = self
            .db()
            .write(now, |tx, now| {
                Box::pin(async move { orphans_due(tx, *now).await.into() })
            })
            .await?;
        if !due {
            return Ok(());
        }
        let before = now - ORPHAN_SECONDS.max(self.settings().upload.session_seconds + DAY);
        self.blobs().sweep(before).await?;
        let mut after = None;
        loop {
            let page = self.blobs().stage_list(after, 500).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            for s in page.into_iter().filter(|s| s.modified < before) {
                let open = self
                    .db()
                    .read(s.key.0.to_vec(), |tx, salt| {
                        Box::pin(async move { Ok::<_, Error>(uploads::salt_is_open(tx, salt).await?) })
                    })
                    .await?;
                if open {
                    continue;
                }
                match self.blobs().stage_remove(s.key).await {
                    Ok(removed) => swept.orphans += u64::from(removed),
                    // Somebody is at it just now.
                    Err(BlobError::Busy) => {}
                    Err(e) => return Err(e.into()),
                }
            }
        }
        let mut after = None;
        loop {
            let page = self.blobs().list(after, 500).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key);
            for b in page.into_iter().filter(|b| b.modified < before) {
                let hash = Blake3(b.key.hash);
                let row = self
                    .db()
                    .read(hash, |tx, hash| {
                        Box::pin(async move { Ok::<_, Error>(blobs::get(tx, *hash).await?) })
                    })
                    .await?;
                let named = row.is_some_and(|r| !r.inline && r.gen_ == b.key.generation);
                if !named && self.blobs().delete(b.key).await? {
                    swept.orphans += 1;
                }
            }
        }
    }

    async fn sweep_jobs(&self) -> Result<(), Error> {
        let before = self.now() - 7 * DAY;
        self.db()
            .write(before, |tx, before| {
                Box::pin(async move {
                    let r: Result<u64, Error> = async { Ok(jobs::forget(tx, *before).await?) }.await;
                    r.into()
                })
            })
            .await?;
        Ok(())
    }
}

async fn orphans_due(tx: &mut Tx<'_>, now: i64) -> Result<bool, Error> {
    let last = meta::get(tx, "orphans_at").await?;
    let last = last.and_then(|v| String::from_utf8(v).ok()?.parse::<i64>().ok());
    if last.is_some_and(|at| (now - DAY..=now).contains(&at)) {
        return Ok(false);
    }
    meta::set(tx, "orphans_at", now.to_string().as_bytes()).await?;
    Ok(true)
}

async fn forget_uploads(tx: &mut Tx<'_>, before: i64) -> Result<usize, Error> {
    let old = uploads::forgotten(tx, before, BATCH).await?;
    for (user, id) in &old {
        uploads::remove(tx, *user, *id).await?;
    }
    Ok(old.len())
}

async fn purge_stale(tx: &mut Tx<'_>, before: i64, now: i64) -> Result<u64, Error> {
    let Some(first) = bin::stale(tx, before, 1).await?.into_iter().next() else {
        return Ok(0);
    };
    // One person at a time: their row is held while theirs are purged.
    let Some(mut user) = books::of(tx, first.user).await? else {
        bin::remove(tx, first.user, first.node).await?;
        return Ok(1);
    };
    // Nobody waits for it: it leaves the bin now, and is freed in the background.
    let mut freeing = Freeing::new(0);
    let mut n = 0;
    for b in bin::stale(tx, before, BATCH)
        .await?
        .into_iter()
        .filter(|b| b.user == first.user)
    {
        freeing.forget(tx, &mut user, &b, false, now).await?;
        n += 1;
    }
    users::set_books(tx, user.id, user.used, user.reserved, user.head).await?;
    Ok(n)
}

async fn drop_stale(tx: &mut Tx<'_>, user: UserId, version: VersionId, before: i64, now: i64) -> Result<bool, Error> {
    let Some(owner) = books::of(tx, user).await? else {
        return Ok(false);
    };
    // Looked at again under the lock: it may have become the current one, or kept.
    let Some(v) = versions::get(tx, user, version).await? else {
        return Ok(false);
    };
    if v.replaced_at == 0 || v.replaced_at >= before || v.keep {
        return Ok(false);
    }
    versions::remove(tx, user, version).await?;
    if v.size > 0 {
        blobs::suspect(tx, v.blob, v.id.0, now).await?;
    }
    users::set_books(tx, user, owner.used - v.size, owner.reserved, owner.head).await?;
    Ok(true)
}

async fn trim_changes(tx: &mut Tx<'_>, before: i64) -> Result<usize, Error> {
    let old = changes::stale(tx, before, 10_000).await?;
    for (user, up_to) in &old {
        users::lock(tx, *user).await?;
        changes::trim(tx, *user, *up_to).await?;
        users::set_floor(tx, *user, *up_to).await?;
    }
    Ok(old.len())
}

async fn look_at_suspects(tx: &mut Tx<'_>, after: &(Vec<u8>, i64), now: i64) -> Result<Option<(Blake3, i64)>, Error> {
    let page = blobs::suspects(tx, (&after.0, after.1), BATCH).await?;
    // A content that many files had is looked at once.
    for same in page.chunk_by(|a, b| a.0 == b.0) {
        let (hash, _) = same[0];
        match blobs::lock_for_janitor(tx, hash).await? {
            Some(blob) if blob.condemned_at == 0 && !versions::names_blob(tx, hash).await? => {
                blobs::condemn(tx, hash, now).await?;
            }
            Some(_) => {}
            // Gone, or somebody names it just now, and it is looked at next time.
            None if blobs::get(tx, hash).await?.is_some() => continue,
            None => {}
        }
        // Only what was seen: who lets go of the content just now, unseen yet, has a row of their own.
        let seen: Vec<i64> = same.iter().map(|(_, id)| *id).collect();
        blobs::cleared(tx, hash, &seen).await?;
    }
    Ok(page.last().copied())
}

/// The keys whose bytes are to go; `None` in the place of what was not deleted. Empty: nothing was condemned.
async fn delete_condemned(tx: &mut Tx<'_>, before: i64) -> Result<Vec<Option<BlobKey>>, Error> {
    let mut keys = Vec::new();
    for hash in blobs::condemned(tx, before, BATCH).await? {
        let Some(blob) = blobs::lock_for_janitor(tx, hash).await? else {
            continue;
        };
        // A second statement, after the lock: it may have been named since it was condemned.
        if blob.condemned_at == 0 || blob.condemned_at >= before {
            // Taken back, or condemned anew by another: it has its grace again.
            keys.push(None);
            continue;
        }
        if versions::names_blob(tx, hash).await? {
            blobs::condemn(tx, hash, 0).await?;
            keys.push(None);
            continue;
        }
        blobs::remove(tx, hash).await?;
        keys.push((!blob.inline).then(|| BlobKey::new(hash.0, blob.gen_)));
    }
    Ok(keys)
}
