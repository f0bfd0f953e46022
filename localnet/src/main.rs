//! `quern-localnet`: a whole network on one machine.
#![allow(
    clippy::disallowed_methods,
    reason = "patience with a process is no consensus time"
)]

mod account;
mod cheat;
mod claim;
mod clear;
mod layout;
mod make;
mod net;
mod plan;
mod ports;
mod process;
mod programs;
mod ready;
mod router;
mod stop;
mod up;
mod worker;

use cheat::Cheat;
use clap::{Parser, Subcommand};
use layout::Layout;
use plan::Plan;
use std::path::PathBuf;
use std::process::ExitCode;

/// A whole Quern network on one machine: nodes, workers, router, funded accounts.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Folder of everything that the network writes.
    #[arg(long, global = true, default_value = "localnet/run")]
    dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a network and run it until Ctrl-C, SIGTERM or `down`.
    Up {
        /// Hosts: each a node, a validator and a worker.
        #[arg(long, default_value_t = 5)]
        hosts: usize,
        /// Models, and which host serves which of them, instead of so many hosts that all serve the packaged model: a
        /// JSON file with "models" ("id", "folder", "price", "calibration") and "hosts" (a list of ids for each).
        #[arg(long, value_name = "FILE", conflicts_with = "hosts")]
        plan: Option<PathBuf>,
        /// Payers: each an account with sessions and an API key of its own.
        #[arg(long, default_value_t = 1)]
        payers: usize,
        /// Lets a host cheat: HOST=weight-bits:N,audit:LIE, hosts counted from 0. May be given again.
        #[arg(long, value_name = "CHEAT")]
        cheat: Vec<Cheat>,
        /// Chain id.
        #[arg(long, default_value = "quern-local-1")]
        chain_id: String,
        /// Checkout with the built programs.
        #[arg(long, default_value = ".")]
        root: PathBuf,
    },
    /// Stop a network that runs.
    Down,
    /// Remove what a network that has ended left in its folder; refuse any other content.
    Clear,
    /// Become a program that does not outlive its supervisor.
    #[command(name = "__child", hide = true)]
    Child(process::ChildArgs),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Up {
            hosts,
            plan,
            payers,
            cheat,
            chain_id,
            root,
        } => {
            let root = root.canonicalize()?;
            let layout = match plan {
                Some(file) => Layout::read(&file)?,
                None => Layout::alike(&root, hosts),
            };
            for cheat in &cheat {
                match layout.hosts.get(cheat.host) {
                    None => anyhow::bail!("there is no host {} to cheat", cheat.host),
                    Some(models) if models.len() > 1 && cheat.is_with_weights() => anyhow::bail!(
                        "host {} cheats with the weights of one model, so let it serve one",
                        cheat.host
                    ),
                    Some(_) => {}
                }
            }
            let plan = Plan {
                root,
                dir: std::path::absolute(cli.dir)?,
                chain_id,
                layout,
                payers: payers.max(1),
                cheats: cheat,
            };
            up::up(&plan).await
        }
        Command::Down => stop::down(&cli.dir),
        Command::Clear => clear::clear(&cli.dir),
        Command::Child(args) => process::become_child(&args),
    }
}
