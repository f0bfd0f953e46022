//! `quernd query`.

mod audits;
mod auth;
mod bank;
mod bonds;
mod chain;
mod gov;
mod hosts;
mod list;
mod modules;
mod prices;
mod rewards;
mod sessions;
mod totals;
mod wasm;
mod weights;

use std::path::Path;

pub(crate) use chain::tx_response;
use modules::Module;
pub(crate) use sessions::status;

use crate::{
    Result,
    node::NodeFlag,
    output::OutputFlag,
    system::{Asker, ContractFlags},
};

/// Commands of `quernd query`.
#[derive(Clone, Debug, clap::Args)]
pub struct QueryCommand {
    /// What to ask.
    #[command(subcommand)]
    pub command: Command,
    /// Node.
    #[command(flatten)]
    pub node: NodeFlag,
    /// Output format.
    #[command(flatten)]
    pub output: OutputFlag,
    /// State after this block; 0 for the latest
    #[arg(
        long,
        value_name = "HEIGHT",
        default_value_t = 0,
        hide_default_value = true,
        global = true
    )]
    pub height: u64,
    /// Contracts.
    #[command(flatten)]
    pub contracts: ContractFlags,
}

/// One command of `quernd query`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Hosts, models, groups, routers.
    #[command(flatten)]
    Hosts(hosts::Command),
    /// Bonds, positions, slashes.
    #[command(flatten)]
    Bonds(bonds::Command),
    /// Sessions, batches, faults.
    #[command(flatten)]
    Sessions(sessions::Command),
    /// Audits and evidence.
    #[command(flatten)]
    Audits(audits::Command),
    /// Proof of compute and weights.
    #[command(flatten)]
    Weights(weights::Command),
    /// Prices.
    #[command(flatten)]
    Prices(prices::Command),
    /// Rewards and emission.
    #[command(flatten)]
    Rewards(rewards::Command),
    /// Totals, parameters, addresses.
    #[command(flatten)]
    Totals(totals::Command),
    /// Accounts
    Auth {
        /// What to ask.
        #[command(subcommand)]
        command: auth::Command,
    },
    /// Coins
    Bank {
        /// What to ask.
        #[command(subcommand)]
        command: bank::Command,
    },
    /// Contracts
    Wasm {
        /// What to ask.
        #[command(subcommand)]
        command: wasm::Command,
    },
    /// Proposals, deposits and votes
    Gov {
        /// What to ask.
        #[command(subcommand)]
        command: gov::Command,
    },
    /// Software upgrades
    Upgrade {
        /// What to ask.
        #[command(subcommand)]
        command: gov::UpgradeCommand,
    },
    /// Hosts as validators, delegations
    #[command(after_help = modules::Module::Staking.help())]
    Staking(modules::ModuleArgs),
    /// Rewards, commission, slashes of a validator
    #[command(after_help = modules::Module::Distribution.help())]
    Distribution(modules::ModuleArgs),
    /// Who signs, and who is in jail
    #[command(after_help = modules::Module::Slashing.help())]
    Slashing(modules::ModuleArgs),
    /// What is minted
    #[command(after_help = modules::Module::Mint.help())]
    Mint(modules::ModuleArgs),
    /// Double votes
    #[command(name = "misbehavior", after_help = modules::Module::Evidence.help())]
    Misbehaviour(modules::ModuleArgs),
    /// Grants of messages
    #[command(after_help = modules::Module::Authz.help())]
    Authz(modules::ModuleArgs),
    /// Allowances for fees
    #[command(after_help = modules::Module::Feegrant.help())]
    Feegrant(modules::ModuleArgs),
    /// Consensus parameters
    Consensus {
        /// What to ask.
        #[command(subcommand)]
        command: chain::ConsensusCommand,
    },
    /// A transaction, once it is in a block
    #[command(alias = "event-query-tx-for")]
    WaitTx {
        /// 64 hexadecimal digits
        hash: String,
        /// Longest wait, for example 15s
        #[arg(long, default_value = "15s")]
        timeout: String,
    },
    /// Transactions by their events
    Txs {
        /// For example "message.sender='quern1...' AND tx.height>5"
        #[arg(long)]
        query: String,
        /// Page, from 1
        #[arg(long, default_value_t = 1)]
        page: u32,
        /// Transactions of a page, up to 100
        #[arg(long, default_value_t = 30)]
        limit: u8,
        /// asc or desc
        #[arg(long, alias = "order_by", default_value = "asc", value_parser = ["asc", "desc"])]
        order_by: String,
    },
    /// A transaction by its hash
    Tx {
        /// 64 hexadecimal digits
        hash: String,
    },
    /// A block
    Block {
        /// Height, else the latest; with --type hash 64 hexadecimal digits
        block: Option<String>,
        /// What names the block
        #[arg(long = "type", default_value = "height", value_parser = ["height", "hash"])]
        by: String,
    },
    /// What a block's execution answered: events, updates of validators
    BlockResults {
        /// Height, else the latest
        block: Option<u32>,
    },
    /// A value of the state by its key, with a proof on request
    Store {
        /// Name of the store
        store: String,
        /// Key in hexadecimal
        key: String,
        /// Ask for the proof
        #[arg(long)]
        prove: bool,
    },
}

