//! The rules of a Rust file: its opening, and what its code must not say.

use super::{Finding, Source};

/// Code that must not stand anywhere, and what to do in its place.
const NEVER: &[(&str, &str)] = &[
    ("todo!(", "finish it, or leave it out"),
    ("unimplemented!(", "finish it, or leave it out"),
    ("dbg!(", "take it out"),
    ("#[allow", "use #[expect(…, reason = …)]"),
    ("#![allow", "use #[expect(…, reason = …)]"),
];

/// Readings of a clock.
const CLOCKS: &[&str] = &["SystemTime::now", "Instant::now"];

/// Who may read a clock. All others are given one.
const MAY_READ_CLOCK: &[(&str, &str)] = &[
    ("crates/types/src/clock.rs", "is the clock"),
    (
        "crates/db/src/",
        "measures how long batches and checkpoints take; no row depends on it",
    ),
    ("crates/testkit/", "waits for real processes"),
    ("tests/", "waits for real processes"),
    ("benches/", "measures"),
    ("/examples/", "measures"),
    ("/tests/", "waits for real processes, or for a bounded time"),
];

/// Checks one Rust file.
pub fn check(file: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") {
        findings.push(Finding::new(
            &file.path,
            1,
            "open the file with //!: what it owns, and what it must not",
        ));
    }
    let reads_clock = MAY_READ_CLOCK.iter().any(|(place, _)| {
        // A place that begins with a slash is a folder of any crate.
        file.path.starts_with(place) || place.starts_with('/') && file.path.contains(place)
    });
    for (at, line) in file.code.lines().enumerate() {
        let mut find = |message: String| findings.push(Finding::new(&file.path, at + 1, message));
        for (pattern, instead) in NEVER.iter().filter(|(pattern, _)| has_word(line, pattern)) {
            find(format!("{pattern} must not stand here: {instead}"));
        }
        if has_word(line, "unsafe") {
            find("no unsafe code: find a safe way, or a crate that has one".to_owned());
        }
        for clock in CLOCKS.iter().filter(|clock| !reads_clock && has_word(line, clock)) {
            find(format!("{clock} reads the clock: take a pantry_types::Clock"));
        }
    }
    findings
}

/// Whether `word` stands in `line`, not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(part);
        let after = line[at + word.len()..].chars().next().is_some_and(part);
        let open = word.chars().next().is_some_and(part);
        let closed = word.chars().next_back().is_some_and(part);
        !(open && before || closed && after)
    })
}

#[cfg(test)]
mod tests {
    //! Each rule broken once.
    use super::*;

    fn findings(path: &str, code: &str) -> Vec<String> {
        check(&Source::new(path, &format!("//! What it owns.\n{code}\n")))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_file_opens_with_its_purpose() {
        let found = check(&Source::new("a.rs", "use x;\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("a.rs:1: open the file with //!"));
        assert!(findings("a.rs", "fn f() {}").is_empty());
    }

    #[test]
    fn what_must_not_stand_is_found_with_its_line() {
        for code in [
            "todo!()",
            "unimplemented!(\"x\")",
            "dbg!(x)",
            "#[allow(dead_code)]",
            "#![allow(x)]",
            "unsafe {}",
        ] {
            let found = findings("a.rs", code);
            assert_eq!(found.len(), 1, "{code}: {found:?}");
            assert!(found[0].starts_with("a.rs:2: "));
        }
        for code in [
            "// todo!()",
            "let x = \"unsafe\";",
            "#![expect(unsafe_code)]",
            "my_dbg!(x)",
            "allow()",
        ] {
            assert!(findings("a.rs", code).is_empty(), "{code}");
        }
    }

    #[test]
    fn the_clock_is_read_only_where_it_may_be() {
        let code = "let now = std::time::Instant::now(); let then = SystemTime::now();";
        assert_eq!(findings("crates/core/src/a.rs", code).len(), 2);
        assert_eq!(
            findings("crates/core/src/a.rs", "let now = tokio::time::Instant::now();").len(),
            1
        );
        for path in ["crates/types/src/clock.rs", "benches/src/main.rs", "tests/src/crash.rs"] {
            assert!(findings(path, code).is_empty());
        }
    }
}
