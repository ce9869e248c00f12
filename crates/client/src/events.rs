//! Server-sent events, from bytes as they come to blocks (HTML standard, section 9.2.6). Must not know what they mean.

use crate::Error;

/// Most bytes that a block may have: a server that never ends one shall not fill the memory.
const MOST: usize = 4 * 1024 * 1024;

/// What stood between two blank lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Block {
    /// The id that it set; empty if it set none.
    pub(crate) id: String,
    /// The name of the event; empty if it had none.
    pub(crate) event: String,
    /// Its data; an event without data is none.
    pub(crate) data: String,
}

/// Bytes that came, and what was read of the block that is not whole yet.
#[derive(Debug, Default)]
pub(crate) struct Events {
    bytes: Vec<u8>,
    /// Bytes of the front that were read.
    read: usize,
    block: Block,
    /// The last line ended in CR, whose LF may come yet.
    after_cr: bool,
}

impl Events {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole block that says anything.
    ///
    /// # Errors
    /// It has too many bytes.
    pub(crate) fn next(&mut self) -> Result<Option<Block>, Error> {
        while let Some(line) = self.line() {
            if !line.is_empty() {
                self.field(&line);
                if self.block.data.len() > MOST {
                    return Err(too_long());
                }
                continue;
            }
            let mut block = std::mem::take(&mut self.block);
            if block.data.ends_with('\n') {
                block.data.pop();
            }
            if block.data.is_empty() {
                block.event.clear();
            }
            if block != Block::default() {
                return Ok(Some(block));
            }
        }
        if self.bytes.len() - self.read > MOST {
            return Err(too_long());
        }
        Ok(None)
    }

    fn line(&mut self) -> Option<String> {
        if self.after_cr && self.bytes.get(self.read) == Some(&b'\n') {
            self.read += 1;
        }
        let rest = &self.bytes[self.read..];
        if rest.is_empty() {
            return None;
        }
        self.after_cr = false;
        let end = rest.iter().position(|b| matches!(b, b'\n' | b'\r'))?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        self.after_cr = rest[end] == b'\r';
        self.read += end + 1;
        Some(line)
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.block.event),
            "id" if !value.contains('\0') => value.clone_into(&mut self.block.id),
            "data" => {
                self.block.data.push_str(value);
                self.block.data.push('\n');
            }
            // A comment, or what we do not know.
            _ => {}
        }
    }
}

fn too_long() -> Error {
    Error::Answer("an event without an end".to_owned())
}

#[cfg(test)]
mod tests {
    //! Every way to write a block, cut at every byte.
    use super::*;

    const TEXT: &str = ": comment\n\nid: 1\nevent: change\ndata: {\"a\":\"照片\"}\n\nid:2\r\n\r\ndata\r\rdata: x\rdata:  y\rretry: 5\r\r\
                        event: gone\n\n:\nid: 3\n\n";

    fn blocks(pieces: &[&[u8]]) -> Vec<(String, String, String)> {
        let mut events = Events::default();
        let mut found = Vec::new();
        for piece in pieces {
            events.push(piece);
            while let Some(b) = events.next().expect("short") {
                found.push((b.id, b.event, b.data));
            }
        }
        found
    }

    #[test]
    fn blocks_are_read_wherever_they_are_cut() {
        let whole = blocks(&[TEXT.as_bytes()]);
        let block = |id: &str, event: &str, data: &str| (id.to_owned(), event.to_owned(), data.to_owned());
        let wanted = [
            block("1", "change", "{\"a\":\"照片\"}"),
            block("2", "", ""),
            block("", "", "x\n y"),
            block("3", "", ""),
        ];
        assert_eq!(whole, wanted);
        for cut in 1..TEXT.len() {
            let (a, b) = TEXT.as_bytes().split_at(cut);
            assert_eq!(blocks(&[a, b]), wanted, "cut at {cut}");
        }
        let single: Vec<&[u8]> = TEXT.as_bytes().chunks(1).collect();
        assert_eq!(blocks(&single), wanted);
        assert!(blocks(&[b"id: 1\ndata: never ended\n"]).is_empty());
    }

    #[test]
    fn a_block_without_an_end_is_an_error() {
        let mut events = Events::default();
        events.push(&vec![b'x'; MOST + 1]);
        assert!(events.next().is_err());
        let mut events = Events::default();
        let line = format!("data: {}\n", "x".repeat(1024 * 1024));
        let failed = (0..8).any(|_| {
            events.push(line.as_bytes());
            events.next().is_err()
        });
        assert!(failed);
    }
}
