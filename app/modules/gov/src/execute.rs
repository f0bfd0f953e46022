//! Execution of what has passed.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use quern_context::{AnyMsg, Cx, Gas, GasMeter, Router};
use quern_proto::Any;
use quern_types::{Error, Result, errors};

use crate::payout;

/// Gas of one proposal's messages: enough to store and migrate the largest contract, and an end to one that
/// loops.
pub const EXECUTION_GAS: Gas = 100_000_000;

/// Which message failed, and how.
pub(crate) struct Failure {
    pub at: usize,
    pub error: Error,
}

/// Executes messages as governance, all or none. Their events are kept only if all succeed.
///
/// # Errors
/// Only a halt.
pub(crate) fn messages(cx: &Cx, router: &Arc<dyn Router>, messages: &[Any]) -> Result<Option<Failure>> {
    let fork = cx.fork().with_gas(GasMeter::limited(EXECUTION_GAS));
    for (at, any) in messages.iter().enumerate() {
        let msg = AnyMsg {
            type_url: any.type_url.clone(),
            value: any.value.clone(),
        };
        // A bug that panics must cost its proposal, not the chain: every node sees the same panic.
        let done = catch_unwind(AssertUnwindSafe(|| router.execute(&fork, &msg)))
            .unwrap_or_else(|_| Err((&errors::PANIC).into()));
        match done {
            Ok(_) => {}
            Err(halt) if halt.is_halt() => return Err(halt),
            Err(error) => return Ok(Some(Failure { at, error })),
        }
    }
    if let Err(error) = payout::check_held(&fork.with_gas(GasMeter::infinite())) {
        if error.is_halt() {
            return Err(error);
        }
        let at = messages.len().saturating_sub(1);
        return Ok(Some(Failure { at, error }));
    }
    cx.events.extend(fork.merge());
    Ok(None)
}
