//! The failure paths of the SQLite engine, by faults injected and by real ones.
//! Each test is named by the trap it stands in.

use std::{
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use futures_util::FutureExt as _;
use rusqlite::Connection;

use crate::{Db, DbError, DbErrorKind, DbOptions, Fault, Faults, Outcome, Point, Tx};

struct Home {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            path: dir.path().join("rows.db"),
            _dir: dir,
        }
    }

    async fn try_open(&self, options: DbOptions) -> Result<Db, DbError> {
        let url = format!("sqlite:{}", self.path.display());
        Db::open(&url.parse().unwrap(), options).await
    }

    async fn open(&self, options: DbOptions) -> Db {
        self.try_open(options).await.unwrap()
    }

    /// A connection of "another process".
    fn other(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }

    fn wal_len(&self) -> u64 {
        std::fs::metadata(super::wal_of(&self.path)).map_or(0, |wal| wal.len())
    }
}

async fn insert(tx: &mut Tx<'_>, key: &str, value: &Vec<u8>) -> Result<u64, DbError> {
    tx.execute("INSERT INTO meta (key, value) VALUES ($1, $2)", &[&key, value])
        .await
}

type Answer = Pin<Box<dyn Future<Output = Result<u64, DbError>>>>;

fn put(db: &Db, key: impl ToString, size: usize) -> Answer {
    let (db, args) = (db.clone(), (key.to_string(), vec![7_u8; size]));
    Box::pin(async move {
        db.write(args, |tx, (key, value)| {
            Box::pin(async move { insert(tx, key, value).await.into() })
        })
        .await
    })
}

async fn count(db: &Db) -> i64 {
    db.read((), |tx, ()| {
        Box::pin(async move { tx.query_one("SELECT COUNT(*) FROM meta", &[], |r| r.get(0)).await })
    })
    .await
    .unwrap_or_else(|e: DbError| panic!("{e}"))
}

/// Stops the writer at one step, until everything that a test wants in the queue is there.
struct Gate {
    arrived: Mutex<mpsc::Receiver<()>>,
    go: mpsc::Sender<()>,
}

impl Gate {
    /// A gate at the first `at`, and after it the faults of `then`.
    fn new(at: Point, then: impl Fn(Point) -> Option<Fault> + Send + Sync + 'static) -> (Self, Faults) {
        let (arrive, arrived) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let (closed, gone) = (AtomicBool::new(true), Mutex::new(gone));
        let faults = Faults::new(move |point| {
            if point == at && closed.swap(false, SeqCst) {
                let _ = arrive.send(());
                let _ = gone.lock().unwrap().recv();
            }
            then(point)
        });
        let arrived = Mutex::new(arrived);
        (Self { arrived, go }, faults)
    }

