//! The binary `pantryd`. Owns nothing: the library of this crate does the work.

use std::process::ExitCode;

fn main() -> ExitCode {
    pantry_server::run()
}
