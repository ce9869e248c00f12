//! An administrator's side: everybody's apps and accounts. Every act takes the proof that it is one.
//! Must not show what people keep, nor what is secret of an app.

use pantry_db::{
    Outcome, Tx,
    app_states::{self, AppState},
    apps, hooks, password_links, sessions, users,
    users::User,
};
use pantry_types::{UserId, search::fold};

use super::{
    Act, Admin, ConsoleError, Page, Paging,
    apps::{AppInfo, info},
    text,
};
use crate::{Drive, Error, auth::accounts};

const MAX_WHY: usize = 500;
/// Highest quota: what stays exact everywhere.
const MAX_QUOTA: i64 = 1 << 53;

/// A page of accounts.
pub type UserPage = Page<User>;

struct AppList {
    suspended: bool,
    after: String,
    limit: i64,
    now: i64,
}

async fn app_list(tx: &mut Tx<'_>, a: &AppList) -> Result<Vec<AppInfo>, ConsoleError> {
    let records = apps::page(tx, None, a.suspended, &a.after, a.limit).await?;
    let mut found = Vec::with_capacity(records.len());
    for record in records {
        found.push(info(tx, record, a.now).await?);
    }
    Ok(found)
}

async fn any_app(tx: &mut Tx<'_>, (id, now): &(String, i64)) -> Result<AppInfo, ConsoleError> {
    let record = apps::record(tx, id).await?.ok_or(Error::NotFound("app"))?;
    Ok(info(tx, record, *now).await?)
}

struct Suspend {
    client_id: String,
    /// None resumes it.
    why: Option<String>,
    act: Act,
}

async fn suspend_tx(tx: &mut Tx<'_>, a: &Suspend) -> Outcome<bool, ConsoleError> {
    suspend_rows(tx, a).await.into()
}

async fn suspend_rows(tx: &mut Tx<'_>, a: &Suspend) -> Result<bool, ConsoleError> {
    if !apps::lock(tx, &a.client_id).await? {
        return Err(Error::NotFound("app").into());
    }
    let app = apps::record(tx, &a.client_id).await?.ok_or(Error::NotFound("app"))?;
    let (is, becomes) = (app.suspended_at > 0, a.why.is_some());
    if !is && !becomes {
        return Ok(false);
    }
    let state = if becomes {
        AppState::Suspended
    } else {
        AppState::Resumed
    };
    let at = match (is, becomes) {
        (true, true) => app.suspended_at,
        (_, true) => a.act.at,
        (_, false) => 0,
    };
    apps::set_suspended(tx, &a.client_id, at, a.why.as_deref().unwrap_or_default()).await?;
    app_states::set(tx, &a.client_id, state, a.act.at).await?;
    if becomes {
        // What it was to be told stays untold.
        hooks::forget_open(tx, &a.client_id).await?;
    }
    if is != becomes {
        a.act.note(tx, app.app.owner, &a.client_id, &app.app.name).await?;
    }
    Ok(true)
}

struct Change {
    user: UserId,
    /// By login name instead.
    name: Option<String>,
    disabled: Option<bool>,
    quota: Option<i64>,
    disable: Act,
    requota: Act,
}

async fn change_tx(tx: &mut Tx<'_>, a: &Change) -> Outcome<User, ConsoleError> {
    change_rows(tx, a).await.into()
}

async fn change_rows(tx: &mut Tx<'_>, a: &Change) -> Result<User, ConsoleError> {
    let id = match &a.name {
        Some(name) => accounts::by_name(tx, name).await?.id,
        None => a.user,
    };
    let user = users::lock(tx, id).await?.ok_or(Error::NotFound("user"))?;
    if let Some(disabled) = a.disabled
        && disabled != user.is_disabled
    {
        if disabled && a.disable.actor == id {
            return Err(ConsoleError::Yourself);
        }
        users::set_disabled(tx, id, disabled).await?;
        if disabled {
            sessions::remove_of_user(tx, id).await?;
            password_links::remove(tx, id).await?;
        }
        a.disable.note(tx, id, "", "").await?;
    }
    if let Some(quota) = a.quota
        && quota != user.quota
    {
        users::set_quota(tx, id, quota).await?;
        let detail = format!("{} to {quota} bytes", user.quota);
        a.requota.note(tx, id, "", &detail).await?;
    }
    Ok(users::get(tx, id).await?.ok_or(Error::NotFound("user"))?)
}

async fn user_list(tx: &mut Tx<'_>, (part, after, limit): &(String, i64, i64)) -> Result<Vec<User>, ConsoleError> {
    Ok(users::search(tx, part, UserId(*after), *limit).await?)
}

async fn any_user(tx: &mut Tx<'_>, id: &UserId) -> Result<User, ConsoleError> {
    Ok(users::get(tx, *id).await?.ok_or(Error::NotFound("user"))?)
}

