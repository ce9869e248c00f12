//! A person's own account: the sessions that it has, its password, and the link by which a lost one is replaced.
//! Must not let anybody near another's account; the link is made by [`super::admin`].

use pantry_db::{Outcome, Tx, password_links, sessions, users};
use pantry_types::{SecretKind, SecretText, UserId, secret};
use sha2::{Digest, Sha256};

use super::{Act, Admin, ConsoleError};
use crate::{
    Drive, Error,
    auth::{Origin, Proof, SessionActor, SignedIn, accounts, hash, session},
};

/// Sessions that are shown.
const SHOWN: i64 = 500;
/// Seconds that a link works: a day.
const LINK_SECONDS: i64 = 86_400;

/// A browser in which the person is signed in. Times in Unix seconds.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// Names the session; opens nothing.
    pub id: String,
    /// The one that asks.
    pub current: bool,
    /// When the person showed a password.
    pub auth_time: i64,
    /// Last visit, within an hour.
    pub seen_at: i64,
    /// When it ends without another visit.
    pub expires_at: i64,
    /// Address that it was made from.
    pub address: String,
    /// What the browser called itself.
    pub agent: String,
}

/// A link by which a person sets a new password, once.
#[derive(Debug, Clone)]
pub struct PasswordLink {
    /// The address. A secret.
    pub url: SecretText,
    /// Until when it works, Unix seconds.
    pub expires_at: i64,
    /// Whose account it is.
    pub name: String,
}

/// What a session is called: nothing leads from it to the cookie, nor to what the row holds.
fn public_id(hash: &[u8]) -> String {
    let mut id = Sha256::new();
    id.update(b"pantry session id ");
    id.update(hash);
    hex::encode(&id.finalize()[..8])
}

async fn own_sessions(tx: &mut Tx<'_>, (user, now): &(UserId, i64)) -> Result<Vec<sessions::Seen>, Error> {
    Ok(sessions::of_user(tx, *user, *now, SHOWN).await?)
}

struct End {
    user: UserId,
    /// This one; none ends all but the current one.
    one: Option<Vec<u8>>,
    current: [u8; 32],
    act: Act,
}

async fn end_tx(tx: &mut Tx<'_>, a: &End) -> Outcome<u64, ConsoleError> {
    end_rows(tx, a).await.into()
}

async fn end_rows(tx: &mut Tx<'_>, a: &End) -> Result<u64, ConsoleError> {
    users::lock(tx, a.user).await?;
    let ended = match &a.one {
        Some(hash) => u64::from(sessions::remove(tx, hash).await?),
        None => sessions::remove_others(tx, a.user, &a.current).await?,
    };
    if ended > 0 {
        a.act.note(tx, a.user, "", &ended.to_string()).await?;
    }
    Ok(ended)
}

struct Confirm {
    proven: super::super::Proven,
    session: [u8; 32],
    /// A new password's hash, if it is to be another.
    new: Option<String>,
    act: Act,
}

async fn confirm_tx(tx: &mut Tx<'_>, a: &Confirm) -> Outcome<bool, ConsoleError> {
    confirm_rows(tx, a).await.into()
}

async fn confirm_rows(tx: &mut Tx<'_>, a: &Confirm) -> Result<bool, ConsoleError> {
    let user = a.proven.user;
    if !a.proven.settle(tx).await? {
        return Ok(false);
    }
    if !sessions::confirm(tx, &a.session, a.act.at).await? {
        return Err(Error::Unauthorized.into());
    }
    if let Some(new) = &a.new {
        users::set_password(tx, user, new).await?;
        sessions::remove_others(tx, user, &a.session).await?;
        password_links::remove(tx, user).await?;
    }
    a.act.note(tx, user, "", "").await?;
    Ok(true)
}

struct SetLink {
    user: UserId,
    /// By login name instead.
    name: Option<String>,
    hash: [u8; 32],
    expires_at: i64,
    act: Act,
}

async fn set_link_tx(tx: &mut Tx<'_>, a: &SetLink) -> Outcome<String, ConsoleError> {
    set_link_rows(tx, a).await.into()
}

async fn set_link_rows(tx: &mut Tx<'_>, a: &SetLink) -> Result<String, ConsoleError> {
    let id = match &a.name {
        Some(name) => accounts::by_name(tx, name).await?.id,
        None => a.user,
    };
    let user = users::lock(tx, id).await?.ok_or(Error::NotFound("user"))?;
    password_links::set(tx, user.id, &a.hash, a.expires_at).await?;
    a.act.note(tx, user.id, "", "").await?;
    Ok(user.name)
}

