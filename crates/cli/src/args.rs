//! The grammar of the command line; its help texts stand in `text`. Must not do anything.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{lang::t, text::Text};

#[derive(Parser, Debug)]
#[command(name = "pantry", version, about = t(Text::About), after_help = t(Text::After), max_term_width = 110)]
pub struct Cli {
    #[arg(long, global = true, help = t(Text::HelpJson))]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    #[command(about = t(Text::HelpLogin))]
    Login(Login),
    #[command(about = t(Text::HelpLogout))]
    Logout,
    #[command(about = t(Text::HelpWhoami))]
    Whoami,
    #[command(about = t(Text::HelpQuota))]
    Quota,
    #[command(about = t(Text::HelpLs))]
    Ls(Ls),
    #[command(about = t(Text::HelpMkdir))]
    Mkdir(Mkdir),
    #[command(about = t(Text::HelpPut))]
    Put(Put),
    #[command(about = t(Text::HelpGet))]
    Get(Get),
    #[command(about = t(Text::HelpCat))]
    Cat(Paths),
    #[command(about = t(Text::HelpMv))]
    Mv(Change),
    #[command(about = t(Text::HelpCp))]
    Cp(Change),
    #[command(about = t(Text::HelpRm))]
    Rm(Rm),
    #[command(about = t(Text::HelpFind))]
    Find(Find),
    #[command(about = t(Text::HelpChanges))]
    Changes(Changes),
    #[command(subcommand, about = t(Text::HelpBin))]
    Bin(Bin),
}

#[derive(Args, Debug)]
pub struct Login {
    #[arg(long, value_name = "URL", help = t(Text::HelpServer))]
    pub server: Option<String>,
    #[arg(long, value_name = "ID", help = t(Text::HelpClientId))]
    pub client_id: Option<String>,
    #[arg(long, default_value = "user.read files.app_data", help = t(Text::HelpScope))]
    pub scope: String,
}

#[derive(Args, Debug)]
pub struct Ls {
    #[arg(short, long, help = t(Text::HelpLong))]
    pub long: bool,
    #[arg(default_value = "/", help = t(Text::HelpPath))]
    pub path: String,
}

#[derive(Args, Debug)]
pub struct Mkdir {
    #[arg(short, long, help = t(Text::HelpParents))]
    pub parents: bool,
    #[arg(required = true, help = t(Text::HelpPath))]
    pub paths: Vec<String>,
}

#[derive(Args, Debug)]
#[command(override_usage = "pantry put [OPTIONS] LOCAL... REMOTE")]
pub struct Put {
    #[arg(short, long, help = t(Text::HelpPutRecursive))]
    pub recursive: bool,
    #[arg(long, value_enum, default_value = "overwrite", help = t(Text::HelpConflict))]
    pub on_conflict: OnConflict,
    #[arg(long, default_value = "4", value_parser = clap::value_parser!(u8).range(1..=32), help = t(Text::HelpParallel))]
    pub parallel: u8,
    #[arg(required = true, num_args = 2.., value_name = "PATH", help = t(Text::HelpLocal))]
    pub paths: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Get {
    #[arg(short, long, help = t(Text::HelpGetRecursive))]
    pub recursive: bool,
    #[arg(help = t(Text::HelpPath))]
    pub remote: String,
    #[arg(default_value = ".", help = t(Text::HelpGetLocal))]
    pub local: PathBuf,
}

#[derive(Args, Debug)]
pub struct Paths {
    #[arg(required = true, help = t(Text::HelpPath))]
    pub paths: Vec<String>,
}

#[derive(Args, Debug)]
#[command(override_usage = "pantry mv|cp [OPTIONS] SOURCE... TARGET")]
pub struct Change {
    #[arg(long, value_enum, default_value = "fail", help = t(Text::HelpChangeConflict))]
    pub on_conflict: OnConflict,
    #[arg(required = true, num_args = 2.., value_name = "PATH", help = t(Text::HelpSources))]
    pub paths: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Rm {
    #[arg(short, long, help = t(Text::HelpYes))]
    pub yes: bool,
    #[arg(required = true, help = t(Text::HelpPath))]
    pub paths: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Find {
    #[arg(help = t(Text::HelpFindWhat))]
    pub text: String,
    #[arg(long, help = t(Text::HelpExt))]
    pub ext: Option<String>,
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(i64).range(1..=200), help = t(Text::HelpLimit))]
    pub limit: i64,
}

#[derive(Args, Debug)]
pub struct Changes {
    #[arg(short, long, help = t(Text::HelpFollow))]
    pub follow: bool,
    #[arg(help = t(Text::HelpCursor))]
    pub cursor: Option<String>,
}

#[derive(Subcommand, Debug)]
pub enum Bin {
    #[command(about = t(Text::HelpBinLs))]
    Ls {
        #[arg(short, long, help = t(Text::HelpLong))]
        long: bool,
    },
    #[command(about = t(Text::HelpBinRestore))]
    Restore {
        #[arg(long, value_name = "PATH", help = t(Text::HelpBinTo))]
        to: Option<String>,
        #[arg(long, value_enum, default_value = "fail", help = t(Text::HelpChangeConflict))]
        on_conflict: OnConflict,
        #[arg(required = true, help = t(Text::HelpBinWhat))]
        what: Vec<String>,
    },
    #[command(about = t(Text::HelpBinPurge))]
    Purge {
        #[arg(short, long, help = t(Text::HelpYes))]
        yes: bool,
        #[arg(required = true, help = t(Text::HelpBinWhat))]
        what: Vec<String>,
    },
    #[command(about = t(Text::HelpBinEmpty))]
    Empty {
        #[arg(short, long, help = t(Text::HelpYes))]
        yes: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum OnConflict {
    Fail,
    Rename,
    Overwrite,
}

impl From<OnConflict> for pantry_client::OnConflict {
    fn from(word: OnConflict) -> Self {
        match word {
            OnConflict::Fail => Self::Fail,
            OnConflict::Rename => Self::Rename,
            OnConflict::Overwrite => Self::Overwrite,
        }
    }
}

#[cfg(test)]
mod tests {
    //! That the grammar is sound.
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound() {
        super::Cli::command().debug_assert();
    }
}
