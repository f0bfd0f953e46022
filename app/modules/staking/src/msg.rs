//! Messages of x/staking, x/distribution, x/slashing and x/mint.

use std::sync::Arc;

use prost::{Message, Name};
use quern_context::{AnyMsg, Cx, MsgOutput, Router};
use quern_proto::cosmos::{
    distribution::v1beta1 as rewards, mint::v1beta1 as mint, slashing::v1beta1 as votes,
    staking::v1beta1 as staking,
};
use quern_types::{AccAddress, Result, errors};

use crate::{contracts::Contracts, distribution, parameters, slashing, staking as room};

macro_rules! messages {
    ($($name:ident($type:ty) by $signer:ident $field:ident => $handle:path;)*) => {
        /// A message of this module.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Msg {
            $(#[doc = concat!("`", stringify!($type), "`")] $name($type),)*
        }

        impl Msg {
            /// Decodes a message of this module; `None` for another's type.
            pub fn decode(type_url: &str, value: &[u8]) -> Option<Result<Self>> {
                let name = type_url.strip_prefix('/')?;
                let decoded = match name {
                    $(_ if name == <$type>::full_name() => <$type>::decode(value).map(Self::$name),)*
                    _ => return None,
                };
                Some(decoded.map_err(|e| errors::TX_DECODE.wrap(e.to_string())))
            }

            /// Addresses that must sign.
            ///
            /// # Errors
            /// `sdk/7` for a malformed address.
            pub fn signers(&self) -> Result<Vec<AccAddress>> {
                let signer = match self {
                    $(Self::$name(msg) => AccAddress::$signer(&msg.$field),)*
                };
                Ok(vec![signer?])
            }

            /// Executes the message through the contracts, with their events and those of the SDK.
            ///
            /// # Errors
            /// Codespaces `staking`, `distribution`, `slashing` and `sdk` as in the SDK; `wasm/5` for a contract's
            /// refusal that the SDK has no word for.
            pub fn execute(self, cx: &Cx, router: &Arc<dyn Router>) -> Result<MsgOutput> {
                let to = Contracts { cx, router: router.as_ref() };
                match self {
                    $(Self::$name(msg) => $handle(to, &msg).map(output),)*
                }
            }
        }
    };
}

messages! {
    CreateValidator(staking::MsgCreateValidator) by from_validator_signer validator_address => room::create;
    EditValidator(staking::MsgEditValidator) by from_validator_signer validator_address => room::edit;
    Delegate(staking::MsgDelegate) by from_signer delegator_address => room::delegate;
    Undelegate(staking::MsgUndelegate) by from_signer delegator_address => room::undelegate;
    BeginRedelegate(staking::MsgBeginRedelegate) by from_signer delegator_address => room::begin_redelegate;
    CancelUnbonding(staking::MsgCancelUnbondingDelegation) by from_signer delegator_address => room::cancel_unbonding;
    SetWithdrawAddress(rewards::MsgSetWithdrawAddress) by from_signer delegator_address
        => distribution::set_withdraw_address;
    WithdrawReward(rewards::MsgWithdrawDelegatorReward) by from_signer delegator_address
        => distribution::withdraw_reward;
    WithdrawCommission(rewards::MsgWithdrawValidatorCommission) by from_validator_signer validator_address
        => distribution::withdraw_commission;
    Unjail(votes::MsgUnjail) by from_validator_signer validator_addr => slashing::unjail;
    StakingParams(staking::MsgUpdateParams) by from_signer authority => parameters::staking;
    DistributionParams(rewards::MsgUpdateParams) by from_signer authority => parameters::distribution;
    SlashingParams(votes::MsgUpdateParams) by from_signer authority => parameters::slashing;
    MintParams(mint::MsgUpdateParams) by from_signer authority => parameters::mint;
}

impl Msg {
    /// Type URLs that [`Msg::decode`] takes.
    pub const TYPE_URLS: &[&str] = &[
        "/cosmos.staking.v1beta1.MsgCreateValidator",
        "/cosmos.staking.v1beta1.MsgEditValidator",
        "/cosmos.staking.v1beta1.MsgDelegate",
        "/cosmos.staking.v1beta1.MsgUndelegate",
        "/cosmos.staking.v1beta1.MsgBeginRedelegate",
        "/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation",
        "/cosmos.distribution.v1beta1.MsgSetWithdrawAddress",
        "/cosmos.distribution.v1beta1.MsgWithdrawDelegatorReward",
        "/cosmos.distribution.v1beta1.MsgWithdrawValidatorCommission",
        "/cosmos.slashing.v1beta1.MsgUnjail",
        "/cosmos.staking.v1beta1.MsgUpdateParams",
        "/cosmos.distribution.v1beta1.MsgUpdateParams",
        "/cosmos.slashing.v1beta1.MsgUpdateParams",
        "/cosmos.mint.v1beta1.MsgUpdateParams",
    ];

    /// Stateless checks: none, the handlers make them.
    ///
    /// # Errors
    /// Never.
    pub fn validate(&self) -> Result<()> {
        Ok(())
    }
}

fn output<M: Message + Name>(response: M) -> MsgOutput {
    let response = AnyMsg {
        type_url: quern_proto::type_url::<M>(),
        value: response.encode_to_vec(),
    };
    MsgOutput { response }
}