    /// Waits until the writer stands before it.
    async fn reached(&self) {
        while self.arrived.lock().unwrap().try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn open(&self) {
        self.go.send(()).unwrap();
    }
}

/// Starts `n` writes that all stand in one batch: the first stops at the gate, the others queue behind it.
async fn one_batch(db: &Db, gate: &Gate, n: usize) -> Vec<Answer> {
    let mut writes: Vec<Answer> = (0..n).map(|i| put(db, i, 1)).collect();
    for write in &mut writes {
        assert!(write.now_or_never().is_none());
    }
    gate.reached().await;
    writes
}

async fn answers(writes: Vec<Answer>) -> Vec<Result<u64, DbError>> {
    tokio::time::timeout(Duration::from_secs(20), futures_util::future::join_all(writes))
        .await
        .expect("every caller is answered")
}

fn with(faults: Faults) -> DbOptions {
    DbOptions {
        faults,
        ..DbOptions::default()
    }
}

/// A hook that fails the `nth` pass (from 1) of `at`.
fn nth(at: Point, nth: u32, fault: Fault) -> impl Fn(Point) -> Option<Fault> + Send + Sync {
    let passes = AtomicU32::new(0);
    move |point| (point == at && passes.fetch_add(1, SeqCst) + 1 == nth).then_some(fault)
}

#[tokio::test]
async fn failed_begin_answers_every_job_that_waits() {
    let home = Home::new();
    let fault = Fault::Error(DbErrorKind::Busy);
    let (gate, faults) = Gate::new(Point::Begin, nth(Point::Begin, 1, fault));
    let db = home.open(with(faults)).await;
    let writes = one_batch(&db, &gate, 10).await;
    gate.open();
    for answer in answers(writes).await {
        assert_eq!(answer.unwrap_err().kind(), DbErrorKind::Busy);
    }
    assert_eq!(count(&db).await, 0);
    put(&db, "after", 1).await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn failed_commit_answers_every_job_and_keeps_none() {
    for fault in [
        Fault::Error(DbErrorKind::Corrupt),
        Fault::RolledBack(DbErrorKind::Corrupt),
    ] {
        let home = Home::new();
        let (gate, faults) = Gate::new(Point::Begin, nth(Point::Commit, 1, fault));
        let db = home.open(with(faults)).await;
        let writes = one_batch(&db, &gate, 10).await;
        gate.open();
        for answer in answers(writes).await {
            assert_eq!(answer.unwrap_err().kind(), DbErrorKind::Corrupt);
        }
        assert_eq!(count(&db).await, 0);
        put(&db, "after", 1).await.unwrap();
        assert_eq!(count(&db).await, 1);
        db.close().await;
    }
}

#[tokio::test]
async fn no_job_is_answered_before_its_commit() {
    let home = Home::new();
    let (gate, faults) = Gate::new(Point::Commit, |_| None);
    let db = home.open(with(faults)).await;
    let mut writes = one_batch(&db, &gate, 5).await;
    for write in &mut writes {
        assert!(write.now_or_never().is_none());
    }
    assert_eq!(count(&db).await, 0, "readers see nothing yet");
    gate.open();
    assert!(answers(writes).await.iter().all(Result::is_ok));
    assert_eq!(count(&db).await, 5);
    db.close().await;
}

#[tokio::test]
async fn rollback_underneath_fails_the_culprit_and_reruns_the_others() {
    let home = Home::new();
    let fault = Fault::RolledBack(DbErrorKind::DiskFull);
    let (gate, faults) = Gate::new(Point::Begin, nth(Point::Statement, 6, fault));
    let db = home.open(with(faults)).await;
    let writes = one_batch(&db, &gate, 10).await;
    gate.open();
    for (i, answer) in answers(writes).await.into_iter().enumerate() {
        match i {
            5 => assert_eq!(answer.unwrap_err().kind(), DbErrorKind::DiskFull),
            _ => assert_eq!(answer.unwrap(), 1, "job {i}"),
        }
    }
    assert_eq!(count(&db).await, 9);
    db.close().await;
}

#[tokio::test]
async fn second_rollback_underneath_still_hurts_only_its_culprit() {
    let home = Home::new();
    // Statement 4 is job 3. Then jobs 0 to 2 run again, the last of them as statement 7.
    let passes = AtomicU32::new(0);
    let hook = move |point| {
        let hit = point == Point::Statement && [4, 7].contains(&(passes.fetch_add(1, SeqCst) + 1));
        hit.then_some(Fault::RolledBack(DbErrorKind::DiskFull))
    };
    let (gate, faults) = Gate::new(Point::Begin, hook);
    let db = home.open(with(faults)).await;
    let writes = one_batch(&db, &gate, 8).await;
    gate.open();
    let failed: Vec<usize> = answers(writes)
        .await
        .iter()
        .enumerate()
        .filter_map(|(i, answer)| answer.is_err().then_some(i))
        .collect();
    assert_eq!(failed, [2, 3]);
    assert_eq!(count(&db).await, 6);
    db.close().await;
}

#[tokio::test]
async fn commit_that_fails_after_a_rerun_is_answered() {
    let home = Home::new();
    let lost = nth(Point::Statement, 3, Fault::RolledBack(DbErrorKind::DiskFull));
    let commit = nth(Point::Commit, 2, Fault::Error(DbErrorKind::Corrupt));
    let (gate, faults) = Gate::new(Point::Begin, move |point| lost(point).or(commit(point)));
    let db = home.open(with(faults)).await;
    let writes = one_batch(&db, &gate, 3).await;
    gate.open();
    let kinds: Vec<_> = answers(writes)
        .await
        .into_iter()
        .map(|answer| answer.map_err(|e| e.kind()))
        .collect();
    assert_eq!(kinds, [Ok(1), Err(DbErrorKind::Corrupt), Err(DbErrorKind::DiskFull)]);
    assert_eq!(count(&db).await, 1);
    db.close().await;
}

#[tokio::test]
async fn really_full_disk_keeps_exactly_what_it_answered() {
    let home = Home::new();
    let options = DbOptions {
        max_pages: Some(400),
        ..DbOptions::default()
    };
    let db = home.open(options.clone()).await;
    // 40 times 64 KiB into 1.6 MB, small ones among them.
    let writes = (0..80).map(|i| put(&db, i, if i % 2 == 0 { 65_536 } else { 8 }));
    let answers = answers(writes.collect()).await;
    let kept = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(kept > 10 && kept < 80, "{kept} of 80 fitted");
    for e in answers.into_iter().filter_map(Result::err) {
        assert_eq!(e.kind(), DbErrorKind::DiskFull, "{e}");
    }
    assert_eq!(count(&db).await, kept as i64);
    let emptied = db
        .write((), |tx, ()| {
            Box::pin(async move { Outcome::from(tx.execute("DELETE FROM meta", &[]).await) })
        })
        .await;
    assert_eq!(emptied.unwrap_or_else(|e: DbError| panic!("{e}")), kept as u64);
    put(&db, "fits again", 65_536).await.unwrap();
    db.close().await;
    let whole: String = home
        .other()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok");
}

#[tokio::test]
async fn panic_in_a_batch_hurts_only_its_job() {
    let home = Home::new();
    let (gate, faults) = Gate::new(Point::Begin, |_| None);
    let db = home.open(with(faults)).await;
    let mut writes = one_batch(&db, &gate, 3).await;
    let again = db.clone();
    let mut panics: Answer = Box::pin(async move {
        again
            .write((), |tx, ()| {
                Box::pin(async move {
                    let _ = insert(tx, "half", &vec![1]).await;
                    assert!(std::hint::black_box(false), "on purpose");
                    Outcome::Commit(1)
                })
            })
            .await
    });
    assert!((&mut panics).now_or_never().is_none());
    let mut last = put(&db, "last", 1);
    assert!((&mut last).now_or_never().is_none());
    writes.extend([panics, last]);
    gate.open();
    let ok: Vec<bool> = answers(writes).await.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, true, true, false, true]);
    assert_eq!(count(&db).await, 4);
    db.close().await;
}

