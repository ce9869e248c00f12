//! Contents that come, go and come again while others do the same: uploads beside the janitor,
//! callers who go away in the middle. Must not test what one caller alone can show.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::future::{join, join_all};
use pantry_core::{
    Actor, Error,
    files::{OnConflict, Selection},
};
use pantry_db::{DbErrorKind, Fault, Faults, Point};
use pantry_types::NodeId;

use crate::{
    common::{CHUNK, Home, On, at, drive, drive_with, name_of, noise, settings},
    on_both,
};

on_both! {
    contents_come_and_go_beside_the_janitor_and_none_is_lost_or_left
    a_condemned_content_that_is_uploaded_again_is_not_deleted
    completing_and_asking_at_once_loses_nothing
    many_uploads_of_one_content_store_it_once
    a_stored_content_waits_as_long_as_its_upload
    a_content_that_is_given_up_leaves_no_trace
    a_part_whose_caller_went_away_is_there_or_not
    a_part_under_way_learns_that_its_upload_was_aborted
    an_abort_beside_parts_leaves_none
}

const GIB: i64 = 1 << 30;

fn files(ids: &[NodeId]) -> Selection {
    Selection {
        files: ids.to_vec(),
        folders: vec![],
    }
}

async fn gone(b: &Home, me: &Actor, id: NodeId) {
    b.drive.delete(me, files(&[id])).await.expect("deleted");
    b.drive.purge(me, files(&[id])).await.expect("purged");
}

async fn contents_come_and_go_beside_the_janitor_and_none_is_lost_or_left(on: On) {
    // Without any grace: what the janitor condemns goes in the next second.
    let mut s = settings();
    s.janitor.grace_seconds = 0;
    s.upload.session_seconds = 0;
    let b = drive_with(on, s, Default::default()).await;
    b.drive.sweep().await.expect("swept");
    let people = join_all((0..6).map(|n| {
        let b = &b;
        async move { Actor::person(b.person(&format!("p{n}"), GIB).await) }
    }))
    .await;
    let live = |me: Actor| {
        let b = &b;
        async move {
            for n in 0..40 {
                let bytes = [n % 3; 200];
                let f = b.put(&me, "/", "f", &bytes).await;
                assert_eq!(b.content(&me, f.id).await, bytes);
                if n % 2 == 0 {
                    gone(b, &me, f.id).await;
                }
            }
        }
    };
    let janitor = async {
        for _ in 0..120 {
            b.clock.advance(1);
            b.drive.sweep().await.expect("swept");
        }
    };
    join(join_all(people.iter().cloned().map(live)), janitor).await;
    b.balanced().await;
    for me in &people {
        for f in b.drive.search(me, "f", None, 9).await.expect("found").files {
            gone(&b, me, f.id).await;
        }
    }
    for _ in 0..3 {
        b.clock.advance(2 * 86_400);
        b.drive.sweep().await.expect("swept");
    }
    assert_eq!(b.contents().await, 0, "a content that nobody names is found");
    b.balanced().await;
}

async fn a_condemned_content_that_is_uploaded_again_is_not_deleted(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(40, 60_000);
    for round in 0..6 {
        let f = b.put(&me, "/", "first", &bytes).await;
        gone(&b, &me, f.id).await;
        b.drive.sweep().await.expect("condemned");
        // Its grace is over: the janitor deletes while others bring it again.
        b.clock.advance(3 * 86_400);
        no_walk(&b).await;
        let again = (0..8).map(|n| {
            let (b, me, bytes) = (&b, &me, &bytes);
            async move { b.try_put(me, "/", &format!("again{n}"), bytes).await }
        });
        let sweeps = async {
            for _ in 0..10 {
                b.drive.sweep().await.expect("swept");
            }
        };
        let (again, ()) = join(join_all(again), sweeps).await;
        for item in again {
            let item = item.unwrap_or_else(|e| panic!("round {round}: {e}"));
            assert!(b.content(&me, item.id).await == bytes);
            gone(&b, &me, item.id).await;
        }
        b.balanced().await;
    }
}

/// Keeps the janitor from walking through storage: by this clock all that is on its way is old.
async fn no_walk(b: &Home) {
    let r: Result<(), Error> = b
        .drive
        .db()
        .write(b.drive.now().to_string(), |tx, now| {
            Box::pin(async move {
                let r: Result<(), Error> =
                    async { Ok(pantry_db::meta::set(tx, "orphans_at", now.as_bytes()).await?) }.await;
                r.into()
            })
        })
        .await;
    r.expect("noted");
}

async fn completing_and_asking_at_once_loses_nothing(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    for n in 0..12 {
        let bytes = noise(50 + n, 40_000);
        let up = b.begin(&me, "/", &format!("f{n}"), &bytes).await;
        b.send_all(&up, &bytes).await;
        let complete = join_all((0..6).map(|_| b.drive.complete_upload(&up)));
        let ask = async {
            for _ in 0..20 {
                b.drive.upload_progress(&up).await.expect("progress");
            }
        };
        let (done, ()) = join(complete, ask).await;
        for d in done {
            let id = d.expect("complete").id;
            assert!(b.content(&me, id).await == bytes);
        }
    }
    b.balanced().await;
}

async fn many_uploads_of_one_content_store_it_once(on: On) {
    let b = drive(on).await;
    let bytes = noise(41, CHUNK + 70_000);
    let one = |n: usize| {
        let (b, bytes) = (&b, &bytes);
        async move {
            let me = Actor::person(b.person(&format!("p{n}"), GIB).await);
            let up = b.begin(&me, "/", "f", bytes).await;
            b.send_all(&up, bytes).await;
            (me, b.drive.complete_upload(&up).await.expect("complete").id)
        }
    };
    let all = join_all((0..12).map(one)).await;
    for (me, id) in &all {
        assert!(b.content(me, *id).await == bytes);
    }
    assert_eq!(b.drive.blobs().list(None, 50).await.expect("listed").len(), 1);
    assert!(b.drive.blobs().stage_list(None, 50).await.expect("listed").is_empty());
    b.balanced().await;
}

