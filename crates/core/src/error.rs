//! What can go wrong, in the drive's own words. Each face translates it.
//! Must not know HTTP statuses or any face's numbers.

use pantry_blob::BlobError;
use pantry_db::{DbError, DbErrorKind};
use pantry_types::{NameError, PathError, shown};

use crate::shares::Closed;

/// Why something that the caller asked for did not happen. Nothing was changed,
/// unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or the caller may not know of it.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The caller's right does not reach there.
    #[error("{0}")]
    Forbidden(String),
    /// The token, grant or session is not (any more) good.
    #[error("the access token is unknown, expired or revoked; get a new one")]
    Unauthorized,
    /// A parameter is missing or malformed.
    #[error("{parameter}: {problem}")]
    Invalid {
        /// Its name, as the caller sent it.
        parameter: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A name that cannot be.
    #[error("{0}")]
    Name(#[from] NameError),
    /// A path that cannot be.
    #[error("{0}")]
    Path(#[from] PathError),
    /// The place would be too deep, or its path too long.
    #[error(
        "the place would be more than 128 levels deep, or its path longer than 4,096 bytes; choose one nearer to the root"
    )]
    TooDeep,
    /// The name is taken in that folder.
    #[error("there is already a file or folder {} in that folder; choose another name or set on_conflict", shown(.name))]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A file in the place of a folder, or the other way.
    #[error("{} is a {there}, and a {wanted} cannot take its place", shown(.name))]
    KindMismatch {
        /// The name.
        name: String,
        /// What is there.
        there: &'static str,
        /// What was to go there.
        wanted: &'static str,
    },
    /// A folder cannot go into itself.
    #[error("a folder cannot be moved or copied into itself")]
    IntoItself,
    /// A folder cannot go into a folder that lies in it.
    #[error("a folder cannot be moved or copied into a folder inside it")]
    IntoOwnSubfolder,
    /// One app's folder cannot lie in another's.
    #[error("an app's folder cannot be moved into the folder of another app")]
    NestedSandbox,
    /// `/我的应用数据` stays what and where it is.
    #[error("the folder /我的应用数据 holds the folders of apps and cannot be renamed, moved, deleted or replaced")]
    SystemFolder,
    /// The folder that something is to return to is gone.
    #[error("the folder it was in is gone; name another with dest_path")]
    ParentMissing,
    /// There is not enough space.
    #[error(
        "{needed} bytes are needed and {free} are free; delete something, empty the recycle bin, or ask for more space"
    )]
    Quota {
        /// Bytes that the write needs.
        needed: i64,
        /// Bytes that could be made free.
        free: i64,
    },
    /// The caller's picture of the drive is old (weipan: 602).
    #[error("the drive has changed since: its head is {head}")]
    StaleHead {
        /// The latest number.
        head: i64,
    },
    /// No such upload, or it was aborted, or the grant that made it is gone.
    #[error("there is no such upload; start again with precreate")]
    NoUpload,
    /// The upload ran out of time.
    #[error("the upload has expired; start again with precreate")]
    UploadExpired,
    /// The upload is done.
    #[error("the upload is complete; delete the file instead")]
    UploadCompleted,
    /// The content is stored and waits for `complete` only.
    #[error("every part is stored already; call complete")]
    UploadStored,
    /// Parts are missing.
    #[error("incomplete: {received}/{total}")]
    Incomplete {
        /// Parts received.
        received: i64,
        /// Parts in all.
        total: i64,
    },
    /// A part number that the upload does not have.
    #[error("part_seq {seq} is not one of 1 to {total}")]
    NoSuchPart {
        /// The number.
        seq: i64,
        /// Parts in all.
        total: i64,
    },
    /// A part has other bytes than it should.
    #[error("part {seq} must have {expected} bytes, and {} came; send it again", .actual.map_or_else(|| "more".to_owned(), |n| n.to_string()))]
    PartLength {
        /// The number.
        seq: i64,
        /// Bytes it should have.
        expected: i64,
        /// Bytes that came, `None` for more than expected.
        actual: Option<i64>,
    },
    /// Content is not what its hash says.
    #[error("the content has the {algorithm} {actual}, and {expected} was declared; send it again")]
    HashMismatch {
        /// Name of the hash.
        algorithm: &'static str,
        /// As declared.
        expected: String,
        /// As received.
        actual: String,
    },
    /// Content is larger than this call takes.
    #[error("the content is larger than {limit} bytes; use the upload in parts")]
    TooLarge {
        /// Bytes that the call takes.
        limit: i64,
    },
    /// The caller's connection broke while content was arriving.
    #[error("the content ended early: {0}")]
    BodyBroken(String),
    /// The share does not serve.
    #[error("{0}")]
    ShareClosed(Closed),
    /// The share has a password, and no ticket came that shows it was known.
    #[error("this share has a password; send it to verify, and then the ticket that it answers")]
    TicketRequired,
    /// Not the password of the share.
    #[error("this is not the password of the share")]
    WrongPassword,
    /// The share may be looked at and downloaded only.
    #[error("the owner of this share does not let others save it to their own drives; download it instead")]
    SaveNotAllowed,
    /// A drop box shows nothing.
    #[error("files can be put into this share, and nothing in it can be seen")]
    DropOnly,
    /// The share takes no files.
    #[error("this share is no drop box; nothing can be put into it")]
    NotDrop,
    /// The drop box has no room; whose, and how much, is nobody's business.
    #[error("this drop box has no room for {size} bytes")]
    DropFull {
        /// Bytes of the file.
        size: i64,
    },
    /// Sharing was not switched on for this app.
    #[error("sharing is not enabled for this app; call /v1/user/share-enable once")]
    ShareNotEnabled,
    /// Too many attempts.
    #[error("too many attempts; try again in {retry_after} seconds")]
    TooMany {
        /// Seconds to wait.
        retry_after: i64,
    },
    /// The name, mail address or other key of an account or app is taken.
    #[error("{what} {} is taken", shown(.value))]
    Taken {
        /// What it is.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// Object storage failed.
    #[error("storing or reading the content failed; try again")]
    Storage(#[source] BlobError),
    /// The disk is full.
    #[error("the server's disk is full; nothing was changed")]
    DiskFull,
    /// The row store is busy; the same call may succeed later.
    #[error("the server is busy; try again in a moment")]
    Busy,
    /// The row store failed.
    #[error("the server could not do this; it was logged")]
    Rows(#[source] DbError),
    /// A rule of ours was broken; a bug.
    #[error("the server could not do this; it was logged ({0})")]
    Internal(String),
}

impl From<DbError> for Error {
    fn from(e: DbError) -> Self {
        match e.kind() {
            DbErrorKind::Busy | DbErrorKind::Serialization => Error::Busy,
            DbErrorKind::DiskFull => Error::DiskFull,
            _ => Error::Rows(e),
        }
    }
}

impl From<BlobError> for Error {
    fn from(e: BlobError) -> Self {
        match e {
            BlobError::NoSpace => Error::DiskFull,
            e => Error::Storage(e),
        }
    }
}

impl Error {
    /// A parameter that is missing or malformed.
    pub fn invalid(parameter: &'static str, problem: impl Into<String>) -> Self {
        Error::Invalid {
            parameter,
            problem: problem.into(),
        }
    }
}
