//! Parameters that several calls of v1 share, from their text to the drive's words.
//! Must not decide a default that differs from call to call: the caller says it.

use http::{HeaderMap, header::CONTENT_TYPE};
use pantry_core::{
    Error,
    files::{FolderRef, OnConflict, Page, Selection},
};
use pantry_types::{DrivePath, Md5, Name, NodeId, limits};

use crate::{Params, params};

/// A folder by its path; one that was not sent or is empty is the caller's own start.
pub fn folder(params: &Params, name: &'static str) -> Result<FolderRef, Error> {
    match params.opt_text(name)? {
        None | Some("") => Ok(FolderRef::Path(None)),
        Some(text) => Ok(FolderRef::Path(Some(path(name, text)?))),
    }
}

/// A folder by `folder_id`, which stays the same folder wherever it is moved to meanwhile, else by `path`. The id 0 is the
/// caller's own start.
pub fn folder_or_id(params: &Params) -> Result<FolderRef, Error> {
    match params.opt_text("folder_id")? {
        None | Some("") => folder(params, "path"),
        Some("0") => Ok(FolderRef::Path(None)),
        Some(text) => Ok(FolderRef::Id(NodeId(params::id("folder_id", text)?))),
    }
}

/// A folder by a path that must be sent.
pub fn dest_path(params: &Params) -> Result<FolderRef, Error> {
    let text = params.text("dest_path")?;
    Ok(FolderRef::Path(Some(path("dest_path", text)?)))
}

fn path(name: &'static str, text: &str) -> Result<DrivePath, Error> {
    DrivePath::parse(text).map_err(|e| Error::invalid(name, e.to_string()))
}

/// The name of a file or folder, which must be sent.
pub fn node_name(params: &Params, name: &'static str) -> Result<Name, Error> {
    Name::parse(params.text(name)?).map_err(|e| Error::invalid(name, e.to_string()))
}

/// What to do when a name is taken.
pub fn on_conflict(params: &Params, default: OnConflict) -> Result<OnConflict, Error> {
    let words = [
        ("fail", OnConflict::Fail),
        ("rename", OnConflict::Rename),
        ("overwrite", OnConflict::Overwrite),
    ];
    Ok(params.opt_word("on_conflict", &words)?.unwrap_or(default))
}

/// `file_ids` and `folder_ids`.
pub fn selection(params: &Params) -> Result<Selection, Error> {
    Ok(Selection {
        files: params.ids("file_ids")?,
        folders: params.ids("folder_ids")?,
    })
}

/// `cursor`, if it was sent.
pub fn cursor(params: &Params) -> Result<Option<&str>, Error> {
    Ok(params.opt_text("cursor")?.filter(|text| !text.is_empty()))
}

/// `page` or `cursor`; the cursor wins.
pub fn page(params: &Params) -> Result<Page, Error> {
    if let Some(cursor) = cursor(params)? {
        return Ok(Page::Cursor(cursor.to_owned()));
    }
    match params.opt_int("page")? {
        None => Ok(Page::Number(1)),
        Some(number) if number >= 1 => Ok(Page::Number(number)),
        Some(number) => Err(Error::invalid("page", format!("{number} is no page; the first is 1"))),
    }
}

/// `limit`: 50 unless sent; above 200 it counts as 200.
pub fn limit(params: &Params) -> Result<i64, Error> {
    match params.opt_int("limit")? {
        None => Ok(i64::from(limits::LIST_DEFAULT)),
        Some(limit) if limit >= 1 => Ok(limit.min(i64::from(limits::LIST_MAX))),
        Some(limit) => Err(Error::invalid(
            "limit",
            format!("{limit} is too small; send at least 1"),
        )),
    }
}

/// An MD5 that must be sent, hex in either case.
pub fn md5(params: &Params) -> Result<Md5, Error> {
    parse_md5(params.text("md5")?)
}

/// An MD5, if one was sent.
pub fn opt_md5(params: &Params) -> Result<Option<Md5>, Error> {
    match params.opt_text("md5")? {
        None | Some("") => Ok(None),
        Some(text) => parse_md5(text).map(Some),
    }
}

fn parse_md5(text: &str) -> Result<Md5, Error> {
    Md5::parse(text).map_err(|e| Error::invalid("md5", e.to_string()))
}

/// A media type (RFC 9110, section 8.3.1), if one was sent.
pub fn media_type(name: &'static str, text: Option<&str>) -> Result<Option<String>, Error> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let essence = text.split(';').next().unwrap_or("").trim();
    let token = |part: &str| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !part.is_empty() && part.bytes().all(legal)
    };
    let whole = text.len() <= 255 && text.bytes().all(|b| (0x20..0x7f).contains(&b));
    match essence.split_once('/') {
        Some((kind, subtype)) if whole && token(kind) && token(subtype) => Ok(Some(text.to_owned())),
        _ => Err(Error::invalid(
            name,
            format!("{} is no media type such as video/mp4", pantry_types::shown(text)),
        )),
    }
}

/// The media type of a raw body; what a client sends only because it knew nothing better does not count.
pub fn content_type(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let unknown = ["application/x-www-form-urlencoded", "application/octet-stream"];
    media_type("Content-Type", sent.filter(|text| !unknown.contains(text)))
}
