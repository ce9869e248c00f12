//! A face never imports another face: what two of them need stands beside them.

use super::{Finding, Source};

/// The faces, each a folder of the crate `http`.
const FACES: &[&str] = &["oauth", "v1", "upload", "weipan", "web"];

const PLACE: &str = "crates/http/src/";

/// Checks a file of a face for paths into another one.
pub fn check(file: &Source) -> Vec<Finding> {
    let Some(face) = face_of(&file.path) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in file.code.match_indices(root) {
            let rest = &file.code[at + root.len()..];
            // `super` is the crate's root only in the file that is the face's own.
            if root == "super::" && !is_top(&file.path, face) {
                continue;
            }
            for other in roots_of(rest)
                .into_iter()
                .filter(|name| *name != face && FACES.contains(name))
            {
                let line = 1 + file.code[..at].matches('\n').count();
                let message = format!("the face {face} imports the face {other}: put what both need beside them");
                findings.push(Finding::new(&file.path, line, message));
            }
        }
    }
    findings
}

/// The face that a file belongs to.
fn face_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix(PLACE)?;
    let first = inside
        .split_once('/')
        .map_or_else(|| inside.strip_suffix(".rs"), |(folder, _)| Some(folder))?;
    FACES.contains(&first).then_some(first)
}

fn is_top(path: &str, face: &str) -> bool {
    path == format!("{PLACE}{face}.rs") || path == format!("{PLACE}{face}/mod.rs")
}

/// The first names of a path, or of each path of a `{…}` group.
fn roots_of(rest: &str) -> Vec<&str> {
    let rest = rest.trim_start();
    let Some(group) = rest.strip_prefix('{') else {
        return vec![first_name(rest)];
    };
    let mut depth = 0;
    let mut names = Vec::new();
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(first_name(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

fn first_name(path: &str) -> &str {
    let path = path.trim_start();
    let end = path
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(path.len());
    &path[..end]
}

#[cfg(test)]
mod tests {
    //! Imports between faces.
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn a_face_may_use_itself_and_what_stands_beside() {
        let v1 = "crates/http/src/v1/files.rs";
        assert_eq!(
            count(
                v1,
                "use crate::v1::x; use crate::html; use crate::{state, v1::{y, web}};"
            ),
            0
        );
        assert_eq!(count(v1, "use super::upload; // use crate::oauth"), 0);
        assert_eq!(count("crates/http/src/router.rs", "use crate::{oauth, v1};"), 0);
        assert_eq!(count("crates/core/src/v1/a.rs", "use crate::oauth;"), 0);
    }

    #[test]
    fn a_face_must_not_use_another() {
        let v1 = "crates/http/src/v1/files.rs";
        assert_eq!(count(v1, "use crate::oauth::x;"), 1);
        assert_eq!(count(v1, "fn f() { crate::web::g() }"), 1);
        assert_eq!(
            count(v1, "use crate::{\n    html,\n    oauth::{a, b},\n    upload,\n};"),
            2
        );
        assert_eq!(count("crates/http/src/web/mod.rs", "use super::v1;"), 1);
        assert_eq!(count("crates/http/src/web.rs", "use super::v1;"), 1);
    }
}
