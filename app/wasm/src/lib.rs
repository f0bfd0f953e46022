//! The CosmWasm host on cosmwasm-vm, with the rules of wasmd 0.61.
