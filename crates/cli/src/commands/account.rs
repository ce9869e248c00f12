//! `login`, `logout`, `whoami`, `quota`. Must not touch files of the drive.

use std::env;

use pantry_client::DeviceCode;
use qrcode::{QrCode, render::unicode::Dense1x2};
use serde_json::json;

use crate::{
    args::Login,
    fail::{Exit, Failure},
    lang::{t, tf},
    out::{Out, size},
    session::{self, Session},
    text::Text,
};

/// Signs in by device code.
pub async fn login(args: Login, out: Out) -> Result<(), Failure> {
    let session = wanted(&args)?;
    let client = session.client()?;
    if !is_private(&session.server) {
        out.remark(tf(Text::LoginPlain, &[&session.server]));
    }
    let code = client.start_device(&args.scope).await?;
    show(&code, out)?;
    // The old tokens, if any, are replaced only now that there are new ones.
    let tokens = client.wait_for_device(&code).await?;
    session.save()?;
    let name = client.user_info().await.ok().map(|user| user.username);
    out.json(&json!({"server": session.server, "client_id": session.client_id, "scope": tokens.scope, "user": name}))?;
    match name {
        Some(name) => out.line(tf(Text::LoginDone, &[&name])),
        None => out.line(t(Text::LoginDoneUnknown)),
    }
}

/// What was asked for: by flag, by environment, or as the last time.
fn wanted(args: &Login) -> Result<Session, Failure> {
    let variable = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
    let last = Session::load()?;
    let server = args
        .server
        .clone()
        .or_else(|| variable("PANTRY_SERVER"))
        .or_else(|| last.as_ref().map(|last| last.server.clone()))
        .ok_or_else(|| Failure::said(Exit::Usage, "no_server", t(Text::ErrNoServer).to_owned()))?;
    // An app belongs to one server.
    let last = last.filter(|last| last.server == server);
    let client_id = args
        .client_id
        .clone()
        .or_else(|| variable("PANTRY_CLIENT_ID"))
        .or_else(|| last.as_ref().map(|last| last.client_id.clone()))
        .ok_or_else(|| Failure::said(Exit::Usage, "no_client_id", t(Text::ErrNoClientId).to_owned()))?;
    let last = last.filter(|last| last.client_id == client_id);
    let client_secret = variable("PANTRY_CLIENT_SECRET").or_else(|| last.and_then(|last| last.client_secret));
    Ok(Session {
        server,
        client_id,
        client_secret,
    })
}

/// Whether what is sent stays secret on the way: https, or within this machine.
fn is_private(server: &str) -> bool {
    let rest = server.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or("");
    let host = if host.starts_with('[') {
        host.split(']').next().unwrap_or("").trim_start_matches('[')
    } else {
        host.split(':').next().unwrap_or("")
    };
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    server.to_ascii_lowercase().starts_with("https://") || loopback
}

fn show(code: &DeviceCode, out: Out) -> Result<(), Failure> {
    // With --json a program shows the code, so it must come before the waiting.
    out.json(&json!({
        "user_code": code.user_code, "verification_uri": code.verification_uri,
        "verification_uri_complete": code.verification_uri_complete, "qr_url": code.qr_url,
        "expires_at": code.expires_at,
    }))?;
    out.line(t(Text::LoginOpen))?;
    out.line(format!("\n    {}\n", code.verification_uri))?;
    out.line(t(Text::LoginCode))?;
    out.line(format!("\n    {}\n", code.user_code))?;
    if let Some(qr) = code.verification_uri_complete.as_deref().and_then(picture) {
        out.line(t(Text::LoginScan))?;
        out.line(format!("\n{qr}\n"))?;
    }
    out.remark(t(Text::LoginWait));
    Ok(())
}

/// A QR code of half blocks, dark on light where the terminal is light on dark.
fn picture(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    Some(
        renderer
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .quiet_zone(true)
            .build(),
    )
}

/// Ends the sign-in.
pub async fn logout(out: Out) -> Result<(), Failure> {
    let client = match Session::load()? {
        Some(session) => session.client()?,
        None => {
            out.json(&json!({"signed_out": false}))?;
            return out.line(t(Text::LogoutNobody));
        }
    };
    if client.tokens().await?.is_none() {
        out.json(&json!({"signed_out": false}))?;
        return out.line(t(Text::LogoutNobody));
    }
    let told = client.sign_out().await?;
    out.json(&json!({"signed_out": true, "server_told": told}))?;
    out.line(t(if told { Text::LogoutDone } else { Text::LogoutHere }))
}

/// Who is signed in.
pub async fn whoami(out: Out) -> Result<(), Failure> {
    let client = session::client()?;
    let user = client.user_info().await?;
    out.json(&user)?;
    let rows = [
        (Text::WhoUser, format!("{} ({})", user.username, user.nickname)),
        (Text::WhoMail, user.email),
        (Text::WhoServer, client.base_url().to_owned()),
        (Text::WhoApp, user.oauth.client_id),
        (Text::WhoScopes, user.oauth.scopes.join(" ")),
    ];
    for (label, value) in rows {
        out.line(format!("{}: {value}", t(label)))?;
    }
    Ok(())
}

/// How much space there is.
pub async fn quota(out: Out) -> Result<(), Failure> {
    let quota = session::client()?.quota().await?;
    out.json(&quota)?;
    out.line(tf(
        Text::QuotaLine,
        &[
            &size(quota.used_bytes),
            &size(quota.total_bytes),
            &quota.used_pct,
            &size(quota.free_bytes),
        ],
    ))
}

#[cfg(test)]
mod tests {
    //! When to warn, and that a QR code comes out.
    use super::*;

    #[test]
    fn plain_http_is_private_only_within_the_machine() {
        for server in [
            "https://a",
            "http://localhost:1",
            "http://127.0.0.1",
            "http://[::1]:80/x",
        ] {
            assert!(is_private(server), "{server}");
        }
        for server in ["http://a", "http://10.0.0.1", "http://localhost.a", "http://[fe80::1]"] {
            assert!(!is_private(server), "{server}");
        }
    }

    #[test]
    fn an_address_becomes_a_picture() {
        let picture = picture("https://drive.example.com/oauth/device?user_code=8KXH-Y8R").expect("a picture");
        assert!(picture.lines().count() > 10);
    }
}
