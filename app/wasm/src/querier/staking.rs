//! Staking, as an SDK chain without validators in its staking module answers.

use super::{Answer, address, unsupported};
use crate::json::StakingQuery;

pub(super) fn answer(query: &StakingQuery) -> Answer {
    let text = if query.bonded_denom.is_some() {
        format!(r#"{{"denom":"{}"}}"#, quern_types::BASE_DENOM)
    } else if query.all_validators.is_some() {
        r#"{"validators":[]}"#.into()
    } else if query.validator.is_some() {
        r#"{"validator":null}"#.into()
    } else if let Some(query) = &query.all_delegations {
        address(&query.delegator)?;
        r#"{"delegations":[]}"#.into()
    } else if let Some(query) = &query.delegation {
        address(&query.delegator)?;
        "{}".into()
    } else {
        return Err(unsupported("unknown Staking variant"));
    };
    Ok(text.into_bytes())
}
