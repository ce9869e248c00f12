//! A developer's own apps: making, showing, changing and deleting them, and their secrets.
//! Must not grant a scope; [`super::review`] does.

use pantry_db::{
    Outcome, Tx,
    app_states::{self, AppState},
    apps,
    apps::{Record, Shown},
};
use pantry_types::{Scopes, SecretKind, SecretText, UserId, secret};

use super::{Act, Admin, ConsoleError, Page, Paging, names, text};
use crate::{
    Drive, Error,
    auth::{AddedApp, NewApp, Origin, SessionActor, apps::may_ask, redirect, seal},
};

/// Apps that one person may have.
const MAX_APPS: i64 = 100;
const MAX_DESCRIPTION: usize = 1000;
const MAX_REDIRECTS: usize = 20;
/// Longest time that a secret which was replaced may still be right, in seconds: 30 days.
pub(super) const MAX_KEEP: i64 = 2_592_000;
/// How far an app's users are counted.
const MOST_USERS: i64 = 10_000;

/// What a developer says of a new app.
#[derive(Debug, Clone, Default)]
pub struct AppDraft {
    /// Name: a legal name of a folder, at most 64 characters, none of the drive's own.
    pub name: String,
    /// What it is for, at most 1,000 characters.
    pub description: String,
    /// Address of its home page, `https`; empty for none.
    pub home_page: String,
    /// Addresses that an answer may go to, at most 20.
    pub redirect_uris: Vec<String>,
    /// Cannot keep a secret.
    pub public: bool,
}

/// What is to be different about an app; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct AppEdit {
    /// Name. Folders that the app has keep theirs.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Address of its home page; empty for none.
    pub home_page: Option<String>,
    /// Addresses that an answer may go to.
    pub redirect_uris: Option<Vec<String>>,
    /// Cannot keep a secret. An app that becomes able to gets one; one that ceases to loses it at once.
    pub public: Option<bool>,
}

/// An app as its developer or an administrator sees it.
#[derive(Debug, Clone)]
pub struct AppInfo {
    /// The rows.
    pub record: Record,
    /// What it may ask for, what needs no review included.
    pub may_ask: Scopes,
    /// People who use it, counted to 10,000.
    pub users: i64,
    /// Until when the secret before the present one is right; 0 if it is not.
    pub old_secret_until: i64,
}

/// What became of a change.
#[derive(Debug, Clone)]
pub struct Edited {
    /// The app as it is now.
    pub app: AppInfo,
    /// The secret that it was given, told this once.
    pub client_secret: Option<SecretText>,
}

/// What a deletion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Grants.
    pub grants: usize,
}

/// An app that is this person's; another's is as if it were not there.
pub(super) async fn owned(tx: &mut Tx<'_>, owner: UserId, client_id: &str) -> Result<Record, Error> {
    if !apps::lock(tx, client_id).await? {
        return Err(Error::NotFound("app"));
    }
    look(tx, owner, client_id).await
}

async fn look(tx: &mut Tx<'_>, owner: UserId, client_id: &str) -> Result<Record, Error> {
    apps::record(tx, client_id)
        .await?
        .filter(|r| r.app.owner == owner)
        .ok_or(Error::NotFound("app"))
}

/// An app with what is counted of it.
pub(super) async fn info(tx: &mut Tx<'_>, record: Record, now: i64) -> Result<AppInfo, Error> {
    let users = apps::users(tx, &record.app.client_id, MOST_USERS).await?;
    Ok(AppInfo {
        may_ask: may_ask(&record.app),
        old_secret_until: Some(record.old_secret_until).filter(|until| *until > now).unwrap_or(0),
        users,
        record,
    })
}

fn home_page(address: &str) -> Result<String, Error> {
    let address = address.trim();
    if address.is_empty() {
        return Ok(String::new());
    }
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    if !is_web || redirect::check(address).is_err() {
        return Err(Error::invalid(
            "home_page",
            format!(
                "{} is no address of a home page; write one such as https://app.example/",
                pantry_types::shown(address)
            ),
        ));
    }
    Ok(address.to_owned())
}

