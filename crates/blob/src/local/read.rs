//! Reading blobs: at a place, and as a stream of large blocks with one read ahead.
//! Owns the buffers of a stream; must not hold more than two blocks for it.

use std::{
    fs::File,
    future::Future,
    ops::Range,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use rustix::{
    buffer::spare_capacity,
    fs::{Advice, fadvise},
};
use tokio::task::JoinHandle;

use super::{BLOCK, Local, join, stage::block, sys};
use crate::{BlobError, BlobKey, Result};

const OP: &str = "reading a content";

/// An open blob.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    file: Arc<File>,
    len: u64,
}

impl Local {
    pub(crate) async fn reader(self: &Arc<Self>, key: BlobKey) -> Result<Reader> {
        let path = Self::blob_path(key)?;
        self.blocking(move |local| {
            let file = local.sys.open_read(&path, OP)?;
            let len = sys::len_of(&file, OP)?;
            Ok(Reader {
                file: Arc::new(file),
                len,
            })
        })
        .await
    }
}

impl Reader {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        sys::read_at(&self.file, buf, offset, OP)
    }

    pub(crate) fn stream(&self, range: Range<u64>) -> Result<BlobStream> {
        if range.start > range.end || range.end > self.len {
            return Err(BlobError::BadRange {
                start: range.start,
                end: range.end,
                len: self.len,
            });
        }
        if range.end - range.start > BLOCK as u64
            && let Err(error) = fadvise(&self.file, 0, None, Advice::Sequential)
        {
            tracing::debug!(%error, "the system takes no hint to read ahead");
        }
        Ok(BlobStream {
            file: Arc::clone(&self.file),
            next: range.start,
            end: range.end,
            left: range.end - range.start,
            reading: None,
            spare: Arc::default(),
        })
    }
}

/// Buffers that came back from the receiver.
type Spare = Arc<Mutex<Vec<Vec<u8>>>>;

/// A range of a blob on its way out.
#[derive(Debug)]
pub(crate) struct BlobStream {
    file: Arc<File>,
    /// Where the next read begins.
    next: u64,
    end: u64,
    /// Bytes not handed out yet.
    left: u64,
    reading: Option<JoinHandle<Result<Vec<u8>>>>,
    spare: Spare,
}

impl BlobStream {
    pub(crate) fn poll_block(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if self.reading.is_none() {
            self.read_next();
        }
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(None);
        };
        let done = join(ready!(Pin::new(reading).poll(cx)));
        self.reading = None;
        match done {
            Ok(buf) => {
                self.left -= buf.len() as u64;
                // The next block is read while the receiver is busy with this one.
                self.read_next();
                Poll::Ready(Some(Ok(Bytes::from_owner(Lent {
                    buf,
                    spare: Arc::clone(&self.spare),
                }))))
            }
            Err(error) => {
                self.next = self.end;
                self.left = 0;
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        let blocks = usize::try_from(self.left.div_ceil(BLOCK as u64)).ok();
        (0, blocks)
    }

    /// Starts to read the next block, if there is one.
    fn read_next(&mut self) {
        let want = block(self.end - self.next);
        if want == 0 {
            return;
        }
        let at = self.next;
        self.next += want as u64;
        let file = Arc::clone(&self.file);
        let buf = lock(&self.spare)
            .pop()
            .filter(|_| want == BLOCK)
            .unwrap_or_else(|| Vec::with_capacity(want));
        self.reading = Some(tokio::task::spawn_blocking(move || read_block(&file, buf, want, at)));
    }
}

/// Reads exactly `want` bytes at `at` into an empty buffer, without filling it with zeros first.
fn read_block(file: &File, mut buf: Vec<u8>, want: usize, at: u64) -> Result<Vec<u8>> {
    while buf.len() < want {
        let place = at + buf.len() as u64;
        match rustix::io::pread(file, spare_capacity(&mut buf), place) {
            Ok(0) => {
                return Err(BlobError::WrongLength {
                    expected: want as u64,
                    got: buf.len() as u64,
                });
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(BlobError::io(OP, error.into())),
        }
    }
    // An allocation may be larger than was asked for.
    buf.truncate(want);
    Ok(buf)
}

/// A block that was handed out; its buffer comes back when the receiver is done with it.
struct Lent {
    buf: Vec<u8>,
    spare: Spare,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buf
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut buf = std::mem::take(&mut self.buf);
        let mut spare = lock(&self.spare);
        if spare.len() < 2 && buf.capacity() >= BLOCK {
            buf.clear();
            spare.push(buf);
        }
    }
}

fn lock(spare: &Spare) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
    spare.lock().unwrap_or_else(PoisonError::into_inner)
}
