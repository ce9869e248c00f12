//! Which part of an upload lies where. Owns the arithmetic of parts; must not touch storage.

use std::collections::BTreeMap;

use crate::BlobError;

/// Where one sent part lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// At its own offset in the staged content. For the first time a part is sent.
    Main,
    /// In a place of its own, with a number that is used once in the upload. For a part that is
    /// sent again: the bytes that were already acknowledged stay as they are until the new ones
    /// are complete.
    Side(u32),
}

/// How the parts of an upload make up its content: every part is [`Extent::Main`] unless said
/// otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    total: u64,
    chunk: u64,
    sides: BTreeMap<u32, u32>,
}

/// A run of bytes that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) extent: Extent,
    /// Offset inside the extent: of the content for `Main`, of the part for `Side`.
    pub(crate) at: u64,
    /// Bytes to the end of the part.
    pub(crate) len: u64,
}

impl Layout {
    /// A content of `total` bytes, cut into parts of `chunk` bytes, the last one shorter.
    ///
    /// # Errors
    /// [`BlobError::Empty`] if either is 0.
    pub fn new(total: u64, chunk: u64) -> Result<Self, BlobError> {
        if total == 0 || chunk == 0 {
            return Err(BlobError::Empty);
        }
        Ok(Self {
            total,
            chunk,
            sides: BTreeMap::new(),
        })
    }

    /// Says where part number `part` (from 0) lies.
    ///
    /// # Errors
    /// [`BlobError::BadRange`] if there is no such part.
    pub fn set(&mut self, part: u32, extent: Extent) -> Result<(), BlobError> {
        self.part(part)?;
        match extent {
            Extent::Main => self.sides.remove(&part),
            Extent::Side(side) => self.sides.insert(part, side),
        };
        Ok(())
    }

    /// Bytes of the whole content.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bytes of every part but the last.
    #[must_use]
    pub fn chunk(&self) -> u64 {
        self.chunk
    }

    /// How many parts there are.
    #[must_use]
    pub fn parts(&self) -> u64 {
        self.total.div_ceil(self.chunk)
    }

    /// Offset and length of part number `part` (from 0).
    ///
    /// # Errors
    /// [`BlobError::BadRange`] if there is no such part.
    pub fn part(&self, part: u32) -> Result<(u64, u64), BlobError> {
        let offset = u64::from(part).saturating_mul(self.chunk);
        if offset >= self.total {
            return Err(BlobError::BadRange {
                start: offset,
                end: offset,
                len: self.total,
            });
        }
        Ok((offset, self.chunk.min(self.total - offset)))
    }

    /// Where part number `part` (from 0) lies.
    #[must_use]
    pub fn extent(&self, part: u32) -> Extent {
        self.sides.get(&part).map_or(Extent::Main, |side| Extent::Side(*side))
    }

    /// The parts that lie aside, in order: (part, side).
    pub(crate) fn sides(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.sides.iter().map(|(part, side)| (*part, *side))
    }

    /// Where the byte at `offset` lies, and how many follow it there; `None` past the end.
    pub(crate) fn run(&self, offset: u64) -> Option<Run> {
        if offset >= self.total {
            return None;
        }
        let number = offset / self.chunk;
        let within = offset % self.chunk;
        let len = (self.chunk - within).min(self.total - offset);
        let side = u32::try_from(number).ok().and_then(|part| self.sides.get(&part));
        Some(match side {
            Some(side) => Run {
                extent: Extent::Side(*side),
                at: within,
                len,
            },
            None => Run {
                extent: Extent::Main,
                at: offset,
                len,
            },
        })
    }
}
