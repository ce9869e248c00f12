//! The ZIP format (PKWARE's APPNOTE 6.3.10) as a stream: entries as they are, with ZIP64 where a number needs it. Owns bytes
//! and their places; must not read a content or know a node.
//!
//! Nothing is compressed. A content that comes in pieces is followed by its CRC-32 (a data descriptor), since that is known
//! only then; one that is at hand has it before, as older readers like it. What the directory at the end says of each entry
//! is handed out as it comes and asked for again at the end: an archive of a million files takes no more memory than one.

use crate::Error;

/// Versions of the format that a reader must know: folders and descriptors; ZIP64.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;
/// Written under Unix, by the same version: the upper half of the attributes is a Unix mode.
const MADE_BY: u16 = 3 << 8 | ZIP64;
/// The CRC-32 and the sizes come behind the content.
const DESCRIPTOR: u16 = 1 << 3;
/// The name is UTF-8.
const UTF8: u16 = 1 << 11;
/// From here on a number of 32 bits says that ZIP64 has the true one.
const MAX32: u64 = 0xffff_ffff;
const MAX16: u64 = 0xffff;
/// Extra fields: sizes and offset in 64 bits; the time of the last change in Unix seconds.
const EXTRA_ZIP64: u16 = 0x0001;
const EXTRA_TIME: u16 = 0x5455;
/// Unix modes: a file for its owner to write and everybody to read, a folder likewise.
const FILE_MODE: u32 = 0o100_644;
const FOLDER_MODE: u32 = 0o040_755;
/// What MS-DOS knows a folder by.
const DOS_FOLDER: u32 = 0x10;

/// An archive on its way. Every call adds to what is to be sent next.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// Bytes so far.
    offset: u64,
    entries: u64,
    /// Records of the directory that nobody has taken yet.
    records: Vec<u8>,
    /// Bytes of the directory, those that were taken included.
    directory: u64,
    open: Option<Open>,
}

/// What the directory says of an entry.
#[derive(Debug)]
struct Entry {
    path: String,
    modified: i64,
    mode: u32,
    flags: u16,
    crc: u32,
    size: u64,
    offset: u64,
}

/// An entry whose content is coming.
#[derive(Debug)]
struct Open {
    entry: Entry,
    hash: crc32fast::Hasher,
    got: u64,
}

impl Writer {
    /// Adds a folder; its path has no slash at the end.
    pub(super) fn folder(&mut self, out: &mut Vec<u8>, path: &str, modified: i64) -> Result<(), Error> {
        let entry = self.entry(format!("{path}/"), modified, FOLDER_MODE, 0)?;
        self.header(out, &entry, false);
        self.record(&entry);
        Ok(())
    }

    /// Adds a file whose content is at hand.
    pub(super) fn file(&mut self, out: &mut Vec<u8>, path: String, modified: i64, content: &[u8]) -> Result<(), Error> {
        let mut entry = self.entry(path, modified, FILE_MODE, content.len() as u64)?;
        entry.crc = crc32fast::hash(content);
        self.header(out, &entry, false);
        out.extend_from_slice(content);
        self.offset += content.len() as u64;
        self.record(&entry);
        Ok(())
    }

    /// Begins a file of so many bytes. They follow, each piece told to [`Self::content`], and then [`Self::end`].
    pub(super) fn begin(&mut self, out: &mut Vec<u8>, path: String, modified: i64, size: u64) -> Result<(), Error> {
        let mut entry = self.entry(path, modified, FILE_MODE, size)?;
        entry.flags |= DESCRIPTOR;
        self.header(out, &entry, true);
        self.open = Some(Open {
            entry,
            hash: crc32fast::Hasher::new(),
            got: 0,
        });
        Ok(())
    }

    /// A piece of the content of the file that was begun; it goes out behind what was written before.
    pub(super) fn content(&mut self, piece: &[u8]) {
        if let Some(open) = &mut self.open {
            open.hash.update(piece);
            open.got += piece.len() as u64;
            self.offset += piece.len() as u64;
        }
    }

