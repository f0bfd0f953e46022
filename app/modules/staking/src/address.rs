//! Addresses and coins of requests.

use quern_proto::cosmos::base::v1beta1 as base;
use quern_protocol::Amount;
use quern_types::{AccAddress, BASE_DENOM, Coin, Error, Result, errors};

/// The host of a validator's operator address in a message.
pub(crate) fn operator(text: &str, what: &str) -> Result<AccAddress> {
    AccAddress::from_validator_bech32(text).map_err(|e| wrong(what, &e))
}

/// An account in a message.
pub(crate) fn account(text: &str, what: &str) -> Result<AccAddress> {
    AccAddress::from_bech32(text).map_err(|e| wrong(what, &e))
}

fn wrong(what: &str, error: &Error) -> Error {
    // the SDK's codec names the cause alone
    errors::INVALID_ADDRESS.wrap(format!("invalid {what} address: {}", error.contexts()))
}

/// The host of a validator's operator address in a query.
pub(crate) fn asked_operator(text: &str) -> Result<AccAddress> {
    asked(text, "validator", AccAddress::from_validator_bech32)
}

/// An account in a query.
pub(crate) fn asked_account(text: &str) -> Result<AccAddress> {
    asked(text, "delegator", AccAddress::from_bech32)
}

/// The caller's fault in every case, and said so.
fn asked(text: &str, what: &str, read: fn(&str) -> Result<AccAddress>) -> Result<AccAddress> {
    if text.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap(format!("{what} address cannot be empty")));
    }
    read(text).map_err(|e| errors::INVALID_REQUEST.wrap(e.to_string()))
}

/// A positive amount of the chain's own coin.
pub(crate) fn amount(coin: Option<&base::Coin>, what: &'static str) -> Result<Amount> {
    let coin = coin
        .and_then(|coin| Coin::parse(&coin.denom, &coin.amount).ok())
        .filter(|coin| coin.amount > 0)
        .ok_or_else(|| errors::INVALID_REQUEST.wrap(what))?;
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