fn redirects(uris: &[String]) -> Result<(), Error> {
    if uris.len() > MAX_REDIRECTS {
        return Err(Error::invalid(
            "redirect_uris",
            format!("has {} addresses, the most is {MAX_REDIRECTS}", uris.len()),
        ));
    }
    uris.iter().try_for_each(|uri| redirect::check(uri))?;
    for (at, uri) in uris.iter().enumerate() {
        if uris[..at].contains(uri) {
            return Err(Error::invalid(
                "redirect_uris",
                format!("{} stands twice", pantry_types::shown(uri)),
            ));
        }
    }
    Ok(())
}

struct Edit {
    owner: UserId,
    client_id: String,
    edit: AppEdit,
    /// For an app that becomes able to keep a secret.
    sealed: Vec<u8>,
    act: Act,
}

async fn edit_tx(tx: &mut Tx<'_>, a: &Edit) -> Outcome<(AppInfo, bool), ConsoleError> {
    edit_rows(tx, a).await.into()
}

async fn edit_rows(tx: &mut Tx<'_>, a: &Edit) -> Result<(AppInfo, bool), ConsoleError> {
    let old = owned(tx, a.owner, &a.client_id).await?;
    let edit = a.edit.clone();
    let shown = Shown {
        name: edit.name.unwrap_or_else(|| old.app.name.clone()),
        description: edit.description.unwrap_or_else(|| old.description.clone()),
        home_page: edit.home_page.unwrap_or_else(|| old.home_page.clone()),
        redirect_uris: edit.redirect_uris.unwrap_or_else(|| old.app.redirect_uris.clone()),
    };
    let mut changed = Vec::new();
    let differs = [
        ("name", shown.name != old.app.name),
        ("description", shown.description != old.description),
        ("home_page", shown.home_page != old.home_page),
        ("redirect_uris", shown.redirect_uris != old.app.redirect_uris),
        ("public", a.edit.public.is_some_and(|p| p != old.app.public)),
    ];
    changed.extend(differs.into_iter().filter(|(_, is)| *is).map(|(what, _)| what));
    apps::set_shown(tx, &a.client_id, &shown).await?;
    let mut gets_secret = false;
    match a.edit.public {
        Some(true) if !old.app.public => {
            if old.app.weipan {
                return Err(Error::invalid(
                    "public",
                    "an app of the weipan API signs with a secret, so it needs one",
                )
                .into());
            }
            apps::set_secret(tx, &a.client_id, &[], 0, 0).await?;
        }
        Some(false) if old.app.public => {
            apps::set_secret(tx, &a.client_id, &a.sealed, a.act.at, 0).await?;
            gets_secret = true;
        }
        _ => {}
    }
    if !changed.is_empty() {
        a.act.note(tx, a.owner, &a.client_id, &changed.join(" ")).await?;
    }
    let record = look(tx, a.owner, &a.client_id).await?;
    Ok((info(tx, record, a.act.at).await?, gets_secret))
}

struct Rotate {
    /// Whose app it must be; none for the operator.
    owner: Option<UserId>,
    client_id: String,
    /// Empty: no new one, only the end of the old one.
    sealed: Vec<u8>,
    until: i64,
    act: Act,
}

async fn rotate_tx(tx: &mut Tx<'_>, a: &Rotate) -> Outcome<(), ConsoleError> {
    rotate_rows(tx, a).await.into()
}

async fn rotate_rows(tx: &mut Tx<'_>, a: &Rotate) -> Result<(), ConsoleError> {
    let app = match a.owner {
        Some(owner) => owned(tx, owner, &a.client_id).await?,
        None => {
            apps::lock(tx, &a.client_id).await?;
            let found = apps::record(tx, &a.client_id).await?;
            found.ok_or(Error::NotFound("app"))?
        }
    };
    if app.app.public {
        return Err(Error::invalid(
            "client_id",
            "the app is public and has no secret; set public to false first",
        )
        .into());
    }
    if a.sealed.is_empty() {
        if !apps::end_old_secret(tx, &a.client_id, a.act.at).await? {
            return Err(Error::NotFound("old secret").into());
        }
    } else {
        apps::set_secret(tx, &a.client_id, &a.sealed, a.act.at, a.until).await?;
    }
    let detail = if a.sealed.is_empty() {
        String::new()
    } else {
        format!("old secret until {}", a.until)
    };
    a.act.note(tx, app.app.owner, &a.client_id, &detail).await?;
    Ok(())
}

struct Delete {
    owner: UserId,
    client_id: String,
    name: String,
    act: Act,
}

