//! Archives: what gets into one, and what breaks one off. That the format is right is told elsewhere, by others' programs.

use pantry_blob::BlobKey;
use pantry_core::{
    Actor, Error,
    archive::{Archive, Link, Of},
    files::{OnConflict, Selection},
    shares::{NewShare, ShareChange},
};
use pantry_db::{archives, blobs, grants, nodes, shares};
use pantry_types::{NodeId, ShareId, UserId, limits};

use crate::{
    common::{Home, On, at, drive, name_of, noise},
    on_both,
};

on_both! {
    folders_are_walked_in_order_and_empty_ones_stay
    a_right_that_ends_breaks_the_archive_off
    what_leaves_the_apps_folder_leaves_the_archive
    a_file_that_changes_is_sent_as_it_was_and_one_that_is_gone_is_left_out
    a_folder_that_vanishes_halfway_breaks_the_archive_off
    a_content_that_is_missing_breaks_the_archive_off
    long_choices_wait_in_rows_that_end
    a_large_directory_lies_in_a_file
    only_what_may_be_read_is_chosen
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

async fn open(b: &Home, link: &Link) -> Result<Archive, Error> {
    let (claim, signature) = link.path["/a/".len()..].split_once("?sig=").expect("a link");
    b.drive.open_archive(claim, signature).await
}

async fn begin(b: &Home, actor: &Actor, what: Selection) -> Archive {
    let link = b.drive.archive(actor, what, None).await.expect("a link");
    open(b, &link).await.expect("opened")
}

/// Takes what is left.
async fn rest(archive: &mut Archive) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    while let Some(piece) = archive.next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

/// Names in the directory at the end of an archive, in its order.
fn names(archive: &[u8]) -> Vec<String> {
    let number = |at: usize, len: usize| {
        let bytes = archive[at..at + len].iter().rev();
        bytes.fold(0_usize, |n, b| n << 8 | usize::from(*b))
    };
    let end = archive.len() - 22;
    assert_eq!(number(end, 4), 0x0605_4b50, "it has an end");
    let mut at = number(end + 16, 4);
    let mut names = Vec::new();
    for _ in 0..number(end + 10, 2) {
        assert_eq!(number(at, 4), 0x0201_4b50);
        let (name, extra) = (number(at + 28, 2), number(at + 30, 2));
        names.push(String::from_utf8(archive[at + 46..at + 46 + name].to_vec()).expect("UTF-8"));
        at += 46 + name + extra;
    }
    assert_eq!(at, end);
    names
}

fn contains(archive: &[u8], content: &[u8]) -> bool {
    archive.windows(content.len()).any(|w| w == content)
}

async fn folders_are_walked_in_order_and_empty_ones_stay(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let album = b.mkdir(&me, "/", "album").await;
    b.mkdir(&me, "/album", "empty").await;
    b.mkdir(&me, "/album", "b").await;
    b.put(&me, "/album/b", "deep.txt", b"deep").await;
    // More than a page, in natural order.
    for n in 0..230 {
        b.put(&me, "/album", &format!("f{n}"), b"same").await;
    }
    let other = b.mkdir(&me, "/", "other").await;
    let twin = b.put(&me, "/other", "album", b"a file").await;
    let mut archive = begin(
        &b,
        &me,
        Selection {
            files: vec![twin.id, twin.id],
            folders: vec![album.id, other.id],
        },
    )
    .await;
    assert_eq!(archive.name(), "archive.zip");
    let all = rest(&mut archive).await.expect("whole");
    let mut wanted: Vec<String> = [
        "album",
        "album (1)/",
        "album (1)/b/",
        "album (1)/b/deep.txt",
        "album (1)/empty/",
    ]
    .map(String::from)
    .to_vec();
    wanted.extend((0..230).map(|n| format!("album (1)/f{n}")));
    wanted.extend(["other/", "other/album"].map(String::from));
    assert_eq!(names(&all), wanted);
    assert!(archive.next().await.expect("still").is_none(), "the end stays the end");
    assert_eq!(begin(&b, &me, folders(&[album.id])).await.name(), "album.zip");
    b.balanced().await;
}

async fn revoke(b: &Home, app: &Actor) {
    let args = (app.user(), app.grant(), b.drive.now());
    let done = b.drive.db().write(args, |tx, (user, grant, now)| {
        Box::pin(async move { grants::revoke(tx, *user, *grant, *now).await.into() })
    });
    done.await.expect("revoked");
}

/// An archive is broken off: an error comes, and then nothing.
async fn broken(archive: &mut Archive) -> Error {
    let error = rest(archive).await.expect_err("broken off");
    assert!(archive.next().await.expect("nothing").is_none());
    error
}

async fn a_right_that_ends_breaks_the_archive_off(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let app = b.app(ann, "1000000001", "App", "files.app_data").await;
    let dir = b.mkdir(&app, "/", "dir").await;
    for n in 0..5 {
        b.put(&app, "/dir", &n.to_string(), &noise(n, 300_000)).await;
    }
    let link = b.drive.archive(&app, folders(&[dir.id]), None).await.expect("a link");
    let mut archive = open(&b, &link).await.expect("opened");
    archive.next().await.expect("a piece");
    archive.next().await.expect("a piece");
    revoke(&b, &app).await;
    assert!(matches!(broken(&mut archive).await, Error::Forbidden(_)));
    assert!(matches!(open(&b, &link).await, Err(Error::Forbidden(_))));

    // In the middle of one content as well.
    let app = b.app(ann, "1000000002", "Other", "files.app_data").await;
    let upload = noise(9, 130 << 20);
    let id = b.begin(&app, "/", "large", &upload).await;
    b.send_all(&id, &upload).await;
    let large = b.drive.complete_upload(&id).await.expect("complete");
    let mut archive = begin(&b, &app, files(&[large.id])).await;
    archive.next().await.expect("a piece");
    revoke(&b, &app).await;
    assert!(matches!(broken(&mut archive).await, Error::Forbidden(_)));

    // A share, likewise.
    let me = Actor::person(ann);
    let shown = b.mkdir(&me, "/", "shown").await;
    b.put(&me, "/shown", "f", &noise(1, 300_000)).await;
    b.put(&me, "/shown", "g", &noise(2, 300_000)).await;
    let beside = b.put(&me, "/", "beside", b"1").await;
    let share = share(&b, ann, shown.id).await;
    let of = Of::Share {
        user: ann,
        share,
        epoch: 1,
    };
    assert_eq!(of.user(), ann);
    let outside = b.drive.archive_of(of, files(&[beside.id]), None).await;
    assert!(matches!(outside, Err(Error::NotFound("file"))));
    let link = b
        .drive
        .archive_of(of, folders(&[shown.id]), None)
        .await
        .expect("a link");
    let whole = rest(&mut open(&b, &link).await.expect("opened")).await.expect("whole");
    assert_eq!(names(&whole), ["shown/", "shown/f", "shown/g"]);
    let mut archive = open(&b, &link).await.expect("opened");
    archive.next().await.expect("a piece");
    archive.next().await.expect("a piece");
    let cancelled = b.drive.db().write((ann, share), |tx, (user, share)| {
        Box::pin(async move { shares::cancel(tx, *user, *share).await.into() })
    });
    let cancelled: Result<bool, pantry_db::DbError> = cancelled.await;
    assert!(cancelled.expect("cancelled"));
    assert!(matches!(broken(&mut archive).await, Error::Forbidden(_)));
    assert!(matches!(open(&b, &link).await, Err(Error::Forbidden(_))));
    b.balanced().await;
}

async fn share(b: &Home, user: UserId, node: NodeId) -> ShareId {
    let what = Selection {
        files: Vec::new(),
        folders: vec![node],
    };
    let like = ShareChange {
        what: Some(what),
        ..ShareChange::default()
    };
    let new = NewShare { like, drop: false };
    let made = b.drive.create_share(&Actor::person(user), new).await;
    made.expect("shared").id
}

async fn what_leaves_the_apps_folder_leaves_the_archive(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let app = b.app(ann, "1000000001", "App", "files.app_data").await;
    let dir = b.mkdir(&app, "/", "dir").await;
    let inner = b.mkdir(&app, "/dir", "inner").await;
    b.put(&app, "/dir/inner", "secret", b"a secret").await;
    b.put(&app, "/dir", "first", &noise(1, 300_000)).await;
    b.mkdir(&me, "/", "out").await;
    let link = b.drive.archive(&app, folders(&[dir.id]), None).await.expect("a link");

    // A part that is moved away before its turn.
    let mut archive = open(&b, &link).await.expect("opened");
    let first = archive.next().await.expect("a piece").expect("a piece");
    assert!(first.starts_with(b"PK") && !contains(&first, b"a secret"));
    let away = b
        .drive
        .relocate(&me, folders(&[inner.id]), at("/out"), None, OnConflict::Fail);
    away.await.expect("moved");
    let left = rest(&mut archive).await.expect("whole");
    let whole = [&first[..], &left].concat();
    assert_eq!(names(&whole), ["dir/", "dir/first"]);

    // What was chosen itself.
    let mut archive = open(&b, &link).await.expect("opened");
    archive.next().await.expect("a piece");
    let away = b
        .drive
        .relocate(&me, folders(&[dir.id]), at("/out"), None, OnConflict::Fail);
    away.await.expect("moved");
    // Of what was moved away nothing comes, but for what was read before.
    assert!(!contains(
        &rest(&mut archive).await.unwrap_or_default(),
        &noise(1, 300_000)[..64]
    ));
    assert!(matches!(open(&b, &link).await, Err(Error::NotFound("folder"))));
    let whole_drive = b.drive.archive(&me, folders(&[dir.id]), None).await;
    assert!(open(&b, &whole_drive.expect("a link")).await.is_ok(), "the person may");
    b.balanced().await;
}

async fn a_file_that_changes_is_sent_as_it_was_and_one_that_is_gone_is_left_out(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let dir = b.mkdir(&me, "/", "dir").await;
    let (old, new) = (noise(1, 4 << 20), noise(2, 1_000_000));
    b.put(&me, "/dir", "a", &old).await;
    let gone = b.put(&me, "/dir", "b", b"gone before its turn").await;
    b.put(&me, "/dir", "c", b"the old content of c").await;
    let mut archive = begin(&b, &me, folders(&[dir.id])).await;
    // The folder, and as much of the first file as to be in the midst of it.
    let mut whole = Vec::new();
    while whole.len() < 1 << 20 {
        whole.extend_from_slice(&archive.next().await.expect("a piece").expect("a piece"));
    }
    let a = b.put(&me, "/dir", "a", &new).await;
    b.put(&me, "/dir", "c", b"the new content of c").await;
    b.drive.delete(&me, files(&[a.id, gone.id])).await.expect("deleted");
    whole.extend(rest(&mut archive).await.expect("whole"));
    assert_eq!(names(&whole), ["dir/", "dir/a", "dir/c"]);
    assert!(whole.windows(64).any(|w| w == &old[old.len() - 64..]));
    assert!(contains(&whole, b"the new content of c") && !contains(&whole, b"the old content of c"));
    b.balanced().await;
}

async fn a_folder_that_vanishes_halfway_breaks_the_archive_off(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let dir = b.mkdir(&me, "/", "dir").await;
    let many = b.mkdir(&me, "/dir", "many").await;
    b.fill(ann, many.id, 250).await;
    let mut archive = begin(&b, &me, folders(&[dir.id])).await;
    for _ in 0..3 {
        archive.next().await.expect("a piece");
    }
    b.drive.delete(&me, folders(&[many.id])).await.expect("deleted");
    assert!(
        matches!(broken(&mut archive).await, Error::NotFound(_)),
        "half a folder is none"
    );
    b.balanced().await;
}

async fn a_content_that_is_missing_breaks_the_archive_off(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let dir = b.mkdir(&me, "/", "dir").await;
    b.put(&me, "/dir", "a", b"here").await;
    b.put(&me, "/dir", "b", &noise(1, 100_000)).await;
    let key = b
        .drive
        .db()
        .read((ann, dir.id), |tx, (user, dir)| {
            Box::pin(async move {
                let found = nodes::child(tx, *user, *dir, "b").await?;
                let Some(node) = found else { return Ok(None) };
                let held = blobs::of_version(tx, *user, node.version).await?;
                Ok::<_, pantry_db::DbError>(held.map(|h| BlobKey::new(h.hash.0, h.gen_.unwrap_or_default())))
            })
        })
        .await
        .expect("read")
        .expect("stored");
    let content = {
        let reader = b.drive.blobs().reader(key).await.expect("opened");
        let mut content = vec![0; 100_000];
        reader.read_at(0, &mut content).expect("read");
        content
    };
    assert!(b.drive.blobs().delete(key).await.expect("deleted"));
    let mut archive = begin(&b, &me, folders(&[dir.id])).await;
    assert!(matches!(broken(&mut archive).await, Error::Storage(_)));
    b.drive.blobs().put_bytes(key, content.into()).await.expect("put back");
    b.balanced().await;
}

async fn long_choices_wait_in_rows_that_end(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let dir = b.mkdir(&me, "/", "dir").await;
    b.fill(ann, dir.id, limits::ARCHIVE_IDS + 1).await;
    let listed = b.drive.db().read((ann, dir.id), |tx, (user, dir)| {
        Box::pin(async move { nodes::page(tx, *user, *dir, None, 2_000).await })
    });
    let mut ids: Vec<NodeId> = listed.await.expect("listed").iter().map(|n| n.id).collect();
    let too_many = b.drive.archive(&me, folders(&ids), None).await;
    assert!(matches!(
        too_many,
        Err(Error::Invalid {
            parameter: "file_ids",
            ..
        })
    ));
    ids.pop();
    let link = b
        .drive
        .archive(&me, folders(&ids), Some(name_of("Many")))
        .await
        .expect("a link");
    assert!(link.path.starts_with("/a/~") && link.path.len() < 100, "{}", link.path);
    let mut archive = open(&b, &link).await.expect("opened");
    assert_eq!(archive.name(), "Many.zip");
    assert_eq!(names(&rest(&mut archive).await.expect("whole")).len(), ids.len());
    let others = b.drive.db().write((ann, b.drive.now() + 600), |tx, (user, ends)| {
        Box::pin(async move {
            let mut done: Result<(), pantry_db::DbError> = Ok(());
            for n in 1..1_000_i64 {
                done = done.and(archives::insert(tx, &n.to_le_bytes(), *user, "{}", *ends).await);
            }
            done.into()
        })
    });
    others.await.expect("they wait");
    let full = b.drive.archive(&me, folders(&ids[..200]), None).await;
    assert!(matches!(full, Err(Error::TooMany { retry_after: 600 })), "{full:?}");
    assert!(
        b.drive.archive(&me, folders(&ids[..2]), None).await.is_ok(),
        "short ones need no row"
    );
    b.clock.advance(599);
    b.drive.sweep().await.expect("swept");
    assert!(open(&b, &link).await.is_ok());
    b.clock.advance(1);
    assert!(matches!(open(&b, &link).await, Err(Error::Forbidden(_))));
    assert!(b.drive.archive(&me, folders(&ids[..200]), None).await.is_ok());
    b.clock.advance(1);
    b.drive.sweep().await.expect("swept");
    let left = b.drive.db().read((ann, b.drive.now() - 3_600), |tx, (user, at)| {
        Box::pin(async move { archives::live(tx, *user, *at).await })
    });
    assert_eq!(left.await.expect("read").0, 1, "only the last is left");
    b.balanced().await;
}

async fn a_large_directory_lies_in_a_file(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let dir = b.mkdir(&me, "/", "dir").await;
    b.fill(ann, dir.id, 9_000).await;
    let mut archive = begin(&b, &me, folders(&[dir.id])).await;
    let all = rest(&mut archive).await.expect("whole");
    let names = names(&all);
    assert_eq!((names.len(), names[0].as_str()), (9_001, "dir/"));
    let different: std::collections::HashSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "each once");
    let staged = std::fs::read_dir(b.dir.path().join("content/staging")).expect("a folder");
    assert_eq!(staged.count(), 0, "the file has no name");
    b.balanced().await;
}

