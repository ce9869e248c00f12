//! The tree: names, order, access by root, conflicts, the bin, copies, on both row engines.
//! Owns the traps of the tree's rules; uploads stand in `uploads.rs`.

use crate::{
    common::{On, at, drive, name_of},
    on_both,
};
use futures_util::future::join_all;
use pantry_core::{
    Actor, Error,
    files::{FolderRef, OnConflict, Page, Selection},
};
use pantry_db::nodes::Kind;
use pantry_types::NodeId;

on_both! {
    folders_come_first_in_natural_order_and_page_by_key
    a_hundred_creations_of_one_name_make_one
    of_writers_that_carry_one_head_one_wins
    an_app_sees_its_folder_and_nothing_else
    write_all_reads_nothing_outside_and_cannot_carry_it_in
    one_sandbox_never_gets_into_another
    a_deleted_sandbox_is_made_anew_and_the_old_one_is_ordinary
    deleting_and_restoring_moves_one_node
    what_replaces_and_what_is_replaced
    a_deep_copy_copies_rows_and_counts_bytes
    a_batch_succeeds_whole_or_changes_nothing
    search_finds_what_may_be_read_and_no_more
    the_apps_folder_stays
    depth_is_checked_for_the_node_that_is_written
    purging_frees_at_once_and_in_batches
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

async fn folders_come_first_in_natural_order_and_page_by_key(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    for n in ["file10.txt", "file2.txt", "File1.txt", "zebra", "Ärger"] {
        b.put(&me, "/", n, n.as_bytes()).await;
    }
    b.mkdir(&me, "/", "z10").await;
    b.mkdir(&me, "/", "z9").await;
    let all = b.names(&me, "/").await;
    assert_eq!(all[..5], ["z9", "z10", "File1.txt", "file2.txt", "file10.txt"]);
    let mut paged = Vec::new();
    let mut page = Page::Number(1);
    loop {
        let l = b.drive.list(&me, at("/"), page, 2).await.expect("listed");
        assert_eq!(l.total, 7);
        paged.extend(l.items.into_iter().map(|i| i.name));
        match l.next_cursor {
            Some(c) => page = Page::Cursor(c),
            None => break,
        }
    }
    assert_eq!(paged, all);
    let third = b.drive.list(&me, at("/"), Page::Number(3), 2).await.expect("listed");
    assert_eq!(third.items[0].name, all[4]);
    let bad = b.drive.list(&me, at("/"), Page::Cursor("!".into()), 2).await;
    assert!(matches!(
        bad,
        Err(Error::Invalid {
            parameter: "cursor",
            ..
        })
    ));
    b.balanced().await;
}

async fn a_hundred_creations_of_one_name_make_one(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let made = join_all((0..100).map(|_| b.drive.create_folder(&me, at("/"), name_of("one")))).await;
    assert_eq!(made.iter().filter(|r| r.is_ok()).count(), 1);
    assert!(made.iter().all(|r| matches!(r, Ok(_) | Err(Error::NameTaken { .. }))));
    assert_eq!(b.names(&me, "/").await, ["one"]);
    b.balanced().await;
}

async fn of_writers_that_carry_one_head_one_wins(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let head = b
        .drive
        .create_folder(&me, at("/"), name_of("first"))
        .await
        .expect("made")
        .head;
    let all = (0..30).map(|n| {
        let me = me.clone().expecting_head(Some(head));
        let drive = b.drive.clone();
        async move { drive.create_folder(&me, at("/"), name_of(&format!("n{n}"))).await }
    });
    let made = join_all(all).await;
    assert_eq!(made.iter().filter(|r| r.is_ok()).count(), 1);
    let told = made
        .iter()
        .filter(|r| matches!(r, Err(Error::StaleHead { head: h }) if *h == head + 1));
    assert_eq!(told.count(), 29);
    b.balanced().await;
}

async fn an_app_sees_its_folder_and_nothing_else(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let secret = b.put(&me, "/", "secret.txt", b"mine").await;
    let app = b.app(ann, "1000000001", "One", "files.app_data").await;
    let other = b.app(ann, "1000000002", "One", "files.app_data").await;
    assert!(b.names(&app, "/").await.is_empty());
    let own = b.put(&app, "/", "own.txt", b"app").await;
    assert_eq!(own.path, "/我的应用数据/One/own.txt");
    let theirs = b.put(&other, "/", "own.txt", b"other").await;
    assert_eq!(
        theirs.path, "/我的应用数据/One (1)/own.txt",
        "two apps never share a folder"
    );
    for id in [secret.id, theirs.id, NodeId(99_999_999)] {
        assert!(matches!(b.drive.stat(&app, id).await, Err(Error::NotFound("file"))));
        assert!(matches!(
            b.drive.delete(&app, files(&[id])).await,
            Err(Error::NotFound("file"))
        ));
        assert!(matches!(
            b.drive.link(&app, id, None).await,
            Err(Error::NotFound("file"))
        ));
    }
    assert_eq!(b.names(&app, "/").await, ["own.txt"]);
    assert!(pantry_types::DrivePath::parse("/../..").is_err());
    // The person moves the folder: it stays the app's.
    let moved = b.drive.stat(&me, own.parent).await.expect("there");
    b.mkdir(&me, "/", "elsewhere").await;
    b.drive
        .relocate(
            &me,
            folders(&[moved.id]),
            at("/elsewhere"),
            Some(name_of("renamed")),
            OnConflict::Fail,
        )
        .await
        .expect("moved");
    assert_eq!(b.names(&app, "/").await, ["own.txt"]);
    assert_eq!(
        b.drive.stat(&app, own.id).await.expect("there").path,
        "/elsewhere/renamed/own.txt"
    );
    // A whole-drive view with a right in the sandbox only.
    let both = b.app(ann, "1000000003", "Three", "files.read_all files.app_data").await;
    assert_eq!(b.content(&both, secret.id).await, b"mine");
    let r = b.drive.create_folder(&both, at("/"), name_of("x")).await;
    assert!(matches!(r, Err(Error::Forbidden(_))));
    let made = b
        .drive
        .create_folder(&both, FolderRef::Path(None), name_of("x"))
        .await
        .expect("made");
    assert_eq!(made.item.path, "/我的应用数据/Three/x");
    b.drive
        .create_folder(&both, at("/我的应用数据/Three/x"), name_of("y"))
        .await
        .expect("made");
    b.balanced().await;
}

async fn write_all_reads_nothing_outside_and_cannot_carry_it_in(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let secret = b.put(&me, "/", "secret.txt", b"mine").await;
    let docs = b.mkdir(&me, "/", "docs").await;
    let app = b.app(ann, "1000000001", "W", "files.write_all files.app_data").await;
    b.put(&app, "/", "by-app.txt", b"x").await;
    assert!(matches!(
        b.drive.list(&app, at("/"), Page::Number(1), 9).await,
        Err(Error::Forbidden(_))
    ));
    let nowhere = b.drive.list(&app, at("/nothing/there"), Page::Number(1), 9).await;
    assert!(
        matches!(nowhere, Err(Error::Forbidden(_))),
        "whether it exists cannot be learned"
    );
    assert!(matches!(b.drive.stat(&app, secret.id).await, Err(Error::NotFound(_))));
    let narrow = pantry_types::Scopes::parse("files.app_data").expect("scope");
    let narrow = Actor::app(ann, "1000000001".into(), app.grant(), 1, narrow);
    let own = b.sandbox(&narrow).await;
    let sandbox = FolderRef::Id(own);
    for r in [
        b.drive
            .copy(&app, files(&[secret.id]), sandbox.clone(), None, OnConflict::Fail)
            .await,
        b.drive
            .relocate(&app, files(&[secret.id]), sandbox.clone(), None, OnConflict::Fail)
            .await,
    ] {
        assert!(matches!(r, Err(Error::NotFound("file"))), "{r:?}");
    }
    b.drive
        .relocate(
            &app,
            files(&[secret.id]),
            FolderRef::Id(docs.id),
            None,
            OnConflict::Fail,
        )
        .await
        .expect("writing outside is allowed");
    b.drive.delete(&app, files(&[secret.id])).await.expect("so is deleting");
    let back = b
        .drive
        .restore(&app, files(&[secret.id]), Some(sandbox), OnConflict::Fail)
        .await;
    assert!(matches!(back, Err(Error::NotFound(_))), "nor by way of the bin");
    b.drive
        .restore(&app, files(&[secret.id]), None, OnConflict::Fail)
        .await
        .expect("back to where it was");
    b.balanced().await;
}

async fn one_sandbox_never_gets_into_another(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let one = b.app(ann, "1000000001", "One", "files.app_data").await;
    let two = b.app(ann, "1000000002", "Two", "files.app_data").await;
    let (s1, s2) = (b.sandbox(&one).await, b.sandbox(&two).await);
    let r = b
        .drive
        .relocate(&me, folders(&[s1]), FolderRef::Id(s2), None, OnConflict::Fail)
        .await;
    assert!(matches!(r, Err(Error::NestedSandbox)));
    // Nor inside another folder, nor by way of the bin.
    let outer = b.mkdir(&me, "/", "outer").await;
    b.drive
        .relocate(&me, folders(&[s1]), FolderRef::Id(outer.id), None, OnConflict::Fail)
        .await
        .expect("moved");
    let r = b
        .drive
        .relocate(&me, folders(&[outer.id]), FolderRef::Id(s2), None, OnConflict::Fail)
        .await;
    assert!(matches!(r, Err(Error::NestedSandbox)));
    b.drive.delete(&me, folders(&[outer.id])).await.expect("deleted");
    let r = b
        .drive
        .restore(&me, folders(&[outer.id]), Some(FolderRef::Id(s2)), OnConflict::Fail)
        .await;
    assert!(matches!(r, Err(Error::NestedSandbox)));
    // A copy is an ordinary folder.
    b.drive
        .restore(&me, folders(&[outer.id]), None, OnConflict::Fail)
        .await
        .expect("restored");
    b.drive
        .copy(&me, folders(&[outer.id]), FolderRef::Id(s2), None, OnConflict::Fail)
        .await
        .expect("copied");
    assert_eq!(b.names(&two, "/outer").await, ["One"]);
    b.balanced().await;
}

async fn a_deleted_sandbox_is_made_anew_and_the_old_one_is_ordinary(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let app = b.app(ann, "1000000001", "App", "files.app_data").await;
    let old = b.put(&app, "/", "old.txt", b"old").await;
    b.drive.delete(&me, folders(&[old.parent])).await.expect("deleted");
    assert!(b.names(&app, "/").await.is_empty());
    assert!(matches!(b.drive.stat(&app, old.id).await, Err(Error::NotFound(_))));
    let new = b.put(&app, "/", "new.txt", b"new").await;
    assert_eq!(new.path, "/我的应用数据/App/new.txt");
    b.drive
        .restore(&me, folders(&[old.parent]), None, OnConflict::Rename)
        .await
        .expect("restored");
    assert!(matches!(b.drive.stat(&app, old.id).await, Err(Error::NotFound(_))));
    assert_eq!(b.names(&app, "/").await, ["new.txt"]);
    b.balanced().await;
}

async fn deleting_and_restoring_moves_one_node(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let a = b.mkdir(&me, "/", "a").await;
    b.mkdir(&me, "/a", "b").await;
    let f = b.put(&me, "/a/b", "f.txt", b"12345").await;
    let head = b.drive.delete(&me, folders(&[a.id])).await.expect("deleted").head;
    assert_eq!(head, 4, "one change for the whole subtree");
    assert!(b.names(&me, "/").await.is_empty());
    assert!(matches!(b.drive.stat(&me, f.id).await, Err(Error::NotFound(_))));
    assert_eq!(b.drive.account(&me).await.expect("account").used, 5, "the bin counts");
    let bin = b.drive.bin(&me, None, 10).await.expect("bin");
    assert_eq!((bin.total, bin.items[0].entry.path.as_str()), (1, "/a"));
    b.mkdir(&me, "/", "a").await;
    let r = b.drive.restore(&me, folders(&[a.id]), None, OnConflict::Fail).await;
    assert!(matches!(r, Err(Error::NameTaken { .. })));
    let r = b
        .drive
        .restore(&me, folders(&[a.id]), None, OnConflict::Rename)
        .await
        .expect("restored");
    assert_eq!(r.items[0].path, "/a (1)");
    assert_eq!(b.drive.stat(&me, f.id).await.expect("there").path, "/a (1)/b/f.txt");
    // Its folder gone, it needs another.
    let inner = b.drive.stat(&me, f.parent).await.expect("there");
    b.drive.delete(&me, files(&[f.id])).await.expect("deleted");
    b.drive.delete(&me, folders(&[inner.id])).await.expect("deleted");
    let r = b.drive.restore(&me, files(&[f.id]), None, OnConflict::Fail).await;
    assert!(matches!(r, Err(Error::ParentMissing)));
    b.drive
        .restore(&me, files(&[f.id]), Some(at("/")), OnConflict::Fail)
        .await
        .expect("restored");
    assert_eq!(b.content(&me, f.id).await, b"12345");
    b.balanced().await;
}

async fn what_replaces_and_what_is_replaced(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    b.mkdir(&me, "/", "to").await;
    let x = b.put(&me, "/", "x.txt", b"new").await;
    let there = b.put(&me, "/to", "x.txt", b"old").await;
    let to = at("/to");
    let r = b
        .drive
        .relocate(&me, files(&[x.id]), to.clone(), None, OnConflict::Fail)
        .await;
    assert!(matches!(r, Err(Error::NameTaken { .. })));
    // A copy over a file is its new version; a move over it sends it to the bin.
    let r = b
        .drive
        .copy(&me, files(&[x.id]), to.clone(), None, OnConflict::Overwrite)
        .await
        .expect("copied");
    assert_eq!(r.items[0].id, there.id);
    assert_eq!(b.drive.versions(&me, there.id).await.expect("versions").len(), 2);
    let r = b
        .drive
        .relocate(&me, files(&[x.id]), to.clone(), None, OnConflict::Overwrite)
        .await
        .expect("moved");
    assert_eq!(r.items[0].id, x.id);
    assert_eq!(
        b.drive.bin(&me, None, 10).await.expect("bin").items[0].entry.node,
        there.id
    );
    let again = b.put(&me, "/", "x.txt", b"third").await;
    let r = b
        .drive
        .relocate(&me, files(&[again.id]), to.clone(), None, OnConflict::Rename)
        .await
        .expect("moved");
    assert_eq!(r.items[0].name, "x (1).txt");
    let folder = b.mkdir(&me, "/", "x.txt").await;
    let r = b
        .drive
        .relocate(&me, folders(&[folder.id]), to, None, OnConflict::Overwrite)
        .await;
    assert!(matches!(r, Err(Error::KindMismatch { .. })));
    let r = b
        .drive
        .rename(&me, x.id, Kind::File, name_of("x (1).txt"), OnConflict::Fail)
        .await;
    assert!(matches!(r, Err(Error::NameTaken { .. })));
    let r = b
        .drive
        .rename(&me, x.id, Kind::File, name_of("x.txt"), OnConflict::Fail)
        .await;
    assert!(r.is_ok(), "its own name is free for it");
    b.balanced().await;
}

async fn a_deep_copy_copies_rows_and_counts_bytes(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", 100).await;
    let me = Actor::person(ann);
    let a = b.mkdir(&me, "/", "a").await;
    b.mkdir(&me, "/a", "b").await;
    b.put(&me, "/a/b", "f", &[1; 30]).await;
    b.put(&me, "/a", "g", &[2; 10]).await;
    let r = b
        .drive
        .copy(&me, folders(&[a.id]), at("/a/b"), None, OnConflict::Fail)
        .await;
    assert!(matches!(r, Err(Error::IntoOwnSubfolder)));
    let r = b
        .drive
        .copy(&me, folders(&[a.id]), FolderRef::Id(a.id), None, OnConflict::Fail)
        .await;
    assert!(matches!(r, Err(Error::IntoItself)));
    let r = b
        .drive
        .copy(&me, folders(&[a.id]), at("/"), None, OnConflict::Rename)
        .await
        .expect("copied");
    assert_eq!(r.items[0].path, "/a (1)");
    assert_eq!(b.names(&me, "/a (1)").await, ["b", "g"]);
    assert_eq!(b.drive.account(&me).await.expect("account").used, 80);
    let r = b
        .drive
        .copy(&me, folders(&[a.id]), at("/"), None, OnConflict::Rename)
        .await;
    assert!(matches!(r, Err(Error::Quota { needed: _, free: _ })));
    assert_eq!(b.names(&me, "/").await, ["a", "a (1)"], "a refused copy leaves nothing");
    b.balanced().await;
}

async fn a_batch_succeeds_whole_or_changes_nothing(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let f = b.put(&me, "/", "f", b"1").await;
    let g = b.put(&me, "/", "g", b"2").await;
    let r = b.drive.delete(&me, files(&[f.id, NodeId(77_777_777)])).await;
    assert!(matches!(r, Err(Error::NotFound("file"))));
    b.mkdir(&me, "/", "to").await;
    b.put(&me, "/to", "g", b"3").await;
    let r = b
        .drive
        .relocate(&me, files(&[f.id, g.id]), at("/to"), None, OnConflict::Fail)
        .await;
    assert!(matches!(r, Err(Error::NameTaken { .. })));
    assert_eq!(b.names(&me, "/").await, ["to", "f", "g"]);
    // A folder and what lies in it, in one call.
    let a = b.mkdir(&me, "/", "a").await;
    let inner = b.put(&me, "/a", "inner", b"4").await;
    let both = Selection {
        files: vec![inner.id],
        folders: vec![a.id],
    };
    assert_eq!(b.drive.delete(&me, both).await.expect("deleted").affected, 2);
    b.balanced().await;
}

async fn search_finds_what_may_be_read_and_no_more(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let bob = Actor::person(b.person("bob", GIB).await);
    let me = Actor::person(ann);
    let app = b.app(ann, "1000000001", "App", "files.app_data").await;
    b.put(&me, "/", "会议纪要.MD", b"1").await;
    b.put(&me, "/", "Chat-573.md", b"2").await;
    b.put(&app, "/", "chat-1.md", b"3").await;
    b.put(&bob, "/", "chat-bob.md", b"4").await;
    let docs = b.mkdir(&me, "/", "chat-folder").await;
    b.put(&me, "/chat-folder", "chat-last.txt", b"5").await;
    let found = |actor: Actor, q: &'static str, ext: Option<&'static str>| {
        let drive = b.drive.clone();
        async move {
            let f = drive.search(&actor, q, ext, 50).await.expect("found");
            assert_eq!(f.total as usize, f.files.len());
            f.files.into_iter().map(|i| i.name).collect::<Vec<_>>()
        }
    };
    assert_eq!(found(me.clone(), "会议", None).await, ["会议纪要.MD"]);
    assert_eq!(found(me.clone(), "纪", None).await, ["会议纪要.MD"]);
    assert_eq!(
        found(me.clone(), "CHAT", None).await,
        ["chat-last.txt", "chat-1.md", "Chat-573.md"]
    );
    assert_eq!(
        found(me.clone(), "chat", Some("MD")).await,
        ["chat-1.md", "Chat-573.md"]
    );
    assert_eq!(found(me.clone(), "tahc", None).await, Vec::<String>::new());
    assert_eq!(found(app.clone(), "chat", None).await, ["chat-1.md"]);
    b.drive.delete(&me, folders(&[docs.id])).await.expect("deleted");
    assert_eq!(found(me.clone(), "last", None).await, Vec::<String>::new());
    let f = b
        .drive
        .search(&me, "573", None, 1)
        .await
        .expect("found")
        .files
        .remove(0);
    b.drive
        .rename(&me, f.id, Kind::File, name_of("renamed.md"), OnConflict::Fail)
        .await
        .expect("renamed");
    assert_eq!(found(me.clone(), "573", None).await, Vec::<String>::new());
    assert_eq!(found(me, "renam", None).await, ["renamed.md"]);
    b.balanced().await;
}

async fn the_apps_folder_stays(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let app = b.app(ann, "1000000001", "App", "files.app_data").await;
    b.put(&app, "/", "f", b"1").await;
    let apps = b
        .drive
        .list(&me, at("/"), Page::Number(1), 10)
        .await
        .expect("listed")
        .items
        .remove(0);
    assert_eq!(apps.name, "我的应用数据");
    for r in [
        b.drive.delete(&me, folders(&[apps.id])).await.map(|_| ()),
        b.drive
            .rename(&me, apps.id, Kind::Folder, name_of("x"), OnConflict::Fail)
            .await
            .map(|_| ()),
    ] {
        assert!(matches!(r, Err(Error::SystemFolder)));
    }
    let own = b.sandbox(&app).await;
    let r = b.drive.delete(&app, folders(&[own])).await;
    assert!(
        matches!(r, Err(Error::Forbidden(_))),
        "an app does not delete its own root"
    );
    let other = b.person("bob", GIB).await;
    let r = b
        .try_put(&Actor::person(other), "/", "我的应用数据", b"a file in its place")
        .await;
    assert!(matches!(r, Err(Error::SystemFolder)));
    b.balanced().await;
}

async fn depth_is_checked_for_the_node_that_is_written(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let mut at_id = FolderRef::Path(None);
    for n in 0..127 {
        let made = b
            .drive
            .create_folder(&me, at_id, name_of(&format!("{n}")))
            .await
            .expect("made");
        at_id = FolderRef::Id(made.item.id);
    }
    let last = b
        .drive
        .create_folder(&me, at_id.clone(), name_of("last"))
        .await
        .expect("level 128");
    let r = b
        .drive
        .create_folder(&me, FolderRef::Id(last.item.id), name_of("more"))
        .await;
    assert!(matches!(r, Err(Error::TooDeep)));
    // What hangs below a moved folder stays usable even if it gets deeper.
    let side = b.mkdir(&me, "/", "side").await;
    b.mkdir(&me, "/side", "under").await;
    let f = b.put(&me, "/side/under", "f", b"deep").await;
    b.drive
        .relocate(&me, folders(&[side.id]), at_id, None, OnConflict::Fail)
        .await
        .expect("moved to level 128");
    assert_eq!(b.content(&me, f.id).await, b"deep");
    b.balanced().await;
}

async fn purging_frees_at_once_and_in_batches(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let big = b.mkdir(&me, "/", "big").await;
    for n in 0..1_050 {
        b.put(&me, "/big", &format!("{n}"), &[1]).await;
    }
    let small = b.put(&me, "/", "small", b"22").await;
    b.drive.delete(&me, folders(&[big.id])).await.expect("deleted");
    b.drive.delete(&me, files(&[small.id])).await.expect("deleted");
    b.drive.purge(&me, files(&[small.id])).await.expect("purged");
    assert_eq!(b.drive.account(&me).await.expect("account").used, 1_050);
    b.balanced().await;
    b.drive.empty_bin(&me).await.expect("emptied");
    let left = b.drive.account(&me).await.expect("account").used;
    assert!((1..=60).contains(&left), "{left}");
    b.balanced().await;
    while b.drive.purge_some().await.expect("freed") {}
    assert_eq!(b.drive.account(&me).await.expect("account").used, 0);
    b.balanced().await;
}
