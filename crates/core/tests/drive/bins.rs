//! The bin and old versions: what a restore does where something is in the way, what is kept for ever, and the freeing of many
//! nodes as a job that can be followed.

use futures_util::future::join_all;
use pantry_core::{
    Actor, Error, JobState,
    files::{OnConflict, Selection},
};
use pantry_db::{DbOptions, Faults, jobs::Job};
use pantry_types::{NodeId, VersionId};

use crate::{
    common::{Home, On, at, drive, drive_with, noise, settings},
    on_both,
};

on_both! {
    a_restore_where_something_is_in_the_way
    of_many_restores_of_one_thing_one_wins
    what_is_kept_outlives_count_age_and_need
    the_freeing_of_many_nodes_can_be_followed
    an_emptied_bin_is_one_job
    a_job_goes_on_after_a_restart
    what_had_its_time_in_the_bin_is_freed_in_the_background
}

const GIB: i64 = 1 << 30;
const DAY: i64 = 86_400;

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

async fn a_restore_where_something_is_in_the_way(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let d = &b.drive;
    b.mkdir(&me, "/", "to").await;
    // Files: refused, renamed, and in the place of the other, which goes to the bin.
    let first = b.put(&me, "/", "x.txt", b"first").await;
    d.delete(&me, files(&[first.id])).await.expect("deleted");
    let second = b.put(&me, "/", "x.txt", b"second").await;
    let refused = d.restore(&me, files(&[first.id]), None, OnConflict::Fail).await;
    assert!(matches!(refused, Err(Error::NameTaken { .. })));
    assert_eq!(d.bin(&me, None, 10).await.expect("bin").total, 1, "nothing was changed");
    let renamed = d.restore(&me, files(&[first.id]), None, OnConflict::Rename).await;
    assert_eq!(renamed.expect("restored").items[0].name, "x (1).txt");
    d.delete(&me, files(&[second.id])).await.expect("deleted");
    d.rename(
        &me,
        first.id,
        pantry_core::Kind::File,
        crate::common::name_of("x.txt"),
        OnConflict::Fail,
    )
    .await
    .expect("renamed");
    let over = d.restore(&me, files(&[second.id]), None, OnConflict::Overwrite).await;
    assert_eq!(over.expect("restored").items[0].id, second.id, "it keeps its id");
    let bin = d.bin(&me, None, 10).await.expect("bin");
    assert_eq!((bin.total, bin.items[0].node.id), (1, first.id));
    assert_eq!(b.content(&me, second.id).await, b"second");

    // Folders: the same, whole.
    let old = b.mkdir(&me, "/", "album").await;
    let inside = b.put(&me, "/album", "old.txt", b"old").await;
    d.delete(&me, folders(&[old.id])).await.expect("deleted");
    let new = b.mkdir(&me, "/", "album").await;
    b.put(&me, "/album", "new.txt", b"new").await;
    let refused = d.restore(&me, folders(&[old.id]), None, OnConflict::Fail).await;
    assert!(matches!(refused, Err(Error::NameTaken { .. })));
    let over = d.restore(&me, folders(&[old.id]), None, OnConflict::Overwrite).await;
    assert_eq!(over.expect("restored").items[0].path, "/album");
    assert_eq!(b.names(&me, "/album").await, ["old.txt"], "folders are not mixed");
    let back = d
        .restore(&me, folders(&[new.id]), Some(at("/to")), OnConflict::Fail)
        .await;
    assert_eq!(back.expect("restored").items[0].path, "/to/album");
    assert_eq!(b.names(&me, "/to/album").await, ["new.txt"]);

    // A file where a folder is, and the other way.
    d.delete(&me, files(&[inside.id])).await.expect("deleted");
    b.mkdir(&me, "/album", "old.txt").await;
    for conflict in [OnConflict::Fail, OnConflict::Overwrite] {
        let mixed = d.restore(&me, files(&[inside.id]), None, conflict).await;
        assert!(matches!(mixed, Err(Error::KindMismatch { .. })), "{mixed:?}");
    }
    let renamed = d.restore(&me, files(&[inside.id]), None, OnConflict::Rename).await;
    assert_eq!(renamed.expect("restored").items[0].path, "/album/old (1).txt");

    // A batch happens whole or not at all, and a place must be one.
    d.delete(&me, files(&[inside.id])).await.expect("deleted");
    d.delete(&me, folders(&[new.id])).await.expect("deleted");
    let both = Selection {
        files: vec![inside.id],
        folders: vec![new.id],
    };
    b.put(&me, "/to", "album", b"in the way").await;
    let half = d
        .restore(&me, both.clone(), Some(at("/to")), OnConflict::Overwrite)
        .await;
    assert!(matches!(half, Err(Error::KindMismatch { .. })));
    assert!(matches!(d.stat(&me, inside.id).await, Err(Error::NotFound(_))));
    for nowhere in ["/nowhere", "/x.txt", "/album/gone/deeper"] {
        let lost = d.restore(&me, both.clone(), Some(at(nowhere)), OnConflict::Fail).await;
        assert!(matches!(lost, Err(Error::NotFound("folder"))), "{nowhere}: {lost:?}");
    }
    let used = d.account(&me).await.expect("account").used;
    d.restore(&me, both, Some(at("/")), OnConflict::Rename)
        .await
        .expect("restored");
    assert_eq!(
        d.account(&me).await.expect("account").used,
        used,
        "the bin counted already"
    );
    b.balanced().await;
}

