//! What the VM calls back into: storage, addresses, queries.

mod api;
mod fault;
mod querier;
mod storage;

pub(crate) use api::Api;
pub(crate) use fault::Fault;
pub(crate) use querier::ChainQuerier;
pub(crate) use storage::ContractStorage;

/// The VM with this chain's callbacks.
pub(crate) type Vm = cosmwasm_vm::Cache<Api, ContractStorage, ChainQuerier>;
/// A contract ready for one call.
pub(crate) type Instance = cosmwasm_vm::Instance<Api, ContractStorage, ChainQuerier>;
