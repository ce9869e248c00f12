//! What the commands of `pantryd` do, and what they print. Owns sentences and JSON for operators;
//! the work itself is the drive's.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use pantry_core::{
    Drive, Settings,
    auth::{Alg, NewApp, NewUser},
    check::CheckOptions,
};
use pantry_types::{Scopes, SystemClock, SystemRandom};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Server,
    cli::{AddApp, AddUser, CheckBooks, IssueToken},
    open::{self, Purpose},
};

/// Serves until a signal, or until the row store dies.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = Server::start(settings, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let drive = server.drive().clone();
    tell(&format!("Pantry serves on http://{}", server.address()));
    if let Some(link) = drive.setup_link().await? {
        tell(&format!(
            "Nobody has an account yet. Make the first administrator at {link}"
        ));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = drive.db().died() => {
            tracing::error!("the row store's writer has died; ending");
            return Ok(ExitCode::FAILURE);
        }
    }
    tracing::info!("stopping: no new connections, running requests may end");
    if !server.stop().await {
        tracing::warn!("some requests did not end in time and were cut off");
    }
    Ok(ExitCode::SUCCESS)
}

/// `user add`
pub(crate) async fn add_user(settings: Settings, add: AddUser) -> anyhow::Result<ExitCode> {
    let drive = open(settings, Purpose::Use).await?;
    let new = NewUser {
        name: add.name,
        email: add.email,
        password: add.password,
        is_admin: add.admin,
        quota: add.quota,
    };
    let user = drive.add_user(new).await.context("the account was not made")?;
    drive.db().close().await;
    let told = json!({
        "uid": user.id, "username": user.name, "email": user.email, "is_admin": user.is_admin, "quota_bytes": user.quota,
    });
    let role = if user.is_admin { "administrator" } else { "person" };
    print(add.json, &told, || {
        format!(
            "Made the account {} ({role}, id {}, {} bytes).",
            user.name, user.id, user.quota
        )
    });
    Ok(ExitCode::SUCCESS)
}

/// `app add`
pub(crate) async fn add_app(settings: Settings, add: AddApp) -> anyhow::Result<ExitCode> {
    let scopes = Scopes::parse(&add.scope.join(" ")).context("--scope")?;
    let drive = open(settings, Purpose::Use).await?;
    let new = NewApp {
        owner: add.owner,
        name: add.name,
        redirect_uris: add.redirect_uri,
        scopes,
        public: add.public,
        weipan: add.weipan,
    };
    let app = drive.add_app(new).await.context("the app was not registered")?;
    if let Some(alg) = Alg::parse(&add.id_token_alg).filter(|alg| *alg != Alg::Rs256) {
        drive.set_id_token_alg(&app.client_id, alg).await?;
    }
    drive.db().close().await;
    let secret = app.client_secret.as_ref().map(|secret| secret.expose());
    let told = json!({
        "client_id": app.client_id, "client_secret": secret, "name": app.name, "redirect_uris": app.redirect_uris,
        "scopes": app.scopes.to_string(), "public": app.public, "weipan": app.weipan, "id_token_alg": add.id_token_alg,
    });
    print(add.json, &told, || {
        let secret = secret.map_or_else(
            || "It is public and has no secret.".to_owned(),
            |secret| format!("client_secret {secret}\nThe secret is told this once; keep it safe."),
        );
        format!(
            "Registered the app {}.\nclient_id     {}\n{secret}",
            app.name, app.client_id
        )
    });
    Ok(ExitCode::SUCCESS)
}

/// `token issue`
pub(crate) async fn issue_token(settings: Settings, issue: IssueToken) -> anyhow::Result<ExitCode> {
    let drive = open(settings, Purpose::Use).await?;
    let answer = drive
        .issue_token(&issue.user, &issue.client_id, &issue.scope)
        .await
        .context("no token was issued")?;
    drive.db().close().await;
    let told = json!({
        "access_token": answer.access_token.expose(), "refresh_token": answer.refresh_token.expose(),
        "token_type": answer.token_type, "expires_in": answer.expires_in, "scope": answer.scope.to_string(),
    });
    print(issue.json, &told, || {
        format!(
            "access_token  {}\nrefresh_token {}\nscope         {}\nThe access token lives {} seconds.",
            answer.access_token.expose(),
            answer.refresh_token.expose(),
            answer.scope,
            answer.expires_in
        )
    });
    Ok(ExitCode::SUCCESS)
}

/// `key rotate`
pub(crate) async fn rotate_keys(settings: Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let drive = open(settings, Purpose::Use).await?;
    // A key that was sealed by another secret could be opened by no server.
    drive.claim().await?;
    let rotated = drive
        .rotate_signing_keys()
        .await
        .context("the keys were not replaced")?;
    drive.db().close().await;
    let keys = rotated
        .iter()
        .map(|(alg, kid)| json!({"alg": alg.as_str(), "kid": kid}));
    let told = json!({ "keys": keys.collect::<Vec<_>>() });
    print(as_json, &told, || {
        let lines = rotated.iter().map(|(alg, kid)| format!("{} {kid}\n", alg.as_str()));
        format!("{}Tokens are signed by these from now on.", lines.collect::<String>())
    });
    Ok(ExitCode::SUCCESS)
}

/// `check`
pub(crate) async fn check(settings: Settings, how: CheckBooks) -> anyhow::Result<ExitCode> {
    let drive = open(settings, Purpose::Inspect).await?;
    let options = CheckOptions {
        quick: how.quick,
        repair: how.repair,
    };
    let report = drive.check(options, &|what| tracing::info!(what, "checking")).await?;
    drive.db().close().await;
    let told = serde_json::to_value(&report)?;
    print(how.json, &told, || {
        let lines = report.findings.iter().map(|finding| {
            let mended = match (finding.repairable, how.repair) {
                (true, true) => " [mended]",
                (true, false) => " [--repair mends it]",
                (false, _) => "",
            };
            format!("{} {}: {}{mended}\n", finding.kind, finding.subject, finding.detail)
        });
        let found = lines.collect::<String>();
        if report.clean {
            "The books balance.".to_owned()
        } else {
            format!("{found}{} findings.", report.findings.len())
        }
    });
    let settled = report.findings.iter().all(|finding| how.repair && finding.repairable);
    Ok(if settled { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) async fn open(settings: Settings, purpose: Purpose) -> anyhow::Result<Drive> {
    open::drive(settings, purpose, Arc::new(SystemClock), Arc::new(SystemRandom)).await
}

/// Writes a line for whoever started the server; that they stopped listening is no reason to end.
fn tell(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints an answer for programs, or for people.
pub(crate) fn print(json: bool, told: &Value, human: impl Fn() -> String) {
    if json {
        println!("{told}");
    } else {
        println!("{}", human());
    }
}
