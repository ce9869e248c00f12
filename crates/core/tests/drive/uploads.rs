//! Uploads and contents: parts in any order and again, hashing, crashes, quota, the janitor,
//! on both row engines. Owns the traps of bytes and rows.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use futures_util::future::join_all;
use pantry_core::{
    Actor, Error,
    files::{OnConflict, Selection},
    uploads::{Declared, Precreated},
};
use pantry_db::{DbErrorKind, Fault, Faults, Point};
use pantry_types::{Md5, NodeId};

use crate::{
    common::{CHUNK, NOW, On, at, drive, drive_with, md5_of, name_of, noise, settings},
    on_both,
};

on_both! {
    parts_in_any_order_and_again_make_the_file
    a_part_sent_again_behind_the_frontier_counts
    a_part_of_the_wrong_length_leaves_no_trace
    a_wrong_md5_keeps_the_session
    complete_answers_the_same_again_and_only_once_writes
    the_same_precreate_finds_the_session
    parallel_uploads_never_exceed_the_quota
    old_versions_go_before_a_write_is_refused
    instant_only_for_what_may_be_read
    an_upload_survives_the_end_of_the_process
    lost_power_takes_parts_and_complete_does_not_bless_them
    a_crash_between_bytes_and_row_loses_nothing
    a_revoked_grant_ends_its_uploads
    expiry_gives_back_what_was_reserved
    a_binned_parent_keeps_the_session
    a_condemned_content_that_is_named_again_stays
    a_content_deleted_for_good_may_come_again
    versions_are_dropped_by_age_and_number
    small_contents_lie_in_the_rows_and_share_one
    many_writers_of_one_part_agree
    parts_far_ahead_in_any_order_and_again_come_to_an_end
    an_upload_that_stands_still_holds_back_no_other
    a_superseded_part_takes_no_room
}

const GIB: i64 = 1 << 30;

fn files(ids: &[NodeId]) -> Selection {
    Selection {
        files: ids.to_vec(),
        folders: vec![],
    }
}

fn declared(name: &str, size: i64, md5: Md5) -> Declared {
    Declared {
        name: name_of(name),
        size,
        md5,
        mime: None,
        on_conflict: OnConflict::Overwrite,
    }
}

async fn parts_in_any_order_and_again_make_the_file(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(1, CHUNK * 3 + 1234);
    let parts: Vec<&[u8]> = bytes.chunks(CHUNK).collect();
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    for seq in [4, 2, 2, 1] {
        b.send(&up, seq as i64, parts[seq - 1]).await.expect("sent");
    }
    let r = b.drive.complete_upload(&up).await;
    assert!(matches!(r, Err(Error::Incomplete { received: 3, total: 4 })));
    let p = b.drive.upload_progress(&up).await.expect("progress");
    assert_eq!(p.parts.iter().map(|p| p.seq).collect::<Vec<_>>(), [1, 2, 4]);
    b.send(&up, 3, parts[2]).await.expect("sent");
    let done = b.drive.complete_upload(&up).await.expect("complete");
    assert_eq!(
        (done.path.as_str(), done.size, done.md5),
        ("/f.bin", bytes.len() as i64, md5_of(&bytes))
    );
    assert!(b.content(&me, done.id).await == bytes);
    assert_eq!(b.drive.upload_progress(&up).await.expect("progress").parts.len(), 4);
    assert!(matches!(b.drive.abort_upload(&up).await, Err(Error::UploadCompleted)));
    let account = b.drive.account(&me).await.expect("account");
    assert_eq!((account.used, account.reserved), (bytes.len() as i64, 0));
    b.balanced().await;
}

async fn a_part_sent_again_behind_the_frontier_counts(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(2, CHUNK * 2 + 10);
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    let wrong = noise(3, CHUNK);
    b.send(&up, 1, &wrong).await.expect("sent");
    b.send(&up, 2, &bytes[CHUNK..CHUNK * 2]).await.expect("sent");
    b.send(&up, 3, &bytes[CHUNK * 2..]).await.expect("sent");
    assert!(matches!(
        b.drive.complete_upload(&up).await,
        Err(Error::HashMismatch { .. })
    ));
    b.send(&up, 1, &bytes[..CHUNK]).await.expect("sent again");
    let done = b.drive.complete_upload(&up).await.expect("complete");
    assert!(b.content(&me, done.id).await == bytes, "the last one sent wins");
    b.balanced().await;
}