async fn of_many_restores_of_one_thing_one_wins(on: On) {
    let b = drive(on).await;
    // Full to the last byte: what is restored counted before, so that it never fails for space.
    let ann = b.person("ann", 100).await;
    let me = Actor::person(ann);
    let file = b.put(&me, "/", "f", &[1; 60]).await;
    b.put(&me, "/", "rest", &[2; 40]).await;
    b.drive.delete(&me, files(&[file.id])).await.expect("deleted");
    let restores = (0..20).map(|_| b.drive.restore(&me, files(&[file.id]), None, OnConflict::Rename));
    let writes = (0..20).map(|n| {
        let (b, me) = (&b, &me);
        async move { b.try_put(me, "/", &format!("more {n}"), &[3; 10]).await.map(|_| ()) }
    });
    let (restored, written) = futures_util::future::join(join_all(restores), join_all(writes)).await;
    assert_eq!(restored.iter().filter(|r| r.is_ok()).count(), 1);
    assert!(written.iter().all(|w| matches!(w, Err(Error::Quota { .. }))));
    assert_eq!(b.names(&me, "/").await, ["f", "rest"]);
    assert_eq!(b.drive.account(&me).await.expect("account").used, 100);
    b.balanced().await;
}

/// Sizes of a file's versions, newest first, and whether each is kept.
async fn versions(b: &Home, me: &Actor, file: NodeId) -> Vec<(VersionId, i64, bool)> {
    let all = b.drive.versions(me, file).await.expect("versions");
    all.iter().map(|v| (v.id, v.size, v.keep)).collect()
}

