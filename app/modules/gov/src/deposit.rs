//! Deposits on proposals.

use prost::Message;
use quern_context::Cx;
use quern_proto::cosmos::gov::v1::{Deposit, Params, ProposalStatus};
use quern_types::{AccAddress, Amount, Coin, Coins, Error, Result};

use crate::{
    INACTIVE_PROPOSAL, INVALID_DEPOSIT_DENOM, MIN_DEPOSIT_TOO_SMALL, MODULE, convert, dec, event, keys,
    params, payout, proposal,
};

/// Adds to what an account has deposited. Returns whether the voting period began with it.
///
/// # Errors
/// `undefined/1` without such a proposal, `gov/3` if it takes none, `gov/16`, `gov/23`, `sdk/5`.
pub(crate) fn add(cx: &Cx, id: u64, depositor: &AccAddress, amount: &Coins) -> Result<bool> {
    let mut proposal = proposal::get(cx, id)?;
    let awaits_deposits = proposal::is(&proposal, ProposalStatus::DepositPeriod);
    if !awaits_deposits && !proposal::is(&proposal, ProposalStatus::VotingPeriod) {
        return Err(INACTIVE_PROPOSAL.wrap(id.to_string()));
    }
    let params = params::get(cx)?;
    let needed = params::min_deposit(&params, proposal.expedited)?;
    check_denoms(&params, amount)?;
    check_ratio(&params, &needed, amount)?;

    // the account is governance's from the first deposit on, whoever sent coins there before
    quern_auth::module_account(cx, MODULE, &["burner"])?;
    quern_bank::send_coins(cx, depositor, &proposal::governance(), amount)?;
    payout::set_held(cx, &payout::held(cx)?.checked_add(amount)?)?;
    let total = convert::stored_coins(&proposal.total_deposit)?.checked_add(amount)?;
    proposal.total_deposit = convert::wire_coins(&total);
    proposal::set(cx, &proposal)?;
    let begins = awaits_deposits && needed.is_all_lte(&total);
    if begins {
        proposal::activate(cx, &mut proposal)?;
    }
    cx.emit(event::deposited(id, depositor, amount));
    let before = match find(cx, id, depositor)? {
        Some(deposit) => convert::stored_coins(&deposit.amount)?,
        None => Coins::empty(),
    };
    set(cx, id, depositor, &before.checked_add(amount)?)?;
    Ok(begins)
}

/// What an account has deposited.
pub(crate) fn find(cx: &Cx, id: u64, depositor: &AccAddress) -> Result<Option<Deposit>> {
    let bytes = cx.kv(MODULE).get(&keys::deposit(id, depositor))?;
    bytes.map(|bytes| decode(&bytes)).transpose()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Deposit> {
    Deposit::decode(bytes).map_err(|e| Error::halt(format!("corrupt deposit in state: {e}")))
}

pub(crate) fn set(cx: &Cx, id: u64, depositor: &AccAddress, amount: &Coins) -> Result<()> {
    let deposit = Deposit {
        proposal_id: id,
        depositor: depositor.to_string(),
        amount: convert::wire_coins(amount),
    };
    cx.kv(MODULE)
        .set(&keys::deposit(id, depositor), deposit.encode_to_vec())
}

/// Refuses denominations that the minimum deposit lacks.
///
/// # Errors
/// `gov/23`.
pub(crate) fn check_denoms(params: &Params, amount: &Coins) -> Result<()> {
    let accepted = params
        .min_deposit
        .iter()
        .map(|c| c.denom.as_str())
        .collect::<Vec<_>>();
    if amount.iter().all(|coin| accepted.contains(&coin.denom.as_str())) {
        return Ok(());
    }
    Err(INVALID_DEPOSIT_DENOM.wrap(format!(
        "deposited {amount}, but gov accepts only the following denom(s): [{}]",
        accepted.join(" ")
    )))
}

/// A single deposit must be worth its place in the state in one denomination at least.
fn check_ratio(params: &Params, needed: &Coins, amount: &Coins) -> Result<()> {
    let ratio = params::share(&params.min_deposit_ratio)?;
    if ratio == 0 {
        return Ok(());
    }
    let least = |coin: &Coin| Coin {
        denom: coin.denom.clone(),
        amount: dec::times(coin.amount, ratio),
    };
    let thresholds = needed.iter().map(least).collect::<Vec<_>>();
    let enough = |least: &Coin| {
        let given = amount.amount_of(&least.denom);
        given > 0 && given >= least.amount
    };
    if thresholds.iter().any(enough) {
        return Ok(());
    }
    let shown = thresholds
        .iter()
        .map(Coin::to_string)
        .collect::<Vec<_>>()
        .join(",");
    Err(MIN_DEPOSIT_TOO_SMALL.wrap(format!(
        "received {amount} but need at least one of the following: {shown}"
    )))
}

/// Coins with other amounts, without those that become zero.
pub(crate) fn map_amounts(coins: &Coins, map: impl Fn(Amount) -> Amount) -> Coins {
    let mapped = coins.iter().map(|coin| Coin {
        denom: coin.denom.clone(),
        amount: map(coin.amount),
    });
    // a map keeps order and denominations
    Coins::try_from_sorted(mapped.filter(|coin| coin.amount > 0).collect()).unwrap_or_default()
}
