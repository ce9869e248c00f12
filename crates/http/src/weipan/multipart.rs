//! Multipart bodies (RFC 7578) as they really come: boundaries unquoted or not named at all, lines ended by LF alone, no line
//! break after the last delimiter or two, odd headers. Takes bytes as they arrive and answers events.
//! Must not know what a field means, nor hold more than a line of headers and a delimiter's length.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

/// Longest preamble, and longest headers of one part, in bytes.
const HEAD_LIMIT: usize = 16 * 1024;

/// What a part says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Name of the field, as bytes came.
    pub name: Vec<u8>,
    /// Name of the file, where there is one; as bytes came.
    pub filename: Option<Vec<u8>>,
}

/// What the body said next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A part begins.
    Part(Head),
    /// Bytes of it.
    Data(Bytes),
    /// It is whole.
    PartEnd,
    /// The body ended, or stopped making sense, inside a part or before its end was told.
    Cut,
    /// The last delimiter came.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    Delimiter,
    Headers,
    Data,
    Over,
}

/// Takes a body apart.
#[derive(Debug)]
pub struct Parser {
    /// `--` and the boundary; empty until it is seen in the body itself.
    delimiter: Vec<u8>,
    held: BytesMut,
    state: State,
    /// Lines of this body end by LF alone.
    bare_lf: bool,
    /// Nothing of the part's data was given out yet.
    fresh: bool,
    ended: bool,
}

impl Parser {
    /// For a body of this boundary; without one, the first line of the body tells it.
    pub fn new(boundary: Option<&[u8]>) -> Self {
        let delimiter = boundary.filter(|b| !b.is_empty()).map(|b| [b"--", b].concat());
        Self {
            delimiter: delimiter.unwrap_or_default(),
            held: BytesMut::new(),
            state: State::Preamble,
            bare_lf: false,
            fresh: false,
            ended: false,
        }
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.state != State::Over {
            self.held.extend_from_slice(bytes);
        }
    }

    /// Says that there are no more.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next event; `None`: more bytes are needed, or all was said.
    pub fn next(&mut self) -> Option<Event> {
        loop {
            match self.state {
                State::Preamble => self.preamble()?,
                State::Delimiter => {
                    if let Some(event) = self.delimiter()? {
                        return Some(event);
                    }
                }
                State::Headers => return self.headers(),
                State::Data => return self.data(),
                State::Over => return None,
            }
            if self.state == State::Over {
                return Some(Event::Cut);
            }
        }
    }

    fn cut(&mut self) -> Event {
        self.state = State::Over;
        self.held.clear();
        Event::Cut
    }

    /// `None`: more is needed. A body that is over without a delimiter leaves the state `Over`.
    fn preamble(&mut self) -> Option<()> {
        if self.delimiter.is_empty() {
            let skip = self.held.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let line = memchr::memchr(b'\n', &self.held[skip..]).map(|end| &self.held[skip..skip + end]);
            match line {
                Some(line) if line.starts_with(b"--") && line.len() > 2 => {
                    self.delimiter = line.trim_ascii_end().to_vec();
                }
                None if !self.ended && self.held.len() < HEAD_LIMIT => return None,
                _ => {
                    self.cut();
                    return Some(());
                }
            }
        }
        let found = memmem::find_iter(&self.held, &self.delimiter).find(|at| *at == 0 || self.held[at - 1] == b'\n');
        match found {
            Some(at) => {
                self.held.advance(at + self.delimiter.len());
                self.state = State::Delimiter;
                Some(())
            }
            None if !self.ended && self.held.len() < HEAD_LIMIT => None,
            None => {
                self.cut();
                Some(())
            }
        }
    }

    /// After a delimiter: the end of all, or of the line and then a part.
    fn delimiter(&mut self) -> Option<Option<Event>> {
        if self.held.starts_with(b"--") {
            self.state = State::Over;
            self.held.clear();
            return Some(Some(Event::End));
        }
        match memchr::memchr(b'\n', &self.held) {
            Some(end) => {
                self.bare_lf = end == 0 || self.held[end - 1] != b'\r';
                self.held.advance(end + 1);
                self.state = State::Headers;
                Some(None)
            }
            None if !self.ended && self.held.len() < HEAD_LIMIT => None,
            None => Some(Some(self.cut())),
        }
    }