async fn live_link(tx: &mut Tx<'_>, (hash, now): &([u8; 32], i64)) -> Result<Option<(UserId, String)>, Error> {
    Ok(password_links::live(tx, hash, *now).await?)
}

struct UseLink {
    user: UserId,
    hash: [u8; 32],
    password: String,
    begin: session::Begin,
    act: Act,
}

async fn use_link_tx(tx: &mut Tx<'_>, a: &UseLink) -> Outcome<bool, ConsoleError> {
    use_link_rows(tx, a).await.into()
}

async fn use_link_rows(tx: &mut Tx<'_>, a: &UseLink) -> Result<bool, ConsoleError> {
    let user = users::lock(tx, a.user).await?.filter(|u| !u.is_disabled);
    // Who removes the row is the one that the link works for.
    if user.is_none() || !password_links::take(tx, a.user, &a.hash, a.act.at).await? {
        return Ok(false);
    }
    users::set_password(tx, a.user, &a.password).await?;
    sessions::remove_of_user(tx, a.user).await?;
    session::begin(tx, a.user, &a.begin).await?;
    a.act.note(tx, a.user, "", "by link").await?;
    Ok(true)
}

impl Drive {
    /// Where the person is signed in, the latest visit first.
    ///
    /// # Errors
    /// The row store's.
    pub async fn sessions(&self, session: &SessionActor) -> Result<Vec<SessionInfo>, ConsoleError> {
        let found = self.live_sessions(session).await?;
        let shown = found.into_iter().map(|s| SessionInfo {
            id: public_id(&s.hash),
            current: s.hash == session.binding(),
            auth_time: s.auth_time,
            seen_at: s.seen_at,
            expires_at: s.expires_at,
            address: s.address,
            agent: s.agent,
        });
        Ok(shown.collect())
    }

    async fn live_sessions(&self, session: &SessionActor) -> Result<Vec<sessions::Seen>, Error> {
        let args = (session.user, self.now());
        self.0.db.read(args, |tx, a| Box::pin(own_sessions(tx, a))).await
    }

    /// Ends one of the person's sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`]: another person's too.
    pub async fn end_session(&self, session: &SessionActor, id: &str, origin: &Origin) -> Result<(), ConsoleError> {
        let found = self.live_sessions(session).await?;
        let one = found.into_iter().find(|s| public_id(&s.hash) == id);
        let one = one.ok_or(Error::NotFound("session"))?;
        self.end_sessions(session, Some(one.hash), origin).await?;
        Ok(())
    }

    /// Ends all of the person's sessions but this one, and says how many.
    ///
    /// # Errors
    /// The row store's.
    pub async fn end_other_sessions(&self, session: &SessionActor, origin: &Origin) -> Result<u64, ConsoleError> {
        self.end_sessions(session, None, origin).await
    }

    async fn end_sessions(
        &self,
        session: &SessionActor,
        one: Option<Vec<u8>>,
        origin: &Origin,
    ) -> Result<u64, ConsoleError> {
        let args = End {
            user: session.user,
            one,
            current: *session.binding(),
            act: Act::own(self, "sessions_ended", origin),
        };
        self.0.db.write(args, |tx, a| Box::pin(end_tx(tx, a))).await
    }

    /// Shows the password again, so that what needs it may be done for a while.
    ///
    /// # Errors
    /// [`ConsoleError::WrongPassword`]; [`Error::TooMany`], counted with sign-ins.
    pub async fn confirm_password(
        &self,
        session: &SessionActor,
        password: &str,
        origin: &Origin,
    ) -> Result<(), ConsoleError> {
        let act = Act::own(self, "password_confirmed", origin);
        self.with_password(session, password, None, act, origin).await
    }

    /// Replaces the password. All other sessions end; apps keep what they were allowed.
    ///
    /// # Errors
    /// [`ConsoleError::WrongPassword`] (the old one), [`Error::Invalid`] (the new one), [`Error::TooMany`].
    pub async fn change_password(
        &self,
        session: &SessionActor,
        old: &str,
        new: &str,
        origin: &Origin,
    ) -> Result<(), ConsoleError> {
        accounts::check_password(new)?;
        let act = Act::own(self, "password_changed", origin);
        self.with_password(session, old, Some(new), act, origin).await
    }

