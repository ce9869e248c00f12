//! Uploads: small files in one request, others in parts, several at once, going on with the parts that are missing.
//! Nothing about a running upload is kept here: the same `precreate` finds it again.

use std::{
    collections::HashSet,
    fmt,
    io::SeekFrom,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use pantry_api::{Aborted, Completed, PartReceived, Parts, Precreated, Session};
use reqwest::{Body, header::CONTENT_LENGTH, header::CONTENT_TYPE};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::{
    Client, Error, OnConflict, Progress, Step, client::parse_url, hash::md5_of_file, retry::Repeat, transport::answer,
};

/// Bytes of a part that are read and sent at a time.
const BLOCK: u64 = 256 * 1024;
/// How long putting a large file together may take.
const COMPLETE: Duration = Duration::from_secs(1800);
/// How long a small file may take.
const SMALL: Duration = Duration::from_secs(300);
/// The largest file that the server takes in one request.
const CONTENT_BYTES: u64 = pantry_types::limits::CONTENT_BYTES;
/// How often an upload begins anew, or missing parts are looked up, before it is given up.
const ROUNDS: u32 = 3;

/// How a file is sent.
#[derive(Clone)]
pub struct UploadOptions {
    /// What to do when the name is taken; by default the content becomes the file's new version.
    pub on_conflict: OnConflict,
    /// Media type; without one the server guesses it from the name.
    pub content_type: Option<String>,
    /// Parts on their way at once.
    pub parallel: usize,
    /// A file of at most so many bytes goes in one request; at most 32 MiB. 0: always in parts.
    pub small: u64,
    /// Told how far it is.
    pub progress: Option<Progress>,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self {
            on_conflict: OnConflict::Overwrite,
            content_type: None,
            parallel: 4,
            small: 1024 * 1024,
            progress: None,
        }
    }
}

impl fmt::Debug for UploadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadOptions")
            .field("on_conflict", &self.on_conflict)
            .field("content_type", &self.content_type)
            .field("parallel", &self.parallel)
            .field("small", &self.small)
            .finish_non_exhaustive()
    }
}

/// What an upload did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uploaded {
    /// The file.
    pub file: Completed,
    /// The server had the content already: nothing was sent.
    pub instant: bool,
    /// Bytes that an earlier run had sent.
    pub resumed: u64,
}

#[derive(Serialize)]
struct Declared<'a> {
    parent_path: &'a str,
    name: &'a str,
    size: u64,
    md5: &'a str,
    on_conflict: OnConflict,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
}

/// A local file as it was when the upload began.
struct Local<'a> {
    path: &'a Path,
    size: u64,
    modified: Option<SystemTime>,
}

/// How far the parts are, together.
struct Counter {
    done: AtomicU64,
    total: u64,
    progress: Option<Progress>,
}

impl Counter {
    fn report(&self, done: u64) {
        if let Some(progress) = &self.progress {
            progress(Step::Transferring {
                done: done.min(self.total),
                total: self.total,
            });
        }
    }

    fn add(&self, bytes: u64) {
        self.report(self.done.fetch_add(bytes, Ordering::Relaxed) + bytes);
    }

    fn take_back(&self, bytes: u64) {
        self.report(self.done.fetch_sub(bytes, Ordering::Relaxed).saturating_sub(bytes));
    }
}

impl Client {
    /// Sends a local file as `name` into the folder at `parent_path`. Cut off, the same call goes on with the parts that
    /// are missing.
    ///
    /// # Errors
    /// [`Error::LocalChanged`]; [`Error::Local`]; [`Error::Api`] 404: no such folder; 409 `name_taken`; 507: no space;
    /// 400: an illegal name; [`Error::Connection`] when patience has ended.
    pub async fn upload_file(
        &self,
        path: &Path,
        parent_path: &str,
        name: &str,
        options: &UploadOptions,
    ) -> Result<Uploaded, Error> {
        let local = Local::open(path).await?;
        if local.size <= options.small.min(CONTENT_BYTES) {
            let content = tokio::fs::read(path).await.map_err(|e| Error::local(path, e))?;
            // Read at once, so what is sent is what was there, even if it is changed now.
            let size = content.len() as u64;
            let file = self.put_content(content.into(), parent_path, name, options).await?;
            if let Some(progress) = &options.progress {
                progress(Step::Transferring {
                    done: size,
                    total: size,
                });
            }
            return Ok(Uploaded {
                file,
                instant: false,
                resumed: 0,
            });
        }
        let md5 = md5_of_file(path, options.progress.as_ref()).await?;
        self.upload_hashed(&local, &md5, parent_path, name, options).await
    }

