//! Parameters and models.

use cosmwasm_std::{DepsMut, MessageInfo, Response};
use quern_interface::poc_weights::{Params, ProofModel};
use quern_protocol::{cost, Amount, Price, Usage};

use crate::chain::{Chain, Launch};
use crate::error::{ContractError, Result};
use crate::state::{Model, CONFIG, LAST_SPRINT, MODELS, PARAMS};

/// Longest sprint.
const MAX_SPRINT: u64 = 10_000;
/// Most sprints of a window.
const MAX_WINDOW: u32 = 16;
/// Most sprints whose verdicts count.
const MAX_JUDGED: u32 = 64;
/// Longest that proofs are kept: months.
const MAX_KEPT: u64 = 10_000_000;
/// Most validators: an epoch's end asks for each.
const MAX_VALIDATORS: u32 = 256;
/// Most models, and most shapes of one.
const MAX_MODELS: usize = 16;

/// Refuses parameters under which the contract could not work.
pub fn check_params(params: &Params) -> Result<()> {
    let rules = [
        (
            (1..=MAX_SPRINT).contains(&params.sprint_blocks),
            "sprint_blocks is not 1 to 10,000",
        ),
        (
            (1..=MAX_WINDOW).contains(&params.window_sprints),
            "window_sprints is not 1 to 16",
        ),
        (
            (1..=MAX_JUDGED).contains(&params.judged_sprints),
            "judged_sprints is not 1 to 64",
        ),
        (
            (1..=MAX_KEPT).contains(&params.kept_blocks),
            "kept_blocks is not 1 to 10,000,000",
        ),
        (
            params.window_start <= MAX_KEPT,
            "window_start is above 10,000,000",
        ),
        (
            params.weights.max_validators <= MAX_VALIDATORS,
            "max_validators is above 256",
        ),
    ];
    if let Some((_, broken)) = rules.iter().find(|(kept, _)| !kept) {
        return Err(ContractError::BadParams(broken));
    }
    Ok(params.weights.validate()?)
}

/// Changes parameters. A running sprint keeps its deadline. Attribute: `action`.
pub fn update_params(deps: DepsMut, info: MessageInfo, params: Params) -> Result<Response> {
    only_authority(&deps, &info)?;
    check_params(&params)?;
    PARAMS.save(deps.storage, &params)?;
    Ok(Response::new().add_attribute("action", "update_params"))
}

/// Changes the models from the next sprint on. Attribute: `action`.
pub fn set_models(mut deps: DepsMut, info: MessageInfo, models: Vec<ProofModel>) -> Result<Response> {
    only_authority(&deps, &info)?;
    put_models(&mut deps, models)?;
    Ok(Response::new().add_attribute("action", "set_models"))
}

/// Checks and notes the models of the next sprint.
pub fn put_models(deps: &mut DepsMut, models: Vec<ProofModel>) -> Result<()> {
    if models.len() > MAX_MODELS {
        return Err(ContractError::BadParams("more than 16 models"));
    }
    let chain = Chain::load(deps.as_ref())?;
    let mut checked: Vec<Model> = Vec::with_capacity(models.len());
    for terms in models {
        let twice = checked.iter().any(|model| model.terms.model == terms.model);
        let refuse = |rule| ContractError::BadModel {
            model: terms.model.clone(),
            rule,
        };
        if twice {
            return Err(refuse("it is there twice"));
        }
        let launch = chain.launch(&terms.model)?;
        let (least, most) = bounds(&terms, &launch).map_err(refuse)?;
        checked.push(Model { terms, least, most });
    }
    let next = LAST_SPRINT.load(deps.storage)?.saturating_add(1);
    Ok(MODELS.save(deps.storage, next, &checked)?)
}

/// Least and most work of one answer.
fn bounds(terms: &ProofModel, launch: &Launch) -> Result<(Amount, Amount), &'static str> {
    if terms.vocabulary == 0 || terms.coefficient == 0 {
        return Err("vocabulary and coefficient must not be zero");
    }
    if terms.shapes.is_empty() || terms.shapes.len() > MAX_MODELS {
        return Err("it needs 1 to 16 shapes");
    }
    let mut weight = 0_u32;
    let (mut least, mut most) = (Amount(u128::MAX), Amount::ZERO);
    for shape in &terms.shapes {
        let total = shape.prompt.checked_add(shape.output);
        if shape.prompt == 0 || shape.output == 0 || total.is_none_or(|total| total > launch.context) {
            return Err("a shape must have a prompt and an output, and fit into the context");
        }
        weight = weight.checked_add(shape.weight).ok_or("weights are too large")?;
        if shape.weight == 0 {
            return Err("a shape's weight must not be zero");
        }
        let usage = Usage {
            prompt: shape.prompt,
            cached: 0,
            completion: shape.output,
        };
        let work = cost(Price::FLOOR, &launch.coefficients, &usage).ok_or("work does not fit")?;
        (least, most) = (least.min(work), most.max(work));
    }
    if least.is_zero() {
        return Err("a shape's work is nothing");
    }
    Ok((least, most))
}

fn only_authority(deps: &DepsMut, info: &MessageInfo) -> Result<()> {
    if info.sender == CONFIG.load(deps.storage)?.authority {
        return Ok(());
    }
    Err(ContractError::Unauthorized("the authority"))
}
