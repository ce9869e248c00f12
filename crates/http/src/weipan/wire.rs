//! What a request carries: parameters from its query and a body of any form, and one file. Merged as the API's clients need it:
//! the last one of a name counts, the body after the query.
//! Must not know what a parameter means.

use std::io::{Seek, Write};

use bytes::{Bytes, BytesMut};
use percent_encoding::percent_decode;

use super::multipart::{Event, Head, Parser, boundary};

/// Largest file that is taken in one request, in bytes.
pub const FILE_BYTES: usize = 10 * 1024 * 1024;
/// Largest body of a form without a file, and all fields of a multipart body together, in bytes.
const FIELD_BYTES: usize = 1024 * 1024;
/// Most parameters.
const FIELDS: usize = 1000;

/// A file that came.
#[derive(Debug)]
pub struct Sent {
    /// Parameters in the order in which they came.
    params: Vec<(String, Value)>,
    /// The file, if there was one.
    pub file: Option<File>,
    /// The body ended before it said so.
    pub cut: bool,
}

#[derive(Debug, Clone)]
enum Value {
    Text(String),
    NotUtf8,
}

/// The first part that has a file name.
#[derive(Debug)]
pub struct File {
    /// Its name without folders; `None` if it is no UTF-8.
    pub name: Option<String>,
    /// Its bytes.
    pub bytes: Content,
    /// How many came.
    pub size: u64,
    /// It came to its end.
    pub whole: bool,
}

/// The bytes of a file.
#[derive(Debug)]
pub enum Content {
    /// In memory.
    Held(Bytes),
    /// In a temporary file without a name, to be read from its start.
    Spooled(std::fs::File),
    /// More came than are taken; they were let go.
    TooLarge,
    /// They could not be kept.
    Failed(std::io::Error),
}

impl Sent {
    /// A parameter. `Err`: it is no UTF-8.
    pub fn get(&self, name: &str) -> Option<Result<&str, ()>> {
        let (_, value) = self.params.iter().rev().find(|(n, _)| n == name)?;
        Some(match value {
            Value::Text(text) => Ok(text),
            Value::NotUtf8 => Err(()),
        })
    }

    /// A parameter that may as well be missing where it is no text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.ok()
    }
}

enum Form {
    /// Parameters with `&` between them.
    Pairs(Vec<u8>),
    Json(Vec<u8>),
    Multipart(Box<Multipart>),
}

struct Multipart {
    parser: Parser,
    part: Option<Part>,
    fields: usize,
}

enum Part {
    Field(Vec<u8>, Vec<u8>),
    File(Keeping),
    /// A second file, or a field too many.
    Ignored,
}

struct Keeping {
    name: Option<String>,
    size: u64,
    at: Sink,
}

enum Sink {
    Memory(BytesMut),
    Spool(std::fs::File),
    TooLarge,
    Failed(std::io::Error),
}

/// Takes a request in as its bytes arrive.
pub struct Gather {
    sent: Sent,
    form: Form,
    /// Largest file that goes to a temporary file, where the fields before it are those of a signed form; 0: none.
    spool_bytes: u64,
}

impl std::fmt::Debug for Gather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gather")
    }
}

impl Gather {
    /// For a request of this query and `Content-Type`.
    pub fn new(query: &str, content_type: Option<&str>, spool_bytes: u64) -> Self {
        let mut sent = Sent {
            params: Vec::new(),
            file: None,
            cut: false,
        };
        add_pairs(&mut sent.params, query.as_bytes());
        let essence = content_type.map(|text| text.split(';').next().unwrap_or("").trim().to_ascii_lowercase());
        let form = match essence.as_deref() {
            Some(kind) if kind.starts_with("multipart/") => Form::Multipart(Box::new(Multipart {
                parser: Parser::new(content_type.and_then(boundary).map(str::as_bytes)),
                part: None,
                fields: 0,
            })),
            Some("application/json") => Form::Json(Vec::new()),
            // Whatever else it is called, it is what programs that call it nothing send.
            _ => Form::Pairs(Vec::new()),
        };
        Self {
            sent,
            form,
            spool_bytes,
        }
    }

    /// Whether bytes may be held in quantity: the body has parts.
    pub fn is_multipart(&self) -> bool {
        matches!(self.form, Form::Multipart(_))
    }

    /// Whether the file that is arriving goes to a temporary file.
    pub fn is_spooling(&self) -> bool {
        matches!(&self.form, Form::Multipart(m) if matches!(&m.part, Some(Part::File(Keeping { at: Sink::Spool(_), .. }))))
    }

