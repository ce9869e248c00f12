//! What every row engine must do, as functions over a [`Db`]: the tests of this crate run each on SQLite and on PostgreSQL.
//! Owns its own table, `contract_rows`. Must not look at anything but the public promise of `Db` and `Tx`.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::{Db, DbError, DbErrorKind, IdList, Outcome, TextList, Tx, dialect};

/// A row of the suite's table: id, name, n, data.
type Everything = (i64, String, Option<i64>, Option<Vec<u8>>);

const INSERT: &str = "INSERT INTO contract_rows (id, name, n, data) VALUES ($1, $2, $3, $4)";

/// Makes the suite's own table.
///
/// # Panics
/// It cannot.
pub async fn prepare(db: &Db) {
    db.write((), |tx, ()| {
        Box::pin(async move {
            let sql = dialect::sql(
                tx.engine(),
                "CREATE TABLE contract_rows (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, n INTEGER, data BLOB) STRICT",
                "CREATE TABLE contract_rows (id BIGINT NOT NULL PRIMARY KEY, name TEXT COLLATE \"C\" NOT NULL UNIQUE, n BIGINT, data BYTEA)",
            );
            Outcome::from(tx.execute(sql, &[]).await)
        })
    })
    .await
    .expect("the suite's table");
}

async fn insert(tx: &mut Tx<'_>, id: i64, name: &str, n: i64) -> Result<(), DbError> {
    tx.execute(INSERT, &[&id, &name, &n, &None::<&[u8]>]).await.map(drop)
}

async fn put(db: &Db, id: i64, name: &str, n: i64) -> Result<(), DbError> {
    db.write((id, name.to_owned(), n), |tx, (id, name, n)| {
        Box::pin(async move { insert(tx, *id, name, *n).await.into() })
    })
    .await
}

async fn count(db: &Db) -> i64 {
    db.read((), |tx, ()| {
        Box::pin(async move {
            tx.query_one("SELECT COUNT(*) FROM contract_rows", &[], |r| r.get(0))
                .await
        })
    })
    .await
    .expect("a count")
}

async fn number(tx: &mut Tx<'_>, id: i64) -> Result<Option<i64>, DbError> {
    let found = tx
        .query_opt("SELECT n FROM contract_rows WHERE id = $1", &[&id], |r| r.get(0))
        .await?;
    Ok(found.flatten())
}

/// What was committed is seen by the next read, and a rollback leaves nothing.
///
/// # Panics
/// The engine breaks the promise; so for every function here.
pub async fn commit_keeps_and_rollback_undoes(db: &Db) {
    put(db, 1, "a", 1).await.expect("a commit");
    let refused: Result<(), DbError> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                match insert(tx, 2, "b", 2).await {
                    Ok(()) => Outcome::Rollback(DbError::new(DbErrorKind::Other, "changed my mind")),
                    Err(e) => Outcome::Rollback(e),
                }
            })
        })
        .await;
    assert_eq!(refused.expect_err("rolled back").to_string(), "changed my mind");
    assert_eq!(count(db).await, 1);
}

/// A refusal may commit what led to it.
///
/// # Panics
/// As above.
pub async fn a_refusal_may_commit(db: &Db) {
    let answer: Result<Result<(), &'static str>, DbError> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                match insert(tx, 1, "a", 1).await {
                    Ok(()) => Outcome::Commit(Err("replayed")),
                    Err(e) => Outcome::Rollback(e),
                }
            })
        })
        .await;
    assert_eq!(answer.expect("committed"), Err("replayed"));
    assert_eq!(count(db).await, 1);
}

