//! `quernd tx bank`.

use prost::{Message, Name};
use quern_proto::{
    Any,
    cosmos::bank::v1beta1::{Input, MsgMultiSend, MsgSend, Output},
};
use quern_types::{AccAddress, Coin, Coins};

use super::factory::wire_coins;
use crate::{Failure, Result, failure::usage, qrn};

/// Commands of `quernd tx bank`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Send coins from the signer to another account
    Send {
        /// Sender, unless --from names it; receiving address; coins, for example 5000nqrn or 0.5qrn
        #[arg(required = true, num_args = 2..=3, value_names = ["TO", "AMOUNT"])]
        words: Vec<String>,
    },
    /// Send the same coins to each of several accounts
    MultiSend {
        /// Sender, unless --from names it; receiving addresses; coins for each, for example 5000nqrn
        #[arg(required = true, num_args = 2.., value_names = ["TO", "AMOUNT"])]
        words: Vec<String>,
        /// Divide the coins among the receivers instead
        #[arg(long)]
        split: bool,
    },
}

impl Command {
    fn words(&mut self) -> &mut Vec<String> {
        match self {
            Self::Send { words } | Self::MultiSend { words, .. } => words,
        }
    }

    /// The SDK's tools name the sender first, without a flag.
    pub(crate) fn take_from(&mut self, from: &mut Option<String>) {
        let words = self.words();
        if from.is_none() && words.len() > 2 {
            *from = Some(words.remove(0));
        }
    }

    /// The message of the command.
    pub(crate) fn message(&self, from: &AccAddress) -> Result<Any> {
        let (words, split) = match self {
            Self::Send { words } => (words, None),
            Self::MultiSend { words, split } => (words, Some(*split)),
        };
        let (amount, to) = words
            .split_last()
            .ok_or_else(|| Failure::Usage("name a receiver and an amount".into()))?;
        let to = to.iter().map(|to| AccAddress::from_bech32(to).map_err(usage));
        let to = to.collect::<Result<Vec<_>>>()?;
        let coins = qrn::coins(amount)?;
        if coins.is_empty() {
            return Err(Failure::Usage(
                "the amount is zero; write for example 5000nqrn".into(),
            ));
        }
        match (split, to.as_slice()) {
            (None, [to]) => Ok(pack(&MsgSend {
                from_address: from.to_string(),
                to_address: to.to_string(),
                amount: wire_coins(&coins),
            })),
            (None, _) => Err(Failure::Usage(
                "`bank send` has one receiver; `bank multi-send` has several".into(),
            )),
            (Some(split), _) => multi_send(from, &to, &coins, split),
        }
    }
}

/// One input and an output for each receiver.
fn multi_send(from: &AccAddress, to: &[AccAddress], coins: &Coins, split: bool) -> Result<Any> {
    let count = u128::try_from(to.len()).map_err(usage)?;
    let each = match split {
        false => coins.clone(),
        true => scaled(coins, |amount| amount.checked_div(count))?,
    };
    if each.is_empty() {
        return Err(Failure::Usage("nothing is left for each receiver".into()));
    }
    let total = scaled(&each, |amount| amount.checked_mul(count))?;
    let output = |to: &AccAddress| Output {
        address: to.to_string(),
        coins: wire_coins(&each),
    };
    Ok(pack(&MsgMultiSend {
        inputs: vec![Input {
            address: from.to_string(),
            coins: wire_coins(&total),
        }],
        outputs: to.iter().map(output).collect(),
    }))
}

/// Coins with another amount of each; those of nothing are left out.
fn scaled(coins: &Coins, scale: impl Fn(u128) -> Option<u128>) -> Result<Coins> {
    let mut scaled = Vec::new();
    for coin in coins {
        let amount = scale(coin.amount).ok_or_else(|| Failure::Usage("the amounts are too large".into()))?;
        let denom = coin.denom.clone();
        scaled.extend((amount > 0).then_some(Coin { denom, amount }));
    }
    Coins::try_from_sorted(scaled).map_err(usage)
}

/// A message as `Any`.
pub(super) fn pack<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}