async fn a_part_of_the_wrong_length_leaves_no_trace(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(4, CHUNK + 100);
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    let r = b.send(&up, 1, &bytes[..1000]).await;
    assert!(matches!(
        r,
        Err(Error::PartLength {
            seq: 1,
            actual: Some(1000),
            ..
        })
    ));
    // Not announced: found out at the end, and in the middle.
    let mut w = b.drive.receive_part(&up, 2, None, None).await.expect("begun");
    w.write(&bytes[..50]).await.expect("written");
    assert!(matches!(
        w.finish().await,
        Err(Error::PartLength {
            seq: 2,
            actual: Some(50),
            ..
        })
    ));
    let mut w = b.drive.receive_part(&up, 2, None, None).await.expect("begun");
    assert!(matches!(
        w.write(&bytes[..101]).await,
        Err(Error::PartLength { actual: None, .. })
    ));
    drop(w);
    for seq in [0, 3, -1] {
        assert!(matches!(b.send(&up, seq, b"x").await, Err(Error::NoSuchPart { .. })));
    }
    let mut w = b
        .drive
        .receive_part(&up, 2, None, Some(md5_of(b"other")))
        .await
        .expect("begun");
    w.write(&bytes[CHUNK..]).await.expect("written");
    assert!(matches!(w.finish().await, Err(Error::HashMismatch { .. })));
    assert!(b.drive.upload_progress(&up).await.expect("progress").parts.is_empty());
    b.send_all(&up, &bytes).await;
    let done = b.drive.complete_upload(&up).await.expect("complete");
    assert!(b.content(&me, done.id).await == bytes);
    b.balanced().await;
}

async fn a_wrong_md5_keeps_the_session(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(5, 30_000);
    let d = declared("f.bin", bytes.len() as i64, md5_of(&bytes));
    let Precreated::Session { upload_id, .. } = b.drive.precreate(&me, at("/"), d).await.expect("begun") else {
        panic!("instant");
    };
    let mut broken = bytes.clone();
    broken[15_000] ^= 1;
    b.send(&upload_id, 1, &broken).await.expect("sent");
    assert!(matches!(
        b.drive.complete_upload(&upload_id).await,
        Err(Error::HashMismatch { .. })
    ));
    assert!(b.names(&me, "/").await.is_empty());
    b.send(&upload_id, 1, &bytes).await.expect("sent");
    b.drive.complete_upload(&upload_id).await.expect("complete");
    b.balanced().await;
}

async fn complete_answers_the_same_again_and_only_once_writes(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(6, CHUNK * 2);
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    b.send_all(&up, &bytes).await;
    let all = join_all((0..10).map(|_| b.drive.complete_upload(&up))).await;
    let ids: Vec<NodeId> = all.into_iter().map(|r| r.expect("complete").id).collect();
    assert!(ids.iter().all(|i| *i == ids[0]));
    assert_eq!(b.drive.versions(&me, ids[0]).await.expect("versions").len(), 1);
    assert!(matches!(
        b.send(&up, 1, &bytes[..CHUNK]).await,
        Err(Error::UploadCompleted)
    ));
    b.balanced().await;
}

async fn the_same_precreate_finds_the_session(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let bytes = noise(7, CHUNK + 1);
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    assert_eq!(up.len(), 32);
    b.send(&up, 1, &bytes[..CHUNK]).await.expect("sent");
    assert_eq!(b.begin(&me, "/", "f.bin", &bytes).await, up);
    assert_eq!(
        b.drive.account(&me).await.expect("account").reserved,
        bytes.len() as i64
    );
    let app = b.app(ann, "1000000001", "A", "files.write_all").await;
    assert_ne!(
        b.begin(&app, "/", "f.bin", &bytes).await,
        up,
        "another caller's is another"
    );
    b.drive.abort_upload(&up).await.expect("aborted");
    assert!(matches!(b.drive.upload_progress(&up).await, Err(Error::NoUpload)));
    assert!(matches!(b.drive.abort_upload(&up).await, Err(Error::NoUpload)));
    assert!(matches!(
        b.drive.complete_upload("nonsense").await,
        Err(Error::NoUpload)
    ));
    b.balanced().await;
}

