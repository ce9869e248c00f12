//! The project's own tools: `cargo xtask tidy` checks the house rules, `cargo xtask gen` writes the generated files,
//! `cargo xtask leaks` looks for secrets in the logs of the tests.
//! Must not be needed to build or run Pantry.

mod generate;
mod leaks;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  tidy         check the house rules that a machine can see
  gen          write the generated files
  gen --check  fail if a generated file is stale, and change nothing
  leaks FOLDER [--whole]
               fail if a secret that the tests met stands in a log of theirs (scripts/test makes the folder);
               --whole: fail as well if they met too little, for a run of all tests";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["tidy"] => tidy_command(),
        ["gen"] => generate::write(&root()),
        ["gen", "--check"] => generate::check(&root()),
        ["leaks", folder] => leaks_command(Path::new(folder), false),
        ["leaks", folder, "--whole"] => leaks_command(Path::new(folder), true),
        _ => Err(anyhow::anyhow!("{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn tidy_command() -> anyhow::Result<()> {
    let findings = tidy::run(&root())?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    anyhow::ensure!(findings.is_empty(), "tidy: {} to mend", findings.len());
    Ok(())
}

fn leaks_command(folder: &Path, is_whole: bool) -> anyhow::Result<()> {
    let searched = leaks::search(folder)?;
    for leak in &searched.leaks {
        eprintln!("{leak}");
    }
    let secrets: usize = searched.met.values().sum();
    let (logs, bytes) = searched.logs;
    println!(
        "leaks: {secrets} secrets looked for in {logs} logs, {} MiB",
        bytes >> 20
    );
    anyhow::ensure!(
        searched.leaks.is_empty(),
        "leaks: {} secrets stand in logs",
        searched.leaks.len()
    );
    if is_whole { searched.is_whole() } else { Ok(()) }
}

/// The workspace, which is the folder above this crate.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
