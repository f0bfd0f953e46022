//! What happens at a block's end: rounds of updates, a few models a block.

use cosmwasm_std::{DepsMut, Env, Event, Order, Response, StdResult, Storage};
use quern_interface::pricing::{CapacitySource, Params};
use quern_interface::registry::{LaunchPackage, ModelState};
use quern_protocol::{Amount, Price};

use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::math::{self, Rule};
use crate::state::{Judged, Tracked, CURSOR, HISTORY, MODELS, PARAMS};
use crate::{params, quote};

/// Most old prices that one update removes: more than it adds, so they never pile up.
const MAX_PRUNED: usize = 2;

/// Begins a round of updates when a period ends, and goes on with the one under way. Event `price` per model whose
/// price changed, `price_skipped` per model that could not be judged.
pub fn end_block(mut deps: DepsMut, env: &Env) -> Result<Response> {
    let params = PARAMS.load(deps.storage)?;
    let height = env.block.height;
    let due = height.checked_rem(params.period_blocks) == Some(0);
    let cursor = CURSOR.may_load(deps.storage)?;
    let Some(cursor) = cursor.or_else(|| due.then(String::new)) else {
        return Ok(Response::new());
    };
    let page = Chain::load(deps.as_ref())?.models(&cursor, params.max_updates)?;
    match page.last() {
        Some(last) if page.len() >= params.max_updates as usize => CURSOR.save(deps.storage, &last.id)?,
        _ => CURSOR.remove(deps.storage),
    }
    let rate = quote::rate(deps.storage, &params.quote, height)?;
    let mut response = Response::new();
    for package in &page {
        if matches!(package.state, ModelState::Proposed | ModelState::Retired) {
            continue;
        }
        let event = match one(deps.branch(), package, &params, height) {
            Ok(event) => event,
            Err(error) => Some(
                Event::new("price_skipped")
                    .add_attribute("model", &package.id)
                    .add_attribute("error", error.to_string()),
            ),
        };
        response = response.add_events(event);
        let tracked = MODELS.may_load(deps.storage, &package.id)?;
        if let (Some(rate), Some(tracked)) = (rate, tracked) {
            let (id, price) = (package.id.as_str(), tracked.price);
            quote::follow(deps.storage, &params.quote, id, price, rate, height)?;
        }
    }
    Ok(response)
}

/// Updates one model, or begins with it.
fn one(deps: DepsMut, package: &LaunchPackage, params: &Params, height: u64) -> Result<Option<Event>> {
    let id = package.id.as_str();
    let chain = Chain::load(deps.as_ref())?;
    let total = chain.demand(id)?;
    let rule = params::rule(params);
    let Some(mut tracked) = MODELS.may_load(deps.storage, id)? else {
        let tracked = begin(package, &rule, total, height)?;
        HISTORY.save(deps.storage, (id, tracked.first), &tracked.price)?;
        MODELS.save(deps.storage, id, &tracked)?;
        return Ok(None);
    };
    let blocks = height.checked_sub(tracked.since).ok_or(ContractError::Overflow)?;
    let demand = total.saturating_sub(tracked.counted);
    let (capacity, source) = chain.capacity(package, params.block_ms)?;
    let before = tracked.price;
    judge(&mut tracked, &rule, blocks, demand, (capacity, source))?;
    (tracked.since, tracked.counted) = (height, total);
    let from = height.checked_add(1).ok_or(ContractError::Overflow)?;
    if tracked.price != before {
        HISTORY.save(deps.storage, (id, from), &tracked.price)?;
    }
    prune(deps.storage, id, height.saturating_sub(params.keep_blocks))?;
    MODELS.save(deps.storage, id, &tracked)?;
    Ok((tracked.price != before).then(|| event(id, &tracked, before, from)))
}

/// A model that was not seen before: its launch price, and a utilisation in the middle of the band.
fn begin(package: &LaunchPackage, rule: &Rule, counted: Amount, height: u64) -> Result<Tracked> {
    Ok(Tracked {
        price: package.price.clamp(Price::FLOOR, Price::CEILING),
        launch: package.price,
        first: height.checked_add(1).ok_or(ContractError::Overflow)?,
        since: height,
        counted,
        smoothed: Amount(rule.low.midpoint(rule.high)),
        last: None,
        judged: Amount::ZERO,
        offered: Amount::ZERO,
    })
}

/// Moves the price by a period's demand. Without capacity it holds: there is nothing to compare with.
fn judge(
    tracked: &mut Tracked,
    rule: &Rule,
    blocks: u64,
    demand: Amount,
    (capacity, source): (Amount, CapacitySource),
) -> Result<()> {
    let found = math::utilisation(demand, capacity, blocks);
    if let Some(utilisation) = found {
        tracked.smoothed = Amount(math::smooth(tracked.smoothed.0, utilisation, rule.smoothing));
        tracked.price = math::apply(tracked.price, math::factor(rule, tracked.smoothed.0));
        let offered = capacity.0.checked_mul(blocks.into()).map(Amount);
        let offered = offered.and_then(|offered| tracked.offered.checked_add(offered));
        tracked.offered = offered.ok_or(ContractError::Overflow)?;
        let judged = tracked.judged.checked_add(demand);
        tracked.judged = judged.ok_or(ContractError::Overflow)?;
    }
    tracked.last = Some(Judged {
        blocks,
        demand,
        capacity,
        source,
        utilisation: Amount(found.unwrap_or_default()),
    });
    Ok(())
}

/// Removes prices that no height from `oldest` on needs: those that another one had replaced by then.
fn prune(storage: &mut dyn Storage, model: &str, oldest: u64) -> Result<()> {
    let first: Vec<u64> = HISTORY
        .prefix(model)
        .keys(storage, None, None, Order::Ascending)
        .take(MAX_PRUNED + 1)
        .collect::<StdResult<_>>()?;
    for (old, next) in first.iter().zip(first.iter().skip(1)) {
        if *next <= oldest {
            HISTORY.remove(storage, (model, *old));
        }
    }
    Ok(())
}

fn event(model: &str, tracked: &Tracked, before: Price, from: u64) -> Event {
    let utilisation = tracked
        .last
        .as_ref()
        .map_or(Amount::ZERO, |last| last.utilisation);
    Event::new("price")
        .add_attribute("model", model)
        .add_attribute("price", tracked.price.to_string())
        .add_attribute("before", before.to_string())
        .add_attribute("from", from.to_string())
        .add_attribute("utilisation", Price::from_atomics(utilisation.0).to_string())
        .add_attribute("smoothed", Price::from_atomics(tracked.smoothed.0).to_string())
}
