//! Calls of system contracts, each bounded and on a fork of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use quern_context::{Cx, Gas, GasMeter, Router};
use quern_interface::sudo::SudoMsg;
use quern_types::{AccAddress, Error, Event, Result, errors};
use quern_wasm::Wasm;

use crate::state;

/// What runs contracts.
pub struct Host<'a> {
    /// Contract host.
    pub wasm: &'a Wasm,
    /// The application's router.
    pub router: Arc<dyn Router>,
}

impl Host<'_> {
    /// Calls a system contract and hands its answer to `accept`, which may change state too. `None` if
    /// the chain has no such contract, or if anything failed: then nothing has changed but for the event
    /// `hook_failed`.
    ///
    /// # Errors
    /// Only a halt.
    pub fn call<T>(
        &self,
        cx: &Cx,
        name: &str,
        msg: &SudoMsg,
        gas: Gas,
        accept: impl FnOnce(&Cx, &[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        self.call_after(cx, name, msg, gas, |_, _| Ok(()), accept)
    }

    /// As [`Host::call`], with what `prepare` does to state before the contract runs: it is undone too if
    /// anything fails. `prepare` learns the contract's address.
    ///
    /// # Errors
    /// Only a halt.
    pub fn call_after<T>(
        &self,
        cx: &Cx,
        name: &str,
        msg: &SudoMsg,
        gas: Gas,
        prepare: impl FnOnce(&Cx, &AccAddress) -> Result<()>,
        accept: impl FnOnce(&Cx, &[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(contract) = state::address(cx, name)? else {
            return Ok(None);
        };
        let done = on_fork(cx, |fork| {
            prepare(fork, &contract)?;
            accept(fork, &self.sudo(fork, &contract, msg, gas)?)
        });
        match done {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.is_halt() => Err(error),
            Err(error) => {
                tracing::warn!(contract = name, hook = hook(msg), %error, "a system contract failed");
                cx.emit(failed(name, &contract, msg, &error));
                Ok(None)
            }
        }
    }

    /// As [`Host::call`] of the contract at an address, failing with what failed.
    ///
    /// # Errors
    /// The contract's own or `accept`'s; then nothing has changed. `undefined/111222` for a panic.
    pub fn attempt<T>(
        &self,
        cx: &Cx,
        contract: &AccAddress,
        msg: &SudoMsg,
        gas: Gas,
        accept: impl FnOnce(&Cx, &[u8]) -> Result<T>,
    ) -> Result<T> {
        on_fork(cx, |fork| accept(fork, &self.sudo(fork, contract, msg, gas)?))
    }

    fn sudo(&self, cx: &Cx, contract: &AccAddress, msg: &SudoMsg, gas: Gas) -> Result<Vec<u8>> {
        let msg = serde_json::to_vec(msg).map_err(|e| errors::JSON_MARSHAL.wrap(e.to_string()))?;
        let limited = cx.with_gas(GasMeter::limited(gas));
        self.wasm.sudo(&limited, &self.router, contract, &msg)
    }
}

/// Keeps what `work` does only if it succeeds.
fn on_fork<T>(cx: &Cx, work: impl FnOnce(&Cx) -> Result<T>) -> Result<T> {
    let fork = cx.fork();
    // A bug that panics must cost its call, not the chain: every node sees the same panic.
    let done =
        catch_unwind(AssertUnwindSafe(|| work(&fork))).unwrap_or_else(|_| Err((&errors::PANIC).into()))?;
    cx.events.extend(fork.merge());
    Ok(done)
}

fn failed(name: &str, contract: &AccAddress, msg: &SudoMsg, error: &Error) -> Event {
    Event::new("hook_failed")
        .with("contract", name)
        .with("address", contract)
        .with("hook", hook(msg))
        .with("codespace", error.codespace())
        .with("code", error.code())
}

/// Name of a call in events.
fn hook(msg: &SudoMsg) -> &'static str {
    match msg {
        SudoMsg::Misbehavior(_) => "misbehavior",
        SudoMsg::EndBlock {} => "end_block",
        SudoMsg::EndEpoch { .. } => "end_epoch",
    }
}
