//! What each method does: parameters, one call of the drive, fields.
//! Must not know numbers; the table gives them.

pub mod files;
pub mod folders;
pub mod recycle;
pub mod session;
pub mod sharing;
pub mod upload;