    /// Sends a file whose MD5 is known already: as [`Client::upload_file`], but always in parts, and not read twice.
    ///
    /// # Errors
    /// Those of [`Client::upload_file`]; [`Error::Api`] 422 `hash_mismatch`: it is not the file's MD5.
    pub async fn upload_known(
        &self,
        path: &Path,
        md5: &str,
        parent_path: &str,
        name: &str,
        options: &UploadOptions,
    ) -> Result<Uploaded, Error> {
        let local = Local::open(path).await?;
        self.upload_hashed(&local, md5, parent_path, name, options).await
    }

    /// Sends bytes as `name` into the folder at `parent_path` in one request (`PUT /v1/files/content`), up to 32 MiB.
    ///
    /// # Errors
    /// [`Error::Api`] 413: too many bytes; else as for [`Client::upload_file`].
    pub async fn put_content(
        &self,
        content: Bytes,
        parent_path: &str,
        name: &str,
        options: &UploadOptions,
    ) -> Result<Completed, Error> {
        let mut hasher = crate::hash::Hasher::default();
        hasher.update(&content);
        let on_conflict = options.on_conflict.to_string();
        let query = [
            ("parent_path", parent_path),
            ("name", name),
            ("on_conflict", &on_conflict),
            ("md5", &hasher.finish()),
        ];
        let url = self.url("/v1/files/content")?;
        let content_type = options.content_type.as_deref().unwrap_or("application/octet-stream");
        // Sent twice, a file that was refused its name or given another one would be there twice, or refuse itself.
        let repeat = match options.on_conflict {
            OnConflict::Overwrite => Repeat::Freely,
            OnConflict::Fail | OnConflict::Rename => Repeat::IfRefused,
        };
        self.call(repeat, || {
            self.http
                .put(url.clone())
                .query(&query)
                .header(CONTENT_TYPE, content_type)
                .body(content.clone())
                .timeout(SMALL)
        })
        .await
    }

    /// Declares a file (`POST /v1/files/upload/precreate`): the server has the content already, or gives an upload. The
    /// same declaration again finds the upload that still lives.
    ///
    /// # Errors
    /// As for [`Client::upload_file`].
    pub async fn precreate(
        &self,
        parent_path: &str,
        name: &str,
        size: u64,
        md5: &str,
        options: &UploadOptions,
    ) -> Result<Precreated, Error> {
        let body = Declared {
            parent_path,
            name,
            size,
            md5,
            on_conflict: options.on_conflict,
            content_type: options.content_type.as_deref(),
        };
        self.post("/v1/files/upload/precreate", &body, Repeat::Freely).await
    }

    /// Which parts have arrived (`GET {endpoint}/u/{upload_id}/parts`).
    ///
    /// # Errors
    /// [`Error::Api`] 404 `upload_not_found`, 410 `upload_expired`.
    pub async fn parts(&self, session: &Session) -> Result<Parts, Error> {
        let url = parse_url(&address(session, "/parts"))?;
        self.call_open(|| self.http.get(url.clone()).timeout(SMALL)).await
    }

    /// Gives an upload up (`POST {endpoint}/u/{upload_id}/abort`): its space is free again.
    ///
    /// # Errors
    /// [`Error::Api`] 404 `upload_not_found`, 409 `upload_completed`.
    pub async fn abort(&self, session: &Session) -> Result<Aborted, Error> {
        let url = parse_url(&address(session, "/abort"))?;
        self.call_open(|| self.http.post(url.clone()).timeout(SMALL)).await
    }

    async fn upload_hashed(
        &self,
        local: &Local<'_>,
        md5: &str,
        parent_path: &str,
        name: &str,
        options: &UploadOptions,
    ) -> Result<Uploaded, Error> {
        let mut round = 1;
        loop {
            let declared = self.precreate(parent_path, name, local.size, md5, options).await?;
            let session = match declared {
                Precreated::Session(session) => session,
                Precreated::Instant(file) => {
                    if let Some(progress) = &options.progress {
                        let (done, total) = (local.size, local.size);
                        progress(Step::Transferring { done, total });
                    }
                    let file = Completed {
                        file_id: file.file_id,
                        path: file.path,
                        size: file.size,
                        md5: file.md5,
                    };
                    return Ok(Uploaded {
                        file,
                        instant: true,
                        resumed: 0,
                    });
                }
            };
            match self.send(local, md5, &session, options).await {
                // It expired under way: the same declaration gives a new one.
                Err(e) if round < ROUNDS && (e.is_code("upload_not_found") || e.is_code("upload_expired")) => {
                    round += 1
                }
                Err(e @ Error::LocalChanged(_)) => {
                    // Its parts are of two contents. If it cannot be aborted now it will expire.
                    let _aborted = self.abort(&session).await;
                    return Err(e);
                }
                done => return done,
            }
        }
    }

