//! The fields of each reply, with the type that each has in that very reply. Must not look anything up.

use pantry_core::{
    item::Item,
    weipan::{Binned, Listed, Placed},
};
use pantry_types::{Md5, NodeId, Sha1};
use serde::{Serialize, Serializer};

use super::{
    call::{Call, Urls},
    reply::push,
};

/// The app that made a file, `0` for none.
fn app_key(item: &Item) -> String {
    if item.client_id.is_empty() {
        "0".into()
    } else {
        item.client_id.clone()
    }
}

/// A number that is written as a text.
struct Text(i64);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(itoa::Buffer::new().format(self.0))
    }
}

/// Writes an object field by field: a list is long, and most of what it holds needs no look at what to escape.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    next: u8,
}

impl<'a> Line<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, next: b'{' }
    }

    fn key(&mut self, name: &str) {
        self.out.extend_from_slice(&[self.next, b'"']);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.next = b',';
    }

    fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        push(self.out, text);
    }

    /// What is known to hold nothing to escape.
    fn plain(&mut self, name: &str, text: &[u8]) {
        self.key(name);
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.push(b'"');
    }

    /// A number as a text.
    fn digits(&mut self, name: &str, number: i64) {
        self.plain(name, itoa::Buffer::new().format(number).as_bytes());
    }

    fn number(&mut self, name: &str, number: i64) {
        self.key(name);
        self.out
            .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn end(self) {
        self.out.push(b'}');
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

/// About what an entry of a list takes as JSON, in bytes.
const ROW: usize = 480;

/// The entries of a list, as a JSON array.
fn push_rows(out: &mut Vec<u8>, call: &Call, items: &[Listed]) {
    out.reserve(items.len() * ROW + 256);
    let urls = call.urls();
    let mut next = b'[';
    for listed in items {
        out.push(next);
        next = b',';
        push_row(out, &urls, listed);
    }
    if next == b'[' {
        out.push(b'[');
    }
    out.push(b']');
}

fn push_row(out: &mut Vec<u8>, urls: &Urls<'_>, listed: &Listed) {
    let item = &listed.item;
    let is_folder = item.kind == pantry_core::Kind::Folder;
    let mut line = Line::new(out);
    line.digits("id", item.id.0);
    line.text("name", &item.name);
    line.digits(if is_folder { "pid" } else { "dir_id" }, item.parent.0);
    line.digits("ctime", item.created_at);
    line.digits("ltime", item.modified_at);
    if is_folder {
        line.digits("file_num", item.file_count);
        line.digits("dir_num", item.folder_count);
    } else {
        line.plain("size", size_text(item.size).as_bytes());
        line.text("type", &item.mime);
        line.plain("md5", &item.md5.hex());
        line.plain("sha1", &item.sha1.hex());
        line.number("share", shared(listed.share.as_deref()));
        line.digits("byte", item.size);
        line.digits("length", item.size);
        line.key("url");
        urls.push_json(line.out, item, listed.share.as_deref());
    }
    line.end();
}

/// `get_list`, `list_items`
pub fn rows(call: &Call, items: &[Listed]) -> Vec<u8> {
    let mut out = Vec::new();
    push_rows(&mut out, call, items);
    out
}

/// `getlist`
pub fn list(call: &Call, items: &[Listed], page: &PageInfo) -> Vec<u8> {
    let mut out = b"{\"list\":".to_vec();
    push_rows(&mut out, call, items);
    out.extend_from_slice(b",\"pageinfo\":");
    push(&mut out, page);
    out.push(b'}');
    out
}

fn shared(share: Option<&str>) -> i64 {
    if share.is_some() { 1 } else { -1 }
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
    id: Text,
    name: String,
    uid: Text,
    dir_id: Text,
    ctime: Text,
    ltime: Text,
    dtime: &'static str,
    size: Text,
    is_locked: &'static str,
    #[serde(rename = "type")]
    kind: String,
    md5: Md5,
    sha1: Sha1,
    w: &'static str,
    h: &'static str,
    hid: &'static str,
    status: &'static str,
    app_key: String,
    source: &'static str,
    ip: &'static str,
    rev_id: Text,
    share: i64,
    s3_url: String,
    url: String,
    byte: Text,
    length: Text,
}

/// `get_file_info`
pub fn file_info(call: &Call, listed: Listed) -> FileInfo {
    let item = listed.item;
    let urls = call.urls();
    FileInfo {
        id: Text(item.id.0),
        uid: Text(call.caller.user.0),
        dir_id: Text(item.parent.0),
        ctime: Text(item.created_at),
        ltime: Text(item.modified_at),
        dtime: "0",
        size: Text(item.size),
        is_locked: "0",
        md5: item.md5,
        sha1: item.sha1,
        w: "0",
        h: "0",
        hid: "0",
        status: "1",
        app_key: app_key(&item),
        source: "1",
        ip: "0",
        rev_id: Text(item.version.0),
        share: shared(listed.share.as_deref()),
        s3_url: urls.raw(&item),
        url: urls.file(&item, listed.share.as_deref()),
        byte: Text(item.size),
        length: Text(item.size),
        kind: item.mime,
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
    fn an_object_is_written_as_a_serializer_would() {
        let mut out = Vec::new();
        let mut line = Line::new(&mut out);
        line.digits("least", i64::MIN);
        line.text("name", "a \"b\"\\\n\u{1}");
        line.plain("sha1", &Sha1([0xab; 20]).hex());
        line.number("n", -1);
        line.end();
        let expected = format!(
            r#"{{"least":"-9223372036854775808","name":"a \"b\"\\\n\u0001","sha1":"{}","n":-1}}"#,
            "ab".repeat(20)
        );
        assert_eq!(String::from_utf8(out), Ok(expected));
    }

    #[test]
    fn the_way_to_a_folder_begins_at_the_root() {
        assert_eq!(do_dir(&[]), "");
        assert_eq!(do_dir(&[NodeId(7), NodeId(9)]), "0,7,9");
    }
}
