//! Building and signing of transactions.

use crate::error::ChainError;
use crate::execute::Call;
use crate::key::SigningKey;
use crate::query::Account;
use cosmrs::cosmwasm::MsgExecuteContract;
use cosmrs::proto::cosmos::tx::v1beta1::TxRaw;
use cosmrs::proto::prost::Message;
use cosmrs::tx::{Body, Fee, Msg, SignDoc, SignerInfo};
use cosmrs::{AccountId, Any, Coin};

fn built<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, ChainError> {
    result.map_err(|e| ChainError::Build(e.to_string()))
}

/// Messages and time-out height.
pub(crate) fn body(key: &SigningKey, calls: &[Call], timeout: u64) -> Result<Body, ChainError> {
    let sender = key.account()?;
    let message = |call: &Call| -> Result<Any, ChainError> {
        let contract: AccountId = built(call.contract.parse())?;
        let funds = call
            .funds
            .iter()
            .map(|(amount, denom)| coin(*amount, denom))
            .collect::<Result<_, _>>()?;
        let message = MsgExecuteContract {
            sender: sender.clone(),
            contract,
            msg: call.message.clone(),
            funds,
        };
        built(message.to_any())
    };
    let messages = calls.iter().map(message).collect::<Result<Vec<_>, _>>()?;
    let timeout: u32 = built(timeout.try_into())?;
    Ok(Body::new(messages, "", timeout))
}

fn coin(amount: u128, denom: &str) -> Result<Coin, ChainError> {
    built(Coin::new(amount, denom))
}

/// A fee in one denomination; none if it is nothing.
pub(crate) fn fee(amount: u128, denom: &str, gas: u64) -> Result<Fee, ChainError> {
    let mut fee = Fee::from_amount_and_gas(coin(amount, denom)?, gas);
    if amount == 0 {
        fee.amount.clear();
    }
    Ok(fee)
}

/// Bytes of a transaction to simulate, which needs no signature.
pub(crate) fn unsigned(
    key: &SigningKey,
    account: Account,
    body: &Body,
    fee: Fee,
) -> Result<Vec<u8>, ChainError> {
    let public = key.transaction_key()?.public_key();
    let info = SignerInfo::single_direct(Some(public), account.sequence).auth_info(fee);
    let raw = TxRaw {
        body_bytes: built(body.clone().into_bytes())?,
        auth_info_bytes: built(info.into_bytes())?,
        signatures: vec![Vec::new()],
    };
    Ok(raw.encode_to_vec())
}

/// Bytes of a signed transaction.
pub(crate) fn signed(
    key: &SigningKey,
    chain_id: &str,
    account: Account,
    body: &Body,
    fee: Fee,
) -> Result<Vec<u8>, ChainError> {
    let signer = key.transaction_key()?;
    let info = SignerInfo::single_direct(Some(signer.public_key()), account.sequence).auth_info(fee);
    let chain_id = built(chain_id.parse())?;
    let document = built(SignDoc::new(body, &info, &chain_id, account.number))?;
    built(built(document.sign(&signer))?.to_bytes())
}