/// Which part of a long list to show.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PageFlags {
    /// Most entries; 0 for the node's default of 100
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    limit: u64,
    /// Entries to skip
    #[arg(
        long,
        default_value_t = 0,
        hide_default_value = true,
        conflicts_with = "page_key"
    )]
    offset: u64,
    /// The `next_key` of the answer before
    #[arg(long, value_name = "BASE64")]
    page_key: Option<String>,
    /// Count all entries
    #[arg(long)]
    count_total: bool,
    /// Last entries first
    #[arg(long)]
    reverse: bool,
}

impl PageFlags {
    pub(crate) fn request(&self) -> Result<Option<quern_proto::cosmos::base::query::v1beta1::PageRequest>> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let key = match &self.page_key {
            Some(text) => STANDARD.decode(text).map_err(crate::failure::usage)?,
            None => Vec::new(),
        };
        Ok(Some(quern_proto::cosmos::base::query::v1beta1::PageRequest {
            key,
            offset: self.offset,
            limit: self.limit,
            count_total: self.count_total,
            reverse: self.reverse,
        }))
    }
}

impl QueryCommand {
    /// Runs the command and returns what to print.
    ///
    /// # Errors
    /// With the exit code of [`crate::Failure::exit_code`].
    pub async fn run(self, home: &Path) -> Result<String> {
        let node = self.node.connect(home)?;
        let format = self.output.output;
        let contracts = self.contracts.contracts();
        let asker = Asker {
            node: &node,
            contracts: &contracts,
            height: self.height,
        };
        let json = match self.command {
            Command::Hosts(command) => return command.run(&asker, format).await,
            Command::Bonds(command) => return command.run(&asker, format).await,
            Command::Sessions(command) => return command.run(&asker, format).await,
            Command::Audits(command) => return command.run(&asker, format).await,
            Command::Weights(command) => return command.run(&asker, format).await,
            Command::Prices(command) => return command.run(&asker, format).await,
            Command::Rewards(command) => return command.run(&asker, format).await,
            Command::Totals(command) => return command.run(&asker, format).await,
            Command::Auth { command } => command.run(&node, self.height).await?,
            Command::Bank { command } => command.run(&node, self.height).await?,
            Command::Wasm { command } => command.run(&node, self.height).await?,
            Command::Gov { command } => command.run(&node, self.height).await?,
            Command::Upgrade { command } => command.run(&node, self.height).await?,
            Command::Staking(args) => args.run(Module::Staking, &node, self.height).await?,
            Command::Distribution(args) => args.run(Module::Distribution, &node, self.height).await?,
            Command::Slashing(args) => args.run(Module::Slashing, &node, self.height).await?,
            Command::Mint(args) => args.run(Module::Mint, &node, self.height).await?,
            Command::Misbehaviour(args) => args.run(Module::Evidence, &node, self.height).await?,
            Command::Authz(args) => args.run(Module::Authz, &node, self.height).await?,
            Command::Feegrant(args) => args.run(Module::Feegrant, &node, self.height).await?,
            Command::Consensus { command } => command.run(&node, self.height).await?,
            Command::Tx { hash } => chain::tx(&node, &hash).await?,
            Command::WaitTx { hash, timeout } => chain::wait_tx(&node, &hash, &timeout).await?,
            Command::Txs {
                query,
                page,
                limit,
                order_by,
            } => chain::txs(&node, &query, (page, limit), order_by == "desc").await?,
            Command::Block { block, by } => chain::block(&node, block, by == "hash").await?,
            Command::BlockResults { block } => chain::block_results(&node, block).await?,
            Command::Store { store, key, prove } => {
                chain::store(&node, &store, &key, self.height, prove).await?
            }
        };
        Ok(format.show(&json))
    }
}
