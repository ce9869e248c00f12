//! The public face of object storage: one type, whichever engine stands behind it.
//! Owns the contract in words; must not touch a disk or a network itself.

use std::{
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;

use crate::{
    BlobKey, Extent, Faults, Layout, Result, StageKey, StorageUrl,
    local::{self, Local},
};

/// A handle on the store; cloning it is cheap.
///
/// An upload belongs to one process at a time: what two writers of one upload must not do to each
/// other is checked within the process that has them.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
}

#[derive(Clone, Debug)]
enum Engine {
    Local(Arc<Local>),
}

/// What may be set besides the address.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Faults on demand, for tests.
    pub faults: Option<Arc<Faults>>,
}

/// What [`PartWriter::finish`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartDone {
    /// Bytes of the part.
    pub len: u64,
    /// BLAKE3 of the part.
    pub blake3: [u8; 32],
}

/// What [`Store::stage_commit`] and [`Store::put_bytes`] answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Bytes of the blob.
    pub len: u64,
    /// True if the blob was there already and was kept.
    pub existed: bool,
}

/// A blob in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobEntry {
    /// Its key.
    pub key: BlobKey,
    /// Its length in bytes.
    pub len: u64,
    /// When it was written, in Unix seconds.
    pub modified: i64,
}

/// An upload in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageEntry {
    /// Its key.
    pub key: StageKey,
    /// When something was last written to it, in Unix seconds.
    pub modified: i64,
}

impl Store {
    /// Opens the store at `url`, makes its folders, and proves that it can be written to.
    ///
    /// # Errors
    /// [`crate::BlobError::BadUrl`], with a text for the operator.
    pub async fn open(url: &StorageUrl) -> Result<Self> {
        Self::open_with(url, Options::default()).await
    }

    /// As [`Store::open`], with options.
    ///
    /// # Errors
    /// [`crate::BlobError::BadUrl`], with a text for the operator.
    pub async fn open_with(url: &StorageUrl, options: Options) -> Result<Self> {
        match url {
            StorageUrl::File(path) => Ok(Self {
                engine: Engine::Local(Local::open(path.clone(), options).await?),
            }),
        }
    }

    /// Prepares the place for an upload of `total` bytes. Doing it again changes nothing.
    ///
    /// The place itself is not made durable: after a power failure it may be gone, and the first
    /// use of it says so with `NotFound`.
    ///
    /// # Errors
    /// `Empty`; `NoSpace` if less than `total` is free now (nothing is reserved); `Io`.
    pub async fn stage_create(&self, key: StageKey, total: u64) -> Result<()> {
        match &self.engine {
            Engine::Local(local) => local.stage_create(key, total).await,
        }
    }

    /// Starts to receive `len` bytes that belong at `offset` of the content.
    ///
    /// `offset` is that of the part in the content for both kinds of extent. A part that was
    /// acknowledged must be sent again to a [`Extent::Side`] with a number not used before in this
    /// upload.
    ///
    /// # Errors
    /// `NotFound` without the upload; `Empty`; `BadRange` if it goes past the end of the content;
    /// `Busy` if another writer is in the same place (for `Main`: use a `Side`), or a commit or a
    /// removal is under way; `Io`.
    pub async fn part_writer(&self, key: StageKey, extent: Extent, offset: u64, len: u64) -> Result<PartWriter> {
        match &self.engine {
            Engine::Local(local) => Ok(PartWriter(Part::Local(
                local.part_writer(key, extent, offset, len).await?,
            ))),
        }
    }

    /// Removes a part that lies aside, once the layout names it no more. False if there was none; of [`Extent::Main`]
    /// there never is one.
    ///
    /// # Errors
    /// `Busy` if it is being written, or while a commit or a removal of the upload runs; `Io`.
    pub async fn stage_drop_side(&self, key: StageKey, extent: Extent) -> Result<bool> {
        match &self.engine {
            Engine::Local(local) => local.stage_drop_side(key, extent).await,
        }
    }

