//! The books and the change log: what a refusal leaves alone, what a move writes down, and that
//! many callers at once keep everything in balance. Must not test single rules of the tree.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use pantry_core::{
    Actor, Error,
    check::CheckOptions,
    files::{FolderRef, OnConflict, Selection},
};
use pantry_db::{changes::Event, hooks, nodes::Kind, shares, users};
use pantry_types::{NodeId, ShareId};

use crate::{
    common::{On, at, drive, name_of},
    on_both,
};

on_both! {
    a_refused_write_does_not_advance_the_head
    a_change_says_which_sandbox_it_left_and_reached
    ids_given_twice_count_and_do_no_harm
    a_purged_folder_takes_the_sandbox_in_it_along
    writing_beside_the_sandbox_does_not_make_it
    many_at_once_keep_the_books
    the_check_finds_what_does_not_balance_and_sets_sums_right
}

const GIB: i64 = 1 << 30;

fn files(ids: &[NodeId]) -> Selection {
    Selection {
        files: ids.to_vec(),
        folders: vec![],
    }
}

fn folders(ids: &[NodeId]) -> Selection {
    Selection {
        files: vec![],
        folders: ids.to_vec(),
    }
}

async fn a_refused_write_does_not_advance_the_head(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", 100).await;
    let me = Actor::person(ann);
    let a = b.mkdir(&me, "/", "a").await;
    let f = b.put(&me, "/", "f", b"1").await;
    b.mkdir(&me, "/a", "b").await;
    let head = b.drive.account(&me).await.expect("account").head;
    let mine = me.clone().expecting_head(Some(head));
    let old = me.clone().expecting_head(Some(head - 1));
    let root = || at("/");
    let none = NodeId(999_999);
    let refused = [
        b.drive.create_folder(&mine, root(), name_of("a")).await.map(|_| ()),
        b.drive.create_folder(&old, root(), name_of("new")).await.map(|_| ()),
        b.drive.delete(&mine, files(&[f.id, none])).await.map(|_| ()),
        b.drive
            .relocate(&mine, folders(&[a.id]), at("/a/b"), None, OnConflict::Fail)
            .await
            .map(|_| ()),
        b.drive
            .copy(&mine, files(&[f.id]), root(), None, OnConflict::Fail)
            .await
            .map(|_| ()),
        b.drive
            .restore(&mine, files(&[none]), None, OnConflict::Fail)
            .await
            .map(|_| ()),
        b.drive
            .rename(&mine, f.id, Kind::File, name_of("a"), OnConflict::Overwrite)
            .await
            .map(|_| ()),
        b.try_put(&mine, "/", "big", &[1; 200]).await.map(|_| ()),
    ];
    for (n, r) in refused.iter().enumerate() {
        assert!(r.is_err(), "{n}");
    }
    assert!(matches!(refused[1], Err(Error::StaleHead { head: h }) if h == head));
    assert_eq!(b.drive.account(&me).await.expect("account").head, head);
    assert_eq!(b.log(ann).await.len() as i64, head);
    b.drive
        .create_folder(&mine, root(), name_of("new"))
        .await
        .expect("its picture still holds");
    b.balanced().await;
}

async fn a_change_says_which_sandbox_it_left_and_reached(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let one = b.app(ann, "1000000001", "One", "files.app_data").await;
    let two = b.app(ann, "1000000002", "Two", "files.app_data").await;
    let (s1, s2) = (b.sandbox(&one).await, b.sandbox(&two).await);
    let out = b.mkdir(&me, "/", "out").await.id;
    let dir = b.mkdir(&me, "/", "dir").await.id;
    b.put(&me, "/dir", "f", b"1").await;
    let from = b.drive.account(&me).await.expect("account").head;
    let go = |to: NodeId| {
        let (b, me) = (&b, me.clone());
        async move {
            b.drive
                .relocate(&me, folders(&[dir]), FolderRef::Id(to), None, OnConflict::Fail)
                .await
                .expect("moved");
        }
    };
    go(s1).await;
    go(s2).await;
    go(out).await;
    go(s1).await;
    b.drive.delete(&me, folders(&[dir])).await.expect("deleted");
    b.drive
        .restore(&me, folders(&[dir]), None, OnConflict::Fail)
        .await
        .expect("restored");
    b.drive
        .copy(&me, folders(&[dir]), FolderRef::Id(s2), None, OnConflict::Fail)
        .await
        .expect("copied");
    // The sandbox itself: renamed, moved, moved with what is around it, deleted.
    b.drive
        .rename(&me, s1, Kind::Folder, name_of("Uno"), OnConflict::Fail)
        .await
        .expect("renamed");
    b.drive
        .relocate(&me, folders(&[s1]), FolderRef::Id(out), None, OnConflict::Fail)
        .await
        .expect("moved");
    b.drive
        .rename(&me, out, Kind::Folder, name_of("away"), OnConflict::Fail)
        .await
        .expect("renamed");
    b.drive.delete(&me, folders(&[s1])).await.expect("deleted");
    let log = b.log(ann).await;
    let seen: Vec<_> = log
        .iter()
        .filter(|c| c.seq > from)
        .map(|c| (c.event, c.subtree, c.sandbox_before, c.sandbox_after))
        .collect();
    let no = NodeId(0);
    assert_eq!(
        seen,
        [
            (Event::Moved, true, no, s1),
            (Event::Moved, true, s1, s2),
            (Event::Moved, true, s2, no),
            (Event::Moved, true, no, s1),
            (Event::Removed, true, s1, no),
            (Event::Created, true, no, s1),
            (Event::Created, true, no, s2),
            (Event::Moved, true, s1, s1),
            (Event::Moved, true, s1, s1),
            (Event::Moved, true, no, no),
            (Event::Removed, true, s1, no),
        ]
    );
    assert!(log.iter().zip(1..).all(|(c, n)| c.seq == n), "without gaps");
    b.balanced().await;
}

