//! The fee: enough for this node's mempool, and taken from the payer.

use quern_auth::FEE_COLLECTOR;
use quern_context::{Cx, Mode};
use quern_proto::cosmos::base::v1beta1::Coin as ProtoCoin;
use quern_types::{Coin, Coins, Event, Result, errors, is_beyond_supply};

use crate::{GasPrices, tx::Tx};

pub(super) fn deduct(cx: &Cx, tx: &Tx, min_gas_prices: &GasPrices) -> Result<()> {
    let simulate = cx.mode == Mode::Simulate;
    if !simulate && cx.block.height > 0 && tx.gas_limit() == 0 {
        return Err(errors::INVALID_GAS_LIMIT.wrap("must provide positive gas"));
    }
    let amount = tx.auth_info.fee.as_ref().map(|fee| fee.amount.as_slice());
    let amount = amount.unwrap_or_default();
    let shown = shown(amount);
    let fee = coins(amount).ok_or_else(|| {
        if amount.iter().any(|c| is_beyond_supply(&c.amount)) {
            errors::INSUFFICIENT_FUNDS.wrap(format!("no balance reaches {shown}"))
        } else {
            errors::INSUFFICIENT_FEE.wrap(format!("invalid fee amount: {shown}"))
        }
    });
    if matches!(cx.mode, Mode::Check | Mode::Recheck) && !min_gas_prices.is_zero() {
        let fee = fee.as_ref().map_err(Clone::clone)?;
        check_price(fee, tx.gas_limit(), min_gas_prices)?;
    }
    let signer = tx.fee_payer()?;
    let payer = match tx.fee_granter()? {
        None => signer,
        Some(granter) if granter == signer => signer,
        Some(granter) => {
            let types = tx
                .body
                .messages
                .iter()
                .map(|any| any.type_url.as_str())
                .collect::<Vec<_>>();
            // without an allowance nobody reads the coins; if they are none, nothing of this is kept
            let nothing = Coins::empty();
            let fee = fee.as_ref().unwrap_or(&nothing);
            quern_feegrant::use_granted_fees(cx, &granter, &signer, fee, &types).map_err(|e| {
                if e.is_halt() || e.is(&errors::OUT_OF_GAS) {
                    e
                } else {
                    e.wrap(format!("{granter} does not allow to pay fees for {signer}"))
                }
            })?;
            granter
        }
    };
    if !quern_auth::has(cx, &payer)? {
        return Err(errors::UNKNOWN_ADDRESS.wrap(format!("fee payer address: {payer} does not exist")));
    }
    // the SDK reads the coins only now
    let fee = fee?;
    if !fee.is_empty() {
        let collector = quern_auth::module_account(cx, FEE_COLLECTOR, &[])?;
        quern_bank::send_coins(cx, &payer, &collector.address, &fee).map_err(|e| {
            // the SDK wraps the whole text of the transfer's error again
            if e.is_halt() || e.is(&errors::OUT_OF_GAS) {
                e
            } else {
                errors::INSUFFICIENT_FUNDS.wrap(e.to_string())
            }
        })?;
    }
    cx.emit(Event::new("tx").with("fee", shown).with("fee_payer", &payer));
    Ok(())
}

/// Coins as they are on the wire, in text.
pub(super) fn shown(amount: &[ProtoCoin]) -> String {
    let coins = amount.iter().map(|c| format!("{}{}", c.amount, c.denom));
    coins.collect::<Vec<_>>().join(",")
}

/// The fee. Coins of nothing are no fee, whatever they are called, as in the SDK.
fn coins(amount: &[ProtoCoin]) -> Option<Coins> {
    if amount.iter().all(|c| c.amount.parse() == Ok(0_u128)) {
        return Some(Coins::empty());
    }
    let coins = amount.iter().map(|coin| Coin::parse(&coin.denom, &coin.amount));
    let coins = coins.collect::<Result<Vec<_>>>();
    coins.and_then(Coins::try_from_sorted).ok()
}

/// A fee that meets the price in any one denomination is enough.
fn check_price(fee: &Coins, gas: u64, prices: &GasPrices) -> Result<()> {
    let required = prices.required(gas);
    // the SDK's IsAnyGTE leaves zero requirements out
    if required
        .iter()
        .any(|coin| coin.amount > 0 && fee.amount_of(&coin.denom) >= coin.amount)
    {
        return Ok(());
    }
    let required = required.iter().map(Coin::to_string).collect::<Vec<_>>().join(",");
    Err(errors::INSUFFICIENT_FEE.wrap(format!("insufficient fees; got: {fee} required: {required}")))
}
