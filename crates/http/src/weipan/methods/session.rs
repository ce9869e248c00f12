//! Signing in, keeping a token, keeping in step, and the space that is left.

use std::hash::{DefaultHasher, Hash, Hasher};

use pantry_core::weipan::Asked;
use serde::Serialize;

use crate::weipan::{
    args,
    call::{Call, Done, Open},
    fault::{Cause, Fault},
    reply::json,
};

/// The key under which calls are counted.
pub fn rate_key(parts: (&str, &str)) -> i64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish() as i64
}

#[derive(Serialize)]
struct Token<'a> {
    token: &'a str,
    uid: String,
    time: i64,
    is_active: &'static str,
    appkey: &'a str,
    email: &'a str,
    app_type: &'static str,
    quota: String,
    status: &'static str,
}

/// `auth/get_token`
pub async fn get_token(open: &Open) -> Result<Done, Fault> {
    let sent = &open.sent;
    let asked = Asked {
        account: args::required(sent, "account")?,
        password: args::required(sent, "password")?,
        appkey: args::required(sent, "appkey")?,
        time: args::required(sent, "time")?,
        signature: args::required(sent, "signature")?,
    };
    let drive = open.state.drive();
    let app = drive.weipan_app(asked, &open.origin).await?;
    let key = rate_key((app.client_id(), &asked.account.trim().to_lowercase()));
    open.state.weipan().count(key, drive.clock().now_ms())?;
    let by_directory = sent.text("app_type") == Some("sinat");
    let signed = if by_directory {
        drive
            .weipan_login_by_directory(&app, asked.account, asked.password, &open.origin)
            .await?
    } else {
        drive
            .weipan_login(&app, asked.account, asked.password, &open.origin)
            .await?
    };
    Ok(Done::Read(Some(json(&Token {
        token: signed.token.expose(),
        uid: signed.user.to_string(),
        time: drive.now(),
        is_active: "1",
        appkey: app.client_id(),
        email: &signed.email,
        app_type: if by_directory { "sinat" } else { "local" },
        quota: signed.quota.to_string(),
        status: "1",
    }))))
}

/// `keep`
pub async fn keep(_: &Call) -> Result<Done, Fault> {
    Ok(Done::Read(None))
}

#[derive(Serialize)]
struct Kept<'a> {
    uid: String,
    token: &'a str,
}

/// `user/keep_token`
pub async fn keep_token(call: &Call) -> Result<Done, Fault> {
    Ok(Done::Read(Some(json(&Kept {
        uid: call.uid(),
        token: args::required(&call.sent, "token")?,
    }))))
}

#[derive(Serialize)]
struct Quota {
    used: String,
    total: String,
}

/// `file/get_quota`
pub async fn get_quota(call: &Call) -> Result<Done, Fault> {
    let (user, dolog) = call.drive().weipan_account(&call.reader(), call.since).await?;
    let quota = Quota {
        used: user.used.to_string(),
        total: user.quota.to_string(),
    };
    Ok(Done::Seen(Some(json(&quota)), dolog))
}

/// An unknown method.
pub fn unknown(m: &str, a: &str) -> Fault {
    Fault::new(
        Cause::UnknownMethod,
        format!(
            "there is no method m={} a={}; see the list of methods",
            pantry_types::shown(m),
            pantry_types::shown(a)
        ),
    )
}