    fn headers(&mut self) -> Option<Event> {
        let blank = |at: usize, held: &[u8]| match &held[at..] {
            [b'\n', ..] => Some(at + 1),
            [b'\r', b'\n', ..] => Some(at + 2),
            _ => None,
        };
        // An empty line at once: no headers; else one after the end of a line.
        let mut end = blank(0, &self.held).map(|after| (0, after));
        if end.is_none() {
            end = memchr::memchr_iter(b'\n', &self.held).find_map(|at| {
                let line = at + 1;
                blank(line, &self.held).map(|after| (line, after))
            });
        }
        match end {
            Some((lines, after)) => {
                let head = parse_head(&self.held[..lines]);
                self.held.advance(after);
                self.state = State::Data;
                self.fresh = true;
                Some(Event::Part(head))
            }
            None if !self.ended && self.held.len() < HEAD_LIMIT => None,
            None => Some(self.cut()),
        }
    }

    /// Whether what follows a delimiter makes it one; `None` if that cannot be known yet.
    fn is_delimiter(&self, after: usize) -> Option<bool> {
        match &self.held[after.min(self.held.len())..] {
            [b'-', b'-', ..] | [b'\n' | b'\r' | b' ' | b'\t', ..] => Some(true),
            [] | [b'-'] if self.ended => Some(true),
            [] | [b'-'] => None,
            _ => Some(false),
        }
    }

    fn part_ends(&mut self, after: usize) -> Event {
        self.held.advance(after);
        // What was cut off right behind a delimiter has still told that the part is whole.
        self.state = State::Delimiter;
        Event::PartEnd
    }

    fn data(&mut self) -> Option<Event> {
        // An empty value may lack its own line break before the delimiter.
        if self.fresh && self.held.starts_with(&self.delimiter) {
            match self.is_delimiter(self.delimiter.len()) {
                None => return None,
                Some(true) => return Some(self.part_ends(self.delimiter.len())),
                Some(false) => {}
            }
        }
        let line_end: &[u8] = if self.bare_lf { b"\n" } else { b"\r\n" };
        let needle = [line_end, &self.delimiter].concat();
        let mut from = 0;
        while let Some(found) = memmem::find(&self.held[from..], &needle) {
            let at = from + found;
            match self.is_delimiter(at + needle.len()) {
                Some(true) if at == 0 => return Some(self.part_ends(needle.len())),
                Some(true) | None if at > 0 => return self.give(at),
                None => return None,
                _ => from = at + 1,
            }
        }
        if self.ended {
            let all = self.held.len();
            return if all > 0 { self.give(all) } else { Some(self.cut()) };
        }
        // The last bytes may be the beginning of a delimiter, or of the line break before it.
        let sure = self.held.len().saturating_sub(needle.len() - 1);
        let enough = if self.fresh { self.delimiter.len() + 1 } else { 0 };
        if sure > 0 && self.held.len() > enough {
            return self.give(sure);
        }
        None
    }

    fn give(&mut self, len: usize) -> Option<Event> {
        self.fresh = false;
        Some(Event::Data(self.held.split_to(len).freeze()))
    }
}

/// The boundary that a `Content-Type` names: quoted, or everything up to the next parameter.
pub fn boundary(content_type: &str) -> Option<&str> {
    let lower = content_type.to_ascii_lowercase();
    let at = lower.find("boundary=")? + "boundary=".len();
    let rest = content_type[at..].trim_start();
    let text = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split(';').next(),
    };
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn parse_head(lines: &[u8]) -> Head {
    let mut head = Head::default();
    for line in lines.split(|b| *b == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        if line[..colon].trim_ascii().eq_ignore_ascii_case(b"content-disposition") {
            parse_disposition(&line[colon + 1..], &mut head);
        }
    }
    head
}

