//! The `Range` header (RFC 9110, section 14.2): one range of bytes. Must not know what it is a range of.

/// What is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// All of it: the header is malformed, in another unit, or names several ranges, and may be ignored.
    Whole,
    /// From `start` up to `end`, which is not sent.
    Part {
        /// First byte.
        start: u64,
        /// One after the last byte.
        end: u64,
    },
    /// The range lies behind the end.
    Nothing,
}

/// Reads the header for a content of `size` bytes.
pub fn parse(header: &str, size: u64) -> Wanted {
    let Some((unit, set)) = header.split_once('=') else {
        return Wanted::Whole;
    };
    // Some clients ask for a range always; of nothing, the whole is the better answer.
    if !unit.trim().eq_ignore_ascii_case("bytes") || size == 0 {
        return Wanted::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else {
        return Wanted::Whole;
    };
    match (number(first), number(last)) {
        (Some(None), Some(Some(0))) => Wanted::Nothing,
        (Some(None), Some(Some(suffix))) => Wanted::Part {
            start: size.saturating_sub(suffix),
            end: size,
        },
        (Some(Some(start)), Some(None)) => part(start, size, size),
        (Some(Some(start)), Some(Some(last))) if start <= last => part(start, last.saturating_add(1), size),
        _ => Wanted::Whole,
    }
}

fn part(start: u64, end: u64, size: u64) -> Wanted {
    if start >= size {
        return Wanted::Nothing;
    }
    Wanted::Part {
        start,
        end: end.min(size),
    }
}

/// A number, nothing, or (`None`) something else. A number too large for us is larger than any content.
fn number(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    //! The examples of the RFC, and the edges.
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let part = |start, end| Wanted::Part { start, end };
        for (header, wanted) in [
            ("bytes=0-499", part(0, 500)),
            ("bytes=500-999", part(500, 1000)),
            ("bytes=-500", part(9500, 10000)),
            ("bytes=9500-", part(9500, 10000)),
            ("Bytes = 0-0", part(0, 1)),
            ("bytes=0-99999999999999999999", part(0, 10000)),
            ("bytes=-20000", part(0, 10000)),
            ("bytes=9999-", part(9999, 10000)),
            ("bytes=10000-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=0-0,-1", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
        ] {
            assert_eq!(parse(header, 10_000), wanted, "{header}");
        }
        assert_eq!(parse("bytes=0-", 0), Wanted::Whole);
    }
}
