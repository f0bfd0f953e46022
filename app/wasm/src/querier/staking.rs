//! Queries of validators and delegations.

use quern_context::{Cx, Router};
use quern_types::{AccAddress, BASE_DENOM, Error};

use super::{Answer, address, check_depth, unsupported};
use crate::{
    Wasm,
    json::{
        self, StakingQuery,
        staking::{AllDelegations, AllValidators, OneDelegation, OneValidator},
    },
};

pub(super) fn answer(wasm: &Wasm, cx: &Cx, router: &dyn Router, query: &StakingQuery) -> Answer {
    if query.bonded_denom.is_some() {
        return Ok(json::to_vec(&serde_json::json!({ "denom": BASE_DENOM }))?);
    }
    check_depth(cx)?;
    let staking = wasm.staking();
    if query.all_validators.is_some() {
        let validators = staking.bonded_validators(cx, router)?;
        return Ok(json::to_vec(&AllValidators { validators })?);
    }
    if let Some(query) = &query.validator {
        // wasmd passes on what its library says, which nobody registered
        let validator = AccAddress::from_validator_bech32(&query.address)
            .map_err(|e| Error::unregistered(e.contexts()))?;
        let validator = staking.validator(cx, router, &validator)?;
        return Ok(json::to_vec(&OneValidator { validator })?);
    }
    if let Some(query) = &query.all_delegations {
        let delegations = staking.delegations(cx, router, &address(&query.delegator)?)?;
        return Ok(json::to_vec(&AllDelegations { delegations })?);
    }
    if let Some(query) = &query.delegation {
        let delegator = address(&query.delegator)?;
        let validator = AccAddress::from_validator_bech32(&query.validator)?;
        let delegation = staking.delegation(cx, router, &delegator, &validator)?;
        return Ok(json::to_vec(&OneDelegation { delegation })?);
    }
    Err(unsupported("unknown Staking variant"))
}
