//! In builds for tests: how SQLite means to run each statement. It has no statistics, so that its plan depends on the statement
//! alone; one that reads all that a person has, or all that there is, to find a few rows is a fault that no small drive shows.
//! Must not be part of what is released.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use rusqlite::Connection;

/// Tables that grow with files and with time.
const LARGE: [&str; 9] = [
    "nodes",
    "versions",
    "blobs",
    "blob_suspects",
    "changes",
    "node_grams",
    "shares",
    "share_items",
    "uploads",
];

/// How a search ends that finds all of a person's rows, or all from one on.
const WHOLE: [&str; 3] = ["(user_id=?)", "(user_id=? AND id>?)", "(user_id=? AND id<?)"];

/// Parts of statements that are meant to read all of a person's.
const MEANT: [&str; 9] = [
    // How many shares one has: there is a most.
    "COUNT(*) FROM shares WHERE user_id = $1",
    "COUNT(*) FROM shares s WHERE s.user_id = $1",
    // A page of them, with all that lies between.
    "FROM shares s WHERE s.user_id = $1 AND s.id < $2 ORDER BY s.id DESC LIMIT",
    // The check of the books.
    "FROM share_items i WHERE NOT EXISTS (SELECT 1 FROM shares s",
    "SUM(size), 0) AS BIGINT) FROM uploads WHERE user_id = $1 AND state = 0",
    "FROM nodes WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3",
    "FROM versions WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3",
    // A folder that holds very many of them: `nodes::by_id`.
    "FROM nodes WHERE user_id = $1 AND parent_id = $2 AND id > $3 ORDER BY id LIMIT $4",
    // Uploads of a person are few, and go after some days.
    "FROM uploads WHERE user_id = $1 AND id > $2 AND state = 0 ORDER BY id LIMIT $3",
];

/// What was found of each statement that was looked at: the step that reads too much.
static SEEN: LazyLock<Mutex<HashMap<String, Option<String>>>> = LazyLock::new(Mutex::default);

/// Panics if a statement reads too much, every time: whoever runs it may take the first for a passing fault.
pub fn check(conn: &Connection, sql: &str) {
    let known = SEEN.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
    let fault = known.unwrap_or_else(|| {
        let fault = look(conn, sql);
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(sql.to_owned(), fault.clone());
        fault
    });
    if let Some(step) = fault {
        panic!("this reads more than it should, give it an index or say in `plans` why not: {step}: {sql}");
    }
}

fn look(conn: &Connection, sql: &str) -> Option<String> {
    if MEANT.iter().any(|part| sql.contains(part)) {
        return None;
    }
    // What cannot be prepared fails where it is run.
    let steps = steps(conn, sql).ok()?;
    steps.into_iter().find(|step| reads_all(step, sql))
}

fn steps(conn: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(row.get(3)?);
    }
    Ok(steps)
}

/// Whether a step reads every row of a large table, or every row of a person's in it.
fn reads_all(step: &str, sql: &str) -> bool {
    let mut words = step.split(' ');
    let (how, Some(name)) = (words.next(), words.next()) else {
        return false;
    };
    let is_large = LARGE
        .iter()
        .any(|table| *table == name || sql.contains(&format!("{table} {name} ")));
    let whole = match how {
        Some("SCAN") => !step.contains("VIRTUAL TABLE INDEX") || step.ends_with(" 0:"),
        Some("SEARCH") => WHOLE.iter().any(|end| step.ends_with(end)),
        _ => false,
    };
    is_large && whole
}

#[cfg(test)]
mod tests {
    //! What is told from what.
    use super::*;

    #[test]
    fn steps_that_read_all_are_told_from_those_that_look() {
        for (step, sql, whole) in [
            ("SCAN nodes", "SELECT id FROM nodes", true),
            ("SCAN n", "SELECT id FROM nodes n WHERE size = 0", true),
            ("SCAN tops", "WITH tops AS (SELECT 1) SELECT * FROM tops", false),
            ("SEARCH nodes USING PRIMARY KEY (user_id=?)", "FROM nodes WHERE", true),
            (
                "SEARCH nodes USING PRIMARY KEY (user_id=? AND id=?)",
                "FROM nodes WHERE",
                false,
            ),
            (
                "SEARCH grants USING PRIMARY KEY (user_id=?)",
                "FROM grants WHERE",
                false,
            ),
            (
                "SCAN node_grams VIRTUAL TABLE INDEX 0:=",
                "DELETE FROM node_grams",
                false,
            ),
            ("SCAN node_grams VIRTUAL TABLE INDEX 0:", "DELETE FROM node_grams", true),
        ] {
            assert_eq!(reads_all(step, sql), whole, "{step}");
        }
    }

    #[test]
    #[should_panic(expected = "this reads more than it should")]
    fn a_statement_that_reads_all_is_refused() {
        let conn = Connection::open_in_memory().expect("a database");
        conn.execute_batch("CREATE TABLE nodes (user_id INTEGER, id INTEGER, PRIMARY KEY (user_id, id)) WITHOUT ROWID")
            .expect("a table");
        check(&conn, "SELECT id FROM nodes WHERE user_id = $1 AND id = 7");
        let again = || check(&conn, "SELECT id FROM nodes WHERE user_id = $1 AND id > 7 LIMIT 3");
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(again)).is_err());
        again();
    }
}
