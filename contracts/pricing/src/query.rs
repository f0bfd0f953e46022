//! Answers.

use cosmwasm_std::{to_json_binary, Binary, Deps, Env, Order, StdResult};
use cw_storage_plus::Bound;
use quern_interface::pricing::{CapacitySource, PriceInfo, PricePoint, QueryMsg, RATE_ONE};
use quern_interface::{DEFAULT_PAGE, MAX_PAGE};
use quern_protocol::{Amount, Price};

use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::math::ONE;
use crate::quote;
use crate::state::{Tracked, HISTORY, MODELS, PARAMS};

/// Answers a question.
pub fn answer(deps: Deps, env: &Env, question: QueryMsg) -> Result<Binary> {
    let json = match question {
        QueryMsg::Params {} => to_json_binary(&PARAMS.load(deps.storage)?),
        QueryMsg::PriceAt { model, height } => {
            to_json_binary(&price_at(deps, &model, height, env.block.height)?)
        }
        QueryMsg::Price { model } => to_json_binary(&price(deps, model)?),
        QueryMsg::Prices { start_after, limit } => to_json_binary(&prices(deps, start_after, limit)?),
        QueryMsg::Quote {} => to_json_binary(&quote::info(deps, env.block.height)?),
        QueryMsg::UsdPrice { model } => to_json_binary(&quote::of(deps, model, env.block.height)?),
        QueryMsg::History { model, before, limit } => to_json_binary(&history(deps, &model, before, limit)?),
    };
    Ok(json?)
}

fn page(limit: Option<u32>) -> usize {
    limit.unwrap_or(DEFAULT_PAGE).min(MAX_PAGE) as usize
}

/// The price at a height, which never changes afterwards. Before this contract saw the model, the registry's.
fn price_at(deps: Deps, model: &str, at: u64, height: u64) -> Result<Price> {
    if at > height {
        return Err(ContractError::FutureHeight(at));
    }
    let tracked = MODELS.may_load(deps.storage, model)?;
    let Some(tracked) = tracked.filter(|tracked| at >= tracked.first) else {
        return Chain::load(deps)?.launch_price(model, at);
    };
    // most questions are about now
    if at > tracked.since {
        return Ok(tracked.price);
    }
    let prefix = HISTORY.prefix(model);
    let upto = Some(Bound::inclusive(at));
    let newest = prefix.range(deps.storage, None, upto, Order::Descending).next();
    if let Some((_, price)) = newest.transpose()? {
        return Ok(price);
    }
    let oldest = prefix.keys(deps.storage, None, None, Order::Ascending).next();
    Err(ContractError::PriceForgotten(
        oldest.transpose()?.unwrap_or(height),
    ))
}

fn price(deps: Deps, model: String) -> Result<PriceInfo> {
    if let Some(tracked) = MODELS.may_load(deps.storage, &model)? {
        return Ok(describe(model, &tracked));
    }
    let package = Chain::load(deps)?.model(&model)?;
    Ok(PriceInfo {
        model,
        price: package.price,
        launch: package.price,
        updated_at: 0,
        blocks: 0,
        demand: Amount::ZERO,
        capacity: Amount::ZERO,
        source: CapacitySource::None,
        utilisation: 0,
        smoothed: 0,
        judged: Amount::ZERO,
        offered: Amount::ZERO,
    })
}

fn describe(model: String, tracked: &Tracked) -> PriceInfo {
    let last = tracked.last.as_ref();
    PriceInfo {
        model,
        price: tracked.price,
        launch: tracked.launch,
        updated_at: last.map_or(0, |_| tracked.since),
        blocks: last.map_or(0, |last| last.blocks),
        demand: last.map_or(Amount::ZERO, |last| last.demand),
        capacity: last.map_or(Amount::ZERO, |last| last.capacity),
        source: last.map_or(CapacitySource::None, |last| last.source),
        utilisation: last.map_or(0, |last| millionths(last.utilisation)),
        smoothed: millionths(tracked.smoothed),
        judged: tracked.judged,
        offered: tracked.offered,
    }
}

fn millionths(value: Amount) -> u32 {
    let value = value.mul_div_floor(RATE_ONE.into(), ONE);
    value
        .and_then(|value| value.0.try_into().ok())
        .unwrap_or(u32::MAX)
}

fn prices(deps: Deps, after: Option<String>, limit: Option<u32>) -> Result<Vec<PriceInfo>> {
    let after = after.as_deref().map(Bound::exclusive);
    let models = MODELS.range(deps.storage, after, None, Order::Ascending);
    let all = models.take(page(limit)).map(|entry| {
        let (model, tracked) = entry?;
        Ok(describe(model, &tracked))
    });
    Ok(all.collect::<StdResult<Vec<_>>>()?)
}

fn history(deps: Deps, model: &str, before: Option<u64>, limit: Option<u32>) -> Result<Vec<PricePoint>> {
    let before = before.map(Bound::exclusive);
    let all = HISTORY
        .prefix(model)
        .range(deps.storage, None, before, Order::Descending)
        .take(page(limit))
        .map(|entry| entry.map(|(from, price)| PricePoint { from, price }));
    Ok(all.collect::<StdResult<Vec<_>>>()?)
}