async fn delete_tx(tx: &mut Tx<'_>, a: &Delete) -> Outcome<(), ConsoleError> {
    delete_rows(tx, a).await.into()
}

async fn delete_rows(tx: &mut Tx<'_>, a: &Delete) -> Result<(), ConsoleError> {
    let app = owned(tx, a.owner, &a.client_id).await?;
    if app.app.name != a.name {
        return Err(Error::invalid("name", "is not the app's; type its name exactly as it stands").into());
    }
    apps::remove(tx, &a.client_id).await?;
    app_states::set(tx, &a.client_id, AppState::Deleted, a.act.at).await?;
    a.act.note(tx, a.owner, &a.client_id, &app.app.name).await?;
    Ok(())
}

struct List {
    owner: UserId,
    after: String,
    limit: i64,
    now: i64,
}

async fn list(tx: &mut Tx<'_>, a: &List) -> Result<Vec<AppInfo>, ConsoleError> {
    let records = apps::page(tx, Some(a.owner), false, &a.after, a.limit).await?;
    let mut found = Vec::with_capacity(records.len());
    for record in records {
        found.push(info(tx, record, a.now).await?);
    }
    Ok(found)
}

async fn one(tx: &mut Tx<'_>, (owner, id, now): &(UserId, String, i64)) -> Result<AppInfo, ConsoleError> {
    let record = look(tx, *owner, id).await?;
    Ok(info(tx, record, *now).await?)
}

async fn count(tx: &mut Tx<'_>, owner: &UserId) -> Result<i64, Error> {
    Ok(apps::count_of(tx, *owner).await?)
}

impl Drive {
    /// Registers an app of this person's. It may ask for what needs no review.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Invalid`].
    pub async fn create_app(
        &self,
        session: &SessionActor,
        draft: AppDraft,
        origin: &Origin,
    ) -> Result<AddedApp, ConsoleError> {
        redirects(&draft.redirect_uris)?;
        let shown = Shown {
            name: names::check(&draft.name)?.as_str().to_owned(),
            description: text("description", &draft.description, MAX_DESCRIPTION)?,
            home_page: home_page(&draft.home_page)?,
            redirect_uris: draft.redirect_uris,
        };
        // Not locked: one more or less does not matter.
        if self.0.db.read(session.user, |tx, o| Box::pin(count(tx, o))).await? >= MAX_APPS {
            return Err(Error::Forbidden(format!(
                "you have {MAX_APPS} apps, which is the most; delete one that is not used"
            ))
            .into());
        }
        let new = NewApp {
            owner: session.name.clone(),
            name: shown.name.clone(),
            redirect_uris: shown.redirect_uris.clone(),
            scopes: Scopes::EMPTY,
            public: draft.public,
            weipan: false,
        };
        Ok(self.register(new, Some(shown), origin).await?)
    }

    /// The person's own apps, by client id.
    ///
    /// # Errors
    /// [`Error::Invalid`] (cursor).
    pub async fn own_apps(&self, session: &SessionActor, paging: &Paging) -> Result<Page<AppInfo>, ConsoleError> {
        let args = List {
            owner: session.user,
            after: paging.client_id()?.to_owned(),
            limit: paging.fetch(),
            now: self.now(),
        };
        let found = self.0.db.read(args, |tx, a| Box::pin(list(tx, a))).await?;
        Ok(Page::of(found, paging.limit(), |a| a.record.app.client_id.clone()))
    }

    /// One of the person's own apps.
    ///
    /// # Errors
    /// [`Error::NotFound`]: another's too.
    pub async fn own_app(&self, session: &SessionActor, client_id: &str) -> Result<AppInfo, ConsoleError> {
        let args = (session.user, client_id.to_owned(), self.now());
        self.0.db.read(args, |tx, a| Box::pin(one(tx, a))).await
    }

    /// Changes one's own app.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Name`], [`Error::Invalid`].
    pub async fn edit_app(
        &self,
        session: &SessionActor,
        client_id: &str,
        mut edit: AppEdit,
        origin: &Origin,
    ) -> Result<Edited, ConsoleError> {
        if let Some(name) = &mut edit.name {
            *name = names::check(name)?.as_str().to_owned();
        }
        if let Some(description) = &mut edit.description {
            *description = text("description", description, MAX_DESCRIPTION)?;
        }
        if let Some(address) = &mut edit.home_page {
            *address = home_page(address)?;
        }
        if let Some(uris) = &edit.redirect_uris {
            redirects(uris)?;
        }
        if edit.public.is_some() {
            // Whoever may do this could act as the app.
            self.fresh(session)?;
        }
        let (new, sealed) = self.new_secret().await?;
        let args = Edit {
            owner: session.user,
            client_id: client_id.to_owned(),
            edit,
            sealed,
            act: Act::own(self, "app_changed", origin),
        };
        let (app, gets_secret) = self.0.db.write(args, |tx, a| Box::pin(edit_tx(tx, a))).await?;
        Ok(Edited {
            app,
            client_secret: gets_secret.then_some(new),
        })
    }

