//! Migrations come in twins: each engine of rows has a file of the same number and name.

use std::collections::BTreeSet;

use super::Finding;

const PLACE: &str = "crates/db/migrations";
const ENGINES: [&str; 2] = ["sqlite", "postgres"];

/// Checks the paths of all files.
pub fn check(paths: &[&str]) -> Vec<Finding> {
    let of = |engine: &str| -> BTreeSet<&str> {
        let folder = format!("{PLACE}/{engine}/");
        paths.iter().filter_map(|path| path.strip_prefix(&folder)).collect()
    };
    let (one, other) = (of(ENGINES[0]), of(ENGINES[1]));
    let mut findings = Vec::new();
    for (engine, missing) in [(ENGINES[1], &one - &other), (ENGINES[0], &other - &one)] {
        for name in missing {
            let path = format!("{PLACE}/{engine}/{name}");
            findings.push(Finding::new(
                &path,
                0,
                "is missing, while the other engine has it: migrations come in twins",
            ));
        }
    }
    for (engine, names) in ENGINES.into_iter().zip([&one, &other]) {
        for (at, name) in names.iter().enumerate() {
            let number = name
                .split_once('_')
                .and_then(|(number, _)| number.parse::<usize>().ok());
            if number != Some(at + 1) {
                let path = format!("{PLACE}/{engine}/{name}");
                let wanted = format!(
                    "should be number {:04}: migrations are counted without gaps, as 0001_name.sql",
                    at + 1
                );
                findings.push(Finding::new(&path, 0, wanted));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    //! Twins and orphans.
    use super::check;

    fn count(paths: &[&str]) -> usize {
        let paths: Vec<String> = paths
            .iter()
            .map(|path| format!("crates/db/migrations/{path}"))
            .collect();
        check(&paths.iter().map(String::as_str).collect::<Vec<_>>()).len()
    }

    #[test]
    fn twins_are_fine_and_orphans_are_not() {
        assert_eq!(
            count(&[
                "sqlite/0001_a.sql",
                "postgres/0001_a.sql",
                "sqlite/0002_b.sql",
                "postgres/0002_b.sql"
            ]),
            0
        );
        assert_eq!(count(&["sqlite/0001_a.sql"]), 1);
        assert_eq!(count(&["sqlite/0001_a.sql", "postgres/0001_b.sql"]), 2);
    }

    #[test]
    fn numbers_have_no_gap_and_no_double() {
        assert_eq!(count(&["sqlite/0002_a.sql", "postgres/0002_a.sql"]), 2);
        assert_eq!(
            count(&[
                "sqlite/0001_a.sql",
                "postgres/0001_a.sql",
                "sqlite/0001_b.sql",
                "postgres/0001_b.sql"
            ]),
            2
        );
    }
}
