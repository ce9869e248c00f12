//! The command line of `pantryd`: its grammar, its help texts, and what becomes of an error.
//! Must not do the work of any command.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use pantry_core::Settings;

use crate::{
    commands,
    config::{self, Overrides},
    console, log,
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
    /// Manage accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Manage apps (OAuth clients)
    #[command(subcommand)]
    App(AppCommand),
    /// Manage tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Manage the keys that sign id_tokens
    #[command(subcommand)]
    Key(KeyCommand),
    /// Prove the books: contents, sizes, counters, no orphans. May run beside a server; exits with 1 if something is wrong
    Check(CheckBooks),
    /// Tell about settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the version
    Version,
}

#[derive(Subcommand, Debug)]
enum UserCommand {
    /// Make an account
    Add(AddUser),
    /// Keep a person from signing in, and every app from acting in their name. Ends their sessions at once
    Disable(OneUser),
    /// Let a disabled person sign in again; apps that they allowed go on
    Enable(OneUser),
    /// Print a link by which a person sets a new password, once, within a day
    PasswordLink(OneUser),
}

/// `user disable`, `user enable`, `user password-link`.
#[derive(Args, Debug)]
pub(crate) struct OneUser {
    /// Login name or mail address
    pub name: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `user add`.
#[derive(Args, Debug)]
pub(crate) struct AddUser {
    /// Login name: letters, digits, _ - .
    pub name: String,
    /// Mail address
    #[arg(long)]
    pub email: String,
    /// Password, at least 8 characters
    #[arg(long)]
    pub password: String,
    /// May administer this installation
    #[arg(long)]
    pub admin: bool,
    /// Bytes allowed; the setting users.quota_bytes if left out
    #[arg(long, value_name = "BYTES")]
    pub quota: Option<i64>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
enum AppCommand {
    /// Register an app
    Add(AddApp),
    /// List all apps
    List(ListApps),
    /// Suspend an app: its tokens, uploads and links open nothing at once, and it gets no new ones
    Suspend(SuspendApp),
    /// Let a suspended app act again: what it had opens again, unless its time is over
    Resume(OneApp),
    /// Give an app a new secret
    RotateSecret(RotateSecret),
}

/// `app list`.
#[derive(Args, Debug)]
pub(crate) struct ListApps {
    /// Only those that are suspended
    #[arg(long)]
    pub suspended: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `app suspend`.
#[derive(Args, Debug)]
pub(crate) struct SuspendApp {
    /// The app's client_id
    #[arg(value_name = "ID")]
    pub client_id: String,
    /// Why, for its owner
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `app resume`.
#[derive(Args, Debug)]
pub(crate) struct OneApp {
    /// The app's client_id
    #[arg(value_name = "ID")]
    pub client_id: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `app rotate-secret`.
#[derive(Args, Debug)]
pub(crate) struct RotateSecret {
    /// The app's client_id
    #[arg(value_name = "ID")]
    pub client_id: String,
    /// Seconds that the secret before is still right, at most 2592000 (30 days)
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub keep_old: i64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `app add`.
#[derive(Args, Debug)]
pub(crate) struct AddApp {
    /// Login name of the person whose app it is
    #[arg(long, value_name = "NAME")]
    pub owner: String,
    /// Name of the app, as people see it; its folder gets the same name
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// Address to return to after consent; repeat for several
    #[arg(long, value_name = "URI")]
    pub redirect_uri: Vec<String>,
    /// Scope that the app may ask for; repeat for several
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
    /// An app that cannot keep a secret: it gets none, and must use PKCE
    #[arg(long)]
    pub public: bool,
    /// May also use the weipan API, which opens the whole drive
    #[arg(long)]
    pub weipan: bool,
    /// How its id_tokens are signed
    #[arg(long, value_name = "ALG", default_value = "RS256", value_parser = ["RS256", "ES256"])]
    pub id_token_alg: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
enum KeyCommand {
    /// Sign with new keys from now on. The old ones stay published until their last token has expired
    Rotate {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand, Debug)]
enum TokenCommand {
    /// Issue tokens as if the person had just consented
    Issue(IssueToken),
}

/// `token issue`.
#[derive(Args, Debug)]
pub(crate) struct IssueToken {
    /// Login name of the person
    #[arg(long, value_name = "NAME")]
    pub user: String,
    /// The app
    #[arg(long, value_name = "ID")]
    pub client_id: String,
    /// Scopes with spaces between them
    #[arg(long, default_value = "user.read files.app_data")]
    pub scope: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckBooks {
    /// Look only whether contents are there, without reading them
    #[arg(long)]
    pub quick: bool,
    /// Set sums and counters right. Nothing is ever thrown away
    #[arg(long)]
    pub repair: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
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
        Command::User(UserCommand::Add(add)) => commands::add_user(quiet(cli.places)?, add).await,
        Command::User(UserCommand::Disable(one)) => console::set_disabled(quiet(cli.places)?, one, true).await,
        Command::User(UserCommand::Enable(one)) => console::set_disabled(quiet(cli.places)?, one, false).await,
        Command::User(UserCommand::PasswordLink(one)) => console::password_link(quiet(cli.places)?, one).await,
        Command::App(AppCommand::Add(add)) => commands::add_app(quiet(cli.places)?, add).await,
        Command::App(AppCommand::List(list)) => console::list_apps(quiet(cli.places)?, list).await,
        Command::App(AppCommand::Suspend(suspend)) => console::suspend_app(quiet(cli.places)?, suspend).await,
        Command::App(AppCommand::Resume(one)) => console::resume_app(quiet(cli.places)?, one).await,
        Command::App(AppCommand::RotateSecret(rotate)) => console::rotate_secret(quiet(cli.places)?, rotate).await,
        Command::Token(TokenCommand::Issue(issue)) => commands::issue_token(quiet(cli.places)?, issue).await,
        Command::Key(KeyCommand::Rotate { json }) => commands::rotate_keys(quiet(cli.places)?, json).await,
        Command::Check(how) => commands::check(quiet(cli.places)?, how).await,
    }
}

/// Settings of a command whose answer is all that it has to say: the log tells of trouble only.
fn quiet(places: Places) -> anyhow::Result<Settings> {
    let mut settings = settings(places, [])?;
    if settings.log == Settings::default().log {
        settings.log.filter = "warn".to_owned();
    }
    log::start(&settings)?;
    Ok(settings)
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