    /// Sends what is missing of an upload, and completes it.
    async fn send(
        &self,
        local: &Local<'_>,
        md5: &str,
        session: &Session,
        options: &UploadOptions,
    ) -> Result<Uploaded, Error> {
        let plan = Plan::new(session, local.size)?;
        let mut resumed = None;
        let mut resent = false;
        for round in 1.. {
            let have = match resent {
                false => self.parts(session).await?.received_parts,
                true => Vec::new(),
            };
            let have: HashSet<u64> = have.into_iter().filter_map(|seq| u64::try_from(seq).ok()).collect();
            let missing: Vec<u64> = (1..=plan.parts).filter(|seq| !have.contains(seq)).collect();
            let open: u64 = missing.iter().map(|seq| plan.part(*seq).1).sum();
            let there = local.size - open;
            resumed.get_or_insert(there);
            let counter = Arc::new(Counter {
                done: AtomicU64::new(there),
                total: local.size,
                progress: options.progress.clone(),
            });
            counter.report(there);
            stream::iter(missing)
                .map(|seq| self.send_part(local, session, &plan, seq, &counter))
                .buffer_unordered(options.parallel.max(1))
                .try_for_each(|()| std::future::ready(Ok(())))
                .await?;
            local.check().await?;
            match self.complete(session).await {
                Ok(file) => {
                    return Ok(Uploaded {
                        file,
                        instant: false,
                        resumed: resumed.unwrap_or(0),
                    });
                }
                // Parts went missing there (a power cut takes those that were not yet on the disk).
                Err(e) if e.is_code("incomplete") && round < ROUNDS => resent = false,
                // Some part arrived damaged, or is a leftover of a file that is no more.
                Err(e) if e.is_code("hash_mismatch") && !resent => {
                    if md5_of_file(local.path, None).await? != md5.to_ascii_lowercase() {
                        return Err(Error::LocalChanged(local.path.to_owned()));
                    }
                    resent = true;
                }
                Err(e) => return Err(e),
            }
        }
        Err(Error::Answer("the upload does not end".to_owned()))
    }

    async fn complete(&self, session: &Session) -> Result<Completed, Error> {
        let url = parse_url(&address(session, "/complete"))?;
        let mut failed = 0;
        loop {
            match answer(self.http.post(url.clone()).timeout(COMPLETE)).await {
                // Said by 425 too, but waiting brings no part.
                Err(e) if e.is_code("incomplete") => return Err(e),
                Err(e) => {
                    failed += 1;
                    self.pause_after(e, Repeat::Freely, failed).await?;
                }
                done => return done,
            }
        }
    }

    async fn send_part(
        &self,
        local: &Local<'_>,
        session: &Session,
        plan: &Plan,
        seq: u64,
        counter: &Arc<Counter>,
    ) -> Result<(), Error> {
        let mut failed = 0;
        loop {
            let sent = Arc::new(AtomicU64::new(0));
            let tried = self.try_part(local, session, plan, seq, counter, &sent).await;
            let error = match tried {
                Ok(_) => return Ok(()),
                // Another run of the same upload was faster.
                Err(e) if e.is_code("upload_stored") || e.is_code("upload_completed") => return Ok(()),
                Err(e) => e,
            };
            counter.take_back(sent.load(Ordering::Relaxed));
            local.check().await?;
            failed += 1;
            self.pause_after(error, Repeat::Freely, failed).await?;
        }
    }