/// After an SQL error that the body swallows: later statements fail at once, and its Commit answers the first error.
///
/// # Panics
/// As above.
pub async fn a_swallowed_error_poisons_the_transaction(db: &Db) {
    put(db, 1, "a", 1).await.expect("a commit");
    let later = Arc::new(AtomicI64::new(0));
    let answer: Result<i64, DbError> = db
        .write(Arc::clone(&later), |tx, later| {
            Box::pin(async move {
                if insert(tx, 2, "b", 2).await.is_ok() && insert(tx, 1, "again", 1).await.is_err() {
                    let next = insert(tx, 3, "c", 3).await;
                    later.store(
                        i64::from(next.is_err_and(|e| e.to_string().contains("already failed"))),
                        Ordering::SeqCst,
                    );
                }
                Outcome::Commit(5)
            })
        })
        .await;
    let e = answer.expect_err("poisoned");
    assert!(e.is_unique(), "the first error is answered: {e}");
    assert_eq!(later.load(Ordering::SeqCst), 1);
    assert_eq!(count(db).await, 1, "nothing of it was kept");
    let read: Result<(), DbError> = db
        .read((), |tx, ()| {
            Box::pin(async move {
                let _ = tx.query("SELECT nothing FROM nowhere", &[], |_| Ok(())).await;
                Ok(())
            })
        })
        .await;
    assert!(read.is_err(), "a read too");
    assert_eq!(count(db).await, 1, "and the connection still serves");
}

/// A unique index's refusal is a Conflict that names the constraint and no value.
///
/// # Panics
/// As above.
pub async fn a_unique_conflict_says_so_without_the_value(db: &Db) {
    put(db, 1, "secret-name", 1).await.expect("a commit");
    for (id, name) in [(2, "secret-name"), (1, "other")] {
        let e = put(db, id, name, 1).await.expect_err("taken");
        assert!(e.is_unique() && e.kind() == DbErrorKind::Conflict, "{e:?}");
        assert!(e.constraint().is_some(), "{e:?}");
        assert!(!format!("{e} {e:?}").contains("secret-name"), "{e:?}");
    }
}

/// An expected conflict does not poison.
///
/// # Panics
/// As above.
pub async fn on_conflict_do_nothing_goes_on(db: &Db) {
    put(db, 1, "a", 1).await.expect("a commit");
    let counts: Result<(u64, u64), DbError> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                let sql = "INSERT INTO contract_rows (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
                let both = async {
                    let first = tx.execute(sql, &[&2_i64, &"a"]).await?;
                    Ok((first, tx.execute(sql, &[&2_i64, &"b"]).await?))
                };
                both.await.into()
            })
        })
        .await;
    assert_eq!(counts.expect("not poisoned"), (0, 1));
}

/// Values of every type come back as they went, also big ones and the ends of their ranges.
///
/// # Panics
/// As above.
pub async fn values_come_back_as_they_went(db: &Db) {
    let blob: Vec<u8> = (0..4_000_000_u32).map(|i| (i % 251) as u8).collect();
    let text = "长名字é\u{1F600}".repeat(50_000);
    let rows: Vec<Everything> = vec![
        (1, "min".into(), Some(i64::MIN), Some(vec![])),
        (2, "max".into(), Some(i64::MAX), Some(blob)),
        (3, String::new(), None, None),
    ];
    let back = db
        .write((rows.clone(), text.clone()), |tx, (rows, text)| {
            Box::pin(async move {
                let all = async {
                    for (id, name, n, data) in rows {
                        tx.execute(INSERT, &[id, name, n, data]).await?;
                    }
                    tx.query("SELECT id, name, n, data FROM contract_rows ORDER BY id", &[], |r| {
                        Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))
                    })
                    .await
                };
                let back = all.await;
                // Text is not cut either; an index entry would be, so it goes through no table.
                let sql = "SELECT CAST($1 AS TEXT)";
                match (back, tx.query_one(sql, &[text], |r| r.get::<String>(0)).await) {
                    (Ok(back), Ok(same)) if same == *text => Outcome::<_, DbError>::Commit(back),
                    (Err(e), _) | (_, Err(e)) => Outcome::Rollback(e),
                    _ => Outcome::Rollback(DbError::new(DbErrorKind::Other, "text changed")),
                }
            })
        })
        .await
        .expect("values");
    assert!(back == rows, "values changed");
    let e = db
        .read((), |tx, ()| {
            Box::pin(async move {
                tx.query("SELECT n FROM contract_rows WHERE id = 3", &[], |r| r.get::<i64>(0))
                    .await
            })
        })
        .await
        .expect_err("NULL is not a number");
    assert_eq!(e.kind(), DbErrorKind::Other);
}

