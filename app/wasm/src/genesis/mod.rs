//! Import and export of the module's state (wasmd `x/wasm/keeper/genesis.go`).

mod convert;

use cosmwasm_std::Checksum;
use quern_context::Cx;
use quern_genesis::WasmGenesis;
use quern_proto::cosmwasm::wasm::v1::{
    Code, CodeInfo, Contract, ContractInfo, GenesisState, Model, Sequence,
};
use quern_store::Order;
use quern_types::{AccAddress, Error, Result};

use crate::{
    Wasm, access, address, errors,
    iterate::Entries,
    keeper, keys, limits,
    msg::{check_code, check_label},
    state,
};

impl Wasm {
    /// Checks and loads a genesis state, storing its codes on disk.
    ///
    /// # Errors
    /// Names the entry that is wrong.
    pub fn init_genesis(&self, cx: &Cx, genesis: &WasmGenesis) -> Result<()> {
        let genesis = convert::to_wire(genesis);
        let params = genesis.params.clone().unwrap_or_default();
        access::validate_params(&params).map_err(|e| e.wrap("params"))?;
        state::set_params(cx, &params)?;
        let mut last_code = 0;
        for (at, code) in genesis.codes.iter().enumerate() {
            self.import_code(cx, code)
                .map_err(|e| e.wrap(format!("code {at} with id: {}", code.code_id)))?;
            last_code = last_code.max(code.code_id);
        }
        for (at, contract) in genesis.contracts.iter().enumerate() {
            import_contract(cx, contract).map_err(|e| e.wrap(format!("contract number {at}")))?;
        }
        for (at, sequence) in genesis.sequences.iter().enumerate() {
            import_sequence(cx, sequence).map_err(|e| e.wrap(format!("sequence number {at}")))?;
        }
        check_sequences(cx, last_code)
    }

    /// The whole state of the module.
    ///
    /// # Errors
    /// If a code cannot be read from disk.
    pub fn export_genesis(&self, cx: &Cx) -> Result<WasmGenesis> {
        let mut codes = Vec::new();
        let mut entries = Entries::open(cx, &[keys::CODE], None, None, Order::Ascending)?;
        while let Some((key, value)) = entries.step()? {
            let code_id = keys::id_of(&key).unwrap_or_default();
            let info: CodeInfo = state::decode(&value)?;
            codes.push(Code {
                code_id,
                code_bytes: self.load_code(&info.code_hash)?,
                code_info: Some(info),
                pinned: state::is_pinned(cx, code_id)?,
            });
        }
        let mut contracts = Vec::new();
        let mut entries = Entries::open(cx, &[keys::CONTRACT], None, None, Order::Ascending)?;
        while let Some((key, value)) = entries.step()? {
            let address = AccAddress::from_bytes(key)?;
            contracts.push(Contract {
                contract_address: address.to_string(),
                contract_info: Some(state::decode(&value)?),
                contract_state: contract_state(cx, &address)?,
                contract_code_history: state::history(cx, &address)?,
            });
        }
        let sequences = [keys::code_sequence(), keys::instance_sequence()]
            .into_iter()
            .map(|id_key| {
                let value = state::peek_sequence(cx, &id_key)?;
                Ok(Sequence { id_key, value })
            })
            .collect::<Result<_>>()?;
        convert::from_wire(GenesisState {
            params: Some(state::params(cx)?),
            codes,
            contracts,
            sequences,
        })
    }

    fn import_code(&self, cx: &Cx, code: &Code) -> Result<()> {
        let info = code.code_info.clone().unwrap_or_default();
        if code.code_id == 0 {
            return Err(errors::EMPTY.wrap("code id"));
        }
        AccAddress::from_bech32(&info.creator).map_err(|e| e.wrap("creator"))?;
        access::validate(&info.instantiate_config.clone().unwrap_or_default())
            .map_err(|e| e.wrap("instantiate config"))?;
        check_code(&code.code_bytes, limits::GENESIS_WASM_BYTES).map_err(|e| e.wrap("code bytes"))?;
        let unpacked = keeper::is_gzip(&code.code_bytes)
            .then(|| keeper::unpack(&code.code_bytes, limits::GENESIS_WASM_BYTES))
            .transpose()?;
        let bytes = unpacked.as_deref().unwrap_or(&code.code_bytes);
        if Checksum::generate(bytes).as_slice() != info.code_hash {
            return Err(errors::INVALID.wrap("code hashes not same"));
        }
        if state::code(cx, code.code_id)?.is_some() {
            return Err(errors::DUPLICATE.wrap(format!("duplicate code: {}", code.code_id)));
        }
        // Unlike wasmd we check the code: a genesis is written by hand.
        self.compile(bytes, true, true)?;
        state::set_code(cx, code.code_id, &info)?;
        if code.pinned {
            self.pin(cx, code.code_id)?;
        }
        Ok(())
    }

