//! Messages that a contract sends.

use cosmwasm_std::Binary;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny},
};

use super::{WireCoin, nullable};

/// One message. The first set field counts, in the order of the fields; none is an unknown message.
#[derive(Debug, Default)]
pub struct CosmosMsg {
    /// Bank.
    pub bank: Option<BankMsg>,
    /// A chain's own; this chain has none.
    pub custom: Option<IgnoredAny>,
    /// Distribution.
    pub distribution: Option<DistributionMsg>,
    /// IBC.
    pub ibc: Option<IbcMsg>,
    /// IBC version 2.
    pub ibc2: Option<IgnoredAny>,
    /// Staking.
    pub staking: Option<StakingMsg>,
    /// An encoded message, also under its old name `stargate`.
    pub any: Option<AnyMsg>,
    /// Contracts.
    pub wasm: Option<WasmMsg>,
    /// Governance.
    pub gov: Option<GovMsg>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tagged {
    bank: Option<BankMsg>,
    custom: Option<IgnoredAny>,
    distribution: Option<DistributionMsg>,
    ibc: Option<IbcMsg>,
    ibc2: Option<IgnoredAny>,
    staking: Option<StakingMsg>,
    any: Option<AnyMsg>,
    stargate: Option<AnyMsg>,
    wasm: Option<WasmMsg>,
    gov: Option<GovMsg>,
}

impl<'de> Deserialize<'de> for CosmosMsg {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let t = Option::<Tagged>::deserialize(input)?.unwrap_or_default();
        if t.any.is_some() && t.stargate.is_some() {
            return Err(D::Error::custom("both 'any' and 'stargate' are set"));
        }
        Ok(Self {
            bank: t.bank,
            custom: t.custom,
            distribution: t.distribution,
            ibc: t.ibc,
            ibc2: t.ibc2,
            staking: t.staking,
            any: t.any.or(t.stargate),
            wasm: t.wasm,
            gov: t.gov,
        })
    }
}

/// Declares a variant of an enum that Go spells as a struct of pointers.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(default)]
        pub struct $name { $($(#[$field_doc])* #[serde(deserialize_with = "nullable")] pub $field: $ty,)* }
    };
}

/// Bank messages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BankMsg {
    /// Sends coins.
    pub send: Option<Send>,
    /// Destroys coins.
    pub burn: Option<Burn>,
}

fields! {
    /// Sends coins.
    Send {
        /// Bech32.
        to_address: String,
        /// Coins, in any order.
        amount: Vec<WireCoin>,
    }
}

fields! {
    /// Destroys coins.
    Burn {
        /// Coins, in any order.
        amount: Vec<WireCoin>,
    }
}

fields! {
    /// An encoded message.
    AnyMsg {
        /// Type.
        type_url: String,
        /// Encoded message.
        value: Binary,
    }
}

/// Messages to contracts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WasmMsg {
    /// Calls a contract.
    pub execute: Option<Execute>,
    /// Makes a contract.
    pub instantiate: Option<Instantiate>,
    /// Makes a contract at a predictable address.
    pub instantiate2: Option<Instantiate>,
    /// Moves a contract to another code.
    pub migrate: Option<Migrate>,
    /// Hands a contract to another admin.
    pub update_admin: Option<UpdateAdmin>,
    /// Leaves a contract without an admin.
    pub clear_admin: Option<ClearAdmin>,
}

fields! {
    /// Calls a contract.
    Execute {
        /// Bech32.
        contract_addr: String,
        /// JSON for the contract.
        msg: Binary,
        /// Coins that go with it.
        funds: Vec<WireCoin>,
    }
}

fields! {
    /// Makes a contract.
    Instantiate {
        /// Code.
        code_id: u64,
        /// JSON for the contract.
        msg: Binary,
        /// Coins that go with it.
        funds: Vec<WireCoin>,
        /// Label.
        label: String,
        /// Bech32, or empty for none.
        admin: String,
        /// Salt of instantiate2.
        salt: Binary,
    }
}

