//! A PostgreSQL database of its own for one test, in the server that `scripts/with-postgres` started.
//! Owns its making and its removal, by `psql`. Must not know a schema, nor any crate of this project: others include this file by path.

use std::{
    ffi::OsString,
    sync::atomic::{AtomicU32, Ordering},
};

use tokio::process::Command;

/// The URL of a server on which tests may make databases.
const SERVER: &str = "PANTRY_TEST_POSTGRES";

/// An empty database, removed when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    /// Where it is: `postgres://…`.
    pub url: String,
    name: String,
    server: String,
}

/// Makes an empty database.
///
/// # Panics
/// There is no server: on both engines, or it is no test.
pub async fn fresh_database() -> TestDatabase {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Ok(server) = std::env::var(SERVER) else {
        panic!(
            "this test needs PostgreSQL: run it as `scripts/with-postgres cargo nextest run …`, \
             or set {SERVER} to the URL of a superuser of a server for tests"
        );
    };
    let mut refused = String::new();
    // A name may be left over from a killed process that had our number.
    for _ in 0..20 {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pantry_test_{}_{number}", std::process::id());
        let made = Command::from(psql(&server, &format!("CREATE DATABASE {name} TEMPLATE template0")))
            .output()
            .await;
        match made {
            Ok(made) if made.status.success() => {
                return TestDatabase {
                    url: with_database(&server, &name),
                    name,
                    server,
                };
            }
            Ok(made) => refused = String::from_utf8_lossy(&made.stderr).into_owned(),
            Err(e) => panic!("psql cannot be run ({e}): install PostgreSQL's client programs"),
        }
        assert!(
            refused.contains("already exists"),
            "no database for this test: {refused}"
        );
    }
    panic!("no database for this test: {refused}");
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // Best effort: the whole server goes after the run.
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = psql(&self.server, &drop).output();
    }
}

fn psql(server: &str, sql: &str) -> std::process::Command {
    let program = std::env::var_os("PANTRY_TEST_PSQL").unwrap_or_else(|| OsString::from("psql"));
    let mut command = std::process::Command::new(program);
    command
        .args(["--no-psqlrc", "--quiet", "--command", sql, server])
        .stdin(std::process::Stdio::null());
    command
}

/// The same server, another database: the path of the URL.
fn with_database(server: &str, name: &str) -> String {
    let (before, query) = match server.split_once('?') {
        Some((before, query)) => (before, format!("?{query}")),
        None => (server, String::new()),
    };
    let start = before.find("://").map_or(0, |at| at + 3);
    let end = before[start..].find('/').map_or(before.len(), |at| start + at);
    format!("{}/{name}{query}", &before[..end])
}
