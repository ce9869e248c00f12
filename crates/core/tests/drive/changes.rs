//! The feed of changes where it needs a large log or a large tree. Its rules are tested over HTTP.

use pantry_core::{
    Actor,
    changes::{Changes, Cursor, Event},
    files::{FolderRef, OnConflict, Selection},
};
use pantry_db::{
    Outcome,
    changes::{self as log, Change},
    users,
};
use pantry_types::{NodeId, UserId};

use crate::{
    common::{Home, NOW, On, drive},
    on_both,
};

on_both! {
    a_quiet_root_in_a_busy_drive_is_read_in_bounded_pieces
    a_copy_that_is_a_job_is_told_as_one_when_all_of_it_is_there
    a_page_of_many_has_each_node_with_its_own_path
}

const GIB: i64 = 1 << 30;

async fn now(b: &Home, actor: &Actor) -> Cursor {
    b.drive.changes(actor, None, 1).await.expect("a cursor").next
}

async fn since(b: &Home, actor: &Actor, from: Cursor, limit: i64) -> Changes {
    let page = b.drive.changes(actor, Some(from), limit).await.expect("a page");
    assert!(!page.reset);
    page
}

/// So many changes of a file that lies elsewhere, by rows alone.
async fn much_goes_on(b: &Home, user: UserId, file: NodeId, folder: NodeId, count: i64) {
    b.drive
        .db()
        .write((user, file, folder, count), |tx, (user, file, folder, count)| {
            Box::pin(async move {
                let done: Result<(), pantry_db::DbError> = async {
                    let Some(person) = users::lock(tx, *user).await? else {
                        return Ok(());
                    };
                    for seq in person.head + 1..=person.head + count {
                        let change = Change {
                            user: *user,
                            seq,
                            event: log::Event::Updated,
                            kind: pantry_db::nodes::Kind::File,
                            node: *file,
                            subtree: false,
                            parent_before: *folder,
                            parent_after: *folder,
                            sandbox_before: NodeId(0),
                            sandbox_after: NodeId(0),
                            at: NOW,
                        };
                        log::append(tx, &change).await?;
                    }
                    users::set_books(tx, *user, person.used, person.reserved, person.head + count).await
                }
                .await;
                Outcome::from(done)
            })
        })
        .await
        .expect("written");
}

async fn a_quiet_root_in_a_busy_drive_is_read_in_bounded_pieces(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let app = b.app(ann, "1000000001", "Notes", "files.app_data").await;
    b.sandbox(&app).await;
    let folder = b.mkdir(&me, "/", "busy").await.id;
    let file = b.put(&me, "/busy", "f", b"1").await.id;
    let (from, all) = (now(&b, &app).await, now(&b, &me).await);
    much_goes_on(&b, ann, file, folder, 12_000).await;
    let mine = b.put(&app, "/", "mine", b"2").await;
    // Each read looks at so many rows, says that there is more, and moves on.
    let (mut at, mut pages, mut told) = (from, 0, Vec::new());
    loop {
        let page = since(&b, &app, at, 50).await;
        assert_ne!(page.next, at);
        at = page.next;
        pages += 1;
        assert_eq!(page.has_more, pages < 3, "page {pages}");
        told.extend(page.changes);
        if !page.has_more {
            break;
        }
    }
    assert_eq!((pages, told.len()), (3, 1));
    assert_eq!((told[0].event, told[0].id), (Event::Created, mine.id));
    assert_eq!(at, now(&b, &app).await);
    // Who sees all is given no more than was asked for.
    let page = since(&b, &me, all, 7).await;
    assert_eq!((page.changes.len(), page.has_more), (7, true));
    assert_eq!(page.next, page.after(&page.changes[6]));
    b.balanced().await;
}

async fn a_copy_that_is_a_job_is_told_as_one_when_all_of_it_is_there(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let src = b.mkdir(&me, "/", "src").await.id;
    let dst = b.mkdir(&me, "/", "dst").await.id;
    b.fill(ann, src, 10_001).await;
    let from = now(&b, &me).await;
    let what = Selection {
        files: vec![],
        folders: vec![src],
    };
    let begun = b
        .drive
        .copy(&me, what, FolderRef::Id(dst), None, OnConflict::Fail)
        .await;
    assert!(begun.expect("begun").job.is_some());
    for _ in 0..3 {
        assert!(b.drive.work().await.expect("worked"));
    }
    assert!(
        since(&b, &me, from, 50).await.changes.is_empty(),
        "nothing is seen of it yet"
    );
    while b.drive.work().await.expect("worked") {}
    let page = since(&b, &me, from, 50).await;
    assert_eq!(page.changes.len(), 1);
    let change = &page.changes[0];
    let node = change.node.as_ref().expect("it is there");
    assert_eq!((change.event, change.subtree), (Event::Created, true));
    assert_eq!(
        (node.path.as_str(), node.parent, node.folder_count),
        ("/dst/src", dst, 10_001)
    );
    b.balanced().await;
}

async fn a_page_of_many_has_each_node_with_its_own_path(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let from = now(&b, &me).await;
    // A chain as deep as may be, and files all along it.
    let (mut path, mut wanted) = (String::new(), Vec::new());
    for depth in 1..128 {
        let parent = if path.is_empty() { "/" } else { &path };
        let folder = b.mkdir(&me, parent, "d").await;
        wanted.push((folder.id, folder.path.clone(), folder.parent));
        if depth % 4 == 0 {
            let file = b.put(&me, parent, "f", b"1").await;
            wanted.push((file.id, file.path, file.parent));
        }
        path.push_str("/d");
    }
    let page = since(&b, &me, from, 200).await;
    let told = page.changes.into_iter().map(|c| {
        let node = c.node.expect("it is there");
        (c.id, node.path, node.parent)
    });
    assert_eq!(told.collect::<Vec<_>>(), wanted);
    b.balanced().await;
}
