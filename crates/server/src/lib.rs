//! The program `pantryd` as a library: settings, opening, listening, and the operator's commands.
//! Owns the wiring; must hold no rule of the drive and no URL. Tests start a server in their own process through it.

mod background;
pub mod cli;
mod commands;
pub mod config;
mod console;
pub mod hooks;
pub mod listen;
pub mod log;
pub mod open;
pub mod serve;

pub use cli::run;
pub use serve::Server;