async fn parallel_uploads_never_exceed_the_quota(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", 10 * 20_000).await);
    let one = |n: u32| {
        let (b, me) = (&b, me.clone());
        async move {
            let bytes = noise(8, 20_000);
            let mut bytes = bytes;
            bytes[..4].copy_from_slice(&n.to_le_bytes());
            let d = declared(&format!("f{n}"), 20_000, md5_of(&bytes));
            match b.drive.precreate(&me, at("/"), d).await {
                Ok(Precreated::Session { upload_id, .. }) => {
                    b.send(&upload_id, 1, &bytes).await.expect("sent");
                    b.drive.complete_upload(&upload_id).await.expect("complete");
                    true
                }
                Ok(Precreated::Instant(_)) => panic!("instant"),
                Err(Error::Quota { .. }) => false,
                Err(e) => panic!("{e}"),
            }
        }
    };
    let done = join_all((0..100).map(one)).await;
    assert_eq!(done.iter().filter(|d| **d).count(), 10);
    let account = b.drive.account(&me).await.expect("account");
    assert_eq!((account.used, account.reserved), (200_000, 0));
    assert!(matches!(
        b.try_put(&me, "/", "small", b"1").await,
        Err(Error::Quota { .. })
    ));
    b.balanced().await;
}

async fn old_versions_go_before_a_write_is_refused(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", 100).await);
    for n in 0..4 {
        b.put(&me, "/", "v", &[n; 20]).await;
    }
    let f = b.put(&me, "/", "keep", &[9; 20]).await;
    assert_eq!(b.drive.account(&me).await.expect("account").used, 100);
    let v = b.drive.search(&me, "v", None, 5).await.expect("found").files.remove(0);
    // Even all three old versions make no room for this: none is dropped.
    assert!(matches!(
        b.try_put(&me, "/", "big", &[1; 61]).await,
        Err(Error::Quota { needed: 61, free: 60 })
    ));
    assert_eq!(b.drive.versions(&me, v.id).await.expect("versions").len(), 4);
    b.put(&me, "/", "more", &[1; 30]).await;
    let left = b.drive.versions(&me, v.id).await.expect("versions");
    assert_eq!(left.len(), 2, "the two oldest went");
    assert_eq!(b.content(&me, f.id).await, [9; 20]);
    b.balanced().await;
}

async fn instant_only_for_what_may_be_read(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let bob = Actor::person(b.person("bob", GIB).await);
    let bytes = noise(9, 50_000);
    b.put(&me, "/", "mine.bin", &bytes).await;
    let d = |n| declared(n, bytes.len() as i64, md5_of(&bytes));
    let r = b.drive.precreate(&bob, at("/"), d("x")).await.expect("begun");
    assert!(
        matches!(r, Precreated::Session { .. }),
        "a hash alone gives nothing away"
    );
    let app = b.app(ann, "1000000001", "A", "files.app_data").await;
    let r = b.drive.precreate(&app, at("/"), d("x")).await.expect("begun");
    assert!(matches!(r, Precreated::Session { .. }), "nor to the person's own app");
    let r = b.drive.precreate(&me, at("/"), d("copy.bin")).await.expect("begun");
    let Precreated::Instant(item) = r else {
        panic!("not instant")
    };
    assert!(b.content(&me, item.id).await == bytes);
    // What bob uploads all the same is stored once.
    let up = b.begin(&bob, "/", "x", &bytes).await;
    b.send_all(&up, &bytes).await;
    let done = b.drive.complete_upload(&up).await.expect("complete");
    assert!(b.content(&bob, done.id).await == bytes);
    assert_eq!(b.drive.blobs().list(None, 10).await.expect("listed").len(), 1);
    let empty = declared("empty", 0, md5_of(b""));
    let r = b.drive.precreate(&bob, at("/"), empty).await.expect("begun");
    assert!(matches!(r, Precreated::Instant(_)));
    let r = b
        .drive
        .precreate(&bob, at("/"), declared("empty2", 0, md5_of(b"x")))
        .await;
    assert!(matches!(r, Err(Error::HashMismatch { .. })));
    b.balanced().await;

    let mut trusting = settings();
    trusting.v1.instant_upload = "trusting".into();
    let b = drive_with(on, trusting, Default::default()).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bob = Actor::person(b.person("bob", GIB).await);
    b.put(&me, "/", "mine.bin", &bytes).await;
    let r = b.drive.precreate(&bob, at("/"), d("x")).await.expect("begun");
    assert!(matches!(r, Precreated::Instant(_)), "a trusting house hands it out");
    b.balanced().await;
}

