//! Submessages: each on a branch of its own, its outcome told to the contract where it asked.

use quern_context::{Cx, GasMeter, MsgOutput};
use quern_types::{Event, Result, errors as sdk};

use super::{context, is_final, is_spent, redact, send::Sender};
use crate::{
    errors,
    json::{ContractAttribute, ContractEvent, MsgResponse, Reply, SubMsg, SubMsgResponse, SubMsgResult},
    keeper,
};

/// Dispatches messages in order, each with all that follows from it before the next. Returns the data
/// of the last reply that set any.
pub(super) fn dispatch(sender: &Sender<'_>, cx: &Cx, messages: Vec<SubMsg>) -> Result<Option<Vec<u8>>> {
    let mut data = None;
    for message in messages {
        let Some(reply_on) = message.reply_on else {
            return Err(errors::INVALID.wrap("replyOn value"));
        };
        let inner = cx.fork();
        let of_contract = message.msg.wasm.is_some();
        let result = match send_within(sender, cx, &inner, &message) {
            Ok(outputs) => {
                let events = pass_on(cx, inner.merge(), of_contract);
                if !reply_on.wants_success() {
                    continue;
                }
                SubMsgResult::Ok(success(outputs, events))
            }
            // The fork is dropped, and with it all but the gas.
            Err(error) if is_final(&error, &cx.gas) || !reply_on.catches_failure() => return Err(error),
            Err(error) => SubMsgResult::Err(redact(&error)),
        };
        let reply = Reply {
            gas_used: 0,
            id: message.id,
            result,
            payload: message.payload,
        };
        let replied = keeper::reply(sender.wasm, cx, sender.router, sender.contract, &reply)
            .map_err(|e| context(e, cx, "reply"))?;
        data = replied.or(data);
    }
    Ok(data)
}

/// Sends a message under its own gas limit, where that is lower than what is left.
fn send_within(sender: &Sender<'_>, cx: &Cx, inner: &Cx, message: &SubMsg) -> Result<Vec<MsgOutput>> {
    let Some(limit) = message.gas_limit.filter(|limit| *limit < cx.gas.remaining()) else {
        return sender.send(inner, &message.msg);
    };
    let meter = GasMeter::limited(limit);
    match sender.send(&inner.with_gas(meter.clone()), &message.msg) {
        // a panic passes wasmd's meters by
        Err(error) if error.is_halt() || error.is(&sdk::PANIC) => Err(error),
        Err(error) if error.is(&sdk::OUT_OF_GAS) && is_spent(&meter) => {
            cx.gas.consume(limit, "Sub-Message OutOfGas panic")?;
            Err(sdk::OUT_OF_GAS.wrap("SubMsg hit gas limit"))
        }
        result => {
            cx.gas.consume(meter.consumed(), "From limited Sub-Message")?;
            result
        }
    }
}

/// Emits the events of a successful message, but for `message` ones, and returns what a reply shows of
/// them: all, for messages to contracts, and none otherwise.
///
/// wasmd sorts the attributes that a reply shows in place, and so those of the transaction too.
fn pass_on(cx: &Cx, mut events: Vec<Event>, of_contract: bool) -> Vec<ContractEvent> {
    events.retain(|event| event.ty != "message");
    if !of_contract {
        cx.events.extend(events);
        return Vec::new();
    }
    for event in &mut events {
        event.attributes.sort_by(|a, b| a.key.cmp(&b.key));
    }
    let shown = events.iter().map(shown).collect();
    cx.events.extend(events);
    shown
}

fn shown(event: &Event) -> ContractEvent {
    ContractEvent {
        ty: event.ty.clone(),
        attributes: event
            .attributes
            .iter()
            .map(|a| ContractAttribute {
                key: a.key.clone(),
                value: a.value.clone(),
            })
            .collect(),
    }
}

fn success(outputs: Vec<MsgOutput>, events: Vec<ContractEvent>) -> SubMsgResponse {
    SubMsgResponse {
        events,
        data: outputs.first().map(|output| output.response.value.clone().into()),
        msg_responses: outputs
            .into_iter()
            .map(|output| MsgResponse {
                type_url: output.response.type_url,
                value: output.response.value.into(),
            })
            .collect(),
    }
}
