//! The operator's commands for apps and accounts that are there already, and what they print.
//! The work is the drive's, the same as in the console of the web page.

use std::process::ExitCode;

use anyhow::Context;
use pantry_core::{
    Drive, Settings,
    auth::console::{Admin, AppInfo, Paging, UserRecord},
};
use serde_json::{Value, json};

use crate::{
    cli::{ListApps, OneApp, OneUser, RotateSecret, SuspendApp},
    commands::{open, print},
    open::Purpose,
};

fn told_app(app: &AppInfo) -> Value {
    let r = &app.record;
    json!({
        "client_id": r.app.client_id, "name": r.app.name, "owner": r.owner_name, "public": r.app.public,
        "weipan": r.app.weipan, "scopes": app.may_ask.to_string(), "users": app.users,
        "suspended_at": r.suspended_at, "suspended_reason": r.suspended_why, "created_at": r.app.created_at,
    })
}

fn line(app: &AppInfo) -> String {
    let r = &app.record;
    let state = if r.suspended_at > 0 { " (suspended)" } else { "" };
    format!(
        "{}  {} by {}, {} users{state}",
        r.app.client_id, r.app.name, r.owner_name, app.users
    )
}

/// `app list`
pub(crate) async fn list_apps(settings: Settings, list: ListApps) -> anyhow::Result<ExitCode> {
    let drive = open(settings, Purpose::Use).await?;
    let apps = all_apps(&drive, list.suspended).await?;
    drive.db().close().await;
    let told = json!({ "apps": apps.iter().map(told_app).collect::<Vec<_>>() });
    print(list.json, &told, || {
        if apps.is_empty() {
            "There is no such app.".to_owned()
        } else {
            apps.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    });
    Ok(ExitCode::SUCCESS)
}

async fn all_apps(drive: &Drive, suspended: bool) -> anyhow::Result<Vec<AppInfo>> {
    let mut apps = Vec::new();
    let mut paging = Paging {
        cursor: None,
        limit: Some(200),
    };
    loop {
        let page = drive.all_apps(&Admin::operator(), suspended, &paging).await?;
        apps.extend(page.items);
        match page.next {
            Some(next) => paging.cursor = Some(next),
            None => return Ok(apps),
        }
    }
}

/// `app suspend`
pub(crate) async fn suspend_app(settings: Settings, suspend: SuspendApp) -> anyhow::Result<ExitCode> {
    let drive = open(settings, Purpose::Use).await?;
    let admin = Admin::operator();
    let app = drive.suspend_app(&admin, &suspend.client_id, &suspend.reason).await;
    let app = app.context("the app was not suspended")?;
    drive.db().close().await;
    print(suspend.json, &told_app(&app), || {
        format!(
            "Suspended {}. A running server refuses its tokens within a second.",
            app.record.app.name
        )
    });
    Ok(ExitCode::SUCCESS)
}

/// `app resume`
pub(crate) async fn resume_app(settings: Settings, one: OneApp) -> anyhow::Result<ExitCode> {
    let drive = open(settings, Purpose::Use).await?;
    let app = drive.resume_app(&Admin::operator(), &one.client_id).await;
    let app = app.context("the app was not resumed")?;
    drive.db().close().await;
    print(one.json, &told_app(&app), || {
        format!("{} may act again.", app.record.app.name)
    });
    Ok(ExitCode::SUCCESS)
}

/// `app rotate-secret`
pub(crate) async fn rotate_secret(settings: Settings, rotate: RotateSecret) -> anyhow::Result<ExitCode> {
    let drive = open(settings, Purpose::Use).await?;
    let admin = Admin::operator();
    let secret = drive
        .rotate_any_secret(&admin, &rotate.client_id, rotate.keep_old)
        .await;
    let secret = secret.context("the secret was not replaced")?;
    let app = drive.any_app(&admin, &rotate.client_id).await?;
    drive.db().close().await;
    let told = json!({
        "client_id": rotate.client_id, "client_secret": secret.expose(), "old_secret_ends_at": app.old_secret_until,
    });
    print(rotate.json, &told, || {
        let old = match app.old_secret_until {
            0 => "The old secret is dead.".to_owned(),
            _ => format!("The old secret is right for {} seconds more.", rotate.keep_old),
        };
        format!(
            "client_secret {}\nThe secret is told this once; keep it safe. {old}",
            secret.expose()
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn told_user(user: &UserRecord) -> Value {
    json!({
        "uid": user.id, "username": user.name, "email": user.email, "is_admin": user.is_admin,
        "is_disabled": user.is_disabled, "quota_bytes": user.quota, "used_bytes": user.used,
    })
}

/// `user disable`, `user enable`
pub(crate) async fn set_disabled(settings: Settings, one: OneUser, disabled: bool) -> anyhow::Result<ExitCode> {
    let drive = open(settings, Purpose::Use).await?;
    let user = drive
        .set_disabled_by_name(&Admin::operator(), &one.name, disabled)
        .await;
    let user = user.context("the account was not changed")?;
    drive.db().close().await;
    print(one.json, &told_user(&user), || {
        if disabled {
            format!("{} cannot sign in any more, and no app acts in their name.", user.name)
        } else {
            format!("{} may sign in again.", user.name)
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// `user password-link`
pub(crate) async fn password_link(mut settings: Settings, one: OneUser) -> anyhow::Result<ExitCode> {
    if settings.server.public_url.is_empty() {
        // As a server that is started with the same settings calls itself.
        settings.server.public_url = format!("http://{}", settings.server.listen);
    }
    let drive = open(settings, Purpose::Use).await?;
    let link = drive.password_link_by_name(&Admin::operator(), &one.name).await;
    let link = link.context("no link was made")?;
    drive.db().close().await;
    let told = json!({ "username": link.name, "url": link.url.expose(), "expires_at": link.expires_at });
    print(one.json, &told, || {
        format!(
            "{} sets a new password at\n{}\nIt works once, within a day. Whoever has it has the account.",
            link.name,
            link.url.expose()
        )
    });
    Ok(ExitCode::SUCCESS)
}