impl Drive {
    /// All apps, or those that are suspended, by client id.
    ///
    /// # Errors
    /// [`Error::Invalid`] (cursor).
    pub async fn all_apps(&self, _: &Admin, suspended: bool, paging: &Paging) -> Result<Page<AppInfo>, ConsoleError> {
        let args = AppList {
            suspended,
            after: paging.client_id()?.to_owned(),
            limit: paging.fetch(),
            now: self.now(),
        };
        let found = self.0.db.read(args, |tx, a| Box::pin(app_list(tx, a))).await?;
        Ok(Page::of(found, paging.limit(), |a| a.record.app.client_id.clone()))
    }

    /// Any app.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn any_app(&self, _: &Admin, client_id: &str) -> Result<AppInfo, ConsoleError> {
        let args = (client_id.to_owned(), self.now());
        self.0.db.read(args, |tx, a| Box::pin(any_app(tx, a))).await
    }

    /// Suspends an app: its tokens, codes, uploads and links open nothing from now on, and it gets no new ones.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn suspend_app(&self, admin: &Admin, client_id: &str, why: &str) -> Result<AppInfo, ConsoleError> {
        let why = Some(text("reason", why, MAX_WHY)?);
        self.set_suspended(admin, client_id, why, "app_suspended").await
    }

    /// Lets a suspended app act again: what it had opens again, unless its time is over.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn resume_app(&self, admin: &Admin, client_id: &str) -> Result<AppInfo, ConsoleError> {
        self.set_suspended(admin, client_id, None, "app_resumed").await
    }

    async fn set_suspended(
        &self,
        admin: &Admin,
        client_id: &str,
        why: Option<String>,
        event: &'static str,
    ) -> Result<AppInfo, ConsoleError> {
        let args = Suspend {
            client_id: client_id.to_owned(),
            why,
            act: Act::of(self, event, admin),
        };
        if self.0.db.write(args, |tx, a| Box::pin(suspend_tx(tx, a))).await? {
            self.grants_follow(client_id).await?;
        }
        self.any_app(admin, client_id).await
    }

    /// Accounts by id; with `part`, those in whose name or mail address it stands.
    ///
    /// # Errors
    /// [`Error::Invalid`] (cursor).
    pub async fn users(&self, _: &Admin, part: &str, paging: &Paging) -> Result<UserPage, ConsoleError> {
        let args = (fold(part.trim()), paging.number(0)?, paging.fetch());
        let found = self.0.db.read(args, |tx, a| Box::pin(user_list(tx, a))).await?;
        Ok(Page::of(found, paging.limit(), |u| u.id.to_string()))
    }

    /// Any account.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn any_user(&self, _: &Admin, user: UserId) -> Result<User, ConsoleError> {
        self.0.db.read(user, |tx, u| Box::pin(any_user(tx, u))).await
    }

    /// Disables or enables an account, or changes its quota. A disabled one is signed out everywhere, and no app acts
    /// in its name; enabled again, apps go on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`ConsoleError::Yourself`], [`ConsoleError::PasswordNeeded`].
    pub async fn change_user(
        &self,
        admin: &Admin,
        user: UserId,
        disabled: Option<bool>,
        quota: Option<i64>,
    ) -> Result<User, ConsoleError> {
        self.change(admin, user, None, disabled, quota).await
    }

    /// Disables or enables an account by login name or mail address. For the operator.
    ///
    /// # Errors
    /// As [`Drive::change_user`].
    pub async fn set_disabled_by_name(&self, admin: &Admin, name: &str, disabled: bool) -> Result<User, ConsoleError> {
        let name = Some(name.to_owned());
        self.change(admin, UserId(0), name, Some(disabled), None).await
    }

    async fn change(
        &self,
        admin: &Admin,
        user: UserId,
        name: Option<String>,
        disabled: Option<bool>,
        quota: Option<i64>,
    ) -> Result<User, ConsoleError> {
        admin.fresh()?;
        if let Some(quota) = quota
            && !(0..=MAX_QUOTA).contains(&quota)
        {
            return Err(Error::invalid("quota_bytes", format!("{quota} is not from 0 to {MAX_QUOTA} bytes")).into());
        }
        let disable = if disabled == Some(true) {
            "user_disabled"
        } else {
            "user_enabled"
        };
        let args = Change {
            user,
            name,
            disabled,
            quota,
            disable: Act::of(self, disable, admin),
            requota: Act::of(self, "quota_changed", admin),
        };
        let changed = self.0.db.write(args, |tx, a| Box::pin(change_tx(tx, a))).await?;
        self.access_ended(Some(changed.id));
        Ok(changed)
    }
}
