//! What is on its way out of a position: unbonding delegations and redelegations.
//!
//! `bonding` keeps no height at which something left, only the bucket that it leaves with. As height of
//! creation an entry has the first one whose unbondings join its bucket. The contract keeps shares of
//! buckets and no history either, so the initial balance is the balance.

use quern_interface::bonding::{Params, Position, QueryMsg, UnbondingEntry};
use quern_proto::cosmos::staking::v1beta1 as wire;
use quern_protocol::Amount;
use quern_types::{AccAddress, Error, Result, errors};

use super::delegations::position;
use crate::{
    NO_VALIDATOR,
    contracts::Contracts,
    number as dec,
    pace::{Pace, wire as wire_time},
};

/// What is needed to say of an entry when it began and when it ends.
pub(super) struct Clock {
    params: Params,
    pace: Pace,
}

impl Clock {
    /// The clock now; `None` on a chain without bonds.
    pub fn now(to: Contracts<'_>) -> Result<Option<Self>> {
        let Some(params) = to.bonding(&QueryMsg::Params {})? else {
            return Ok(None);
        };
        let pace = Pace::at(to.cx)?;
        Ok(Some(Self { params, pace }))
    }

    /// The first height whose unbondings join the entry's bucket.
    fn created(&self, entry: &UnbondingEntry) -> i64 {
        let delay = self
            .params
            .unbonding_blocks
            .saturating_add(self.params.bucket_blocks);
        let first = entry.bucket.saturating_add(1).saturating_sub(delay).max(1);
        i64::try_from(first).unwrap_or(i64::MAX)
    }

    /// What of a position is to be paid out.
    pub fn unbonding(&self, position: &Position) -> Option<wire::UnbondingDelegation> {
        let leaving = position.unbonding.iter().filter(|entry| !paid(entry).is_zero());
        let entries: Vec<_> = leaving
            .map(|entry| wire::UnbondingDelegationEntry {
                creation_height: self.created(entry),
                completion_time: Some(wire_time(self.pace.time_of(entry.matures_at))),
                initial_balance: paid(entry).to_string(),
                balance: paid(entry).to_string(),
                unbonding_id: entry.bucket,
                unbonding_on_hold_ref_count: 0,
            })
            .collect();
        (!entries.is_empty()).then(|| wire::UnbondingDelegation {
            delegator_address: position.funder.clone(),
            validator_address: valoper(&position.host),
            entries,
        })
    }

    /// What of a position moves to other hosts.
    pub fn moving(&self, position: &Position) -> Vec<wire::RedelegationResponse> {
        let moving = position.unbonding.iter().filter(|entry| !entry.moving.is_zero());
        let mut targets: Vec<&String> = moving.clone().filter_map(|entry| entry.to.as_ref()).collect();
        targets.sort();
        targets.dedup();
        let of = |target: &&String| {
            let entries = moving.clone().filter(|entry| entry.to.as_ref() == Some(*target));
            wire::RedelegationResponse {
                redelegation: Some(wire::Redelegation {
                    delegator_address: position.funder.clone(),
                    validator_src_address: valoper(&position.host),
                    validator_dst_address: valoper(target),
                    entries: Vec::new(),
                }),
                entries: entries.map(|entry| self.landing(entry)).collect(),
            }
        };
        targets.iter().map(of).collect()
    }

    fn landing(&self, entry: &UnbondingEntry) -> wire::RedelegationEntryResponse {
        wire::RedelegationEntryResponse {
            redelegation_entry: Some(wire::RedelegationEntry {
                creation_height: self.created(entry),
                completion_time: Some(wire_time(self.pace.time_of(entry.matures_at))),
                initial_balance: entry.moving.to_string(),
                shares_dst: dec::whole(entry.moving),
                unbonding_id: entry.bucket,
                unbonding_on_hold_ref_count: 0,
            }),
            balance: entry.moving.to_string(),
        }
    }
}

/// What of an entry is paid out and does not move.
pub(super) fn paid(entry: &UnbondingEntry) -> Amount {
    entry.amount.saturating_sub(entry.moving)
}

/// The entry that has this height of creation.
///
/// # Errors
/// As the SDK: `staking/3` for nobody's validator, `undefined/1` where nothing leaves, `sdk/38` where nothing began to leave at
/// that height.
pub(super) fn entry_of(
    to: Contracts<'_>,
    host: &AccAddress,
    delegator: &AccAddress,
    height: i64,
) -> Result<UnbondingEntry> {
    let none = || {
        errors::NOT_FOUND.wrap(format!(
            "unbonding delegation entry is not found at block height {height}"
        ))
    };
    let clock = Clock::now(to)?.ok_or_else(none)?;
    let unbonding = position(to, host, delegator)?.map(|position| position.unbonding);
    let leaving = |entry: &UnbondingEntry| entry.amount > entry.moving;
    let Some(unbonding) = unbonding.filter(|entries| entries.iter().any(leaving)) else {
        if to.host(host)?.is_none() {
            return Err((&NO_VALIDATOR).into());
        }
        // a gRPC status, which the SDK has no code for in a transaction
        return Err(Error::unregistered(format!(
            "rpc error: code = NotFound desc = unbonding delegation with delegator {delegator} not found for validator {}",
            host.to_validator_bech32()
        )));
    };
    unbonding
        .into_iter()
        .find(|entry| leaving(entry) && clock.created(entry) == height)
        .ok_or_else(none)
}

/// A host's address as validators have it.
pub(crate) fn valoper(host: &str) -> String {
    AccAddress::from_bech32(host).map_or_else(|_| host.to_owned(), |host| host.to_validator_bech32())
}