async fn an_upload_survives_the_end_of_the_process(on: On) {
    let mut b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    b.drive.recover_uploads("boot-1").await.expect("recovered");
    let bytes = noise(10, CHUNK * 3);
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    b.send(&up, 1, &bytes[..CHUNK]).await.expect("sent");
    // Sent again: lies aside.
    b.send(&up, 2, &noise(11, CHUNK)).await.expect("sent");
    b.send(&up, 2, &bytes[CHUNK..CHUNK * 2]).await.expect("sent");
    b.reopened(settings(), Faults::default()).await;
    b.drive.recover_uploads("boot-1").await.expect("recovered");
    let p = b.drive.upload_progress(&up).await.expect("progress");
    assert_eq!(p.parts.len(), 2);
    b.send(&up, 1, &noise(12, CHUNK)).await.expect("sent");
    b.send(&up, 1, &bytes[..CHUNK]).await.expect("sent");
    b.send(&up, 3, &bytes[CHUNK * 2..]).await.expect("sent");
    let done = b.drive.complete_upload(&up).await.expect("complete");
    assert!(b.content(&me, done.id).await == bytes);
    b.balanced().await;
}

async fn lost_power_takes_parts_and_complete_does_not_bless_them(on: On) {
    let mut b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    b.drive.recover_uploads("boot-1").await.expect("recovered");
    let bytes = noise(13, CHUNK * 3);
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    b.send_all(&up, &bytes).await;
    b.drive.db().close().await;
    // The page cache was lost: the second part's bytes are zeros now.
    let staged = std::fs::read_dir(b.dir.path().join("content/staging")).expect("staging");
    let data = staged
        .map(|e| e.expect("entry").path().join("data"))
        .find(|p| p.exists())
        .expect("staged data");
    let file = std::fs::OpenOptions::new().write(true).open(data).expect("opened");
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0; 4096], CHUNK as u64 + 77).expect("zeroed");
    b.reopened(settings(), Faults::default()).await;
    b.drive.recover_uploads("boot-2").await.expect("recovered");
    let p = b.drive.upload_progress(&up).await.expect("progress");
    assert_eq!(
        p.parts.iter().map(|p| p.seq).collect::<Vec<_>>(),
        [1, 3],
        "what was lost is told"
    );
    assert!(matches!(
        b.drive.complete_upload(&up).await,
        Err(Error::Incomplete { received: 2, total: 3 })
    ));
    b.send(&up, 2, &bytes[CHUNK..CHUNK * 2]).await.expect("sent");
    let done = b.drive.complete_upload(&up).await.expect("complete");
    assert!(b.content(&me, done.id).await == bytes);
    b.balanced().await;
}

/// Fails the nth COMMIT from now on, and all after it.
fn failing_from(nth: Arc<AtomicI64>) -> Faults {
    Faults::new(move |point| {
        if point == Point::Commit && nth.fetch_sub(1, Ordering::SeqCst) <= 1 {
            return Some(Fault::Error(DbErrorKind::Unavailable));
        }
        None
    })
}