    async fn with_password(
        &self,
        session: &SessionActor,
        password: &str,
        new: Option<&str>,
        act: Act,
        origin: &Origin,
    ) -> Result<(), ConsoleError> {
        // By name, which is this account's alone.
        let wrong = match self.prove(&session.name, password, origin).await? {
            Proof::Right(proven) if proven.user == session.user => {
                let new = match new {
                    Some(new) => Some(self.hash_password(new.to_owned()).await?),
                    None => None,
                };
                let args = Confirm {
                    proven,
                    session: *session.binding(),
                    new,
                    act,
                };
                let is_new = args.new.is_some();
                let done = self.0.db.write(args, |tx, a| Box::pin(confirm_tx(tx, a))).await;
                if is_new {
                    // Programs that signed in by the old one are out.
                    self.access_ended(Some(session.user));
                }
                if done? {
                    return Ok(());
                }
                session.user
            }
            Proof::Right(_) => session.user,
            Proof::Wrong(user) => user,
        };
        self.note_failure(wrong, "", origin).await?;
        Err(ConsoleError::WrongPassword)
    }

    /// A link by which a person sets a new password, once, within a day. It replaces the one before.
    ///
    /// # Errors
    /// [`ConsoleError::PasswordNeeded`], [`Error::NotFound`].
    pub async fn password_link(&self, admin: &Admin, user: UserId) -> Result<PasswordLink, ConsoleError> {
        self.make_link(admin, user, None).await
    }

    /// The same, by login name or mail address. For the operator.
    ///
    /// # Errors
    /// As [`Drive::password_link`].
    pub async fn password_link_by_name(&self, admin: &Admin, name: &str) -> Result<PasswordLink, ConsoleError> {
        self.make_link(admin, UserId(0), Some(name.to_owned())).await
    }

    async fn make_link(&self, admin: &Admin, user: UserId, name: Option<String>) -> Result<PasswordLink, ConsoleError> {
        admin.fresh()?;
        let token = secret::generate(SecretKind::PasswordLink, &*self.0.random);
        let act = Act::of(self, "password_link_made", admin);
        let expires_at = act.at + LINK_SECONDS;
        let args = SetLink {
            user,
            name,
            hash: hash(token.expose()),
            expires_at,
            act,
        };
        let name = self.0.db.write(args, |tx, a| Box::pin(set_link_tx(tx, a))).await?;
        let base = self.0.settings.server.public_url.trim_end_matches('/');
        Ok(PasswordLink {
            url: SecretText::new(format!("{base}/password/{}", token.expose())),
            expires_at,
            name,
        })
    }

    /// The login name of the account whose password a link sets; none if it does not work.
    ///
    /// # Errors
    /// The row store's.
    pub async fn password_link_of(&self, token: &str) -> Result<Option<String>, Error> {
        Ok(self.link_user(token).await?.map(|(_, name)| name))
    }

    async fn link_user(&self, token: &str) -> Result<Option<(UserId, String)>, Error> {
        if !secret::check(SecretKind::PasswordLink, token) {
            return Ok(None);
        }
        let args = (hash(token), self.now());
        self.0.db.read(args, |tx, a| Box::pin(live_link(tx, a))).await
    }

    /// Sets a new password by a link, ends all sessions of the account, and signs in. `None`: the link does not work.
    ///
    /// # Errors
    /// [`Error::Invalid`] (the password).
    pub async fn set_password_by_link(
        &self,
        token: &str,
        password: &str,
        origin: &Origin,
    ) -> Result<Option<SignedIn>, ConsoleError> {
        let Some((user, _)) = self.link_user(token).await? else {
            return Ok(None);
        };
        accounts::check_password(password)?;
        let (cookie, begin) = self.new_session(origin, None);
        let args = UseLink {
            user,
            hash: hash(token),
            password: self.hash_password(password.to_owned()).await?,
            begin,
            act: Act::own(self, "password_changed", origin),
        };
        let done = self.0.db.write(args, |tx, a| Box::pin(use_link_tx(tx, a))).await;
        // Programs that signed in by the old one are out.
        self.access_ended(Some(user));
        Ok(done?.then(|| self.signed_in(cookie, user)))
    }
}
