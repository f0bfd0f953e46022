//! Positions as delegations. A position is quoted by its value: a host has two pools of coins, the
//! operator's and the funders', which a slash cuts one after the other, so no single rate turns shares of
//! both into coins. One share is one coin here, always.

use quern_interface::bonding::{Position, QueryMsg};
use quern_proto::cosmos::{
    base::query::v1beta1::{PageRequest, PageResponse},
    staking::v1beta1 as wire,
};
use quern_types::{AccAddress, Result};

use super::unbonding::valoper;
use crate::{
    address::coin,
    contracts::Contracts,
    listing::{self, Source, entries},
    number as dec,
};

/// A funder's position behind a host; `None` if there is nothing.
pub(crate) fn position(
    to: Contracts<'_>,
    host: &AccAddress,
    funder: &AccAddress,
) -> Result<Option<Position>> {
    let question = QueryMsg::Position {
        host: host.to_string(),
        funder: funder.to_string(),
    };
    let found: Option<Position> = to.bonding(&question)?;
    Ok(found.filter(|position| is_delegation(position) || !position.unbonding.is_empty()))
}

/// Whether something of a position is active.
pub(crate) fn is_delegation(position: &Position) -> bool {
    !position.active.is_zero()
}

pub(super) fn response(position: &Position) -> wire::DelegationResponse {
    wire::DelegationResponse {
        delegation: Some(wire::Delegation {
            delegator_address: position.funder.clone(),
            validator_address: valoper(&position.host),
            shares: dec::whole(position.active),
        }),
        balance: Some(coin(position.active)),
    }
}

/// One page of a funder's positions.
pub(super) fn positions_of<R>(
    to: Contracts<'_>,
    funder: &AccAddress,
    page: Option<&PageRequest>,
    keep: impl Fn(&Position) -> bool,
    build: impl FnMut(Position) -> Result<R>,
) -> Result<(Vec<R>, PageResponse)> {
    let fetch = |after, limit| fetch_of(to, funder, after, limit);
    let name = |position: &Position| position.host.clone();
    listing::page(page, Source { fetch, name }, |p| Ok(keep(p)), build)
}

/// The delegations among the first `most` of a funder's positions.
pub(crate) fn delegations_of(to: Contracts<'_>, funder: &AccAddress, most: usize) -> Result<Vec<Position>> {
    let fetch = |after, limit| fetch_of(to, funder, after, limit);
    let name = |position: &Position| position.host.clone();
    entries(fetch, &name, None)
        .take(most)
        .filter(|found| found.as_ref().map_or(true, is_delegation))
        .collect()
}

/// What `bonding` lists of a funder's positions.
pub(crate) fn fetch_of(
    to: Contracts<'_>,
    funder: &AccAddress,
    start_after: Option<String>,
    limit: u32,
) -> Result<Vec<Position>> {
    let question = QueryMsg::PositionsOf {
        funder: funder.to_string(),
        start_after,
        limit: Some(limit),
    };
    Ok(to.bonding(&question)?.unwrap_or_default())
}

/// One page of the positions behind a host.
pub(super) fn positions_at<R>(
    to: Contracts<'_>,
    host: &AccAddress,
    page: Option<&PageRequest>,
    keep: impl Fn(&Position) -> bool,
    build: impl FnMut(Position) -> Result<R>,
) -> Result<(Vec<R>, PageResponse)> {
    let fetch = |after, limit| fetch_at(to, host, after, limit);
    let name = |position: &Position| position.funder.clone();
    listing::page(page, Source { fetch, name }, |p| Ok(keep(p)), build)
}

/// What `bonding` lists of the positions behind a host.
pub(super) fn fetch_at(
    to: Contracts<'_>,
    host: &AccAddress,
    start_after: Option<String>,
    limit: u32,
) -> Result<Vec<Position>> {
    let question = QueryMsg::Positions {
        host: host.to_string(),
        start_after,
        limit: Some(limit),
    };
    Ok(to.bonding(&question)?.unwrap_or_default())
}
