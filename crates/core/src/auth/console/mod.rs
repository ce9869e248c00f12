//! What people do in the console: developers with their apps, administrators with everybody's, each person with what
//! they allowed. Every act is a person's, by session, or the operator's; no token reaches any of it.
//! Must not know pages, cookies or HTTP.

mod admin;
mod apps;
mod audit;
mod follow;
mod given;
mod hooks;
mod icon;
mod names;
mod people;
mod review;

use pantry_db::{DbError, Tx, audit as rows};
use pantry_types::{UserId, shown};

pub use admin::UserPage;
pub use apps::{AppDraft, AppEdit, AppInfo, Edited, Ended};
pub use audit::{AuditLine, AuditWanted};
pub use follow::SweptConsole;
pub use given::{GrantInfo, TakenBack};
pub use hooks::{HookInfo, HookSet};
pub use icon::Icon;
pub use pantry_db::{
    deliveries::{Delivery, DeliveryState},
    given::Size,
    scope_requests::{RequestState, ScopeRequest},
    users::User as UserRecord,
};
pub use people::{PasswordLink, SessionInfo};
pub use review::Review;

use super::{Origin, SessionActor};
use crate::{Drive, Error};

/// Seconds that a password counts as just shown.
pub const FRESH_SECONDS: i64 = 900;
/// Longest page.
pub const MAX_PAGE: i64 = 200;

/// Why something in the console did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The person is no administrator.
    #[error("only an administrator of this installation may do this")]
    NotAdmin,
    /// What was asked for needs the password, shown in the last quarter of an hour.
    #[error("this needs your password again; confirm it and repeat the request")]
    PasswordNeeded,
    /// The password is not the account's.
    #[error("the password is not right")]
    WrongPassword,
    /// The request for scopes was decided or taken back before.
    #[error("this request was decided or withdrawn already; look at it again")]
    Decided,
    /// The app has a request for scopes that is open.
    #[error("the app has an open request already; withdraw it, or wait for the decision")]
    RequestOpen,
    /// The delivery of a webhook is not in a state for this; says in which.
    #[error("the delivery {0}")]
    DeliveryBusy(String),
    /// Nobody shuts themselves out.
    #[error("you cannot do this to your own account; ask another administrator")]
    Yourself,
    /// The rest.
    #[error(transparent)]
    Drive(#[from] Error),
}

impl From<DbError> for ConsoleError {
    fn from(e: DbError) -> Self {
        Self::Drive(e.into())
    }
}

/// Someone who may administer this installation: proof of it, which every act of administration takes.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Who; 0 for the operator at the machine itself.
    user: UserId,
    origin: Origin,
    is_fresh: bool,
}

impl Admin {
    /// The operator, by a command at the machine.
    pub fn operator() -> Self {
        Self {
            user: UserId(0),
            origin: Origin::operator(),
            is_fresh: true,
        }
    }

    fn fresh(&self) -> Result<(), ConsoleError> {
        if self.is_fresh {
            Ok(())
        } else {
            Err(ConsoleError::PasswordNeeded)
        }
    }
}

/// One page of something.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; none after the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Of what was read with one more than was wanted; `key` says where to go on after an item.
    fn of(mut items: Vec<T>, limit: i64, key: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(key);
        Self { items, next }
    }

    fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next: self.next,
        }
    }
}

/// How much is wanted, from where on.
#[derive(Debug, Clone, Default)]
pub struct Paging {
    /// As the last page said; none for the first.
    pub cursor: Option<String>,
    /// Items, 1 to 200; none is 50.
    pub limit: Option<i64>,
}

impl Paging {
    fn limit(&self) -> i64 {
        self.limit.unwrap_or(50).clamp(1, MAX_PAGE)
    }

    /// One more, to see whether there is more.
    fn fetch(&self) -> i64 {
        self.limit() + 1
    }

    /// The cursor as a number; `first` without one.
    fn number(&self, first: i64) -> Result<i64, Error> {
        match &self.cursor {
            None => Ok(first),
            Some(text) => text.parse().map_err(|_| bad_cursor(text)),
        }
    }

    /// The cursor as a client's id.
    fn client_id(&self) -> Result<&str, Error> {
        match self.cursor.as_deref() {
            None => Ok(""),
            Some(text) if text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(text),
            Some(text) => Err(bad_cursor(text)),
        }
    }
}

fn bad_cursor(text: &str) -> Error {
    Error::invalid(
        "cursor",
        format!(
            "{} is no cursor; send the next_cursor of a page as it came",
            shown(text)
        ),
    )
}

/// What is written into the audit log.
#[derive(Debug, Clone)]
struct Act {
    at: i64,
    event: &'static str,
    address: String,
    /// Who did it, if not the account's person.
    actor: UserId,
}

impl Act {
    /// A person's, about their own account.
    fn own(drive: &Drive, event: &'static str, origin: &Origin) -> Self {
        Self {
            at: drive.now(),
            event,
            address: origin.address(),
            actor: UserId(0),
        }
    }

    /// An administrator's.
    fn of(drive: &Drive, event: &'static str, admin: &Admin) -> Self {
        Self {
            at: drive.now(),
            event,
            address: admin.origin.address(),
            actor: admin.user,
        }
    }

    /// Writes it down. `detail` never holds what somebody typed as a secret.
    async fn note(&self, tx: &mut Tx<'_>, user: UserId, client_id: &str, detail: &str) -> Result<(), DbError> {
        let entry = rows::Entry {
            at: self.at,
            user,
            client_id: client_id.to_owned(),
            event: self.event.to_owned(),
            address: self.address.clone(),
            detail: detail.to_owned(),
        };
        rows::append_by(tx, &entry, self.actor).await
    }
}

/// A text of at most so many characters, without control characters but line ends, and without spaces around it.
fn text(parameter: &'static str, value: &str, most: usize) -> Result<String, Error> {
    let value = value.trim();
    if value.chars().count() > most {
        return Err(Error::invalid(
            parameter,
            format!("is longer than {most} characters; shorten it"),
        ));
    }
    if value
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\r' && c != '\t')
    {
        return Err(Error::invalid(parameter, "has a control character; leave it out"));
    }
    Ok(value.to_owned())
}

impl Drive {
    /// Proof that a person may administer this installation.
    ///
    /// # Errors
    /// [`ConsoleError::NotAdmin`].
    pub fn administrator(&self, session: &SessionActor, origin: &Origin) -> Result<Admin, ConsoleError> {
        if !session.is_admin {
            return Err(ConsoleError::NotAdmin);
        }
        Ok(Admin {
            user: session.user,
            origin: origin.clone(),
            is_fresh: self.is_fresh(session),
        })
    }

    /// Whether the person showed a password just now.
    pub fn is_fresh(&self, session: &SessionActor) -> bool {
        self.now() - session.auth_time <= FRESH_SECONDS
    }

    fn fresh(&self, session: &SessionActor) -> Result<(), ConsoleError> {
        if self.is_fresh(session) {
            Ok(())
        } else {
            Err(ConsoleError::PasswordNeeded)
        }
    }
}
