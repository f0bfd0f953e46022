//! A host's share of the epoch that ends.

use cosmwasm_std::Storage;
use quern_interface::rewards::Share;
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::state::{Work, SHARES};
use crate::{accounts, funds};

/// Adds to a host's share. What it had of the epoch before becomes coins; if that epoch was never divided, what
/// burned in it counts in this one.
pub fn add(
    storage: &mut dyn Storage,
    work: &mut Work,
    host: &str,
    weight: u64,
    burned: Amount,
) -> Result<()> {
    let mut share = Share {
        epoch: work.epoch,
        weight,
        burned,
    };
    funds::add(&mut work.sums.weight, Amount(weight.into()))?;
    funds::add(&mut work.sums.burned, burned)?;
    match SHARES.may_load(storage, host)? {
        Some(old) if old.epoch == work.epoch => {
            share.weight = share
                .weight
                .checked_add(old.weight)
                .ok_or(ContractError::Overflow)?;
            funds::add(&mut share.burned, old.burned)?;
        }
        Some(old) => {
            work.sums.hosts = work.sums.hosts.saturating_add(1);
            if !accounts::settle_share(storage, host, &old)? {
                funds::add(&mut share.burned, old.burned)?;
                funds::add(&mut work.sums.burned, old.burned)?;
            }
        }
        None => work.sums.hosts = work.sums.hosts.saturating_add(1),
    }
    SHARES.save(storage, host, &share)?;
    Ok(())
}
