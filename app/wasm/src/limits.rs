//! Limits that consensus depends on (wasmd `x/wasm/types/validation.go`, wasmvm 3).

/// Largest code that a message may store, in bytes, before and after unpacking.
pub const WASM_BYTES: usize = 800 * 1024;
/// Largest code in genesis, in bytes.
pub const GENESIS_WASM_BYTES: usize = 3 * 1024 * 1024;
/// Longest label, in bytes.
pub const LABEL_BYTES: usize = 128;
/// Longest salt of instantiate2, in bytes.
pub const SALT_BYTES: usize = 64;
/// Most addresses in one access list.
pub const ADDRESSES: usize = 50;
/// Most code ids in one pin or unpin message.
pub const CODE_IDS: usize = 50;
/// Memory of one running contract, in MiB.
pub const INSTANCE_MEMORY_MIB: usize = 32;
/// Contract responses handled within one another.
pub const CALL_DEPTH: u32 = 100;
/// Smart queries within one another.
pub const QUERY_DEPTH: u32 = 10;
/// Gas of a smart query by the query service, in SDK gas, whoever asks: also modules while a block runs, so every node
/// must have the same.
pub const QUERY_GAS: u64 = 3_000_000;
/// Longest payload of a submessage, in bytes.
pub const PAYLOAD_BYTES: usize = 128 * 1024;
/// Longest encoded message that a contract may send as `Any`, in bytes.
pub const ANY_BYTES: usize = 512 * 1024;
/// Iterators that one contract call may open.
pub const ITERATORS: usize = 32_768;
/// Most entries of a page.
pub const PAGE: u64 = 100;
