//! Sharing a file by an address, ending that, and being sent to what is shared.

use pantry_core::{
    Error,
    shares::{Closed, Visit},
};
use pantry_types::{Name, NodeId, UserId};
use serde::Serialize;

use crate::weipan::{
    args,
    call::{Call, Done, Open},
    fault::{Cause, Fault},
    reply::json,
};

/// Refuses an app that may not share.
pub fn may_share(call: &Call) -> Result<(), Fault> {
    if call.caller.may_share() {
        return Ok(());
    }
    Err(Fault::new(
        Cause::MayNotShare,
        "this app may not share; an administrator can grant it share.create",
    ))
}

/// Refuses a name whose extension is not on the list.
pub fn check_extension(call: &Call, name: &Name) -> Result<(), Fault> {
    let allowed = &call.drive().settings().weipan.share_extensions;
    let ext = name.ext();
    let listed = allowed.split(',').map(str::trim).filter(|e| !e.is_empty());
    if !ext.is_empty() && listed.into_iter().any(|e| e.eq_ignore_ascii_case(&ext)) {
        return Ok(());
    }
    Err(Fault::new(
        Cause::Extension,
        format!("files of this extension may not be shared; allowed are {allowed}"),
    ))
}

#[derive(Serialize)]
struct Shared {
    download_page: String,
    weibo_url: String,
}

/// `file/share_file`; `file/email_share_file`, which shares and has nothing to send mail with.
pub async fn share(call: &Call) -> Result<Done, Fault> {
    let id = args::file(&call.sent)?;
    let listed = call.drive().weipan_file(&call.writer(), id).await?;
    may_share(call)?;
    check_extension(call, &Name::from_stored(listed.item.name))?;
    let shared = call.drive().share_file(&call.writer(), id).await?;
    let page = call.share_url(&shared.code);
    let data = json(&Shared {
        weibo_url: page.clone(),
        download_page: page,
    });
    Ok(Done::Wrote(Some(data), shared.head))
}

/// `file/cancel_share_file`
pub async fn unshare(call: &Call) -> Result<Done, Fault> {
    let id = args::file(&call.sent)?;
    match call.drive().unshare_file(&call.writer(), id).await? {
        Some(head) => Ok(Done::Wrote(None, head)),
        None => Err(Fault::new(Cause::NotShared, "the file is not shared")),
    }
}

async fn to_download(open: &Open, code: &str) -> Result<Done, Fault> {
    let visit = Visit {
        code: code.to_owned(),
        ticket: None,
        origin: open.origin.clone(),
    };
    match open.state.drive().share_download(&visit, None, true).await {
        Ok(link) => Ok(Done::Redirect(format!("{}{}", open.state.download_url(), link.path))),
        Err(Error::ShareClosed(closed)) => Err(not_served(closed)),
        // What is not one file, open to everybody, is no share here.
        Err(Error::TicketRequired | Error::DropOnly | Error::Invalid { .. }) => Err(not_served(Closed::NotFound)),
        Err(e) => Err(e.into()),
    }
}

fn not_served(closed: Closed) -> Fault {
    Fault::new(Cause::NotShared, closed.to_string())
}

/// `file/jump_to_s3`
pub async fn jump(open: &Open) -> Result<Done, Fault> {
    let number = |name| {
        let text = args::required(&open.sent, name)?;
        let bad = || Fault::new(Cause::Malformed, format!("{name} must be a whole number"));
        text.parse::<i64>().map_err(|_| bad())
    };
    let (user, file) = (UserId(number("uid")?), NodeId(number("fid")?));
    let code = open.state.drive().open_share_of(user, file).await?;
    to_download(open, &code.ok_or_else(|| not_served(Closed::NotFound))?).await
}

/// `file/download_share_file`
pub async fn download(open: &Open) -> Result<Done, Fault> {
    let code = args::required(&open.sent, "ss")?;
    // What was kept may be the page's whole address.
    let code = code.trim_end_matches('/').rsplit('/').next().unwrap_or(code);
    to_download(open, code).await
}