    /// Takes the next bytes of the body; false once more of them would change nothing.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        match &mut self.form {
            Form::Pairs(held) | Form::Json(held) => {
                let room = FIELD_BYTES.saturating_sub(held.len());
                held.extend_from_slice(&bytes[..bytes.len().min(room)]);
                if bytes.len() > room {
                    self.sent.cut = true;
                    return false;
                }
            }
            Form::Multipart(m) => {
                m.parser.push(bytes);
                Self::drain(&mut self.sent, m, self.spool_bytes);
            }
        }
        true
    }

    /// The body has ended; `broken`: before its announced end.
    pub fn finish(mut self, broken: bool) -> Sent {
        self.sent.cut |= broken;
        match &mut self.form {
            Form::Pairs(held) => add_pairs(&mut self.sent.params, held),
            Form::Json(held) => add_json(&mut self.sent, held),
            Form::Multipart(m) => {
                m.parser.end();
                Self::drain(&mut self.sent, m, self.spool_bytes);
            }
        }
        self.sent
    }

    fn drain(sent: &mut Sent, m: &mut Multipart, spool_bytes: u64) {
        while let Some(event) = m.parser.next() {
            match event {
                Event::Part(head) => m.part = Some(begin(sent, m.fields, head, spool_bytes)),
                Event::Data(bytes) => match &mut m.part {
                    Some(Part::Field(_, value)) => {
                        m.fields += bytes.len();
                        if m.fields > FIELD_BYTES {
                            m.part = Some(Part::Ignored);
                            sent.cut = true;
                        } else {
                            value.extend_from_slice(&bytes);
                        }
                    }
                    Some(Part::File(keeping)) => keeping.take(&bytes, spool_bytes),
                    Some(Part::Ignored) | None => {}
                },
                Event::PartEnd => end(sent, m.part.take(), true),
                Event::Cut => {
                    sent.cut = true;
                    end(sent, m.part.take(), false);
                }
                Event::End => {}
            }
        }
    }
}

fn begin(sent: &Sent, fields: usize, head: Head, spool_bytes: u64) -> Part {
    // A form that is sent without a file chosen has an empty file name.
    match head.filename {
        Some(name) if !name.is_empty() => {
            if sent.file.is_some() {
                return Part::Ignored;
            }
            // Only what a signed form announced may be large.
            let signed = ["key", "policy", "signature"].iter().all(|n| sent.text(n).is_some());
            let at = if signed && spool_bytes > 0 {
                match tempfile::tempfile() {
                    Ok(file) => Sink::Spool(file),
                    Err(e) => Sink::Failed(e),
                }
            } else {
                Sink::Memory(BytesMut::new())
            };
            Part::File(Keeping {
                name: file_name(&name),
                size: 0,
                at,
            })
        }
        Some(_) => Part::Ignored,
        None if sent.params.len() >= FIELDS || fields > FIELD_BYTES => Part::Ignored,
        None => Part::Field(head.name, Vec::new()),
    }
}

fn end(sent: &mut Sent, part: Option<Part>, whole: bool) {
    match part {
        Some(Part::Field(name, value)) => push(&mut sent.params, name, value),
        Some(Part::File(keeping)) => sent.file = Some(keeping.done(whole)),
        Some(Part::Ignored) | None => {}
    }
}

impl Keeping {
    fn take(&mut self, bytes: &[u8], spool_bytes: u64) {
        self.size += bytes.len() as u64;
        match &mut self.at {
            Sink::Memory(held) if held.len() + bytes.len() <= FILE_BYTES => held.extend_from_slice(bytes),
            Sink::Spool(file) if self.size <= spool_bytes => {
                if let Err(e) = file.write_all(bytes) {
                    self.at = Sink::Failed(e);
                }
            }
            Sink::Memory(_) | Sink::Spool(_) => self.at = Sink::TooLarge,
            Sink::TooLarge | Sink::Failed(_) => {}
        }
    }

    fn done(self, whole: bool) -> File {
        let bytes = match self.at {
            Sink::Memory(held) => Content::Held(held.freeze()),
            Sink::Spool(mut file) => match file.rewind() {
                Ok(()) => Content::Spooled(file),
                Err(e) => Content::Failed(e),
            },
            Sink::TooLarge => Content::TooLarge,
            Sink::Failed(e) => Content::Failed(e),
        };
        File {
            name: self.name,
            bytes,
            size: self.size,
            whole,
        }
    }
}

/// The last name of a path, as Unix or Windows writes it.
fn file_name(path: &[u8]) -> Option<String> {
    let start = path
        .iter()
        .rposition(|b| matches!(b, b'/' | b'\\'))
        .map_or(0, |at| at + 1);
    String::from_utf8(path[start..].to_vec()).ok()
}