/// `form-data; name="a"; filename="C:\b.txt"`: quoted or not. A backslash is itself unless it stands before a quote
/// that is not the last: programs put local paths in as they are.
fn parse_disposition(value: &[u8], head: &mut Head) {
    let mut rest = value;
    while let Some(semicolon) = memchr::memchr(b';', rest) {
        rest = rest[semicolon + 1..].trim_ascii_start();
        let Some(equals) = memchr::memchr2(b'=', b';', rest).filter(|at| rest[*at] == b'=') else {
            continue;
        };
        let key = rest[..equals].trim_ascii().to_ascii_lowercase();
        let (text, after) = parameter(rest[equals + 1..].trim_ascii_start());
        rest = after;
        match key.as_slice() {
            b"name" => head.name = text,
            b"filename" if head.filename.is_none() => head.filename = Some(text),
            // RFC 8187; it wins, since it is said in UTF-8.
            b"filename*" => {
                let mut parts = text.splitn(3, |b| *b == b'\'');
                if let (Some(charset), Some(_), Some(encoded)) = (parts.next(), parts.next(), parts.next())
                    && charset.eq_ignore_ascii_case(b"utf-8")
                {
                    head.filename = Some(percent_encoding::percent_decode(encoded).collect());
                }
            }
            _ => {}
        }
    }
}

/// A value, and what follows it from its semicolon on.
fn parameter(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = memchr::memchr(b';', text).unwrap_or(text.len());
        return (text[..end].trim_ascii().to_vec(), &text[end..]);
    };
    let mut out = Vec::new();
    let mut at = 0;
    while at < quoted.len() {
        match quoted[at] {
            // `C:\dir\"; …` ends here: the quote is the last of the value.
            b'\\' if quoted.get(at + 1) == Some(&b'"') && !closes(&quoted[at + 2..]) => {
                out.push(b'"');
                at += 2;
            }
            b'"' => return (out, &quoted[at + 1..]),
            b => {
                out.push(b);
                at += 1;
            }
        }
    }
    // Never closed: the line is the value.
    (out.trim_ascii_end().to_vec(), &[])
}

/// Whether nothing of a value can follow here.
fn closes(after: &[u8]) -> bool {
    matches!(after.trim_ascii_start(), [] | [b';', ..])
}

#[cfg(test)]
mod tests {
    //! The bodies that real programs send, each cut at every byte.
    use super::*;

    type Parts = Vec<(String, Option<String>, Vec<u8>)>;

    fn parts_by(body: &[u8], boundary: Option<&str>, chunk: usize) -> (Parts, bool) {
        let mut parser = Parser::new(boundary.map(str::as_bytes));
        let (mut parts, mut open, mut cut) = (Parts::new(), None, false);
        let text = |b: Vec<u8>| String::from_utf8(b).expect("UTF-8");
        let mut chunks = body.chunks(chunk.max(1));
        loop {
            match parser.next() {
                Some(Event::Part(h)) => open = Some((text(h.name), h.filename.map(text), Vec::new())),
                Some(Event::Data(d)) => open.as_mut().expect("a part").2.extend_from_slice(&d),
                Some(Event::PartEnd) => parts.extend(open.take()),
                Some(Event::Cut) => cut = true,
                Some(Event::End) => {}
                None => match chunks.next() {
                    Some(c) => parser.push(c),
                    None if !parser.ended => parser.end(),
                    None => return (parts, cut),
                },
            }
        }
    }

    fn parts(body: &[u8], boundary: Option<&str>) -> (Parts, bool) {
        let whole = parts_by(body, boundary, body.len());
        for chunk in 1..40 {
            assert_eq!(parts_by(body, boundary, chunk), whole, "in chunks of {chunk}");
        }
        whole
    }

    fn field(name: &str, value: &str) -> (String, Option<String>, Vec<u8>) {
        (name.into(), None, value.into())
    }

