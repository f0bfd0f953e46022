//! Messages of common transactions.

use prost::{Message, Name};
use quern_proto::{
    Any,
    cosmos::{bank::v1beta1::MsgSend, base::v1beta1::Coin},
    type_url,
};
use quern_types::Coins;

use crate::User;

/// A message with its type URL.
pub fn any<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: type_url::<M>(),
        value: message.encode_to_vec(),
    }
}

/// Coins such as `5nqrn` in their wire form.
pub fn coins(text: &str) -> Vec<Coin> {
    let coins: Coins = text.parse().expect("test coins");
    coins
        .iter()
        .map(|c| Coin {
            denom: c.denom.to_string(),
            amount: c.amount.to_string(),
        })
        .collect()
}

/// A bank transfer.
pub fn bank_send(from: &User, to: &User, amount: &str) -> Any {
    any(&MsgSend {
        from_address: from.address().to_string(),
        to_address: to.address().to_string(),
        amount: coins(amount),
    })
}
