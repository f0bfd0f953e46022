//! A contract's own state.

use cosmwasm_std::{Order, Record};
use cosmwasm_vm::{BackendError, BackendResult, GasInfo, Storage};
use quern_context::{Cx, GasMeter, Kv};
use quern_types::{AccAddress, Result};

use super::Fault;
use crate::{gas, iterate::Entries, keys, limits};

/// The part of the `wasm` store that belongs to one contract, for one call.
///
/// Access is charged on the SDK meter, the contract's prefix included as in the SDK, and reported to
/// the VM as used outside of it.
pub(crate) struct ContractStorage {
    kv: Kv,
    unmetered: Kv,
    meter: GasMeter,
    prefix: Vec<u8>,
    iterators: Vec<Entries>,
    fault: Fault,
}

impl ContractStorage {
    pub(crate) fn new(cx: &Cx, contract: &AccAddress, fault: Fault) -> Self {
        Self {
            kv: cx.kv(keys::STORE),
            unmetered: cx.kv_unmetered(keys::STORE),
            meter: cx.gas.clone(),
            prefix: keys::contract_state(contract),
            iterators: Vec::new(),
            fault,
        }
    }

    fn full(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }

    /// Turns the outcome of an access into the VM's terms. Running out of gas reports no use: the
    /// meter has it, and the call is over (wasmvm `internal/api/callbacks.go`).
    fn report<T>(&self, before: u64, result: Result<T>) -> BackendResult<T> {
        match result {
            Ok(value) => {
                let used = self.meter.consumed().saturating_sub(before);
                (Ok(value), GasInfo::with_externally_used(gas::to_vm(used)))
            }
            Err(error) => (Err(self.fault.hand_over(error)), GasInfo::free()),
        }
    }
}

impl Storage for ContractStorage {
    fn get(&self, key: &[u8]) -> BackendResult<Option<Vec<u8>>> {
        let before = self.meter.consumed();
        self.report(before, self.kv.get(&self.full(key)))
    }

    fn scan(&mut self, start: Option<&[u8]>, end: Option<&[u8]>, order: Order) -> BackendResult<u32> {
        let Some(id) = u32::try_from(self.iterators.len())
            .ok()
            .filter(|_| self.iterators.len() < limits::ITERATORS)
        else {
            let error = BackendError::user_err("too many iterators in one call");
            return (Err(error), GasInfo::free());
        };
        let order = match order {
            Order::Ascending => quern_store::Order::Ascending,
            Order::Descending => quern_store::Order::Descending,
        };
        let before = self.meter.consumed();
        let opened = Entries::over(
            &self.unmetered,
            self.meter.clone(),
            &self.prefix,
            start,
            end,
            order,
        );
        let opened = opened.map(|entries| self.iterators.push(entries));
        self.report(before, opened.map(|()| id))
    }

    fn next(&mut self, iterator: u32) -> BackendResult<Option<Record>> {
        let before = self.meter.consumed();
        let found = usize::try_from(iterator)
            .ok()
            .and_then(|at| self.iterators.get_mut(at));
        match found.map(Entries::step) {
            Some(step) => self.report(before, step),
            None => (
                Err(BackendError::iterator_does_not_exist(iterator)),
                GasInfo::free(),
            ),
        }
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> BackendResult<()> {
        let before = self.meter.consumed();
        self.report(before, self.kv.set(&self.full(key), value))
    }

    fn remove(&mut self, key: &[u8]) -> BackendResult<()> {
        let before = self.meter.consumed();
        self.report(before, self.kv.delete(&self.full(key)))
    }
}
