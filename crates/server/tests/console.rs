//! The operator's commands for apps and accounts that are there already, as the program itself answers them.
//! What they do to tokens is proved elsewhere; here it is grammar, JSON, and exit codes.

use std::process::Command;

use serde_json::Value;

struct Operator {
    dir: tempfile::TempDir,
}

impl Operator {
    fn run(&self, args: &[&str]) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_pantryd"))
            .args(args)
            .args(["--data-dir", &self.dir.path().display().to_string()])
            .env_clear()
            .output()
            .expect("pantryd runs");
        let text = if output.status.success() {
            output.stdout
        } else {
            output.stderr
        };
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    fn json(&self, args: &[&str]) -> Value {
        let (ok, text) = self.run(&[args, &["--json"]].concat());
        assert!(ok, "{args:?}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
    }
}

#[test]
fn apps_and_accounts_are_managed_at_the_machine() {
    let o = Operator {
        dir: tempfile::tempdir().expect("a folder"),
    };
    let user = [
        "user",
        "add",
        "ada",
        "--email",
        "ada@example.com",
        "--password",
        "correct horse",
    ];
    o.json(&user);
    let added = o.json(&["app", "add", "--owner", "ada", "--name", "Notes"]);
    let id = added["client_id"].as_str().expect("an id");
    let listed = o.json(&["app", "list"]);
    assert_eq!(listed["apps"][0]["client_id"], id);
    assert_eq!(listed["apps"][0]["owner"], "ada");
    assert_eq!(listed["apps"][0]["suspended_at"], 0);
    assert!(o.run(&["app", "list"]).1.contains("Notes by ada"));

    let suspended = o.json(&["app", "suspend", id, "--reason", "It sells files."]);
    assert_eq!(suspended["suspended_reason"], "It sells files.");
    assert_eq!(
        o.json(&["app", "list", "--suspended"])["apps"].as_array().map(Vec::len),
        Some(1)
    );
    let (issued, why) = o.run(&["token", "issue", "--user", "ada", "--client-id", id]);
    assert!(!issued && why.contains("no such app"), "{why}");
    assert_eq!(o.json(&["app", "resume", id])["suspended_at"], 0);
    assert_eq!(
        o.json(&["app", "list", "--suspended"])["apps"],
        Value::Array(Vec::new())
    );

    let rotated = o.json(&["app", "rotate-secret", id, "--keep-old", "60"]);
    assert_ne!(rotated["client_secret"], added["client_secret"]);
    assert!(rotated["old_secret_ends_at"].as_i64() > Some(0));
    assert_eq!(
        o.json(&["app", "rotate-secret", id, "--keep-old", "0"])["old_secret_ends_at"],
        0
    );

    assert_eq!(o.json(&["user", "disable", "ADA"])["is_disabled"], true);
    assert_eq!(o.json(&["user", "enable", "ada@example.com"])["is_disabled"], false);
    let link = o.json(&["user", "password-link", "ada"]);
    let url = link["url"].as_str().expect("a url");
    assert!(url.starts_with("http://127.0.0.1:8080/password/pantry_pl_"), "{url}");

    for wrong in [
        &["app", "suspend", "0000000000"][..],
        &["app", "resume", "x"],
        &["app", "rotate-secret", id, "--keep-old", "99999999"],
        &["user", "disable", "nobody"],
        &["user", "password-link", "nobody"],
    ] {
        let (ok, text) = o.run(wrong);
        assert!(!ok && text.starts_with("pantryd: "), "{wrong:?}: {text}");
    }
}
