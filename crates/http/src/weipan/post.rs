//! The form of the upload in three steps, posted to `/` without a method: its fields are signed, its file waits for its name.
//! Must not name the file.

use std::io::Read;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use pantry_core::Drive;
use pantry_types::Md5;

use super::{
    fault::{Cause, Fault},
    reply::Reply,
    wire::{Content, File, Sent},
};

/// How much is moved at a time, in bytes.
const BLOCK: usize = 256 * 1024;

/// Whether this is such a form.
pub fn is_form(sent: &Sent) -> bool {
    let has = |name| sent.text(name).is_some();
    sent.get("a").is_none() && has("key") && has("policy") && has("signature")
}

/// Keeps the file. 201 with the key, as object stores answer.
pub async fn receive(drive: &Drive, sent: Sent) -> Response {
    match keep(drive, sent).await {
        Ok((key, md5)) => {
            let kind = HeaderValue::from_static("application/xml");
            // Key and hash are hex digits.
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Key>{key}</Key><ETag>\"{md5}\"</ETag></PostResponse>\n"
            );
            (StatusCode::CREATED, [(CONTENT_TYPE, kind)], body).into_response()
        }
        Err(fault) => Reply::failure(fault.cause.number(), fault.message.into_owned()).into_response(),
    }
}

async fn keep(drive: &Drive, mut sent: Sent) -> Result<(String, Md5), Fault> {
    let broken = || Fault::new(Cause::Mismatch, "the form is not whole; begin again with upload_sign");
    let file = sent.file.take().ok_or_else(broken)?;
    if !file.whole {
        return Err(Fault::new(
            Cause::Cut,
            "the body ends before the file does; send it again",
        ));
    }
    let field = |name| sent.text(name).unwrap_or_default();
    let key = field("key").to_owned();
    let File { bytes, size, .. } = file;
    let mut receiver = drive
        .weipan_receive_post(&key, field("policy"), field("signature"), size)
        .await?;
    match bytes {
        Content::Held(bytes) => receiver.write(&bytes).await?,
        Content::Spooled(mut file) => {
            let mut block = vec![0; BLOCK];
            loop {
                match file.read(&mut block) {
                    Ok(0) => break,
                    Ok(n) => receiver.write(&block[..n]).await?,
                    Err(e) => return Err(Fault::new(Cause::NotStored, format!("the file could not be kept: {e}"))),
                }
            }
        }
        Content::TooLarge => return Err(Fault::new(Cause::TooLarge, "the file is larger than this server takes")),
        Content::Failed(e) => return Err(Fault::new(Cause::NotStored, format!("the file could not be kept: {e}"))),
    }
    Ok((key, receiver.finish().await?))
}
