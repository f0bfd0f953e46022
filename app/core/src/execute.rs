//! One transaction: ante on an outer branch, messages on an inner one.

use std::sync::Arc;

use prost::Message;
use quern_context::{Cx, GasMeter, Mode, MsgOutput, TxFacts};
use quern_proto::{Any, cosmos::base::abci::v1beta1::TxMsgData};
use quern_types::{Attribute, Error, Event, Result, errors};

use crate::{
    Msg,
    ante::Ante,
    guard::guarded,
    router::AppRouter,
    tx::{Decoded, Tx},
};

/// Most gas of an estimate where blocks have no limit.
const SIMULATION_GAS: u64 = 100_000_000;

/// What came of a transaction.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The failure, if any.
    pub error: Option<Error>,
    /// Encoded `TxMsgData`, empty on failure.
    pub data: Vec<u8>,
    /// Of the ante handler, and of the messages on success.
    pub events: Vec<Event>,
    /// Limit that the fee pays for.
    pub gas_wanted: u64,
    /// Gas used, possibly above the limit.
    pub gas_used: u64,
}

impl Outcome {
    /// Refused before it cost anything.
    pub fn refused(error: impl Into<Error>) -> Self {
        Self {
            error: Some(error.into()),
            ..Self::default()
        }
    }
}

/// Everything that execution needs besides state.
pub(crate) struct Executor<'a> {
    pub ante: Ante<'a>,
    pub router: &'a Arc<AppRouter>,
    pub decoded: &'a Decoded,
    /// Most gas of a block, if there is a limit.
    pub max_gas: Option<u64>,
}

/// How far a transaction goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Ante handler alone: admission and proposals.
    Ante,
    /// Messages as well.
    Messages,
}