async fn only_what_may_be_read_is_chosen(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let bob = b.person("bob", GIB).await;
    let me = Actor::person(ann);
    let theirs = b.put(&Actor::person(bob), "/", "theirs", b"1").await;
    let file = b.put(&me, "/", "file", b"1").await;
    let dir = b.mkdir(&me, "/", "dir").await;
    let app = b.app(ann, "1000000001", "App", "files.write_all").await;
    let own = b.put(&app, "/我的应用数据/App", "own", b"1").await;
    let blind = b.app(ann, "1000000002", "Blind", "user.read").await;
    let refused = [
        b.drive.archive(&me, files(&[theirs.id]), None).await,
        b.drive.archive(&me, files(&[own.id, theirs.id]), None).await,
        b.drive.archive(&me, files(&[dir.id]), None).await,
        b.drive.archive(&me, folders(&[file.id]), None).await,
        b.drive.archive(&app, files(&[file.id]), None).await,
        b.drive.archive(&app, folders(&[dir.id]), None).await,
    ];
    for (n, refused) in refused.into_iter().enumerate() {
        assert!(matches!(refused, Err(Error::NotFound(_))), "{n}: {refused:?}");
    }
    let none = b.drive.archive(&me, Selection::default(), None).await;
    assert!(matches!(none, Err(Error::Invalid { .. })));
    let blind = b.drive.archive(&blind, files(&[own.id]), None).await;
    assert!(matches!(blind, Err(Error::Forbidden(_))));
    assert!(b.drive.archive(&app, files(&[own.id]), None).await.is_ok());
    b.drive.delete(&me, files(&[file.id])).await.expect("deleted");
    let binned = b.drive.archive(&me, files(&[file.id]), None).await;
    assert!(matches!(binned, Err(Error::NotFound("file"))));
    b.balanced().await;
}