    /// A handle that reads what an upload has received.
    ///
    /// # Errors
    /// `NotFound` without the upload; `Io`.
    pub async fn stage_reader(&self, key: StageKey) -> Result<StageReader> {
        match &self.engine {
            Engine::Local(local) => Ok(StageReader(Staged::Local(local.stage_reader(key).await?))),
        }
    }

    /// BLAKE3 of a part as it now lies in storage: to find out what an unclean stop has lost.
    ///
    /// # Errors
    /// `NotFound` without the upload or the side; `WrongLength` if fewer bytes lie there; `Io`.
    pub async fn stage_rehash_part(&self, key: StageKey, extent: Extent, offset: u64, len: u64) -> Result<[u8; 32]> {
        match &self.engine {
            Engine::Local(local) => local.stage_rehash_part(key, extent, offset, len).await,
        }
    }

    /// Makes durable whatever the upload has received: every part finished before the call
    /// survives a power failure after it.
    ///
    /// # Errors
    /// `NotFound` without the upload. If the disk refuses (`Io`, `NoSpace`), what was received can
    /// no longer be trusted, and the staged upload is removed: it must be sent anew.
    pub async fn stage_sync(&self, key: StageKey) -> Result<()> {
        match &self.engine {
            Engine::Local(local) => local.stage_sync(key).await,
        }
    }

    /// Lets the disk begin with bytes that were received, so that the final sync has less to do.
    /// A hint: it may do nothing, and promises nothing. Best given once for each finished part of
    /// `Main`, at once: bytes already on the disk may leave the page cache.
    ///
    /// # Errors
    /// `NotFound` without the upload; `Io`.
    pub async fn start_writeback(&self, key: StageKey, offset: u64, len: u64) -> Result<()> {
        match &self.engine {
            Engine::Local(local) => local.start_writeback(key, offset, len).await,
        }
    }

    /// Turns an upload into the blob `blob`, durably, and removes the upload. The caller has made
    /// sure that every part of `layout` was finished, and that the content has that hash.
    ///
    /// Writers still open are cut off ([`crate::BlobError::Closed`]) before anything happens. If
    /// the blob is there already it is kept, and the upload is dropped. Repeating a commit, after
    /// a crash at whatever moment, or after an answer that got lost, is safe and ends the same.
    ///
    /// # Errors
    /// `NotFound` if there is neither the upload nor the blob, or a side is missing; `BadKey`;
    /// `WrongLength` if what was staged does not fit `layout`; `Busy` while another commit or
    /// removal of it runs; `Io` or `NoSpace`: if it was the sync that failed the upload is gone
    /// (see [`Store::stage_sync`]), otherwise the commit may be repeated.
    pub async fn stage_commit(&self, key: StageKey, layout: Layout, blob: BlobKey) -> Result<Committed> {
        match &self.engine {
            Engine::Local(local) => local.stage_commit(key, layout, blob).await,
        }
    }

    /// Removes an upload and all it received; writers still open are cut off. False if there was
    /// none.
    ///
    /// # Errors
    /// `Busy` while a commit runs; `Io`.
    pub async fn stage_remove(&self, key: StageKey) -> Result<bool> {
        match &self.engine {
            Engine::Local(local) => local.stage_remove(key).await,
        }
    }

    /// Up to `limit` uploads with a key greater than `after`, in order of key.
    ///
    /// # Errors
    /// `Io`.
    pub async fn stage_list(&self, after: Option<StageKey>, limit: usize) -> Result<Vec<StageEntry>> {
        match &self.engine {
            Engine::Local(local) => local.stage_list(after, limit).await,
        }
    }

