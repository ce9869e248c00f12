//! The web page's own API, through the real router, on both row engines: what it does, and everything that it refuses.
//! Must not reach round it but to look at rows.

mod access;
mod admin;
mod apps;
mod hooks;
mod me;
mod pages;
mod secrets;
mod shares;
mod world;