async fn a_crash_between_bytes_and_row_loses_nothing(on: On) {
    // Each commit of `complete` in turn is the one that does not happen.
    for nth in 1..=4 {
        let mut b = drive(on).await;
        let me = Actor::person(b.person("ann", GIB).await);
        b.drive.recover_uploads("boot-1").await.expect("recovered");
        let bytes = noise(14, CHUNK + 9);
        let up = b.begin(&me, "/", "f.bin", &bytes).await;
        b.send_all(&up, &bytes).await;
        let left = Arc::new(AtomicI64::new(i64::MAX));
        b.reopened(settings(), failing_from(left.clone())).await;
        b.drive.recover_uploads("boot-1").await.expect("recovered");
        left.store(nth, Ordering::SeqCst);
        let failed = b.drive.complete_upload(&up).await.is_err();
        b.reopened(settings(), Faults::default()).await;
        b.drive.recover_uploads("boot-1").await.expect("recovered");
        let p = b.drive.upload_progress(&up).await.expect("progress");
        assert_eq!(p.parts.len(), 2, "commit {nth}: acknowledged parts stand");
        if nth < 4 {
            assert!(failed, "commit {nth}");
            assert!(b.names(&me, "/").await.is_empty());
        }
        let done = b.drive.complete_upload(&up).await.expect("complete");
        assert!(b.content(&me, done.id).await == bytes, "commit {nth}");
        b.balanced().await;
    }
}

async fn a_revoked_grant_ends_its_uploads(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let app = b.app(ann, "1000000001", "A", "files.app_data").await;
    let bytes = noise(15, 40_000);
    let up = b.begin(&app, "/", "f.bin", &bytes).await;
    b.send_all(&up, &bytes).await;
    let f = b.put(&app, "/", "g", b"g").await;
    let link = b.drive.link(&app, f.id, None).await.expect("link").path;
    let revoked: Result<(), Error> = b
        .drive
        .db()
        .write((ann, app.grant()), |tx, (user, grant)| {
            Box::pin(async move {
                let r: Result<(), Error> = async { Ok(pantry_db::grants::revoke(tx, *user, *grant, NOW).await?) }.await;
                r.into()
            })
        })
        .await;
    revoked.expect("revoked");
    assert!(matches!(b.send(&up, 1, &bytes).await, Err(Error::NoUpload)));
    assert!(matches!(b.drive.complete_upload(&up).await, Err(Error::NoUpload)));
    let (claim, sig) = link["/d/".len()..].split_once("?sig=").expect("link");
    assert!(matches!(b.drive.open_link(claim, sig).await, Err(Error::Forbidden(_))));
    assert!(matches!(b.drive.stat(&app, f.id).await, Err(Error::Unauthorized)));
    b.balanced().await;
}

async fn expiry_gives_back_what_was_reserved(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(16, 40_000);
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    b.send_all(&up, &bytes).await;
    b.clock.advance(86_400);
    assert!(matches!(b.drive.complete_upload(&up).await, Err(Error::UploadExpired)));
    b.drive.sweep().await.expect("swept");
    assert_eq!(b.drive.account(&me).await.expect("account").reserved, 0);
    assert!(
        matches!(b.drive.upload_progress(&up).await, Err(Error::UploadExpired)),
        "still told as expired"
    );
    assert!(b.drive.blobs().stage_list(None, 10).await.expect("listed").is_empty());
    b.clock.advance(8 * 86_400);
    b.drive.sweep().await.expect("swept");
    assert!(matches!(b.drive.upload_progress(&up).await, Err(Error::NoUpload)));
    b.balanced().await;
}

async fn a_binned_parent_keeps_the_session(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let a = b.mkdir(&me, "/", "a").await;
    let bytes = noise(17, 40_000);
    let up = b.begin(&me, "/a", "f.bin", &bytes).await;
    b.send_all(&up, &bytes).await;
    let what = Selection {
        files: vec![],
        folders: vec![a.id],
    };
    b.drive.delete(&me, what.clone()).await.expect("deleted");
    assert!(matches!(
        b.drive.complete_upload(&up).await,
        Err(Error::NotFound("folder"))
    ));
    b.drive
        .restore(&me, what, None, OnConflict::Fail)
        .await
        .expect("restored");
    let done = b.drive.complete_upload(&up).await.expect("complete");
    assert_eq!(done.path, "/a/f.bin");
    b.balanced().await;
}

