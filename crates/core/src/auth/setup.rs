//! The first administrator, by a link that works once and only while there is nobody.
//! Must not know the page.

use pantry_db::{DbError, Outcome, Tx, audit, meta, users};
use pantry_types::{SecretKind, secret};

use super::{NewUser, Origin, SignedIn, accounts, hash, session};
use crate::{Drive, Error};

const KEY: &str = "setup.hash";

/// Why a set-up link does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupClosed {
    /// Unknown, or replaced by a later one.
    Invalid,
    /// There is somebody already.
    Used,
}

/// Why the first administrator was not made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The link does not work.
    #[error("the set-up link does not work (any more)")]
    Closed(SetupClosed),
    /// What was typed does not do, or the drive could not serve it.
    #[error(transparent)]
    Drive(#[from] Error),
}

impl From<DbError> for SetupError {
    fn from(e: DbError) -> Self {
        SetupError::Drive(e.into())
    }
}

async fn offer_tx(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Outcome<bool, Error> {
    offer_rows(tx, hash).await.into()
}

async fn offer_rows(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Result<bool, Error> {
    if users::any(tx).await? {
        meta::remove(tx, KEY).await?;
        return Ok(false);
    }
    meta::set(tx, KEY, hash).await?;
    Ok(true)
}

async fn state(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Result<Result<(), SetupClosed>, Error> {
    // In this order: who is there takes the link away, and PostgreSQL may show that between two statements.
    let stands = meta::get(tx, KEY).await?.is_some_and(|h| crate::keys::same(&h, hash));
    if users::any(tx).await? {
        return Ok(Err(SetupClosed::Used));
    }
    Ok(if stands { Ok(()) } else { Err(SetupClosed::Invalid) })
}

struct SetUp {
    hash: [u8; 32],
    user: accounts::Checked,
    begin: session::Begin,
}

async fn set_up_tx(tx: &mut Tx<'_>, a: &SetUp) -> Outcome<accounts::User, SetupError> {
    set_up_rows(tx, a).await.into()
}

async fn set_up_rows(tx: &mut Tx<'_>, a: &SetUp) -> Result<accounts::User, SetupError> {
    // Who removes the row is the one that the link works for.
    if !meta::take(tx, KEY, &a.hash).await? {
        let why = if users::any(tx).await? {
            SetupClosed::Used
        } else {
            SetupClosed::Invalid
        };
        return Err(SetupError::Closed(why));
    }
    if users::any(tx).await? {
        return Err(SetupError::Closed(SetupClosed::Used));
    }
    let user = accounts::insert(tx, &a.user).await?;
    session::begin(tx, user.id, &a.begin).await?;
    let entry = audit::Entry {
        at: a.user.now,
        user: user.id,
        client_id: String::new(),
        event: "set_up".into(),
        address: a.begin.address.clone(),
        detail: String::new(),
    };
    audit::append(tx, &entry).await?;
    Ok(user)
}

impl Drive {
    /// While nobody has an account: a new address at which the first administrator is made. It replaces
    /// the one before. A secret.
    ///
    /// # Errors
    /// The row store's.
    pub async fn setup_link(&self) -> Result<Option<String>, Error> {
        let token = secret::generate(SecretKind::SetupLink, &*self.0.random);
        let offered = self
            .0
            .db
            .write(hash(token.expose()), |tx, h| Box::pin(offer_tx(tx, h)))
            .await?;
        let base = self.0.settings.server.public_url.trim_end_matches('/');
        Ok(offered.then(|| format!("{base}/setup/{}", token.expose())))
    }

    /// Whether a set-up link works.
    ///
    /// # Errors
    /// The row store's.
    pub async fn setup_state(&self, token: &str) -> Result<Result<(), SetupClosed>, Error> {
        self.0.db.read(hash(token), |tx, h| Box::pin(state(tx, h))).await
    }

    /// Makes the first administrator by the link, and signs in.
    ///
    /// # Errors
    /// [`SetupError`].
    pub async fn set_up(&self, token: &str, mut new: NewUser, origin: &Origin) -> Result<SignedIn, SetupError> {
        if let Err(closed) = self.setup_state(token).await? {
            return Err(SetupError::Closed(closed));
        }
        new.is_admin = true;
        let (cookie, begin) = self.new_session(origin, None);
        let args = SetUp {
            hash: hash(token),
            user: self.check_new_user(new).await?,
            begin,
        };
        let user = self.0.db.write(args, |tx, a| Box::pin(set_up_tx(tx, a))).await?;
        Ok(self.signed_in(cookie, user.id))
    }
}
