//! Queries of redelegations. `bonding` keeps them in the positions that they leave, where each may go to several hosts;
//! the SDK lists one entry for each host that a position moves to, and counts these in pages.

use quern_interface::bonding::Position;
use quern_proto::cosmos::{
    base::query::v1beta1::{PageRequest, PageResponse},
    staking::v1beta1 as wire,
};
use quern_types::{AccAddress, Error, Result, errors};

use super::{
    delegations::{fetch_at, fetch_of, position},
    unbonding::Clock,
};
use crate::{
    address::asked_operator,
    contracts::Contracts,
    listing::{self, Source},
};

/// Between a position and the host that it moves to, in the key of a page.
const BETWEEN: char = '/';

/// As the SDK finds them: one where the request names all three, without a page; all that leave a host where it names that
/// alone; else all of the delegator, whatever it names besides.
pub(super) fn redelegations(
    to: Contracts<'_>,
    r: &wire::QueryRedelegationsRequest,
) -> Result<wire::QueryRedelegationsResponse> {
    let (delegator, source, target) = (&r.delegator_addr, &r.src_validator_addr, &r.dst_validator_addr);
    if !delegator.is_empty() && !source.is_empty() && !target.is_empty() {
        return one(to, r);
    }
    let page_request = r.pagination.as_ref();
    let (found, pagination) = if delegator.is_empty() && !source.is_empty() && target.is_empty() {
        let host = asked_operator(source)?;
        let Some(clock) = Clock::now(to)? else {
            return Ok(Default::default());
        };
        let held = Held {
            list: |after, limit| fetch_at(to, &host, after, limit),
            one: |funder: &AccAddress| position(to, &host, funder),
            name: |position: &Position| position.funder.clone(),
        };
        page(&clock, page_request, held)?
    } else {
        let delegator = AccAddress::from_signer(delegator)?;
        let Some(clock) = Clock::now(to)? else {
            return Ok(Default::default());
        };
        let held = Held {
            list: |after, limit| fetch_of(to, &delegator, after, limit),
            one: |host: &AccAddress| position(to, host, &delegator),
            name: |position: &Position| position.host.clone(),
        };
        page(&clock, page_request, held)?
    };
    Ok(wire::QueryRedelegationsResponse {
        redelegation_responses: found,
        pagination: Some(pagination),
    })
}

fn one(to: Contracts<'_>, r: &wire::QueryRedelegationsRequest) -> Result<wire::QueryRedelegationsResponse> {
    let delegator = AccAddress::from_signer(&r.delegator_addr)?;
    let source = asked_operator(&r.src_validator_addr)?;
    let target = asked_operator(&r.dst_validator_addr)?.to_validator_bech32();
    let held = position(to, &source, &delegator)?.zip(Clock::now(to)?);
    let mut found = held.map_or_else(Vec::new, |(held, clock)| clock.moving(&held));
    found.retain(|moving| goes_to(moving) == target);
    if found.is_empty() {
        return Err(errors::KEY_NOT_FOUND.wrap(format!(
            "redelegation not found for delegator address {} from validator address {}",
            r.delegator_addr, r.src_validator_addr
        )));
    }
    Ok(wire::QueryRedelegationsResponse {
        redelegation_responses: found,
        pagination: None,
    })
}

/// The host that something moves to.
fn goes_to(moving: &wire::RedelegationResponse) -> &str {
    let route = moving.redelegation.as_ref();
    route.map_or("", |route| &route.validator_dst_address)
}

/// Positions that may move, as `bonding` lists them.
struct Held<L, O, N> {
    /// At most so many after the one of this name.
    list: L,
    /// One of them.
    one: O,
    /// A position's name.
    name: N,
}

/// Something of a position that moves to one host; nothing where nothing of it moves.
struct Moving {
    position: String,
    found: Option<wire::RedelegationResponse>,
}

impl Moving {
    fn name(&self) -> String {
        match &self.found {
            None => self.position.clone(),
            Some(found) => format!("{}{BETWEEN}{}", self.position, goes_to(found)),
        }
    }
}

fn page(
    clock: &Clock,
    request: Option<&PageRequest>,
    held: Held<
        impl Fn(Option<String>, u32) -> Result<Vec<Position>>,
        impl Fn(&AccAddress) -> Result<Option<Position>>,
        impl Fn(&Position) -> String,
    >,
) -> Result<(Vec<wire::RedelegationResponse>, PageResponse)> {
    let Held { list, one, name } = held;
    let of = |position: &Position| -> Vec<Moving> {
        let place = name(position);
        let each = |found| Moving {
            position: place.clone(),
            found: Some(found),
        };
        clock.moving(position).into_iter().map(each).collect()
    };
    let fetch = |after: Option<String>, limit: u32| {
        let after = after.unwrap_or_default();
        let (place, target) = after.split_once(BETWEEN).unwrap_or((&after, ""));
        let mut all = Vec::new();
        if !target.is_empty() {
            let place =
                AccAddress::from_bech32(place).map_err(|_| errors::INVALID_REQUEST.wrap("invalid key"))?;
            let mut rest = one(&place)?.map_or_else(Vec::new, |position| of(&position));
            rest.retain(|moving| moving.found.as_ref().is_some_and(|found| goes_to(found) > target));
            all.extend(rest);
        }
        for position in list((!place.is_empty()).then(|| place.to_owned()), limit)? {
            let moving = of(&position);
            if moving.is_empty() {
                // so that what comes after it is found
                all.push(Moving {
                    position: name(&position),
                    found: None,
                });
            }
            all.extend(moving);
        }
        Ok(all)
    };
    let source = Source {
        fetch,
        name: Moving::name,
    };
    let build = |moving: Moving| {
        moving
            .found
            .ok_or_else(|| Error::halt("a redelegation of nothing"))
    };
    listing::page(request, source, |moving| Ok(moving.found.is_some()), build)
}
