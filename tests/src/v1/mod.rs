//! `/v1/*`.

mod archive;
mod bin;
mod changes;
mod content;
mod files;
mod folder;
mod isolation;
mod manage;
mod precreate;
mod races;
mod search;
mod share;
mod user;
mod versions;
