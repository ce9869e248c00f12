//! Downloads: a content as a stream that survives lost connections and stale links, and as a local file that goes on
//! where an earlier run was cut off. Must not decide where a file may go: the caller names the place.

use std::{
    fmt,
    io::SeekFrom,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use pantry_api::DownloadLink;
use reqwest::{Response, StatusCode, header};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use crate::{
    Client, Error, Progress, Step,
    client::parse_url,
    hash::{Hasher, hash_start},
    retry::Repeat,
    transport::refusal,
};

/// How many fresh links are asked for without a byte in between.
const LINKS: u32 = 3;

/// How a file is fetched.
#[derive(Clone, Default)]
pub struct DownloadOptions {
    /// Told how far it is.
    pub progress: Option<Progress>,
}

impl fmt::Debug for DownloadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadOptions").finish_non_exhaustive()
    }
}

/// What a download did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Downloaded {
    /// Bytes of the file.
    pub size: i64,
    /// MD5 of what was written, which is what the server announced.
    pub md5: String,
    /// Bytes that an earlier run had fetched.
    pub resumed: u64,
}

/// A content on its way. Its `Debug` does not show the link.
pub struct Download {
    client: Client,
    id: i64,
    link: DownloadLink,
    size: u64,
    position: u64,
    response: Option<Response>,
    /// Bytes to throw away first: the server sent the whole although a range was asked for.
    skip: u64,
    failed: u32,
    links: u32,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("id", &self.id)
            .field("size", &self.size)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A signed link to a file's content (`GET /v1/files/{id}/download`). Whoever has it can fetch the content.
    ///
    /// # Errors
    /// [`Error::Api`] 404: there is no such file that the token may read.
    pub async fn download_link(&self, file_id: i64) -> Result<DownloadLink, Error> {
        self.get(&format!("/v1/files/{file_id}/download"), &()).await
    }

    /// A file's content from `start` on, as a stream of blocks.
    ///
    /// # Errors
    /// Those of [`Client::download_link`]; [`Error::Answer`]: `start` lies behind the end.
    pub async fn download(&self, file_id: i64, start: u64) -> Result<Download, Error> {
        let link = self.download_link(file_id).await?;
        Download::new(self.clone(), file_id, link, start)
    }

    /// Fetches a file to `to`, which is replaced whole once everything is there and its MD5 is right. What came before a
    /// failure stays beside it (`.<name>.<md5>.part`), and the next call goes on from there.
    ///
    /// # Errors
    /// [`Error::Damaged`] after a second try from the start; [`Error::RemoteChanged`]; [`Error::Local`]; those of
    /// [`Client::download_link`].
    pub async fn download_file(&self, file_id: i64, to: &Path, options: &DownloadOptions) -> Result<Downloaded, Error> {
        let mut again = true;
        loop {
            match self.download_once(file_id, to, options).await {
                // It may have been damaged here, by a part left over from a crash: once more, from the start.
                Err(Error::Damaged { .. }) if again => again = false,
                done => return done,
            }
        }
    }

    async fn download_once(&self, id: i64, to: &Path, options: &DownloadOptions) -> Result<Downloaded, Error> {
        let link = self.download_link(id).await?;
        let size = size_of(&link)?;
        let part = part_path(to, &link.md5);
        let local = |e| Error::local(&part, e);
        let mut file = open(&part).await.map_err(local)?;
        let mut have = file.metadata().await.map_err(local)?.len();
        if have > size {
            file.set_len(0).await.map_err(local)?;
            have = 0;
        }
        let mut hasher = if have > 0 {
            hash_start(&part, Some(have), options.progress.as_ref()).await?
        } else {
            Hasher::default()
        };
        file.seek(SeekFrom::Start(have)).await.map_err(local)?;
        let (name, md5, announced) = (link.name.clone(), link.md5.clone(), link.size);
        let mut download = Download::new(self.clone(), id, link, have)?;
        let report = |done| {
            if let Some(progress) = &options.progress {
                progress(Step::Transferring { done, total: size });
            }
        };
        report(have);
        while let Some(block) = download.next().await? {
            hasher.update(&block);
            file.write_all(&block).await.map_err(local)?;
            report(download.position);
        }
        file.flush().await.map_err(local)?;
        let found = hasher.finish();
        if !found.eq_ignore_ascii_case(&md5) {
            tokio::fs::remove_file(&part).await.map_err(local)?;
            return Err(Error::Damaged {
                name,
                expected: md5,
                found,
            });
        }
        file.sync_all().await.map_err(local)?;
        drop(file);
        tokio::fs::rename(&part, to).await.map_err(|e| Error::local(to, e))?;
        Ok(Downloaded {
            size: announced,
            md5: found,
            resumed: have,
        })
    }
}

