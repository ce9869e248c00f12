//! The command line of `pantryd`: its grammar, its help texts, and what becomes of an error.
//! Must not do the work of any command.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use pantry_core::Settings;

use crate::{
    commands,
    config::{self, Overrides},
    log,
};

/// The server of a self-hosted cloud drive with an open platform.
#[derive(Parser, Debug)]
#[command(name = "pantryd", version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    command: Command,
}

/// What every command needs to find the drive.
#[derive(Args, Debug)]
struct Places {
    /// Configuration file (TOML). The environment and the flags win over it
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for the server's secret, and for rows and contents unless said otherwise
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Rows: sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// Contents: file:PATH
    #[arg(long, global = true, value_name = "URL")]
    storage: Option<String>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve the drive until SIGTERM or Ctrl-C
    Serve {
        /// Address and port; port 0 takes a free one
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<String>,
        /// Address under which people and apps reach the server
        #[arg(long, value_name = "URL")]
        public_url: Option<String>,
    },
    /// Tell about settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the version
    Version,
}

#[derive(Subcommand, Debug)]
enum ConfigCommand {
    /// Print every setting with its default, as Markdown
    Reference,
}

/// Runs the program: reads the command line, does it, and says by its exit code how it went: 0 done, 1 failed, 2 not understood.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(cli)),
        Err(e) => Err(e.into()),
    };
    done.unwrap_or_else(|e| {
        eprintln!("pantryd: {e:#}");
        ExitCode::FAILURE
    })
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve { listen, public_url } => {
            let flags = [("server.listen", listen), ("server.public_url", public_url)];
            let settings = settings(cli.places, flags)?;
            log::start(&settings)?;
            commands::serve(settings).await
        }
        Command::Version => {
            println!("pantryd {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
        Command::Config(ConfigCommand::Reference) => {
            println!("{}", pantry_core::settings::reference_markdown());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn settings<const N: usize>(places: Places, flags: [(&'static str, Option<String>); N]) -> anyhow::Result<Settings> {
    let places_flags = [
        ("server.data_dir", places.data_dir),
        ("server.database", places.database),
        ("server.storage", places.storage),
    ];
    let given = |(path, value): (&'static str, Option<String>)| value.map(|value| (path, value));
    let overrides = Overrides {
        config: places.config,
        values: places_flags.into_iter().chain(flags).filter_map(given).collect(),
    };
    // A variable that is no UTF-8 is none of ours.
    let environment = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    config::load(&overrides, environment)
}

#[cfg(test)]
mod tests {
    //! The grammar is sound.
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_has_no_contradiction() {
        Cli::command().debug_assert();
    }
}