/// `$n` means the n-th value, wherever it stands and however often; too few and too many are refused.
///
/// # Panics
/// As above.
pub async fn parameters_bind_by_their_digits(db: &Db) {
    put(db, 1, "a", 10).await.expect("a commit");
    let found: Vec<(i64, String)> = db
        .read((), |tx, ()| {
            Box::pin(async move {
                tx.query(
                    "SELECT id, CAST($3 AS TEXT) FROM contract_rows WHERE n = $2 AND id = $1 AND n > $1",
                    &[&1_i64, &10_i64, &"third"],
                    |r| Ok((r.get(0)?, r.get(1)?)),
                )
                .await
            })
        })
        .await
        .expect("found");
    assert_eq!(found, [(1, "third".to_owned())]);
    for values in [vec![], vec![1, 2]] {
        let wrong: Result<Vec<i64>, DbError> = db
            .read(values, |tx, values: &Vec<i64>| {
                Box::pin(async move {
                    let params: Vec<&dyn crate::Param> = values.iter().map(|v| v as _).collect();
                    tx.query("SELECT id FROM contract_rows WHERE id = $1", &params, |r| r.get(0))
                        .await
                })
            })
            .await;
        assert!(wrong.is_err());
    }
}

/// Text sorts and compares by its bytes, not by a locale.
///
/// # Panics
/// As above.
pub async fn text_sorts_by_bytes(db: &Db) {
    let mut names = ["b", "a", "B", "Z", "_", "é", "中", "a b", "a-b", "ab", "A"];
    for (id, name) in (1..).zip(names) {
        put(db, id, name, 0).await.expect("a commit");
    }
    names.sort_unstable();
    let sorted: Vec<String> = db
        .read((), |tx, ()| {
            Box::pin(async move {
                tx.query("SELECT name FROM contract_rows ORDER BY name", &[], |r| r.get(0))
                    .await
            })
        })
        .await
        .expect("names");
    assert_eq!(sorted, names);
}

/// A list is one parameter, also empty, also of texts with quotes.
///
/// # Panics
/// As above.
pub async fn a_list_is_one_parameter(db: &Db) {
    let names = ["a", "b\"\\", "c\n", "d"];
    for (id, name) in (1..).zip(names) {
        put(db, id, name, 0).await.expect("a commit");
    }
    for (list, expected) in [(vec![], vec![]), (vec![4, 2, 99, 2], vec![2, 4])] {
        let found: Vec<i64> = db
            .read(IdList(list), |tx, list| {
                Box::pin(async move {
                    let within = dialect::in_list(tx.engine(), 2);
                    let sql = format!("SELECT id FROM contract_rows WHERE id > $1 AND id {within} ORDER BY id");
                    tx.query(&sql, &[&0_i64, list], |r| r.get(0)).await
                })
            })
            .await
            .expect("found");
        assert_eq!(found, expected);
    }
    let texts = TextList(vec!["b\"\\".into(), "c\n".into(), "x".into()]);
    let found: Vec<i64> = db
        .read(texts, |tx, list| {
            Box::pin(async move {
                let within = dialect::in_list(tx.engine(), 1);
                let sql = format!("SELECT id FROM contract_rows WHERE name {within} ORDER BY id");
                tx.query(&sql, &[list], |r| r.get(0)).await
            })
        })
        .await
        .expect("found");
    assert_eq!(found, [2, 3]);
}

/// Read, think, write on one row, by many at once: no increment is lost.
///
/// # Panics
/// As above.
pub async fn many_writers_of_one_row_lose_nothing(db: &Db) {
    const TASKS: i64 = 64;
    const EACH: i64 = 10;
    put(db, 1, "counter", 0).await.expect("a commit");
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    db.write((), |tx, ()| Box::pin(async move { increment(tx).await.into() }))
                        .await?;
                }
                Ok::<(), DbError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic").expect("committed");
    }
    let n = db.read((), |tx, ()| Box::pin(async move { number(tx, 1).await })).await;
    assert_eq!(n.expect("a number"), Some(TASKS * EACH));
}

