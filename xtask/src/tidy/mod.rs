//! The house rules that a machine can see, checked on the files of the tree. Runs as a test too.
//! Must not know the rules themselves: each stands in a module below. A rule reads, reports, and changes nothing.

mod arrows;
mod faces;
mod lex;
mod migrations;
mod source;
mod text;

use std::fmt;
use std::path::Path;

use anyhow::Context;

/// Folders that hold nothing of the project's own.
const NOT_OURS: &[&str] = &[
    "target",
    "node_modules",
    ".git",
    ".pantry-dev",
    ".svelte-kit",
    "build",
    "dist",
];

/// Endings of the files that are read.
const READ: &[&str] = &[
    "rs", "md", "toml", "sql", "sh", "py", "ts", "js", "svelte", "css", "html", "yml", "yaml", "json", "service",
];

/// Names of the files that are read without one of these endings.
const READ_NAMES: &[&str] = &["Makefile", "Dockerfile", "run"];

/// One broken rule at one place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    /// Counted from 1; 0 where no line is meant.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// A file as the rules see it.
struct Source {
    /// From the workspace's root, with `/`.
    path: String,
    text: String,
    /// The text of a Rust file with comments and literals blanked; lines stay where they were. Empty for other files.
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") {
            lex::code_only(text)
        } else {
            String::new()
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
        }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Checks the tree below `root`. The findings come in order of path and line.
pub fn run(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut files = Vec::new();
    collect(root, "", &mut files)?;
    let mut findings = arrows::check(&arrows::metadata(root)?)?;
    for file in &files {
        findings.extend(text::check(file));
        if file.is_rust() {
            findings.extend(source::check(file));
            findings.extend(faces::check(file));
        }
    }
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    findings.extend(migrations::check(&paths));
    findings.sort();
    Ok(findings)
}

fn collect(root: &Path, folder: &str, files: &mut Vec<Source>) -> anyhow::Result<()> {
    let place = root.join(folder);
    for entry in std::fs::read_dir(&place).with_context(|| format!("cannot list {}", place.display()))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = if folder.is_empty() {
            name.clone()
        } else {
            format!("{folder}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            collect(root, &path, files)?;
        } else if kind.is_file() && is_read(&path, &name) {
            let bytes = std::fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
            // A script has no ending; what is no UTF-8 is no text of ours.
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(Source::new(&path, &text));
            }
        }
    }
    Ok(())
}

fn is_read(path: &str, name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| READ.contains(&ending)) || READ_NAMES.contains(&name) || path.starts_with("scripts/")
}

#[cfg(test)]
mod tests {
    //! The tree itself.

    #[test]
    fn the_tree_is_tidy() {
        let findings = super::run(&crate::root()).unwrap();
        let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(shown.is_empty(), "\n{}\n", shown.join("\n"));
    }
}
