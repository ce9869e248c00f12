//! An archive on its way out: the walk, the contents and the format put together, as far as somebody takes it. Nothing is read
//! that was not asked for, and dropping it ends the walk. Must not decide who may have it.

use bytes::Bytes;
use futures_util::StreamExt;
use pantry_blob::{BlobStream, Scratch};

use super::{
    of::Of,
    walk::{Content, Found, Top, Walk},
    zip::Writer,
};
use crate::{Drive, Error};

/// What is gathered before it is handed out: small files go together. The first bytes do not wait for others.
const FIRST: usize = 1;
const MOST: usize = 64 << 10;
/// Records of the directory kept in memory; above that they lie in a file until the end.
const RECORDS: usize = 256 << 10;
/// After so many entries others on this thread get their turn: a short read never waits, and so never gives way by itself.
const TURN: usize = 16;
/// After how many bytes of one content it is asked again whether the right stands.
const ASK: u64 = 64 << 20;

/// An archive, to be taken piece by piece.
#[derive(Debug)]
pub struct Archive {
    name: String,
    drive: Drive,
    walk: Walk,
    zip: Writer,
    out: Vec<u8>,
    /// When what was gathered is handed out.
    full: usize,
    state: State,
    steps: usize,
    scratch: Option<Scratch>,
}

#[derive(Debug)]
enum State {
    /// On the way to the next entry.
    Walking,
    /// In the content of an entry; so many bytes were handed out since it was last asked.
    Sending(BlobStream, u64),
    /// In the records that lie in the file, up to here.
    Directory(u64),
    /// All was handed out, or it failed.
    Ended,
}

impl Archive {
    pub(super) fn new(drive: Drive, of: Of, name: String, tops: Vec<Top>) -> Self {
        Self {
            name,
            drive,
            walk: Walk::new(of, tops),
            zip: Writer::default(),
            out: Vec::new(),
            full: FIRST,
            state: State::Walking,
            steps: 0,
            scratch: None,
        }
    }

    /// Name of the archive, for whoever saves it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next bytes; `None` when the archive is whole. After an error nothing follows: what was handed out is no archive,
    /// since its end is missing, and must not be passed off as one.
    ///
    /// # Errors
    /// The right has ended, what was chosen is not there any more, or a content cannot be read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let next = self.advance().await;
        if next.is_err() {
            self.state = State::Ended;
            self.out.clear();
        }
        next
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if self.out.len() >= self.full {
                self.full = (self.full * 8).min(MOST);
                return Ok(Some(self.gathered()));
            }
            match &mut self.state {
                State::Walking => {
                    self.steps = self.steps.wrapping_add(1);
                    if self.steps.is_multiple_of(TURN) {
                        tokio::task::yield_now().await;
                    }
                    match self.walk.next(&self.drive).await? {
                        Some(found) => self.add(found).await?,
                        None => self.state = State::Directory(0),
                    }
                }
                State::Sending(content, since) => {
                    let Some(block) = content.next().await.transpose()? else {
                        self.zip.end(&mut self.out)?;
                        self.state = State::Walking;
                        continue;
                    };
                    *since += block.len() as u64;
                    if *since >= ASK {
                        *since = 0;
                        self.walk.ask(&self.drive).await?;
                    }
                    self.zip.content(&block);
                    if let Some(piece) = self.pass(block) {
                        return Ok(Some(piece));
                    }
                }
                State::Directory(at) => {
                    let at = *at;
                    match self.records(at).await? {
                        0 => {
                            let rest = self.zip.take_records();
                            self.out.extend_from_slice(&rest);
                            self.zip.finish(&mut self.out);
                            self.state = State::Ended;
                        }
                        read => self.state = State::Directory(at + read),
                    }
                }
                State::Ended if self.out.is_empty() => return Ok(None),
                State::Ended => return Ok(Some(self.gathered())),
            }
        }
    }

    fn gathered(&mut self) -> Bytes {
        // What is left behind is as large as the next will be.
        let next = Vec::with_capacity(self.out.capacity().min(MOST));
        std::mem::replace(&mut self.out, next).into()
    }

    /// Passes a block of a content on: a small one goes with what was gathered, a large one is not copied.
    fn pass(&mut self, block: Bytes) -> Option<Bytes> {
        if block.len() <= MOST {
            self.out.extend_from_slice(&block);
            return None;
        }
        if self.out.is_empty() {
            return Some(block);
        }
        let mut whole = Vec::with_capacity(self.out.len() + block.len());
        whole.append(&mut self.out);
        whole.extend_from_slice(&block);
        Some(whole.into())
    }

    async fn add(&mut self, found: Found) -> Result<(), Error> {
        match found {
            Found::Folder { path, modified } => self.zip.folder(&mut self.out, &path, modified)?,
            Found::File {
                path,
                modified,
                size,
                content,
            } => match content {
                Content::Here(bytes) => self.zip.file(&mut self.out, path, modified, &bytes)?,
                Content::Stored(key) => {
                    let reader = self.drive.blobs().reader(key).await?;
                    let size = u64::try_from(size).unwrap_or(0);
                    let stream = reader.stream(0..size)?;
                    self.zip.begin(&mut self.out, path, modified, size)?;
                    self.state = State::Sending(stream, 0);
                }
            },
        }
        if self.zip.waiting() >= RECORDS {
            let scratch = match &mut self.scratch {
                Some(scratch) => scratch,
                None => self.scratch.insert(self.drive.blobs().scratch().await?),
            };
            scratch.append(self.zip.take_records()).await?;
        }
        Ok(())
    }

    /// Takes the next records from the file; answers how many bytes they were.
    async fn records(&mut self, at: u64) -> Result<u64, Error> {
        let Some(scratch) = &self.scratch else {
            return Ok(0);
        };
        let block = scratch.read(at, MOST).await?;
        self.out.extend_from_slice(&block);
        Ok(block.len() as u64)
    }
}