async fn increment(tx: &mut Tx<'_>) -> Result<(), DbError> {
    // The lock is a statement of its own, first: what is read before it may be old.
    let lock = format!(
        "SELECT id FROM contract_rows WHERE id = $1{}",
        dialect::for_update(tx.engine())
    );
    tx.query_one(&lock, &[&1_i64], |r| r.get::<i64>(0)).await?;
    let n = number(tx, 1).await?.unwrap_or(0);
    let sql = "UPDATE contract_rows SET n = $2 WHERE id = $1";
    tx.execute(sql, &[&1_i64, &(n + 1)]).await.map(drop)
}

/// A read sees every write that was answered before it began, on whatever connection it lands.
///
/// # Panics
/// As above.
pub async fn a_read_sees_every_answered_write(db: &Db) {
    put(db, 1, "counter", 0).await.expect("a commit");
    let answered = Arc::new(AtomicI64::new(0));
    let writer = {
        let (db, answered) = (db.clone(), Arc::clone(&answered));
        tokio::spawn(async move {
            for n in 1..=200_i64 {
                db.write(n, |tx, n| {
                    Box::pin(async move {
                        let sql = "UPDATE contract_rows SET n = $1 WHERE id = 1";
                        Outcome::from(tx.execute(sql, &[n]).await)
                    })
                })
                .await
                .expect("committed");
                answered.store(n, Ordering::SeqCst);
            }
        })
    };
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (db, answered) = (db.clone(), Arc::clone(&answered));
            tokio::spawn(async move {
                loop {
                    let least = answered.load(Ordering::SeqCst);
                    let seen = db
                        .read((), |tx, ()| Box::pin(async move { number(tx, 1).await }))
                        .await
                        .expect("a read");
                    assert!(seen >= Some(least), "saw {seen:?} after {least} was answered");
                    if least == 200 {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    writer.await.expect("writer");
    for reader in readers {
        reader.await.expect("reader");
    }
}

/// Ids start above 1000 and are never given twice, singly or by the dozen.
///
/// # Panics
/// As above.
pub async fn ids_are_never_given_twice(db: &Db) {
    let tasks: Vec<_> = (0..32_usize)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move {
                db.write(n, |tx, n| {
                    Box::pin(async move {
                        let both = async {
                            let mut ids = dialect::next_ids(tx, *n).await?;
                            ids.push(dialect::next_id(tx).await?);
                            Ok::<_, DbError>(ids)
                        };
                        both.await.into()
                    })
                })
                .await
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        let ids: Vec<i64> = task.await.expect("no panic").expect("ids");
        assert!(ids.is_sorted());
        all.extend(ids);
    }
    let given = all.len();
    assert_eq!(given, (0..32).sum::<usize>() + 32);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), given);
    assert!(all[0] > 1000);
}

/// A panic in a body is an error to its caller, undoes its writes, and hurts nobody else.
///
/// # Panics
/// As above.
pub async fn a_panic_is_answered_and_undone(db: &Db) {
    let other = tokio::spawn({
        let db = db.clone();
        async move { put(&db, 7, "other", 7).await }
    });
    let answer: Result<(), DbError> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                let _ = insert(tx, 1, "a", 1).await;
                assert!(std::hint::black_box(false), "on purpose");
                Outcome::Commit(())
            })
        })
        .await;
    assert!(answer.expect_err("panicked").to_string().contains("panicked"));
    other.await.expect("no panic").expect("committed");
    assert_eq!(count(db).await, 1);
    let read: Result<(), DbError> = db
        .read((), |_, ()| {
            Box::pin(async move {
                assert!(std::hint::black_box(false), "on purpose");
                Ok(())
            })
        })
        .await;
    assert!(read.expect_err("panicked").to_string().contains("panicked"));
    assert_eq!(count(db).await, 1);
}

