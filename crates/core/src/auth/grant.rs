//! Grants: consent into rows, pairs of tokens out of them, and taking a grant back.
//! Must not know how consent was asked for.

use pantry_db::{Outcome, Tx, apps, audit, dialect, grants, tokens, tokens::TokenKind, users, weipan_tokens};
use pantry_types::{GrantId, NodeId, Scope, Scopes, SecretKind, SecretText, UserId, secret};

use super::{
    BEARER, Origin, SessionActor, TokenAnswer, accounts,
    apps::may_ask,
    hash,
    term::{self, later},
};
use crate::{Actor, Drive, Error, access, settings};

/// A grant as consent left it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    pub(super) user: UserId,
    pub(super) grant: GrantId,
    pub(super) epoch: i64,
}

impl Given {
    pub(super) fn of(grant: &grants::Grant) -> Self {
        Self {
            user: grant.user,
            grant: grant.id,
            epoch: grant.epoch,
        }
    }
}

/// What a person lets an app have.
struct Allow<'a> {
    user: UserId,
    client_id: &'a str,
    scopes: Scopes,
    /// When it ends, 0 for never.
    ends_at: i64,
    /// Signed in by password: the app has the whole drive, by another API.
    by_password: bool,
    now: i64,
}

/// Makes the grant, or adds to the one that stands. One that is over is taken back first: nothing of it comes back
/// to life. The caller holds the person's row.
async fn allow(tx: &mut Tx<'_>, a: &Allow<'_>) -> Result<Given, Error> {
    let lasting = if a.ends_at == 0 { a.scopes } else { Scopes::EMPTY };
    let weipan_at = if a.by_password { a.now } else { 0 };
    let Some(mut g) = grants::of_client(tx, a.user, a.client_id).await? else {
        let grant = grants::Grant {
            user: a.user,
            id: GrantId(dialect::next_id(tx).await?),
            client_id: a.client_id.to_owned(),
            scopes: a.scopes,
            lasting,
            sandbox: NodeId(0),
            epoch: 1,
            share_enabled: false,
            created_at: a.now,
            last_used_at: a.now,
            last_address: String::new(),
            revoked_at: 0,
            expires_at: a.ends_at,
            weipan_at,
        };
        grants::insert(tx, &grant).await?;
        return Ok(Given::of(&grant));
    };
    if g.revoked_at == 0 && !g.is_live(a.now) {
        take_back(tx, Given::of(&g), a.now).await?;
        g.epoch += 1;
        g.revoked_at = a.now;
    }
    if g.revoked_at == 0 {
        g.expires_at = later(g.expires_at, a.ends_at);
    } else {
        g.scopes = Scopes::EMPTY;
        g.lasting = Scopes::EMPTY;
        g.created_at = a.now;
        g.expires_at = a.ends_at;
        g.weipan_at = 0;
    }
    g.scopes = g.scopes.union(a.scopes);
    g.lasting = g.lasting.union(lasting);
    g.last_used_at = g.last_used_at.max(a.now);
    g.weipan_at = g.weipan_at.max(weipan_at);
    grants::renew(tx, &g).await?;
    Ok(Given::of(&g))
}

/// Writes consent until `ends_at` (0: for good): adds the scopes to the grant, and makes the app's folder if they can
/// write there. Holds the person's row from here on.
pub(super) async fn give(
    tx: &mut Tx<'_>,
    user: UserId,
    client_id: &str,
    scopes: Scopes,
    ends_at: i64,
    now: i64,
) -> Result<Given, Error> {
    users::lock(tx, user)
        .await?
        .filter(|u| !u.is_disabled)
        .ok_or(Error::Unauthorized)?;
    let asked = Allow {
        user,
        client_id,
        scopes,
        ends_at,
        by_password: false,
        now,
    };
    let given = allow(tx, &asked).await?;
    if scopes.contains(Scope::FilesAppData) || scopes.contains(Scope::FilesWriteAll) {
        let app = Actor::app(user, client_id.to_owned(), given.grant, given.epoch, scopes);
        let mut entry = access::enter_write(tx, &app, now).await?;
        entry.ensure_sandbox(tx).await?;
        entry.close(tx).await?;
    }
    Ok(given)
}

