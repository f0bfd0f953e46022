//! What a contract asked for, done (wasmd `x/wasm/keeper/msg_dispatcher.go`).

mod coins;
mod encode;
mod events;
mod redact;
mod send;
mod submessage;

use std::sync::Arc;

use quern_context::{Cx, Router};
use quern_types::{AccAddress, Error, Result};

use crate::{Wasm, errors, gas, json::Response, limits};

pub(crate) use redact::{is_final, is_spent, redact};

/// Emits a response's events and dispatches its messages; returns the data for the caller.
pub(crate) fn handle(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    contract: &AccAddress,
    ibc_port: &str,
    response: Response,
) -> Result<Option<Vec<u8>>> {
    let cost = gas::events(&response.attributes, &response.events);
    cx.gas.consume(cost, "Custom contract event attributes")?;
    events::emit(cx, contract, &response.attributes, &response.events)?;
    let mut inner = cx.clone();
    inner.calls.depth = inner.calls.depth.saturating_add(1);
    if inner.calls.depth > limits::CALL_DEPTH {
        return Err((&errors::CALL_DEPTH).into());
    }
    let sender = send::Sender {
        wasm,
        router,
        contract,
        ibc_port,
    };
    let replied = submessage::dispatch(&sender, &inner, response.messages)?;
    Ok(replied.or(response.data.map(Into::into)))
}

/// Puts context in front of a failure, unless it is one that ends the transaction: those reach the
/// caller in Go as panics, which nobody wraps.
pub(crate) fn context(error: Error, cx: &Cx, text: &'static str) -> Error {
    if is_final(&error, &cx.gas) {
        error
    } else {
        error.wrap(text)
    }
}
