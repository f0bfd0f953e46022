//! `quernd tx`: building, signing and sending transactions.

mod bank;
mod factory;
mod file;
mod flags;
mod send;
mod signer;
mod wasm;

use std::path::Path;

pub use flags::TxFlags;

use crate::Result;

/// Commands of `quernd tx`.
#[derive(Clone, Debug, clap::Args)]
pub struct TxCommand {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Signer, node, fee and gas.
    #[command(flatten)]
    pub flags: TxFlags,
}

/// One command of `quernd tx`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Move coins
    Bank {
        /// What to do.
        #[command(subcommand)]
        command: bank::Command,
    },
    /// Store, instantiate, execute and migrate contracts
    Wasm {
        /// What to do.
        #[command(subcommand)]
        command: wasm::Command,
    },
    /// Sign a transaction made with --generate-only
    Sign(file::FileArg),
    /// Send a signed transaction
    Broadcast(file::FileArg),
    /// Print a transaction's bytes in base64
    Encode(file::FileArg),
    /// Print the JSON of a transaction's bytes
    Decode {
        /// Bytes in base64
        bytes: String,
        /// The bytes are hexadecimal
        #[arg(short = 'x', long)]
        hex: bool,
    },
    /// Estimate the gas of a transaction
    Simulate(file::FileArg),
}

impl TxCommand {
    /// Runs the command and returns what to print.
    ///
    /// # Errors
    /// With the exit code of [`crate::Failure::exit_code`].
    pub async fn run(self, home: &Path) -> Result<String> {
        let flags = &self.flags;
        match self.command {
            Command::Bank { command } => {
                let signer = flags.signer(home)?;
                send::send(flags, home, &signer, vec![command.message(&signer.address)?]).await
            }
            Command::Wasm { command } => {
                let signer = flags.signer(home)?;
                send::send(flags, home, &signer, vec![command.message(&signer.address)?]).await
            }
            Command::Sign(file) => file::sign(flags, home, &file).await,
            Command::Broadcast(file) => file::broadcast(flags, home, &file).await,
            Command::Encode(file) => file::encode(&file),
            Command::Decode { bytes, hex } => file::decode(flags, &bytes, hex),
            Command::Simulate(file) => file::simulate(flags, home, &file).await,
        }
    }
}