    /// Removes what interrupted [`Store::put_bytes`] left behind before `before` (Unix seconds).
    /// Answers how many there were.
    ///
    /// # Errors
    /// `Io`.
    pub async fn sweep(&self, before: i64) -> Result<u64> {
        match &self.engine {
            Engine::Local(local) => local.sweep(before).await,
        }
    }

    /// Stores a whole small content durably. If the blob is there already it is kept.
    ///
    /// # Errors
    /// `Empty`, `BadKey`, `NoSpace`, `Io`; after an error nothing is visible under the key, unless
    /// it was there before or only its durability is in doubt; repeating is safe.
    pub async fn put_bytes(&self, key: BlobKey, bytes: Bytes) -> Result<Committed> {
        match &self.engine {
            Engine::Local(local) => local.put_bytes(key, bytes).await,
        }
    }

    /// A place for bytes that must not stay in memory while something is made of them. It lies where uploads are put together,
    /// has no name, and is gone when it is dropped or the process ends, however that is.
    ///
    /// # Errors
    /// `NoSpace`, `Io`.
    pub async fn scratch(&self) -> Result<Scratch> {
        match &self.engine {
            Engine::Local(local) => Ok(Scratch(Unnamed::Local(local.scratch().await?))),
        }
    }

    /// Opens a blob to read. A reader goes on reading after the blob was deleted.
    ///
    /// # Errors
    /// `NotFound`, `BadKey`, `Io`.
    pub async fn reader(&self, key: BlobKey) -> Result<Reader> {
        match &self.engine {
            Engine::Local(local) => Ok(Reader(Read::Local(local.reader(key).await?))),
        }
    }

    /// The length of a blob, or `None` if there is none.
    ///
    /// # Errors
    /// `BadKey`, `Io`.
    pub async fn exists(&self, key: BlobKey) -> Result<Option<u64>> {
        match &self.engine {
            Engine::Local(local) => local.exists(key).await,
        }
    }

    /// Deletes a blob. False if there was none. After a power failure it may be back: a leak, which
    /// [`Store::list`] finds.
    ///
    /// # Errors
    /// `BadKey`, `Io`.
    pub async fn delete(&self, key: BlobKey) -> Result<bool> {
        match &self.engine {
            Engine::Local(local) => local.delete(key).await,
        }
    }

    /// Up to `limit` blobs with a key greater than `after`, in order of key: a page of a walk
    /// through all of them. A page costs no more for coming late.
    ///
    /// # Errors
    /// `BadKey`, `Io`.
    pub async fn list(&self, after: Option<BlobKey>, limit: usize) -> Result<Vec<BlobEntry>> {
        match &self.engine {
            Engine::Local(local) => local.list(after, limit).await,
        }
    }

    /// BLAKE3 of the bytes stored under `key`, read anew; compare it with `key.hash`.
    ///
    /// # Errors
    /// `NotFound`, `BadKey`, `Io`.
    pub async fn verify(&self, key: BlobKey) -> Result<[u8; 32]> {
        match &self.engine {
            Engine::Local(local) => local.verify(key).await,
        }
    }
}

/// A file without a name: see [`Store::scratch`].
#[derive(Debug)]
pub struct Scratch(Unnamed);

#[derive(Debug)]
enum Unnamed {
    Local(local::Scratch),
}

impl Scratch {
    /// Adds bytes at its end.
    ///
    /// # Errors
    /// `NoSpace`, `Io`; after an error it may not be read.
    pub async fn append(&mut self, bytes: Vec<u8>) -> Result<()> {
        match &mut self.0 {
            Unnamed::Local(scratch) => scratch.append(bytes).await,
        }
    }

    /// Up to `most` bytes at `at`: fewer only at its end, none behind it.
    ///
    /// # Errors
    /// `Io`.
    pub async fn read(&self, at: u64, most: usize) -> Result<Vec<u8>> {
        match &self.0 {
            Unnamed::Local(scratch) => scratch.read(at, most).await,
        }
    }
}

