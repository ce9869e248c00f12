//! People's sessions: signing in, who it is, signing out.
//! Must not know cookies; a session never passes for a token.

use pantry_db::{Outcome, Tx, audit, sessions, users};
use pantry_types::{SecretKind, SecretText, UserId, search::fold, secret};

use super::{
    Origin, hash,
    throttle::{self, Limit},
};
use crate::{Actor, Drive, Error};

/// Seconds over which failed sign-ins are counted.
const WINDOW: i64 = 900;
/// How many times more failures an account takes from all addresses together.
const ANYWHERE: i64 = 10;
/// Seconds between two notes of a visit.
const TOUCH_EVERY: i64 = 3600;
/// Longest account and password that are looked at, in bytes.
const LONGEST: usize = 1024;

/// A person who is signed in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionActor {
    /// Who.
    pub user: UserId,
    /// Login name.
    pub name: String,
    /// Name shown to others.
    pub nickname: String,
    /// Mail address.
    pub email: String,
    /// May administer this installation.
    pub is_admin: bool,
    /// When the person showed a password, Unix seconds.
    pub auth_time: i64,
    hash: [u8; 32],
}

impl SessionActor {
    /// The caller as the drive's operations take it.
    pub fn actor(&self) -> Actor {
        Actor::person(self.user)
    }

    /// What forms are bound to.
    pub(super) fn binding(&self) -> &[u8; 32] {
        &self.hash
    }
}

/// A new session.
#[derive(Debug)]
pub struct SignedIn {
    /// Value of the cookie.
    pub cookie: SecretText,
    /// Seconds that the cookie is to be kept.
    pub max_age: i64,
    /// Who.
    pub user: UserId,
}

/// What making a session needs.
#[derive(Clone)]
pub(super) struct Begin {
    pub(super) hash: [u8; 32],
    pub(super) old: Option<[u8; 32]>,
    pub(super) now: i64,
    pub(super) expires_at: i64,
    pub(super) address: String,
    pub(super) agent: String,
}

/// Makes a session and ends the one that the browser had: a session is never taken over from before.
pub(super) async fn begin(tx: &mut Tx<'_>, user: UserId, b: &Begin) -> Result<(), Error> {
    if let Some(old) = &b.old {
        sessions::remove(tx, old).await?;
    }
    let session = sessions::Session {
        hash: b.hash.to_vec(),
        user,
        auth_time: b.now,
        expires_at: b.expires_at,
        address: b.address.clone(),
        agent: b.agent.clone(),
    };
    sessions::insert(tx, &session).await?;
    Ok(())
}

/// What comparing a password came to.
pub(crate) enum Proof {
    /// It is the account's.
    Right(Proven),
    /// It is not; the account, 0 if there is none.
    Wrong(UserId),
}

/// An account whose password was shown.
pub(crate) struct Proven {
    pub(crate) user: UserId,
    pub(crate) password_hash: String,
    counted: Counted,
}

impl Proven {
    /// Takes back what was counted, if what was compared still stands: hashing took a while.
    pub(crate) async fn settle(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let user = users::lock(tx, self.user).await?;
        if user.is_none_or(|u| u.is_disabled || u.password_hash != self.password_hash) {
            return Ok(false);
        }
        self.counted.take_back(tx).await?;
        Ok(true)
    }
}

/// An attempt that was counted.
pub(crate) struct Counted(Vec<Limit>);

impl Counted {
    /// The attempt was right: forgets those from the same place, and takes this one back from the rest.
    pub(crate) async fn take_back(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        throttle::forgive(tx, &self.0).await
    }
}

struct SignIn {
    proven: Proven,
    begin: Begin,
}

async fn find_user(tx: &mut Tx<'_>, folded: &str) -> Result<Option<users::User>, Error> {
    Ok(users::find(tx, folded).await?)
}

async fn sign_in_tx(tx: &mut Tx<'_>, a: &SignIn) -> Outcome<bool, Error> {
    sign_in_rows(tx, a).await.into()
}

async fn sign_in_rows(tx: &mut Tx<'_>, a: &SignIn) -> Result<bool, Error> {
    if !a.proven.settle(tx).await? {
        return Ok(false);
    }
    begin(tx, a.proven.user, &a.begin).await?;
    let entry = entry(a.begin.now, a.proven.user, "sign_in", &a.begin.address);
    audit::append(tx, &entry).await?;
    Ok(true)
}

fn entry(at: i64, user: UserId, event: &str, address: &str) -> audit::Entry {
    audit::Entry {
        at,
        user,
        client_id: String::new(),
        event: event.to_owned(),
        address: address.to_owned(),
        detail: String::new(),
    }
}

async fn note_tx(tx: &mut Tx<'_>, e: &audit::Entry) -> Outcome<(), Error> {
    audit::append(tx, e).await.map_err(Error::from).into()
}

