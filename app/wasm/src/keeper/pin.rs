//! Codes that are always kept compiled in memory.

use cosmwasm_std::Checksum;
use cosmwasm_vm::VmResult;
use quern_context::Cx;
use quern_store::Order;
use quern_types::{Error, Event, Result};

use super::{Wasm, call, code_store};
use crate::{errors, gas, iterate::Entries, keys, state};

impl Wasm {
    /// Pins what the committed state says is pinned. For the node's start.
    ///
    /// # Errors
    /// A halt if a code cannot be loaded.
    pub fn recover_pins(&self, cx: &Cx) -> Result<()> {
        self.pin_exactly(&pinned(cx, None)?)
            .map_err(|e| Error::halt(format!("cannot pin the chain's contracts: {e}")))
    }

    /// Pins these codes and no others. A compiled module that a crash has torn is made again.
    fn pin_exactly(&self, checksums: &[Checksum]) -> VmResult<()> {
        for checksum in checksums {
            self.vm().pin(checksum).or_else(|error| {
                if self.codes().drop_compiled(checksum).is_err() {
                    return Err(error);
                }
                self.vm().pin(checksum)
            })?;
        }
        self.vm().sync_pinned_codes(checksums)
    }

    pub(crate) fn pin(&self, cx: &Cx, code_id: u64) -> Result<()> {
        let code = state::require_code(cx, code_id)?;
        cx.gas.consume(gas::PIN, "Loading CosmWasm module: pin code")?;
        let mut all = pinned(cx, None)?;
        all.push(code_store::checksum(&code.code_hash)?);
        self.sync_pins(cx, &all)?;
        cx.kv(keys::STORE).set(&keys::pinned(code_id), [1])?;
        cx.emit(Event::new("pin_code").with("code_id", code_id));
        Ok(())
    }

    pub(crate) fn unpin(&self, cx: &Cx, code_id: u64) -> Result<()> {
        state::require_code(cx, code_id)?;
        cx.gas.consume(gas::PIN, "Loading CosmWasm module: unpin code")?;
        self.sync_pins(cx, &pinned(cx, Some(code_id))?)?;
        cx.kv(keys::STORE).delete(&keys::pinned(code_id))?;
        cx.emit(Event::new("unpin_code").with("code_id", code_id));
        Ok(())
    }

    /// Memory follows state at once; should the transaction fail, it is only a cache that differs.
    fn sync_pins(&self, cx: &Cx, checksums: &[Checksum]) -> Result<()> {
        if !code_store::keeps_codes(cx) {
            return Ok(());
        }
        self.pin_exactly(checksums).map_err(|e| {
            let error = call::vm_error(cx, &e);
            if error.is_halt() {
                error
            } else {
                errors::SYNC_PINNED.wrap(error.to_string())
            }
        })
    }
}

fn pinned(cx: &Cx, but: Option<u64>) -> Result<Vec<Checksum>> {
    let mut entries = Entries::open(cx, &[keys::PINNED], None, None, Order::Ascending)?;
    let mut checksums = Vec::new();
    while let Some((key, _)) = entries.step()? {
        let id = keys::id_of(&key).ok_or_else(|| Error::halt("corrupt pin in the wasm store"))?;
        if Some(id) != but {
            checksums.push(code_store::checksum(&state::require_code(cx, id)?.code_hash)?);
        }
    }
    Ok(checksums)
}
