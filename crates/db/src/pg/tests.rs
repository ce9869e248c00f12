//! The failure paths of the PostgreSQL engine, by faults injected and by real ones.
//! Each test is named by the trap it stands in.

#[path = "../../../testkit/src/pg.rs"]
pub(super) mod server;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use crate::{Db, DbError, DbErrorKind, DbOptions, Fault, Faults, Outcome, Point, Tx};

async fn open(url: &str, faults: Faults) -> Db {
    let options = DbOptions {
        faults,
        ..DbOptions::default()
    };
    Db::open(&url.parse().unwrap(), options).await.unwrap()
}

async fn insert(tx: &mut Tx<'_>, key: &str) -> Result<u64, DbError> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2)";
    tx.execute(sql, &[&key, &vec![1_u8]]).await
}

async fn put(db: &Db, key: &str) -> Result<u64, DbError> {
    db.write(key.to_owned(), |tx, key| {
        Box::pin(async move { insert(tx, key).await.into() })
    })
    .await
}

async fn count(db: &Db) -> i64 {
    db.read((), |tx, ()| {
        Box::pin(async move { tx.query_one("SELECT COUNT(*) FROM meta", &[], |r| r.get(0)).await })
    })
    .await
    .unwrap_or_else(|e: DbError| panic!("{e}"))
}

/// A session of an operator.
async fn operator(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

const KILL: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// For hooks, which are not async.
fn kill_all_sessions(url: &str) {
    let url = url.to_owned();
    let kill = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime
            .unwrap()
            .block_on(async { operator(&url).await.query(KILL, &[]).await.unwrap() });
    };
    std::thread::spawn(kill).join().unwrap();
}

fn first(times: u32, at: Point, kind: DbErrorKind) -> Faults {
    let passes = AtomicU32::new(0);
    Faults::new(move |point| (point == at && passes.fetch_add(1, SeqCst) < times).then_some(Fault::Error(kind)))
}

#[tokio::test]
async fn serialization_failure_is_tried_again_and_gives_up_after_five() {
    for (at, failures, succeeds) in [
        (Point::Statement, 4, true),
        (Point::Commit, 4, true),
        (Point::Statement, 5, false),
    ] {
        let database = server::fresh_database().await;
        let db = open(&database.url, first(failures, at, DbErrorKind::Serialization)).await;
        let runs = Arc::new(AtomicU32::new(0));
        let answer = db
            .write(Arc::clone(&runs), |tx, runs| {
                runs.fetch_add(1, SeqCst);
                Box::pin(async move { insert(tx, "a").await.into() })
            })
            .await;
        assert_eq!(runs.load(SeqCst), 5);
        match answer {
            Ok(_) => assert!(succeeds),
            Err(e) => assert!(!succeeds && e.kind() == DbErrorKind::Serialization, "{e:?}"),
        }
        assert_eq!(count(&db).await, i64::from(succeeds));
        db.close().await;
    }
}

#[tokio::test]
async fn other_errors_are_not_tried_again() {
    let database = server::fresh_database().await;
    let db = open(&database.url, first(1, Point::Commit, DbErrorKind::DiskFull)).await;
    assert_eq!(put(&db, "a").await.unwrap_err().kind(), DbErrorKind::DiskFull);
    assert_eq!(count(&db).await, 0);
    put(&db, "a").await.unwrap();
    assert!(put(&db, "a").await.unwrap_err().is_unique());
    db.close().await;
}

async fn append(tx: &mut Tx<'_>, key: &str) -> Result<(), DbError> {
    let sql = "UPDATE meta SET value = value || '\\x02' WHERE key = $1";
    tx.execute(sql, &[&key]).await.map(drop)
}

#[tokio::test]
async fn real_deadlock_ends_with_both_done() {
    let database = server::fresh_database().await;
    let db = open(&database.url, Faults::default()).await;
    for key in ["a", "b"] {
        put(&db, key).await.unwrap();
    }
    operator(&database.url)
        .await
        .batch_execute(&format!(
            "ALTER DATABASE {} SET deadlock_timeout = '20ms'",
            database.url.rsplit('/').next().unwrap()
        ))
        .await
        .unwrap();
    let (runs, met) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let both = [["a", "b"], ["b", "a"]].map(|keys| {
        let (db, args) = (db.clone(), (keys, Arc::clone(&runs), Arc::clone(&met)));
        tokio::spawn(async move {
            db.write(args, |tx, (keys, runs, met)| {
                Box::pin(async move {
                    runs.fetch_add(1, SeqCst);
                    let both = async {
                        append(tx, keys[0]).await?;
                        met.fetch_add(1, SeqCst);
                        // Each holds its first row before it asks for the other's. Waiting belongs to this test alone.
                        while met.load(SeqCst) < 2 {
                            tx.execute("SELECT pg_sleep(0.005)", &[]).await?;
                        }
                        append(tx, keys[1]).await
                    };
                    both.await.into()
                })
            })
            .await
        })
    });
    for one in both {
        one.await.unwrap().unwrap();
    }
    let done: i64 = db
        .read((), |tx, ()| {
            Box::pin(async move {
                let sql = "SELECT COUNT(*) FROM meta WHERE length(value) = 3";
                tx.query_one(sql, &[], |r| r.get(0)).await
            })
        })
        .await
        .unwrap_or_else(|e: DbError| panic!("{e}"));
    assert_eq!(done, 2);
    assert!(runs.load(SeqCst) >= 3, "one of them was the victim");
    db.close().await;
}

