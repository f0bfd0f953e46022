//! Flags that every transaction command takes, named as operators of Cosmos SDK chains know them.

use std::path::{Path, PathBuf};

use quern_types::{AccAddress, Coins};

use crate::{
    Failure, Result,
    amount::{Decimal, GasPrices},
    node::NodeFlag,
    output::OutputFlag,
    password::PasswordFlags,
};

/// `--gas`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gas {
    /// Simulate first.
    Auto,
    /// This limit.
    Limit(u64),
}

impl std::str::FromStr for Gas {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => text
                .parse()
                .map(Self::Limit)
                .map_err(|_| "write a number or auto".to_owned()),
        }
    }
}

/// `--broadcast-mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum BroadcastMode {
    /// Wait for the mempool's check
    #[default]
    Sync,
    /// Do not wait
    Async,
}

/// `--sign-mode`: what a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// The transaction's bytes
    Direct,
    /// The transaction as JSON, as Ledgers and multisig accounts sign it
    AminoJson,
    /// All but the fee and the other signers: for one whom another account pays the fee
    DirectAux,
}

/// Flags that every transaction command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct TxFlags {
    /// Name or address of the signing key
    #[arg(long, value_name = "KEY", global = true)]
    pub from: Option<String>,
    /// Chain that the signature is for [default: the one of the home's genesis]
    #[arg(long, value_name = "ID", env = "QUERN_CHAIN_ID", global = true)]
    pub chain_id: Option<String>,
    /// Node.
    #[command(flatten)]
    pub node: NodeFlag,
    /// Fee, for example 5000nqrn
    #[arg(long, value_name = "COINS", global = true, conflicts_with = "gas_prices")]
    pub fees: Option<String>,
    /// Price of one unit of gas, for example 0.025nqrn
    #[arg(long, value_name = "PRICES", global = true)]
    pub gas_prices: Option<GasPrices>,
    /// Gas limit, or auto to simulate
    #[arg(long, value_name = "auto|N", default_value = "200000", global = true)]
    pub gas: Gas,
    /// Factor on the simulated gas
    #[arg(long, value_name = "FACTOR", default_value = "1.3", global = true)]
    pub gas_adjustment: Decimal,
    /// Account that pays the fee and signs too, instead of the signer
    #[arg(long, value_name = "ADDRESS", value_parser = crate::system::account, global = true)]
    pub fee_payer: Option<AccAddress>,
    /// Account that granted the payer an allowance for fees
    #[arg(long, value_name = "ADDRESS", value_parser = crate::system::account, global = true)]
    pub fee_granter: Option<AccAddress>,
    /// What the signature covers [default: direct; amino-json for a multisig account; direct-aux with --aux]
    #[arg(long, value_enum, global = true)]
    pub sign_mode: Option<Mode>,
    /// Text in the transaction, public
    #[arg(
        long,
        alias = "note",
        default_value = "",
        hide_default_value = true,
        global = true
    )]
    pub memo: String,
    /// Refuse execution above this height; 0 for never
    #[arg(
        long,
        value_name = "HEIGHT",
        default_value_t = 0,
        hide_default_value = true,
        global = true
    )]
    pub timeout_height: u64,
    /// Sequence of the signer, else asked from the node
    #[arg(short, long, value_name = "N", global = true)]
    pub sequence: Option<u64>,
    /// Account number of the signer, else asked from the node
    #[arg(short, long, value_name = "N", global = true)]
    pub account_number: Option<u64>,
    /// Ask no node; needs --chain-id, --sequence and --account-number to sign
    #[arg(long, global = true)]
    pub offline: bool,
    /// Print the unsigned transaction and stop
    #[arg(long, global = true)]
    pub generate_only: bool,
    /// Sign all but the fee, print that for `tx aux-to-fee` of who pays it, and stop
    #[arg(
        long,
        global = true,
        conflicts_with_all = ["generate_only", "fees", "gas_prices", "fee_payer", "fee_granter"]
    )]
    pub aux: bool,
    /// Print the simulated gas and stop
    #[arg(long, global = true, conflicts_with_all = ["offline", "generate_only", "aux"])]
    pub dry_run: bool,
    /// How to send
    #[arg(short, long, value_enum, default_value_t, global = true)]
    pub broadcast_mode: BroadcastMode,
    /// Wait until the transaction is in a block, at most this long [default: 30 s if given]
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "30",
        global = true
    )]
    pub wait: Option<u64>,
    /// Do not ask before sending
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Folder of the keyring [default: HOME/keyring]
    #[arg(long, value_name = "DIR", global = true)]
    pub keyring_dir: Option<PathBuf>,
    /// Where the password comes from.
    #[command(flatten)]
    pub password: PasswordFlags,
    /// Output format.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl TxFlags {
    /// Fee for a gas limit.
    pub(crate) fn fee(&self, gas: u64) -> Result<Coins> {
        match (&self.fees, &self.gas_prices) {
            (Some(fees), _) => fees.parse().map_err(|e| Failure::Usage(format!("--fees: {e}"))),
            (None, Some(prices)) => prices.fee(gas),
            (None, None) => Ok(Coins::empty()),
        }
    }

    /// What a signature covers.
    pub(crate) fn mode(&self) -> Mode {
        self.sign_mode.unwrap_or(match self.aux {
            true => Mode::DirectAux,
            false => Mode::Direct,
        })
    }

    /// Chain that signatures are for. Never taken from the node alone: a node must not choose what a
    /// signature is valid for.
    pub(crate) fn chain(&self, home: &Path) -> Result<String> {
        self.chain_id
            .clone()
            .or_else(|| home_chain(home))
            .ok_or_else(|| Failure::Usage("which chain? Give --chain-id, or set QUERN_CHAIN_ID".into()))
    }
}

/// The chain of the home's genesis.
pub(crate) fn home_chain(home: &Path) -> Option<String> {
    let text = std::fs::read(home.join("config").join("genesis.json")).ok()?;
    let genesis: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Some(genesis.get("chain_id")?.as_str()?.to_owned())
}
