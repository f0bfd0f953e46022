//! `cosmos.staking.v1beta1.StakeAuthorization`. It decodes, so that a wallet which offers it gets the SDK's
//! answer; granting it is refused with `sdk/29` as long as the chain serves no message of x/staking.

use quern_proto::cosmos::base::v1beta1::Coin;
use quern_types::Result;

use crate::{NEGATIVE_MAX_TOKENS, UNKNOWN_AUTHORIZATION_TYPE};

// prost gives the generated message and its oneof one name, hence by hand.

/// May delegate, and so on, up to an amount and to some validators only.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StakeAuthorization {
    #[prost(message, optional, tag = "1")]
    pub max_tokens: Option<Coin>,
    #[prost(message, optional, tag = "2")]
    pub allow_list: Option<Validators>,
    #[prost(message, optional, tag = "3")]
    pub deny_list: Option<Validators>,
    #[prost(int32, tag = "4")]
    pub authorization_type: i32,
}

/// Operator addresses.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Validators {
    #[prost(string, repeated, tag = "1")]
    pub address: Vec<String>,
}

impl StakeAuthorization {
    pub(super) fn validate(&self) -> Result<()> {
        if let Some(max) = self.max_tokens.as_ref().filter(|max| max.amount.starts_with('-')) {
            return Err(
                NEGATIVE_MAX_TOKENS.wrap(format!("negative coin amount: {}{}", max.amount, max.denom))
            );
        }
        self.msg_type_url().map(drop)
    }

    pub(super) fn msg_type_url(&self) -> Result<&'static str> {
        Ok(match self.authorization_type {
            1 => "/cosmos.staking.v1beta1.MsgDelegate",
            2 => "/cosmos.staking.v1beta1.MsgUndelegate",
            3 => "/cosmos.staking.v1beta1.MsgBeginRedelegate",
            4 => "/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation",
            _ => return Err((&UNKNOWN_AUTHORIZATION_TYPE).into()),
        })
    }
}
