//! `changes`: what changed in the drive, since a cursor or as it comes. Must not keep anything: the cursor is the caller's.

use pantry_client::{
    Client, Told,
    api::{Change, ChangeEvent, Kind},
};
use serde::Serialize;

use crate::{
    args::Changes,
    fail::Failure,
    lang::{t, tf},
    out::{Out, plain},
    remote::View,
    session,
    text::Text,
};

/// Changes asked for at once.
const PAGE: i64 = 200;

/// A line of `--follow --json`, and what `--json` prints without it.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a Change>,
    reset: bool,
    cursor: Option<&'a str>,
}

#[derive(Serialize)]
struct Listed {
    changes: Vec<Change>,
    reset: bool,
    cursor: String,
}

/// Runs the command.
pub async fn run(args: Changes, out: Out) -> Result<(), Failure> {
    let client = session::client()?;
    if args.follow {
        follow(&client, args.cursor.as_deref(), out).await
    } else {
        list(&client, args.cursor, out).await
    }
}

async fn list(client: &Client, cursor: Option<String>, out: Out) -> Result<(), Failure> {
    let view = View::of(client).await?;
    let asked = cursor.is_some();
    let mut listed = Listed {
        changes: Vec::new(),
        reset: false,
        cursor: String::new(),
    };
    let mut next = cursor;
    loop {
        let page = client.changes_page(next.as_deref(), PAGE).await?;
        listed.changes.extend(page.changes);
        listed.reset |= page.reset;
        listed.cursor.clone_from(&page.next_cursor);
        next = Some(page.next_cursor);
        if !page.has_more {
            break;
        }
    }
    for change in &listed.changes {
        out.line(line(change, &view))?;
    }
    if listed.reset {
        out.remark(t(Text::ChangesReset));
    }
    // Without a cursor it is what was asked for.
    if asked {
        out.remark(tf(Text::ChangesCursor, &[&listed.cursor]));
    } else {
        out.line(&listed.cursor)?;
    }
    out.json(&listed)
}

async fn follow(client: &Client, cursor: Option<&str>, out: Out) -> Result<(), Failure> {
    let view = View::of(client).await?;
    let mut stream = client.follow_changes(cursor);
    loop {
        let told = stream.next().await?;
        let change = match &told {
            Told::Change(change) => {
                out.line(line(change, &view))?;
                Some(change)
            }
            Told::Reset => {
                out.remark(t(Text::ChangesReset));
                None
            }
        };
        out.json_line(&Line {
            change,
            reset: change.is_none(),
            cursor: stream.cursor(),
        })?;
    }
}

fn line(change: &Change, view: &View) -> String {
    let event = t(match change.event {
        ChangeEvent::Created => Text::ChangeCreated,
        ChangeEvent::Updated => Text::ChangeUpdated,
        ChangeEvent::Removed => Text::ChangeRemoved,
    });
    let slash = if change.kind == Kind::Folder { "/" } else { "" };
    match &change.node {
        Some(node) => format!("{:>12}  {event}  {}{slash}", change.id, plain(&view.path(&node.path))),
        None => format!("{:>12}  {event}", change.id),
    }
}