    /// The bytes of a code.
    pub fn load_code(&self, checksum: &[u8]) -> Result<Vec<u8>> {
        let checksum =
            Checksum::try_from(checksum).map_err(|_| Error::halt("corrupt checksum in the wasm store"))?;
        self.vm()
            .load_wasm(&checksum)
            .map_err(|e| errors::VM.wrap(format!("loading wasm code: {e}")))
    }
}

fn contract_state(cx: &Cx, address: &AccAddress) -> Result<Vec<Model>> {
    let mut entries = Entries::open(cx, &keys::contract_state(address), None, None, Order::Ascending)?;
    let mut models = Vec::new();
    while let Some((key, value)) = entries.step()? {
        models.push(Model { key, value });
    }
    Ok(models)
}

fn import_contract(cx: &Cx, contract: &Contract) -> Result<()> {
    let address = AccAddress::from_bech32(&contract.contract_address)?;
    let info: ContractInfo = contract.contract_info.clone().unwrap_or_default();
    check_label(&info.label).map_err(|e| e.wrap("label"))?;
    if info.created.is_none() {
        return Err(errors::INVALID.wrap("created must not be empty"));
    }
    state::require_code(cx, info.code_id)?;
    if state::has_contract(cx, &address)? {
        return Err(errors::DUPLICATE.wrap(format!("contract: {address}")));
    }
    let history = &contract.contract_code_history;
    let (Some(first), Some(last)) = (history.first(), history.last()) else {
        return Err(errors::EMPTY.wrap("contract history"));
    };
    let creator = AccAddress::from_bech32(&info.creator)?;
    state::append_history(cx, &address, history)?;
    state::set_contract(cx, &address, &info)?;
    state::index_by_code(cx, &address, last)?;
    state::index_by_creator(cx, &creator, &address, first)?;
    let kv = cx.kv(keys::STORE);
    for model in &contract.contract_state {
        if model.key.is_empty() {
            return Err(errors::EMPTY.wrap("key"));
        }
        let key = [keys::contract_state(&address).as_slice(), &model.key].concat();
        if kv.has(&key)? {
            return Err(errors::DUPLICATE.wrap(format!("duplicate key: {}", hex::encode(&model.key))));
        }
        kv.set(&key, model.value.clone())?;
    }
    Ok(())
}

fn import_sequence(cx: &Cx, sequence: &Sequence) -> Result<()> {
    if ![keys::code_sequence(), keys::instance_sequence()].contains(&sequence.id_key) {
        return Err(errors::INVALID.wrap("unknown id key"));
    }
    let kv = cx.kv(keys::STORE);
    if kv.has(&sequence.id_key)? {
        return Err(errors::DUPLICATE.wrap("autoincrement id"));
    }
    kv.set(&sequence.id_key, sequence.value.to_be_bytes())
}

/// Checks that the next code id and the next contract address are free.
fn check_sequences(cx: &Cx, last_code: u64) -> Result<()> {
    let next_code = state::peek_sequence(cx, &keys::code_sequence())?;
    if next_code <= last_code {
        return Err(errors::INVALID.wrap(format!(
            "sequence of codes with value {next_code} must be greater than {last_code}"
        )));
    }
    let next_instance = state::peek_sequence(cx, &keys::instance_sequence())?;
    for code in 1..=last_code.min(u64::from(u16::MAX)) {
        if state::has_contract(cx, &address::classic(code, next_instance)?)? {
            return Err(errors::INVALID.wrap(format!(
                "sequence of contracts with value {next_instance} was used already"
            )));
        }
    }
    Ok(())
}
