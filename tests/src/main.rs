//! The tests of the whole: one binary, whose folders follow the URLs. Owns no code that anybody uses.

mod d;
mod documents;
mod http;
mod interop;
mod leaks;
mod nodes;
mod program;
mod u;
mod v1;
mod webhook;