    /// Streams one part from the disk. A body that stands still is cut off.
    async fn try_part(
        &self,
        local: &Local<'_>,
        session: &Session,
        plan: &Plan,
        seq: u64,
        counter: &Arc<Counter>,
        sent: &Arc<AtomicU64>,
    ) -> Result<PartReceived, Error> {
        let (start, length) = plan.part(seq);
        let failed = |e| Error::local(local.path, e);
        let mut file = tokio::fs::File::open(local.path).await.map_err(failed)?;
        file.seek(SeekFrom::Start(start)).await.map_err(failed)?;
        let (counter, sent_by_body) = (Arc::clone(counter), Arc::clone(sent));
        let blocks = stream::try_unfold((file, length), move |(mut file, left)| {
            let (counter, sent) = (Arc::clone(&counter), Arc::clone(&sent_by_body));
            async move {
                if left == 0 {
                    return Ok::<_, std::io::Error>(None);
                }
                // No more than a block, so it fits.
                let mut block = vec![0; left.min(BLOCK) as usize];
                file.read_exact(&mut block).await?;
                let read = block.len() as u64;
                sent.fetch_add(read, Ordering::Relaxed);
                counter.add(read);
                Ok(Some((Bytes::from(block), (file, left - read))))
            }
        });
        let mut url = parse_url(&format!("{}/u", session.endpoint.trim_end_matches('/')))?;
        url.query_pairs_mut()
            .append_pair("upload_id", &session.upload_id)
            .append_pair("part_seq", &seq.to_string());
        let request = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, length)
            .body(Body::wrap_stream(blocks));
        tokio::select! {
            answered = answer(request) => answered,
            () = stands_still(sent, self.retry.silence) => Err(Error::Connection(format!(
                "part {seq} made no progress for {} s",
                self.retry.silence.as_secs(),
            ))),
        }
    }
}

/// Ends when the number has not changed for `silence`.
async fn stands_still(number: &AtomicU64, silence: Duration) {
    let mut last = u64::MAX;
    loop {
        let now = number.load(Ordering::Relaxed);
        if now == last {
            return;
        }
        last = now;
        tokio::time::sleep(silence).await;
    }
}

fn address(session: &Session, what: &str) -> String {
    // An id is hex digits by the protocol; whatever else it is must not become another path.
    let id: String = reqwest::Url::parse("http://x")
        .map(|mut url| {
            url.set_path(&session.upload_id);
            url.path().trim_start_matches('/').replace('/', "%2F")
        })
        .unwrap_or_default();
    format!("{}/u/{id}{what}", session.endpoint.trim_end_matches('/'))
}

impl<'a> Local<'a> {
    async fn open(path: &'a Path) -> Result<Self, Error> {
        let metadata = tokio::fs::metadata(path).await.map_err(|e| Error::local(path, e))?;
        if !metadata.is_file() {
            let e = std::io::Error::new(std::io::ErrorKind::InvalidInput, "is no file");
            return Err(Error::local(path, e));
        }
        Ok(Self {
            path,
            size: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }

    /// Whether it is still as it was.
    async fn check(&self) -> Result<(), Error> {
        let now = Self::open(self.path).await?;
        match (now.size, now.modified) == (self.size, self.modified) {
            true => Ok(()),
            false => Err(Error::LocalChanged(self.path.to_owned())),
        }
    }
}

/// How a file is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Plan {
    size: u64,
    chunk: u64,
    parts: u64,
}

impl Plan {
    fn new(session: &Session, size: u64) -> Result<Self, Error> {
        let wrong = || Error::Answer("chunk_size and total_parts do not fit the file".to_owned());
        let chunk = u64::try_from(session.chunk_size).map_err(|_| wrong())?;
        let parts = u64::try_from(session.total_parts).map_err(|_| wrong())?;
        if chunk == 0 || size.div_ceil(chunk) != parts {
            return Err(wrong());
        }
        Ok(Self { size, chunk, parts })
    }

    /// Where part `seq`, counted from 1, begins, and its length.
    fn part(&self, seq: u64) -> (u64, u64) {
        let start = (seq - 1) * self.chunk;
        (start, self.chunk.min(self.size - start))
    }
}

#[cfg(test)]
mod tests {
    //! How files are cut, and where their parts go.
    use super::*;

    fn session(chunk_size: i64, total_parts: i64, upload_id: &str) -> Session {
        Session {
            instant_upload: false,
            upload_id: upload_id.to_owned(),
            endpoint: "http://a/".to_owned(),
            chunk_size,
            total_parts,
            expires_in: 1,
        }
    }

    #[test]
    fn parts_cover_the_file() {
        let plan = Plan::new(&session(4, 3, ""), 10).expect("it fits");
        assert_eq!([plan.part(1), plan.part(2), plan.part(3)], [(0, 4), (4, 4), (8, 2)]);
        for (chunk, parts) in [(0, 3), (-4, 3), (4, 2), (4, -1), (4, 4)] {
            assert!(Plan::new(&session(chunk, parts, ""), 10).is_err(), "{chunk} {parts}");
        }
    }

    #[test]
    fn an_id_never_becomes_another_path() {
        assert_eq!(address(&session(4, 1, "0a1b"), "/parts"), "http://a/u/0a1b/parts");
        assert!(!address(&session(4, 1, "../v1/bin/empty?"), "/x").contains("/v1/"));
    }
}
