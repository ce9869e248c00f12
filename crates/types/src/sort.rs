//! The order in which people expect names: `file 2` before `file 10`, case ignored.
//! Owns the key that rows are sorted by, byte by byte. Names that are equal here (`a1`, `A01`) are told apart by their bytes, by the caller.

/// The version of [`sort_key`]. Rows hold keys, so a change of the algorithm needs a new number and a rewrite of the rows.
pub const SORT_VERSION: i64 = 1;

/// The key of `name` in natural order: keys compare byte by byte as the names do in people's order.
///
/// Letters count by [`crate::search::fold_char`], runs of ASCII digits by their value however long they are, leading zeros not at all.
/// The key of a legal name has at most 765 bytes.
pub fn sort_key(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 8);
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if run > 0 {
            push_number(&mut key, rest[..run].trim_start_matches('0'));
            rest = &rest[run..];
        } else {
            for folded in crate::search::fold_char(c) {
                key.extend_from_slice(folded.encode_utf8(&mut [0; 4]).as_bytes());
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    key
}

/// `'0'` keeps numbers where digits stand among other characters; then the count of digits decides, then the digits.
fn push_number(key: &mut Vec<u8>, digits: &str) {
    key.push(b'0');
    match u8::try_from(digits.len()) {
        Ok(n) if n < u8::MAX => key.push(n),
        _ => {
            key.push(u8::MAX);
            let n = u32::try_from(digits.len()).unwrap_or(u32::MAX);
            key.extend_from_slice(&n.to_be_bytes());
        }
    }
    key.extend_from_slice(digits.as_bytes());
}

#[cfg(test)]
mod tests {
    //! The order of names against a comparator that was written without keys.
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    /// A piece of a name, as the plain comparator sees it.
    enum Piece {
        Letter(char),
        /// Digits without leading zeros.
        Number(String),
    }

    fn pieces(name: &str) -> Vec<Piece> {
        let mut out: Vec<Piece> = Vec::new();
        let mut in_number = false;
        for c in name.chars() {
            if c.is_ascii_digit() {
                if !in_number {
                    out.push(Piece::Number(String::new()));
                }
                if let Some(Piece::Number(n)) = out.last_mut()
                    && !(n.is_empty() && c == '0')
                {
                    n.push(c);
                }
            } else {
                out.extend(crate::search::fold_char(c).map(Piece::Letter));
            }
            in_number = c.is_ascii_digit();
        }
        out
    }

    fn compare(a: &str, b: &str) -> Ordering {
        let (a, b) = (pieces(a), pieces(b));
        for (a, b) in a.iter().zip(&b) {
            let order = match (a, b) {
                (Piece::Letter(a), Piece::Letter(b)) => a.cmp(b),
                (Piece::Number(_), Piece::Letter(b)) => '0'.cmp(b),
                (Piece::Letter(a), Piece::Number(_)) => a.cmp(&'0'),
                (Piece::Number(a), Piece::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            };
            if order.is_ne() {
                return order;
            }
        }
        a.len().cmp(&b.len())
    }

    #[test]
    fn people_expect_this_order() {
        let expected = [
            " a",
            "(1)",
            "0",
            "1",
            "2",
            "10",
            "99999999999999999999999",
            "a",
            "A1b",
            "a2",
            "a10",
            "a10b",
            "a10b2",
            "a10b11",
            "ab",
            "b",
            "É",
            "中",
        ];
        let mut sorted = expected.to_vec();
        sorted.reverse();
        sorted.sort_by_key(|name| sort_key(name));
        assert_eq!(sorted, expected);
    }

    #[test]
    fn case_and_leading_zeros_make_no_difference() {
        assert_eq!(sort_key("Straße 007"), sort_key("STRASSE 7"));
        assert_eq!(sort_key("a0"), sort_key("A000"));
        assert_ne!(sort_key("a"), sort_key("a0"));
    }

    #[test]
    fn numbers_longer_than_any_name_are_ordered_too() {
        let nines = |n| "9".repeat(n);
        for n in [253, 254, 255, 256, 70_000] {
            assert!(sort_key(&nines(n)) < sort_key(&format!("1{}", "0".repeat(n))), "{n}");
        }
    }

    proptest! {
        #[test]
        fn keys_order_as_the_plain_comparator_does(
            a in prop_oneof![any::<String>(), "[0-2aAb./é:ß]{0,10}"], b in prop_oneof![any::<String>(), "[0-2aAb./é:ß]{0,10}"],
        ) {
            prop_assert_eq!(sort_key(&a).cmp(&sort_key(&b)), compare(&a, &b));
        }

        #[test]
        fn a_longer_name_with_the_same_letters_comes_later(a in any::<String>(), b in "[^0-9].{0,5}") {
            let joined = format!("{a}{b}");
            prop_assert!(sort_key(&a) < sort_key(&joined));
        }

        #[test]
        fn a_key_is_bounded(text in any::<String>()) {
            if let Ok(name) = crate::Name::parse(&text) {
                prop_assert!(sort_key(name.as_str()).len() <= 3 * name.as_str().len());
            }
        }
    }

    #[test]
    fn no_character_grows_more_than_threefold() {
        for c in '\0'..=char::MAX {
            assert!(sort_key(c.encode_utf8(&mut [0; 4])).len() <= 3 * c.len_utf8(), "{c:?}");
        }
    }
}
