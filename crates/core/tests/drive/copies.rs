//! Copies that are jobs: in batches, across a restart, and what stops them.
//! Owns the traps of long work; short copies stand in `tree.rs`.

use pantry_core::{
    Actor, Error,
    files::{Done, FolderRef, OnConflict, Selection},
};
use pantry_db::{DbOptions, Faults, jobs::JobState};
use pantry_types::NodeId;

use crate::{
    common::{Home, On, at, drive, name_of, open, settings},
    on_both,
};

on_both! {
    a_large_copy_is_a_job_that_goes_on_after_a_restart
    a_folder_s_entries_come_by_their_ids_few_or_many
    a_job_that_meets_the_quota_leaves_nothing
    a_job_makes_room_of_old_versions_and_stays_within_the_quota
    a_job_over_a_file_becomes_its_new_version
    a_job_over_a_folder_sends_it_to_the_bin
    a_job_over_itself_changes_nothing
    a_job_checks_the_depth_when_it_begins
    a_job_whose_source_is_purged_copies_nothing
    two_workers_make_one_copy
    a_job_of_an_app_ends_with_its_grant
}

const GIB: i64 = 1 << 30;
const MANY: usize = 10_001;

fn folders(ids: &[NodeId]) -> Selection {
    Selection {
        files: vec![],
        folders: ids.to_vec(),
    }
}

/// A folder `/src` that is too large to be copied at once, and an empty one, `/dst`.
async fn large(b: &Home, me: &Actor) -> (NodeId, NodeId) {
    let src = b.mkdir(me, "/", "src").await.id;
    let dst = b.mkdir(me, "/", "dst").await.id;
    b.fill(me.user(), src, MANY).await;
    (src, dst)
}

async fn copy(b: &Home, me: &Actor, what: Selection, to: NodeId, on: OnConflict) -> Result<Done, Error> {
    b.drive.copy(me, what, FolderRef::Id(to), None, on).await
}

async fn job(b: &Home, me: &Actor, id: Option<i64>) -> pantry_db::jobs::Job {
    b.drive.job(me, id.expect("a job")).await.expect("job")
}

async fn work(b: &Home) {
    while b.drive.work().await.expect("worked") {}
}

async fn a_large_copy_is_a_job_that_goes_on_after_a_restart(on: On) {
    let mut b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let (src, dst) = large(&b, &me).await;
    b.mkdir(&me, "/src", "inner").await;
    b.put(&me, "/src/inner", "f", &[7; 1000]).await;
    let before = b.drive.account(&me).await.expect("account").head;
    let done = copy(&b, &me, folders(&[src]), dst, OnConflict::Fail)
        .await
        .expect("begun");
    assert_eq!(done.affected, 1);
    assert_eq!(job(&b, &me, done.job).await.total, MANY as i64 + 3);
    assert_eq!(b.drive.account(&me).await.expect("account").reserved, 1000);
    for _ in 0..3 {
        assert!(b.drive.work().await.expect("worked"));
    }
    assert!(b.names(&me, "/dst").await.is_empty(), "in nobody's sight yet");
    b.balanced().await;
    b.reopened(settings(), Faults::default()).await;
    work(&b).await;
    let j = job(&b, &me, done.job).await;
    assert_eq!((j.state, j.done, j.total), (JobState::Done, j.total, MANY as i64 + 3));
    let there = b
        .drive
        .stat_path(&me, pantry_types::DrivePath::parse("/dst/src").expect("path"));
    let there = there.await.expect("stat").expect("there");
    assert_eq!((there.folder_count, there.file_count), (MANY as i64 + 1, 0));
    let f = b.drive.search(&me, "f", None, 5).await.expect("found").files.remove(0);
    assert_eq!(f.path, "/dst/src/inner/f");
    assert_eq!(b.content(&me, f.id).await, [7; 1000]);
    let account = b.drive.account(&me).await.expect("account");
    assert_eq!((account.used, account.reserved), (2000, 0));
    assert_eq!(account.head, before + 1, "it appears as one change");
    b.balanced().await;
}