#[tokio::test]
async fn body_that_pends_fails_alone() {
    let home = Home::new();
    let db = home.open(DbOptions::default()).await;
    let answer: Result<(), DbError> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                let _ = insert(tx, "half", &vec![1]).await;
                std::future::pending::<()>().await;
                Outcome::Commit(())
            })
        })
        .await;
    assert!(answer.unwrap_err().to_string().contains("other than its Tx"));
    assert_eq!(count(&db).await, 0);
    put(&db, "after", 1).await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn conflict_in_a_batch_hurts_only_its_job() {
    let home = Home::new();
    let (gate, faults) = Gate::new(Point::Begin, |_| None);
    let db = home.open(with(faults)).await;
    let mut writes = one_batch(&db, &gate, 3).await;
    let mut twice = put(&db, 1, 1);
    assert!((&mut twice).now_or_never().is_none());
    writes.push(twice);
    gate.open();
    let answers = answers(writes).await;
    assert!(answers[3].as_ref().unwrap_err().is_unique());
    assert!(answers[..3].iter().all(Result::is_ok));
    db.close().await;
}

#[tokio::test]
async fn constraint_checked_at_commit_hurts_only_its_job() {
    let home = Home::new();
    let (gate, faults) = Gate::new(Point::Statement, |_| None);
    home.open(DbOptions::default()).await.close().await;
    home.other()
        .execute_batch(
            "CREATE TABLE child (key TEXT PRIMARY KEY REFERENCES meta (key) DEFERRABLE INITIALLY DEFERRED) STRICT",
        )
        .unwrap();
    let db = home.open(with(faults)).await;
    let mut writes = one_batch(&db, &gate, 3).await;
    let again = db.clone();
    let mut orphan: Answer = Box::pin(async move {
        again
            .write((), |tx, ()| {
                Box::pin(async move {
                    let sql = "INSERT INTO child (key) VALUES ('nobody')";
                    tx.execute(sql, &[]).await.into()
                })
            })
            .await
    });
    assert!((&mut orphan).now_or_never().is_none());
    writes.push(orphan);
    gate.open();
    let ok: Vec<bool> = answers(writes).await.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, true, true, false]);
    assert_eq!(count(&db).await, 3);
    db.close().await;
}

