//! Which crate may know which: the arrows of the map, and who may hold the crates of HTTP and of SQL.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::Finding;

/// What a shipped crate may depend on among our own. Crates that only test, measure or tend the tree are free.
const ARROWS: &[(&str, &[&str])] = &[
    ("pantry-types", &[]),
    ("pantry-web", &[]),
    ("pantry-api", &["pantry-types"]),
    ("pantry-db", &["pantry-types"]),
    ("pantry-blob", &["pantry-types"]),
    ("pantry-core", &["pantry-types", "pantry-db", "pantry-blob"]),
    (
        "pantry-http",
        &["pantry-core", "pantry-api", "pantry-types", "pantry-web"],
    ),
    (
        "pantry-server",
        &["pantry-http", "pantry-core", "pantry-db", "pantry-blob", "pantry-types"],
    ),
    ("pantry-client", &["pantry-api", "pantry-types"]),
    ("pantry-cli", &["pantry-client", "pantry-api", "pantry-types"]),
];

/// Crates without arrows.
const FREE: &[&str] = &["pantry-testkit", "pantry-tests", "pantry-benches", "xtask"];

/// Crates of others that only some of ours may know, in tests neither.
const OWNED: &[(&str, &[&str])] = &[
    (
        "axum",
        &[
            "pantry-http",
            "pantry-server",
            "pantry-testkit",
            "pantry-tests",
            "pantry-benches",
        ],
    ),
    ("rusqlite", &["pantry-db"]),
    ("tokio-postgres", &["pantry-db"]),
    ("postgres-types", &["pantry-db"]),
    ("deadpool-postgres", &["pantry-db"]),
];

/// The workspace as cargo sees it.
pub fn metadata(root: &Path) -> anyhow::Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cannot start cargo")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")
}

/// Checks what `cargo metadata` says.
pub fn check(metadata: &Value) -> anyhow::Result<Vec<Finding>> {
    let root = metadata["workspace_root"]
        .as_str()
        .context("cargo metadata names no workspace_root")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata names no packages")?;
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("a package has no name")?;
        let manifest = package["manifest_path"]
            .as_str()
            .context("a package has no manifest_path")?;
        let manifest = manifest.strip_prefix(root).unwrap_or(manifest).trim_start_matches('/');
        let allowed = ARROWS.iter().find(|(from, _)| *from == name).map(|(_, to)| *to);
        if allowed.is_none() && !FREE.contains(&name) {
            findings.push(Finding::new(
                manifest,
                0,
                format!("the crate {name} is not on the map: give it its arrows in xtask"),
            ));
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().context("a dependency has no name")?;
            let is_dev = dependency["kind"].as_str() == Some("dev");
            if let Some(allowed) = allowed
                && is_ours(to)
                && !may_know(name, allowed, to, is_dev)
            {
                let known = if allowed.is_empty() {
                    "nothing of ours".to_owned()
                } else {
                    allowed.join(", ")
                };
                findings.push(Finding::new(
                    manifest,
                    0,
                    format!("{name} must not know {to}: it may know {known}"),
                ));
            }
            if let Some((_, owners)) = OWNED.iter().find(|(owned, _)| *owned == to)
                && !owners.contains(&name)
            {
                findings.push(Finding::new(
                    manifest,
                    0,
                    format!("{name} must not know {to}: only {} may", owners.join(", ")),
                ));
            }
        }
    }
    Ok(findings)
}

fn is_ours(name: &str) -> bool {
    name.starts_with("pantry-") || name == "xtask"
}

/// A crate's own tests may also use the crate itself with other features, and the testkit.
fn may_know(from: &str, allowed: &[&str], to: &str, is_dev: bool) -> bool {
    allowed.contains(&to) || (is_dev && (to == from || to == "pantry-testkit"))
}

#[cfg(test)]
mod tests {
    //! Arrows on a map made for the purpose.
    use super::*;
    use serde_json::json;

    fn findings(package: &str, dependency: &str, kind: Option<&str>) -> Vec<String> {
        let metadata = json!({"workspace_root": "/r", "packages": [{
            "name": package, "manifest_path": "/r/crates/x/Cargo.toml", "dependencies": [{"name": dependency, "kind": kind}],
        }]});
        check(&metadata).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn arrows_of_the_map_are_allowed() {
        assert!(findings("pantry-core", "pantry-db", None).is_empty());
        assert!(findings("pantry-tests", "pantry-db", None).is_empty());
        assert!(findings("pantry-db", "rusqlite", None).is_empty());
        assert!(findings("pantry-core", "pantry-testkit", Some("dev")).is_empty());
        assert!(findings("pantry-blob", "pantry-blob", Some("dev")).is_empty());
    }

    #[test]
    fn other_arrows_are_not() {
        assert_eq!(
            findings("pantry-core", "pantry-http", None),
            [
                "crates/x/Cargo.toml: pantry-core must not know pantry-http: it may know pantry-types, pantry-db, pantry-blob"
            ]
        );
        assert_eq!(findings("pantry-http", "pantry-db", Some("dev")).len(), 1);
        assert_eq!(findings("pantry-core", "pantry-testkit", None).len(), 1);
        assert_eq!(findings("pantry-core", "axum", Some("dev")).len(), 1);
        assert_eq!(findings("pantry-tests", "rusqlite", None).len(), 1);
        assert_eq!(findings("pantry-new", "serde", None).len(), 1);
    }
}