/// Writes that the person signed in to an app by password: it has a grant without scopes, so that the person sees it
/// and can take it back. The caller holds the person's row.
pub(crate) async fn give_by_password(
    tx: &mut Tx<'_>,
    user: UserId,
    client_id: &str,
    now: i64,
) -> Result<(GrantId, i64), Error> {
    let asked = Allow {
        user,
        client_id,
        scopes: Scopes::EMPTY,
        ends_at: 0,
        by_password: true,
        now,
    };
    let given = allow(tx, &asked).await?;
    Ok((given.grant, given.epoch))
}

/// An audit entry about an app.
pub(super) fn entry(at: i64, user: UserId, client_id: &str, event: &str, origin: &Origin) -> audit::Entry {
    audit::Entry {
        at,
        user,
        client_id: client_id.to_owned(),
        event: event.to_owned(),
        address: origin.address(),
        detail: String::new(),
    }
}

/// Two new tokens, drawn before the transaction.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) access: SecretText,
    pub(super) refresh: SecretText,
}

/// What a pair stands for.
#[derive(Clone)]
pub(super) struct Mint<'a> {
    pub(super) given: Given,
    pub(super) client_id: &'a str,
    /// Of the access token.
    pub(super) scopes: Scopes,
    /// Of the refresh token.
    pub(super) refreshable: Scopes,
    pub(super) family: i64,
    pub(super) pair: i64,
    pub(super) now: i64,
    pub(super) lives: Lives,
}

/// How long tokens live, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lives {
    pub(super) access: i64,
    pub(super) refresh: i64,
}

impl From<&settings::OAuth> for Lives {
    fn from(s: &settings::OAuth) -> Self {
        Self {
            access: s.access_seconds,
            refresh: s.refresh_seconds,
        }
    }
}

/// Adds both rows of a pair, and says what is answered. Neither lives longer than the consent that it comes from.
pub(super) async fn mint(tx: &mut Tx<'_>, pair: &Pair, m: &Mint<'_>) -> Result<TokenAnswer, Error> {
    let lives = term::lives(tx, m.family, m.now, m.lives).await?;
    let halves = [
        (TokenKind::Access, &pair.access, m.scopes, lives.access),
        (TokenKind::Refresh, &pair.refresh, m.refreshable, lives.refresh),
    ];
    for (kind, text, scopes, seconds) in halves {
        let token = tokens::Token {
            hash: hash(text.expose()).to_vec(),
            kind,
            user: m.given.user,
            grant: m.given.grant,
            epoch: m.given.epoch,
            client_id: m.client_id.to_owned(),
            scopes,
            family: m.family,
            pair: m.pair,
            used: false,
            used_at: 0,
            next_pair: 0,
            answer: None,
            created_at: m.now,
            expires_at: m.now + seconds,
        };
        tokens::insert(tx, &token).await?;
    }
    Ok(TokenAnswer {
        access_token: pair.access.clone(),
        refresh_token: pair.refresh.clone(),
        expires_in: lives.access,
        scope: m.scopes,
        token_type: BEARER,
        id_token: None,
    })
}

/// Whether the grant still stands as it did when a code or token was made.
pub(super) async fn stands(tx: &mut Tx<'_>, given: Given, now: i64) -> Result<bool, Error> {
    let grant = grants::get(tx, given.user, given.grant).await?;
    if grant.is_none_or(|g| !g.holds(given.epoch, now)) {
        return Ok(false);
    }
    Ok(users::get(tx, given.user).await?.is_some_and(|u| !u.is_disabled))
}

/// Takes a grant back: everything that was made under it dies.
pub(super) async fn take_back(tx: &mut Tx<'_>, given: Given, now: i64) -> Result<(), Error> {
    users::lock(tx, given.user).await?;
    grants::revoke(tx, given.user, given.grant, now).await?;
    tokens::remove_of_grant(tx, given.user, given.grant).await?;
    weipan_tokens::remove_of_grant(tx, given.user, given.grant).await?;
    grants::remove_terms(tx, given.user, given.grant).await?;
    Ok(())
}

