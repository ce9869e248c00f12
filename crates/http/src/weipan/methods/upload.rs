//! Bringing files in: in one request, by hash, and the first and last of the three steps for large ones.

use bytes::Bytes;
use pantry_core::weipan::{Target, Upload};
use pantry_types::Name;
use serde::Serialize;

use super::sharing;
use crate::weipan::{
    args,
    call::{Call, Done},
    fault::{Cause, Fault},
    reply::json,
    show,
    wire::{Content, FILE_BYTES},
};

/// Where a file goes: `dir`, a path whose missing folders are made, or `dir_id`.
fn target(call: &Call) -> Result<Target, Fault> {
    match args::optional(&call.sent, "dir")? {
        Some(text) => Ok(Target::Path(args::path("dir", text)?)),
        None => Ok(Target::Id(args::destination(&call.sent, "dir_id")?)),
    }
}

fn missing_file() -> Fault {
    Fault::new(
        Cause::Missing,
        "the file is missing; send it as a part of multipart/form-data with a filename",
    )
}

/// The file that came, whole and not too large.
fn content(call: &Call) -> Result<(Name, Bytes), Fault> {
    let file = call.sent.file.as_ref().ok_or_else(missing_file)?;
    let form_limit = call
        .sent
        .text("MAX_FILE_SIZE")
        .and_then(|t| t.trim().parse::<u64>().ok());
    if let Some(limit) = form_limit.filter(|limit| *limit > 0 && file.size > *limit) {
        return Err(Fault::new(
            Cause::FormTooLarge,
            format!("the file has more than the {limit} bytes of MAX_FILE_SIZE"),
        ));
    }
    if matches!(file.bytes, Content::TooLarge) {
        return Err(Fault::new(
            Cause::TooLarge,
            format!("the file has more than {FILE_BYTES} bytes; use upload_sign and upload_back"),
        ));
    }
    if !file.whole {
        return Err(Fault::new(
            Cause::Cut,
            "the body ends before the file does; send it again",
        ));
    }
    let name = file.name.as_deref().ok_or_else(|| {
        Fault::new(
            Cause::BadName,
            "the file's name is not UTF-8; encode the filename as UTF-8",
        )
    })?;
    let name = Name::parse(name)?;
    match &file.bytes {
        Content::Held(bytes) => Ok((name, bytes.clone())),
        Content::TooLarge => Err(missing_file()),
        // Only a signed form's file goes there, and that form is no method.
        Content::Spooled(_) => Err(Fault::new(
            Cause::Mismatch,
            "send the form of upload_sign without m and a",
        )),
        Content::Failed(e) => Err(Fault::new(
            Cause::NotStored,
            format!("the file could not be stored: {e}"),
        )),
    }
}

async fn upload(call: &Call, shares: bool) -> Result<Done, Fault> {
    let cover = args::cover(&call.sent)?;
    let folder = target(call)?;
    let (name, bytes) = content(call)?;
    if shares {
        sharing::may_share(call)?;
        sharing::check_extension(call, &name)?;
    }
    let wanted = Upload {
        folder,
        name,
        cover,
        share: shares,
    };
    let placed = call.drive().weipan_upload(&call.writer(), wanted, bytes).await?;
    call.state.metrics().bytes_in.inc_by(placed.item.size.unsigned_abs());
    let data = json(&show::uploaded(call, &placed, shares));
    Ok(Done::WroteIn(Some(data), placed.head, placed.item.parent))
}

/// `file/upload_file`
pub async fn plain(call: &Call) -> Result<Done, Fault> {
    upload(call, false).await
}

/// `file/upload_share_file`
pub async fn shared(call: &Call) -> Result<Done, Fault> {
    upload(call, true).await
}

/// `file/upload_with_sha1`
pub async fn by_hash(call: &Call) -> Result<Done, Fault> {
    let wanted = Upload {
        folder: Target::Id(args::destination(&call.sent, "dir_id")?),
        name: args::name(&call.sent, "file_name")?,
        cover: false,
        share: false,
    };
    let sha1 = args::sha1(&call.sent)?;
    let placed = call.drive().weipan_upload_known(&call.writer(), wanted, sha1).await?;
    Ok(Done::Wrote(Some(json(&show::copied(call, &placed))), placed.head))
}

/// The fields of a form to be posted to `/`, the file last.
#[derive(Serialize)]
struct PostFields<'a> {
    key: &'a str,
    policy: &'a str,
    signature: &'a str,
    #[serde(rename = "AWSAccessKeyId")]
    access_key: &'a str,
    acl: &'static str,
    success_action_status: &'static str,
    url: String,
}

/// `file/upload_sign`
pub async fn sign(call: &Call) -> Result<Done, Fault> {
    if let Some(text) = args::optional(&call.sent, "file_name")? {
        Name::parse(text)?;
    }
    let ticket = call.drive().weipan_sign_post(&call.caller);
    let public = call.drive().settings().server.public_url.trim_end_matches('/');
    Ok(Done::Beside(json(&PostFields {
        key: &ticket.key,
        policy: &ticket.policy,
        signature: &ticket.signature,
        access_key: &call.caller.client_id,
        acl: "private",
        success_action_status: "201",
        url: format!("{public}/"),
    })))
}

/// `file/upload_back`
pub async fn name_sent(call: &Call) -> Result<Done, Fault> {
    let key = args::required(&call.sent, "key")?;
    let cover = match args::optional(&call.sent, "cover")? {
        Some(_) => args::cover(&call.sent)?,
        None => false,
    };
    let wanted = Upload {
        folder: target(call)?,
        name: args::name(&call.sent, "file_name")?,
        cover,
        share: false,
    };
    let placed = call.drive().weipan_upload_sent(&call.writer(), wanted, key).await?;
    Ok(Done::Wrote(
        Some(json(&show::uploaded(call, &placed, false))),
        placed.head,
    ))
}
