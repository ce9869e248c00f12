//! The commands. Each does its work through the client and says what it did; none knows another.

pub mod account;
pub mod bin;
pub mod change;
pub mod changes;
pub mod get;
pub mod put;
pub mod show;