async fn live(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Result<Option<sessions::LiveSession>, Error> {
    Ok(sessions::live(tx, hash).await?)
}

async fn touch_tx(tx: &mut Tx<'_>, (hash, now, expires): &([u8; 32], i64, i64)) -> Outcome<(), Error> {
    sessions::touch(tx, hash, *now, *expires)
        .await
        .map_err(Error::from)
        .into()
}

async fn sign_out_tx(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Outcome<(), Error> {
    sessions::remove(tx, hash).await.map(drop).map_err(Error::from).into()
}

impl Drive {
    /// Signs a person in by name or mail address. `None`: no such account, or not its password; which of the two
    /// is told by neither answer nor time. `old_cookie` is the session that the browser has, which ends.
    ///
    /// # Errors
    /// [`Error::TooMany`], the right password included; [`Error::Busy`] while too many passwords wait to be hashed.
    pub async fn sign_in(
        &self,
        account: &str,
        password: &str,
        origin: &Origin,
        old_cookie: Option<&str>,
    ) -> Result<Option<SignedIn>, Error> {
        let user = match self.prove(account, password, origin).await? {
            Proof::Right(proven) => {
                let (cookie, begin) = self.new_session(origin, old_cookie);
                let user = proven.user;
                let args = SignIn { proven, begin };
                if self.0.db.write(args, |tx, a| Box::pin(sign_in_tx(tx, a))).await? {
                    return Ok(Some(self.signed_in(cookie, user)));
                }
                user
            }
            Proof::Wrong(user) => user,
        };
        self.note_failure(user, "", origin).await?;
        Ok(None)
    }

    /// Writes down that a sign-in failed. What was typed is not kept: it may be a password in the wrong field.
    pub(crate) async fn note_failure(&self, user: UserId, client_id: &str, origin: &Origin) -> Result<(), Error> {
        let mut failed = entry(self.now(), user, "sign_in_failed", &origin.address());
        failed.client_id = client_id.to_owned();
        self.0.db.write(failed, |tx, e| Box::pin(note_tx(tx, e))).await
    }

    /// Whether this is the password of an account, named by login name or mail address. An attempt is counted.
    pub(crate) async fn prove(&self, account: &str, password: &str, origin: &Origin) -> Result<Proof, Error> {
        if account.len() > LONGEST || password.len() > LONGEST {
            return Ok(Proof::Wrong(UserId(0)));
        }
        let folded = fold(account.trim());
        let found = self
            .0
            .db
            .read(folded.clone(), |tx, f| Box::pin(find_user(tx, f)))
            .await?
            .filter(|u| !u.is_disabled);
        // By id where there is one: name and mail address are one account.
        let who = match &found {
            Some(u) => format!("user {}", u.id),
            None => format!("none {}", hex::encode(hash(&folded))),
        };
        let limits = self.login_limits(&who, origin);
        self.attempt(&limits).await?;
        let stored = found.as_ref().map(|u| u.password_hash.clone());
        let right = self.verify_password(password.to_owned(), stored).await?;
        Ok(match found {
            Some(user) if right => Proof::Right(Proven {
                user: user.id,
                password_hash: user.password_hash,
                counted: Counted(limits),
            }),
            found => Proof::Wrong(found.map_or(UserId(0), |u| u.id)),
        })
    }

    /// Counts an attempt to sign in as somebody whom another authority knows, or refuses it.
    pub(crate) async fn attempt_elsewhere(&self, who: &str, origin: &Origin) -> Result<Counted, Error> {
        let limits = self.login_limits(&format!("elsewhere {}", hex::encode(hash(who))), origin);
        self.attempt(&limits).await?;
        Ok(Counted(limits))
    }

    fn login_limits(&self, who: &str, origin: &Origin) -> Vec<Limit> {
        let max = self.0.settings.login.max_failures;
        if max <= 0 {
            return Vec::new();
        }
        vec![
            Limit {
                key: format!("login {who} {}", origin.network()),
                max,
                window: WINDOW,
            },
            Limit {
                key: format!("login {who}"),
                max: max.saturating_mul(ANYWHERE),
                window: WINDOW,
            },
        ]
    }

    /// A new cookie, and what its row needs.
    pub(super) fn new_session(&self, origin: &Origin, old_cookie: Option<&str>) -> (SecretText, Begin) {
        let cookie = secret::generate(SecretKind::Session, &*self.0.random);
        let now = self.now();
        let begin = Begin {
            hash: hash(cookie.expose()),
            old: old_cookie.map(hash),
            now,
            expires_at: now + self.0.settings.login.session_seconds,
            address: origin.address(),
            agent: origin.agent().to_owned(),
        };
        (cookie, begin)
    }

    pub(super) fn signed_in(&self, cookie: SecretText, user: UserId) -> SignedIn {
        SignedIn {
            cookie,
            max_age: self.0.settings.login.session_seconds,
            user,
        }
    }

    /// Who is signed in by this cookie.
    ///
    /// # Errors
    /// The row store's.
    pub async fn session_of(&self, cookie: &str) -> Result<Option<SessionActor>, Error> {
        if !secret::check(SecretKind::Session, cookie) {
            return Ok(None);
        }
        let key = hash(cookie);
        let now = self.now();
        let Some(s) = self
            .0
            .db
            .read(key, |tx, k| Box::pin(live(tx, k)))
            .await?
            .filter(|s| now < s.expires_at)
        else {
            return Ok(None);
        };
        if now - s.seen_at >= TOUCH_EVERY {
            let args = (key, now, now + self.0.settings.login.session_seconds);
            self.0.db.write(args, |tx, a| Box::pin(touch_tx(tx, a))).await?;
        }
        Ok(Some(SessionActor {
            user: s.user,
            name: s.name,
            nickname: s.nickname,
            email: s.email,
            is_admin: s.is_admin,
            auth_time: s.auth_time,
            hash: key,
        }))
    }

    /// Ends the session.
    ///
    /// # Errors
    /// The row store's.
    pub async fn sign_out(&self, session: &SessionActor) -> Result<(), Error> {
        self.0
            .db
            .write(session.hash, |tx, k| Box::pin(sign_out_tx(tx, k)))
            .await
    }
}
