//! Who calls, and what they may do in the tree.
//! A right that was not granted is absent, and absent means no.

use pantry_types::{GrantId, Scope, Scopes, UserId};

/// How far a right reaches in one person's tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nowhere.
    None,
    /// Inside the app's own folder.
    Sandbox,
    /// Everywhere in this person's drive.
    All,
}

/// What the caller sees as `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The app's own folder.
    Sandbox,
    /// The whole drive.
    Drive,
}

/// Who calls. Made by [`crate::auth`] from a token or a session, never by a face.
#[derive(Debug, Clone)]
pub struct Actor {
    user: UserId,
    client_id: String,
    grant: GrantId,
    epoch: i64,
    scopes: Scopes,
    read: Reach,
    write: Reach,
    view: View,
    expected_head: Option<i64>,
    links_of: (GrantId, i64),
}

impl Actor {
    /// An app, by the scopes of its token.
    ///
    /// `files.read_all` reads everywhere and writes nowhere; `files.write_all` writes everywhere and reads
    /// only the app's own folder; `files.app_data` does both there.
    pub fn app(user: UserId, client_id: String, grant: GrantId, epoch: i64, scopes: Scopes) -> Self {
        let has = |s| scopes.contains(s);
        let read = if has(Scope::FilesReadAll) {
            Reach::All
        } else if has(Scope::FilesAppData) || has(Scope::FilesWriteAll) {
            Reach::Sandbox
        } else {
            Reach::None
        };
        let write = if has(Scope::FilesWriteAll) {
            Reach::All
        } else if has(Scope::FilesAppData) {
            Reach::Sandbox
        } else {
            Reach::None
        };
        let view = if has(Scope::FilesReadAll) || has(Scope::FilesWriteAll) {
            View::Drive
        } else {
            View::Sandbox
        };
        Self {
            user,
            client_id,
            grant,
            epoch,
            scopes,
            read,
            write,
            view,
            expected_head: None,
            links_of: (grant, epoch),
        }
    }

    /// The person, signed in: everything in their own drive.
    pub fn person(user: UserId) -> Self {
        Self {
            user,
            client_id: String::new(),
            grant: GrantId(0),
            epoch: 0,
            scopes: Scopes::EMPTY,
            read: Reach::All,
            write: Reach::All,
            view: View::Drive,
            expected_head: None,
            links_of: (GrantId(0), 0),
        }
    }

    /// A program that signed in with the person's password and an app's signature: everything in the person's drive.
    /// What it makes is recorded as the app's.
    pub fn weipan(user: UserId, client_id: String) -> Self {
        Self {
            client_id,
            ..Self::person(user)
        }
    }

    /// The same caller, whose writes hold only while the change log's head is this.
    #[must_use]
    pub fn expecting_head(mut self, head: Option<i64>) -> Self {
        self.expected_head = head;
        self
    }

    /// The same caller, whose links end with this grant's epoch.
    #[must_use]
    pub fn with_links_of(mut self, grant: GrantId, epoch: i64) -> Self {
        self.links_of = (grant, epoch);
        self
    }

    /// The grant and the epoch that links given to this caller end with; 0 for none.
    pub fn links_of(&self) -> (GrantId, i64) {
        self.links_of
    }

    /// Whose drive.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// The app, empty for the person.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The grant, 0 for the person.
    pub fn grant(&self) -> GrantId {
        self.grant
    }

    /// The grant's epoch when the token was made.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Scopes of the token; empty for the person.
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// How far reading reaches.
    pub fn read(&self) -> Reach {
        self.read
    }

    /// How far writing reaches.
    pub fn write(&self) -> Reach {
        self.write
    }

    /// What `/` is.
    pub fn view(&self) -> View {
        self.view
    }

    /// The head that the caller's writes depend on.
    pub fn expected_head(&self) -> Option<i64> {
        self.expected_head
    }
}