async fn a_job_that_meets_the_quota_leaves_nothing(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", 100).await);
    let (src, dst) = large(&b, &me).await;
    b.put(&me, "/src", "f", &[1; 40]).await;
    let too_much = b.put(&me, "/", "other", &[2; 25]).await;
    let r = copy(&b, &me, folders(&[src]), dst, OnConflict::Fail).await;
    assert!(matches!(r, Err(Error::Quota { needed: 40, free: 35 })), "{r:?}");
    let what = Selection {
        files: vec![too_much.id],
        folders: vec![],
    };
    b.drive.delete(&me, what.clone()).await.expect("deleted");
    b.drive.purge(&me, what).await.expect("purged");
    let done = copy(&b, &me, folders(&[src]), dst, OnConflict::Fail)
        .await
        .expect("begun");
    assert!(b.drive.work().await.expect("worked"));
    // What comes into the source meanwhile was not promised.
    b.put(&me, "/src", "more", &[3; 15]).await;
    work(&b).await;
    assert_eq!(job(&b, &me, done.job).await.state, JobState::Failed);
    while b.drive.purge_some().await.expect("freed") {}
    assert!(b.names(&me, "/dst").await.is_empty());
    let account = b.drive.account(&me).await.expect("account");
    assert_eq!((account.used, account.reserved), (55, 0));
    b.balanced().await;
}

async fn a_job_makes_room_of_old_versions_and_stays_within_the_quota(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", 100).await);
    let (src, dst) = large(&b, &me).await;
    b.put(&me, "/src", "f", &[1; 30]).await;
    b.put(&me, "/", "v", &[2; 50]).await;
    let v = b.put(&me, "/", "v", &[3; 10]).await;
    copy(&b, &me, folders(&[src]), dst, OnConflict::Fail)
        .await
        .expect("begun");
    assert_eq!(b.drive.versions(&me, v.id).await.expect("versions").len(), 2);
    work(&b).await;
    assert_eq!(b.names(&me, "/dst").await, ["src"]);
    let account = b.drive.account(&me).await.expect("account");
    assert_eq!((account.used, account.reserved), (70, 0), "the old version went");
    b.balanced().await;
}

async fn a_job_over_a_file_becomes_its_new_version(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let (src, dst) = large(&b, &me).await;
    let x = b.put(&me, "/", "x", b"new").await;
    let there = b.put(&me, "/dst", "x", b"old").await;
    let what = Selection {
        files: vec![x.id],
        folders: vec![src],
    };
    let done = copy(&b, &me, what, dst, OnConflict::Overwrite).await.expect("begun");
    assert_eq!(b.drive.account(&me).await.expect("account").reserved, 3);
    work(&b).await;
    assert_eq!(job(&b, &me, done.job).await.state, JobState::Done);
    assert_eq!(b.content(&me, there.id).await, b"new");
    assert_eq!(b.drive.versions(&me, there.id).await.expect("versions").len(), 2);
    assert_eq!(b.drive.bin(&me, None, 5).await.expect("bin").total, 0);
    let account = b.drive.account(&me).await.expect("account");
    assert_eq!((account.used, account.reserved), (9, 0));
    b.balanced().await;
}

async fn a_job_over_a_folder_sends_it_to_the_bin(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let (src, dst) = large(&b, &me).await;
    let old = b.mkdir(&me, "/dst", "src").await;
    b.put(&me, "/dst/src", "was-there", b"1").await;
    let r = copy(&b, &me, folders(&[src]), dst, OnConflict::Fail).await;
    assert!(matches!(r, Err(Error::NameTaken { .. })));
    copy(&b, &me, folders(&[src]), dst, OnConflict::Overwrite)
        .await
        .expect("begun");
    work(&b).await;
    let binned = b.drive.bin(&me, None, 5).await.expect("bin");
    assert_eq!((binned.total, binned.items[0].entry.node), (1, old.id));
    assert_eq!(b.names(&me, "/dst").await, ["src"]);
    b.balanced().await;
}

async fn a_job_over_itself_changes_nothing(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let (src, _) = large(&b, &me).await;
    let r = b
        .drive
        .copy(&me, folders(&[src]), at("/"), None, OnConflict::Overwrite)
        .await;
    r.expect("nothing to do");
    work(&b).await;
    assert_eq!(b.drive.bin(&me, None, 5).await.expect("bin").total, 0);
    assert_eq!(b.drive.stat(&me, src).await.expect("there").path, "/src");
    b.balanced().await;
}

async fn a_job_checks_the_depth_when_it_begins(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let (src, _) = large(&b, &me).await;
    let mut deep = NodeId(0);
    for _ in 0..128 {
        let made = b.drive.create_folder(&me, FolderRef::Id(deep), name_of("d")).await;
        deep = made.expect("made").item.id;
    }
    let r = copy(&b, &me, folders(&[src]), deep, OnConflict::Fail).await;
    assert!(matches!(r, Err(Error::TooDeep)), "{r:?}");
    work(&b).await;
    b.balanced().await;
}

