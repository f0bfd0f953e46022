//! Queries that a contract asks, and answers that the chain builds for them.

use cosmwasm_std::{Binary, HexBinary};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{WireCoin, is_empty, nullable};

/// One query. The first set field counts, in the order of the fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct QueryRequest {
    /// Bank.
    pub bank: Option<BankQuery>,
    /// A chain's own; this chain has none.
    pub custom: Option<IgnoredAny>,
    /// IBC.
    pub ibc: Option<IbcQuery>,
    /// Staking.
    pub staking: Option<StakingQuery>,
    /// A gRPC query answered in JSON.
    pub stargate: Option<PathQuery>,
    /// A gRPC query answered in protobuf.
    pub grpc: Option<PathQuery>,
    /// Contracts.
    pub wasm: Option<WasmQuery>,
    /// Distribution.
    pub distribution: Option<DistributionQuery>,
}

macro_rules! variants {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        pub struct $name { $($(#[$field_doc])* pub $field: Option<$ty>,)* }
    };
}

macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        pub struct $name { $($(#[$field_doc])* #[serde(deserialize_with = "nullable")] pub $field: $ty,)* }
    };
}

variants! {
    /// Bank queries.
    BankQuery {
        /// All of an address.
        all_balances: Address,
        /// One balance.
        balance: Balance,
        /// Supply of a denomination.
        supply: Denom,
        /// Metadata of a denomination.
        denom_metadata: Denom,
        /// Metadata of all.
        all_denom_metadata: AllDenomMetadataQuery,
    }
}

fields! {
    /// Names an address.
    Address {
        /// Bech32.
        address: String,
    }
}

fields! {
    /// Names a balance.
    Balance {
        /// Bech32.
        address: String,
        /// Denomination.
        denom: String,
    }
}

fields! {
    /// Names a denomination.
    Denom {
        /// Denomination.
        denom: String,
    }
}

variants! {
    /// A page of metadata.
    AllDenomMetadataQuery {
        /// Which page.
        pagination: Page,
    }
}

fields! {
    /// Which page.
    Page {
        /// Where to go on.
        key: Binary,
        /// How many.
        limit: u32,
        /// From the end.
        reverse: bool,
    }
}

fields! {
    /// A gRPC query.
    PathQuery {
        /// Encoded request.
        data: Binary,
        /// For example `/cosmos.bank.v1beta1.Query/Balance`.
        path: String,
    }
}

variants! {
    /// Queries of contracts.
    WasmQuery {
        /// Asks a contract.
        smart: Smart,
        /// Reads a contract's state.
        raw: Raw,
        /// Facts of a contract.
        contract_info: Contract,
        /// Facts of a code.
        code_info: Code,
        /// Reads a range of a contract's state.
        raw_range: RawRange,
    }
}

fields! {
    /// Asks a contract.
    Smart {
        /// Bech32.
        contract_addr: String,
        /// JSON.
        msg: Binary,
    }
}

fields! {
    /// Reads a contract's state.
    Raw {
        /// Bech32.
        contract_addr: String,
        /// Key; absent finds nothing.
        key: Option<Binary>,
    }
}

fields! {
    /// Names a contract.
    Contract {
        /// Bech32.
        contract_addr: String,
    }
}

fields! {
    /// Names a code.
    Code {
        /// Code.
        code_id: u64,
    }
}

fields! {
    /// Reads a range of a contract's state.
    RawRange {
        /// Bech32.
        contract_addr: String,
        /// First key, inclusive.
        start: Option<Binary>,
        /// End, exclusive.
        end: Option<Binary>,
        /// Most entries.
        limit: u16,
        /// `ascending` or `descending`.
        order: String,
    }
}

variants! {
    /// Queries of IBC.
    IbcQuery {
        /// The contract's own port.
        port_id: IgnoredAny,
        /// Channels of a port.
        list_channels: IgnoredAny,
        /// One channel.
        channel: IgnoredAny,
    }
}

variants! {
    /// Queries of staking.
    StakingQuery {
        /// The coin that is staked.
        bonded_denom: IgnoredAny,
        /// All bonded validators.
        all_validators: IgnoredAny,
        /// One validator.
        validator: Address,
        /// Delegations of an address.
        all_delegations: Delegation,
        /// One delegation.
        delegation: Delegation,
    }
}

fields! {
    /// Names a delegation.
    Delegation {
        /// Bech32.
        delegator: String,
        /// Operator address.
        validator: String,
    }
}

variants! {
    /// Queries of distribution.
    DistributionQuery {
        /// Where rewards go.
        delegator_withdraw_address: Delegator,
        /// Rewards of one delegation.
        delegation_rewards: RewardsOf,
        /// Rewards of all delegations.
        delegation_total_rewards: Delegator,
        /// Validators of a delegator.
        delegator_validators: Delegator,
    }
}

fields! {
    /// Names a delegator.
    Delegator {
        /// Bech32.
        delegator_address: String,
    }
}

fields! {
    /// Names a delegation.
    RewardsOf {
        /// Bech32.
        delegator_address: String,
        /// Operator address.
        validator_address: String,
    }
}

/// One coin.
#[derive(Debug, Serialize)]
pub struct Amount {
    /// The coin.
    pub amount: WireCoin,
}

/// Several coins.
#[derive(Debug, Serialize)]
pub struct AllBalances {
    /// The coins.
    pub amount: Vec<WireCoin>,
}

/// Metadata of one denomination.
#[derive(Debug, Serialize)]
pub struct DenomMetadataAnswer {
    /// The metadata.
    pub metadata: DenomMetadata,
}

/// A page of metadata.
#[derive(Debug, Serialize)]
pub struct AllDenomMetadata {
    /// The metadata.
    pub metadata: Vec<DenomMetadata>,
    /// Where to go on.
    #[serde(skip_serializing_if = "is_empty")]
    pub next_key: Binary,
}

/// How a denomination is shown.
#[derive(Debug, Serialize)]
#[allow(missing_docs)] // the bank module documents these fields
pub struct DenomMetadata {
    pub description: String,
    pub denom_units: Vec<DenomUnit>,
    pub base: String,
    pub display: String,
    pub name: String,
    pub symbol: String,
    pub uri: String,
    pub uri_hash: String,
}

/// A unit of a denomination.
#[derive(Debug, Serialize)]
#[allow(missing_docs)] // the bank module documents these fields
pub struct DenomUnit {
    pub denom: String,
    pub exponent: u32,
    pub aliases: Vec<String>,
}

/// Facts of a contract.
#[derive(Debug, Serialize)]
pub struct ContractInfoAnswer {
    /// Code.
    pub code_id: u64,
    /// Bech32.
    pub creator: String,
    /// Bech32, if there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub admin: String,
    /// Whether the code is kept in memory.
    pub pinned: bool,
    /// Port, if it speaks IBC.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ibc_port: String,
    /// Port of IBC version 2.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ibc2_port: String,
}

/// Facts of a code.
#[derive(Debug, Serialize)]
pub struct CodeInfoAnswer {
    /// Code.
    pub code_id: u64,
    /// Bech32.
    pub creator: String,
    /// SHA-256 of the code.
    pub checksum: HexBinary,
}

/// A range of a contract's state.
#[derive(Debug, Serialize)]
pub struct RawRangeAnswer {
    /// Keys and values.
    pub data: Vec<(Binary, Binary)>,
    /// Where to go on.
    pub next_key: Option<Binary>,
}
