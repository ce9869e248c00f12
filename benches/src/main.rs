//! Measures what Pantry promises about speed: each figure is a ratio to a ceiling or a peer of the same run.
//! Owns the command line and the order of the measurements; must not know what the server does inside.

mod archive;
mod bare;
mod ceilings;
mod client;
mod download;
mod house;
mod load;
mod memory;
mod nginx;
mod pages;
mod purge;
mod report;
mod search;
mod seed;
mod stat;
mod tokens;
mod trees;
mod upload;
mod weipan;
mod writes;

#[path = "../../crates/testkit/src/pg.rs"]
mod pg;

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::Parser;

use crate::{
    house::Engine,
    report::{Figure, Report},
};

const GIB: usize = 1 << 30;

/// What can be measured.
const NAMES: [&str; 13] = [
    "upload", "download", "stat", "folders", "contents", "weipan", "pages", "search", "trees", "purge", "archive",
    "memory", "tokens",
];

/// Measures what Pantry promises about speed, as ratios to ceilings measured in the same run.
#[derive(Parser, Debug)]
#[command(name = "pantry-benches", max_term_width = 100)]
struct Cli {
    /// What to measure: upload download stat folders contents weipan pages search trees purge archive memory tokens; everything if left out
    names: Vec<String>,
    /// Print JSON instead of the table
    #[arg(long)]
    json: bool,
    /// Rounds of each figure; the median is told
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Folder on the disk to measure; by default the one for temporary files
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Entries of the large folder
    #[arg(long, default_value_t = 1_000_000)]
    entries: usize,
    /// The program to measure; by default target/release/pantryd
    #[arg(long, value_name = "FILE")]
    pantryd: Option<PathBuf>,
    /// Row engine: sqlite, postgres (in PANTRY_TEST_POSTGRES), or both; by default what there is
    #[arg(long, value_name = "ENGINE")]
    rows: Option<String>,
    /// The answer that `bare-axum` gives, as JSON
    #[arg(long, hide = true)]
    answer: Option<PathBuf>,
}

/// What every measurement is told.
#[derive(Debug)]
struct Bench {
    pantryd: PathBuf,
    dir: PathBuf,
    rounds: usize,
    entries: usize,
    engines: Vec<Engine>,
}

impl Bench {
    /// One value for each round.
    async fn rounds<T>(
        &self,
        what: &str,
        mut round: impl AsyncFnMut(usize) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<T>> {
        let mut values = Vec::new();
        for n in 0..self.rounds {
            eprintln!("{what}: round {} of {}", n + 1, self.rounds);
            values.push(round(n).await?);
        }
        Ok(values)
    }
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if cli.names == ["bare-axum"] {
        let answer = cli.answer.context("bare-axum needs --answer FILE")?;
        return runtime.block_on(bare::serve(&answer));
    }
    runtime.block_on(run(cli))
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let bench = bench(&cli)?;
    let wanted = |name: &str| cli.names.is_empty() || cli.names.iter().any(|n| n == name);
    let mut report = Report::new(&bench);
    let mut add = |figures: Vec<Figure>| figures.into_iter().for_each(|f| report.add(f));
    if wanted("upload") {
        add(upload::measure(&bench).await?);
    }
    if wanted("download") {
        add(download::measure(&bench).await?);
    }
    if wanted("memory") {
        add(memory::measure(&bench).await?);
    }
    if wanted("tokens") {
        add(tokens::from_memory(&bench).await?);
    }
    for engine in bench.engines.iter().copied() {
        if wanted("stat") {
            add(stat::measure(&bench, engine).await?);
        }
        if wanted("tokens") {
            add(tokens::measure(&bench, engine).await?);
        }
        if wanted("folders") {
            add(writes::folders(&bench, engine).await?);
        }
        if wanted("contents") {
            add(writes::contents(&bench, engine).await?);
        }
        if wanted("weipan") {
            add(weipan::measure(&bench, engine).await?);
        }
        if wanted("archive") {
            add(archive::measure(&bench, engine).await?);
        }
        if wanted("purge") {
            add(purge::measure(&bench, engine).await?);
        }
        if wanted("pages") || wanted("search") || wanted("trees") {
            let houses = seed::Houses::new(&bench, engine).await?;
            if wanted("pages") {
                add(pages::measure(&bench, &houses).await?);
            }
            if wanted("search") {
                add(search::measure(&bench, &houses).await?);
            }
            if wanted("trees") {
                add(trees::measure(&bench, &houses).await?);
            }
            eprintln!("checking the books of the large tree");
            houses.check()?;
        }
    }
    if cli.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", report.table());
    }
    Ok(())
}

fn bench(cli: &Cli) -> anyhow::Result<Bench> {
    if let Some(name) = cli.names.iter().find(|name| !NAMES.contains(&name.as_str())) {
        bail!(
            "{name:?} is nothing that can be measured; there is {}",
            NAMES.join(", ")
        );
    }
    ensure!(cli.rounds > 0, "--rounds must be at least 1");
    ensure!(
        cli.entries >= 1_000,
        "--entries must be at least 1000: a last page is compared with a first"
    );
    let pantryd = match &cli.pantryd {
        Some(file) => file.clone(),
        None => {
            // Beside this very program: both are release builds of one tree.
            let here = std::env::current_exe()?;
            here.with_file_name("pantryd")
        }
    };
    ensure!(
        pantryd.is_file(),
        "{} is not there; build it with `cargo build --release -p pantry-server`",
        pantryd.display()
    );
    let dir = cli.dir.clone().unwrap_or_else(std::env::temp_dir);
    ensure!(
        !house::is_in_memory(&dir)?,
        "{} lies in memory; name a folder on a disk with --dir",
        dir.display()
    );
    let postgres = std::env::var_os("PANTRY_TEST_POSTGRES").is_some();
    let engines = match cli.rows.as_deref() {
        None if postgres => vec![Engine::Sqlite, Engine::Postgres],
        None | Some("sqlite") => vec![Engine::Sqlite],
        Some("postgres") if postgres => vec![Engine::Postgres],
        Some("both") if postgres => vec![Engine::Sqlite, Engine::Postgres],
        Some("postgres" | "both") => bail!("--rows: PANTRY_TEST_POSTGRES is not set; use scripts/with-postgres"),
        Some(other) => bail!("--rows must be sqlite, postgres or both, not {other:?}"),
    };
    Ok(Bench {
        pantryd,
        dir,
        rounds: cli.rounds,
        entries: cli.entries,
        engines,
    })
}