async fn ids_given_twice_count_and_do_no_harm(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let f = b.put(&me, "/", "f", b"1").await.id;
    let a = b.mkdir(&me, "/", "a").await.id;
    let to = b.mkdir(&me, "/", "to").await.id;
    let twice = Selection {
        files: vec![f, f],
        folders: vec![a, a],
    };
    let into = || FolderRef::Id(to);
    let d = b
        .drive
        .copy(&me, twice.clone(), into(), None, OnConflict::Fail)
        .await
        .expect("copied");
    assert_eq!(d.affected, 4);
    assert_eq!(b.names(&me, "/to").await, ["a", "f"]);
    let d = b.drive.delete(&me, twice.clone()).await.expect("deleted");
    assert_eq!(d.affected, 4);
    let d = b
        .drive
        .restore(&me, twice.clone(), None, OnConflict::Fail)
        .await
        .expect("restored");
    assert_eq!(d.affected, 4);
    let d = b
        .drive
        .relocate(&me, twice.clone(), into(), None, OnConflict::Overwrite)
        .await
        .expect("moved");
    assert_eq!(d.affected, 4);
    b.drive.delete(&me, twice.clone()).await.expect("deleted");
    let d = b.drive.purge(&me, twice).await.expect("purged");
    assert_eq!(d.affected, 4);
    b.balanced().await;
}

async fn a_purged_folder_takes_the_sandbox_in_it_along(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let app = b.app(ann, "1000000001", "App", "files.app_data").await;
    let own = b.sandbox(&app).await;
    let outer = b.mkdir(&me, "/", "outer").await.id;
    b.drive
        .relocate(&me, folders(&[own]), FolderRef::Id(outer), None, OnConflict::Fail)
        .await
        .expect("moved");
    b.drive.delete(&me, folders(&[outer])).await.expect("deleted");
    b.balanced().await;
    b.drive.purge(&me, folders(&[outer])).await.expect("purged");
    b.balanced().await;
    assert!(b.names(&app, "/").await.is_empty());
    assert_eq!(b.put(&app, "/", "f", b"1").await.path, "/我的应用数据/App/f");
    b.balanced().await;
}

async fn writing_beside_the_sandbox_does_not_make_it(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let other = b.app(ann, "1000000001", "Other", "files.app_data").await;
    b.put(&other, "/", "f", b"1").await;
    let app = b.app(ann, "1000000002", "App", "files.write_all").await;
    b.put(&app, "/我的应用数据/Other", "g", b"1").await;
    assert_eq!(b.names(&me, "/我的应用数据").await, ["Other"]);
    // Its own path makes it, whole contents and small ones alike.
    let narrow = b
        .app(ann, "1000000003", "Narrow", "files.read_all files.app_data")
        .await;
    b.put(&narrow, "/我的应用数据/Narrow", "large", &[1; 40_000]).await;
    assert_eq!(b.names(&me, "/我的应用数据").await, ["Narrow", "Other"]);
    b.put(&app, "/我的应用数据/App", "small", b"1").await;
    b.balanced().await;
}

/// What a walker does next.
fn next(seed: &AtomicU64) -> u64 {
    let mut x = seed.load(Ordering::Relaxed);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    seed.store(x, Ordering::Relaxed);
    x
}

