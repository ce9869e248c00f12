//! `bin ls`, `restore`, `purge`, `empty`. Must not delete anything without having asked.

use pantry_client::{
    Client, Selection,
    api::{BinEntry, Kind},
};

use crate::{
    args::Bin,
    fail::{Exit, Failure},
    lang::{t, tf},
    out::{Out, ask, counted, plain, size, time},
    remote::{self, View},
    session,
    text::Text,
};

/// Runs one of the bin's commands.
pub async fn run(command: Bin, out: Out) -> Result<(), Failure> {
    let client = session::client()?;
    match command {
        Bin::Ls { long } => ls(&client, long, out).await,
        Bin::Restore { to, on_conflict, what } => {
            let chosen = choose(&client, &what).await?;
            let to = to.as_deref().map(remote::tidy);
            let done = client.restore(&chosen, to.as_deref(), on_conflict.into()).await?;
            client.wait_for_job(&done).await?;
            out.json(&done)?;
            out.line(counted(Text::Restored, done.affected))
        }
        Bin::Purge { yes, what } => {
            let chosen = choose(&client, &what).await?;
            if !yes && !ask(&tf(Text::AskPurge, &[&chosen.len()]))? {
                return out.line(t(Text::NothingDone));
            }
            let done = client.purge(&chosen).await?;
            out.json(&done)?;
            out.line(counted(Text::Purged, done.affected))
        }
        Bin::Empty { yes } => empty(&client, yes, out).await,
    }
}

async fn ls(client: &Client, long: bool, out: Out) -> Result<(), Failure> {
    let view = View::of(client).await?;
    let mut items = client.bin();
    let mut list = out.list();
    while let Some(mut item) = items.next().await? {
        item.path = view.path(&item.path);
        list.item(|| line(&item, long), &item)?;
    }
    if list.end()? == 0 {
        out.remark(t(Text::BinIsEmpty));
    }
    Ok(())
}

fn line(item: &BinEntry, long: bool) -> String {
    let slash = if item.kind == Kind::Folder { "/" } else { "" };
    let path = plain(&item.path);
    if !long {
        return format!("{:>12}  {path}{slash}", item.id);
    }
    let bytes = match item.kind {
        Kind::Folder => "-".to_owned(),
        Kind::File => size(item.size),
    };
    let until = tf(Text::ColumnUntil, &[&time(item.purge_at)]);
    format!(
        "{:>12}  {bytes:>10}  {}  {path}{slash}  ({until})",
        item.id,
        time(item.deleted_at)
    )
}

async fn empty(client: &Client, yes: bool, out: Out) -> Result<(), Failure> {
    let total = client.bin_page(None, 1).await?.total;
    if total > 0 && !yes && !ask(&tf(Text::AskEmpty, &[&total]))? {
        return out.line(t(Text::NothingDone));
    }
    let done = client.empty_bin().await?;
    out.json(&done)?;
    out.line(counted(Text::Purged, done.affected))
}

/// What ids and paths mean. Of several things that had one path, the one that was deleted last.
async fn choose(client: &Client, what: &[String]) -> Result<Selection, Failure> {
    let view = View::of(client).await?;
    let mut open: Vec<(&String, String)> = what.iter().map(|word| (word, remote::tidy(word))).collect();
    let mut chosen = Selection::default();
    let mut items = client.bin();
    while !open.is_empty() {
        let Some(item) = items.next().await? else { break };
        let (id, path) = (item.id.to_string(), view.path(&item.path));
        let before = open.len();
        open.retain(|(word, wanted)| **word != id && *wanted != path);
        if open.len() < before {
            match item.kind {
                Kind::File => chosen.file_ids.push(item.id),
                Kind::Folder => chosen.folder_ids.push(item.id),
            }
        }
    }
    match open.first() {
        None => Ok(chosen),
        Some((word, _)) => Err(Failure::said(
            Exit::NotFound,
            "not_in_bin",
            tf(Text::ErrNotInBin, &[word]),
        )),
    }
}
