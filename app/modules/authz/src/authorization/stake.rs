//! `cosmos.staking.v1beta1.StakeAuthorization`.

use prost::Message;
use quern_context::{AnyMsg, Cx};
use quern_proto::{
    Any,
    cosmos::{
        base::v1beta1::Coin,
        staking::v1beta1::{MsgBeginRedelegate, MsgCancelUnbondingDelegation, MsgDelegate, MsgUndelegate},
    },
};
use quern_types::{AccAddress, Coin as Amount, Result, errors, is_zero_amount};

use super::{GAS_PER_ADDRESS, STAKE, Verdict, decode};
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
        let negative = |max: &&Coin| max.amount.starts_with('-') && !is_zero_amount(&max.amount);
        if let Some(max) = self.max_tokens.as_ref().filter(negative) {
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

    /// Judges a message by the validator that coins go to, and by the amount.
    pub(super) fn accept(&self, cx: &Cx, msg: &AnyMsg) -> Result<Verdict> {
        let (validator, amount) = target(msg)?;
        let refused =
            || errors::UNAUTHORIZED.wrap(format!("cannot delegate/undelegate to {validator} validator"));
        let among = |list: &Option<Validators>| -> Result<bool> {
            for address in list.iter().flat_map(|list| &list.address) {
                cx.gas.consume(GAS_PER_ADDRESS, "stake authorization")?;
                if same(address, &validator) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let listed = self
            .allow_list
            .as_ref()
            .is_some_and(|list| !list.address.is_empty());
        let allowed = among(&self.allow_list)?;
        if among(&self.deny_list)? || (listed && !allowed) {
            return Err(refused());
        }
        let Some(max) = &self.max_tokens else {
            return Ok(Verdict::Accept);
        };
        let amount = amount.unwrap_or_default();
        let left = left(max, &amount)?;
        if left == 0 {
            return Ok(Verdict::AcceptAndDelete);
        }
        let rest = Self {
            max_tokens: Some(Coin {
                denom: max.denom.clone(),
                amount: left.to_string(),
            }),
            ..self.clone()
        };
        Ok(Verdict::AcceptAndUpdate(Any {
            type_url: STAKE.into(),
            value: rest.encode_to_vec(),
        }))
    }
}

/// The validator that coins go to, or leave, and how many.
fn target(msg: &AnyMsg) -> Result<(String, Option<Coin>)> {
    let bytes = msg.value.as_slice();
    Ok(match msg.type_url.strip_prefix("/cosmos.staking.v1beta1.") {
        Some("MsgDelegate") => {
            let msg: MsgDelegate = decode(bytes)?;
            (msg.validator_address, msg.amount)
        }
        Some("MsgUndelegate") => {
            let msg: MsgUndelegate = decode(bytes)?;
            (msg.validator_address, msg.amount)
        }
        Some("MsgBeginRedelegate") => {
            let msg: MsgBeginRedelegate = decode(bytes)?;
            (msg.validator_dst_address, msg.amount)
        }
        Some("MsgCancelUnbondingDelegation") => {
            let msg: MsgCancelUnbondingDelegation = decode(bytes)?;
            (msg.validator_address, msg.amount)
        }
        _ => return Err(errors::INVALID_REQUEST.wrap("unknown msg type")),
    })
}

/// Bech32 has two spellings of an address: a list must not be passed by the other one.
fn same(one: &str, other: &str) -> bool {
    let read = |text: &str| AccAddress::from_validator_bech32(text).ok();
    one == other
        || read(one)
            .zip(read(other))
            .is_some_and(|(one, other)| one == other)
}

/// What a spending leaves of a limit.
fn left(max: &Coin, spent: &Coin) -> Result<u128> {
    if max.denom != spent.denom {
        return Err(errors::INTERNAL.wrap(format!("invalid coin denoms: {}, {}", max.denom, spent.denom)));
    }
    let read = |coin: &Coin| Amount::parse(&coin.denom, &coin.amount).map(|coin| coin.amount);
    let limit = if is_zero_amount(&max.amount) {
        0
    } else {
        read(max)?
    };
    let amount = read(spent)?;
    limit.checked_sub(amount).ok_or_else(|| {
        errors::INTERNAL.wrap(format!(
            "negative coin amount: {limit} less {amount}{}",
            max.denom
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prost::Name;
    use quern_context::Mode;

    use super::*;

    fn accept(a: &StakeAuthorization, validator: &str, amount: u32) -> Result<Verdict> {
        let msg = MsgDelegate {
            delegator_address: String::new(),
            validator_address: validator.into(),
            amount: Some(coin(amount)),
        };
        let msg = AnyMsg {
            type_url: format!("/{}", MsgDelegate::full_name()),
            value: msg.encode_to_vec(),
        };
        let snapshot = quern_store::Snapshot::in_memory(0, Default::default());
        let cx = Cx::new(quern_store::Branch::new(snapshot), Arc::default(), Mode::Finalize);
        a.accept(&cx, &msg)
    }

    fn coin(amount: u32) -> Coin {
        Coin {
            denom: "nqrn".into(),
            amount: amount.to_string(),
        }
    }

    #[test]
    fn lists_and_limits_hold_in_every_spelling() {
        let valoper = |n: u8| AccAddress::from_bytes(vec![n; 20]).unwrap().to_validator_bech32();
        let list = |n| {
            Some(Validators {
                address: vec![valoper(n)],
            })
        };
        let limited = StakeAuthorization {
            max_tokens: Some(coin(10)),
            allow_list: list(1),
            deny_list: None,
            authorization_type: 1,
        };
        assert!(
            accept(&limited, &valoper(2), 1)
                .unwrap_err()
                .is(&errors::UNAUTHORIZED)
        );
        assert!(accept(&limited, &valoper(1), 11).is_err());
        // nothing is not negative, whatever its sign
        let nothing = StakeAuthorization {
            max_tokens: Some(Coin {
                amount: "-0".into(),
                ..coin(0)
            }),
            ..limited.clone()
        };
        assert!(nothing.validate().is_ok());
        assert!(
            accept(&nothing, &valoper(1), 1)
                .unwrap_err()
                .is(&errors::INTERNAL)
        );
        assert!(matches!(
            accept(&limited, &valoper(1), 10),
            Ok(Verdict::AcceptAndDelete)
        ));
        let Ok(Verdict::AcceptAndUpdate(rest)) = accept(&limited, &valoper(1), 4) else {
            panic!("a part of the limit is left");
        };
        let rest = StakeAuthorization::decode(rest.value.as_slice()).unwrap();
        assert_eq!((rest.max_tokens, rest.allow_list), (Some(coin(6)), list(1)));
        let denied = StakeAuthorization {
            max_tokens: None,
            allow_list: None,
            deny_list: list(1),
            authorization_type: 1,
        };
        for spelling in [valoper(1), valoper(1).to_uppercase()] {
            assert!(accept(&denied, &spelling, 1).is_err());
        }
        assert!(matches!(accept(&denied, &valoper(2), 1), Ok(Verdict::Accept)));
    }
}
