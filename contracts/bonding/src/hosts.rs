//! Positions and pools in the store. Every function checks first and writes last, so one that fails wrote
//! nothing. Whoever changes active coins divides what vested before: [`income::advance`].

use cosmwasm_std::{Addr, Empty, Order, Storage};
use quern_interface::bonding::{Params, Totals};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::income;
use crate::math::{bucket, counted, Stake};
use crate::state::{
    Host, Tranches, BUCKETS, BY_BOND, BY_FUNDER, BY_STAKE, EARNERS, ENTRIES, HOSTS, PARAMS, POSITIONS, TOTALS,
};

/// Most buckets of a host that can be slashed.
pub const MAX_BUCKETS: usize = 32;

/// A host's bond at `height`: buckets that matured since it was last seen are no longer in the list.
pub fn load(storage: &dyn Storage, host: &Addr, height: u64) -> Result<Host> {
    let mut record = HOSTS.may_load(storage, host)?.unwrap_or_default();
    mature(&mut record, height);
    Ok(record)
}

/// Drops buckets whose last block is over.
fn mature(record: &mut Host, height: u64) {
    let freeze = record.freeze;
    record.buckets.retain(|end| freeze.last(*end) >= height);
}

/// Saves a host and its place in the order of bonds; returns what of its active coins counts.
pub fn save(storage: &mut dyn Storage, host: &Addr, record: &mut Host) -> Result<Amount> {
    let active = record.active.coins().ok_or(ContractError::Overflow)?;
    let min_bps = PARAMS.load(storage)?.min_operator_bps;
    if let Some(old) = HOSTS.may_load(storage, host)? {
        BY_BOND.remove(storage, (rank(old.counted), host));
    }
    record.counted = counted(record.active.operator.coins, active, min_bps);
    if !active.is_zero() {
        BY_BOND.save(storage, (rank(record.counted), host), &Empty {})?;
    }
    HOSTS.save(storage, host, record)?;
    Ok(record.counted)
}

/// Key under which more comes first.
pub fn rank(counted: Amount) -> u128 {
    u128::MAX.saturating_sub(counted.0)
}

/// The amount of such a key.
pub fn amount_at(rank: u128) -> Amount {
    Amount(u128::MAX.saturating_sub(rank))
}

/// Whether the operator's part is large enough beside the others'.
fn operator_share_kept(record: &Host, min_bps: u32) -> Result<bool> {
    let all = record.active.coins().ok_or(ContractError::Overflow)?;
    let needed = all
        .mul_div_ceil(u128::from(min_bps), quern_interface::BPS)
        .ok_or(ContractError::Overflow)?;
    Ok(record.active.funders.coins.is_zero() || record.active.operator.coins >= needed)
}

/// Bonds coins that the contract holds, or just received, to a host that serves; returns its counted bond.
pub fn credit(
    storage: &mut dyn Storage,
    params: &Params,
    host: &Addr,
    funder: &Addr,
    amount: Amount,
    height: u64,
) -> Result<Amount> {
    let mut record = load(storage, host, height)?;
    if record.tombstoned {
        return Err(ContractError::HostInactive(host.to_string()));
    }
    if host != funder && !record.open {
        return Err(ContractError::HostClosed(host.to_string()));
    }
    let old = POSITIONS.may_load(storage, (host, funder))?.unwrap_or_default();
    let mut stake = old;
    record
        .active
        .of(host, funder)
        .deposit(&mut stake, amount)
        .ok_or(ContractError::AmountTooSmall)?;
    let min_bps = params.min_operator_bps;
    if host != funder && !operator_share_kept(&record, min_bps)? {
        return Err(ContractError::OperatorShare { min_bps });
    }
    set_stake(storage, host, funder, (&old, &stake))?;
    BY_FUNDER.save(storage, (funder, host), &Empty {})?;
    update_totals(storage, |totals| {
        totals.active = totals.active.checked_add(amount)?;
        Some(())
    })?;
    save(storage, host, &mut record)
}

/// What a debit is for.
pub struct Debit<'a> {
    /// From this host.
    pub host: &'a Addr,
    /// From this funder's position.
    pub funder: &'a Addr,
    /// This much.
    pub amount: Amount,
    /// To be bonded there; to be paid out if none.
    pub to: Option<&'a Addr>,
    /// Whether the operator may leave the others alone, because the host no longer serves.
    pub operator_free: bool,
}

