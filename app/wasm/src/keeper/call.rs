//! One call into the VM and its gas (wasmvm `lib_libwasmvm.go`, wasmd `keeper.go`).

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use cosmwasm_std::Checksum;
use cosmwasm_vm::{
    Backend, InstanceOptions, VmError, VmResult, call_execute_raw, call_instantiate_raw,
    call_migrate_with_info_raw, call_query_raw, call_reply_raw, call_sudo_raw,
};
use quern_context::{Cx, GasMeter, Mode, Router};
use quern_types::{AccAddress, Error, Result, errors as sdk};
use serde::de::DeserializeOwned;

use super::{Wasm, code_store};
use crate::{
    backend::{Api, ChainQuerier, ContractStorage, Fault, Instance},
    dispatch, errors, gas,
    json::{self, BlockInfo, ContractRef, ContractResult, Env, QueryResult, Response, TxInfo},
    limits,
};

/// A contract about to be called.
pub(crate) struct Call<'a> {
    pub wasm: &'a Wasm,
    pub cx: &'a Cx,
    pub router: &'a Arc<dyn Router>,
    pub contract: &'a AccAddress,
    pub checksum: Checksum,
}

/// Arguments beside the environment, encoded.
pub(crate) enum Entry<'a> {
    Instantiate { info: Vec<u8>, msg: &'a [u8] },
    Execute { info: Vec<u8>, msg: &'a [u8] },
    Migrate { msg: &'a [u8], info: Vec<u8> },
    Sudo { msg: &'a [u8] },
    Reply { reply: Vec<u8> },
    Query { msg: &'a [u8] },
}

impl Entry<'_> {
    fn run(&self, instance: &mut Instance, env: &[u8]) -> VmResult<Vec<u8>> {
        match self {
            Self::Instantiate { info, msg } => call_instantiate_raw(instance, env, info, msg),
            Self::Execute { info, msg } => call_execute_raw(instance, env, info, msg),
            Self::Migrate { msg, info } => call_migrate_with_info_raw(instance, env, msg, info),
            Self::Sudo { msg } => call_sudo_raw(instance, env, msg),
            Self::Reply { reply } => call_reply_raw(instance, env, reply),
            Self::Query { msg } => call_query_raw(instance, env, msg),
        }
    }
}

impl Call<'_> {
    /// Charges for preparing the contract, less where it is surely in memory.
    pub(crate) fn charge_setup(&self, pinned: bool, location: &str) -> Result<()> {
        let discounted = pinned || self.is_loaded();
        self.cx.gas.consume(gas::setup(discounted), location)
    }

    /// Whether this transaction has loaded the code already; notes that it has now.
    fn is_loaded(&self) -> bool {
        let (Some(loaded), Ok(checksum)) = (
            &self.cx.calls.loaded,
            <[u8; 32]>::try_from(self.checksum.as_slice()),
        ) else {
            return false;
        };
        !loaded.lock().insert(checksum)
    }

    /// Calls an entry point that may change state. `failure` is the error for the contract's own.
    pub(crate) fn run(
        &self,
        entry: &Entry<'_>,
        failure: &'static quern_types::Registered,
    ) -> Result<Response> {
        let result: ContractResult = self.invoke(entry, |result: &ContractResult| {
            let messages = result.ok.iter().flat_map(|ok| &ok.messages);
            messages
                .enumerate()
                .try_for_each(|(at, m)| check_payload(at, m.payload.len()))
        })?;
        settle(result.ok, result.error, failure)
    }

    /// Asks the contract.
    pub(crate) fn ask(&self, msg: &[u8]) -> Result<Vec<u8>> {
        let result: QueryResult = self.invoke(&Entry::Query { msg }, |_| Ok(()))?;
        Ok(settle(result.ok, result.error, &errors::QUERY_FAILED)?.into())
    }

    fn invoke<T: DeserializeOwned>(
        &self,
        entry: &Entry<'_>,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> Result<T> {
        let limit = runtime_gas(&self.cx.gas);
        let env = json::to_vec(&self.env()?)?;
        let fault = Fault::default();
        let (outcome, mut used) = self.enter(entry, &env, limit, &fault)?;
        fault.check()?;
        let parsed = outcome.and_then(|data| {
            let len = u64::try_from(data.len()).unwrap_or(u64::MAX);
            let total = gas::to_vm(len.saturating_mul(gas::RESULT_PER_BYTE)).saturating_add(used);
            if limit < total {
                return Err(format!(
                    "insufficient gas left to deserialize contract execution result ({len} bytes)"
                ));
            }
            used = total;
            let value = serde_json::from_slice(&data).map_err(|_| unreadable(&data))?;
            check(&value).map(|()| value)
        });
        consume_runtime_gas(&self.cx.gas, used)?;
        parsed.map_err(|text| errors::VM.wrap(text))
    }

    /// Runs the VM. Its failure is text; the gas is what it used beside the chain's own.
    fn enter(
        &self,
        entry: &Entry<'_>,
        env: &[u8],
        gas_limit: u64,
        fault: &Fault,
    ) -> Result<(Result<Vec<u8>, String>, u64)> {
        // Nothing is shared with the closure that a panic could leave half done: the branch it writes to
        // is dropped with the error.
        let caught = catch_unwind(AssertUnwindSafe(|| -> Result<_> {
            let mut instance = self.instance(gas_limit, fault)?;
            let result = entry.run(&mut instance, env);
            Ok((result, instance.create_gas_report().used_internally))
        }));
        match caught {
            Ok(Ok((result, used))) => Ok((result.map_err(|e| vm_text(&e)), used)),
            Ok(Err(error)) => Err(error),
            // The gas report is lost with the panic, so all gas is taken.
            Err(_) => Ok((Err("caught panic".into()), gas_limit)),
        }
    }

    fn instance(&self, gas_limit: u64, fault: &Fault) -> Result<Instance> {
        let get = || {
            let backend = Backend {
                api: Api,
                storage: ContractStorage::new(self.cx, self.contract, fault.clone()),
                querier: ChainQuerier {
                    wasm: self.wasm.clone(),
                    router: self.router.clone(),
                    cx: self.cx.clone(),
                    contract: self.contract.clone(),
                    fault: fault.clone(),
                },
            };
            self.wasm
                .vm()
                .get_instance(&self.checksum, backend, InstanceOptions { gas_limit })
        };
        get()
            .or_else(|error| {
                // A compiled module may be torn by a crash; the code it came from is not.
                if is_of_files(&error) && self.wasm.codes().drop_compiled(&self.checksum).is_ok() {
                    return get();
                }
                Err(error)
            })
            .map_err(|e| vm_error(self.cx, &e))
    }

    fn env(&self) -> Result<Env> {
        let block = &self.cx.block;
        let time = block.time.unix_nanos().filter(|nanos| *nanos > 0);
        let time = time.ok_or_else(|| sdk::LOGIC.wrap("block time must be after 1970"))?;
        Ok(Env {
            block: BlockInfo {
                height: block.height,
                time: time.to_string(),
                chain_id: block.chain_id.clone(),
            },
            // wasmd counts no transaction while it simulates one.
            transaction: self
                .cx
                .tx
                .as_ref()
                .filter(|_| self.cx.mode != Mode::Simulate)
                .map(|tx| TxInfo {
                    index: tx.index,
                    hash: tx.hash.into(),
                }),
            contract: ContractRef {
                address: self.contract.to_string(),
            },
        })
    }
}

fn check_payload(at: usize, len: usize) -> Result<(), String> {
    if len <= limits::PAYLOAD_BYTES {
        return Ok(());
    }
    Err(format!(
        "reply contains submessage at index {at} with payload larger than {} bytes: {len} bytes",
        limits::PAYLOAD_BYTES
    ))
}

/// The contract's success, or its own failure, whose text is the same on every node.
fn settle<T>(ok: Option<T>, error: String, failure: &'static quern_types::Registered) -> Result<T> {
    if !error.is_empty() {
        return Err(failure.wrap(error).deterministic());
    }
    ok.ok_or_else(|| errors::VM.wrap("the contract answered neither success nor failure"))
}

/// CosmWasm gas that a contract may use.
fn runtime_gas(meter: &GasMeter) -> u64 {
    match meter.limit() {
        None => u64::MAX,
        Some(_) => gas::to_vm(meter.remaining()),
    }
}

/// Charges what the VM used. Exactly nothing left is out of gas too.
pub(crate) fn consume_runtime_gas(meter: &GasMeter, used: u64) -> Result<()> {
    meter.consume(gas::from_vm(used), "wasm contract")?;
    if dispatch::is_spent(meter) {
        return Err(meter.out_of_gas("Wasm engine function execution"));
    }
    Ok(())
}

fn is_of_files(error: &VmError) -> bool {
    matches!(error, VmError::CacheErr { .. } | VmError::IntegrityErr { .. })
}

fn vm_text(error: &VmError) -> String {
    match error {
        VmError::GasDepletion { .. } => "Out of gas".into(),
        other => format!("Error calling the VM: {other}"),
    }
}

/// A failure outside of a contract's code. Where files are at fault this node would differ from the
/// others, so it stops.
pub(crate) fn vm_error(cx: &Cx, error: &VmError) -> Error {
    if is_of_files(error) && code_store::keeps_codes(cx) {
        return Error::halt(format!("contract code on disk: {error}"));
    }
    errors::VM.wrap(vm_text(error))
}

/// Why a contract's response is none: Go's text where it ends too early, as an empty one does, ours otherwise.
fn unreadable(data: &[u8]) -> String {
    // Go looks for the end before it looks at what is meant
    match serde_json::from_slice::<serde::de::IgnoredAny>(data) {
        Err(error) if error.is_eof() => "unexpected end of JSON input".to_owned(),
        _ => "cannot read the contract's response".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn using_exactly_all_gas_is_out_of_gas() {
        let meter = GasMeter::limited(10);
        consume_runtime_gas(&meter, 9 * 140_000 + 139_999).unwrap();
        let error = consume_runtime_gas(&meter, 140_000).unwrap_err();
        assert!(error.is(&sdk::OUT_OF_GAS));
        assert_eq!(
            error.to_string(),
            "out of gas in location: Wasm engine function execution; gasWanted: 10, gasUsed: 10: out of gas"
        );
    }

    #[test]
    fn a_meter_without_limit_gives_all_and_stays_usable() {
        let meter = GasMeter::infinite();
        assert_eq!(runtime_gas(&meter), u64::MAX);
        consume_runtime_gas(&meter, u64::MAX).unwrap();
        assert_eq!(runtime_gas(&GasMeter::limited(3)), 420_000);
    }
}
