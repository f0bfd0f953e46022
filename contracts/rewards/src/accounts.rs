//! From shares of an epoch to coins that vest.

use cosmwasm_std::Storage;
use quern_interface::rewards::Share;
use quern_protocol::Amount;

use crate::division::Earned;
use crate::error::{ContractError, Result};
use crate::funds;
use crate::state::{ACCOUNTS, PARAMS, POTS, SHARES, TOTALS, VESTED_EPOCH};
use crate::vesting::Account;

/// A host's account as if it were settled now, and its share if that epoch is not divided yet.
pub fn view(storage: &dyn Storage, host: &str) -> Result<(Account, Option<Share>)> {
    let mut account = ACCOUNTS.may_load(storage, host)?.unwrap_or_default();
    let mut open = SHARES.may_load(storage, host)?;
    if let Some(share) = &open {
        if let Some(pot) = POTS.may_load(storage, share.epoch)? {
            let earned = pot.worth(share.weight, share.burned);
            credit(storage, &mut account, share.epoch, earned)?;
            open = None;
        }
    }
    release(storage, &mut account)?;
    Ok((account, open))
}

/// Turns a host's share of a divided epoch, if it has one, into coins that vest, and releases what has vested.
pub fn settle(storage: &mut dyn Storage, host: &str) -> Result<Account> {
    let mut account = ACCOUNTS.may_load(storage, host)?.unwrap_or_default();
    if let Some(share) = SHARES.may_load(storage, host)? {
        if take(storage, &mut account, &share)? {
            SHARES.remove(storage, host);
        }
    }
    release(storage, &mut account)?;
    Ok(account)
}

/// The same for a share that is replaced by the next epoch's. False if its epoch was never divided.
pub fn settle_share(storage: &mut dyn Storage, host: &str, share: &Share) -> Result<bool> {
    if !POTS.has(storage, share.epoch) {
        return Ok(false);
    }
    let mut account = ACCOUNTS.may_load(storage, host)?.unwrap_or_default();
    let taken = take(storage, &mut account, share)?;
    release(storage, &mut account)?;
    ACCOUNTS.save(storage, host, &account)?;
    Ok(taken)
}

/// Takes away what a slashed host has not vested.
pub fn claw_back(storage: &mut dyn Storage, host: &str) -> Result<Amount> {
    let mut account = settle(storage, host)?;
    let taken = account.claw_back().ok_or(ContractError::Overflow)?;
    ACCOUNTS.save(storage, host, &account)?;
    Ok(taken)
}

fn take(storage: &mut dyn Storage, account: &mut Account, share: &Share) -> Result<bool> {
    let Some(mut pot) = POTS.may_load(storage, share.epoch)? else {
        return Ok(false);
    };
    let earned = pot.take(share.weight, share.burned);
    credit(storage, account, share.epoch, earned)?;
    match pot.dust() {
        None => POTS.save(storage, share.epoch, &pot)?,
        Some(dust) => {
            // what rounding left over waits for the next division
            POTS.remove(storage, share.epoch);
            let mut totals = TOTALS.load(storage)?;
            funds::take(&mut totals.to_hosts, dust)?;
            funds::add(&mut totals.undivided, dust)?;
            TOTALS.save(storage, &totals)?;
        }
    }
    Ok(true)
}

fn credit(storage: &dyn Storage, account: &mut Account, epoch: u64, earned: Option<Earned>) -> Result<()> {
    let earned = earned.ok_or(ContractError::Overflow)?;
    let vesting = PARAMS.load(storage)?.vesting_epochs;
    funds::add(&mut account.by_weight, earned.by_weight)?;
    funds::add(&mut account.by_fees, earned.by_fees)?;
    let amount = Amount::sum([earned.by_weight, earned.by_fees]).ok_or(ContractError::Overflow)?;
    account
        .grant(epoch, amount, vesting)
        .ok_or(ContractError::Overflow)
}

fn release(storage: &dyn Storage, account: &mut Account) -> Result<()> {
    let epoch = VESTED_EPOCH.load(storage)?;
    account.release(epoch).ok_or(ContractError::Overflow)
}
