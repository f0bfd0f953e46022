//! A contract's messages as those of the SDK (wasmd `x/wasm/keeper/handler_plugin_encoders.go`).

use prost::{Message, Name};
use quern_context::AnyMsg;
use quern_proto::{
    cosmos::{
        bank::v1beta1::MsgSend,
        distribution::v1beta1::{MsgFundCommunityPool, MsgSetWithdrawAddress, MsgWithdrawDelegatorReward},
        gov::v1::{self as gov_v1, MsgVote, MsgVoteWeighted, WeightedVoteOption},
        staking::v1beta1::{MsgBeginRedelegate, MsgDelegate, MsgUndelegate},
    },
    cosmwasm::wasm::v1::{
        MsgClearAdmin, MsgExecuteContract, MsgInstantiateContract, MsgInstantiateContract2,
        MsgMigrateContract, MsgUpdateAdmin,
    },
};
use quern_types::{AccAddress, Error, Result, errors as sdk};

use super::coins;
use crate::json::{DistributionMsg, GovMsg, StakingMsg, VoteOption, WasmMsg, WireCoin, message};

/// Packs a message with its type.
pub(super) fn pack<M: Message + Name>(msg: &M) -> AnyMsg {
    AnyMsg {
        type_url: quern_proto::type_url::<M>(),
        value: msg.encode_to_vec(),
    }
}

pub(super) fn bank_send(contract: &AccAddress, send: &message::Send) -> Result<MsgSend> {
    Ok(MsgSend {
        from_address: contract.to_string(),
        to_address: send.to_address.clone(),
        amount: coins::to_proto(&coins::sum(&send.amount)?),
    })
}

/// `None` for an unknown variant, as in the functions below.
pub(super) fn wasm(contract: &AccAddress, msg: &WasmMsg) -> Result<Option<AnyMsg>> {
    let sender = contract.to_string();
    let packed = if let Some(m) = &msg.execute {
        pack(&MsgExecuteContract {
            sender,
            contract: m.contract_addr.clone(),
            msg: m.msg.to_vec(),
            funds: coins::to_proto(&coins::sum(&m.funds)?),
        })
    } else if let Some(m) = &msg.instantiate {
        pack(&MsgInstantiateContract {
            sender,
            admin: m.admin.clone(),
            code_id: m.code_id,
            label: m.label.clone(),
            msg: m.msg.to_vec(),
            funds: coins::to_proto(&coins::sum(&m.funds)?),
        })
    } else if let Some(m) = &msg.instantiate2 {
        pack(&MsgInstantiateContract2 {
            sender,
            admin: m.admin.clone(),
            code_id: m.code_id,
            label: m.label.clone(),
            msg: m.msg.to_vec(),
            funds: coins::to_proto(&coins::sum(&m.funds)?),
            salt: m.salt.to_vec(),
            fix_msg: false,
        })
    } else if let Some(m) = &msg.migrate {
        pack(&MsgMigrateContract {
            sender,
            contract: m.contract_addr.clone(),
            code_id: m.new_code_id,
            msg: m.msg.to_vec(),
        })
    } else if let Some(m) = &msg.clear_admin {
        pack(&MsgClearAdmin {
            sender,
            contract: m.contract_addr.clone(),
        })
    } else if let Some(m) = &msg.update_admin {
        pack(&MsgUpdateAdmin {
            sender,
            new_admin: m.admin.clone(),
            contract: m.contract_addr.clone(),
        })
    } else {
        return Ok(None);
    };
    Ok(Some(packed))
}

pub(super) fn staking(contract: &AccAddress, msg: &StakingMsg) -> Result<Option<AnyMsg>> {
    let delegator_address = contract.to_string();
    let amount = |coin: &WireCoin| coins::one(coin).map(|c| Some(coins::one_to_proto(&c)));
    let packed = if let Some(m) = &msg.delegate {
        pack(&MsgDelegate {
            delegator_address,
            validator_address: m.validator.clone(),
            amount: amount(&m.amount)?,
        })
    } else if let Some(m) = &msg.redelegate {
        pack(&MsgBeginRedelegate {
            delegator_address,
            validator_src_address: m.src_validator.clone(),
            validator_dst_address: m.dst_validator.clone(),
            amount: amount(&m.amount)?,
        })
    } else if let Some(m) = &msg.undelegate {
        pack(&MsgUndelegate {
            delegator_address,
            validator_address: m.validator.clone(),
            amount: amount(&m.amount)?,
        })
    } else {
        return Ok(None);
    };
    Ok(Some(packed))
}

pub(super) fn distribution(contract: &AccAddress, msg: &DistributionMsg) -> Result<Option<AnyMsg>> {
    let contract = contract.to_string();
    let packed = if let Some(m) = &msg.set_withdraw_address {
        pack(&MsgSetWithdrawAddress {
            delegator_address: contract,
            withdraw_address: m.address.clone(),
        })
    } else if let Some(m) = &msg.withdraw_delegator_reward {
        pack(&MsgWithdrawDelegatorReward {
            delegator_address: contract,
            validator_address: m.validator.clone(),
        })
    } else if let Some(m) = &msg.fund_community_pool {
        pack(&MsgFundCommunityPool {
            amount: coins::to_proto(&coins::sum(&m.amount)?),
            depositor: contract,
        })
    } else {
        return Ok(None);
    };
    Ok(Some(packed))
}

pub(super) fn gov(contract: &AccAddress, msg: &GovMsg) -> Result<Option<AnyMsg>> {
    let voter = contract.to_string();
    let packed = if let Some(m) = &msg.vote {
        pack(&MsgVote {
            proposal_id: m.proposal_id,
            voter,
            option: option(m.option),
            metadata: String::new(),
        })
    } else if let Some(m) = &msg.vote_weighted {
        let options = m.options.iter().enumerate().map(|(at, o)| {
            let weight = fixed_point(&o.weight).map_err(|e| e.wrap(format!("weight for vote {}", at + 1)))?;
            Ok(WeightedVoteOption {
                option: option(o.option),
                weight,
            })
        });
        pack(&MsgVoteWeighted {
            proposal_id: m.proposal_id,
            voter,
            options: options.collect::<Result<_>>()?,
            metadata: String::new(),
        })
    } else {
        return Ok(None);
    };
    Ok(Some(packed))
}

fn option(option: VoteOption) -> i32 {
    match option {
        VoteOption::Yes => gov_v1::VoteOption::Yes,
        VoteOption::No => gov_v1::VoteOption::No,
        VoteOption::Abstain => gov_v1::VoteOption::Abstain,
        VoteOption::NoWithVeto => gov_v1::VoteOption::NoWithVeto,
    }
    .into()
}

/// A decimal with all of the SDK's 18 digits after the point.
fn fixed_point(text: &str) -> Result<String> {
    const DIGITS: usize = 18;
    let bad = || Error::from(&sdk::INVALID_REQUEST).wrap("not a decimal of at most 18 places");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > DIGITS {
        return Err(bad());
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(format!("{whole}.{fraction:0<DIGITS$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vote_weights_get_the_sdks_eighteen_places() {
        assert_eq!(fixed_point("0.25").unwrap(), "0.250000000000000000");
        assert_eq!(fixed_point("1").unwrap(), "1.000000000000000000");
        for bad in ["", ".", "1.", "-1", "1e2", "0.1234567890123456789"] {
            assert!(fixed_point(bad).is_err(), "{bad}");
        }
    }
}
