//! The rules of any text: its length, and nothing of one machine or one tracker in it.

use super::{Finding, Source};

/// Most lines of a file that people write.
const LINES: usize = 800;

/// Endings that the limit is for: documents and data may be long.
const LIMITED: &[&str] = &[".rs", ".ts", ".js", ".svelte", ".css", ".sql", ".sh", ".py"];

/// Folders of one machine. Written in pieces, so that this file does not break its own rule.
const MACHINE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

const TMP: &str = concat!("/t", "mp/");

/// Checks one file.
pub fn check(file: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = file.text.lines().count();
    if lines > LINES && LIMITED.iter().any(|ending| file.path.ends_with(ending)) {
        let message = format!("has {lines} lines, the most is {LINES}: split it by what it owns");
        findings.push(Finding::new(&file.path, 0, message));
    }
    let is_doc = file.path.ends_with(".md");
    let mut in_block = false;
    for (at, line) in file.text.lines().enumerate() {
        let mut find = |message: String| findings.push(Finding::new(&file.path, at + 1, message));
        if let Some(place) = machine_path(line) {
            find(format!(
                "{place} is a path of one machine: name no place outside the project"
            ));
        }
        in_block ^= line.trim_start().starts_with("```");
        if line.to_lowercase().contains(concat!("issue", " #")) || (is_doc && !in_block && has_number_sign(line)) {
            find("points at a tracker: say the thing itself, the reader may not have the tracker".to_owned());
        }
    }
    findings
}

/// The first path on the line that only one machine has.
fn machine_path(line: &str) -> Option<&'static str> {
    let named = MACHINE.iter().find(|place| line.contains(**place)).copied();
    let letter = |rest: &str| rest.starts_with(|c: char| c.is_ascii_lowercase());
    named.or_else(|| {
        line.match_indices(TMP)
            .any(|(at, _)| letter(&line[at + TMP.len()..]))
            .then_some(TMP)
    })
}

/// Whether `#` and digits stand as a word: `(see #12)`, not `# 1`, `#1a2b3c` or `page#1`.
fn has_number_sign(line: &str) -> bool {
    line.match_indices('#').any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let rest = &line[at + 1..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let after = rest[digits..].chars().next();
        digits > 0
            && before.is_none_or(|c| c.is_whitespace() || c == '(')
            && after.is_none_or(|c| !c.is_alphanumeric() && c != '-')
    })
}

#[cfg(test)]
mod tests {
    //! Each rule broken once.
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(count("a.rs", &"x\n".repeat(800)), 0);
        assert_eq!(count("a.rs", &"x\n".repeat(801)), 1);
        assert_eq!(count("a.md", &"x\n".repeat(801)), 0);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for place in MACHINE {
            assert_eq!(count("Makefile", &format!("x {place}y")), 1);
        }
        assert_eq!(count("a.sh", &format!("ls {TMP}x")), 1);
        assert_eq!(
            count("a.sh", &format!("ls {TMP}$x; ls $TMPDIR; ls a/work; ls work/b")),
            0
        );
    }

    #[test]
    fn numbers_of_a_tracker_are_found() {
        assert_eq!(count("a.rs", concat!("//! see Issue", " #7")), 1);
        for text in ["see #12.", "(#3)", "#4"] {
            assert_eq!(count("a.md", text), 1, "{text}");
        }
        for text in ["# 1 title", "#1a2b3c", "[x](#1-title)", "a#1", "```\n#12\n```"] {
            assert_eq!(count("a.md", text), 0, "{text}");
        }
    }
}