fn push(params: &mut Vec<(String, Value)>, name: Vec<u8>, value: Vec<u8>) {
    if params.len() >= FIELDS {
        return;
    }
    let value = String::from_utf8(value).map_or(Value::NotUtf8, Value::Text);
    let name = String::from_utf8(name).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    params.push((name, value));
}

fn add_pairs(params: &mut Vec<(String, Value)>, text: &[u8]) {
    // Some programs end a body with a line break that belongs to nothing.
    for pair in text
        .trim_ascii_end()
        .split(|b| *b == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let at = memchr::memchr(b'=', pair);
        let (name, value) = at.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        push(params, decode(name), decode(value));
    }
}

/// Undoes `+` and percent-encoding; what is neither, raw UTF-8 and spaces included, stays as it is.
fn decode(text: &[u8]) -> Vec<u8> {
    if memchr::memchr2(b'+', b'%', text).is_none() {
        return text.to_vec();
    }
    let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decode(&spaced).collect()
}

fn add_json(sent: &mut Sent, text: &[u8]) {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(text) else {
        // What cannot be read says nothing; the method then names what it misses.
        return;
    };
    for (name, value) in fields {
        let text = match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::Bool(flag) => flag.to_string(),
            serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => continue,
        };
        push(&mut sent.params, name.into_bytes(), text.into_bytes());
    }
}

/// Reads a whole request that is in memory, in chunks of `chunk` bytes: for tests, and for whoever feeds it garbage.
pub fn read(query: &str, content_type: Option<&str>, body: &[u8], chunk: usize) -> Sent {
    let mut gather = Gather::new(query, content_type, 0);
    for bytes in body.chunks(chunk.max(1)) {
        if !gather.push(bytes) {
            break;
        }
    }
    gather.finish(false)
}

#[cfg(test)]
mod tests {
    //! Merging, and what is let go.
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn the_body_counts_after_the_query() {
        let sent = read(
            "m=file&a=x&token=1&both=q",
            Some(FORM),
            "token=2&name=a b@测试&e=%E4%B8%AD+&=x\r\n".as_bytes(),
            3,
        );
        for (name, value) in [
            ("token", "2"),
            ("a", "x"),
            ("both", "q"),
            ("name", "a b@测试"),
            ("e", "中 "),
            ("", "x"),
        ] {
            assert_eq!(sent.text(name), Some(value), "{name}");
        }
        assert_eq!(sent.get("none"), None);
        assert_eq!(read("", None, b"a=%ff", 9).get("a"), Some(Err(())));
        let json = read(
            "a=1",
            Some("application/json"),
            br#"{"a":2,"b":"x","c":null,"d":[1]}"#,
            5,
        );
        assert_eq!(
            (json.text("a"), json.text("b"), json.text("c")),
            (Some("2"), Some("x"), None)
        );
    }

    #[test]
    fn the_first_part_with_a_file_name_is_the_file() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"none\"; filename=\"\"\r\n\r\n\r\n--b\r\n\
            Content-Disposition: form-data; name=\"send\"; filename=\"D:\\图\\a b.txt\"\r\n\r\nhello\r\n--b\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"/etc/second\"\r\n\r\nno\r\n--b\r\n\
            Content-Disposition: form-data; name=\"token\"\r\n\r\nabc\r\n--b--";
        let sent = read("", Some("multipart/form-data; boundary=b"), body.as_bytes(), 7);
        let file = sent.file.as_ref().expect("a file");
        assert_eq!(
            (file.name.as_deref(), file.size, file.whole),
            (Some("a b.txt"), 5, true)
        );
        assert!(matches!(&file.bytes, Content::Held(b) if b.as_ref() == b"hello"));
        assert_eq!(sent.text("token"), Some("abc"));
        assert!(!sent.cut);
    }

    #[test]
    fn a_file_that_is_too_large_does_not_hide_what_follows() {
        let mut body = b"--b\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\n".to_vec();
        body.resize(body.len() + FILE_BYTES + 1, b'x');
        body.extend_from_slice(b"\r\n--b\r\nContent-Disposition: form-data; name=token\r\n\r\nabc\r\n--b--\r\n");
        let sent = read("", Some("multipart/form-data; boundary=b"), &body, 65_536);
        let file = sent.file.as_ref().expect("a file");
        assert!(matches!(file.bytes, Content::TooLarge) && file.size == FILE_BYTES as u64 + 1);
        assert_eq!(sent.text("token"), Some("abc"));
    }
}
