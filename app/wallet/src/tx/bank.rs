//! `quernd tx bank`.

use prost::Message;
use quern_proto::{Any, cosmos::bank::v1beta1::MsgSend, type_url};
use quern_types::AccAddress;

use super::factory::wire_coins;
use crate::{Failure, Result, failure::usage, qrn};

/// Commands of `quernd tx bank`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Send coins from the signer to another account
    Send {
        /// Receiving address
        to: String,
        /// Coins, for example 5000nqrn or 0.5qrn
        amount: String,
    },
}

impl Command {
    /// The message of the command.
    pub(crate) fn message(&self, from: &AccAddress) -> Result<Any> {
        let Self::Send { to, amount } = self;
        let to = AccAddress::from_bech32(to).map_err(usage)?;
        let coins = qrn::coins(amount)?;
        if coins.is_empty() {
            return Err(Failure::Usage(
                "the amount is zero; write for example 5000nqrn".into(),
            ));
        }
        let message = MsgSend {
            from_address: from.to_string(),
            to_address: to.to_string(),
            amount: wire_coins(&coins),
        };
        Ok(Any {
            type_url: type_url::<MsgSend>(),
            value: message.encode_to_vec(),
        })
    }
}
