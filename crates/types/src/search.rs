//! How names are made comparable for search, and the grams that the search index holds.
//! Must not know the index: `db` stores a gram by its [`Gram::text`].

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

/// One character without its case. By way of its upper case, so that `ß` and `SS`, `ς` and `Σ` meet; `ẞ` has itself as
/// upper case, so it goes through lower case first.
pub fn fold_char(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

/// A name, or what is looked for in names, without case and in NFC. Both sides of a comparison must have gone through here.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().flat_map(fold_char).nfc().collect()
}

/// One character, or two that stand side by side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Gram {
    /// The first character.
    pub a: char,
    /// The second one; none in a gram of one character.
    pub b: Option<char>,
}

impl Gram {
    /// The gram as a token of letters and digits, which no tokenizer cuts or changes: `中文` is `4e2dx6587`.
    pub fn text(&self) -> String {
        match self.b {
            Some(b) => format!("{:x}x{:x}", u32::from(self.a), u32::from(b)),
            None => format!("{:x}", u32::from(self.a)),
        }
    }
}

/// The grams that a folded name is indexed by: each character and each pair of neighbours, once, in order.
pub fn grams(folded: &str) -> Vec<Gram> {
    let singles = folded.chars().map(|a| Gram { a, b: None });
    singles
        .chain(pairs(folded))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The grams that a name must all have to contain `folded`: its pairs, or its one character. Having them all is necessary
/// and not sufficient, so a hit is still to be compared. None for an empty text, which every name contains.
pub fn query_grams(folded: &str) -> Vec<Gram> {
    let mut chars = folded.chars();
    match (chars.next(), chars.next()) {
        (Some(a), None) => vec![Gram { a, b: None }],
        _ => pairs(folded).collect::<BTreeSet<_>>().into_iter().collect(),
    }
}

fn pairs(folded: &str) -> impl Iterator<Item = Gram> {
    folded
        .chars()
        .zip(folded.chars().skip(1))
        .map(|(a, b)| Gram { a, b: Some(b) })
}

#[cfg(test)]
mod tests {
    //! Folding, and that the index finds what a substring search finds.
    use super::*;
    use proptest::prelude::*;

    fn texts(grams: &[Gram]) -> Vec<String> {
        grams.iter().map(Gram::text).collect()
    }

    #[test]
    fn case_and_composition_make_no_difference() {
        assert_eq!(fold("REPORT"), "report");
        assert_eq!(fold("E\u{301}TUDE"), fold("étude"));
        assert_eq!(fold("STRASSE"), fold("straße"));
        assert_eq!(fold("ΟΔΟΣ"), fold("οδος"));
        assert_eq!(fold("我的文件.PDF"), "我的文件.pdf");
    }

    #[test]
    fn grams_of_chinese_words() {
        assert_eq!(texts(&grams("中文")), ["4e2d", "4e2dx6587", "6587"]);
        assert_eq!(texts(&query_grams("中文")), ["4e2dx6587"]);
        assert_eq!(texts(&query_grams("中")), ["4e2d"]);
        assert!(query_grams("").is_empty() && grams("").is_empty());
    }

    #[test]
    fn a_gram_stands_once() {
        assert_eq!(texts(&grams("aaa")), ["61", "61x61"]);
        assert_eq!(texts(&query_grams("aaaa")), ["61x61"]);
    }

    proptest! {
        #[test]
        fn a_text_has_every_gram_of_its_parts(a in "[abé中 ]{0,4}", part in "[abé中 ]{1,4}", b in "[abé中 ]{0,4}") {
            let have = grams(&fold(&format!("{a}{part}{b}")));
            for gram in query_grams(&fold(&part)) {
                prop_assert!(have.binary_search(&gram).is_ok());
            }
        }

        #[test]
        fn folding_twice_changes_nothing(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }

    #[test]
    fn folding_any_character_twice_changes_nothing() {
        for c in '\0'..=char::MAX {
            let once = fold(c.encode_utf8(&mut [0; 4]));
            assert_eq!(fold(&once), once, "{c:?}");
        }
    }
}
