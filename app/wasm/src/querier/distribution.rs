//! Queries of what delegations earned.

use quern_context::{Cx, Router};
use quern_types::{AccAddress, Result, errors as sdk};

use super::{Answer, check_depth, unsupported};
use crate::{
    Wasm,
    json::{
        self, DistributionQuery,
        staking::{Rewards, Validators, WithdrawAddress},
    },
};

pub(super) fn answer(wasm: &Wasm, cx: &Cx, router: &dyn Router, query: &DistributionQuery) -> Answer {
    let staking = wasm.staking();
    if let Some(query) = &query.delegator_withdraw_address {
        let delegator = AccAddress::from_signer(&query.delegator_address)?;
        let withdraw_address = staking.withdraw_address(cx, &delegator)?.to_string();
        return Ok(json::to_vec(&WithdrawAddress { withdraw_address })?);
    }
    check_depth(cx)?;
    if let Some(query) = &query.delegation_rewards {
        let validator = operator(&query.validator_address)?;
        let delegator = AccAddress::from_signer(&query.delegator_address)?;
        let rewards = staking.rewards(cx, router, &delegator, &validator)?;
        return Ok(json::to_vec(&Rewards { rewards })?);
    }
    if let Some(query) = &query.delegation_total_rewards {
        let delegator = AccAddress::from_signer(&query.delegator_address)?;
        return Ok(json::to_vec(&staking.total_rewards(cx, router, &delegator)?)?);
    }
    if let Some(query) = &query.delegator_validators {
        let delegator = AccAddress::from_signer(&query.delegator_address)?;
        let held = staking.delegations(cx, router, &delegator)?;
        let validators = held.into_iter().map(|held| held.validator).collect();
        return Ok(json::to_vec(&Validators { validators })?);
    }
    Err(unsupported("unknown distribution query"))
}

/// A validator, with the errors of the SDK's address codec.
fn operator(text: &str) -> Result<AccAddress> {
    AccAddress::from_validator_bech32(text).map_err(|e| match AccAddress::from_signer(text) {
        Err(cause) if !cause.is(&sdk::LOGIC) => cause,
        // it is an address, of another kind
        _ => sdk::LOGIC.wrap(e.contexts()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_operators_have_the_codes_of_the_sdks_codec() {
        let account = quern_types::module_address("gov");
        let operator_text = account.to_validator_bech32();
        assert_eq!(operator(&operator_text).unwrap(), account);
        let code = |text: &str| {
            let error = operator(text).unwrap_err();
            (error.codespace().to_owned(), error.code())
        };
        assert_eq!(code(""), ("undefined".into(), 1));
        assert_eq!(code("nonsense"), ("undefined".into(), 1));
        assert_eq!(code(&format!("{operator_text}q")), ("undefined".into(), 1));
        assert_eq!(code(&account.to_string()), ("sdk".into(), 35));
    }
}
