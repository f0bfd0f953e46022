//! Signing, sending and waiting.

use std::path::Path;

use prost::Message;
use quern_proto::{
    Any,
    cosmos::{
        base::abci::v1beta1::TxResponse,
        tx::v1beta1::{Tx, TxRaw},
    },
};
use quern_types::AccAddress;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    TxFlags, auxiliary,
    factory::{self, Unsigned},
    flags::BroadcastMode,
    sign_doc::{Facts, bytes_to_sign},
    signer::Signer,
};
use crate::{Failure, Result, json, node::Node, output::Format, password::read_line};

/// How far a command went.
pub(crate) enum Sent {
    /// Not to the node; this is to be printed.
    Nothing(String),
    /// To the node.
    Response(Box<TxResponse>),
}

impl Sent {
    /// What to print.
    pub(crate) fn show(self, flags: &TxFlags) -> Result<String> {
        match self {
            Self::Nothing(text) => Ok(text),
            Self::Response(done) => show(flags, &done),
        }
    }
}

/// Builds, signs and sends; stops earlier for --generate-only and --dry-run.
pub(crate) async fn send(
    flags: &TxFlags,
    home: &Path,
    node: Option<&Node>,
    signer: &Signer,
    messages: Vec<Any>,
) -> Result<Sent> {
    if flags.aux {
        return auxiliary::sign(flags, home, node, signer, messages)
            .await
            .map(Sent::Nothing);
    }
    if flags.generate_only {
        let unsigned = factory::build(flags, node, signer, messages).await?;
        return json::print(&as_tx(&unsigned, Vec::new())).map(Sent::Nothing);
    }
    let other = |payer: &&AccAddress| **payer != signer.address;
    if let Some(payer) = flags.fee_payer.as_ref().filter(other) {
        return Err(Failure::Usage(format!(
            "{payer} must sign as well: make the transaction with --generate-only and sign it with both keys"
        )));
    }
    let chain_id = flags.chain(home)?;
    if let Some(node) = node {
        same_chain(node, &chain_id).await?;
    }
    let unsigned = factory::build(flags, node, signer, messages).await?;
    if flags.dry_run {
        let gas = unsigned.auth_info.fee.as_ref().map_or(0, |f| f.gas_limit);
        let estimate = json!({"gas_estimate": gas.to_string()}).to_string();
        return Ok(Sent::Nothing(flags.output.output.show(&estimate)));
    }
    if node.is_some() {
        confirm(flags, &unsigned)?;
    }
    let public = signer.public();
    let facts = Facts {
        chain_id: &chain_id,
        account_number: unsigned.account_number,
        sequence: unsigned.sequence,
        key: public.as_ref(),
    };
    let key = signer.unlock(flags)?;
    let signature = key.sign(&bytes_to_sign(
        flags.mode(),
        facts,
        &unsigned.body,
        &unsigned.auth_info,
    )?);
    match node {
        None => json::print(&as_tx(&unsigned, vec![signature])).map(Sent::Nothing),
        Some(node) => {
            let raw = TxRaw {
                body_bytes: unsigned.body.encode_to_vec(),
                auth_info_bytes: unsigned.auth_info.encode_to_vec(),
                signatures: vec![signature],
            };
            Ok(Sent::Response(Box::new(broadcast(flags, node, raw).await?)))
        }
    }
}

/// Refuses to sign for one chain and send to another.
pub(crate) async fn same_chain(node: &Node, chain_id: &str) -> Result<()> {
    let theirs = node.chain_id().await?;
    if theirs == chain_id {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "the node is of chain {theirs}, not {chain_id}; give another --node or --chain-id"
    )))
}

pub(crate) fn as_tx(unsigned: &Unsigned, signatures: Vec<Vec<u8>>) -> Tx {
    Tx {
        body: Some(unsigned.body.clone()),
        auth_info: Some(unsigned.auth_info.clone()),
        signatures,
    }
}

