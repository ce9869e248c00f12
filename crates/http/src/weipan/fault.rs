//! Why a call got no success, in the API's own causes, and the number that each has where a method's table says nothing.
//! The one place where the drive's errors become causes. Must not know a method.

use std::borrow::Cow;

use pantry_core::{
    Error,
    weipan::{LoginRefused, Refused},
};
use pantry_types::{NameError, PathError};

use crate::envelope::Failure;

macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal,)+) => {
        /// What went wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Cause { $($(#[doc = $doc])+ $name,)+ }

        impl Cause {
            /// Every cause.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The number that it has unless a method's table gives it another.
            pub fn number(self) -> i64 {
                match self { $(Self::$name => $number,)+ }
            }

            /// What it is, for the documentation.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)+ }
            }
        }
    };
}

causes! {
    /// There is no such method
    UnknownMethod = 909,
    /// A parameter is missing
    Missing = 909,
    /// A parameter is malformed
    Malformed = 909,
    /// The id of what the method is about is malformed
    BadTarget = 909,
    /// `cover` is neither `yes` nor `no`
    BadCover = 909,
    /// A name that cannot be
    BadName = 909,
    /// A path that cannot be
    BadPath = 909,
    /// The path would have more than 200 characters
    PathTooLong = 909,
    /// The file does not exist
    NoFile = 909,
    /// The folder does not exist, or is the root where that cannot be meant
    NoFolder = 909,
    /// The folder that something is to go to does not exist
    NoDestination = 909,
    /// There is nothing at the path
    NotThere = 909,
    /// The name is taken
    NameTaken = 909,
    /// A folder cannot go into itself
    IntoItself = 909,
    /// A folder cannot go into a folder inside it
    IntoSubfolder = 909,
    /// The folder that it was in is gone
    ParentMissing = 909,
    /// The recycle bin is empty
    BinEmpty = 2,
    /// The file is not shared
    NotShared = 909,
    /// The person has no content of this hash
    NoContent = 1,
    /// The signature is not right
    Signature = 1,
    /// Account and password do not match
    Account = 2,
    /// The time is no time, or off by more than 15 minutes
    Time = 3,
    /// Not enough space
    Quota = 7,
    /// The object store failed
    Storage = 6,
    /// The server failed
    Internal = 5,
    /// What came could not be stored
    NotStored = 5,
    /// The file has more than 10 MiB
    TooLarge = 101,
    /// The file has more than the form's own `MAX_FILE_SIZE`
    FormTooLarge = 102,
    /// The body ends early
    Cut = 103,
    /// Files of this extension may not be shared
    Extension = 105,
    /// The app was not granted `share.create`
    MayNotShare = 106,
    /// The folder has as many entries as are allowed
    FolderFull = 601,
    /// The dologid is not the latest
    Stale = 602,
    /// The folder of the apps' folders stays what it is
    SystemFolder = 611,
    /// The token is missing, unknown or dead
    Token = 702,
    /// The steps of the upload do not match
    Mismatch = 721,
    /// Too many calls, or the server is too busy: try again in a moment
    Rate = 900,
}

/// A cause, and what to tell people of it.
#[derive(Debug)]
pub struct Fault {
    /// Why.
    pub cause: Cause,
    /// A sentence: what was wrong and what to do.
    pub message: Cow<'static, str>,
}

impl Fault {
    /// A fault that the face itself found.
    pub fn new(cause: Cause, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            cause,
            message: message.into(),
        }
    }
}

impl From<Error> for Fault {
    fn from(e: Error) -> Self {
        let cause = of_drive(&e);
        let message = match &e {
            Error::Rows(_) | Error::Internal(_) => "the server could not do this; it was logged".into(),
            Error::Unauthorized => {
                "the token is unknown, or was not used for too long; call get_token for a new one".into()
            }
            e => e.to_string().into(),
        };
        Failure::Drive(e).log();
        Self { cause, message }
    }
}

impl From<Refused> for Fault {
    fn from(e: Refused) -> Self {
        let cause = match &e {
            Refused::Drive(_) => Cause::Internal,
            Refused::NoDestination => Cause::NoDestination,
            Refused::PathTooLong => Cause::PathTooLong,
            Refused::FolderFull { .. } => Cause::FolderFull,
            Refused::NoContent => Cause::NoContent,
            Refused::NoPost => Cause::Mismatch,
        };
        match e {
            Refused::Drive(e) => e.into(),
            e => Self::new(cause, e.to_string()),
        }
    }
}

impl From<LoginRefused> for Fault {
    fn from(e: LoginRefused) -> Self {
        let cause = match &e {
            LoginRefused::Drive(_) => Cause::Internal,
            LoginRefused::Signature => Cause::Signature,
            LoginRefused::Account | LoginRefused::Directory => Cause::Account,
            LoginRefused::Time => Cause::Time,
        };
        match e {
            LoginRefused::Drive(e) => e.into(),
            e => Self::new(cause, e.to_string()),
        }
    }
}

impl From<NameError> for Fault {
    fn from(e: NameError) -> Self {
        Self::new(Cause::BadName, e.to_string())
    }
}

impl From<PathError> for Fault {
    fn from(e: PathError) -> Self {
        Self::new(Cause::BadPath, e.to_string())
    }
}

/// No arm for the rest: a new error must be thought about here.
fn of_drive(e: &Error) -> Cause {
    match e {
        Error::NotFound("folder") => Cause::NoFolder,
        Error::NotFound(_) => Cause::NoFile,
        // A program has the whole drive: what is forbidden to it is the root itself.
        Error::Forbidden(_) => Cause::NoFolder,
        Error::Unauthorized => Cause::Token,
        Error::Invalid { .. } | Error::Taken { .. } => Cause::Malformed,
        Error::Name(_) => Cause::BadName,
        Error::Path(_) => Cause::BadPath,
        Error::TooDeep => Cause::PathTooLong,
        Error::NameTaken { .. } | Error::KindMismatch { .. } => Cause::NameTaken,
        Error::IntoItself => Cause::IntoItself,
        Error::IntoOwnSubfolder => Cause::IntoSubfolder,
        Error::NestedSandbox | Error::SystemFolder => Cause::SystemFolder,
        Error::ParentMissing => Cause::ParentMissing,
        Error::Quota { .. } => Cause::Quota,
        Error::StaleHead { .. } => Cause::Stale,
        Error::NoUpload
        | Error::UploadExpired
        | Error::UploadCompleted
        | Error::UploadStored
        | Error::Incomplete { .. }
        | Error::NoSuchPart { .. }
        | Error::PartLength { .. }
        | Error::HashMismatch { .. } => Cause::Mismatch,
        Error::TooLarge { .. } => Cause::TooLarge,
        Error::BodyBroken(_) => Cause::Cut,
        Error::ShareNotEnabled => Cause::MayNotShare,
        // Of shares this face knows only files that are open to everybody.
        Error::ShareClosed(_)
        | Error::TicketRequired
        | Error::WrongPassword
        | Error::SaveNotAllowed
        | Error::DropOnly
        | Error::NotDrop => Cause::NoFile,
        Error::DropFull { .. } => Cause::Quota,
        Error::TooMany { .. } | Error::Busy => Cause::Rate,
        Error::Storage(_) => Cause::Storage,
        Error::DiskFull => Cause::NotStored,
        Error::Rows(_) | Error::Internal(_) => Cause::Internal,
    }
}
