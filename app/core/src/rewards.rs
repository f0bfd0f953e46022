//! New coins for the hosts: what an epoch brings, minted for the contract that divides it.

use std::cell::Cell;

use quern_context::Cx;
use quern_system::{REWARDS, SudoMsg};
use quern_types::Result;

use crate::hooks::Border;

/// At the end of an epoch, mints what it brings, hands it to `rewards` and says that the epoch is over; in
/// every other block lets the contract go on with its division. If the contract fails, the coins are not
/// minted either and stay for the next epoch. A chain without the contract mints nothing. Runs after the
/// weights of the epoch are known.
pub(crate) fn rewards(border: &Border<'_>, cx: &Cx) -> Result<()> {
    let params = quern_system::params(cx)?;
    let host = border.shared.host()?;
    if cx.block.height.checked_rem(params.epoch_blocks) == Some(0) {
        let msg = SudoMsg::EndEpoch {
            epoch: quern_system::epoch(cx)?,
            validators: Vec::new(),
        };
        let minted = Cell::new(0);
        let mint = |cx: &Cx, contract: &_| {
            minted.set(quern_emission::emit(cx, contract)?);
            Ok(())
        };
        let done = host.call_after(cx, REWARDS, &msg, params.end_epoch_gas, mint, |_, _| Ok(()))?;
        if done.is_some() && minted.get() > 0 {
            quern_staking::minted(cx, border.shared.router.as_ref(), minted.get())?;
        }
    } else {
        host.call(
            cx,
            REWARDS,
            &SudoMsg::EndBlock {},
            params.end_block_gas,
            |_, _| Ok(()),
        )?;
    }
    Ok(())
}