fields! {
    /// Moves a contract to another code.
    Migrate {
        /// Bech32.
        contract_addr: String,
        /// Code.
        new_code_id: u64,
        /// JSON for the new code.
        msg: Binary,
    }
}

fields! {
    /// Hands a contract to another admin.
    UpdateAdmin {
        /// Bech32.
        contract_addr: String,
        /// Bech32.
        admin: String,
    }
}

fields! {
    /// Leaves a contract without an admin.
    ClearAdmin {
        /// Bech32.
        contract_addr: String,
    }
}

/// Staking messages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct StakingMsg {
    /// Delegates.
    pub delegate: Option<Delegate>,
    /// Undelegates.
    pub undelegate: Option<Delegate>,
    /// Moves a delegation.
    pub redelegate: Option<Redelegate>,
}

fields! {
    /// Delegates or undelegates.
    Delegate {
        /// Operator address.
        validator: String,
        /// Coin.
        amount: WireCoin,
    }
}

fields! {
    /// Moves a delegation.
    Redelegate {
        /// Operator address.
        src_validator: String,
        /// Operator address.
        dst_validator: String,
        /// Coin.
        amount: WireCoin,
    }
}

/// Distribution messages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DistributionMsg {
    /// Names the address that rewards go to.
    pub set_withdraw_address: Option<SetWithdrawAddress>,
    /// Takes rewards.
    pub withdraw_delegator_reward: Option<WithdrawDelegatorReward>,
    /// Gives to the community pool.
    pub fund_community_pool: Option<Burn>,
}

fields! {
    /// Names the address that rewards go to.
    SetWithdrawAddress {
        /// Bech32.
        address: String,
    }
}

fields! {
    /// Takes rewards.
    WithdrawDelegatorReward {
        /// Operator address.
        validator: String,
    }
}

/// Governance messages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct GovMsg {
    /// One option.
    pub vote: Option<Vote>,
    /// Several options.
    pub vote_weighted: Option<VoteWeighted>,
}

/// Votes for one option.
#[derive(Clone, Debug, Deserialize)]
pub struct Vote {
    /// Proposal.
    #[serde(default)]
    pub proposal_id: u64,
    /// Option, also under its old name `vote`.
    #[serde(alias = "vote")]
    pub option: VoteOption,
}

/// Votes for several options.
#[derive(Clone, Debug, Deserialize)]
pub struct VoteWeighted {
    /// Proposal.
    #[serde(default)]
    pub proposal_id: u64,
    /// Options with weights.
    #[serde(default, deserialize_with = "nullable")]
    pub options: Vec<WeightedOption>,
}

/// An option and its decimal weight.
#[derive(Clone, Debug, Deserialize)]
pub struct WeightedOption {
    /// Option.
    pub option: VoteOption,
    /// Decimal, for example `0.25`.
    #[serde(default)]
    pub weight: String,
}

/// How to vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoteOption {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Abstain.
    Abstain,
    /// No, and burn the deposit.
    NoWithVeto,
}

/// IBC messages; this chain routes none of them yet.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct IbcMsg {
    /// ICS-20.
    pub transfer: Option<IgnoredAny>,
    /// Closes a channel.
    pub close_channel: Option<IgnoredAny>,
    /// Sends a packet.
    pub send_packet: Option<IgnoredAny>,
    /// Acknowledges a packet.
    pub write_acknowledgement: Option<IgnoredAny>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_is_read_under_both_names_but_not_under_both_at_once() {
        let read = |text: &str| serde_json::from_str::<CosmosMsg>(text);
        let one = r#"{"type_url":"/a","value":""}"#;
        for name in ["any", "stargate"] {
            let msg = read(&format!(r#"{{"{name}":{one}}}"#)).unwrap();
            assert_eq!(msg.any.unwrap().type_url, "/a");
        }
        assert!(read(&format!(r#"{{"any":{one},"stargate":{one}}}"#)).is_err());
    }

    #[test]
    fn an_unknown_variant_is_read_and_left_to_dispatch() {
        let msg: CosmosMsg = serde_json::from_str(r#"{"future":{}}"#).unwrap();
        assert!(msg.bank.is_none() && msg.wasm.is_none());
    }
}
