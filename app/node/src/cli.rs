//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use quern_core::Release;
use quern_wallet::{
    KeysCommand, QueryCommand, TxCommand,
    trace::{Report, TraceCommand, VerifyReceiptCommand},
};
use serde_json::Value;

use crate::comet::locate;
use crate::commands::{
    beacon, comet, config, export, genesis, invariants, prune, rollback, snapshots, state, status, version,
};
use crate::exit::{At, Exit, Outcome};
use crate::home::Home;
use crate::init::{InitArgs, init};
use crate::output::{Format, print, say};
use crate::start::{ChildArgs, StartArgs, become_child, start};

/// Quern: a chain for open AI compute.
#[derive(Clone, Debug, Parser)]
#[command(name = "quernd", version, about)]
pub struct Cli {
    /// Directory of configuration, keys and data
    #[arg(long, global = true, env = "QUERN_HOME", default_value_os_t = Home::default_root())]
    pub home: PathBuf,
    /// Log.
    #[command(flatten)]
    pub log: LogArgs,
    /// Output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How the node writes its log.
#[derive(Clone, Debug, Args)]
pub struct LogArgs {
    /// Form of the log: of the application, the supervisor and CometBFT
    #[arg(
        long,
        alias = "log_format",
        global = true,
        value_enum,
        env = "QUERN_LOG_FORMAT",
        default_value = "plain"
    )]
    pub log_format: LogFormat,
    /// Level of the application's log, such as debug or info,quern_core=trace; CometBFT's is in config.toml
    #[arg(
        long,
        alias = "log_level",
        global = true,
        env = "QUERN_LOG",
        default_value = "info"
    )]
    pub log_level: String,
}

/// Form of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Plain,
    /// One JSON object a line.
    Json,
}

/// How a command prints its result: one flag for all commands, before or after their names.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputArgs {
    /// Output format [default: text; json of `status`, as Cosmovisor and scripts expect it]
    #[arg(short, long, global = true, value_enum)]
    pub output: Option<Format>,
}

/// Which CometBFT a command runs.
#[derive(Clone, Debug, Args)]
pub struct CometArgs {
    /// CometBFT 0.38 program
    #[arg(long, global = true, env = "QUERN_COMETBFT")]
    pub comet_bin: Option<PathBuf>,
}

/// Commands of `quernd`.
#[derive(Clone, Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "parsed once a run")]
pub enum Command {
    /// Make the home of a new network with this node as its validator
    Init {
        /// Its arguments.
        #[command(flatten)]
        args: InitArgs,
        /// CometBFT.
        #[command(flatten)]
        comet: CometArgs,
    },
    /// Run the node: the application and CometBFT, until SIGTERM or Ctrl-C
    Start(StartArgs),
    /// Print what the running node says about itself
    Status(status::StatusArgs),
    /// Prepare and check the genesis document
    #[command(subcommand)]
    Genesis(genesis::GenesisCommand),
    /// Make, import and show keys
    Keys(KeysCommand),
    /// Build, sign and send transactions
    #[command(visible_alias = "transactions")]
    Tx(TxCommand),
    /// Ask the chain
    #[command(visible_alias = "q")]
    Query(QueryCommand),
    /// Follow one request from its voucher to refund or pay
    Trace(TraceCommand),
    /// Check a receipt's signatures and proofs without a node
    VerifyReceipt(VerifyReceiptCommand),
    /// The consensus side: ids, keys, reset
    #[command(aliases = ["tendermint", "cometbft"])]
    Comet {
        /// What to do.
        #[command(subcommand)]
        command: comet::CometCommand,
        /// CometBFT.
        #[command(flatten)]
        comet: CometArgs,
    },
    /// This validator's part in the randomness beacon
    Beacon {
        /// What to do.
        #[command(subcommand)]
        command: beacon::BeaconCommand,
    },
    /// Read or change one setting
    Config {
        /// What to do.
        #[command(subcommand)]
        command: config::ConfigCommand,
    },
    /// Make, list and move the snapshots that new nodes join from
    Snapshots {
        /// What to do.
        #[command(subcommand)]
        command: snapshots::SnapshotsCommand,
    },
    /// Forget past states of the stopped node
    Prune(prune::PruneArgs),
    /// What Cosmovisor runs before a new binary's start: nothing is to be done
    #[command(hide = true)]
    PreUpgrade,
    /// Take the last blocks back, in the application and in CometBFT
    Rollback {
        /// Its arguments.
        #[command(flatten)]
        args: rollback::RollbackArgs,
        /// CometBFT.
        #[command(flatten)]
        comet: CometArgs,
    },
    /// Print the state of the stopped node as the genesis document of a new chain
    Export(export::ExportArgs),
    /// Check what must hold of the stopped node's state: that the books of coins agree with each other
    Invariants(invariants::InvariantsArgs),
    /// Print every row of the stopped node's state, to compare two nodes
    State(state::StateArgs),
    /// Print the version
    Version {
        /// With what it is compatible with
        #[arg(long)]
        long: bool,
    },
    /// Start of a supervised process
    #[command(name = "__child", hide = true)]
    Child(ChildArgs),
}

