//! The fields of each reply, with the type that each has in that very reply. Must not look anything up.

use std::fmt::{self, Display, Write};

use pantry_core::{
    item::Item,
    weipan::{Binned, Listed, Placed},
};
use pantry_types::{Md5, NodeId, Sha1};
use serde::{Serialize, Serializer};

use super::call::Call;

/// The app that made a file, `0` for none.
fn app_key(item: &Item) -> String {
    if item.client_id.is_empty() {
        "0".into()
    } else {
        item.client_id.clone()
    }
}

/// A number or a digest that is written as a text without being one first.
struct Text<T>(T);

/// What fits here is put together on the stack: the longest is a SHA-1, of 40 digits.
const DIGITS: usize = 40;

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // `collect_str` would look for what to escape in each piece of a formatted text.
        let mut text = Digits {
            bytes: [0; DIGITS],
            length: 0,
        };
        match write!(text, "{}", self.0) {
            Ok(()) => to.serialize_str(text.as_str()),
            Err(_) => to.collect_str(&self.0),
        }
    }
}

struct Digits {
    bytes: [u8; DIGITS],
    length: usize,
}

impl Digits {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let free = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        free.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// A size as lists show it.
fn size_text(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1024 {
        return format!("{bytes} Bytes");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // What would be shown as 1024.0 reads better as 1.0 of the next.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A folder in a list.
#[derive(Serialize)]
pub struct FolderRow {
    id: Text<NodeId>,
    name: String,
    pid: Text<NodeId>,
    ctime: Text<i64>,
    ltime: Text<i64>,
    file_num: Text<i64>,
    dir_num: Text<i64>,
}

/// A file in a list.
#[derive(Serialize)]
pub struct FileRow {
    id: Text<NodeId>,
    name: String,
    dir_id: Text<NodeId>,
    ctime: Text<i64>,
    ltime: Text<i64>,
    size: String,
    #[serde(rename = "type")]
    kind: String,
    md5: Text<Md5>,
    sha1: Text<Sha1>,
    share: i64,
    byte: Text<i64>,
    length: Text<i64>,
    url: String,
}

/// An entry of a list.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Row {
    /// A folder.
    Folder(FolderRow),
    /// A file.
    File(FileRow),
}

/// An entry of a list.
pub fn row(call: &Call, listed: Listed) -> Row {
    let item = listed.item;
    if item.kind == pantry_core::Kind::Folder {
        return Row::Folder(FolderRow {
            id: Text(item.id),
            name: item.name,
            pid: Text(item.parent),
            ctime: Text(item.created_at),
            ltime: Text(item.modified_at),
            file_num: Text(item.file_count),
            dir_num: Text(item.folder_count),
        });
    }
    Row::File(FileRow {
        id: Text(item.id),
        dir_id: Text(item.parent),
        ctime: Text(item.created_at),
        ltime: Text(item.modified_at),
        size: size_text(item.size),
        md5: Text(item.md5),
        sha1: Text(item.sha1),
        share: shared(listed.share.as_deref()),
        byte: Text(item.size),
        length: Text(item.size),
        url: call.file_url(&item, listed.share.as_deref()),
        kind: item.mime,
        name: item.name,
    })
}

fn shared(share: Option<&str>) -> i64 {
    if share.is_some() { 1 } else { -1 }
}

/// `getlist`
#[derive(Serialize)]
pub struct ListData {
    /// The entries.
    pub list: Vec<Row>,
    /// Which page it is.
    pub pageinfo: PageInfo,
}

/// Which page a list is.
#[derive(Serialize)]
pub struct PageInfo {
    /// From 1.
    pub page: i64,
    /// Entries of a page.
    #[serde(rename = "pageSize")]
    pub page_size: i64,
    /// Entries in all.
    pub rstotal: i64,
    /// Pages in all.
    #[serde(rename = "pageTotal")]
    pub page_total: i64,
}

/// `get_file_info`
#[derive(Serialize)]
pub struct FileInfo {
    id: String,
    name: String,
    uid: String,
    dir_id: String,
    ctime: String,
    ltime: String,
    dtime: &'static str,
    size: String,
    is_locked: &'static str,
    #[serde(rename = "type")]
    kind: String,
    md5: String,
    sha1: String,
    w: &'static str,
    h: &'static str,
    hid: &'static str,
    status: &'static str,
    app_key: String,
    source: &'static str,
    ip: &'static str,
    rev_id: String,
    share: i64,
    s3_url: String,
    url: String,
    byte: String,
    length: String,
}

/// `get_file_info`
pub fn file_info(call: &Call, listed: Listed) -> FileInfo {
    let item = listed.item;
    FileInfo {
        id: item.id.to_string(),
        uid: call.uid(),
        dir_id: item.parent.to_string(),
        ctime: item.created_at.to_string(),
        ltime: item.modified_at.to_string(),
        dtime: "0",
        size: item.size.to_string(),
        is_locked: "0",
        md5: item.md5.to_string(),
        sha1: item.sha1.to_string(),
        w: "0",
        h: "0",
        hid: "0",
        status: "1",
        app_key: app_key(&item),
        source: "1",
        ip: "0",
        rev_id: item.version.to_string(),
        share: shared(listed.share.as_deref()),
        s3_url: call.raw_url(&item),
        url: call.file_url(&item, listed.share.as_deref()),
        byte: item.size.to_string(),
        length: item.size.to_string(),
        kind: item.mime.clone(),
        name: item.name,
    }
}

/// `upload_file`, `upload_share_file`, `upload_back`
#[derive(Serialize)]
pub struct Uploaded {
    fid: String,
    name: String,
    uid: String,
    dir_id: i64,
    do_dir: String,
    ctime: i64,
    ltime: i64,
    size: i64,
    #[serde(rename = "type")]
    kind: String,
    md5: String,
    sha1: String,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    download_page: Option<String>,
}

/// The ids from the root to a folder; nothing for the root itself.
fn do_dir(above: &[NodeId]) -> String {
    if above.is_empty() {
        return String::new();
    }
    let ids = std::iter::once(NodeId(0)).chain(above.iter().copied());
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(",")
}

/// A file that was uploaded; `shares`: by a method that shares.
pub fn uploaded(call: &Call, placed: &Placed, shares: bool) -> Uploaded {
    let item = &placed.item;
    let share = placed.share.as_deref();
    Uploaded {
        fid: item.id.to_string(),
        name: item.name.clone(),
        uid: call.uid(),
        dir_id: item.parent.0,
        do_dir: do_dir(&placed.above),
        ctime: item.created_at,
        ltime: item.modified_at,
        size: item.size,
        kind: item.mime.clone(),
        md5: item.md5.to_string(),
        sha1: item.sha1.to_string(),
        url: call.file_url(item, share),
        download_page: share.filter(|_| shares).map(|code| call.share_url(code)),
    }
}

/// `upload_with_sha1`, `copy_file`
#[derive(Serialize)]
pub struct Copied {
    fid: String,
    name: String,
    uid: String,
    dir_id: i64,
    ctime: i64,
    ltime: i64,
    size: String,
    #[serde(rename = "type")]
    kind: String,
    md5: String,
    sha1: String,
    url: String,
}

/// A file that was made of a content that was there.
pub fn copied(call: &Call, placed: &Placed) -> Copied {
    let item = &placed.item;
    Copied {
        fid: item.id.to_string(),
        name: item.name.clone(),
        uid: call.uid(),
        dir_id: item.parent.0,
        ctime: item.created_at,
        ltime: item.modified_at,
        size: item.size.to_string(),
        kind: item.mime.clone(),
        md5: item.md5.to_string(),
        sha1: item.sha1.to_string(),
        url: call.file_url(item, placed.share.as_deref()),
    }
}

/// `move_file`
#[derive(Serialize)]
pub struct MovedFile {
    name: String,
    dir_id: i64,
    fid: i64,
    url: String,
}

/// A file that was moved.
pub fn moved_file(call: &Call, placed: &Placed) -> MovedFile {
    MovedFile {
        name: placed.item.name.clone(),
        dir_id: placed.item.parent.0,
        fid: placed.item.id.0,
        url: call.file_url(&placed.item, placed.share.as_deref()),
    }
}

/// `move_dir`
#[derive(Serialize)]
pub struct MovedFolder {
    name: String,
    dir_id: i64,
    parent_id: i64,
}

/// A folder that was moved.
pub fn moved_folder(placed: &Placed) -> MovedFolder {
    MovedFolder {
        name: placed.item.name.clone(),
        dir_id: placed.item.id.0,
        parent_id: placed.item.parent.0,
    }
}

/// `create_dir`
#[derive(Serialize)]
pub struct MadeFolder {
    dir_id: String,
    name: String,
    pid: i64,
    uid: String,
    ctime: i64,
    ltime: i64,
}

/// A folder that was made.
pub fn made_folder(call: &Call, item: &Item) -> MadeFolder {
    MadeFolder {
        dir_id: item.id.to_string(),
        name: item.name.clone(),
        pid: item.parent.0,
        uid: call.uid(),
        ctime: item.created_at,
        ltime: item.modified_at,
    }
}

/// An entry of the recycle bin.
#[derive(Serialize)]
pub struct BinRow {
    id: String,
    name: String,
    pid: String,
    ctime: String,
    ltime: String,
    dtime: String,
    file_num: String,
    dir_num: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    content: Option<BinContent>,
}

/// What a file in the bin has beside.
#[derive(Serialize)]
pub struct BinContent {
    size: String,
    md5: String,
    sha1: String,
}

/// An entry of the recycle bin.
pub fn bin_row(b: Binned) -> BinRow {
    let is_file = b.node.kind == pantry_core::Kind::File;
    BinRow {
        id: b.node.id.to_string(),
        name: b.name,
        pid: b.parent.to_string(),
        ctime: b.node.created_at.to_string(),
        ltime: b.node.modified_at.to_string(),
        dtime: b.deleted_at.to_string(),
        file_num: b.node.file_count.to_string(),
        dir_num: b.node.folder_count.to_string(),
        kind: if is_file { "1" } else { "0" },
        content: is_file.then(|| BinContent {
            size: size_text(b.node.size),
            md5: b.node.md5.to_string(),
            sha1: b.node.sha1.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    //! Sizes and numbers as they are shown.
    use super::*;

    fn written(value: &impl Serialize) -> String {
        serde_json::to_string(value).expect("a text")
    }

    #[test]
    fn sizes_are_shown_as_the_api_does() {
        for (bytes, text) in [
            (0, "0 Bytes"),
            (216, "216 Bytes"),
            (1023, "1023 Bytes"),
            (1024, "1.0 KB"),
            (1536, "1.5 KB"),
            (2 * 1024 * 1024, "2.0 MB"),
            (1024 * 1024 - 1, "1.0 MB"),
            (5 << 30, "5.0 GB"),
        ] {
            assert_eq!(size_text(bytes), text);
        }
    }

    #[test]
    fn numbers_and_digests_are_written_as_texts() {
        assert_eq!(written(&Text(i64::MIN)), "\"-9223372036854775808\"");
        assert_eq!(written(&Text(NodeId(1001))), "\"1001\"");
        assert_eq!(written(&Text(Sha1([0xab; 20]))), format!("\"{}\"", "ab".repeat(20)));
        // What is longer than any of them is written all the same.
        assert_eq!(
            written(&Text("x".repeat(DIGITS + 1))),
            format!("\"{}\"", "x".repeat(DIGITS + 1))
        );
    }

    #[test]
    fn the_way_to_a_folder_begins_at_the_root() {
        assert_eq!(do_dir(&[]), "");
        assert_eq!(do_dir(&[NodeId(7), NodeId(9)]), "0,7,9");
    }
}