#[tokio::test]
async fn full_queue_answers_busy_after_a_bounded_wait() {
    let home = Home::new();
    let (gate, faults) = Gate::new(Point::Begin, |_| None);
    let options = DbOptions {
        queue: 2,
        queue_wait: Duration::from_millis(30),
        ..with(faults)
    };
    let db = home.open(options).await;
    let mut writes = one_batch(&db, &gate, 1).await;
    for key in ["b", "c"] {
        let mut write = put(&db, key, 1);
        assert!((&mut write).now_or_never().is_none());
        writes.push(write);
    }
    let refused = put(&db, "d", 1).await.unwrap_err();
    assert_eq!(refused.kind(), DbErrorKind::Busy, "{refused}");
    gate.open();
    assert!(answers(writes).await.iter().all(Result::is_ok));
    assert_eq!(count(&db).await, 3);
    db.close().await;
}

#[tokio::test]
async fn shutdown_while_jobs_wait_runs_them_all() {
    let home = Home::new();
    let (gate, faults) = Gate::new(Point::Begin, |_| None);
    let options = DbOptions {
        batch: 3,
        ..with(faults)
    };
    let db = home.open(options).await;
    let writes = one_batch(&db, &gate, 10).await;
    let closing = tokio::spawn({
        let db = db.clone();
        async move { db.close().await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!closing.is_finished(), "it waits for the writer");
    gate.open();
    assert!(answers(writes).await.iter().all(Result::is_ok));
    closing.await.unwrap();
    assert_eq!(home.wal_len(), 0, "the log is empty");
    let late = put(&db, "late", 1).await.unwrap_err();
    assert_eq!(late.kind(), DbErrorKind::Unavailable);
    let reopened = home.open(DbOptions::default()).await;
    assert_eq!(count(&reopened).await, 10);
    reopened.close().await;
}

#[tokio::test]
async fn dead_writer_hangs_nobody_and_is_seen() {
    let home = Home::new();
    let (gate, faults) = Gate::new(Point::Begin, nth(Point::WriterTakes, 3, Fault::Panic));
    let db = home.open(with(faults)).await;
    assert!(db.is_alive());
    let writes = one_batch(&db, &gate, 6).await;
    gate.open();
    for answer in answers(writes).await {
        let e = answer.unwrap_err();
        assert_eq!(e.kind(), DbErrorKind::Unavailable);
    }
    db.died().await;
    assert!(!db.is_alive());
    assert!(db.ping().await.is_err());
    let later = put(&db, "later", 1).await.unwrap_err();
    assert!(later.to_string().contains("stopped"), "{later}");
    assert_eq!(count(&db).await, 0, "reads still serve");
    tokio::time::timeout(Duration::from_secs(10), db.close())
        .await
        .expect("close does not hang");
}

#[tokio::test]
async fn lock_of_another_process_is_waited_for_then_answered_busy() {
    let home = Home::new();
    let options = DbOptions {
        busy_timeout: Duration::from_millis(100),
        ..DbOptions::default()
    };
    let db = home.open(options).await;
    let other = home.other();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let busy = answers((0..5).map(|i| put(&db, i, 1)).collect()).await;
    assert!(
        busy.iter()
            .all(|b| b.as_ref().is_err_and(|e| e.kind() == DbErrorKind::Busy))
    );
    let mut patient = put(&db, "patient", 1);
    assert!((&mut patient).now_or_never().is_none());
    other.execute_batch("COMMIT").unwrap();
    patient.await.unwrap();
    other.execute("INSERT INTO meta VALUES ('theirs', x'00')", []).unwrap();
    assert_eq!(count(&db).await, 2, "their write is seen");
    db.close().await;
}

const SCAN: &str =
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < $1) SELECT COUNT(*) FROM c";

#[tokio::test]
async fn read_over_its_cap_is_rerun_off_the_runtime() {
    let home = Home::new();
    let options = DbOptions {
        read_cap: 20_000,
        ..DbOptions::default()
    };
    let db = home.open(options).await;
    let me = std::thread::current().id();
    for (rows, runs_expected, inline) in [(10, 1, true), (300_000, 2, false), (10, 1, true)] {
        let runs = Arc::new(Mutex::new(Vec::new()));
        let found: i64 = db
            .read((Arc::clone(&runs), rows), |tx, (runs, rows)| {
                Box::pin(async move {
                    runs.lock().unwrap().push(std::thread::current().id());
                    // Swallows the interruption: it must be seen all the same.
                    let found = tx.query_one(SCAN, &[rows], |r| r.get(0)).await;
                    Ok::<i64, DbError>(found.unwrap_or(-1))
                })
            })
            .await
            .unwrap();
        assert_eq!(found, rows);
        let runs = runs.lock().unwrap();
        assert_eq!(runs.len(), runs_expected);
        assert_eq!(runs.last() == Some(&me), inline);
    }
    db.close().await;
}

#[tokio::test]
async fn many_small_statements_count_towards_the_cap_together() {
    let home = Home::new();
    let options = DbOptions {
        read_cap: 20_000,
        ..DbOptions::default()
    };
    let db = home.open(options).await;
    let runs = Arc::new(AtomicU32::new(0));
    db.read(Arc::clone(&runs), |tx, runs| {
        Box::pin(async move {
            runs.fetch_add(1, SeqCst);
            for _ in 0..100 {
                tx.query_one(SCAN, &[&200_i64], |r| r.get::<i64>(0)).await?;
            }
            Ok::<(), DbError>(())
        })
    })
    .await
    .unwrap();
    assert_eq!(runs.load(SeqCst), 2);
    db.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_of_one_read_see_one_state() {
    let home = Home::new();
    let db = home.open(DbOptions::default()).await;
    let (between, reached) = mpsc::channel::<()>();
    let (go_on, gone_on) = mpsc::channel::<()>();
    let gates = (Mutex::new(between), Mutex::new(gone_on));
    let reading = tokio::spawn({
        let db = db.clone();
        async move {
            db.read_long(gates, |tx, (between, gone_on)| {
                Box::pin(async move {
                    let sql = "SELECT COUNT(*) FROM meta";
                    let before: i64 = tx.query_one(sql, &[], |r| r.get(0)).await?;
                    let _ = between.lock().unwrap().send(());
                    let _ = gone_on.lock().unwrap().recv();
                    let after: i64 = tx.query_one(sql, &[], |r| r.get(0)).await?;
                    Ok::<_, DbError>((before, after))
                })
            })
            .await
        }
    });
    while reached.try_recv().is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    put(&db, "between", 1).await.unwrap();
    go_on.send(()).unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), (0, 0));
    assert_eq!(count(&db).await, 1);
    db.close().await;
}

