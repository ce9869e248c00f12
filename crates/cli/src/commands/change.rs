//! `mkdir`, `mv`, `cp`, `rm`: what changes the tree and moves no bytes. Must not leave anything half done that the server
//! lets us undo.

use pantry_client::{
    Client, Entry, Error, OnConflict, Selection, UploadOptions,
    api::{Affected, FileEntry, Precreated},
};
use pantry_types::{Clock, SystemClock};
use serde_json::json;

use crate::{
    args::{Change, Mkdir, Rm},
    fail::{Exit, Failure, about},
    lang::{t, tf},
    out::{Out, ask, counted, plain},
    remote::{self, Place},
    session,
    text::Text,
};

/// Makes folders.
pub async fn mkdir(args: Mkdir, out: Out) -> Result<(), Failure> {
    let client = session::client()?;
    let mut made = 0;
    for path in &args.paths {
        if args.parents {
            made += client.create_folders(&remote::tidy(path)).await.map_err(about(path))?;
            continue;
        }
        let (parent, Some(name)) = remote::split(path) else {
            return Err(Failure::said(Exit::Usage, "is_root", tf(Text::ErrIsRoot, &[path])));
        };
        match client.create_folder(&parent, &name).await {
            Ok(_) => made += 1,
            Err(e) if e.is_code("not_found") => {
                let text = tf(Text::ErrNoFolder, &[&parent]);
                return Err(Failure::said(Exit::NotFound, "not_found", text));
            }
            Err(e) => return Err(about(path)(e)),
        }
    }
    out.json(&json!({"created": made}))?;
    out.line(counted(Text::FoldersMade, made))
}

/// Moves to the bin.
pub async fn rm(args: Rm, out: Out) -> Result<(), Failure> {
    let client = session::client()?;
    let chosen = choose(&client, &args.paths).await?;
    if !args.yes {
        let question = match args.paths.as_slice() {
            [path] => tf(Text::AskDelete, &[&plain(path)]),
            paths => tf(Text::AskDeleteMany, &[&paths.len()]),
        };
        if !ask(&question)? {
            return out.line(t(Text::NothingDone));
        }
    }
    let done = client.delete(&chosen).await?;
    out.json(&done)?;
    out.line(counted(Text::Deleted, done.affected))
}

/// Moves or renames.
pub async fn mv(args: Change, out: Out) -> Result<(), Failure> {
    let client = session::client()?;
    let (sources, target) = cut(&args.paths)?;
    let place = remote::place(&client, target, sources.len() > 1).await?;
    let on_conflict = args.on_conflict.into();
    match &place {
        Place { folder, name: None } => {
            let chosen = choose(&client, sources).await?;
            client
                .move_into(&chosen, folder, on_conflict)
                .await
                .map_err(about(target))?;
        }
        Place {
            folder,
            name: Some(name),
        } => {
            let source = &sources[0];
            let entry = remote::entry(&client, source).await?;
            move_as(&client, &remote::split(source).0, &entry, folder, name, on_conflict)
                .await
                .map_err(about(target))?;
        }
    }
    out.json(&json!({"affected": sources.len()}))
}

/// Copies.
pub async fn cp(args: Change, out: Out) -> Result<(), Failure> {
    let client = session::client()?;
    let (sources, target) = cut(&args.paths)?;
    let place = remote::place(&client, target, sources.len() > 1).await?;
    let on_conflict = args.on_conflict.into();
    match &place {
        Place { folder, name: None } => {
            let chosen = choose(&client, sources).await?;
            let begun = client.copy_into(&chosen, folder, on_conflict).await;
            client.wait_for_job(&begun.map_err(about(target))?).await?;
        }
        Place {
            folder,
            name: Some(name),
        } => {
            let entry = remote::entry(&client, &sources[0]).await?;
            let declared = match &entry {
                Entry::File(file) => declare(&client, file, folder, name, on_conflict).await,
                Entry::Folder(_) => Ok(false),
            };
            if !declared.map_err(about(target))? {
                copy_as(&client, &entry, folder, name, on_conflict)
                    .await
                    .map_err(about(target))?;
            }
        }
    }
    out.json(&json!({"affected": sources.len()}))
}

