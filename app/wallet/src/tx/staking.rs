//! `quernd tx staking`, `distribution` and `slashing`, under the names that the SDK's programs have. The chain's own
//! commands do the same in its own words.

use quern_proto::{
    Any,
    cosmos::{
        base::v1beta1::Coin,
        distribution::v1beta1::{
            MsgSetWithdrawAddress, MsgWithdrawDelegatorReward, MsgWithdrawValidatorCommission,
        },
        slashing::v1beta1::MsgUnjail,
        staking::v1beta1::{MsgBeginRedelegate, MsgCancelUnbondingDelegation, MsgDelegate, MsgUndelegate},
    },
};
use quern_types::{AccAddress, BASE_DENOM};

use super::bank::pack;
use crate::{Failure, Result, failure::usage, qrn};

/// Commands of `quernd tx staking`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum StakingCommand {
    /// Put coins behind a host
    Delegate {
        /// Host, quernvaloper1...
        validator: String,
        /// Coins, for example 5qrn
        amount: String,
    },
    /// Take coins back from behind a host
    #[command(alias = "undelegate")]
    Unbond {
        /// Host, quernvaloper1...
        validator: String,
        /// Coins, for example 5qrn
        amount: String,
    },
    /// Move coins from behind one host to another
    Redelegate {
        /// From this host, quernvaloper1...
        source: String,
        /// To this host, quernvaloper1...
        destination: String,
        /// Coins, for example 5qrn
        amount: String,
    },
    /// Bond again what leaves
    CancelUnbond {
        /// Host, quernvaloper1...
        validator: String,
        /// Coins, for example 5qrn
        amount: String,
        /// `creation_height` of the entry
        creation_height: i64,
    },
}

/// Commands of `quernd tx distribution`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum DistributionCommand {
    /// Take what the signer's coins behind a host earned
    WithdrawRewards {
        /// Host, quernvaloper1...
        validator: String,
        /// The signing host's commission too
        #[arg(long)]
        commission: bool,
    },
    /// Pay the signing host's commission to its payout address
    #[command(alias = "withdraw-commission")]
    WithdrawValidatorCommission {
        /// Host, quernvaloper1...
        validator: String,
    },
    /// Have rewards paid to another account
    SetWithdrawAddr {
        /// Account
        address: String,
    },
}

/// Commands of `quernd tx slashing`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum SlashingCommand {
    /// Come back after a conviction for every model; burns the entry fee for each
    Unjail,
}

/// Reads a host's address.
pub(super) fn validator(text: &str) -> Result<String> {
    AccAddress::from_validator_bech32(text).map_err(|e| {
        Failure::Usage(format!(
            "{text:?} is no host's address quernvaloper1...: {e}; `quernd keys show NAME --bech val` prints one's own"
        ))
    })?;
    Ok(text.to_owned())
}

/// Reads coins that can be put behind a host.
pub(super) fn coin(text: &str) -> Result<Option<Coin>> {
    let amount = qrn::amount(text).map_err(Failure::Usage)?;
    Ok(Some(Coin {
        denom: BASE_DENOM.into(),
        amount: amount.to_string(),
    }))
}

impl StakingCommand {
    /// The message of the command.
    pub(crate) fn message(&self, from: &AccAddress) -> Result<Any> {
        let delegator_address = from.to_string();
        Ok(match self {
            Self::Delegate {
                validator: to,
                amount,
            } => pack(&MsgDelegate {
                delegator_address,
                validator_address: validator(to)?,
                amount: coin(amount)?,
            }),
            Self::Unbond {
                validator: to,
                amount,
            } => pack(&MsgUndelegate {
                delegator_address,
                validator_address: validator(to)?,
                amount: coin(amount)?,
            }),
            Self::Redelegate {
                source,
                destination,
                amount,
            } => pack(&MsgBeginRedelegate {
                delegator_address,
                validator_src_address: validator(source)?,
                validator_dst_address: validator(destination)?,
                amount: coin(amount)?,
            }),
            Self::CancelUnbond {
                validator: to,
                amount,
                creation_height,
            } => pack(&MsgCancelUnbondingDelegation {
                delegator_address,
                validator_address: validator(to)?,
                amount: coin(amount)?,
                creation_height: *creation_height,
            }),
        })
    }
}

impl DistributionCommand {
    /// The messages of the command.
    pub(crate) fn messages(&self, from: &AccAddress) -> Result<Vec<Any>> {
        let delegator_address = from.to_string();
        let commission = |text: &str| {
            Ok::<_, Failure>(pack(&MsgWithdrawValidatorCommission {
                validator_address: validator(text)?,
            }))
        };
        Ok(match self {
            Self::WithdrawRewards {
                validator: of,
                commission: too,
            } => {
                let rewards = pack(&MsgWithdrawDelegatorReward {
                    delegator_address,
                    validator_address: validator(of)?,
                });
                let commission = too.then(|| commission(of)).transpose()?;
                std::iter::once(rewards).chain(commission).collect()
            }
            Self::WithdrawValidatorCommission { validator } => vec![commission(validator)?],
            Self::SetWithdrawAddr { address } => {
                let withdraw_address = AccAddress::from_bech32(address).map_err(usage)?.to_string();
                vec![pack(&MsgSetWithdrawAddress {
                    delegator_address,
                    withdraw_address,
                })]
            }
        })
    }
}

impl SlashingCommand {
    /// The message of the command.
    pub(crate) fn message(&self, from: &AccAddress) -> Any {
        let Self::Unjail = self;
        pack(&MsgUnjail {
            validator_addr: from.to_validator_bech32(),
        })
    }
}
