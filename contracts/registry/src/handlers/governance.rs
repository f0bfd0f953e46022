//! Models and parameters.

use cosmwasm_std::{DepsMut, Env, MessageInfo, Order, Response, Storage};
use cw_storage_plus::Bound;
use quern_interface::registry::{LaunchPackage, ModelState, Params};
use quern_protocol::{Amount, Price};

use crate::error::{ContractError, Result};
use crate::math::may_go;
use crate::state::{CONFIG, MODELS, PARAMS, PRICES};
use crate::{funds, text};

/// Most hardware profiles of a model.
const MAX_PROFILES: usize = 16;
/// Most offers that the parameters may allow a host: every change of bond visits them.
const MAX_OFFERS: u32 = 16;
/// Blocks for which old prices are kept: far beyond any session and its claims.
const PRICE_BLOCKS: u64 = 1_000_000;
/// Old prices removed with each new one: more than come in, so the history shrinks when it can.
const PRUNED: usize = 4;

fn only_governance(storage: &dyn Storage, info: &MessageInfo) -> Result<()> {
    funds::expect(info, Amount::ZERO, "")?;
    if CONFIG.load(storage)?.authority == info.sender {
        return Ok(());
    }
    Err(ContractError::Unauthorized("governance"))
}

/// Whether parameters make sense.
pub fn check_params(params: &Params) -> Result<()> {
    let rules = [
        (!params.denom.is_empty(), "denom is empty"),
        (!params.bond_per_capacity.is_zero(), "bond_per_capacity is zero"),
        (
            (1..=MAX_OFFERS).contains(&params.max_offers),
            "max_offers must be 1 to 16",
        ),
        (
            params.maintenance_credit <= params.maintenance_window,
            "maintenance_credit is above maintenance_window",
        ),
    ];
    match rules.iter().find(|(kept, _)| !kept) {
        Some((_, broken)) => Err(ContractError::BadParams(broken)),
        None => Ok(()),
    }
}

/// New parameters; the denomination stays. Attributes: `action`.
pub fn update_params(deps: DepsMut, info: MessageInfo, params: Params) -> Result<Response> {
    only_governance(deps.storage, &info)?;
    check_params(&params)?;
    if PARAMS.load(deps.storage)?.denom != params.denom {
        return Err(ContractError::BadParams("denom cannot change"));
    }
    PARAMS.save(deps.storage, &params)?;
    Ok(Response::new().add_attribute("action", "update_params"))
}

fn check_model(model: &LaunchPackage) -> Result<()> {
    text::id(&model.id, "id")?;
    text::id(&model.precision, "precision")?;
    for profile in &model.profiles {
        text::id(profile, "profile")?;
    }
    let rules = [
        (model.context > 0, "context is zero"),
        (
            model.price.is_admitted(),
            "price must be 1 to 10^9 nqrn per token",
        ),
        (
            (1..=MAX_PROFILES).contains(&model.profiles.len()),
            "it needs 1 to 16 hardware profiles",
        ),
    ];
    match rules.iter().find(|(kept, _)| !kept) {
        Some((_, broken)) => Err(ContractError::BadModel(broken)),
        None => Ok(()),
    }
}

/// A model that was not there. Its price counts from this block on.
pub fn launch(storage: &mut dyn Storage, height: u64, model: &LaunchPackage) -> Result<()> {
    check_model(model)?;
    if MODELS.has(storage, &model.id) {
        return Err(ContractError::BadModel("the id is taken"));
    }
    if matches!(model.state, ModelState::Retiring | ModelState::Retired) {
        return Err(ContractError::BadModel("a new model cannot be on its way out"));
    }
    PRICES.save(storage, (&model.id, height), &model.price)?;
    Ok(MODELS.save(storage, &model.id, model)?)
}

/// A new model, or another price, profiles or state of one. A price counts from the next block on, so that
/// the price at a height is the same for ever. Attributes: `action`, `model`.
pub fn put_model(deps: DepsMut, env: Env, info: MessageInfo, model: LaunchPackage) -> Result<Response> {
    only_governance(deps.storage, &info)?;
    match MODELS.may_load(deps.storage, &model.id)? {
        None => launch(deps.storage, env.block.height, &model)?,
        Some(old) => {
            check_model(&model)?;
            check_fixed(&old, &model)?;
            change_price(deps.storage, &model.id, model.price, env.block.height)?;
            MODELS.save(deps.storage, &model.id, &model)?;
        }
    }
    Ok(Response::new()
        .add_attribute("action", "put_model")
        .add_attribute("model", model.id))
}

fn check_fixed(old: &LaunchPackage, new: &LaunchPackage) -> Result<()> {
    let fixed = [
        (old.hash == new.hash, "hash"),
        (old.context == new.context, "context"),
        (old.precision == new.precision, "precision"),
        (old.sampler == new.sampler, "sampler"),
        (old.rendering == new.rendering, "rendering"),
        (old.grammar == new.grammar, "grammar"),
        (old.coefficients == new.coefficients, "coefficients"),
    ];
    if let Some((_, field)) = fixed.iter().find(|(same, _)| !same) {
        return Err(ContractError::ModelFixed(field));
    }
    if old.state != new.state {
        check_transition(old.state, new.state)?;
    }
    Ok(())
}

fn check_transition(from: ModelState, to: ModelState) -> Result<()> {
    may_go(from, to)
        .then_some(())
        .ok_or(ContractError::BadTransition { from, to })
}

fn change_price(storage: &mut dyn Storage, model: &str, price: Price, height: u64) -> Result<()> {
    let next = height.checked_add(1).ok_or(ContractError::Overflow)?;
    PRICES.save(storage, (model, next), &price)?;
    // The newest price from before the horizon still counts after it.
    let horizon = height.saturating_sub(PRICE_BLOCKS);
    let oldest: Vec<u64> = PRICES
        .prefix(model)
        .keys(storage, None, Some(Bound::inclusive(horizon)), Order::Ascending)
        .take(PRUNED + 1)
        .collect::<Result<_, _>>()?;
    if let Some((_, superseded)) = oldest.split_last() {
        for from in superseded {
            PRICES.remove(storage, (model, *from));
        }
    }
    Ok(())
}

/// Another state. Attributes: `action`, `model`, `state`.
pub fn set_model_state(deps: DepsMut, info: MessageInfo, id: String, state: ModelState) -> Result<Response> {
    only_governance(deps.storage, &info)?;
    let mut model = MODELS
        .may_load(deps.storage, &id)?
        .ok_or_else(|| ContractError::UnknownModel(id.clone()))?;
    check_transition(model.state, state)?;
    model.state = state;
    MODELS.save(deps.storage, &id, &model)?;
    Ok(Response::new()
        .add_attribute("action", "set_model_state")
        .add_attribute("model", id)
        .add_attribute("state", format!("{state:?}").to_lowercase()))
}
