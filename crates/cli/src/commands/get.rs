//! `get` and `cat`: the drive's files to the local disk and to standard output. Must not write outside the place that was
//! named, whatever the server calls its files.

use std::{
    io::Write,
    path::{Component, Path, PathBuf},
};

use futures_util::{StreamExt, stream};
use pantry_client::{Client, DownloadOptions, Downloaded, Entry, Error, api::FileEntry, md5_of_file};
use serde_json::json;

use crate::{
    args::{Get, Paths},
    fail::{Exit, Failure, about},
    lang::tf,
    out::{Out, counted, plain, size},
    progress::Bar,
    remote::{self, Target},
    session,
    text::Text,
};

/// Files on their way at once.
const PARALLEL: usize = 4;

/// A file to be fetched.
#[derive(Debug)]
struct Item {
    file: FileEntry,
    path: String,
    local: PathBuf,
}

enum Outcome {
    Fetched(Downloaded),
    Same,
}

/// Fetches a file, or a folder with all that is in it.
pub async fn get(args: Get, out: Out) -> Result<(), Failure> {
    let client = session::client()?;
    let items = match remote::look(&client, &args.remote).await? {
        Target::Free => return Err(Failure::not_found(&args.remote)),
        Target::There(Entry::File(file)) => {
            let local = place(&args.local, Some(&file.name))?;
            vec![Item {
                path: remote::tidy(&args.remote),
                file,
                local,
            }]
        }
        Target::Root | Target::There(Entry::Folder(_)) if !args.recursive => {
            let text = tf(Text::ErrIsFolder, &[&args.remote]);
            return Err(Failure::said(Exit::Usage, "is_folder", text));
        }
        Target::Root => walk(&client, "/", &args.local).await?,
        Target::There(Entry::Folder(folder)) => {
            let local = place(&args.local, Some(&folder.name))?;
            walk(&client, &remote::tidy(&args.remote), &local).await?
        }
    };
    fetch_all(&client, items, out).await
}

async fn fetch_all(client: &Client, items: Vec<Item>, out: Out) -> Result<(), Failure> {
    let total = items.iter().filter_map(|item| u64::try_from(item.file.size).ok()).sum();
    let (all, bar) = (items.len(), &Bar::new(out, total));
    let (mut failed, mut same) = (0, 0);
    let mut list = out.list();
    let fetch = |item: Item| async move {
        let done = fetch(client, &item, bar).await;
        (item, done)
    };
    let mut fetched = stream::iter(items).map(fetch).buffer_unordered(PARALLEL);
    while let Some((item, done)) = fetched.next().await {
        bar.clear();
        let local = item.local.display();
        match done {
            Ok(Outcome::Same) => same += 1,
            Ok(Outcome::Fetched(done)) => {
                let value = json!({
                    "path": item.path, "local": local.to_string(), "file_id": item.file.id, "size": done.size,
                    "md5": done.md5, "resumed": done.resumed,
                });
                let (path, bytes) = (plain(&item.path), size(done.size));
                let line = || match i64::try_from(done.resumed) {
                    Ok(0) | Err(_) => tf(Text::PutDone, &[&path, &local, &bytes]),
                    Ok(resumed) => tf(Text::PutResumed, &[&path, &local, &bytes, &size(resumed)]),
                };
                list.item(line, &value)?;
            }
            Err(e) => {
                let failure = about(&item.path)(e);
                if all == 1 || matches!(failure.exit(), Exit::SignIn | Exit::Server) {
                    return Err(failure);
                }
                failed += 1;
                out.failure(&failure);
            }
        }
    }
    bar.clear();
    list.end()?;
    if same > 0 {
        out.remark(counted(Text::PutSame, same));
    }
    match failed {
        0 => Ok(()),
        failed => Err(Failure::Partly(failed, all)),
    }
}

async fn fetch(client: &Client, item: &Item, bar: &Bar) -> Result<Outcome, Error> {
    let bytes = u64::try_from(item.file.size).unwrap_or(0);
    let transfer = bar.begin(&item.file.name, bytes);
    let options = DownloadOptions {
        progress: transfer.progress(),
    };
    let there = tokio::fs::metadata(&item.local).await.ok();
    if there.is_some_and(|there| there.is_file() && there.len() == bytes)
        && md5_of_file(&item.local, options.progress.as_ref()).await? == item.file.md5
    {
        transfer.finish();
        return Ok(Outcome::Same);
    }
    let done = client.download_file(item.file.id, &item.local, &options).await;
    transfer.finish();
    done.map(Outcome::Fetched)
}

/// Lists a folder of the drive with all below it, and makes its image on the disk.
async fn walk(client: &Client, path: &str, local: &Path) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    let mut open = vec![(path.to_owned(), local.to_owned())];
    while let Some((path, local)) = open.pop() {
        std::fs::create_dir_all(&local).map_err(|source| Error::Local {
            path: local.clone(),
            source,
        })?;
        let mut entries = client.list(&path);
        while let Some(entry) = entries.next().await.map_err(about(&path))? {
            let below = local.join(safe(entry.name())?);
            let path = remote::join(&path, entry.name());
            match entry {
                Entry::Folder(_) => open.push((path, below)),
                Entry::File(file) => items.push(Item {
                    file,
                    path,
                    local: below,
                }),
            }
        }
    }
    Ok(items)
}

/// Where something goes: into a folder that is there or written with a slash, else under that very name.
fn place(local: &Path, name: Option<&str>) -> Result<PathBuf, Failure> {
    let slash = local.as_os_str().as_encoded_bytes().ends_with(b"/");
    match name {
        Some(name) if slash || local.is_dir() => Ok(local.join(safe(name)?)),
        _ => Ok(local.to_owned()),
    }
}

/// A name of the server's as one component of a local path, and nothing else.
fn safe(name: &str) -> Result<&str, Failure> {
    let mut components = Path::new(name).components();
    let single = matches!((components.next(), components.next()), (Some(Component::Normal(one)), None) if one == name);
    if single && !name.contains(['/', '\\', '\0']) {
        return Ok(name);
    }
    let text = tf(Text::ErrUnsafeName, &[&plain(name)]);
    Err(Failure::said(Exit::Failed, "unsafe_name", text))
}

/// Writes files to standard output.
pub async fn cat(args: Paths) -> Result<(), Failure> {
    let client = session::client()?;
    for path in &args.paths {
        let file = match remote::entry(&client, path).await? {
            Entry::File(file) => file,
            Entry::Folder(_) => {
                let text = tf(Text::ErrIsFolder, &[path]);
                return Err(Failure::said(Exit::Usage, "is_folder", text));
            }
        };
        let mut content = client.download(file.id, 0).await.map_err(about(path))?;
        while let Some(block) = content.next().await.map_err(about(path))? {
            std::io::stdout().lock().write_all(&block)?;
        }
    }
    std::io::stdout().lock().flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    //! Names that must not become paths.
    use super::*;

    #[test]
    fn a_name_of_the_server_stays_one_name() {
        for name in ["a", "a b", "电影.mp4", "..a", ".hidden"] {
            assert_eq!(safe(name).ok(), Some(name));
        }
        for name in ["", ".", "..", "a/b", "/a", "a/", "../a", "a\\b", "a\0"] {
            assert!(safe(name).is_err(), "{name:?}");
        }
    }
}