async fn what_is_kept_outlives_count_age_and_need(on: On) {
    let mut s = settings();
    s.versions.keep_count = 2;
    let b = drive_with(on, s, DbOptions::default()).await;
    let ann = b.person("ann", 1_000).await;
    let me = Actor::person(ann);
    let app = b.app(ann, "1000000001", "App", "files.app_data").await;
    let d = &b.drive;
    let file = b.put(&me, "/", "f", &noise(1, 101)).await.id;
    // The current one can be kept before it is an old one.
    let first = versions(&b, &me, file).await[0].0;
    assert!(d.keep_version(&me, file, first, true).await.expect("kept").keep);
    for n in 2..=5 {
        b.put(&me, "/", "f", &noise(n, 100 + usize::from(n))).await;
    }
    let sizes = |all: &[(VersionId, i64, bool)]| all.iter().map(|v| (v.1, v.2)).collect::<Vec<_>>();
    let all = versions(&b, &me, file).await;
    let wanted = [(105, false), (104, false), (103, false), (101, true)];
    assert_eq!(sizes(&all), wanted, "it does not count among the two");
    assert_eq!(d.account(&me).await.expect("account").used, 413);

    // Not for space: the others go first, oldest first, and then it is full.
    let full = b.try_put(&me, "/", "big", &noise(9, 800)).await;
    assert!(matches!(full, Err(Error::Quota { needed: 800, free: 794 })), "{full:?}");
    assert_eq!(
        versions(&b, &me, file).await.len(),
        4,
        "a write that does not fit anyway drops none"
    );
    b.put(&me, "/", "fits", &noise(9, 600)).await;
    assert_eq!(
        sizes(&versions(&b, &me, file).await),
        [(105, false), (104, false), (101, true)]
    );
    b.put(&me, "/", "fits too", &noise(9, 190)).await;
    assert_eq!(sizes(&versions(&b, &me, file).await), [(105, false), (101, true)]);
    let full = b.try_put(&me, "/", "more", &noise(9, 100)).await;
    assert!(matches!(full, Err(Error::Quota { free: 4, .. })), "{full:?}");

    // Not for its age.
    b.clock.advance(400 * DAY);
    d.sweep().await.expect("swept");
    assert_eq!(sizes(&versions(&b, &me, file).await), [(105, false), (101, true)]);
    // Only who may write the file, and only of that file.
    let other = b.put(&app, "/", "g", b"1234").await.id;
    for (actor, node, version) in [
        (&app, file, first),
        (&me, other, first),
        (&me, file, VersionId(1 << 50)),
    ] {
        let refused = d.keep_version(actor, node, version, false).await;
        assert!(matches!(refused, Err(Error::NotFound(_))));
    }
    let reader = b.app(ann, "1000000002", "Reader", "files.read_all").await;
    assert!(matches!(
        d.keep_version(&reader, file, first, false).await,
        Err(Error::Forbidden(_))
    ));
    // Its content is as it was; brought back, the new version is not kept by itself.
    d.restore_version(&me, file, first).await.expect("restored");
    let all = versions(&b, &me, file).await;
    assert_eq!(
        sizes(&all),
        [(101, false), (101, true)],
        "what it replaced made room for it"
    );
    assert_eq!(b.content(&me, file).await, noise(1, 101));
    assert!(!d.keep_version(&me, file, first, false).await.expect("let go").keep);
    d.sweep().await.expect("swept");
    assert_eq!(
        sizes(&versions(&b, &me, file).await),
        [(101, false)],
        "its age counts again"
    );
    b.balanced().await;
}

async fn followed(b: &Home, actor: &Actor, id: i64) -> Job {
    b.drive.job(actor, id).await.expect("a job")
}

async fn the_freeing_of_many_nodes_can_be_followed(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let app = b.app(ann, "1000000001", "App", "files.app_data").await;
    let top = b.mkdir(&me, "/", "top").await;
    let a = b.mkdir(&me, "/top", "a").await;
    let deep = b.mkdir(&me, "/top/a", "deep").await;
    b.fill(ann, a.id, 700).await;
    b.fill(ann, deep.id, 1_300).await;
    b.put(&me, "/top/a/deep", "f", &[1; 50]).await;
    let few = b.mkdir(&me, "/", "few").await;
    b.fill(ann, few.id, 3).await;
    let (all, at_once) = (2_004, 1_000);
    b.drive.delete(&me, folders(&[top.id, few.id])).await.expect("deleted");
    let done = b.drive.purge(&me, folders(&[few.id])).await.expect("purged");
    assert_eq!(done.job, None, "few are freed at once");
    let done = b.drive.purge(&me, folders(&[top.id])).await.expect("purged");
    let id = done.job.expect("a job");
    assert_eq!(done.affected, 1);
    let job = followed(&b, &me, id).await;
    assert_eq!(
        (job.state, job.done, job.total),
        (JobState::Running, at_once, 0),
        "not counted yet"
    );
    assert_eq!(
        b.drive.bin(&me, None, 10).await.expect("bin").total,
        0,
        "it has left the bin"
    );
    assert!(matches!(b.drive.job(&app, id).await, Err(Error::NotFound("job"))));
    assert!(!b.drive.work().await.expect("worked"), "it has no work of its own");
    assert!(b.drive.purge_some().await.expect("counted"));
    let job = followed(&b, &me, id).await;
    assert_eq!((job.state, job.done, job.total), (JobState::Running, at_once, all));
    let mut before = at_once;
    while b.drive.purge_some().await.expect("freed") {
        let job = followed(&b, &me, id).await;
        assert!(job.done > before && job.total == all, "{job:?}");
        before = job.done;
        b.balanced().await;
    }
    let job = followed(&b, &me, id).await;
    assert_eq!((job.state, job.done, job.total), (JobState::Done, all, all));
    assert_eq!(b.drive.account(&me).await.expect("account").used, 0);
    b.clock.advance(8 * DAY);
    b.drive.sweep().await.expect("swept");
    assert!(matches!(b.drive.job(&me, id).await, Err(Error::NotFound("job"))));
    b.balanced().await;
}

