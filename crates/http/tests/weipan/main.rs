//! The weipan face as its programs see it: the published examples, every number, every shape, the wire as it comes, and a
//! mirror that knows nothing but what it is told of changes.

mod curl;
mod dolog;
mod garbage;
mod login;
mod mirror;
mod numbers;
mod shapes;
mod shared;
mod steps;
mod tools;
mod wire;
