//! `put`: local files and folders to the drive. Must not follow links out of a folder that is sent whole.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, stream};
use pantry_client::{Client, Entry, Error, UploadOptions, Uploaded, md5_of_file};
use serde_json::json;

use crate::{
    args::Put,
    fail::{Exit, Failure, about},
    lang::tf,
    out::{List, Out, counted, plain, size},
    progress::Bar,
    remote::{self, Place},
    session,
    text::Text,
};

/// A file to be sent.
#[derive(Debug)]
struct Item {
    local: PathBuf,
    folder: String,
    name: String,
    size: u64,
    /// MD5 of what the drive has there, if that has the same size.
    there: Option<String>,
}

/// What is to be done.
#[derive(Debug, Default)]
struct Work {
    items: Vec<Item>,
    skipped: Vec<PathBuf>,
}

enum Outcome {
    Sent(Uploaded),
    Same,
}

/// Sends files and folders.
pub async fn put(args: Put, out: Out) -> Result<(), Failure> {
    let client = session::client()?;
    let (target, sources) = match args.paths.split_last() {
        Some((target, sources)) if !sources.is_empty() => (text(target)?, sources),
        _ => return Err(Failure::not_found("")),
    };
    let place = remote::place(&client, target, sources.len() > 1).await?;
    let work = plan(&client, sources, &place, args.recursive).await?;
    for skipped in &work.skipped {
        out.remark(tf(Text::PutSkipped, &[&skipped.display()]));
    }
    let options = UploadOptions {
        on_conflict: args.on_conflict.into(),
        parallel: usize::from(args.parallel),
        ..UploadOptions::default()
    };
    let bar = Bar::new(out, work.items.iter().map(|item| item.size).sum());
    let all = work.items.len();
    // Small files wait for the server more than for the wire, so several go at once; of a large one, several parts do.
    let (small, large): (Vec<_>, Vec<_>) = work.items.into_iter().partition(|item| item.size <= options.small);
    let mut report = Report {
        out,
        bar: bar.clone(),
        list: out.list(),
        all,
        failed: 0,
        same: 0,
    };
    let (client, options, bar) = (&client, &options, &bar);
    let send = |item: Item| async move {
        let done = send(client, &item, options, bar).await;
        (item, done)
    };
    let mut small = stream::iter(small).map(send).buffer_unordered(options.parallel);
    while let Some((item, done)) = small.next().await {
        report.take(&item, done)?;
    }
    let mut large = stream::iter(large).map(send).buffer_unordered(1);
    while let Some((item, done)) = large.next().await {
        report.take(&item, done)?;
    }
    report.end()
}

/// Tells what became of each file.
struct Report {
    out: Out,
    bar: Bar,
    list: List,
    all: usize,
    failed: usize,
    same: usize,
}

impl Report {
    fn take(&mut self, item: &Item, done: Result<Outcome, Error>) -> Result<(), Failure> {
        self.bar.clear();
        let path = remote::join(&item.folder, &item.name);
        match done {
            Ok(Outcome::Same) => self.same += 1,
            Ok(Outcome::Sent(sent)) => {
                // The server may have chosen another name.
                let name = remote::split(&sent.file.path).1.unwrap_or_default();
                let value = json!({
                    "local": item.local.display().to_string(), "path": sent.file.path, "file_id": sent.file.file_id,
                    "size": sent.file.size, "md5": sent.file.md5, "instant": sent.instant, "resumed": sent.resumed,
                });
                self.list
                    .item(|| line(item, &remote::join(&item.folder, &name), &sent), &value)?;
            }
            Err(e) => {
                let failure = about(&path)(e);
                let hopeless = matches!(failure.exit(), Exit::SignIn | Exit::Server | Exit::NoSpace);
                if self.all == 1 || hopeless {
                    return Err(failure);
                }
                self.failed += 1;
                self.out.failure(&failure);
            }
        }
        Ok(())
    }

    fn end(self) -> Result<(), Failure> {
        self.bar.clear();
        self.list.end()?;
        if self.same > 0 {
            self.out.remark(counted(Text::PutSame, self.same));
        }
        match self.failed {
            0 => Ok(()),
            failed => Err(Failure::Partly(failed, self.all)),
        }
    }
}

fn line(item: &Item, path: &str, sent: &Uploaded) -> String {
    let (local, path, bytes) = (item.local.display(), plain(path), size(sent.file.size));
    match (sent.instant, sent.resumed) {
        (true, _) => tf(Text::PutInstant, &[&local, &path, &bytes]),
        (false, 0) => tf(Text::PutDone, &[&local, &path, &bytes]),
        (false, resumed) => {
            let resumed = size(i64::try_from(resumed).unwrap_or(i64::MAX));
            tf(Text::PutResumed, &[&local, &path, &bytes, &resumed])
        }
    }
}

