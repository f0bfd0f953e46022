//! From messages and flags to an unsigned transaction.

use prost::Message;
use quern_proto::{
    Any,
    cosmos::{
        auth::v1beta1::{QueryAccountInfoRequest, QueryAccountInfoResponse},
        base::v1beta1::Coin as WireCoin,
        tx::v1beta1::{AuthInfo, Fee, SimulateRequest, SimulateResponse, TxBody, TxRaw},
    },
};
use quern_types::{AccAddress, Coins};

use super::{TxFlags, flags::Gas, signer::Signer};
use crate::{Failure, Result, node::Node};

/// A transaction before its signature.
pub(crate) struct Unsigned {
    /// Messages, memo, time-out.
    pub body: TxBody,
    /// Signer and fee.
    pub auth_info: AuthInfo,
    /// Number of the signer's account.
    pub account_number: u64,
    /// Sequence of the signer's account.
    pub sequence: u64,
}

/// Number and sequence of an account.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    /// Number.
    pub number: u64,
    /// Sequence.
    pub sequence: u64,
}

/// Coins in their wire form.
pub(crate) fn wire_coins(coins: &Coins) -> Vec<WireCoin> {
    coins
        .iter()
        .map(|c| WireCoin {
            denom: c.denom.to_string(),
            amount: c.amount.to_string(),
        })
        .collect()
}

/// A fee in its wire form.
pub(crate) fn fee(coins: &Coins, gas_limit: u64) -> Fee {
    Fee {
        amount: wire_coins(coins),
        gas_limit,
        ..Default::default()
    }
}

/// The fee that the flags give for some gas, by who they say pays it.
pub(crate) fn priced(flags: &TxFlags, gas: u64, gas_limit: u64) -> Result<Fee> {
    let name = |address: &Option<AccAddress>| address.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(Fee {
        payer: name(&flags.fee_payer),
        granter: name(&flags.fee_granter),
        ..fee(&flags.fee(gas)?, gas_limit)
    })
}

/// Builds the transaction; asks the node, if there is one, for what the flags leave open.
pub(crate) async fn build(
    flags: &TxFlags,
    node: Option<&Node>,
    signer: &Signer,
    messages: Vec<Any>,
) -> Result<Unsigned> {
    let body = TxBody {
        messages,
        memo: flags.memo.clone(),
        timeout_height: flags.timeout_height,
        ..Default::default()
    };
    // An unsigned transaction names no sequence: who signs it fills it in.
    let account = match flags.generate_only && flags.gas != Gas::Auto {
        true => Account {
            number: 0,
            sequence: 0,
        },
        false => account(flags, node, &signer.address).await?,
    };
    let signer_infos = match flags.generate_only {
        true => Vec::new(),
        false => vec![signer.info(flags.mode(), account.sequence)],
    };
    let gas = match (flags.gas, node) {
        (Gas::Limit(gas), _) if !flags.dry_run => gas,
        (_, None) => {
            return Err(Failure::Usage(
                "--gas auto needs a node; give a number with --offline".into(),
            ));
        }
        (_, Some(node)) => {
            let auth_info = AuthInfo {
                signer_infos: vec![signer.info(flags.mode(), account.sequence)],
                // A token fee, so that the gas of taking a fee is counted.
                fee: Some(priced(flags, 1, 0)?),
                ..Default::default()
            };
            adjusted(flags, simulate(node, &body, &auth_info).await?)?
        }
    };
    let auth_info = AuthInfo {
        signer_infos,
        fee: Some(priced(flags, gas, gas)?),
        ..Default::default()
    };
    Ok(Unsigned {
        body,
        auth_info,
        account_number: account.number,
        sequence: account.sequence,
    })
}

/// Simulated gas times `--gas-adjustment`.
pub(crate) fn adjusted(flags: &TxFlags, gas: u64) -> Result<u64> {
    flags
        .gas_adjustment
        .times_ceil(gas)
        .and_then(|g| u64::try_from(g).ok())
        .ok_or_else(|| Failure::Usage("--gas-adjustment is too large".into()))
}

/// Number and sequence, from the flags or the node.
pub(crate) async fn account(flags: &TxFlags, node: Option<&Node>, address: &AccAddress) -> Result<Account> {
    match (flags.account_number, flags.sequence, node) {
        (Some(number), Some(sequence), _) => Ok(Account { number, sequence }),
        (_, _, None) => Err(Failure::Usage(
            "--offline needs --account-number and --sequence".into(),
        )),
        (number, sequence, Some(node)) => {
            let asked = on_chain(node, address).await?;
            Ok(Account {
                number: number.unwrap_or(asked.number),
                sequence: sequence.unwrap_or(asked.sequence),
            })
        }
    }
}

async fn on_chain(node: &Node, address: &AccAddress) -> Result<Account> {
    let request = QueryAccountInfoRequest {
        address: address.to_string(),
    };
    // whatever the type of the account: coins of a vesting account are spent with signatures, too
    let answer: QueryAccountInfoResponse = match node
        .query("/cosmos.auth.v1beta1.Query/AccountInfo", &request, 0)
        .await
    {
        Err(Failure::Query { code: 22, .. }) => {
            return Err(Failure::Usage(format!(
                "account {address} is not on the chain yet; send it some coins first"
            )));
        }
        other => other?,
    };
    let base = answer.info.unwrap_or_default();
    Ok(Account {
        number: base.account_number,
        sequence: base.sequence,
    })
}

/// Gas that the transaction would use now.
pub(crate) async fn simulate(node: &Node, body: &TxBody, auth_info: &AuthInfo) -> Result<u64> {
    let tx = TxRaw {
        body_bytes: body.encode_to_vec(),
        auth_info_bytes: auth_info.encode_to_vec(),
        signatures: vec![Vec::new(); auth_info.signer_infos.len()],
    };
    let request = SimulateRequest {
        tx_bytes: tx.encode_to_vec(),
        ..Default::default()
    };
    let answer: SimulateResponse = node
        .query("/cosmos.tx.v1beta1.Service/Simulate", &request, 0)
        .await?;
    Ok(answer.gas_info.unwrap_or_default().gas_used)
}