    /// The content of the file that was begun is whole.
    ///
    /// # Errors
    /// It has another length than was said.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let Some(open) = self.open.take() else {
            return Err(Error::Internal("an entry was ended that was not begun".into()));
        };
        let mut entry = open.entry;
        if open.got != entry.size {
            return Err(Error::Internal(format!(
                "a content has {} bytes and should have {}",
                open.got, entry.size
            )));
        }
        entry.crc = open.hash.finalize();
        let start = out.len();
        put32(out, 0x0807_4b50);
        put32(out, entry.crc);
        for _ in 0..2 {
            match entry.is_large() {
                true => put64(out, entry.size),
                false => put32(out, low(entry.size)),
            }
        }
        self.offset += (out.len() - start) as u64;
        self.record(&entry);
        Ok(())
    }

    /// How many bytes of the directory wait to be taken.
    pub(super) fn waiting(&self) -> usize {
        self.records.len()
    }

    /// Hands out records of the directory: in this order, and nothing between them, they follow the last entry.
    pub(super) fn take_records(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.records)
    }

    /// What follows the directory (APPNOTE, 4.3.14 to 4.3.16), and ends the archive.
    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        let behind = self.offset + self.directory;
        if self.entries >= MAX16 || self.directory >= MAX32 || self.offset >= MAX32 {
            put32(out, 0x0606_4b50);
            put64(out, 44);
            put16(out, MADE_BY);
            put16(out, ZIP64);
            put64(out, 0);
            put64(out, self.entries);
            put64(out, self.entries);
            put64(out, self.directory);
            put64(out, self.offset);
            put32(out, 0x0706_4b50);
            put32(out, 0);
            put64(out, behind);
            put32(out, 1);
        }
        put32(out, 0x0605_4b50);
        put32(out, 0);
        let entries = u16::try_from(self.entries).unwrap_or(u16::MAX);
        put16(out, entries);
        put16(out, entries);
        put32(out, low(self.directory));
        put32(out, low(self.offset));
        put16(out, 0);
    }

    fn entry(&self, path: String, modified: i64, mode: u32, size: u64) -> Result<Entry, Error> {
        if path.len() as u64 > MAX16 {
            return Err(Error::Internal(format!(
                "a path of {} bytes is too long for any archive",
                path.len()
            )));
        }
        Ok(Entry {
            path,
            modified,
            mode,
            flags: UTF8,
            crc: 0,
            size,
            offset: self.offset,
        })
    }

    /// The header before an entry (APPNOTE, 4.3.7). Where a descriptor follows, what that holds is left out here.
    fn header(&mut self, out: &mut Vec<u8>, entry: &Entry, streamed: bool) {
        let start = out.len();
        put32(out, 0x0403_4b50);
        put16(out, entry.needed());
        entry.common(out);
        let large = entry.is_large();
        put32(out, if streamed { 0 } else { entry.crc });
        for _ in 0..2 {
            put32(out, if streamed && !large { 0 } else { low(entry.size) });
        }
        let mut extra = entry.time();
        if large {
            // It also tells the reader that the sizes behind the content have 64 bits.
            put16(&mut extra, EXTRA_ZIP64);
            put16(&mut extra, 16);
            let size = if streamed { 0 } else { entry.size };
            put64(&mut extra, size);
            put64(&mut extra, size);
        }
        put16(out, length(entry.path.len()));
        put16(out, length(extra.len()));
        out.extend_from_slice(entry.path.as_bytes());
        out.extend_from_slice(&extra);
        self.offset += (out.len() - start) as u64;
    }

    /// What the directory says of an entry (APPNOTE, 4.3.12).
    fn record(&mut self, entry: &Entry) {
        let out = &mut self.records;
        let start = out.len();
        put32(out, 0x0201_4b50);
        put16(out, MADE_BY);
        put16(out, entry.needed());
        entry.common(out);
        put32(out, entry.crc);
        put32(out, low(entry.size));
        put32(out, low(entry.size));
        let mut extra = entry.time();
        let mut large = Vec::new();
        if entry.is_large() {
            put64(&mut large, entry.size);
            put64(&mut large, entry.size);
        }
        if entry.offset >= MAX32 {
            put64(&mut large, entry.offset);
        }
        if !large.is_empty() {
            put16(&mut extra, EXTRA_ZIP64);
            put16(&mut extra, length(large.len()));
            extra.extend_from_slice(&large);
        }
        put16(out, length(entry.path.len()));
        put16(out, length(extra.len()));
        // No comment, on the one disk, and nothing is said of its lines.
        put16(out, 0);
        put16(out, 0);
        put16(out, 0);
        let dos = if entry.mode == FOLDER_MODE { DOS_FOLDER } else { 0 };
        put32(out, entry.mode << 16 | dos);
        put32(out, low(entry.offset));
        out.extend_from_slice(entry.path.as_bytes());
        out.extend_from_slice(&extra);
        self.directory += (out.len() - start) as u64;
        self.entries += 1;
    }
}

impl Entry {
    /// Whether its size needs ZIP64.
    fn is_large(&self) -> bool {
        self.size >= MAX32
    }

    fn needed(&self) -> u16 {
        if self.is_large() || self.offset >= MAX32 {
            ZIP64
        } else {
            PLAIN
        }
    }

    /// Flags, method (as it is) and time, which header and directory have alike.
    fn common(&self, out: &mut Vec<u8>) {
        put16(out, self.flags);
        put16(out, 0);
        let (time, date) = dos_time(self.modified);
        put16(out, time);
        put16(out, date);
    }

    /// The time to the second and in no time zone, as far as its 32 bits (with a sign) reach.
    fn time(&self) -> Vec<u8> {
        let mut extra = Vec::with_capacity(48);
        if let Ok(seconds) = i32::try_from(self.modified) {
            put16(&mut extra, EXTRA_TIME);
            put16(&mut extra, 5);
            extra.push(1);
            extra.extend_from_slice(&seconds.to_le_bytes());
        }
        extra
    }
}

/// A time as MS-DOS has it, in UTC: two seconds are its grain, the years 1980 to 2107 its reach. What lies outside counts as
/// its nearest end.
fn dos_time(unix: i64) -> (u16, u16) {
    let seconds = unix.clamp(315_532_800, 4_354_819_198);
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let time = (of_day / 3600) << 11 | (of_day / 60 % 60) << 5 | (of_day % 60 / 2);
    let date = (year - 1980) << 9 | month << 5 | day;
    // Both have 16 bits within the reach.
    (time as u16, date as u16)
}

/// Year, month and day of a day after 1 January 1970 (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that a leap day is the last.
    let z = days + 719_468;
    let era = z / 146_097;
    let of_era = z % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// A number in 32 bits, or what says that ZIP64 has it.
fn low(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A length that was checked, or is a few bytes.
fn length(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

fn put16(out: &mut Vec<u8>, n: u16) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_le_bytes());
}

#[cfg(test)]
mod tests;