#[tokio::test]
async fn connection_lost_in_the_middle_is_an_error_and_the_next_write_works() {
    let database = server::fresh_database().await;
    let db = open(&database.url, Faults::default()).await;
    let runs = Arc::new(AtomicU32::new(0));
    let answer: Result<(), DbError> = db
        .write(Arc::clone(&runs), |tx, runs| {
            Box::pin(async move {
                runs.fetch_add(1, SeqCst);
                let _ = insert(tx, "a").await;
                tx.execute("SELECT pg_terminate_backend(pg_backend_pid())", &[])
                    .await
                    .map(drop)
                    .into()
            })
        })
        .await;
    let e = answer.unwrap_err();
    assert_eq!(e.kind(), DbErrorKind::Unavailable, "{e:?}");
    assert!(!e.outcome_unknown(), "COMMIT was never sent");
    assert_eq!(runs.load(SeqCst), 1);
    put(&db, "b").await.unwrap();
    assert_eq!(count(&db).await, 1);
    db.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connection_lost_at_commit_is_of_unknown_outcome_and_not_repeated() {
    let database = server::fresh_database().await;
    let url = database.url.clone();
    let armed = AtomicBool::new(true);
    let faults = Faults::new(move |point| {
        if point == Point::Commit && armed.swap(false, SeqCst) {
            kill_all_sessions(&url);
        }
        None
    });
    let db = open(&database.url, faults).await;
    let e = put(&db, "a").await.unwrap_err();
    assert_eq!(e.kind(), DbErrorKind::Unavailable, "{e:?}");
    assert!(e.outcome_unknown(), "{e:?}");
    put(&db, "a").await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn connections_that_died_in_the_pool_are_replaced() {
    let database = server::fresh_database().await;
    let db = open(&database.url, Faults::default()).await;
    for key in ["a", "b", "c"] {
        operator(&database.url).await.query(KILL, &[]).await.unwrap();
        put(&db, key).await.unwrap();
    }
    assert_eq!(count(&db).await, 3);
    db.close().await;
}

#[tokio::test]
async fn pool_in_use_for_too_long_answers_busy() {
    let database = server::fresh_database().await;
    let options = DbOptions {
        pool: 1,
        queue_wait: Duration::from_millis(50),
        ..DbOptions::default()
    };
    let db = Db::open(&database.url.parse().unwrap(), options).await.unwrap();
    let slow = tokio::spawn({
        let db = db.clone();
        async move {
            db.write((), |tx, ()| {
                Box::pin(async move { Outcome::from(tx.execute("SELECT pg_sleep(0.5)", &[]).await) })
            })
            .await
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(put(&db, "a").await.unwrap_err().kind(), DbErrorKind::Busy);
    slow.await.unwrap().unwrap_or_else(|e: DbError| panic!("{e}"));
    put(&db, "a").await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn newer_database_is_refused_with_advice() {
    let database = server::fresh_database().await;
    open(&database.url, Faults::default()).await.close().await;
    operator(&database.url)
        .await
        .batch_execute("INSERT INTO schema_version VALUES (9999, 'from the future', 0)")
        .await
        .unwrap();
    let e = Db::open(&database.url.parse().unwrap(), DbOptions::default())
        .await
        .err()
        .unwrap();
    assert_eq!(e.kind(), DbErrorKind::TooNew);
    assert!(e.to_string().contains("newer Pantry"), "{e}");
}

#[tokio::test]
async fn opened_by_many_at_once_migrates_once() {
    let database = server::fresh_database().await;
    let all = (0..4).map(|_| open(&database.url, Faults::default()));
    for (i, db) in futures_util::future::join_all(all).await.iter().enumerate() {
        put(db, &i.to_string()).await.unwrap();
        db.close().await;
    }
}

#[tokio::test]
async fn unreachable_server_is_said_without_the_password() {
    let url = "postgres://bob:s3cret@127.0.0.1:1/none";
    let e = Db::open(&url.parse().unwrap(), DbOptions::default())
        .await
        .err()
        .unwrap();
    assert_eq!(e.kind(), DbErrorKind::Unavailable, "{e:?}");
    assert!(!format!("{e} {e:?}").contains("s3cret"));
}
