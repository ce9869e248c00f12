//! Receives one part into a file. Owns the length check and the hash of the part; must not hold
//! the part in memory.

use std::{fs::File, path::PathBuf, sync::Arc};

use super::{Local, registry::Ticket, sys};
use crate::{BlobError, Extent, PartDone, Result, StageKey};

const OP: &str = "writing a part";

/// The file that a part goes into, and how far it got.
#[derive(Debug)]
pub(crate) struct PartWriter {
    local: Arc<Local>,
    ticket: Ticket,
    file: File,
    name: PathBuf,
    side: bool,
    /// Where in the file the part begins.
    base: u64,
    len: u64,
    written: u64,
    hasher: blake3::Hasher,
    /// A write failed: what lies there is not the part.
    broken: bool,
    finished: bool,
}

impl Local {
    pub(crate) async fn part_writer(
        self: &Arc<Self>,
        key: StageKey,
        extent: Extent,
        offset: u64,
        len: u64,
    ) -> Result<PartWriter> {
        if len == 0 {
            return Err(BlobError::Empty);
        }
        self.blocking(move |local| {
            let end = offset.saturating_add(len);
            let ticket = local.registry.admit(key, extent, offset..end)?;
            let data_name = Self::stage_data(key);
            let data = local.sys.open_write(&data_name, OP)?;
            let total = sys::len_of(&data, OP)?;
            if end > total {
                return Err(BlobError::BadRange {
                    start: offset,
                    end,
                    len: total,
                });
            }
            let (name, file) = match extent {
                Extent::Main => (data_name, data),
                Extent::Side(side) => {
                    let name = Self::stage_side(key, side);
                    // Under the gate: a commit may have removed the folder in between.
                    let file = ticket.during(|| local.sys.create(&name, true, OP))?;
                    (name, file)
                }
            };
            let side = extent != Extent::Main;
            Ok(PartWriter {
                local: Arc::clone(local),
                ticket,
                file,
                name,
                side,
                base: if side { 0 } else { offset },
                len,
                written: 0,
                hasher: blake3::Hasher::new(),
                broken: false,
                finished: false,
            })
        })
        .await
    }
}

impl PartWriter {
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<()> {
        let got = self.written.saturating_add(data.len() as u64);
        if got > self.len {
            self.broken = true;
            return Err(BlobError::WrongLength {
                expected: self.len,
                got,
            });
        }
        if self.broken {
            return Err(failed_before());
        }
        let at = self.base + self.written;
        let result = self
            .ticket
            .during(|| self.local.sys.write_at(&self.file, &self.name, data, at, OP));
        if result.is_err() {
            self.broken = true;
            return result;
        }
        self.hasher.update(data);
        self.written = got;
        Ok(())
    }

    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn finish(mut self) -> Result<PartDone> {
        if self.written != self.len {
            return Err(BlobError::WrongLength {
                expected: self.len,
                got: self.written,
            });
        }
        if self.broken {
            return Err(failed_before());
        }
        self.ticket.during(|| Ok(()))?;
        self.finished = true;
        Ok(PartDone {
            len: self.len,
            blake3: *self.hasher.finalize().as_bytes(),
        })
    }
}

impl Drop for PartWriter {
    fn drop(&mut self) {
        if self.side && !self.finished {
            // If it was cut off the folder is somebody else's business.
            let removed = self
                .ticket
                .during(|| self.local.sys.remove(&self.name, "dropping a part"));
            if let Err(error) = removed
                && !matches!(error, BlobError::Closed)
            {
                tracing::debug!(%error, "an unfinished part stays until its upload ends");
            }
        }
    }
}

fn failed_before() -> BlobError {
    BlobError::Io {
        op: OP,
        source: std::io::Error::other("an earlier write of this part failed"),
    }
}