impl Download {
    fn new(client: Client, id: i64, link: DownloadLink, start: u64) -> Result<Self, Error> {
        let size = size_of(&link)?;
        if start > size {
            return Err(Error::Answer(format!(
                "the file has {size} bytes, and {start} were to be left out"
            )));
        }
        Ok(Self {
            client,
            id,
            link,
            size,
            position: start,
            response: None,
            skip: 0,
            failed: 0,
            links: 0,
        })
    }

    /// Bytes of the whole content.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where the next block begins.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.link.name
    }

    /// The next block; none at the end. A lost connection is taken up again where it was lost.
    ///
    /// # Errors
    /// [`Error::RemoteChanged`]: a fresh link was needed, and means another content; [`Error::Connection`] when patience
    /// has ended.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while self.position < self.size {
            let Some(response) = &mut self.response else {
                self.open().await?;
                continue;
            };
            let silence = self.client.retry.silence;
            let lost = match tokio::time::timeout(silence, response.chunk()).await {
                Ok(Ok(Some(block))) => {
                    if let Some(block) = self.take(block) {
                        return Ok(Some(block));
                    }
                    continue;
                }
                Ok(Ok(None)) => Error::Connection("the content ended early".to_owned()),
                Ok(Err(e)) => Error::connection(e),
                Err(_) => Error::Connection(format!("nothing came for {} s", silence.as_secs())),
            };
            self.response = None;
            self.wait(lost).await?;
        }
        Ok(None)
    }

    /// The part of a block that was not there yet and belongs to the content.
    fn take(&mut self, mut block: Bytes) -> Option<Bytes> {
        let skipped = self.skip.min(block.len() as u64);
        self.skip -= skipped;
        // Both fit: they are no more than the block's length.
        let mut block = block.split_off(skipped as usize);
        let left = self.size - self.position;
        if block.len() as u64 > left {
            block.truncate(left as usize);
        }
        if block.is_empty() {
            return None;
        }
        self.position += block.len() as u64;
        self.failed = 0;
        self.links = 0;
        Some(block)
    }

    async fn wait(&mut self, lost: Error) -> Result<(), Error> {
        self.failed += 1;
        self.client.pause_after(lost, Repeat::Freely, self.failed).await
    }

    /// Opens the link at the position.
    async fn open(&mut self) -> Result<(), Error> {
        let mut request = self.client.http.get(parse_url(&self.link.url)?);
        if self.position > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", self.position));
        }
        let response = match tokio::time::timeout(self.client.retry.silence, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(e)) => return self.wait(Error::connection(e)).await,
            Err(_) => return self.wait(Error::Connection("no answer came".to_owned())).await,
        };
        match response.status() {
            StatusCode::OK => self.skip = self.position,
            StatusCode::PARTIAL_CONTENT if starts_at(&response, self.position) => self.skip = 0,
            StatusCode::PARTIAL_CONTENT => {
                return Err(Error::Answer("it is another range than was asked for".to_owned()));
            }
            // The link has grown old, or its signing key has changed.
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE if self.links < LINKS => {
                self.links += 1;
                return self.renew_link().await;
            }
            _ => return self.wait(refusal(response).await).await,
        }
        self.response = Some(response);
        Ok(())
    }

    async fn renew_link(&mut self) -> Result<(), Error> {
        let link = self.client.download_link(self.id).await?;
        // Bytes of two contents must not be put together.
        if (link.size, &link.md5) != (self.link.size, &self.link.md5) {
            return Err(Error::RemoteChanged(link.name));
        }
        self.link = link;
        Ok(())
    }
}

fn size_of(link: &DownloadLink) -> Result<u64, Error> {
    let md5_is_hex = link.md5.len() == 32 && link.md5.bytes().all(|b| b.is_ascii_hexdigit());
    match u64::try_from(link.size) {
        // The MD5 becomes part of a file's name.
        Ok(size) if md5_is_hex => Ok(size),
        _ => Err(Error::Answer("size or md5 of the link is malformed".to_owned())),
    }
}

/// Whether a partial answer begins at `position` (RFC 9110, section 14.4).
fn starts_at(response: &Response, position: u64) -> bool {
    response
        .headers()
        .get(header::CONTENT_RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("bytes "))
        .and_then(|text| text.split_once('-'))
        .is_some_and(|(start, _)| start.parse() == Ok(position))
}

/// What was fetched so far of the content with this MD5: another content never goes on from it.
fn part_path(to: &Path, md5: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    // A name may have 255 bytes: keep room for what is added.
    let own = to.file_name().unwrap_or_default();
    match own.to_str() {
        Some(text) if text.len() > 200 => name.push(&text[..text.floor_char_boundary(200)]),
        _ => name.push(own),
    }
    name.push(format!(".{}.part", md5.to_ascii_lowercase()));
    to.with_file_name(name)
}

async fn open(part: &Path) -> std::io::Result<tokio::fs::File> {
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(part)
        .await?;
    file.set_max_buf_size(1024 * 1024);
    Ok(file)
}