/// All but the last, and the last. The grammar sees to it that there are two.
fn cut(paths: &[String]) -> Result<(&[String], &String), Failure> {
    match paths.split_last() {
        Some((target, sources)) if !sources.is_empty() => Ok((sources, target)),
        _ => Err(Failure::not_found("")),
    }
}

/// The files and folders at some paths, each of which must be there.
async fn choose(client: &Client, paths: &[String]) -> Result<Selection, Failure> {
    let mut chosen = Selection::default();
    for path in paths {
        chosen.push(&remote::entry(client, path).await?);
    }
    Ok(chosen)
}

fn only(entry: &Entry) -> Selection {
    let mut chosen = Selection::default();
    chosen.push(entry);
    chosen
}

/// Moves one thing to another folder under another name. v1 does either at once but not both, so the second step may
/// fail; the first is then undone.
async fn move_as(
    client: &Client,
    from: &str,
    entry: &Entry,
    folder: &str,
    name: &str,
    on_conflict: OnConflict,
) -> Result<Affected, Error> {
    let one = only(entry);
    if from == folder {
        return client.rename(&one, name, on_conflict).await;
    }
    if entry.name() == name {
        return client.move_into(&one, folder, on_conflict).await;
    }
    match client.move_into(&one, folder, OnConflict::Fail).await {
        Ok(_) => {
            let renamed = client.rename(&one, name, on_conflict).await;
            if renamed.is_err() {
                client.move_into(&one, from, OnConflict::Fail).await?;
            }
            renamed
        }
        // Its old name is taken there, so it gets the new one here first.
        Err(e) if e.is_code("name_taken") => {
            client.rename(&one, name, OnConflict::Fail).await?;
            let moved = client.move_into(&one, folder, on_conflict).await;
            if moved.is_err() {
                client.rename(&one, entry.name(), OnConflict::Fail).await?;
            }
            moved
        }
        Err(e) => Err(e),
    }
}

/// A file's copy under a new name: content that the token may read needs no upload. `false` when the server wants one.
async fn declare(
    client: &Client,
    file: &FileEntry,
    folder: &str,
    name: &str,
    on_conflict: OnConflict,
) -> Result<bool, Error> {
    let options = UploadOptions {
        on_conflict,
        content_type: Some(file.mime.clone()),
        ..UploadOptions::default()
    };
    // A listing never shows a negative size.
    let size = u64::try_from(file.size).unwrap_or(0);
    match client.precreate(folder, name, size, &file.md5, &options).await? {
        Precreated::Instant(_) => Ok(true),
        Precreated::Session(session) => {
            client.abort(&session).await?;
            Ok(false)
        }
    }
}

/// A copy under a new name: v1 copies under the old one and does not say where it went, so the copy is made in a folder of
/// its own, renamed there, and moved out.
async fn copy_as(
    client: &Client,
    entry: &Entry,
    folder: &str,
    name: &str,
    on_conflict: OnConflict,
) -> Result<(), Error> {
    let own = format!(".pantry-copy-{}-{}", entry.id(), SystemClock.now_ms());
    let made = client.create_folder(folder, &own).await?;
    let copied = copy_through(client, entry, folder, &remote::join(folder, &own), name, on_conflict).await;
    let made = Selection::folder(made.folder_id);
    client.delete(&made).await?;
    // Left in the bin it would only be in the way; should this fail, the bin's own rule clears it.
    let _purged = client.purge(&made).await;
    copied
}

async fn copy_through(
    client: &Client,
    entry: &Entry,
    folder: &str,
    own: &str,
    name: &str,
    on_conflict: OnConflict,
) -> Result<(), Error> {
    let begun = client.copy_into(&only(entry), own, OnConflict::Fail).await?;
    client.wait_for_job(&begun).await?;
    let copy = client.list(own).next().await?;
    let copy = only(&copy.ok_or_else(|| Error::Answer("the copy is not where it was put".to_owned()))?);
    if entry.name() != name {
        client.rename(&copy, name, OnConflict::Fail).await?;
    }
    client.move_into(&copy, folder, on_conflict).await?;
    Ok(())
}
