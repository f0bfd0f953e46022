//! Addresses and coins of requests.

use quern_proto::cosmos::base::v1beta1 as base;
use quern_protocol::Amount;
use quern_types::{AccAddress, BASE_DENOM, Coin, Error, Result, errors};

/// The host of a validator's operator address in a message.
pub(crate) fn operator(text: &str, what: &str) -> Result<AccAddress> {
    AccAddress::from_validator_signer(text).map_err(|e| wrong(what, &e))
}

/// An account in a message.
pub(crate) fn account(text: &str, what: &str) -> Result<AccAddress> {
    AccAddress::from_signer(text).map_err(|e| wrong(what, &e))
}

fn wrong(what: &str, error: &Error) -> Error {
    errors::INVALID_ADDRESS.wrap(format!("invalid {what} address: {error}"))
}

/// The host of a validator's operator address in a query.
pub(crate) fn asked_operator(text: &str) -> Result<AccAddress> {
    asked(text, "validator", AccAddress::from_validator_signer)
}

/// An account in a query.
pub(crate) fn asked_account(text: &str) -> Result<AccAddress> {
    asked(text, "delegator", AccAddress::from_signer)
}

/// The caller's fault in every case, and said so.
fn asked(text: &str, what: &str, read: fn(&str) -> Result<AccAddress>) -> Result<AccAddress> {
    if text.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap(format!("{what} address cannot be empty")));
    }
    read(text)
}

/// A positive amount of any coin.
pub(crate) fn positive(coin: Option<&base::Coin>, what: &'static str) -> Result<Coin> {
    coin.and_then(|coin| Coin::parse(&coin.denom, &coin.amount).ok())
        .filter(|coin| coin.amount > 0)
        .ok_or_else(|| errors::INVALID_REQUEST.wrap(what))
}

/// The amount of a coin that must be the chain's own.
pub(crate) fn staked(coin: &Coin) -> Result<Amount> {
    if coin.denom.as_str() != BASE_DENOM {
        return Err(errors::INVALID_REQUEST.wrap(format!(
            "invalid coin denomination: got {}, expected {BASE_DENOM}",
            coin.denom
        )));
    }
    Ok(Amount(coin.amount))
}

/// An amount of the chain's own coin on the wire.
pub(crate) fn coin(amount: Amount) -> base::Coin {
    base::Coin {
        denom: BASE_DENOM.into(),
        amount: amount.to_string(),
    }
}
