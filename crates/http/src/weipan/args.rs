//! Parameters that methods share, from their text to the drive's words, with the fault that names each.
//! Must not decide what a method needs.

use pantry_types::{DrivePath, Name, NodeId, Sha1, limits::MAX_ID, shown};

use super::{
    fault::{Cause, Fault},
    wire::Sent,
};

fn text<'a>(sent: &'a Sent, name: &'static str) -> Result<Option<&'a str>, Fault> {
    match sent.get(name) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(())) => Err(Fault::new(
            Cause::Malformed,
            format!("{name} is not UTF-8; send it as UTF-8"),
        )),
    }
}

fn missing(name: &'static str) -> Fault {
    Fault::new(Cause::Missing, format!("{name} is missing; it is required"))
}

/// A text that must be there and not be empty.
pub fn required<'a>(sent: &'a Sent, name: &'static str) -> Result<&'a str, Fault> {
    text(sent, name)?.filter(|t| !t.is_empty()).ok_or_else(|| missing(name))
}

/// A text, if it was sent and is not empty.
pub fn optional<'a>(sent: &'a Sent, name: &'static str) -> Result<Option<&'a str>, Fault> {
    Ok(text(sent, name)?.filter(|t| !t.is_empty()))
}

fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().filter(|n| *n <= MAX_ID)
}

fn id(name: &'static str, text: &str, cause: Cause) -> Result<NodeId, Fault> {
    number(text).map(NodeId).ok_or_else(|| {
        Fault::new(
            cause,
            format!("{name}: {} is no id; ids are whole numbers", shown(text)),
        )
    })
}

/// The id of the file that the method is about.
pub fn file(sent: &Sent) -> Result<NodeId, Fault> {
    id("fid", required(sent, "fid")?, Cause::BadTarget)
}

/// The id of the folder that the method is about, which cannot be the root.
pub fn folder(sent: &Sent) -> Result<NodeId, Fault> {
    match id("dir_id", required(sent, "dir_id")?, Cause::BadTarget)? {
        NodeId(0) => Err(Fault::new(
            Cause::NoFolder,
            "dir_id 0 is the root, which stays what and where it is",
        )),
        id => Ok(id),
    }
}

/// The id of a folder that something goes to; 0 is the root.
pub fn destination(sent: &Sent, name: &'static str) -> Result<NodeId, Fault> {
    id(name, required(sent, name)?, Cause::Malformed)
}

/// The id of a folder; the root if it was not sent.
pub fn folder_or_root(sent: &Sent, name: &'static str) -> Result<NodeId, Fault> {
    optional(sent, name)?.map_or(Ok(NodeId(0)), |text| id(name, text, Cause::Malformed))
}

/// The name of a file or folder. An empty one was sent, and is no name.
pub fn name(sent: &Sent, name: &'static str) -> Result<Name, Fault> {
    let text = text(sent, name)?.ok_or_else(|| missing(name))?;
    Ok(Name::parse(text)?)
}

/// A path from the root, with slashes or backslashes.
pub fn path(name: &'static str, text: &str) -> Result<DrivePath, Fault> {
    let text = text.replace('\\', "/");
    if !text.starts_with('/') {
        return Err(Fault::new(
            Cause::BadPath,
            format!(
                "{name}: {} does not begin with a slash; send the path from the root",
                shown(&text)
            ),
        ));
    }
    Ok(DrivePath::parse(&text)?)
}

/// `sha1`, hex in either case.
pub fn sha1(sent: &Sent) -> Result<Sha1, Fault> {
    let text = required(sent, "sha1")?;
    Sha1::parse(text).map_err(|e| Fault::new(Cause::Malformed, format!("sha1: {e}")))
}

/// `cover`: whether a file of that name is replaced.
pub fn cover(sent: &Sent) -> Result<bool, Fault> {
    match required(sent, "cover")? {
        "yes" => Ok(true),
        "no" => Ok(false),
        text => Err(Fault::new(
            Cause::BadCover,
            format!("cover: {} is neither yes nor no", shown(text)),
        )),
    }
}

/// `page`, from 1.
pub fn page(sent: &Sent) -> Result<i64, Fault> {
    Ok(count(sent, &["page"])?.unwrap_or(1).max(1))
}

/// How many entries a page has, under any of the names that programs send.
pub fn page_size(sent: &Sent) -> Result<i64, Fault> {
    let size = count(sent, &["pageSize", "page_size", "pagesize"])?;
    Ok(size.filter(|n| (2..=DEFAULT_PAGE).contains(n)).unwrap_or(DEFAULT_PAGE))
}

const DEFAULT_PAGE: i64 = 1024;

fn count(sent: &Sent, names: &[&'static str]) -> Result<Option<i64>, Fault> {
    for name in names {
        if let Some(text) = optional(sent, name)? {
            let sign = text.trim().strip_prefix('-').unwrap_or(text.trim());
            let number = number(sign).map(|n| if sign.len() < text.trim().len() { -n } else { n });
            return number
                .map(Some)
                .ok_or_else(|| Fault::new(Cause::Malformed, format!("{name}: {} is no whole number", shown(text))));
        }
    }
    Ok(None)
}

/// `dologid`: what is no number of ours counts as absent.
pub fn dologid(sent: &Sent) -> Option<i64> {
    sent.text("dologid").and_then(number_any).filter(|n| *n > 0)
}

/// As [`number`], without its limit: a number above every head is too old like any other that is not ours.
fn number_any(text: &str) -> Option<i64> {
    let text = text.trim();
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(i64::MAX))
}
