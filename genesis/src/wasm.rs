//! `app_state.wasm`: stored code and contracts.

use quern_types::AccAddress;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Result,
    error::{invalid, no_duplicates},
    text,
};

/// `cosmwasm.wasm.v1.GenesisState`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WasmGenesis {
    /// Who may upload and instantiate.
    pub params: WasmParams,
    /// Stored code.
    #[serde(default)]
    pub codes: Vec<Code>,
    /// Contracts with their state.
    #[serde(default)]
    pub contracts: Vec<Contract>,
    /// Counters.
    #[serde(default)]
    pub sequences: Vec<Sequence>,
}

/// `cosmwasm.wasm.v1.Params`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WasmParams {
    /// Who may upload code.
    pub code_upload_access: AccessConfig,
    /// Who may instantiate code that does not say so itself.
    pub instantiate_default_permission: AccessType,
}

/// `cosmwasm.wasm.v1.AccessType`, in the names of wasmd's JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessType {
    /// Nobody.
    Nobody,
    /// Everybody, the default.
    #[default]
    Everybody,
    /// The listed addresses.
    AnyOfAddresses,
}

/// `cosmwasm.wasm.v1.AccessConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessConfig {
    /// Kind.
    pub permission: AccessType,
    /// Empty unless the kind is `AnyOfAddresses`.
    #[serde(default, with = "text::addresses")]
    pub addresses: Vec<AccAddress>,
}

/// `cosmwasm.wasm.v1.Code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// Identifier, from 1.
    #[serde(with = "text::int")]
    pub code_id: u64,
    /// Creator and checksum.
    pub code_info: CodeInfo,
    /// WebAssembly module.
    #[serde(with = "text::base64")]
    pub code_bytes: Vec<u8>,
    /// Whether its compiled form stays in memory.
    #[serde(default)]
    pub pinned: bool,
}

/// `cosmwasm.wasm.v1.CodeInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeInfo {
    /// SHA-256 of the module.
    #[serde(with = "text::base64")]
    pub code_hash: [u8; 32],
    /// Who uploaded it.
    #[serde(with = "text::address")]
    pub creator: AccAddress,
    /// Who may instantiate it.
    pub instantiate_config: AccessConfig,
}

/// `cosmwasm.wasm.v1.Contract` of the genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Address.
    #[serde(with = "text::address")]
    pub contract_address: AccAddress,
    /// Creator, admin, label.
    pub contract_info: ContractInfo,
    /// Storage of the contract, by rising key.
    pub contract_state: Vec<Model>,
    /// Code that it ran, oldest first.
    pub contract_code_history: Vec<HistoryEntry>,
}

/// `cosmwasm.wasm.v1.ContractInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractInfo {
    /// Code that it runs.
    #[serde(with = "text::int")]
    pub code_id: u64,
    /// Who instantiated it.
    #[serde(with = "text::address")]
    pub creator: AccAddress,
    /// Who may migrate it, if anybody.
    #[serde(with = "text::optional_address")]
    pub admin: Option<AccAddress>,
    /// Name for people.
    pub label: String,
    /// When it was instantiated.
    pub created: Option<AbsoluteTxPosition>,
    /// Always empty: IBC comes later.
    #[serde(default)]
    pub ibc_port_id: String,
    /// Always empty: IBC comes later.
    #[serde(default)]
    pub ibc2_port_id: String,
    /// Always null.
    #[serde(default)]
    pub extension: (),
}

/// `cosmwasm.wasm.v1.AbsoluteTxPosition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbsoluteTxPosition {
    /// Height.
    #[serde(with = "text::int")]
    pub block_height: u64,
    /// Index in the block.
    #[serde(with = "text::int")]
    pub tx_index: u64,
}

/// `cosmwasm.wasm.v1.Model`: one entry of a contract's storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Key.
    #[serde(with = "text::hex_upper")]
    pub key: Vec<u8>,
    /// Value.
    #[serde(with = "text::base64")]
    pub value: Vec<u8>,
}

/// `cosmwasm.wasm.v1.ContractCodeHistoryEntry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryEntry {
    /// What happened.
    pub operation: HistoryOperation,
    /// Code from then on.
    #[serde(with = "text::int")]
    pub code_id: u64,
    /// When.
    pub updated: Option<AbsoluteTxPosition>,
    /// Message that it was done with, as JSON.
    pub msg: serde_json::Value,
}

/// `cosmwasm.wasm.v1.ContractCodeHistoryOperationType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HistoryOperation {
    /// Instantiated.
    #[serde(rename = "CONTRACT_CODE_HISTORY_OPERATION_TYPE_INIT")]
    Init,
    /// Migrated.
    #[serde(rename = "CONTRACT_CODE_HISTORY_OPERATION_TYPE_MIGRATE")]
    Migrate,
    /// Imported at genesis.
    #[serde(rename = "CONTRACT_CODE_HISTORY_OPERATION_TYPE_GENESIS")]
    Genesis,
}

/// `cosmwasm.wasm.v1.Sequence`: a counter by its store key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// Store key.
    #[serde(with = "text::base64")]
    pub id_key: Vec<u8>,
    /// Next value.
    #[serde(with = "text::int")]
    pub value: u64,
}

impl WasmGenesis {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// A duplicate, a checksum that is not the code's, a contract without its code.
    pub fn validate(&self) -> Result<()> {
        let at = "app_state.wasm";
        self.params
            .code_upload_access
            .validate(&format!("{at}.params.code_upload_access"))?;
        if self.params.instantiate_default_permission == AccessType::AnyOfAddresses {
            let reason = "a default cannot list addresses";
            return Err(invalid(
                format!("{at}.params.instantiate_default_permission"),
                reason,
            ));
        }
        no_duplicates(&format!("{at}.codes"), self.codes.iter().map(|c| c.code_id))?;
        no_duplicates(
            &format!("{at}.contracts"),
            self.contracts.iter().map(|c| &c.contract_address),
        )?;
        no_duplicates(
            &format!("{at}.sequences"),
            self.sequences.iter().map(|s| &s.id_key),
        )?;
        for (i, code) in self.codes.iter().enumerate() {
            let at = format!("{at}.codes[{i}]");
            if code.code_id == 0 {
                return Err(invalid(at, "code_id must be positive"));
            }
            if Sha256::digest(&code.code_bytes)[..] != code.code_info.code_hash {
                return Err(invalid(at, "code_hash is not the SHA-256 of code_bytes"));
            }
            code.code_info
                .instantiate_config
                .validate(&format!("{at}.code_info.instantiate_config"))?;
        }
        for (i, contract) in self.contracts.iter().enumerate() {
            let at = format!("{at}.contracts[{i}]");
            if !self
                .codes
                .iter()
                .any(|c| c.code_id == contract.contract_info.code_id)
            {
                return Err(invalid(at, "its code is not among the codes"));
            }
            if contract.contract_code_history.is_empty() {
                return Err(invalid(at, "contract_code_history is empty"));
            }
            no_duplicates(
                &format!("{at}.contract_state"),
                contract.contract_state.iter().map(|m| &m.key),
            )?;
        }
        Ok(())
    }
}

impl AccessConfig {
    fn validate(&self, at: &str) -> Result<()> {
        let listed = self.permission == AccessType::AnyOfAddresses;
        if listed == self.addresses.is_empty() {
            return Err(invalid(
                at,
                "addresses belong to AnyOfAddresses, and to nothing else",
            ));
        }
        no_duplicates(at, &self.addresses)
    }
}
