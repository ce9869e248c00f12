//! The tests of the drive's rules, on both row engines, in one binary.

mod archives;
mod bins;
mod books;
mod changes;
mod common;
mod copies;
mod races;
mod tree;
mod uploads;
mod weipan;

/// Makes each named test run on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { Box::pin(super::$name($crate::common::On::Sqlite)).await; })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { Box::pin(super::$name($crate::common::On::Postgres)).await; })*
        }
    };
}
