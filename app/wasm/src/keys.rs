//! Keys of the `wasm` store, byte for byte wasmd's (`x/wasm/types/keys.go`).

use quern_types::AccAddress;

/// Name of the store and of the module.
pub const STORE: &str = "wasm";

pub(crate) const CODE: u8 = 0x01;
pub(crate) const CONTRACT: u8 = 0x02;
const CONTRACT_STATE: u8 = 0x03;
const SEQUENCE: u8 = 0x04;
const HISTORY: u8 = 0x05;
const BY_CODE: u8 = 0x06;
pub(crate) const PINNED: u8 = 0x07;
const BY_CREATOR: u8 = 0x09;

/// Height and count of the transactions of the current block.
pub(crate) const TX_COUNTER: &[u8] = &[0x08];
/// Module parameters.
pub(crate) const PARAMS: &[u8] = &[0x10];

/// Length of a position within an index key.
pub(crate) const POSITION_BYTES: usize = 16;

/// A counter of the module; the key doubles as its name in genesis.
pub(crate) fn sequence(name: &str) -> Vec<u8> {
    join(&[&[SEQUENCE], name.as_bytes()])
}

/// Key of the next code id.
pub fn code_sequence() -> Vec<u8> {
    sequence("lastCodeId")
}

/// Key of the next contract number.
pub fn instance_sequence() -> Vec<u8> {
    sequence("lastContractId")
}

pub(crate) fn code(id: u64) -> Vec<u8> {
    join(&[&[CODE], &id.to_be_bytes()])
}

pub(crate) fn contract(address: &AccAddress) -> Vec<u8> {
    join(&[&[CONTRACT], address.as_bytes()])
}

/// Prefix of a contract's own state.
pub(crate) fn contract_state(address: &AccAddress) -> Vec<u8> {
    join(&[&[CONTRACT_STATE], address.as_bytes()])
}

pub(crate) fn history(address: &AccAddress) -> Vec<u8> {
    join(&[&[HISTORY], address.as_bytes()])
}

pub(crate) fn history_entry(address: &AccAddress, position: u64) -> Vec<u8> {
    join(&[&history(address), &position.to_be_bytes()])
}

pub(crate) fn by_code(id: u64) -> Vec<u8> {
    join(&[&[BY_CODE], &id.to_be_bytes()])
}

pub(crate) fn by_code_entry(id: u64, position: &[u8; POSITION_BYTES], address: &AccAddress) -> Vec<u8> {
    join(&[&by_code(id), position, address.as_bytes()])
}

pub(crate) fn by_creator(creator: &AccAddress) -> Vec<u8> {
    join(&[&[BY_CREATOR], &creator.length_prefixed()])
}

pub(crate) fn by_creator_entry(
    creator: &AccAddress,
    position: &[u8; POSITION_BYTES],
    address: &AccAddress,
) -> Vec<u8> {
    join(&[&by_creator(creator), position, address.as_bytes()])
}

pub(crate) fn pinned(id: u64) -> Vec<u8> {
    join(&[&[PINNED], &id.to_be_bytes()])
}

/// A position as index keys hold it: height, then index.
pub(crate) fn position(height: u64, index: u64) -> [u8; POSITION_BYTES] {
    ((u128::from(height) << 64) | u128::from(index)).to_be_bytes()
}

/// The number that a key's last eight bytes hold.
pub(crate) fn id_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.last_chunk()?))
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
