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
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    TxFlags,
    factory::{self, Unsigned},
    flags::BroadcastMode,
    signer::{Signer, sign},
};
use crate::{Failure, Result, json, node::Node, password::read_line};

/// Builds, signs and sends; stops earlier for --generate-only and --dry-run.
pub(crate) async fn send(
    flags: &TxFlags,
    home: &Path,
    signer: &Signer,
    messages: Vec<Any>,
) -> Result<String> {
    let node = match flags.offline {
        true => None,
        false => Some(flags.node.connect(home)?),
    };
    if flags.generate_only {
        let unsigned = factory::build(flags, node.as_ref(), signer, messages).await?;
        return json::print(&as_tx(&unsigned, Vec::new()));
    }
    let chain_id = flags.chain(home)?;
    if let Some(node) = &node {
        same_chain(node, &chain_id).await?;
    }
    let unsigned = factory::build(flags, node.as_ref(), signer, messages).await?;
    if flags.dry_run {
        let gas = unsigned.auth_info.fee.as_ref().map_or(0, |f| f.gas_limit);
        return Ok(flags
            .output
            .output
            .show(&json!({"gas_estimate": gas.to_string()}).to_string()));
    }
    if node.is_some() {
        confirm(flags, &unsigned)?;
    }
    let key = signer.unlock(flags)?;
    let raw = sign(
        &key,
        &chain_id,
        unsigned.account_number,
        &unsigned.body,
        &unsigned.auth_info,
    );
    match &node {
        None => json::print(&as_tx(&unsigned, raw.signatures)),
        Some(node) => broadcast(flags, node, raw).await,
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

fn as_tx(unsigned: &Unsigned, signatures: Vec<Vec<u8>>) -> Tx {
    Tx {
        body: Some(unsigned.body.clone()),
        auth_info: Some(unsigned.auth_info.clone()),
        signatures,
    }
}

fn confirm(flags: &TxFlags, unsigned: &Unsigned) -> Result<()> {
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
pub(crate) async fn broadcast(flags: &TxFlags, node: &Node, raw: TxRaw) -> Result<String> {
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
    Ok(flags.output.output.show(&json::print(&done)?))
}
