//! Between the genesis document and the wire's types, which the state holds.

use quern_genesis as document;
use quern_proto::cosmwasm::wasm::v1 as wire;
use quern_types::{AccAddress, Error, Result};

use crate::errors;

pub(super) fn to_wire(genesis: &document::WasmGenesis) -> wire::GenesisState {
    wire::GenesisState {
        params: Some(wire::Params {
            code_upload_access: Some(access_to_wire(&genesis.params.code_upload_access)),
            instantiate_default_permission: kind_to_wire(genesis.params.instantiate_default_permission),
        }),
        codes: genesis.codes.iter().map(code_to_wire).collect(),
        contracts: genesis.contracts.iter().map(contract_to_wire).collect(),
        sequences: genesis
            .sequences
            .iter()
            .map(|s| wire::Sequence {
                id_key: s.id_key.clone(),
                value: s.value,
            })
            .collect(),
    }
}

fn kind_to_wire(kind: document::AccessType) -> i32 {
    match kind {
        document::AccessType::Nobody => wire::AccessType::Nobody,
        document::AccessType::Everybody => wire::AccessType::Everybody,
        document::AccessType::AnyOfAddresses => wire::AccessType::AnyOfAddresses,
    }
    .into()
}

fn access_to_wire(access: &document::AccessConfig) -> wire::AccessConfig {
    wire::AccessConfig {
        permission: kind_to_wire(access.permission),
        addresses: access.addresses.iter().map(AccAddress::to_string).collect(),
    }
}

fn code_to_wire(code: &document::Code) -> wire::Code {
    wire::Code {
        code_id: code.code_id,
        code_info: Some(wire::CodeInfo {
            code_hash: code.code_info.code_hash.to_vec(),
            creator: code.code_info.creator.to_string(),
            instantiate_config: Some(access_to_wire(&code.code_info.instantiate_config)),
        }),
        code_bytes: code.code_bytes.clone(),
        pinned: code.pinned,
    }
}

fn position_to_wire(at: document::AbsoluteTxPosition) -> wire::AbsoluteTxPosition {
    wire::AbsoluteTxPosition {
        block_height: at.block_height,
        tx_index: at.tx_index,
    }
}

fn contract_to_wire(contract: &document::Contract) -> wire::Contract {
    let info = &contract.contract_info;
    wire::Contract {
        contract_address: contract.contract_address.to_string(),
        contract_info: Some(wire::ContractInfo {
            code_id: info.code_id,
            creator: info.creator.to_string(),
            admin: info.admin.as_ref().map(AccAddress::to_string).unwrap_or_default(),
            label: info.label.clone(),
            created: info.created.map(position_to_wire),
            ibc_port_id: info.ibc_port_id.clone(),
            extension: None,
            ibc2_port_id: info.ibc2_port_id.clone(),
        }),
        contract_state: contract
            .contract_state
            .iter()
            .map(|m| wire::Model {
                key: m.key.clone(),
                value: m.value.clone(),
            })
            .collect(),
        contract_code_history: contract
            .contract_code_history
            .iter()
            .map(history_to_wire)
            .collect(),
    }
}

fn history_to_wire(entry: &document::HistoryEntry) -> wire::ContractCodeHistoryEntry {
    use wire::ContractCodeHistoryOperationType as Wire;
    wire::ContractCodeHistoryEntry {
        operation: match entry.operation {
            document::HistoryOperation::Init => Wire::Init,
            document::HistoryOperation::Migrate => Wire::Migrate,
            document::HistoryOperation::Genesis => Wire::Genesis,
        }
        .into(),
        code_id: entry.code_id,
        updated: entry.updated.map(position_to_wire),
        msg: entry.msg.to_string().into_bytes(),
    }
}

fn corrupt(what: &str) -> Error {
    Error::halt(format!("corrupt {what} in the wasm store"))
}

