//! MsgMultiSend: one sender, many recipients.

use quern_context::Cx;
use quern_proto::cosmos::bank::v1beta1::MsgMultiSend;
use quern_types::{AccAddress, Coins, Event, Result, errors};

use crate::{
    INPUT_OUTPUT_MISMATCH, NO_INPUTS, NO_OUTPUTS, check_send_enabled, error::MULTIPLE_SENDERS, event,
    is_blocked, transfer,
};

pub(super) struct MultiSend {
    from: AccAddress,
    total: Coins,
    outputs: Vec<(AccAddress, Coins)>,
}

pub(super) fn parse(msg: &MsgMultiSend) -> Result<MultiSend> {
    let [input] = msg.inputs.as_slice() else {
        let none = msg.inputs.is_empty();
        return Err(if none { &NO_INPUTS } else { &MULTIPLE_SENDERS }.into());
    };
    if msg.outputs.is_empty() {
        return Err((&NO_OUTPUTS).into());
    }
    let from = AccAddress::from_bech32(&input.address).map_err(|e| e.wrap("invalid input address"))?;
    let total = super::positive_coins(&input.coins)?;
    let mut outputs = Vec::with_capacity(msg.outputs.len());
    let mut sum = Coins::empty();
    for output in &msg.outputs {
        let to = AccAddress::from_bech32(&output.address).map_err(|e| e.wrap("invalid output address"))?;
        let coins = super::positive_coins(&output.coins)?;
        sum = sum.checked_add(&coins)?;
        outputs.push((to, coins));
    }
    if sum != total {
        return Err((&INPUT_OUTPUT_MISMATCH).into());
    }
    Ok(MultiSend { from, total, outputs })
}

pub(super) fn execute(cx: &Cx, msg: &MsgMultiSend) -> Result<()> {
    let MultiSend { from, total, outputs } = parse(msg)?;
    check_send_enabled(cx, &total)?;
    if let Some((to, _)) = outputs.iter().find(|(to, _)| is_blocked(to)) {
        return Err(errors::UNAUTHORIZED.wrap(format!("{to} is not allowed to receive funds")));
    }
    cx.emit(Event::new("message").with("sender", &from));
    transfer::spend(cx, &from, &total)?;
    for (to, coins) in &outputs {
        transfer::receive(cx, to, coins)?;
        cx.emit(event::transfer(to, &from, coins));
        quern_auth::ensure(cx, to)?;
    }
    Ok(())
}
