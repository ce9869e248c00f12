//! `ls` and `find`. Must not change anything.

use pantry_client::{
    Entry,
    api::{FileEntry, FileInfo, FolderEntry},
};
use serde::Serialize;

use crate::{
    args::{Find, Ls},
    fail::{Failure, about},
    lang::tf,
    out::{List, Out, plain, size, time},
    remote::{self, Target, View},
    session,
    text::Text,
};

/// A listed thing for programs: as the server lists it, with its kind.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Listed<'a> {
    Folder(&'a FolderEntry),
    File(&'a FileEntry),
}

fn write(list: &mut List, entry: &Entry, long: bool) -> Result<(), Failure> {
    match entry {
        Entry::Folder(folder) => {
            let line = || {
                let name = plain(&folder.name);
                match long {
                    true => format!("{:>12}  {:>10}  {}  {name}/", folder.id, "-", time(folder.modify_time)),
                    false => format!("{name}/"),
                }
            };
            list.item(line, &Listed::Folder(folder))
        }
        Entry::File(file) => {
            let line = || {
                let name = plain(&file.name);
                match long {
                    true => format!(
                        "{:>12}  {:>10}  {}  {name}",
                        file.id,
                        size(file.size),
                        time(file.modify_time)
                    ),
                    false => name,
                }
            };
            list.item(line, &Listed::File(file))
        }
    }
}

/// Lists a folder, or shows one file.
pub async fn ls(args: Ls, out: Out) -> Result<(), Failure> {
    let client = session::client()?;
    let path = remote::tidy(&args.path);
    let mut entries = client.list(&path);
    let first = match entries.next().await {
        // It may be a file.
        Err(e) if e.is_code("not_found") && !remote::wants_folder(&args.path) => {
            let mut list = out.list();
            match remote::look(&client, &path).await {
                Ok(Target::There(entry @ Entry::File(_))) => write(&mut list, &entry, args.long)?,
                _ => return Err(about(&path)(e)),
            }
            list.end()?;
            return Ok(());
        }
        first => first.map_err(about(&path))?,
    };
    let mut list = out.list();
    let mut next = first;
    while let Some(entry) = next {
        write(&mut list, &entry, args.long)?;
        next = entries.next().await.map_err(about(&path))?;
    }
    list.end()?;
    Ok(())
}

/// Finds files by name.
pub async fn find(args: Find, out: Out) -> Result<(), Failure> {
    let client = session::client()?;
    let hits = client.search(&args.text, args.ext.as_deref(), args.limit).await?;
    let view = match hits.files.is_empty() {
        true => None,
        false => Some(View::of(&client).await?),
    };
    let shown = hits.files.len();
    let mut list = out.list();
    for mut file in hits.files {
        if let Some(view) = &view {
            file.path = view.path(&file.path);
        }
        let FileInfo { path, .. } = &file;
        list.item(|| plain(path), &file)?;
    }
    list.end()?;
    if hits.total > shown as i64 {
        out.remark(tf(Text::MoreHits, &[&shown, &hits.total]));
    }
    Ok(())
}