struct Issue {
    user: String,
    client_id: String,
    scopes: Scopes,
    pair: Pair,
    now: i64,
    lives: Lives,
}

async fn issue_tx(tx: &mut Tx<'_>, a: &Issue) -> Outcome<TokenAnswer, Error> {
    issue_rows(tx, a).await.into()
}

async fn issue_rows(tx: &mut Tx<'_>, a: &Issue) -> Result<TokenAnswer, Error> {
    let user = accounts::by_name(tx, &a.user).await?;
    let app = apps::get(tx, &a.client_id).await?.ok_or(Error::NotFound("app"))?;
    let refused = a.scopes.difference(may_ask(&app));
    if !refused.is_empty() {
        return Err(Error::invalid("scope", format!("the app was not granted {refused}")));
    }
    let given = give(tx, user.id, &a.client_id, a.scopes, 0, a.now).await?;
    let ids = dialect::next_ids(tx, 2).await?;
    let [family, pair] = ids[..] else {
        return Err(Error::Internal("two ids were asked for".into()));
    };
    let mut entry = entry(
        a.now,
        user.id,
        &a.client_id,
        "token_issued_by_operator",
        &Origin::operator(),
    );
    entry.detail = a.scopes.to_string();
    audit::append(tx, &entry).await?;
    let m = Mint {
        given,
        client_id: &a.client_id,
        scopes: a.scopes,
        refreshable: a.scopes,
        family,
        pair,
        now: a.now,
        lives: a.lives,
    };
    mint(tx, &a.pair, &m).await
}

struct Revoke {
    user: UserId,
    client_id: String,
    now: i64,
    origin: Origin,
}

async fn revoke_tx(tx: &mut Tx<'_>, a: &Revoke) -> Outcome<(), Error> {
    revoke_rows(tx, a).await.into()
}

async fn revoke_rows(tx: &mut Tx<'_>, a: &Revoke) -> Result<(), Error> {
    users::lock(tx, a.user).await?;
    let grant = grants::of_client(tx, a.user, &a.client_id)
        .await?
        .filter(|g| g.revoked_at == 0)
        .ok_or(Error::NotFound("app"))?;
    take_back(tx, Given::of(&grant), a.now).await?;
    let entry = entry(a.now, a.user, &a.client_id, "grant_revoked", &a.origin);
    audit::append(tx, &entry).await?;
    Ok(())
}

impl Drive {
    pub(super) fn new_pair(&self) -> Pair {
        let random = &*self.0.random;
        Pair {
            access: secret::generate(SecretKind::AccessToken, random),
            refresh: secret::generate(SecretKind::RefreshToken, random),
        }
    }

    /// Makes a pair of tokens for a person and an app, by the operator's word instead of the person's consent.
    /// An empty `scope` is `user.read files.app_data`.
    ///
    /// # Errors
    /// [`Error::NotFound`] (person, app), [`Error::Invalid`] (scope).
    pub async fn issue_token(&self, user_name: &str, client_id: &str, scope: &str) -> Result<TokenAnswer, Error> {
        let scopes = Scopes::parse(scope).map_err(|e| Error::invalid("scope", e.to_string()))?;
        let args = Issue {
            user: user_name.to_owned(),
            client_id: client_id.to_owned(),
            scopes: if scopes.is_empty() { Scopes::DEFAULT } else { scopes },
            pair: self.new_pair(),
            now: self.now(),
            lives: (&self.0.settings.oauth).into(),
        };
        self.0.db.write(args, |tx, a| Box::pin(issue_tx(tx, a))).await
    }

    /// Takes back what the person allowed an app: its tokens, uploads and links end. Only a person can.
    ///
    /// # Errors
    /// [`Error::NotFound`]: the app has nothing to be taken back.
    pub async fn revoke_grant(&self, person: &SessionActor, client_id: &str, origin: &Origin) -> Result<(), Error> {
        let args = Revoke {
            user: person.user,
            client_id: client_id.to_owned(),
            now: self.now(),
            origin: origin.clone(),
        };
        let done = self.0.db.write(args, |tx, a| Box::pin(revoke_tx(tx, a))).await;
        // Also after an error: whether it was committed may be unknown.
        self.access_ended(Some(person.user));
        done
    }
}