async fn a_stored_content_waits_as_long_as_its_upload(on: On) {
    let mut s = settings();
    s.upload.session_seconds = 10 * 86_400;
    let mut b = drive_with(on, s.clone(), Default::default()).await;
    let me = Actor::person(b.person("ann", GIB).await);
    b.drive.recover_uploads("boot-1").await.expect("recovered");
    let bytes = noise(42, 40_000);
    let up = b.begin(&me, "/", "f", &bytes).await;
    b.send_all(&up, &bytes).await;
    // Fails at its last step, when the bytes have left the staging.
    let left = Arc::new(AtomicI64::new(i64::MAX));
    let count = left.clone();
    let faults = Faults::new(move |point| {
        let fails = point == Point::Commit && count.fetch_sub(1, Ordering::SeqCst) <= 1;
        fails.then_some(Fault::Error(DbErrorKind::Unavailable))
    });
    b.reopened(s.clone(), faults).await;
    left.store(3, Ordering::SeqCst);
    b.drive.complete_upload(&up).await.expect_err("not named");
    b.reopened(s, Faults::default()).await;
    assert_eq!(b.contents().await, 1, "stored, and named by nobody");
    b.drive.sweep().await.expect("swept");
    b.clock.advance(4 * 86_400);
    b.drive.sweep().await.expect("swept");
    let done = b.drive.complete_upload(&up).await.expect("complete");
    assert!(b.content(&me, done.id).await == bytes);
    b.balanced().await;
}

async fn a_content_that_is_given_up_leaves_no_trace(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let begin = |md5| {
        let (b, me) = (&b, &me);
        async move {
            let r = b.drive.receive_content(
                me,
                at("/"),
                name_of("f"),
                OnConflict::Fail,
                md5,
                None,
                Some(50_000),
                1 << 25,
            );
            r.await.expect("begun")
        }
    };
    // The caller goes away; sends too little; sends what has another hash.
    let mut w = begin(None).await;
    w.write(&noise(44, 20_000)).await.expect("written");
    drop(w);
    let mut w = begin(None).await;
    w.write(&noise(44, 20_000)).await.expect("written");
    assert!(matches!(w.finish().await, Err(Error::BodyBroken(_))));
    let mut w = begin(Some(pantry_types::Md5([9; 16]))).await;
    w.write(&noise(44, 50_000)).await.expect("written");
    assert!(matches!(w.finish().await, Err(Error::HashMismatch { .. })));
    for _ in 0..100 {
        if b.drive.blobs().stage_list(None, 9).await.expect("listed").is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(b.drive.blobs().stage_list(None, 9).await.expect("listed").is_empty());
    b.balanced().await;
}

async fn a_part_whose_caller_went_away_is_there_or_not(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(45, 2 * CHUNK);
    for wait in 0..30_u64 {
        let up = b.begin(&me, "/", &format!("f{wait}"), &bytes).await;
        let mut w = b.drive.receive_part(&up, 2, None, None).await.expect("begun");
        w.write(&bytes[CHUNK..]).await.expect("written");
        let _ = tokio::time::timeout(Duration::from_micros(wait * 100), w.finish()).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let rows: usize = b
            .drive
            .db()
            .read(me.user(), |tx, user| {
                Box::pin(async move {
                    let mut n = 0;
                    for u in pantry_db::uploads::of_user(tx, *user, 0, 100).await? {
                        n += pantry_db::uploads::parts(tx, *user, u.id).await?.len();
                    }
                    Ok::<_, pantry_db::DbError>(n)
                })
            })
            .await
            .expect("rows");
        let told = b.drive.upload_progress(&up).await.expect("progress").parts.len();
        assert_eq!(told, rows, "after {wait} times 100 microseconds");
        b.drive.abort_upload(&up).await.expect("aborted");
    }
    b.balanced().await;
}

async fn a_part_under_way_learns_that_its_upload_was_aborted(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(46, CHUNK);
    let up = b.begin(&me, "/", "f", &bytes).await;
    let mut w = b.drive.receive_part(&up, 1, None, None).await.expect("begun");
    w.write(&bytes[..1000]).await.expect("written");
    b.drive.abort_upload(&up).await.expect("aborted");
    let r = w.write(&bytes[1000..]).await;
    assert!(matches!(r, Err(Error::NoUpload)), "{r:?}");
    drop(w);
    b.balanced().await;
}

async fn an_abort_beside_parts_leaves_none(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let bytes = noise(47, 50_000);
    for n in 0..15 {
        let up = b.begin(&me, "/", &format!("f{n}"), &bytes).await;
        let row = b
            .drive
            .db()
            .read(me.user(), |tx, user| {
                Box::pin(async move { pantry_db::uploads::of_user(tx, *user, 0, 9).await })
            })
            .await
            .expect("row")
            .remove(0);
        let sends = join_all((0..4).map(|_| b.send(&up, 1, &bytes)));
        let (sent, aborted) = join(sends, b.drive.abort_upload(&up)).await;
        aborted.expect("aborted");
        let told = |r: &Result<(), Error>| matches!(r, Ok(()) | Err(Error::NoUpload));
        assert!(sent.iter().all(told), "{sent:?}");
        let parts = b
            .drive
            .db()
            .read((row.user, row.id), |tx, (user, id)| {
                Box::pin(async move { pantry_db::uploads::parts(tx, *user, *id).await })
            })
            .await
            .expect("parts");
        assert!(parts.is_empty());
    }
    b.balanced().await;
}