impl Executor<'_> {
    /// Decodes and runs raw bytes on `cx`. What the ante handler wrote is merged into `cx` even if a
    /// message fails; a refusal by the ante handler leaves `cx` as it was.
    ///
    /// # Errors
    /// Only a halt.
    pub(crate) fn run(&self, cx: &Cx, bytes: &[u8], depth: Depth) -> Result<Outcome> {
        // a block's own reveal never comes here
        if quern_beacon::tx::decode(bytes).is_some() {
            return Ok(Outcome::refused(&quern_beacon::MISPLACED));
        }
        let known = match cx.mode {
            Mode::Finalize => self.decoded.take(bytes),
            _ => self.decoded.get(bytes),
        };
        if let Some(tx) = known {
            let outcome = self.run_decoded(cx, &tx, depth)?;
            if cx.mode == Mode::Recheck && outcome.error.is_some() {
                self.decoded.take(bytes);
            }
            return Ok(outcome);
        }
        match guarded(|| Ok(Tx::decode(bytes))) {
            Err(panic) => Ok(Outcome::refused(panic)),
            Ok(Ok(tx)) => {
                let tx = Arc::new(tx);
                let outcome = self.run_decoded(cx, &tx, depth)?;
                if cx.mode == Mode::Check && outcome.error.is_none() {
                    self.decoded.keep(&tx);
                }
                Ok(outcome)
            }
            // In a block the SDK says no more of what it cannot decode.
            Ok(Err(_)) if cx.mode == Mode::Finalize => Ok(Outcome::refused(&errors::TX_DECODE)),
            // Elsewhere it says it twice.
            Ok(Err(error)) => Ok(Outcome::refused(errors::TX_DECODE.wrap(error.to_string()))),
        }
    }

    fn run_decoded(&self, cx: &Cx, tx: &Tx, depth: Depth) -> Result<Outcome> {
        let simulate = cx.mode == Mode::Simulate;
        // An estimate needs no limit of its own, but a contract that loops must still end: what no block
        // could hold is not worth estimating (wasmd's LimitSimulationGas).
        let gas = if simulate {
            GasMeter::limited(self.max_gas.unwrap_or(SIMULATION_GAS))
        } else {
            GasMeter::limited(tx.gas_limit())
        };
        let mut outcome = Outcome::default();
        // A bug that panics must cost its transaction, not the chain: every node sees the same panic.
        let result = guarded(|| self.stages(cx, tx, depth, &gas, &mut outcome));
        outcome.gas_used = gas.consumed();
        match result {
            Err(error) if error.is_halt() => return Err(error),
            Err(error) => outcome.error = Some(error),
            Ok(()) => {}
        }
        Ok(outcome)
    }

    fn stages(&self, cx: &Cx, tx: &Tx, depth: Depth, gas: &GasMeter, outcome: &mut Outcome) -> Result<()> {
        // before any charge: no messages, or messages that could never execute, cost nothing
        if tx.msgs.is_empty() {
            return Err(errors::INVALID_REQUEST.wrap("must contain at least one message"));
        }
        for msg in &tx.msgs {
            msg.validate()?;
        }
        outcome.gas_wanted = tx.gas_limit();
        let simulate = cx.mode == Mode::Simulate;
        if let Some(max) = self.max_gas.filter(|max| !simulate && tx.gas_limit() > *max) {
            return Err(errors::INVALID_GAS_LIMIT.wrap(format!(
                "tx gas limit {} exceeds block max gas {max}",
                tx.gas_limit()
            )));
        }
        let paid = cx.fork().with_gas(gas.clone());
        let index = self.ante.run(&paid, tx).inspect_err(|e| {
            // the SDK has not learnt the limit yet when its ante handler panics
            if e.is(&errors::PANIC) {
                outcome.gas_wanted = 0;
            }
        })?;
        outcome.events = paid.merge();
        if depth == Depth::Ante {
            return Ok(());
        }
        let inner = cx
            .fork()
            .with_gas(gas.clone())
            .with_tx(TxFacts { index, hash: tx.hash });
        let (responses, events) = self.messages(&inner, tx)?;
        inner.merge();
        outcome.events.extend(events);
        outcome.data = encode_responses(responses);
        Ok(())
    }

    fn messages(&self, cx: &Cx, tx: &Tx) -> Result<(Vec<MsgOutput>, Vec<Event>)> {
        let mut responses = Vec::with_capacity(tx.msgs.len());
        let mut events = Vec::new();
        for (index, (msg, any)) in tx.msgs.iter().zip(&tx.body.messages).enumerate() {
            let step = cx.with_own_events();
            let response = self
                .router
                .execute_msg(&step, msg.clone())
                .map_err(|e| fail_message(e, index))?;
            responses.push(response);
            let emitted = step.events.take();
            let first = message_event(msg, &any.type_url, &emitted);
            events.extend(
                std::iter::once(first)
                    .chain(emitted)
                    .map(|event| with_index(event, index)),
            );
        }
        Ok((responses, events))
    }
}

/// Out of gas, as any panic, aborts the whole transaction, so the SDK does not name a message then. A submessage's own
/// limit is an error like any other.
fn fail_message(error: Error, index: usize) -> Error {
    let own_limit = error.contexts().ends_with("SubMsg hit gas limit");
    if error.is_halt() || error.is(&errors::PANIC) || error.is(&errors::OUT_OF_GAS) && !own_limit {
        return error;
    }
    error.wrap(format!("failed to execute message; message index: {index}"))
}

/// `message{action, sender, module}`; the module only where the handler named none.
fn message_event(msg: &Msg, type_url: &str, emitted: &[Event]) -> Event {
    let mut event = Event::new("message").with("action", type_url);
    if let Some(sender) = msg.signers().ok().and_then(|signers| signers.into_iter().next()) {
        event = event.with("sender", sender);
    }
    if emitted.iter().all(|e| e.get("module").is_none()) {
        let module = type_url.split('.').nth(1).unwrap_or_default();
        event = event.with("module", module);
    }
    event
}

fn with_index(mut event: Event, index: usize) -> Event {
    event.attributes.push(Attribute {
        key: "msg_index".to_owned(),
        value: index.to_string(),
    });
    event
}

fn encode_responses(responses: Vec<MsgOutput>) -> Vec<u8> {
    let msg_responses = responses
        .into_iter()
        .map(|r| Any {
            type_url: r.response.type_url,
            value: r.response.value,
        })
        .collect();
    TxMsgData {
        msg_responses,
        ..Default::default()
    }
    .encode_to_vec()
}
