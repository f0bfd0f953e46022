//! The JSON that contracts read and write, as wasmvm 3 has it.
//!
//! Its bytes decide gas inside the contract, so order, omission and escaping follow Go's encoder.
//! Parsing is as lenient as Go's: unknown fields are skipped, absent and null ones are empty.

mod call;
mod go;
pub(crate) mod message;
pub(crate) mod query;
mod reply;
mod response;
pub(crate) mod staking;

pub use call::{BlockInfo, ContractRef, Env, MessageInfo, MigrateInfo, TxInfo, WireCoin};
pub use go::to_vec;
pub use message::{
    AnyMsg, BankMsg, CosmosMsg, DistributionMsg, GovMsg, IbcMsg, StakingMsg, VoteOption, WasmMsg,
};
pub use query::{
    AllBalances, AllDenomMetadata, Amount, BankQuery, CodeInfoAnswer, ContractInfoAnswer, DenomMetadata,
    DenomMetadataAnswer, DenomUnit, DistributionQuery, IbcQuery, PathQuery, QueryRequest, RawRange,
    RawRangeAnswer, StakingQuery, WasmQuery,
};
pub use reply::{MsgResponse, Reply, SubMsgResponse, SubMsgResult};
pub use response::{
    ContractAttribute, ContractEvent, ContractResult, QueryResult, ReplyOn, Response, SubMsg,
};
pub use staking::{DecCoin, Delegation, DelegatorReward, FullDelegation, TotalRewards, Validator};

use serde::{Deserialize, Deserializer, de::IgnoredAny};

/// Reads `null` as an empty value.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(input: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

/// Whether bytes are left out where Go leaves out empty ones.
fn is_empty(bytes: &cosmwasm_std::Binary) -> bool {
    bytes.as_slice().is_empty()
}

/// Whether `bytes` are one JSON value. Needs no stack, however deep the value nests.
pub(crate) fn is_valid(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_without_bound_is_judged_without_recursion() {
        let deep = [vec![b'['; 1_000_000], vec![b']'; 1_000_000]].concat();
        assert!(is_valid(&deep));
        assert!(!is_valid(deep.split_last().unwrap().1));
        assert!(!is_valid(b"") && !is_valid(b"{} {}") && is_valid(b" 1 "));
    }
}
