//! The program `pantryd` once more, so that cargo builds it together with the tests that start it: the same `main`.
//! Owns nothing.

use std::process::ExitCode;

fn main() -> ExitCode {
    pantry_server::run()
}