    #[test]
    fn boundaries_are_read_as_programs_write_them() {
        for (header, expected) in [
            ("multipart/form-data; boundary===boundary==", Some("==boundary==")),
            ("multipart/form-data; boundary=\"a b\"; charset=utf-8", Some("a b")),
            (
                "Multipart/Form-Data;Boundary=----------0x7f; x=y",
                Some("----------0x7f"),
            ),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
        ] {
            assert_eq!(boundary(header), expected, "{header}");
        }
    }

    #[test]
    fn ends_are_sloppy() {
        let body = |end: &str| {
            format!(
                "--==b==\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\dir\\a.txt\"\r\nContent-Type: None\r\n\
                 Content-Length: 5\r\n\r\nhe\r\nl\r\n--==b==\r\ncontent-disposition:form-data;name=token\r\n\r\nabc{end}"
            )
        };
        let whole = vec![
            ("file".into(), Some("C:\\dir\\a.txt".into()), b"he\r\nl".to_vec()),
            field("token", "abc"),
        ];
        for end in [
            "\r\n--==b==--",
            "\r\n--==b==--\r\n",
            "\r\n--==b==--\r\n\r\n",
            "\r\n--==b==--\n",
        ] {
            assert_eq!(
                parts(body(end).as_bytes(), Some("==b==")),
                (whole.clone(), false),
                "{end:?}"
            );
            assert_eq!(
                parts(body(end).as_bytes(), None),
                (whole.clone(), false),
                "{end:?}, not named"
            );
        }
        let (found, cut) = parts(body("").as_bytes(), Some("==b=="));
        assert!(cut && found.len() == 1);
        let (found, cut) = parts(body("\r\n--==b==").as_bytes(), Some("==b=="));
        assert_eq!((found, cut), (whole, true));
    }

    #[test]
    fn what_looks_like_a_delimiter_is_data() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n\r\n--bx\r\n--c\n--b\n\r\n--b--";
        assert_eq!(
            parts(body, Some("b")),
            (vec![field("f", "\r\n--bx\r\n--c\n--b\n")], false)
        );
    }

    #[test]
    fn lines_may_end_by_lf_and_values_may_be_empty() {
        let body =
            b"--b\nContent-Disposition: form-data; name=a\n\n1\n--b\nContent-Disposition: form-data; name=b\n\n--b--\n";
        assert_eq!(parts(body, Some("b")), (vec![field("a", "1"), field("b", "")], false));
        let body = b"\r\n--b\r\n\r\nnameless\r\n--b\r\nContent-Disposition: form-data; name=\"e\"\r\n\r\n\r\n--b--";
        assert_eq!(
            parts(body, Some("b")),
            (vec![field("", "nameless"), field("e", "")], false)
        );
    }

    #[test]
    fn names_of_files() {
        let name = |disposition: &str| {
            let mut head = Head::default();
            parse_disposition(disposition.as_bytes(), &mut head);
            head.filename.map(|b| String::from_utf8(b).expect("UTF-8"))
        };
        for (disposition, expected) in [
            ("form-data; name=\"f\"; filename=\"a;b.txt\"", "a;b.txt"),
            ("form-data; name=\"f\"; filename=\"C:\\dir\\\"", "C:\\dir\\"),
            ("form-data; name=\"f\"; filename=\"a\\\"b\"", "a\"b"),
            ("form-data; filename=a.txt; name=f", "a.txt"),
            ("form-data; filename=\"x\"; filename*=utf-8''%E7%85%A7.jpg", "照.jpg"),
            ("form-data; filename=\"never closed", "never closed"),
            ("form-data; filename=\"\"", ""),
        ] {
            assert_eq!(name(disposition).as_deref(), Some(expected), "{disposition}");
        }
    }

    #[test]
    fn garbage_ends() {
        for body in [
            &b""[..],
            b"--",
            b"x",
            b"--b",
            b"--b--",
            b"--b\r\n",
            &[b'x'; 40_000],
            &[b'\n'; 40_000],
        ] {
            for boundary in [None, Some("b")] {
                let (found, _) = parts_by(body, boundary, 1000);
                assert!(found.is_empty());
            }
        }
    }
}
