//! A part on its way: its bytes to the staging, then its row, then memory.
//! Must not acknowledge what is not whole.

use std::sync::Arc;

use md5::Digest as _;
use pantry_blob::{Extent, PartWriter};
use pantry_db::{
    Tx,
    uploads::{self as rows, Part, UploadState},
};
use pantry_types::{Blake3, Md5, UserId};

use super::{
    PartReceived, info,
    session::{Claim, Session, extent_of},
};
use crate::{Drive, Error};

/// A part on its way. Dropped before `finish`, it leaves no trace.
#[derive(Debug)]
pub struct PartReceiver {
    pub(super) drive: Drive,
    pub(super) session: Arc<Session>,
    pub(super) claim: Claim,
    pub(super) writer: PartWriter,
    pub(super) seq: i64,
    pub(super) expected: i64,
    pub(super) md5: Option<(Md5, md5::Md5)>,
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
            if part.extent > 0 {
                self.drop_side(session, extent_of(part.extent)).await;
            }
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
        if let Some(left) = counts.left {
            self.drop_side(session, left).await;
        }
        let (drive, session) = (self.clone(), session.clone());
        if counts.sync_due {
            tokio::spawn(async move { drive.sync_parts(&session).await });
        } else if part.extent == 0 {
            let offset = u64::try_from((seq - 1) * u.chunk_size).unwrap_or(0);
            let size = u64::try_from(part.size).unwrap_or(0);
            // Only a hint that lets the disk begin early: nobody waits for it.
            tokio::spawn(async move {
                let _ = drive.blobs().start_writeback(session.stage, offset, size).await;
            });
        }
        Ok(PartReceived {
            part: info(&part),
            received: counts.received,
            total,
        })
    }
}

impl Drive {
    /// Frees the room of a part that lies aside and that nobody needs any more.
    async fn drop_side(&self, session: &Session, extent: Extent) {
        if let Err(e) = self.blobs().stage_drop_side(session.stage, extent).await {
            tracing::debug!(error = %e, "a superseded part stays until its upload ends");
        }
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
}
