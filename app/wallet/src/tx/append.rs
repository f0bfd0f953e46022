//! `quernd tx sign-batch --append`: many transactions become one.

use std::collections::BTreeMap;

use quern_proto::cosmos::{
    base::v1beta1::Coin,
    tx::v1beta1::{AuthInfo, Fee, TxBody},
};

use super::{TxFlags, file::Parts};
use crate::{Failure, Result};

/// One transaction with the messages of all, in their order, and the sums of their fees and gas. Memo, time-out and who
/// pays are those of the flags.
///
/// # Errors
/// A transaction that says otherwise than the flags, and sums that are too large.
pub(crate) fn all(flags: &TxFlags, txs: Vec<Parts>) -> Result<Parts> {
    let name = |address: &Option<_>| address.as_ref().map(ToString::to_string).unwrap_or_default();
    let (payer, granter): (String, String) = (name(&flags.fee_payer), name(&flags.fee_granter));
    let mut whole = TxBody {
        memo: flags.memo.clone(),
        timeout_height: flags.timeout_height,
        ..TxBody::default()
    };
    let (mut messages, mut amounts, mut gas) = (Vec::new(), BTreeMap::new(), 0_u64);
    for ((mut body, auth_info, _), nth) in txs.into_iter().zip(1_u64..) {
        let refused = |why: &str| Failure::Usage(format!("transaction {nth} {why}"));
        messages.append(&mut body.messages);
        if body != TxBody::default() && body != whole {
            return Err(refused(
                "has a memo, a time-out or options of its own: give --memo and --timeout-height for the whole",
            ));
        }
        let fee = auth_info.fee.unwrap_or_default();
        if ![&payer, &String::new()].contains(&&fee.payer)
            || ![&granter, &String::new()].contains(&&fee.granter)
        {
            return Err(refused(
                "names who pays: give --fee-payer and --fee-granter for the whole",
            ));
        }
        let large = || refused("makes the sum of fees or gas too large");
        gas = gas.checked_add(fee.gas_limit).ok_or_else(large)?;
        for coin in fee.amount {
            let amount: u128 = coin
                .amount
                .parse()
                .map_err(|_| refused("has a fee that is no number"))?;
            let sum = amounts.entry(coin.denom).or_insert(0_u128);
            *sum = sum.checked_add(amount).ok_or_else(large)?;
        }
    }
    whole.messages = messages;
    let coins = amounts.into_iter().filter(|(_, amount)| *amount > 0);
    let fee = Fee {
        amount: coins
            .map(|(denom, amount)| Coin {
                denom,
                amount: amount.to_string(),
            })
            .collect(),
        gas_limit: gas,
        payer,
        granter,
    };
    let auth_info = AuthInfo {
        fee: Some(fee),
        ..AuthInfo::default()
    };
    Ok((whole, auth_info, Vec::new()))
}
