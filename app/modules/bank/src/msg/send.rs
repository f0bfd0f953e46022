//! MsgSend.

use quern_context::Cx;
use quern_proto::cosmos::bank::v1beta1::MsgSend;
use quern_types::{AccAddress, Coins, Result, errors};

use crate::{check_send_enabled, is_blocked, send_coins};

pub(super) struct Send {
    from: AccAddress,
    to: AccAddress,
    amount: Coins,
}

pub(super) fn parse(msg: &MsgSend) -> Result<Send> {
    let address = |text: &str, name: &str| {
        AccAddress::from_signer(text)
            .map_err(|e| errors::INVALID_ADDRESS.wrap(format!("invalid {name} address: {e}")))
    };
    Ok(Send {
        from: address(&msg.from_address, "from")?,
        to: address(&msg.to_address, "to")?,
        amount: super::positive_coins(&msg.amount)?,
    })
}

pub(super) fn execute(cx: &Cx, msg: &MsgSend) -> Result<()> {
    let Send { from, to, amount } = parse(msg)?;
    check_send_enabled(cx, &amount)?;
    if is_blocked(&to) {
        return Err(errors::UNAUTHORIZED.wrap(format!("{to} is not allowed to receive funds")));
    }
    send_coins(cx, &from, &to, &amount)
}