#[tokio::test]
async fn log_is_copied_and_cut_back_beside_the_writer() {
    let home = Home::new();
    let options = DbOptions {
        checkpoint_every: Duration::from_millis(5),
        wal_limit: 256 << 10,
        ..DbOptions::default()
    };
    let db = home.open(options).await;
    for i in 0..100 {
        put(&db, i, 32 << 10).await.unwrap();
    }
    for i in 0..1000 {
        if home.wal_len() <= 256 << 10 {
            break;
        }
        assert!(i < 999, "the log still has {} bytes", home.wal_len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(std::fs::metadata(&home.path).unwrap().len() > 3 << 20);
    assert_eq!(count(&db).await, 100);
    db.close().await;
}

#[tokio::test]
async fn dropped_without_close_still_runs_what_was_queued() {
    let home = Home::new();
    let (gate, faults) = Gate::new(Point::Begin, |_| None);
    let db = home.open(with(faults)).await;
    let writes = one_batch(&db, &gate, 5).await;
    drop(writes);
    drop(db);
    gate.open();
    let db = home.open(DbOptions::default()).await;
    for _ in 0..1000 {
        if count(&db).await == 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(count(&db).await, 5);
    db.close().await;
}

#[tokio::test]
async fn newer_database_is_refused_with_advice() {
    let home = Home::new();
    home.open(DbOptions::default()).await.close().await;
    let sql = "INSERT INTO schema_version VALUES (9999, 'from the future', 0)";
    home.other().execute(sql, []).unwrap();
    let e = home.try_open(DbOptions::default()).await.err().unwrap();
    assert_eq!(e.kind(), DbErrorKind::TooNew);
    assert!(
        e.to_string().contains("9999") && e.to_string().contains("newer Pantry"),
        "{e}"
    );
}

#[tokio::test]
async fn opened_by_many_at_once_migrates_once() {
    let home = Home::new();
    let opened = futures_util::future::join_all((0..4).map(|_| home.open(DbOptions::default()))).await;
    for (i, db) in opened.iter().enumerate() {
        put(db, i, 1).await.unwrap();
        assert_eq!(count(db).await, i as i64 + 1);
    }
    for db in opened {
        db.close().await;
    }
}

#[tokio::test]
async fn file_is_its_owners_alone_and_a_missing_folder_is_said() {
    let home = Home::new();
    let db = home.open(DbOptions::default()).await;
    put(&db, "a", 1).await.unwrap();
    #[cfg(unix)]
    for file in [home.path.clone(), super::wal_of(&home.path)] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    db.close().await;
    let url = format!("sqlite:{}", home.path.join("no/rows.db").display());
    let e = Db::open(&url.parse().unwrap(), DbOptions::default())
        .await
        .err()
        .unwrap();
    assert!(e.to_string().contains("folder must exist"), "{e}");
}

#[tokio::test]
async fn a_job_that_touches_many_pages_can_be_undone_beside_others() {
    let home = Home::new();
    let db = home.open(DbOptions::default()).await;
    for i in 0..200 {
        put(&db, i, 3500).await.unwrap();
    }
    async fn change(tx: &mut Tx<'_>, undo: &bool) -> Result<u64, DbError> {
        let n = tx
            .execute(
                "UPDATE meta SET value = zeroblob(3400) WHERE length(value) >= 3400",
                &[],
            )
            .await?;
        if *undo { Err(DbError::other("undone")) } else { Ok(n) }
    }
    let run = |undo: bool| {
        db.write(undo, |tx, undo| {
            Box::pin(async { Outcome::from(change(tx, undo).await) })
        })
    };
    let (undone, kept, other) = tokio::join!(run(true), run(false), put(&db, "other", 1));
    assert_eq!(undone.unwrap_err().to_string(), "undone");
    assert_eq!((kept.unwrap(), other.unwrap()), (200, 1));
    db.close().await;
}

/// How often a statement with a bound limit was prepared anew in ten runs, on the writer's connection and on a reader's.
#[tokio::test]
async fn a_statement_is_prepared_once_whatever_is_bound() {
    let home = Home::new();
    let db = home.open(DbOptions::default()).await;
    async fn runs(tx: &mut Tx<'_>, from: &i64) -> Result<i32, DbError> {
        tx.prepared_anew("SELECT user_id, seq FROM changes WHERE user_id = 1 LIMIT $1", *from)
    }
    let mut anew = 0;
    for from in 0..10 {
        anew += db.read(from, |tx, from| Box::pin(runs(tx, from))).await.unwrap();
        anew += db
            .write(from, |tx, from| Box::pin(async { Outcome::from(runs(tx, from).await) }))
            .await
            .unwrap();
    }
    assert_eq!(anew, 0);
}