/// Takes coins from a position into the bucket of `height`; returns the host's counted bond and the last
/// block in which what left can be slashed.
pub fn debit(
    storage: &mut dyn Storage,
    params: &Params,
    debit: &Debit,
    height: u64,
) -> Result<(Amount, u64)> {
    let Debit {
        host, funder, amount, ..
    } = *debit;
    let mut record = load(storage, host, height)?;
    let old = POSITIONS.may_load(storage, (host, funder))?.unwrap_or_default();
    let mut stake = old;
    let pool = record.active.of(host, funder);
    let value = pool.value(&stake);
    if amount.is_zero() {
        return Err(ContractError::AmountTooSmall);
    }
    pool.withdraw(&mut stake, amount)
        .ok_or(ContractError::InsufficientPosition(value))?;
    let min_bps = params.min_operator_bps;
    if host == funder && !debit.operator_free && !operator_share_kept(&record, min_bps)? {
        return Err(ContractError::OperatorShare { min_bps });
    }
    let end = bucket(height, params.unbonding_blocks, params.bucket_blocks).ok_or(ContractError::Overflow)?;
    if let Err(place) = record.buckets.binary_search(&end) {
        if record.buckets.len() >= MAX_BUCKETS {
            return Err(ContractError::TooManyBuckets);
        }
        record.buckets.insert(place, end);
    }
    let mut tranches = BUCKETS.may_load(storage, (host, end))?.unwrap_or_default();
    let mut entry = ENTRIES
        .may_load(storage, (host, funder, end))?
        .unwrap_or_default();
    let part = match debit.to {
        None => &mut entry.leaving,
        Some(to) => match entry.to.replace(to.clone()) {
            Some(other) if other != *to => return Err(ContractError::MoveConflict(other.into())),
            _ => &mut entry.moving,
        },
    };
    tranches
        .of(host, funder)
        .deposit(part, amount)
        .ok_or(ContractError::AmountTooSmall)?;
    BUCKETS.save(storage, (host, end), &tranches)?;
    ENTRIES.save(storage, (host, funder, end), &entry)?;
    set_stake(storage, host, funder, (&old, &stake))?;
    update_totals(storage, |totals| {
        totals.active = totals.active.checked_sub(amount)?;
        totals.unbonding = totals.unbonding.checked_add(amount)?;
        Some(())
    })?;
    Ok((save(storage, host, &mut record)?, end))
}

/// What bonds again.
pub struct Recall<'a> {
    /// Behind this host.
    pub host: &'a Addr,
    /// From this funder's part of the bucket.
    pub funder: &'a Addr,
    /// The bucket's end.
    pub bucket: u64,
    /// This much.
    pub amount: Amount,
}

/// Puts coins that were to be paid out back into the position, under the rules of new ones; returns the
/// host's counted bond. Only what can still be slashed comes back: the rest answers for nothing any more.
pub fn recall(storage: &mut dyn Storage, params: &Params, recall: &Recall, height: u64) -> Result<Amount> {
    let Recall {
        host,
        funder,
        bucket: end,
        amount,
    } = *recall;
    let held = load(storage, host, height)?.buckets.contains(&end);
    let mut tranches = match held {
        true => BUCKETS.may_load(storage, (host, end))?.unwrap_or_default(),
        false => Tranches::default(),
    };
    let mut entry = ENTRIES
        .may_load(storage, (host, funder, end))?
        .unwrap_or_default();
    let pool = tranches.of(host, funder);
    let value = pool.value(&entry.leaving);
    if amount.is_zero() {
        return Err(ContractError::AmountTooSmall);
    }
    pool.withdraw(&mut entry.leaving, amount)
        .ok_or(ContractError::InsufficientPosition(value))?;
    // checks too, so it goes first
    let counted = credit(storage, params, host, funder, amount, height)?;
    BUCKETS.save(storage, (host, end), &tranches)?;
    match entry.leaving.shares.is_zero() && entry.moving.shares.is_zero() {
        true => ENTRIES.remove(storage, (host, funder, end)),
        false => ENTRIES.save(storage, (host, funder, end), &entry)?,
    }
    update_totals(storage, |totals| {
        totals.unbonding = totals.unbonding.checked_sub(amount)?;
        Some(())
    })?;
    Ok(counted)
}

/// Forgets a position that holds nothing, waits for nothing and is owed nothing.
pub fn tidy(storage: &mut dyn Storage, host: &Addr, funder: &Addr) -> Result<()> {
    let stake = POSITIONS.may_load(storage, (host, funder))?.unwrap_or_default();
    let record = HOSTS.may_load(storage, host)?.unwrap_or_default();
    let worthless = stake.shares.is_zero() || is_stale(&record, host, funder, &stake);
    let waits = ENTRIES
        .prefix((host, funder))
        .keys(storage, None, None, Order::Ascending)
        .next()
        .is_some();
    if !worthless || waits {
        return Ok(());
    }
    if host != funder {
        if !income::settle(storage, host, funder, &stake)?.owed.is_zero() {
            return Ok(());
        }
        EARNERS.remove(storage, (host, funder));
    }
    POSITIONS.remove(storage, (host, funder));
    BY_STAKE.remove(storage, place(host, funder, &stake));
    BY_FUNDER.remove(storage, (funder, host));
    Ok(())
}

/// Keeps a stake, and a funder's in the order of stakes; what the old one earned is the funder's.
fn set_stake(
    storage: &mut dyn Storage,
    host: &Addr,
    funder: &Addr,
    (old, new): (&Stake, &Stake),
) -> Result<()> {
    if host != funder {
        income::settle(storage, host, funder, old)?;
        BY_STAKE.remove(storage, place(host, funder, old));
        if !new.shares.is_zero() {
            BY_STAKE.save(storage, place(host, funder, new), &Empty {})?;
        }
    }
    Ok(POSITIONS.save(storage, (host, funder), new)?)
}

/// Place in the order of stakes.
fn place<'a>(host: &'a Addr, funder: &'a Addr, stake: &Stake) -> (&'a Addr, u32, (u128, &'a Addr)) {
    (host, stake.generation, (rank(stake.shares), funder))
}

fn is_stale(record: &Host, host: &Addr, funder: &Addr, stake: &Stake) -> bool {
    let mut active = record.active;
    active.of(host, funder).generation != stake.generation
}

/// Changes the sums over everything.
pub fn update_totals(
    storage: &mut dyn Storage,
    change: impl FnOnce(&mut Totals) -> Option<()>,
) -> Result<()> {
    let mut totals = TOTALS.load(storage)?;
    change(&mut totals).ok_or(ContractError::Overflow)?;
    Ok(TOTALS.save(storage, &totals)?)
}