async fn forget(b: &crate::common::Home, me: &Actor, id: NodeId) {
    b.drive.delete(me, files(&[id])).await.expect("deleted");
    b.drive.purge(me, files(&[id])).await.expect("purged");
    b.drive.sweep().await.expect("swept");
}

async fn a_condemned_content_that_is_named_again_stays(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(18, 40_000);
    let f = b.put(&me, "/", "f", &bytes).await;
    forget(&b, &me, f.id).await;
    let g = b.put(&me, "/", "g", &bytes).await;
    b.clock.advance(3 * 86_400);
    b.drive.sweep().await.expect("swept");
    assert!(b.content(&me, g.id).await == bytes);
    b.balanced().await;
}

async fn a_content_deleted_for_good_may_come_again(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(19, 40_000);
    let f = b.put(&me, "/", "f", &bytes).await;
    let first = b.drive.blobs().list(None, 10).await.expect("listed");
    forget(&b, &me, f.id).await;
    assert_eq!(
        b.drive.blobs().list(None, 10).await.expect("listed").len(),
        1,
        "kept for the grace"
    );
    b.clock.advance(3 * 86_400);
    assert_eq!(b.drive.sweep().await.expect("swept").blobs, 1);
    assert!(b.drive.blobs().list(None, 10).await.expect("listed").is_empty());
    let g = b.put(&me, "/", "g", &bytes).await;
    let second = b.drive.blobs().list(None, 10).await.expect("listed");
    assert_ne!(first[0].key, second[0].key, "a key is never used twice");
    // A late delete of the first does not hit the second.
    b.drive.blobs().delete(first[0].key).await.expect("deleted");
    assert!(b.content(&me, g.id).await == bytes);
    b.balanced().await;
}

async fn versions_are_dropped_by_age_and_number(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    for n in 0..14 {
        b.put(&me, "/", "v", &[n; 20]).await;
    }
    let v = b.drive.search(&me, "v", None, 5).await.expect("found").files.remove(0);
    let all = b.drive.versions(&me, v.id).await.expect("versions");
    assert_eq!(all.len(), 11, "the current one and ten old ones");
    let back = b.drive.restore_version(&me, v.id, all[4].id).await.expect("restored");
    assert_eq!(b.content(&me, back.item.id).await, [9; 20]);
    b.clock.advance(31 * 86_400);
    b.drive.sweep().await.expect("swept");
    assert_eq!(b.drive.versions(&me, v.id).await.expect("versions").len(), 1);
    assert_eq!(b.drive.account(&me).await.expect("account").used, 20);
    b.balanced().await;
}

async fn small_contents_lie_in_the_rows_and_share_one(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bob = Actor::person(b.person("bob", GIB).await);
    let f = b.put(&me, "/", "f", b"small").await;
    let g = b.put(&bob, "/", "g", b"small").await;
    assert_eq!(b.content(&me, f.id).await, b"small");
    assert_eq!(b.content(&bob, g.id).await, b"small");
    assert!(b.drive.blobs().list(None, 10).await.expect("listed").is_empty());
    // By parts too.
    let up = b.begin(&me, "/", "parts", &noise(20, 9_000)).await;
    b.send_all(&up, &noise(20, 9_000)).await;
    let done = b.drive.complete_upload(&up).await.expect("complete");
    assert!(b.content(&me, done.id).await == noise(20, 9_000));
    assert!(b.drive.blobs().list(None, 10).await.expect("listed").is_empty());
    let e = b.put(&me, "/", "empty", b"").await;
    assert_eq!(b.content(&me, e.id).await, b"");
    b.balanced().await;
}