async fn an_emptied_bin_is_one_job(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let top = b.mkdir(&me, "/", "top").await;
    b.fill(ann, top.id, 1_200).await;
    let ids: Vec<NodeId> = {
        let listed = b.drive.db().read((ann, top.id), |tx, (user, top)| {
            Box::pin(async move { pantry_db::nodes::page(tx, *user, *top, None, 2_000).await })
        });
        listed.await.expect("listed").iter().map(|n| n.id).collect()
    };
    b.drive.delete(&me, folders(&ids)).await.expect("deleted");
    let done = b.drive.empty_bin(&me).await.expect("emptied");
    let id = done.job.expect("a job");
    assert_eq!(done.affected, 1_200);
    assert_eq!(b.drive.bin(&me, None, 10).await.expect("bin").total, 0);
    let job = followed(&b, &me, id).await;
    assert_eq!((job.state, job.done), (JobState::Running, 1_000));
    b.balanced().await;
    while b.drive.purge_some().await.expect("freed") {}
    let job = followed(&b, &me, id).await;
    assert_eq!((job.state, job.done, job.total), (JobState::Done, 1_200, 1_200));
    assert_eq!(b.drive.empty_bin(&me).await.expect("emptied").affected, 0);
    b.balanced().await;
}

async fn a_job_goes_on_after_a_restart(on: On) {
    let mut b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let top = b.mkdir(&me, "/", "top").await;
    b.fill(ann, top.id, 1_500).await;
    b.drive.delete(&me, folders(&[top.id])).await.expect("deleted");
    let id = b
        .drive
        .purge(&me, folders(&[top.id]))
        .await
        .expect("purged")
        .job
        .expect("a job");
    for _ in 0..3 {
        b.reopened(settings(), Faults::default()).await;
        b.drive.purge_some().await.expect("freed");
        b.balanced().await;
    }
    b.reopened(settings(), Faults::default()).await;
    while b.drive.purge_some().await.expect("freed") {}
    let job = followed(&b, &me, id).await;
    assert_eq!((job.state, job.done, job.total), (JobState::Done, 1_501, 1_501));
    b.balanced().await;
}

async fn what_had_its_time_in_the_bin_is_freed_in_the_background(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let old = b.put(&me, "/", "old", &noise(1, 100_000)).await;
    b.drive.delete(&me, files(&[old.id])).await.expect("deleted");
    b.clock.advance(29 * DAY);
    let new = b.put(&me, "/", "new", b"12345").await;
    b.drive.delete(&me, files(&[new.id])).await.expect("deleted");
    b.clock.advance(DAY + 1);
    assert_eq!(b.drive.sweep().await.expect("swept").binned, 1);
    let bin = b.drive.bin(&me, None, 10).await.expect("bin");
    assert_eq!((bin.total, bin.items[0].node.id), (1, new.id));
    b.balanced().await;
    while b.drive.purge_some().await.expect("freed") {}
    assert_eq!(b.drive.account(&me).await.expect("account").used, 5);
    b.drive.sweep().await.expect("condemned");
    b.clock.advance(3 * DAY);
    assert_eq!(
        b.drive.sweep().await.expect("swept").blobs,
        1,
        "its content is gone too"
    );
    b.balanced().await;
}