pub(super) fn from_wire(genesis: wire::GenesisState) -> Result<document::WasmGenesis> {
    let params = genesis.params.unwrap_or_default();
    Ok(document::WasmGenesis {
        params: document::WasmParams {
            code_upload_access: access_from_wire(params.code_upload_access.unwrap_or_default())?,
            instantiate_default_permission: kind_from_wire(params.instantiate_default_permission)?,
        },
        codes: genesis
            .codes
            .into_iter()
            .map(code_from_wire)
            .collect::<Result<_>>()?,
        contracts: genesis
            .contracts
            .into_iter()
            .map(contract_from_wire)
            .collect::<Result<_>>()?,
        sequences: genesis
            .sequences
            .into_iter()
            .map(|s| document::Sequence {
                id_key: s.id_key,
                value: s.value,
            })
            .collect(),
    })
}

fn kind_from_wire(kind: i32) -> Result<document::AccessType> {
    match wire::AccessType::try_from(kind) {
        Ok(wire::AccessType::Nobody) => Ok(document::AccessType::Nobody),
        Ok(wire::AccessType::Everybody) => Ok(document::AccessType::Everybody),
        Ok(wire::AccessType::AnyOfAddresses) => Ok(document::AccessType::AnyOfAddresses),
        _ => Err(corrupt("permission")),
    }
}

fn access_from_wire(access: wire::AccessConfig) -> Result<document::AccessConfig> {
    Ok(document::AccessConfig {
        permission: kind_from_wire(access.permission)?,
        addresses: access
            .addresses
            .iter()
            .map(|a| AccAddress::from_bech32(a))
            .collect::<Result<_>>()?,
    })
}

fn code_from_wire(code: wire::Code) -> Result<document::Code> {
    let info = code.code_info.unwrap_or_default();
    Ok(document::Code {
        code_id: code.code_id,
        code_info: document::CodeInfo {
            code_hash: info.code_hash.try_into().map_err(|_| corrupt("checksum"))?,
            creator: AccAddress::from_bech32(&info.creator)?,
            instantiate_config: access_from_wire(info.instantiate_config.unwrap_or_default())?,
        },
        code_bytes: code.code_bytes,
        pinned: code.pinned,
    })
}

fn position_from_wire(at: wire::AbsoluteTxPosition) -> document::AbsoluteTxPosition {
    document::AbsoluteTxPosition {
        block_height: at.block_height,
        tx_index: at.tx_index,
    }
}

fn contract_from_wire(contract: wire::Contract) -> Result<document::Contract> {
    let info = contract.contract_info.unwrap_or_default();
    let admin = (!info.admin.is_empty())
        .then(|| AccAddress::from_bech32(&info.admin))
        .transpose()?;
    Ok(document::Contract {
        contract_address: AccAddress::from_bech32(&contract.contract_address)?,
        contract_info: document::ContractInfo {
            code_id: info.code_id,
            creator: AccAddress::from_bech32(&info.creator)?,
            admin,
            label: info.label,
            created: info.created.map(position_from_wire),
            ibc_port_id: info.ibc_port_id,
            ibc2_port_id: info.ibc2_port_id,
            extension: (),
        },
        contract_state: contract
            .contract_state
            .into_iter()
            .map(|m| document::Model {
                key: m.key,
                value: m.value,
            })
            .collect(),
        contract_code_history: contract
            .contract_code_history
            .into_iter()
            .map(history_from_wire)
            .collect::<Result<_>>()?,
    })
}

fn history_from_wire(entry: wire::ContractCodeHistoryEntry) -> Result<document::HistoryEntry> {
    use wire::ContractCodeHistoryOperationType as Wire;
    Ok(document::HistoryEntry {
        operation: match Wire::try_from(entry.operation) {
            Ok(Wire::Init) => document::HistoryOperation::Init,
            Ok(Wire::Migrate) => document::HistoryOperation::Migrate,
            Ok(Wire::Genesis) => document::HistoryOperation::Genesis,
            _ => return Err(corrupt("history")),
        },
        code_id: entry.code_id,
        updated: entry.updated.map(position_from_wire),
        msg: serde_json::from_slice(&entry.msg)
            .map_err(|_| errors::INVALID.wrap("a message in the history nests too deeply to export"))?,
    })
}
