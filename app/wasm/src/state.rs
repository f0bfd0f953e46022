//! Typed reading and writing of the `wasm` store.

use prost::Message;
use quern_context::Cx;
use quern_proto::cosmwasm::wasm::v1::{
    AbsoluteTxPosition, CodeInfo, ContractCodeHistoryEntry, ContractInfo, Params,
};
use quern_store::Order;
use quern_types::{AccAddress, Error, Result};

use crate::{errors, iterate::Entries, keys};

/// Reads a value that only this crate writes, so failure to read it is the node's.
pub(crate) fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M> {
    M::decode(bytes).map_err(|e| Error::halt(format!("corrupt entry in the wasm store: {e}")))
}

fn read<M: Message + Default>(cx: &Cx, key: &[u8]) -> Result<Option<M>> {
    cx.kv(keys::STORE)
        .get(key)?
        .map(|bytes| decode(&bytes))
        .transpose()
}

pub(crate) fn params(cx: &Cx) -> Result<Params> {
    read(cx, keys::PARAMS)?
        .ok_or_else(|| Error::halt("the wasm store has no parameters: is the genesis complete?"))
}

pub(crate) fn set_params(cx: &Cx, params: &Params) -> Result<()> {
    cx.kv(keys::STORE).set(keys::PARAMS, params.encode_to_vec())
}

pub(crate) fn code(cx: &Cx, id: u64) -> Result<Option<CodeInfo>> {
    read(cx, &keys::code(id))
}

pub(crate) fn require_code(cx: &Cx, id: u64) -> Result<CodeInfo> {
    code(cx, id)?.ok_or_else(|| errors::NO_SUCH_CODE.wrap(format!("code id {id}")))
}

pub(crate) fn set_code(cx: &Cx, id: u64, info: &CodeInfo) -> Result<()> {
    cx.kv(keys::STORE).set(&keys::code(id), info.encode_to_vec())
}

pub(crate) fn has_contract(cx: &Cx, address: &AccAddress) -> Result<bool> {
    cx.kv(keys::STORE).has(&keys::contract(address))
}

pub(crate) fn contract(cx: &Cx, address: &AccAddress) -> Result<Option<ContractInfo>> {
    read(cx, &keys::contract(address))
}

pub(crate) fn require_contract(cx: &Cx, address: &AccAddress) -> Result<ContractInfo> {
    contract(cx, address)?.ok_or_else(|| no_such_contract(address))
}

pub(crate) fn no_such_contract(address: &AccAddress) -> Error {
    errors::NO_SUCH_CONTRACT.wrap(format!("address {address}"))
}

pub(crate) fn set_contract(cx: &Cx, address: &AccAddress, info: &ContractInfo) -> Result<()> {
    cx.kv(keys::STORE)
        .set(&keys::contract(address), info.encode_to_vec())
}

/// A contract and its code.
pub(crate) fn instance(cx: &Cx, address: &AccAddress) -> Result<(ContractInfo, CodeInfo)> {
    let contract = require_contract(cx, address)?;
    let code = require_code(cx, contract.code_id)?;
    Ok((contract, code))
}

pub(crate) fn is_pinned(cx: &Cx, code: u64) -> Result<bool> {
    cx.kv(keys::STORE).has(&keys::pinned(code))
}

/// The next number of a sequence, which starts at 1.
pub(crate) fn peek_sequence(cx: &Cx, key: &[u8]) -> Result<u64> {
    match cx.kv(keys::STORE).get(key)? {
        None => Ok(1),
        Some(bytes) => keys::id_of(&bytes).ok_or_else(|| Error::halt("corrupt sequence in the wasm store")),
    }
}

/// Takes the next number of a sequence.
pub(crate) fn take_sequence(cx: &Cx, key: &[u8]) -> Result<u64> {
    let number = peek_sequence(cx, key)?;
    let next = number
        .checked_add(1)
        .ok_or_else(|| Error::halt("a sequence of the wasm store is exhausted"))?;
    cx.kv(keys::STORE).set(key, next.to_be_bytes())?;
    Ok(number)
}

/// Where in the chain code runs now: the height and the transaction's index in the block.
pub(crate) fn position(cx: &Cx) -> AbsoluteTxPosition {
    AbsoluteTxPosition {
        block_height: cx.block.height,
        tx_index: cx.tx.as_ref().map_or(0, |tx| u64::from(tx.index)),
    }
}

fn position_key(entry: &ContractCodeHistoryEntry) -> [u8; keys::POSITION_BYTES] {
    let at = entry.updated.unwrap_or_default();
    keys::position(at.block_height, at.tx_index)
}

/// Lists a contract under its code.
pub(crate) fn index_by_code(cx: &Cx, address: &AccAddress, entry: &ContractCodeHistoryEntry) -> Result<()> {
    let key = keys::by_code_entry(entry.code_id, &position_key(entry), address);
    cx.kv(keys::STORE).set(&key, [])
}

/// Takes a contract off the list of its code.
pub(crate) fn unindex_by_code(cx: &Cx, address: &AccAddress, entry: &ContractCodeHistoryEntry) -> Result<()> {
    let key = keys::by_code_entry(entry.code_id, &position_key(entry), address);
    cx.kv(keys::STORE).delete(&key)
}

/// Lists a contract under its creator.
pub(crate) fn index_by_creator(
    cx: &Cx,
    creator: &AccAddress,
    address: &AccAddress,
    entry: &ContractCodeHistoryEntry,
) -> Result<()> {
    let key = keys::by_creator_entry(creator, &position_key(entry), address);
    cx.kv(keys::STORE).set(&key, [])
}

/// Appends to a contract's history.
pub(crate) fn append_history(
    cx: &Cx,
    address: &AccAddress,
    entries: &[ContractCodeHistoryEntry],
) -> Result<()> {
    let mut position = last_history(cx, address)?.map_or(0, |(position, _)| position);
    for entry in entries {
        position = position.saturating_add(1);
        let key = keys::history_entry(address, position);
        cx.kv(keys::STORE).set(&key, entry.encode_to_vec())?;
    }
    Ok(())
}

/// The newest entry of a contract's history and its position.
pub(crate) fn last_history(cx: &Cx, address: &AccAddress) -> Result<Option<(u64, ContractCodeHistoryEntry)>> {
    let mut entries = Entries::open(cx, &keys::history(address), None, None, Order::Descending)?;
    // The address of one contract may begin with another's; only keys of one number are its own.
    while entries.peek_key().is_some_and(|key| key.len() != 8) {
        entries.step()?;
    }
    let Some((key, value)) = entries.into_current() else {
        return Ok(None);
    };
    Ok(keys::id_of(&key).zip(Some(decode(&value)?)))
}

/// A contract's whole history, oldest first.
pub(crate) fn history(cx: &Cx, address: &AccAddress) -> Result<Vec<ContractCodeHistoryEntry>> {
    let mut entries = Entries::open(cx, &keys::history(address), None, None, Order::Ascending)?;
    let mut all = Vec::new();
    while let Some((key, value)) = entries.step()? {
        if key.len() == 8 {
            all.push(decode(&value)?);
        }
    }
    Ok(all)
}