async fn many_writers_of_one_part_agree(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(21, CHUNK + 500);
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    let failed = AtomicUsize::new(0);
    let sends = (0..12).map(|n| {
        let (b, up, bytes, failed) = (&b, &up, &bytes, &failed);
        async move {
            let r = if n % 3 == 0 {
                b.send(up, 2, &bytes[CHUNK..]).await
            } else {
                b.send(up, 1, &bytes[..CHUNK]).await
            };
            if r.is_err() {
                failed.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    join_all(sends).await;
    assert_eq!(failed.load(Ordering::SeqCst), 0);
    let done = b.drive.complete_upload(&up).await.expect("complete");
    assert!(b.content(&me, done.id).await == bytes);
    b.balanced().await;
}

/// More than may wait to be hashed arrives at once, backwards, while early parts are replaced again and again.
async fn parts_far_ahead_in_any_order_and_again_come_to_an_end(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(22, CHUNK * 13 + 77);
    let parts: Vec<(i64, &[u8])> = (1..).zip(bytes.chunks(CHUNK)).collect();
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    let wrong = noise(23, CHUNK);
    let work = async {
        for (seq, part) in parts[1..].iter().rev() {
            b.send(&up, *seq, part).await.expect("sent");
        }
        // The frontier goes to the end in one step, and back.
        b.send(&up, 1, &wrong).await.expect("sent");
        b.send(&up, 1, parts[0].1).await.expect("sent again");
        join_all([1, 7, 14, 2].map(|n| b.send(&up, n, parts[n as usize - 1].1))).await;
        // Given up while they may be waiting: nobody waits for them.
        for n in 3..8 {
            let sending = b.send(&up, n, parts[n as usize - 1].1);
            let _ = tokio::time::timeout(std::time::Duration::from_millis(1), sending).await;
        }
        b.drive.complete_upload(&up).await.expect("complete")
    };
    let done = tokio::time::timeout(std::time::Duration::from_secs(120), work).await;
    assert!(b.content(&me, done.expect("ends").id).await == bytes);
    b.balanced().await;
    // Aborted with a long way to hash and parts on their way.
    let up = b.begin(&me, "/", "g.bin", &noise(24, CHUNK * 13)).await;
    join_all((1..=13).map(|n| b.send(&up, n, &wrong))).await;
    let (_, aborted) = tokio::join!(b.send(&up, 1, parts[0].1), b.drive.abort_upload(&up));
    aborted.expect("aborted");
    assert!(matches!(b.send(&up, 2, &wrong).await, Err(Error::NoUpload)));
    b.balanced().await;
}

async fn an_upload_that_stands_still_holds_back_no_other(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let still = b.begin(&me, "/", "still", &noise(25, CHUNK * 3)).await;
    let mut begun = Vec::new();
    for n in 1..=3 {
        let mut part = b.drive.receive_part(&still, n, None, None).await.expect("begun");
        part.write(&[7; 1000]).await.expect("taken");
        begun.push(part);
    }
    let bytes = noise(26, CHUNK * 9);
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    let other = async {
        b.send_all(&up, &bytes).await;
        b.drive.complete_upload(&up).await.expect("complete")
    };
    let done = tokio::time::timeout(std::time::Duration::from_secs(60), other).await;
    assert!(b.content(&me, done.expect("ends").id).await == bytes);
    drop(begun);
    b.drive.abort_upload(&still).await.expect("aborted");
    b.balanced().await;
}

async fn a_superseded_part_takes_no_room(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(27, CHUNK + 10);
    let up = b.begin(&me, "/", "f.bin", &bytes).await;
    b.send_all(&up, &bytes).await;
    let aside = || {
        let staging = std::fs::read_dir(b.dir.path().join("content/staging")).expect("staging");
        let inside = |dir: std::fs::DirEntry| std::fs::read_dir(dir.path()).expect("upload").count() - 1;
        staging.map(|dir| inside(dir.expect("upload"))).sum::<usize>()
    };
    assert_eq!(aside(), 0);
    for n in 0..4 {
        b.send(&up, 1, &noise(28 + n, CHUNK)).await.expect("sent again");
        assert_eq!(aside(), 1, "only the last one stays");
    }
    b.send(&up, 1, &bytes[..CHUNK]).await.expect("sent again");
    b.send(&up, 1, &bytes[..CHUNK]).await.expect("and once more");
    assert_eq!(aside(), 1, "the same bytes need no second place");
    let done = b.drive.complete_upload(&up).await.expect("complete");
    assert!(b.content(&me, done.id).await == bytes);
    b.balanced().await;
}
