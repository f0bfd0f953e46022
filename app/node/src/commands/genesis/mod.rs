//! `quernd genesis`: from an empty document to one that a network can start from.

mod add_system;
mod collect;
mod gentx;
mod ground;
mod validate;

use std::path::PathBuf;

use quern_genesis::{GenesisError, cli::GenesisCommand as DocumentCommand};

use crate::exit::{Exit, Failure, Outcome};
use crate::home::Home;

pub use add_system::AddSystemArgs;
pub use collect::CollectArgs;

/// Commands of `quernd genesis`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum GenesisCommand {
    /// Commands over the document alone.
    #[command(flatten)]
    Document(DocumentCommand),
    /// Put the chain's own contracts into genesis; validators then come from gentx transactions
    AddSystem(AddSystemArgs),
    /// Sign the transaction with which this node's host registers and bonds in genesis
    Gentx(Box<gentx::GentxCommand>),
    /// Merge the gentx files into genesis, trying the chain's start
    #[command(visible_alias = "collect-gentxs")]
    Collect(CollectArgs),
}

/// Runs one command and returns what to print.
///
/// # Errors
/// On a bad argument or file; nothing is changed then.
pub fn run(command: GenesisCommand, home: &Home) -> Outcome<String> {
    let elsewhere = matches!(
        &command,
        GenesisCommand::Document(DocumentCommand::Validate { file: Some(_) })
    );
    if !elsewhere {
        home.must_have(&home.genesis())?;
    }
    match command {
        GenesisCommand::Document(DocumentCommand::Validate { file }) => {
            let file: PathBuf = file.unwrap_or_else(|| home.genesis());
            validate::validate(&file)
        }
        GenesisCommand::Document(mut command) => {
            if let DocumentCommand::AddAccount(args) = &mut command {
                // in QRN as everywhere else: they would be coins of another name
                let coins = quern_wallet::coins(&args.coins).map_err(|error| {
                    let text =
                        format!("{error}; write for example 1000000nqrn or 5qrn, each denomination once");
                    Failure::new(Exit::Usage, text)
                })?;
                args.coins = coins.to_string();
            }
            quern_genesis::cli::run(command, home.root()).map_err(|error| match error {
                GenesisError::Usage(text) => Failure::new(Exit::Usage, text),
                error => Failure::new(Exit::BadFile, error.to_string()),
            })
        }
        GenesisCommand::AddSystem(args) => add_system::add_system(&args, home),
        GenesisCommand::Gentx(command) => gentx::gentx(&command, home),
        GenesisCommand::Collect(args) => collect::collect(&args, home),
    }
}
