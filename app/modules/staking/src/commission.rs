//! What a host keeps of its rewards before the rest is divided by coins.

use quern_interface::bonding::Params;
use quern_proto::cosmos::staking::v1beta1 as wire;

use crate::number as dec;

/// A host's commission as its validator shows it. It may be anything up to all, and rises by at most as much
/// in an epoch as a parameter of `bonding` says. The contract keeps epochs, not times: there is none here.
pub(crate) fn of(rate_bps: u32, params: Option<&Params>) -> wire::Commission {
    wire::Commission {
        commission_rates: Some(rates(rate_bps, params)),
        update_time: Some(prost_types::Timestamp::default()),
    }
}

/// The rates alone.
pub(crate) fn rates(rate_bps: u32, params: Option<&Params>) -> wire::CommissionRates {
    wire::CommissionRates {
        rate: dec::bps(rate_bps),
        max_rate: dec::ratio(1, 1),
        max_change_rate: dec::bps(params.map_or(0, |params| params.commission_rise_bps)),
    }
}
