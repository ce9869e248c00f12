//! The one place for SQL that must differ between the two engines.
//! Everything else is one text with `$1…$n` for both.

use crate::{Engine, error::DbError, tx::Tx};

/// Chooses a statement by engine.
pub const fn sql(engine: Engine, sqlite: &'static str, postgres: &'static str) -> &'static str {
    match engine {
        Engine::Sqlite => sqlite,
        Engine::Postgres => postgres,
    }
}

/// The suffix of a SELECT that locks its rows: SQLite's one writer needs none.
/// Lock in a statement of its own, first; a statement that locks and reads sees a snapshot from before it waited.
pub const fn for_update(engine: Engine) -> &'static str {
    sql(engine, "", " FOR UPDATE")
}

/// `SELECT columns FROM table rest`, where SQLite reads the table by this index. Left to choose, without statistics, it takes
/// the primary key for as good, and reads all that a person has.
macro_rules! select_by {
    ($engine:expr, $columns:expr, $table:literal, $index:literal, $rest:expr) => {
        $crate::dialect::sql(
            $engine,
            concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " INDEXED BY ",
                $index,
                " ",
                $rest
            ),
            concat!("SELECT ", $columns, " FROM ", $table, " ", $rest),
        )
    };
}
pub(crate) use select_by;

/// The right side of `column …` for an [`crate::IdList`] bound as `$n`: `= ANY($n)` or `IN (SELECT value FROM json_each($n))`.
///
/// # Panics
/// When `n` is not between 1 and 9.
pub const fn in_list(engine: Engine, n: usize) -> &'static str {
    const SQLITE: [&str; 9] = [
        "IN (SELECT value FROM json_each($1))",
        "IN (SELECT value FROM json_each($2))",
        "IN (SELECT value FROM json_each($3))",
        "IN (SELECT value FROM json_each($4))",
        "IN (SELECT value FROM json_each($5))",
        "IN (SELECT value FROM json_each($6))",
        "IN (SELECT value FROM json_each($7))",
        "IN (SELECT value FROM json_each($8))",
        "IN (SELECT value FROM json_each($9))",
    ];
    const PG: [&str; 9] = [
        "= ANY($1)",
        "= ANY($2)",
        "= ANY($3)",
        "= ANY($4)",
        "= ANY($5)",
        "= ANY($6)",
        "= ANY($7)",
        "= ANY($8)",
        "= ANY($9)",
    ];
    assert!(n >= 1 && n <= 9, "a list is bound as $1 to $9");
    sql(engine, SQLITE[n - 1], PG[n - 1])
}

/// The next id of the whole system: positive, never given twice. An id whose transaction is rolled back may be lost (PostgreSQL) or given again (SQLite).
///
/// # Errors
/// As any statement.
pub async fn next_id(tx: &mut Tx<'_>) -> Result<i64, DbError> {
    let text = sql(
        tx.engine(),
        "UPDATE counters SET value = value + 1 WHERE name = 'id' RETURNING value",
        "SELECT nextval('ids')",
    );
    tx.query_one(text, &[], |row| row.get(0)).await
}

/// `n` new ids, ascending, in one statement; not always consecutive.
///
/// # Errors
/// As any statement; `n` is negative.
pub async fn next_ids(tx: &mut Tx<'_>, n: usize) -> Result<Vec<i64>, DbError> {
    let count = i64::try_from(n).map_err(|_| DbError::other("too many ids at once"))?;
    if count == 0 {
        return Ok(Vec::new());
    }
    match tx.engine() {
        Engine::Sqlite => {
            let last: i64 = tx
                .query_one(
                    "UPDATE counters SET value = value + $1 WHERE name = 'id' RETURNING value",
                    &[&count],
                    |row| row.get(0),
                )
                .await?;
            Ok((last - count + 1..=last).collect())
        }
        Engine::Postgres => {
            tx.query(
                "SELECT nextval('ids') FROM generate_series(1, CAST($1 AS BIGINT))",
                &[&count],
                |row| row.get(0),
            )
            .await
        }
    }
}