/// Runs the command and prints its result. A node that it starts is of this release.
///
/// # Errors
/// With the exit code of the failure.
pub fn run(cli: Cli, release: Release) -> Outcome {
    let home = Home::new(&cli.home)?;
    let format = cli.output.output.unwrap_or(match cli.command {
        Command::Status(_) => Format::Json,
        _ => Format::Text,
    });
    let value = match cli.command {
        Command::Start(args) => return start(&args, &cli.log, &home, release),
        Command::PreUpgrade => return Ok(()),
        Command::State(args) => return state::state(&args, format, &home),
        Command::Child(args) => return become_child(&args, &home),
        Command::Genesis(command) => Value::String(genesis::run(command, &home)?),
        Command::Keys(command) => return say(&command.run(home.root())?),
        Command::Tx(command) => return say(&wait(command.run(home.root()))??),
        Command::Query(command) => return say(&wait(command.run(home.root()))??),
        Command::Trace(command) => {
            let report = wait(command.run(home.root()))??;
            return conclude(&report, &report.show(command.output.output));
        }
        Command::VerifyReceipt(command) => {
            let report = command.run(home.root())?;
            return conclude(&report, &report.show(command.output.output));
        }
        Command::Init { args, comet } => init(&args, &home, &locate(comet.comet_bin.as_deref())?)?,
        Command::Status(args) => status::status(&args, &home)?,
        Command::Comet { command, comet } => comet::run(&command, &home, comet.comet_bin.as_ref())?,
        Command::Beacon { command } => beacon::run(&command, &home)?,
        Command::Config { command } => config::run(&command, &home)?,
        Command::Snapshots { command } => snapshots::run(&command, &home)?,
        Command::Prune(args) => prune::prune(&args, &home)?,
        Command::Rollback { args, comet } => rollback::rollback(args, &home, comet.comet_bin.as_ref())?,
        Command::Export(args) => {
            // a genesis document has one form
            if let Some(document) = export::export(&args, &home)? {
                print(Format::Json, &document);
            }
            return Ok(());
        }
        Command::Invariants(args) => invariants::invariants(&args, &home)?,
        Command::Version { long } => version::version(long),
    };
    if value != Value::Null || format == Format::Json {
        print(format, &value);
    }
    Ok(())
}

/// Prints what was found; a check that failed decides the exit code.
fn conclude(report: &Report, shown: &str) -> Outcome {
    say(shown)?;
    Ok(report.verdict()?)
}

/// Runs one asynchronous command.
fn wait<T>(command: impl Future<Output = T>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .at(Exit::Failure, "cannot start the runtime")?;
    Ok(runtime.block_on(command))
}
