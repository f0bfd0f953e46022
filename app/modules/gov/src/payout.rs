//! The way of deposits out: back to who made them, or burned, so many in a block.

use prost::Message;
use quern_context::{Cx, Gas};
use quern_proto::cosmos::base::v1beta1 as base;
use quern_types::{AccAddress, Coins, Error, Result, errors, module_address};

use crate::{MODULE, convert, dec, deposit, event, keys, proposal};

/// Deposits that one block pays back or burns at most.
pub const PAYOUTS_PER_BLOCK: u32 = 200;
/// Bytes of an entry that says what becomes of a proposal's deposits.
const REFUND: [u8; 1] = [0];
const BURN: [u8; 1] = [1];
/// Gas of one refund or burn at a block's end, which cannot fail for it: a bound for what a bug might loop.
const PAYOUT_GAS: Gas = 10_000_000;

#[derive(Clone, PartialEq, Message)]
struct Held {
    #[prost(message, repeated, tag = "1")]
    coins: Vec<base::Coin>,
}

/// Sum of all deposits.
pub(crate) fn held(cx: &Cx) -> Result<Coins> {
    match cx.kv(MODULE).get(keys::HELD)? {
        None => Ok(Coins::empty()),
        Some(bytes) => {
            let held = Held::decode(bytes.as_slice()).map_err(Error::halt)?;
            convert::stored_coins(&held.coins)
        }
    }
}

pub(crate) fn set_held(cx: &Cx, coins: &Coins) -> Result<()> {
    let held = Held {
        coins: convert::wire_coins(coins),
    };
    cx.kv(MODULE).set(keys::HELD, held.encode_to_vec())
}

fn release(cx: &Cx, amount: &Coins) -> Result<()> {
    let left = held(cx)?
        .checked_sub(amount)
        .ok_or_else(|| Error::halt("a deposit exceeds the sum of all deposits"))?;
    set_held(cx, &left)
}

/// Whether governance holds all deposits.
///
/// # Errors
/// `sdk/5` if it lacks some of them.
pub(crate) fn check_held(cx: &Cx) -> Result<()> {
    for coin in &held(cx)? {
        let balance = quern_bank::balance(cx, &proposal::governance(), &coin.denom)?;
        if balance < coin.amount {
            return Err(errors::INSUFFICIENT_FUNDS.wrap(format!(
                "governance would hold {balance}{} of {coin} that are deposits of others",
                coin.denom
            )));
        }
    }
    Ok(())
}

/// The invariant of deposits: governance holds them, and their sum is the one that is kept.
///
/// # Errors
/// What is broken.
pub fn check_deposits(cx: &Cx) -> Result<()> {
    let mut sum = Coins::empty();
    for entry in cx.kv_unmetered(MODULE).prefix(keys::DEPOSITS) {
        sum = sum.checked_add(&convert::stored_coins(&deposit::decode(&entry?.1)?.amount)?)?;
    }
    let held = held(cx)?;
    if sum != held {
        return Err(Error::halt(format!(
            "deposits sum to {sum}, the state says {held}"
        )));
    }
    check_held(cx)
}

/// Lets the deposits of a proposal go, from this block on.
pub(crate) fn begin(cx: &Cx, id: u64, burn: bool) -> Result<()> {
    cx.kv(MODULE)
        .set(&keys::payout(id), if burn { BURN } else { REFUND })
}

/// Whether an entry of [`begin`] says that the deposits burn.
pub(crate) fn burns(how: &[u8]) -> bool {
    how == BURN
}

/// Pays back or burns at most `budget` deposits of proposals whose deposits go, and takes as much from it.
pub(crate) fn pay_out(cx: &Cx, budget: &mut u32) -> Result<()> {
    while *budget > 0 {
        let Some(entry) = cx.kv(MODULE).prefix(keys::PAYOUTS).next() else {
            return Ok(());
        };
        let (key, how) = entry?;
        let id = keys::last_number(&key).ok_or_else(|| Error::halt("corrupt key of a payout"))?;
        let limit = usize::try_from(*budget).unwrap_or(usize::MAX);
        let deposits = of(cx, id, limit)?;
        *budget = budget.saturating_sub(u32::try_from(deposits.len()).unwrap_or(u32::MAX).max(1));
        let last = deposits.len() < limit;
        if !(burns(&how) && burn_together(cx, id, &deposits)?) {
            for (depositor, amount) in deposits {
                let to = (!burns(&how)).then_some(&depositor);
                settle(cx, id, &depositor, &amount, to)?;
            }
        }
        if last {
            cx.kv(MODULE).delete(&key)?;
        }
    }
    Ok(())
}