/// A write whose caller went away runs to its end.
///
/// # Panics
/// As above.
pub async fn a_write_outlives_its_caller(db: &Db) {
    for id in 1..=20 {
        let name = id.to_string();
        let mut write = Box::pin(put(db, id, &name, 0));
        // One poll hands it over.
        tokio::select! {
            biased;
            _ = &mut write => {}
            () = std::future::ready(()) => {}
        }
    }
    let again = db.clone();
    for _ in 0..1000 {
        if count(&again).await == 20 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{} of 20 writes ran", count(db).await);
}

/// A read may not write.
///
/// # Panics
/// As above.
pub async fn a_read_may_not_write(db: &Db) {
    let wrote = db
        .read((), |tx, ()| Box::pin(async move { insert(tx, 1, "a", 1).await }))
        .await;
    assert!(wrote.is_err());
    let wrote: Result<Vec<i64>, DbError> = db
        .read((), |tx, ()| {
            Box::pin(async move {
                let sql = "INSERT INTO contract_rows (id, name) VALUES (2, 'b') RETURNING id";
                tx.query(sql, &[], |r| r.get(0)).await
            })
        })
        .await;
    assert!(wrote.is_err());
    assert_eq!(count(db).await, 0);
}

/// `query_one` and `query_opt` refuse what they do not expect.
///
/// # Panics
/// As above.
pub async fn one_row_means_one_row(db: &Db) {
    put(db, 1, "a", 1).await.expect("a commit");
    put(db, 2, "b", 1).await.expect("a commit");
    for (sql, one_is_wrong, opt_is_wrong) in [
        ("SELECT id FROM contract_rows WHERE id = 9", true, false),
        ("SELECT id FROM contract_rows WHERE id = 2", false, false),
        ("SELECT id FROM contract_rows", true, true),
    ] {
        let one: Result<i64, DbError> = db
            .read(sql, |tx, sql| {
                Box::pin(async move { tx.query_one(sql, &[], |r| r.get(0)).await })
            })
            .await;
        let opt: Result<Option<i64>, DbError> = db
            .read_long(sql, |tx, sql| {
                Box::pin(async move { tx.query_opt(sql, &[], |r| r.get(0)).await })
            })
            .await;
        assert_eq!((one.is_err(), opt.is_err()), (one_is_wrong, opt_is_wrong), "{sql}");
    }
}

/// Closing answers every write that was asked for before, with the truth, and refuses later ones. Closes `db`.
///
/// # Panics
/// As above.
pub async fn closing_answers_everybody(db: &Db) {
    let writes: Vec<_> = (1..=200_i64)
        .map(|id| {
            let db = db.clone();
            tokio::spawn(async move { put(&db, id, &id.to_string(), 0).await })
        })
        .collect();
    tokio::task::yield_now().await;
    db.close().await;
    for write in writes {
        if let Err(e) = write.await.expect("no panic") {
            assert_eq!(e.kind(), DbErrorKind::Unavailable, "{e}");
            assert!(!e.outcome_unknown(), "{e}");
        }
    }
    let late = put(db, 999, "late", 0).await.expect_err("closed");
    assert_eq!(late.kind(), DbErrorKind::Unavailable);
    assert!(!db.is_alive());
    assert!(db.ping().await.is_err());
    db.close().await;
}

/// The transaction that the example `measure` repeats: lock a row, draw an id, insert, count.
///
/// # Errors
/// As any write.
pub async fn measured_write(db: &Db, name: String) -> Result<(), DbError> {
    async fn body(tx: &mut Tx<'_>, name: &str) -> Result<(), DbError> {
        let lock = dialect::sql(
            tx.engine(),
            "SELECT n FROM contract_rows WHERE id = $1",
            "SELECT n FROM contract_rows WHERE id = $1 FOR UPDATE",
        );
        // 64 people, each with a row of their own.
        let id = dialect::next_id(tx).await?;
        let user = id % 64;
        tx.query_opt(lock, &[&user], |r| r.get::<Option<i64>>(0)).await?;
        insert(tx, id, name, user).await?;
        let count = "INSERT INTO contract_rows (id, name, n) VALUES ($1, CAST(CAST($1 AS BIGINT) AS TEXT), 1) \
            ON CONFLICT (id) DO UPDATE SET n = contract_rows.n + 1";
        tx.execute(count, &[&user]).await.map(drop)
    }
    db.write(name, |tx, name| Box::pin(async move { body(tx, name).await.into() }))
        .await
}

/// The read that the example `measure` repeats: one row by its key.
///
/// # Errors
/// As any read.
pub async fn measured_read(db: &Db) -> Result<Option<i64>, DbError> {
    db.read((), |tx, ()| Box::pin(async move { number(tx, 7).await })).await
}
