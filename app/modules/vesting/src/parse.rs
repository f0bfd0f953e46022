//! What the messages say, read and checked.

use quern_proto::cosmos::{base::v1beta1 as base, vesting::v1beta1 as wire};
use quern_types::{AccAddress, Coin, Coins, Result, errors};

use quern_auth::Period;

/// The two accounts of a message.
pub(crate) fn parties(from: &str, to: &str) -> Result<(AccAddress, AccAddress)> {
    let address = |text: &str, name: &str| {
        AccAddress::from_signer(text)
            .map_err(|e| errors::INVALID_ADDRESS.wrap(format!("invalid '{name}' address: {e}")))
    };
    Ok((address(from, "from")?, address(to, "to")?))
}

/// Coins that must be valid and not empty.
pub(crate) fn amount(coins: &[base::Coin]) -> Result<Coins> {
    let parsed = coins.iter().map(|c| Coin::parse(&c.denom, &c.amount));
    let parsed = parsed
        .collect::<Result<Vec<_>>>()
        .and_then(Coins::try_from_sorted);
    parsed.ok().filter(|coins| !coins.is_empty()).ok_or_else(|| {
        let shown = coins
            .iter()
            .map(|c| format!("{}{}", c.amount, c.denom))
            .collect::<Vec<_>>();
        errors::INVALID_COINS.wrap(shown.join(","))
    })
}

/// Periods, their sum and the time when the last one ends.
pub(crate) fn periods(start: i64, wire: &[wire::Period]) -> Result<(Vec<Period>, Coins, i64)> {
    if start < 1 {
        return Err(errors::INVALID_REQUEST.wrap(format!(
            "invalid start time of {start}, length must be greater than 0"
        )));
    }
    let (mut total, mut end) = (Coins::empty(), start);
    let mut periods = Vec::with_capacity(wire.len());
    for (i, period) in wire.iter().enumerate() {
        let length = period.length;
        if length < 1 {
            return Err(errors::INVALID_REQUEST.wrap(format!(
                "invalid period length of {length} in period {i}, length must be greater than 0"
            )));
        }
        let amount = amount(&period.amount)?;
        total = total.checked_add(&amount)?;
        end = end.checked_add(length).ok_or_else(|| {
            errors::INVALID_REQUEST.wrap("cumulative endTime overflowed, and/or is less than startTime")
        })?;
        periods.push(Period { length, amount });
    }
    Ok((periods, total, end))
}