/// Deposits of a proposal, at most so many.
fn of(cx: &Cx, id: u64, limit: usize) -> Result<Vec<(AccAddress, Coins)>> {
    cx.kv(MODULE)
        .prefix(&keys::deposits(id))
        .take(limit)
        .map(|entry| {
            let deposit = deposit::decode(&entry?.1)?;
            let depositor = AccAddress::from_bech32(&deposit.depositor).map_err(Error::halt)?;
            Ok((depositor, convert::stored_coins(&deposit.amount)?))
        })
        .collect()
}

/// Removes deposits and burns their sum at once, as the SDK tells it. Whether governance holds all of it.
fn burn_together(cx: &Cx, id: u64, deposits: &[(AccAddress, Coins)]) -> Result<bool> {
    let mut sum = Coins::empty();
    for (_, amount) in deposits {
        let Ok(more) = sum.checked_add(amount) else {
            return Ok(false);
        };
        sum = more;
    }
    if sum.is_empty() {
        return Ok(false);
    }
    let fork = cx.fork().with_gas(quern_context::GasMeter::limited(PAYOUT_GAS));
    match quern_bank::burn(&fork, &proposal::governance(), &sum) {
        Ok(()) => cx.events.extend(fork.merge()),
        Err(halt) if halt.is_halt() => return Err(halt),
        Err(_) => return Ok(false),
    }
    for (depositor, amount) in deposits {
        cx.kv(MODULE).delete(&keys::deposit(id, depositor))?;
        release(cx, amount)?;
    }
    Ok(true)
}

/// Removes one deposit and sends its coins, or burns them. What governance does not hold any more is not paid:
/// nobody's lack of coins stops the chain.
fn settle(cx: &Cx, id: u64, depositor: &AccAddress, amount: &Coins, to: Option<&AccAddress>) -> Result<()> {
    cx.kv(MODULE).delete(&keys::deposit(id, depositor))?;
    release(cx, amount)?;
    let fork = cx.fork().with_gas(quern_context::GasMeter::limited(PAYOUT_GAS));
    let moved = match to {
        Some(to) => quern_bank::send_coins(&fork, &proposal::governance(), to, amount),
        None => quern_bank::burn(&fork, &proposal::governance(), amount),
    };
    match moved {
        Ok(()) => cx.events.extend(fork.merge()),
        Err(halt) if halt.is_halt() => return Err(halt),
        Err(error) => {
            tracing::error!(proposal = id, %depositor, %error, "a deposit could not be paid back");
            cx.emit(event::unpaid(id, depositor, amount));
        }
    }
    Ok(())
}

/// Pays the deposits of a cancelled proposal back less a share, which burns or goes to an account. Takes gas for
/// each deposit.
///
/// # Errors
/// `sdk/4` for a destination that may not receive, `sdk/11`.
pub(crate) fn charge(cx: &Cx, id: u64, dest: &str, share: u128) -> Result<()> {
    let governance = proposal::governance();
    let mut charges = Coins::empty();
    for (depositor, amount) in of(cx, id, usize::MAX)? {
        let charge = deposit::map_amounts(&amount, |coins| dec::times(coins, share));
        let rest = amount
            .checked_sub(&charge)
            .ok_or_else(|| Error::halt("a share exceeds its whole"))?;
        charges = charges.checked_add(&charge)?;
        if !rest.is_empty() {
            quern_bank::send_coins(cx, &governance, &depositor, &rest)?;
        }
        cx.kv(MODULE).delete(&keys::deposit(id, &depositor))?;
        release(cx, &amount)?;
    }
    if charges.is_empty() {
        return Ok(());
    }
    if dest.is_empty() {
        return quern_bank::burn(cx, &governance, &charges);
    }
    let to = AccAddress::from_bech32(dest)?;
    if to != module_address("distribution") && quern_bank::is_blocked(&to) {
        return Err(errors::UNAUTHORIZED.wrap(format!("{to} is not allowed to receive funds")));
    }
    quern_bank::send_coins(cx, &governance, &to, &charges)
}