async fn a_job_whose_source_is_purged_copies_nothing(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let (src, dst) = large(&b, &me).await;
    b.put(&me, "/src", "f", &[1; 40]).await;
    let done = copy(&b, &me, folders(&[src]), dst, OnConflict::Fail)
        .await
        .expect("begun");
    for _ in 0..2 {
        assert!(b.drive.work().await.expect("worked"));
    }
    b.drive.delete(&me, folders(&[src])).await.expect("deleted");
    b.drive.empty_bin(&me).await.expect("emptied");
    work(&b).await;
    while b.drive.purge_some().await.expect("freed") {}
    assert_eq!(
        job(&b, &me, done.job).await.state,
        JobState::Failed,
        "half a copy is no copy"
    );
    assert!(b.names(&me, "/dst").await.is_empty());
    let account = b.drive.account(&me).await.expect("account");
    assert_eq!((account.used, account.reserved), (0, 0));
    b.balanced().await;
}

async fn two_workers_make_one_copy(on: On) {
    let b = drive(on).await;
    let me = Actor::person(b.person("ann", GIB).await);
    let (src, dst) = large(&b, &me).await;
    let done = copy(&b, &me, folders(&[src]), dst, OnConflict::Fail)
        .await
        .expect("begun");
    let other = open(&b.url, b.dir.path(), &b.clock, settings(), DbOptions::default()).await;
    let until_done = async |drive: &pantry_core::Drive| {
        loop {
            match drive.work().await {
                Ok(true) | Err(Error::Busy) => {}
                Ok(false) => return,
                Err(e) => panic!("{e}"),
            }
        }
    };
    futures_util::future::join(until_done(&b.drive), until_done(&other)).await;
    assert_eq!(job(&b, &me, done.job).await.state, JobState::Done);
    assert_eq!(b.names(&me, "/dst").await, ["src"]);
    other.db().close().await;
    b.balanced().await;
}

async fn a_job_of_an_app_ends_with_its_grant(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let app = b.app(ann, "1000000001", "A", "files.write_all files.read_all").await;
    let (src, dst) = large(&b, &me).await;
    let done = copy(&b, &app, folders(&[src]), dst, OnConflict::Fail)
        .await
        .expect("begun");
    assert!(b.drive.work().await.expect("worked"));
    let revoked: Result<(), Error> = b
        .drive
        .db()
        .write((ann, app.grant()), |tx, (user, grant)| {
            Box::pin(async move {
                let r: Result<(), Error> = async { Ok(pantry_db::grants::revoke(tx, *user, *grant, 1).await?) }.await;
                r.into()
            })
        })
        .await;
    revoked.expect("revoked");
    assert!(b.drive.work().await.expect("worked"));
    assert_eq!(
        job(&b, &me, done.job).await.state,
        JobState::Failed,
        "at once, not when all is copied"
    );
    while b.drive.purge_some().await.expect("freed") {}
    assert!(b.names(&me, "/dst").await.is_empty());
    b.balanced().await;
}

async fn a_folder_s_entries_come_by_their_ids_few_or_many(on: On) {
    let b = drive(on).await;
    let ann = b.person("ann", GIB).await;
    let me = Actor::person(ann);
    let top = b.mkdir(&me, "/", "top").await;
    let beside = b.mkdir(&me, "/", "beside").await;
    // Entries of two folders in turns, with names against the order of their ids.
    let mut expected = Vec::new();
    for n in 0..12 {
        let folder = if n % 3 == 2 { "/beside" } else { "/top" };
        let made = b.mkdir(&me, folder, &format!("n{:02}", 90 - n)).await;
        if folder == "/top" {
            expected.push(made.id);
        }
    }
    for many in [false, true] {
        let (mut found, mut after) = (Vec::new(), NodeId(0));
        loop {
            let args = (ann, top.id, after, many);
            let page = b.drive.db().read(args, |tx, (user, top, after, many)| {
                Box::pin(async move { pantry_db::nodes::by_id(tx, *user, *top, *after, *many, 3).await })
            });
            let page = page.await.expect("listed");
            let Some(last) = page.last() else { break };
            after = last.id;
            assert!(page.iter().all(|n| n.parent == top.id && n.parent != beside.id));
            found.extend(page.iter().map(|n| n.id));
        }
        assert_eq!(found, expected, "many: {many}");
    }
}
