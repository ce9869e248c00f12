//! Runs the contract suite on SQLite and on PostgreSQL.
//! Owns only the wiring; what is promised stands in `pantry_db::contract`.

#[path = "../../testkit/src/pg.rs"]
mod pg;

use pantry_db::{Db, DbOptions, contract};

async fn sqlite() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("rows.db").display());
    let db = Db::open(&url.parse().unwrap(), DbOptions::default()).await.unwrap();
    contract::prepare(&db).await;
    (dir, db)
}

async fn postgres() -> (pg::TestDatabase, Db) {
    let database = pg::fresh_database().await;
    let db = Db::open(&database.url.parse().unwrap(), DbOptions::default())
        .await
        .unwrap();
    contract::prepare(&db).await;
    (database, db)
}

macro_rules! on_both_engines {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (_dir, db) = super::sqlite().await;
                super::contract::$name(&db).await;
                db.close().await;
            })*
        }
        mod on_sqlite_with_a_current_thread_runtime {
            $(#[tokio::test]
            async fn $name() {
                let (_dir, db) = super::sqlite().await;
                super::contract::$name(&db).await;
                db.close().await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (_database, db) = super::postgres().await;
                super::contract::$name(&db).await;
                db.close().await;
            })*
        }
    };
}

on_both_engines! {
    commit_keeps_and_rollback_undoes
    a_refusal_may_commit
    a_swallowed_error_poisons_the_transaction
    a_unique_conflict_says_so_without_the_value
    on_conflict_do_nothing_goes_on
    values_come_back_as_they_went
    parameters_bind_by_their_digits
    text_sorts_by_bytes
    a_list_is_one_parameter
    many_writers_of_one_row_lose_nothing
    a_read_sees_every_answered_write
    ids_are_never_given_twice
    a_panic_is_answered_and_undone
    a_write_outlives_its_caller
    a_read_may_not_write
    one_row_means_one_row
    closing_answers_everybody
}