/// Receives one part. Dropping it unfinished gives the part up: of a [`Extent::Side`] nothing is
/// left, of [`Extent::Main`] unacknowledged bytes that the next writer covers.
#[derive(Debug)]
pub struct PartWriter(Part);

#[derive(Debug)]
enum Part {
    Local(local::PartWriter),
}

impl PartWriter {
    /// Takes the next bytes of the part. On a local folder it writes them before it returns, on
    /// the caller's thread, and never waits: pieces of 64 to 256 KiB are best.
    ///
    /// # Errors
    /// `WrongLength` if it is more than announced; `Closed`; `NoSpace`; `Io`. After an error the
    /// part cannot be finished.
    pub async fn write(&mut self, data: &[u8]) -> Result<()> {
        match &mut self.0 {
            Part::Local(part) => part.write(data),
        }
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        match &self.0 {
            Part::Local(part) => part.written(),
        }
    }

    /// Ends the part. It is received, and not yet durable (see [`Store::stage_sync`]).
    ///
    /// # Errors
    /// `WrongLength` if bytes are missing; `Closed`; `Io` if a write had failed.
    pub async fn finish(self) -> Result<PartDone> {
        match self.0 {
            Part::Local(part) => part.finish(),
        }
    }
}

/// Reads the received bytes of an upload as one content.
///
/// It may outlive a commit of the upload, and then still reads the same bytes of `Main`.
#[derive(Debug)]
pub struct StageReader(Staged);

#[derive(Debug)]
enum Staged {
    Local(local::StageReader),
}

impl StageReader {
    /// Reads at `offset` of the content that `layout` describes until `buf` is full or the content
    /// ends, and answers how many bytes it read. Parts that were not received read as anything.
    ///
    /// Blocks: call it from a thread that may.
    ///
    /// # Errors
    /// `NotFound` if a side is missing; `WrongLength` if an extent is too short; `Io`.
    pub fn read_at(&self, layout: &Layout, offset: u64, buf: &mut [u8]) -> Result<usize> {
        match &self.0 {
            Staged::Local(staged) => staged.read_at(layout, offset, buf),
        }
    }

    /// Lets go of the sides that `layout` does not name: what is open takes room even when it was removed.
    pub fn keep(&self, layout: &Layout) {
        match &self.0 {
            Staged::Local(staged) => staged.keep(layout),
        }
    }
}

/// Reads one blob.
#[derive(Clone, Debug)]
pub struct Reader(Read);

#[derive(Clone, Debug)]
enum Read {
    Local(local::Reader),
}

impl Reader {
    /// Bytes of the blob.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "empty content is never stored, so no blob is empty"
    )]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Read::Local(reader) => reader.len(),
        }
    }

    /// Reads at `offset` until `buf` is full or the blob ends, and answers how many bytes it read.
    ///
    /// Blocks: call it from a thread that may.
    ///
    /// # Errors
    /// `Io`.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        match &self.0 {
            Read::Local(reader) => reader.read_at(offset, buf),
        }
    }

    /// The bytes of `range` in blocks of up to 1 MiB, read one block ahead. At most two blocks are
    /// held here; those that were handed out are the receiver's.
    ///
    /// # Errors
    /// `BadRange` if the range does not lie inside the blob. An empty one gives an empty stream.
    /// The stream ends after its first error.
    pub fn stream(&self, range: Range<u64>) -> Result<BlobStream> {
        match &self.0 {
            Read::Local(reader) => Ok(BlobStream(Streaming::Local(reader.stream(range)?))),
        }
    }
}

/// The bytes of a range of a blob; see [`Reader::stream`].
#[derive(Debug)]
pub struct BlobStream(Streaming);

#[derive(Debug)]
enum Streaming {
    Local(local::BlobStream),
}

impl Stream for BlobStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Streaming::Local(stream) => stream.poll_block(cx),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Streaming::Local(stream) => stream.size_hint(),
        }
    }
}
