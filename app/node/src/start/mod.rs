//! `quernd start`: the supervisor of two processes, and the application process itself.

mod app;
mod child;
mod indexed;
mod metrics;
mod supervisor;
mod upgrade;

use std::path::PathBuf;

use quern_core::Release;

use crate::cli::LogArgs;
use crate::comet::locate;
use crate::exit::{Exit, Failure, Outcome};
use crate::home::{ABCI_SOCKET, Home};

pub use child::ChildArgs;

/// Arguments of `quernd start`.
#[derive(Clone, Debug, clap::Args)]
pub struct StartArgs {
    /// Run CometBFT too; false leaves it to you and waits on --listen
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub with_comet: bool,
    /// Only the application: the same as --with-comet=false
    #[arg(long)]
    pub app_only: bool,
    /// Where the application waits for CometBFT: unix://PATH (relative to the home) or tcp://127.0.0.1:PORT
    #[arg(long, default_value = ABCI_SOCKET)]
    pub listen: String,
    /// CometBFT 0.38 program
    #[arg(long, env = "QUERN_COMETBFT")]
    pub comet_bin: Option<PathBuf>,
    /// Overrides minimum-gas-prices of app.toml
    #[arg(long)]
    pub minimum_gas_prices: Option<String>,
    /// Overrides halt-height of app.toml
    #[arg(long)]
    pub halt_height: Option<u64>,
    /// Overrides halt-time of app.toml
    #[arg(long)]
    pub halt_time: Option<u64>,
    /// Name of an upgrade that this binary carries and that changes no state, as the release's notes say; may
    /// be repeated
    #[arg(long, value_name = "NAME")]
    pub upgrade_handler: Vec<String>,
    /// Heights at which a plan is dropped instead of made, if operators of more than two thirds of the voting
    /// power agreed
    #[arg(long, value_name = "HEIGHT", value_delimiter = ',')]
    pub unsafe_skip_upgrades: Vec<u64>,
    /// Accept proposals that lack the reveal which their proposer owes to the beacon. Only for operators of
    /// more than two thirds of the voting power who agree to go on after too many onions were lost
    #[arg(long)]
    pub accept_missing_reveals: bool,
    /// Crashes in a row, each within a minute of its start, after which the node gives up
    #[arg(long, default_value_t = 5)]
    pub max_restarts: u32,
    /// Process that this one must not outlive
    #[arg(long, hide = true)]
    pub parent: Option<i32>,
}

/// Runs until a signal asks for the end or the node cannot go on.
///
/// # Errors
/// Why it could not start or go on, with the exit code for it.
pub fn start(args: &StartArgs, log: &LogArgs, home: &Home, release: Release) -> Outcome {
    home.must_exist()?;
    if let Some(parent) = args.parent {
        child::die_with(parent)?;
    }
    // Both processes name the socket relative to the home.
    std::env::set_current_dir(home.root())
        .map_err(|error| Failure::new(Exit::BadFile, format!("{}: {error}", home.root().display())))?;
    if args.app_only || !args.with_comet {
        return app::run(args, home, release);
    }
    let comet = locate(args.comet_bin.as_deref())?;
    supervisor::run(args, log, home, &comet)
}

/// Replaces this process by a program that dies with its parent.
///
/// # Errors
/// If the program cannot run; on success this does not return.
pub fn become_child(args: &ChildArgs, home: &Home) -> Outcome {
    child::become_child(args, home)
}
