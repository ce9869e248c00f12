//! The binary `pantry`: the drive from the command line. This file runs the command and turns its outcome into an exit
//! code. Must not know a command's work: each has its place in `commands`.

mod args;
mod commands;
mod fail;
mod lang;
mod out;
mod progress;
mod remote;
mod session;
mod text;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use fail::Failure;
use out::Out;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = Out { json: cli.json };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(cli.command, out)),
        Err(e) => Err(Failure::Output(e)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            out.failure(&failure);
            failure.exit().into()
        }
    }
}

async fn run(command: Command, out: Out) -> Result<(), Failure> {
    use commands::{account, bin, change, changes, get, put, show};
    match command {
        Command::Login(args) => account::login(args, out).await,
        Command::Logout => account::logout(out).await,
        Command::Whoami => account::whoami(out).await,
        Command::Quota => account::quota(out).await,
        Command::Ls(args) => show::ls(args, out).await,
        Command::Find(args) => show::find(args, out).await,
        Command::Mkdir(args) => change::mkdir(args, out).await,
        Command::Mv(args) => change::mv(args, out).await,
        Command::Cp(args) => change::cp(args, out).await,
        Command::Rm(args) => change::rm(args, out).await,
        Command::Put(args) => put::put(args, out).await,
        Command::Get(args) => get::get(args, out).await,
        Command::Cat(args) => get::cat(args).await,
        Command::Changes(args) => changes::run(args, out).await,
        Command::Bin(command) => bin::run(command, out).await,
    }
}
