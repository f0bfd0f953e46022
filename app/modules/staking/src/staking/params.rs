//! Pool and parameters.

use quern_interface::bonding::{Params, QueryMsg, Totals};
use quern_proto::cosmos::staking::v1beta1 as wire;
use quern_types::{BASE_DENOM, Result};

use super::validators;
use crate::{HISTORICAL_ENTRIES, contracts::Contracts, pace::Pace};

/// Open buckets that a position can have entries in at once.
const MAX_ENTRIES: u32 = 32;

/// All zeros on a chain without bonds.
pub(super) fn pool(to: Contracts<'_>) -> Result<wire::Pool> {
    let totals: Totals = to.bonding(&QueryMsg::Totals {})?.unwrap_or_default();
    let bonded = validators::bonded(to)?;
    let rest = totals.active.saturating_sub(bonded);
    Ok(wire::Pool {
        not_bonded_tokens: rest.checked_add(totals.unbonding).unwrap_or_default().to_string(),
        bonded_tokens: bonded.to_string(),
    })
}

/// The delay of `bonding` in blocks, at the pace of late; as many validators as it proposes and genesis allows.
pub(crate) fn params(to: Contracts<'_>) -> Result<wire::Params> {
    let params: Option<Params> = to.bonding(&QueryMsg::Params {})?;
    let (blocks, max_validators) = params.map_or((0, 0), |p| (p.unbonding_blocks, p.max_validators));
    let max_validators = max_validators.min(quern_system::params(to.cx)?.max_validators);
    let (seconds, nanos) = Pace::at(to.cx)?.lasts(blocks);
    Ok(wire::Params {
        unbonding_time: Some(prost_types::Duration { seconds, nanos }),
        max_validators,
        max_entries: MAX_ENTRIES,
        historical_entries: HISTORICAL_ENTRIES,
        bond_denom: BASE_DENOM.into(),
        min_commission_rate: "0".into(),
    })
}
