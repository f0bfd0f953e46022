//! `quernd tx`: building, signing and sending transactions.

mod append;
mod audits;
mod authz;
mod auxiliary;
mod bank;
mod bonding;
mod call;
mod factory;
mod feegrant;
mod file;
mod flags;
pub(crate) mod gentx;
mod gov;
#[cfg(test)]
mod grants_offline;
mod host;
mod multisign;
mod multisign_batch;
mod quote;
mod router;
#[cfg(test)]
mod sdk_files;
mod send;
mod session;
mod sign;
mod sign_doc;
mod signer;
mod signers;
mod staking;
mod terms;
mod validate;
mod vesting;
mod wasm;

use std::path::Path;

pub use flags::TxFlags;
pub(crate) use flags::home_chain;

use crate::{
    Failure, Result,
    system::{ContractFlags, System},
};
use call::Chain;
use send::Sent;

/// Commands of `quernd tx`.
#[derive(Clone, Debug, clap::Args)]
pub struct TxCommand {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Signer, node, fee and gas.
    #[command(flatten)]
    pub flags: TxFlags,
    /// Contracts.
    #[command(flatten)]
    pub contracts: ContractFlags,
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
    /// Coins behind hosts.
    #[command(flatten)]
    Bonding(bonding::Command),
    /// Pay of auditors, rewards of hosts.
    #[command(flatten)]
    Audits(audits::Command),
    /// What a QRN costs.
    #[command(flatten)]
    Quote(quote::Command),
    /// A host's record.
    #[command(flatten)]
    Host(host::Command),
    /// A router's record and bond.
    #[command(flatten)]
    Router(router::Command),
    /// Sessions.
    #[command(flatten)]
    Session(session::Command),
    /// Store, instantiate, execute and migrate contracts
    Wasm {
        /// What to do.
        #[command(subcommand)]
        command: wasm::Command,
    },
    /// Propose, deposit and vote
    Gov {
        /// What to do.
        #[command(subcommand)]
        command: gov::Command,
    },
    /// Delegate and undelegate, as in the Cosmos SDK
    Staking {
        /// What to do.
        #[command(subcommand)]
        command: staking::StakingCommand,
    },
    /// Withdraw rewards and commission, as in the Cosmos SDK
    Distribution {
        /// What to do.
        #[command(subcommand)]
        command: staking::DistributionCommand,
    },
    /// Unjail, as in the Cosmos SDK
    Slashing {
        /// What to do.
        #[command(subcommand)]
        command: staking::SlashingCommand,
    },
    /// Let others send messages for the signer, and send messages for others, as in the Cosmos SDK
    Authz {
        /// What to do.
        #[command(subcommand)]
        command: authz::Command,
    },
    /// Pay the fees of others, as in the Cosmos SDK
    Feegrant {
        /// What to do.
        #[command(subcommand)]
        command: feegrant::Command,
    },
    /// Make accounts whose coins become free over time, as in the Cosmos SDK
    Vesting {
        /// What to do.
        #[command(subcommand)]
        command: vesting::Command,
    },
    /// Sign a transaction made with --generate-only
    Sign(sign::SignArgs),
    /// Sign many transactions, one on each line
    SignBatch(sign::BatchArgs),
    /// Join the signatures of a multisig account's members
    #[command(visible_alias = "multi-sign")]
    Multisign(multisign::MultisignArgs),
    /// Join the signatures of a multisig account's members for many transactions, one on each line
    #[command(visible_alias = "multi-sign-batch")]
    MultisignBatch(multisign_batch::BatchArgs),
    /// Pay the fee of what another account signed with --aux, and send it
    AuxToFee(file::FileArg),
    /// Check the signatures of a transaction
    ValidateSignatures(file::FileArg),
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
    pub async fn run(mut self, home: &Path) -> Result<String> {
        match &mut self.command {
            Command::Bank { command } => command.take_from(&mut self.flags.from),
            Command::Feegrant { command } => command.take_from(&mut self.flags.from),
            _ => {}
        }
        let flags = &self.flags;
        match &self.command {
            Command::Sign(args) => sign::sign(flags, home, args).await,
            Command::SignBatch(args) => sign::sign_batch(flags, home, args).await,
            Command::Multisign(args) => multisign::multisign(flags, home, args).await,
            Command::MultisignBatch(args) => multisign_batch::multisign_batch(flags, home, args).await,
            Command::AuxToFee(file) => auxiliary::to_fee(flags, home, file).await?.show(flags),
            Command::ValidateSignatures(file) => validate::validate_signatures(flags, home, file).await,
            Command::Broadcast(file) => file::broadcast(flags, home, file).await,
            Command::Encode(file) => file::encode(file),
            Command::Decode { bytes, hex } => file::decode(flags, bytes, *hex),
            Command::Simulate(file) => file::simulate(flags, home, file).await,
            _ => self.send(home).await,
        }
    }

    async fn send(&self, home: &Path) -> Result<String> {
        let flags = &self.flags;
        let signer = flags.signer(home)?;
        let contracts = self.contracts.contracts();
        let node = match flags.offline {
            true => None,
            false => Some(flags.node.connect(home)?),
        };
        let chain = Chain {
            node: node.as_ref(),
            contracts: &contracts,
        };
        let from = &signer.address;
        let message = match &self.command {
            Command::Distribution { command } => {
                let messages = command.messages(from)?;
                return send::send(flags, home, node.as_ref(), &signer, messages)
                    .await?
                    .show(flags);
            }
            Command::Bonding(command) => command.call()?.message(&contracts, from)?,
            Command::Audits(command) => command.call()?.message(&contracts, from)?,
            Command::Quote(command) => command.call()?.message(&contracts, from)?,
            Command::Host(command) => command.call(&chain).await?.message(&contracts, from)?,
            Command::Router(command) => command.call(from, &chain).await?.message(&contracts, from)?,
            Command::Session(command) => command.call(&chain).await?.message(&contracts, from)?,
            Command::Bank { command } => command.message(from)?,
            Command::Wasm { command } => command.message(from)?,
            Command::Gov { command } => command.message(from)?,
            Command::Staking { command } => command.message(from)?,
            Command::Slashing { command } => command.message(from),
            Command::Authz { command } => command.message(from, terms::now())?,
            Command::Feegrant { command } => command.message(from, terms::now())?,
            Command::Vesting { command } => command.message(from, terms::now())?,
            _ => return Err(Failure::Usage("this command sends no messages".into())),
        };
        let sent = send::send(flags, home, node.as_ref(), &signer, vec![message]).await?;
        match (&self.command, sent) {
            (Command::Session(command), Sent::Response(done)) if command.opens() => {
                send::show_session(flags, &done, contracts.of(System::Settlement))
            }
            (_, sent) => sent.show(flags),
        }
    }
}
