//! What a contract is told about its call.

use cosmwasm_std::Binary;
use quern_types::{Coin, Coins};
use serde::{Deserialize, Serialize};

/// Block, transaction and contract.
#[derive(Debug, Serialize)]
pub struct Env {
    /// The block.
    pub block: BlockInfo,
    /// The transaction; absent in hooks, queries and simulation.
    pub transaction: Option<TxInfo>,
    /// The contract itself.
    pub contract: ContractRef,
}

/// Facts of the block.
#[derive(Debug, Serialize)]
pub struct BlockInfo {
    /// Height.
    pub height: u64,
    /// Nanoseconds since the Unix epoch, as text.
    pub time: String,
    /// Chain identifier.
    pub chain_id: String,
}

/// Facts of the transaction.
#[derive(Debug, Serialize)]
pub struct TxInfo {
    /// Position among the block's transactions that passed the ante handler.
    pub index: u32,
    /// SHA-256 of its bytes.
    pub hash: Binary,
}

/// A contract by its address.
#[derive(Debug, Serialize)]
pub struct ContractRef {
    /// Bech32.
    pub address: String,
}

/// Who calls and what came with the call.
#[derive(Debug, Serialize)]
pub struct MessageInfo {
    /// Bech32.
    pub sender: String,
    /// Coins that the contract has already received.
    pub funds: Vec<WireCoin>,
}

/// What a migration is told of its past.
#[derive(Debug, Serialize)]
pub struct MigrateInfo {
    /// Bech32.
    pub sender: String,
    /// Version of the state that the old code declares.
    pub old_migrate_version: Option<u64>,
}

/// A coin as contracts write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireCoin {
    /// Denomination.
    #[serde(default)]
    pub denom: String,
    /// Decimal amount.
    #[serde(default)]
    pub amount: String,
}

impl WireCoin {
    /// All of `coins`.
    pub fn list(coins: &Coins) -> Vec<Self> {
        coins.iter().map(Self::from).collect()
    }
}

impl From<&Coin> for WireCoin {
    fn from(coin: &Coin) -> Self {
        Self {
            denom: coin.denom.to_string(),
            amount: coin.amount.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_env_has_wasmvms_bytes() {
        let env = Env {
            block: BlockInfo {
                height: 7,
                time: "1".into(),
                chain_id: "quern-1".into(),
            },
            transaction: None,
            contract: ContractRef {
                address: "quern1x".into(),
            },
        };
        assert_eq!(
            crate::json::to_vec(&env).unwrap(),
            br#"{"block":{"height":7,"time":"1","chain_id":"quern-1"},"transaction":null,"contract":{"address":"quern1x"}}"#
        );
    }
}
