//! A drive in a box: on either row engine, served in this process or by the real program, with a clock to turn, and actors
//! that speak HTTP as people's apps do. Dropping a box proves its books and fails the test that unbalanced them.
//! For tests only; must hold no rule of the drive.

mod actors;
mod child;
mod faulty;
pub mod pg;
mod place;
mod reply;
pub mod secrets;
mod server;

pub use actors::{App, Person, Token};
pub use child::{ChildServer, command, pantryd};
pub use faulty::Disk;
pub use place::{Engine, NOW, Place};
pub use reply::Reply;
pub use server::TestServer;

/// MD5 of some bytes, as clients write it.
pub fn md5_hex(bytes: &[u8]) -> String {
    use md5::Digest;
    hex::encode(md5::Md5::digest(bytes))
}

/// Bytes that look random and are the same for the same seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    use pantry_types::Random;
    let mut bytes = vec![0; len];
    pantry_types::SeededRandom::new(seed).fill(&mut bytes);
    bytes
}

/// Runs a test's body on a runtime of its own.
pub fn run<F: Future<Output = ()>>(body: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(body);
}

/// Makes two tests of each named `async fn(Engine)`: one on SQLite, one on PostgreSQL.
#[macro_export]
macro_rules! both_engines {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $name() { $crate::run(super::$name($crate::Engine::Sqlite)); })+
        }
        mod on_postgres {
            $(#[test] fn $name() { $crate::run(super::$name($crate::Engine::Postgres)); })+
        }
    };
}
