//! Coins that left by a message of x/staking are paid out by themselves, as wallets expect: `bonding` pays
//! when it is asked, so this asks for the delegator, once for each bucket and some in each block.
//!
//! Who undelegates pays the gas of it ahead. A freeze puts the payment off to the height at which it is due
//! then. What fails for any other reason is left to the delegator, who can call `withdraw` at any time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use quern_context::{Cx, Gas, GasMeter, Router};
use quern_interface::bonding::{ExecuteMsg, Position, QueryMsg};
use quern_protocol::Amount;
use quern_store::Order;
use quern_system::BONDING;
use quern_types::{AccAddress, BASE_DENOM, Error, Event, Result, errors};

use crate::{
    MODULE,
    contracts::{Contracts, number},
    keys,
};

/// Payments of one block at most.
pub const PER_BLOCK: usize = 10;
/// Gas of one: eight buckets at once, as after a freeze, all of which land at other hosts.
const GAS: Gas = 4_000_000;
/// What is charged ahead.
const PRICE: Gas = 600_000;

/// Notes that something of a delegator's behind a host is due at a height. A second time is one, and is charged all the
/// same: who estimated it for one bucket may be delivered in the next.
pub(crate) fn add(cx: &Cx, height: u64, delegator: &AccAddress, host: &AccAddress) -> Result<()> {
    cx.gas.consume(PRICE, "completion of an unbonding")?;
    cx.kv(MODULE)
        .set(&keys::completion(height, delegator, host), vec![1])
}

/// Height, delegator and host of a key.
pub(crate) fn read(key: &[u8]) -> Result<(u64, AccAddress, AccAddress)> {
    let parts = || {
        let rest = key.strip_prefix(keys::COMPLETIONS)?;
        let (height, rest) = rest.split_at_checked(keys::HEIGHT_LEN)?;
        let (delegator, rest) = prefixed(rest)?;
        let (host, rest) = prefixed(rest)?;
        let height = u64::from_be_bytes(height.try_into().ok()?);
        rest.is_empty().then_some((height, delegator, host))
    };
    parts().ok_or_else(|| Error::halt("corrupt completion in state"))
}

/// All that is noted: height, delegator and host.
pub fn completions(cx: &Cx) -> impl Iterator<Item = Result<(u64, AccAddress, AccAddress)>> {
    cx.kv_unmetered(MODULE)
        .prefix(keys::COMPLETIONS)
        .map(|entry| read(&entry?.0))
}

/// An address behind its own length.
fn prefixed(bytes: &[u8]) -> Option<(AccAddress, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (address, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((AccAddress::from_bytes(address).ok()?, rest))
}

/// Pays what is due, [`PER_BLOCK`] at most.
///
/// # Errors
/// A halt.
pub(crate) fn pay(cx: &Cx, router: &dyn Router) -> Result<()> {
    let kv = cx.kv_unmetered(MODULE);
    let end = keys::completions_after(cx.block.height);
    let due = kv.range(Some(keys::COMPLETIONS), Some(&end), Order::Ascending);
    let due = due.take(PER_BLOCK).collect::<Result<Vec<_>>>()?;
    for (key, _) in due {
        let (_, delegator, host) = read(&key)?;
        kv.delete(&key)?;
        match on_fork(cx, |fork| one(fork, router, &delegator, &host)) {
            Ok(Some(later)) => kv.set(&keys::completion(later, &delegator, &host), vec![1])?,
            Ok(None) => {}
            Err(error) if error.is_halt() => return Err(error),
            Err(error) => {
                tracing::warn!(%delegator, %host, %error, "an unbonding was not completed");
                cx.emit(
                    Event::new("completion_failed")
                        .with("validator", host.to_validator_bech32())
                        .with("delegator", &delegator)
                        .with("codespace", error.codespace())
                        .with("code", error.code()),
                );
            }
        }
    }
    Ok(())
}

/// Keeps what `work` does only if it succeeds.
fn on_fork<T>(cx: &Cx, work: impl FnOnce(&Cx) -> Result<T>) -> Result<T> {
    let fork = cx.fork().with_gas(GasMeter::limited(GAS));
    // A bug that panics must cost its payment, not the chain: every node sees the same panic.
    let done =
        catch_unwind(AssertUnwindSafe(|| work(&fork))).unwrap_or_else(|_| Err((&errors::PANIC).into()))?;
    cx.events.extend(fork.merge());
    Ok(done)
}

/// Pays one delegator; the height at which to try again where nothing is due yet.
fn one(cx: &Cx, router: &dyn Router, delegator: &AccAddress, host: &AccAddress) -> Result<Option<u64>> {
    let to = Contracts { cx, router };
    let Some(position) = position_of(&to, delegator, host)? else {
        return Ok(None);
    };
    let height = cx.block.height;
    let ripe = |matures_at: u64| matures_at <= height;
    if !position.unbonding.iter().any(|entry| ripe(entry.matures_at)) {
        return Ok(position.unbonding.iter().map(|entry| entry.matures_at).min());
    }
    let msg = ExecuteMsg::Withdraw {
        host: host.to_string(),
    };
    let said = to.call(BONDING, delegator, &msg, Amount::ZERO)?;
    let (paid, moved): (Amount, Amount) = (number(&said, "amount")?, number(&said, "moved")?);
    let (validator, payee) = (host.to_validator_bech32(), delegator.to_string());
    if !paid.is_zero() {
        cx.emit(
            Event::new("complete_unbonding")
                .with("amount", format!("{paid}{BASE_DENOM}"))
                .with("validator", &validator)
                .with("delegator", &payee),
        );
    }
    let landed = position
        .unbonding
        .iter()
        .filter(|e| ripe(e.matures_at) && !e.moving.is_zero());
    for entry in landed.filter(|_| !moved.is_zero()) {
        let target = entry.to.as_deref().map(AccAddress::from_bech32).transpose()?;
        cx.emit(
            Event::new("complete_redelegation")
                .with("amount", format!("{}{BASE_DENOM}", entry.moving))
                .with("delegator", &payee)
                .with("source_validator", &validator)
                .with(
                    "destination_validator",
                    target.map(|t| t.to_validator_bech32()).unwrap_or_default(),
                ),
        );
    }
    // A withdrawal looks at the oldest entries only: after a freeze more may be ripe.
    let rest = match position_of(&to, delegator, host) {
        Err(halt) if halt.is_halt() => return Err(halt),
        // what was paid stays paid
        Err(_) => return Ok(Some(height.saturating_add(1))),
        Ok(rest) => rest,
    };
    let next = rest.and_then(|rest| rest.unbonding.iter().map(|entry| entry.matures_at).min());
    Ok(next.map(|at| at.max(height.saturating_add(1))))
}

/// What a delegator has behind a host.
fn position_of(to: &Contracts, delegator: &AccAddress, host: &AccAddress) -> Result<Option<Position>> {
    to.bonding(&QueryMsg::Position {
        host: host.to_string(),
        funder: delegator.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use quern_types::module_address;

    use super::*;

    #[test]
    fn a_key_holds_what_is_due() {
        let (delegator, host) = (module_address("a"), AccAddress::from_bytes(vec![7; 32]).unwrap());
        let key = keys::completion(9, &delegator, &host);
        assert_eq!(read(&key).unwrap(), (9, delegator, host));
        assert!(read(&key[..key.len() - 1]).is_err());
        assert!(keys::completion(9, &module_address("z"), &module_address("z")) < keys::completions_after(9));
    }
}