    /// Gives one's own app a new secret. The one that it had is right for `keep_seconds` more, at most 30 days.
    ///
    /// # Errors
    /// [`ConsoleError::PasswordNeeded`], [`Error::NotFound`], [`Error::Invalid`].
    pub async fn rotate_secret(
        &self,
        session: &SessionActor,
        client_id: &str,
        keep_seconds: i64,
        origin: &Origin,
    ) -> Result<SecretText, ConsoleError> {
        self.fresh(session)?;
        let act = Act::own(self, "app_secret_rotated", origin);
        self.rotate(Some(session.user), client_id, keep_seconds, act).await
    }

    /// Gives any app a new secret. For the operator.
    ///
    /// # Errors
    /// As [`Drive::rotate_secret`].
    pub async fn rotate_any_secret(
        &self,
        admin: &Admin,
        client_id: &str,
        keep_seconds: i64,
    ) -> Result<SecretText, ConsoleError> {
        admin.fresh()?;
        let act = Act::of(self, "app_secret_rotated", admin);
        self.rotate(None, client_id, keep_seconds, act).await
    }

    async fn rotate(
        &self,
        owner: Option<UserId>,
        client_id: &str,
        keep_seconds: i64,
        act: Act,
    ) -> Result<SecretText, ConsoleError> {
        if !(0..=MAX_KEEP).contains(&keep_seconds) {
            return Err(Error::invalid(
                "keep_old_seconds",
                format!("{keep_seconds} is not from 0 to {MAX_KEEP} (30 days)"),
            )
            .into());
        }
        let (new, sealed) = self.new_secret().await?;
        let args = Rotate {
            owner,
            client_id: client_id.to_owned(),
            sealed,
            until: act.at + keep_seconds,
            act,
        };
        self.0.db.write(args, |tx, a| Box::pin(rotate_tx(tx, a))).await?;
        Ok(new)
    }

    /// Ends the secret before the present one.
    ///
    /// # Errors
    /// [`Error::NotFound`]: none was right any more, or another's app.
    pub async fn end_old_secret(
        &self,
        session: &SessionActor,
        client_id: &str,
        origin: &Origin,
    ) -> Result<(), ConsoleError> {
        let args = Rotate {
            owner: Some(session.user),
            client_id: client_id.to_owned(),
            sealed: Vec::new(),
            until: 0,
            act: Act::own(self, "app_old_secret_ended", origin),
        };
        self.0.db.write(args, |tx, a| Box::pin(rotate_tx(tx, a))).await
    }

    /// Deletes one's own app, whose name is typed again: its grants, codes, tokens, uploads and links end. People keep
    /// what it put into their drives.
    ///
    /// # Errors
    /// [`ConsoleError::PasswordNeeded`], [`Error::NotFound`], [`Error::Invalid`] (the name).
    pub async fn delete_app(
        &self,
        session: &SessionActor,
        client_id: &str,
        name: &str,
        origin: &Origin,
    ) -> Result<Ended, ConsoleError> {
        self.fresh(session)?;
        let args = Delete {
            owner: session.user,
            client_id: client_id.to_owned(),
            name: name.to_owned(),
            act: Act::own(self, "app_deleted", origin),
        };
        self.0.db.write(args, |tx, a| Box::pin(delete_tx(tx, a))).await?;
        let grants = self.grants_follow(client_id).await?;
        Ok(Ended { grants })
    }

    /// A new client secret, and the same sealed.
    async fn new_secret(&self) -> Result<(SecretText, Vec<u8>), Error> {
        let random = &*self.0.random;
        let secret = secret::generate(SecretKind::ClientSecret, random);
        let sealed = seal::seal_secret(&self.sealing_key().await?, &secret, random)?;
        Ok((secret, sealed))
    }
}