async fn many_at_once_keep_the_books(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", 3_000).await;
    let me = Actor::person(ann);
    let app = b.app(ann, "1000000001", "App", "files.write_all files.read_all").await;
    let mut start = vec![NodeId(0), b.sandbox(&app).await];
    for n in 0..4 {
        start.push(b.mkdir(&me, "/", &format!("d{n}")).await.id);
    }
    // A janitor goes round among them; the first round walks all of storage and is done with before.
    b.drive.sweep().await.expect("swept");
    let walk = |n: u64| {
        let (b, start) = (&b, start.clone());
        let actor = if n.is_multiple_of(2) { me.clone() } else { app.clone() };
        async move {
            let seed = AtomicU64::new(0x9E37_79B9 + n * 7919);
            let mut known: Vec<(NodeId, Kind)> = start[1..].iter().map(|i| (*i, Kind::Folder)).collect();
            for step in 0..60 {
                let r = next(&seed);
                let folder = FolderRef::Id(start[(r >> 8) as usize % start.len()]);
                let name = name_of(&format!("n{}", (r >> 16) % 6));
                let (id, kind) = known[(r >> 24) as usize % known.len()];
                let what = match kind {
                    Kind::File => files(&[id]),
                    Kind::Folder => folders(&[id]),
                };
                let conflict = [OnConflict::Fail, OnConflict::Rename, OnConflict::Overwrite][(r >> 40) as usize % 3];
                let d = &b.drive;
                let done = match r % 8 {
                    0 => d.create_folder(&actor, folder, name).await.map(|c| vec![c.item]),
                    1 | 2 => {
                        let bytes = vec![(r >> 48) as u8 % 5; 20 + (r >> 50) as usize % 40];
                        let got = d
                            .receive_content(&actor, folder, name, conflict, None, None, None, 1 << 20)
                            .await;
                        match got {
                            Ok(mut w) => {
                                w.write(&bytes).await.expect("written");
                                w.finish().await.map(|i| vec![i])
                            }
                            Err(e) => Err(e),
                        }
                    }
                    3 => d.delete(&actor, what).await.map(|r| r.items),
                    4 => d.restore(&actor, what, None, conflict).await.map(|r| r.items),
                    5 => d.relocate(&actor, what, folder, None, conflict).await.map(|r| r.items),
                    6 => d.copy(&actor, what, folder, None, conflict).await.map(|r| r.items),
                    _ if step % 5 == 0 => d.purge(&actor, what).await.map(|r| r.items),
                    _ => d.rename(&actor, id, kind, name, conflict).await.map(|c| vec![c.item]),
                };
                match done {
                    Ok(items) => known.extend(items.iter().map(|i| (i.id, i.kind))),
                    Err(
                        Error::NotFound(_)
                        | Error::NameTaken { .. }
                        | Error::KindMismatch { .. }
                        | Error::IntoItself
                        | Error::IntoOwnSubfolder
                        | Error::NestedSandbox
                        | Error::ParentMissing
                        | Error::SystemFolder
                        | Error::TooDeep
                        | Error::Quota { .. },
                    ) => {}
                    Err(e) => panic!("walker {n}, step {step}: {e:?}"),
                }
            }
        }
    };
    let janitor = async {
        for _ in 0..30 {
            b.drive.sweep().await.expect("swept");
            tokio::task::yield_now().await;
        }
    };
    futures_util::future::join(join_all((0..8).map(walk)), janitor).await;
    b.balanced().await;
    let log = b.log(ann).await;
    assert!(
        log.iter().zip(1..).all(|(c, n)| c.seq == n),
        "no number twice or left out"
    );
    let account = b.drive.account(&me).await.expect("account");
    assert_eq!(account.head, log.len() as i64);
    assert!(account.used <= account.quota);
}

async fn the_check_finds_what_does_not_balance_and_sets_sums_right(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let file = b.put(&me, "/", "f", b"12345").await;
    let kinds = async |repair: bool| {
        let options = CheckOptions { repair, quick: false };
        let report = b.drive.check(options, &|_| {}).await.expect("checked");
        assert_eq!(report.clean, report.findings.is_empty());
        let mut kinds: Vec<_> = report.findings.iter().map(|f| f.kind).collect();
        kinds.sort_unstable();
        kinds
    };
    assert!(kinds(false).await.is_empty());

    // A sum that is wrong, what no share shows, and a webhook of no app with what hangs on it.
    let break_it = b.drive.db().write((ann, file.id), |tx, (user, file)| {
        Box::pin(async move {
            let r: Result<(), pantry_db::DbError> = async {
                let head = users::get(tx, *user).await?.map_or(0, |u| u.head);
                users::set_books(tx, *user, 6, 0, head).await?;
                shares::set_items(tx, *user, ShareId(999), &[*file]).await?;
                hooks::insert(tx, "0000000000", "https://a.example", b"sealed", 1).await?;
                Ok(())
            }
            .await;
            r.into()
        })
    });
    break_it.await.expect("broken");
    assert_eq!(kinds(false).await, ["quota", "share_loose", "webhook_loose"]);
    assert_eq!(kinds(true).await, ["quota", "share_loose", "webhook_loose"]);
    assert_eq!(
        kinds(false).await,
        ["share_loose", "webhook_loose"],
        "the sum was set right"
    );

    let mend = b.drive.db().write(ann, |tx, user| {
        Box::pin(async move {
            let r: Result<(), pantry_db::DbError> = async {
                shares::set_items(tx, *user, ShareId(999), &[]).await?;
                hooks::remove(tx, "0000000000").await
            }
            .await;
            r.into()
        })
    });
    mend.await.expect("mended");
    assert!(kinds(false).await.is_empty());
}
