//! The genesis document: CometBFT's frame and the application state in the Cosmos SDK's JSON.
//!
//! Reading is strict. An unknown field, a duplicate, another chain's address, a supply that is not the
//! sum of its balances: each is an error that names the place, because a genesis that two nodes read
//! differently is a fork at height 1.

#[cfg(feature = "abci")]
pub mod abci;
mod auth;
mod bank;
mod beacon;
#[cfg(feature = "cli")]
pub mod cli;
mod consensus;
mod document;
mod emission;
mod error;
mod gov;
mod grants;
mod metadata;
#[cfg(feature = "cli")]
pub mod profile;
mod staking;
mod system;
mod text;
mod upgrade;
mod validator;
mod vesting;
mod wasm;

pub use auth::{Account, AuthGenesis, AuthParams, BaseAccount, ModuleAccount, PubKey};
pub use bank::{Balance, BankGenesis, BankParams, SendEnabled};
pub use beacon::{BeaconGenesis, BeaconParams, BeaconValidator, BeaconValue, PendingAnchor};
pub use consensus::{
    AbciParams, BlockParams, ConsensusParams, EvidenceParams, ValidatorParams, VersionParams,
};
pub use document::{AppState, Document, check_chain_id};
pub use emission::EmissionGenesis;
pub use error::{GenesisError, Result};
pub use gov::{GovCount, GovGenesis, GovPayout};
pub use grants::{AuthzGenesis, FeeGrant, FeegrantGenesis, GrantAuthorization};
pub use metadata::{DenomUnit, Metadata};
pub use staking::{Completion, HostDescription, StakingGenesis, WithdrawAddress};
pub use system::{GenTx, HookGas, SystemAddress, SystemContract, SystemGenesis, SystemValidator, predict};
pub use upgrade::{AppliedUpgrade, UpgradeGenesis};
pub use validator::{ConsensusKey, Validator};
pub use vesting::{
    BaseVestingAccount, ContinuousVestingAccount, LockedAccount, PeriodicVestingAccount, VestingPeriod,
};
pub use wasm::{
    AbsoluteTxPosition, AccessConfig, AccessType, Code, CodeInfo, Contract, ContractInfo, HistoryEntry,
    HistoryOperation, Model, Sequence, WasmGenesis, WasmParams,
};
