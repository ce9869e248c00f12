//! Why a share does not serve. Must not look anything up.

/// Why a share does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// There is none of this code, or what it showed is gone for good.
    #[error("there is no such share; check the address")]
    NotFound,
    /// Its owner ended it.
    #[error("the owner has ended this share; ask them for another")]
    Cancelled,
    /// Its time is over.
    #[error("the time of this share is over; ask its owner for another")]
    Expired,
    /// It was downloaded, or filled, as often as its owner allowed.
    #[error("this share was used as often as its owner allowed; ask them for another")]
    UsedUp,
    /// What it showed lies in the recycle bin.
    #[error("what was shared here lies in its owner's recycle bin")]
    Trashed,
}

impl Closed {
    /// Names it for programs.
    pub fn code(self) -> &'static str {
        match self {
            Closed::NotFound => "share_not_found",
            Closed::Cancelled => "share_cancelled",
            Closed::Expired => "share_expired",
            Closed::UsedUp => "share_used_up",
            Closed::Trashed => "share_trashed",
        }
    }
}
