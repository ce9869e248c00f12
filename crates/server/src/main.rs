//! The binary `pantryd`. Owns the choice of an allocator and nothing else: the library of this crate does the work.

use std::process::ExitCode;

/// Requests are short and their memory moves between threads, which the C library's allocator answers with locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pantry_server::run()
}