pub(crate) fn confirm(flags: &TxFlags, unsigned: &Unsigned) -> Result<()> {
    if flags.yes {
        return Ok(());
    }
    eprintln!("{}", json::print(&as_tx(unsigned, Vec::new()))?);
    match read_line("Sign and send this transaction? [y/N] ")?.as_str() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Declined),
    }
}

/// Sends signed bytes and, if asked, waits for the block.
pub(crate) async fn broadcast(flags: &TxFlags, node: &Node, raw: TxRaw) -> Result<TxResponse> {
    let bytes = raw.encode_to_vec();
    let hash = hex::encode_upper(Sha256::digest(&bytes));
    let checked = match flags.broadcast_mode {
        BroadcastMode::Async => {
            node.broadcast_async(bytes).await?;
            TxResponse {
                txhash: hash.clone(),
                ..Default::default()
            }
        }
        BroadcastMode::Sync => {
            let answer = node.broadcast_sync(bytes).await?;
            TxResponse {
                txhash: hash.clone(),
                codespace: answer.codespace,
                code: answer.code.value(),
                raw_log: answer.log,
                ..Default::default()
            }
        }
    };
    let done = match flags.wait {
        Some(seconds) if checked.code == 0 => {
            crate::query::tx_response(node, node.wait_for(&hash, seconds).await?).await?
        }
        _ => checked,
    };
    if done.code != 0 {
        return Err(Failure::Refused {
            hash,
            codespace: done.codespace,
            code: done.code,
            log: done.raw_log,
        });
    }
    Ok(done)
}

/// Prints what became of a transaction.
pub(crate) fn show(flags: &TxFlags, done: &TxResponse) -> Result<String> {
    Ok(flags.output.output.show(&json::print(done)?))
}

/// The same for one that opens a session, with the session's id first; before it is in a block, how to find
/// the id.
pub(crate) fn show_session(flags: &TxFlags, done: &TxResponse, settlement: &AccAddress) -> Result<String> {
    let Some(session) = opened(done, settlement) else {
        eprintln!(
            "The session gets its id in a block: `quernd query tx {}` shows it as `session`, \
             `quernd query sessions --payer ADDRESS` lists it; --wait prints it at once.",
            done.txhash
        );
        return show(flags, done);
    };
    let json = json::print(done)?;
    let json = json.replacen('{', &format!("{{\"session\":{session},"), 1);
    Ok(match flags.output.output {
        Format::Json => json,
        Format::Text => format!("session: {session}\n{}", Format::Text.show(&json::print(done)?)),
    })
}

/// Id of the session that a transaction opened.
fn opened(done: &TxResponse, settlement: &AccAddress) -> Option<u64> {
    let settlement = settlement.to_string();
    done.events
        .iter()
        .filter(|event| event.r#type == "wasm")
        .find_map(|event| {
            let of = |key: &str| {
                event
                    .attributes
                    .iter()
                    .find(|a| a.key == key)
                    .map(|a| a.value.as_str())
            };
            (of("_contract_address")? == settlement).then(|| of("session")?.parse().ok())?
        })
}

#[cfg(test)]
mod tests {
    use tendermint_proto::v0_38::abci::{Event, EventAttribute};

    use super::*;
    use crate::system::System;

    fn event(kind: &str, contract: &AccAddress, session: &str) -> Event {
        let attribute = |key: &str, value: &str| EventAttribute {
            key: key.into(),
            value: value.into(),
            index: true,
        };
        Event {
            r#type: kind.into(),
            attributes: vec![
                attribute("_contract_address", &contract.to_string()),
                attribute("session", session),
            ],
        }
    }

    #[test]
    fn the_session_is_the_one_that_settlement_names() {
        let settlement = System::Settlement.address();
        let done = TxResponse {
            events: vec![
                event("wasm", &System::Registry.address(), "5"),
                event("transfer", &settlement, "6"),
                event("wasm", &settlement, "7"),
            ],
            ..Default::default()
        };
        assert_eq!(opened(&done, &settlement), Some(7));
        assert_eq!(opened(&TxResponse::default(), &settlement), None);
    }
}