async fn send(client: &Client, item: &Item, options: &UploadOptions, bar: &Bar) -> Result<Outcome, Error> {
    let transfer = bar.begin(&item.name, item.size);
    let options = UploadOptions {
        progress: transfer.progress(),
        ..options.clone()
    };
    let known = match &item.there {
        Some(_) => Some(md5_of_file(&item.local, options.progress.as_ref()).await?),
        None => None,
    };
    if known.is_some() && known == item.there {
        transfer.finish();
        return Ok(Outcome::Same);
    }
    let sent = match known {
        Some(md5) if item.size > options.small => {
            client
                .upload_known(&item.local, &md5, &item.folder, &item.name, &options)
                .await
        }
        _ => {
            client
                .upload_file(&item.local, &item.folder, &item.name, &options)
                .await
        }
    };
    transfer.finish();
    sent.map(Outcome::Sent)
}

/// Finds what is to be sent, and makes the folders for it.
async fn plan(client: &Client, sources: &[PathBuf], place: &Place, recursive: bool) -> Result<Work, Failure> {
    let mut work = Work::default();
    for source in sources {
        let failed = |e| Failure::from(local(source, e));
        let metadata = std::fs::metadata(source).map_err(failed)?;
        let name = match &place.name {
            Some(name) => name.clone(),
            None => {
                // `.` and `..` have no name of their own.
                let whole = source.canonicalize().map_err(failed)?;
                text(Path::new(whole.file_name().unwrap_or_default()))?.to_owned()
            }
        };
        if metadata.is_file() {
            work.items.push(Item {
                local: source.clone(),
                folder: place.folder.clone(),
                name,
                size: metadata.len(),
                there: None,
            });
        } else if metadata.is_dir() && recursive {
            walk(client, source, &place.folder, &name, &mut work).await?;
        } else if metadata.is_dir() {
            let text = tf(Text::ErrIsFolder, &[&source.display()]);
            return Err(Failure::said(Exit::Usage, "is_folder", text));
        } else {
            work.skipped.push(source.clone());
        }
    }
    Ok(work)
}

/// Goes through a local folder, making its image in the drive as it goes.
async fn walk(client: &Client, source: &Path, folder: &str, name: &str, work: &mut Work) -> Result<(), Failure> {
    let mut open = VecDeque::from([(source.to_owned(), folder.to_owned(), name.to_owned())]);
    while let Some((here, parent, name)) = open.pop_front() {
        let image = remote::join(&parent, &name);
        let there = make(client, &parent, &name).await.map_err(about(&image))?;
        let failed = |e| Failure::from(local(&here, e));
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&here).map_err(failed)? {
            entries.push(entry.map_err(failed)?);
        }
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            // Of a link this is the link itself.
            let metadata = entry.metadata().map_err(|e| local(&path, e))?;
            let name = text(Path::new(&entry.file_name()))?.to_owned();
            if metadata.is_dir() {
                open.push_back((path, image.clone(), name));
            } else if metadata.is_file() {
                let there = there.get(&name).filter(|(size, _)| *size == metadata.len());
                work.items.push(Item {
                    there: there.map(|(_, md5)| md5.clone()),
                    local: path,
                    folder: image.clone(),
                    name,
                    size: metadata.len(),
                });
            } else {
                work.skipped.push(path);
            }
        }
    }
    Ok(())
}

/// Makes a folder, or tells which files are in the one that is there.
async fn make(client: &Client, parent: &str, name: &str) -> Result<HashMap<String, (u64, String)>, Error> {
    let mut there = HashMap::new();
    match client.create_folder(parent, name).await {
        Ok(_) => return Ok(there),
        Err(e) if e.is_code("name_taken") => {}
        Err(e) => return Err(e),
    }
    let mut entries = client.list(&remote::join(parent, name));
    while let Some(entry) = entries.next().await? {
        if let Entry::File(file) = entry {
            there.insert(file.name, (u64::try_from(file.size).unwrap_or(0), file.md5));
        }
    }
    Ok(there)
}

fn text(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| {
        Failure::said(
            Exit::Usage,
            "bad_local_name",
            tf(Text::ErrLocalName, &[&path.display()]),
        )
    })
}

fn local(path: &Path, source: std::io::Error) -> Error {
    Error::Local {
        path: path.to_owned(),
        source,
    }
}
