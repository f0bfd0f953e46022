//! Slashed coins on their way to the payers of void claims.
//!
//! A conviction opens a pot for (host, model, generation) and notes the claims of that standing that are
//! not yet paid; no claim joins later. Each session that closes takes the part of its void claim; the last
//! one takes the rest, so nothing stays and no session needs to know another.

use cosmwasm_std::{Addr, DepsMut, Env, Response, Storage};
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

use crate::error::{ContractError, Result};
use crate::funds;
use crate::state::{Pot, Standing, PARAMS, POTS, TOTALS};

/// A slash under way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Slash {
    /// Host.
    pub host: Addr,
    /// Model.
    pub model: String,
    /// Generation that was convicted.
    pub generation: u32,
    /// This contract's coins before it.
    pub before: Amount,
}

/// Opens a pot over the claims that a conviction makes void.
pub fn open(storage: &mut dyn Storage, standing: Standing, claims: Amount) -> Result<()> {
    let left = Amount::ZERO;
    POTS.save(storage, standing, &Pot { left, claims })?;
    Ok(())
}

/// Notes what the slash brought. A slash that fails, such as of a host without bond, changes nothing about
/// the conviction. Attributes: `slashed_for`, `restitution` or `slash_failed`.
pub fn slashed(deps: DepsMut, env: &Env, slash: Slash, failed: bool) -> Result<Response> {
    let offence = format!("{}/{}", slash.model, slash.generation);
    if failed {
        return Ok(Response::new().add_attribute("slash_failed", offence));
    }
    let denom = PARAMS.load(deps.storage)?.denom;
    let after = deps.querier.query_balance(&env.contract.address, denom)?;
    let brought = funds::amount(&after)?.saturating_sub(slash.before);
    let standing = (&slash.host, slash.model.as_str(), slash.generation);
    let mut pot = POTS.load(deps.storage, standing)?;
    if !pot.claims.is_zero() {
        funds::add(&mut pot.left, brought)?;
        POTS.save(deps.storage, standing, &pot)?;
        let mut totals = TOTALS.load(deps.storage)?;
        funds::add(&mut totals.restitution_held, brought)?;
        TOTALS.save(deps.storage, &totals)?;
    }
    Ok(Response::new()
        .add_attribute("slashed_for", offence)
        .add_attribute("restitution", brought.to_string()))
}

/// The part of a void claim. Nothing if the conviction was another contract's.
pub fn draw(storage: &mut dyn Storage, standing: Standing, claim: Amount) -> Result<Amount> {
    let Some(mut pot) = POTS.may_load(storage, standing)? else {
        return Ok(Amount::ZERO);
    };
    if claim.is_zero() {
        return Ok(Amount::ZERO);
    }
    let part = pot
        .left
        .mul_div_floor(claim.0, pot.claims.0)
        .ok_or(ContractError::Overflow)?;
    funds::take(&mut pot.left, part)?;
    funds::take(&mut pot.claims, claim)?;
    POTS.save(storage, standing, &pot)?;
    Ok(part)
}
