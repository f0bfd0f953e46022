//! Transactions in files: sign, broadcast, encode, decode, simulate.

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use quern_proto::cosmos::tx::v1beta1::{AuthInfo, Tx, TxBody, TxRaw};
use serde_json::json;

use super::{
    TxFlags,
    factory::{account, adjusted, simulate as simulated},
    send,
    signer::sign as sign_bytes,
};
use crate::{Failure, Result, failure::usage, json, keys::read_all};

/// A transaction in JSON.
#[derive(Clone, Debug, clap::Args)]
pub struct FileArg {
    /// File with the transaction in JSON; `-` for standard input
    pub file: PathBuf,
}

fn read(arg: &FileArg) -> Result<(TxBody, AuthInfo, Vec<Vec<u8>>)> {
    let text = String::from_utf8(read_all(&arg.file)?).map_err(usage)?;
    let tx: Tx = json::parse(&text).map_err(|e| Failure::Usage(format!("{}: {e}", arg.file.display())))?;
    match (tx.body, tx.auth_info) {
        (Some(body), Some(auth_info)) => Ok((body, auth_info, tx.signatures)),
        _ => Err(Failure::Usage(format!(
            "{}: body or auth_info is missing",
            arg.file.display()
        ))),
    }
}

fn raw((body, auth_info, signatures): (TxBody, AuthInfo, Vec<Vec<u8>>)) -> TxRaw {
    TxRaw {
        body_bytes: body.encode_to_vec(),
        auth_info_bytes: auth_info.encode_to_vec(),
        signatures,
    }
}

/// Signs and prints the signed transaction.
pub(crate) async fn sign(flags: &TxFlags, home: &Path, arg: &FileArg) -> Result<String> {
    let (body, mut auth_info, _) = read(arg)?;
    let signer = flags.signer(home)?;
    let chain_id = flags.chain(home)?;
    let node = match flags.offline {
        true => None,
        false => Some(flags.node.connect(home)?),
    };
    if let Some(node) = &node {
        send::same_chain(node, &chain_id).await?;
    }
    let account = account(flags, node.as_ref(), &signer.address).await?;
    auth_info.signer_infos = vec![signer.info(account.sequence)];
    let key = signer.unlock(flags)?;
    let signatures = sign_bytes(&key, &chain_id, account.number, &body, &auth_info).signatures;
    json::print(&Tx {
        body: Some(body),
        auth_info: Some(auth_info),
        signatures,
    })
}

/// Sends a signed transaction.
pub(crate) async fn broadcast(flags: &TxFlags, home: &Path, arg: &FileArg) -> Result<String> {
    let tx = read(arg)?;
    if tx.2.is_empty() {
        return Err(Failure::Usage(format!(
            "{} is not signed; use `quernd tx sign` first",
            arg.file.display()
        )));
    }
    let node = flags.node.connect(home)?;
    send::show(flags, &send::broadcast(flags, &node, raw(tx)).await?)
}

/// Prints the bytes in base64.
pub(crate) fn encode(arg: &FileArg) -> Result<String> {
    Ok(STANDARD.encode(raw(read(arg)?).encode_to_vec()))
}

/// Prints bytes as JSON.
pub(crate) fn decode(flags: &TxFlags, text: &str, hexadecimal: bool) -> Result<String> {
    let bytes = match hexadecimal {
        true => hex::decode(text).map_err(usage)?,
        false => STANDARD.decode(text).map_err(usage)?,
    };
    let malformed = |e: prost::DecodeError| Failure::Usage(format!("these bytes are no transaction: {e}"));
    let raw = TxRaw::decode(bytes.as_slice()).map_err(malformed)?;
    let body = TxBody::decode(raw.body_bytes.as_slice()).map_err(malformed)?;
    let auth_info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).map_err(malformed)?;
    let tx = Tx {
        body: Some(body),
        auth_info: Some(auth_info),
        signatures: raw.signatures,
    };
    Ok(flags.output.output.show(&json::print(&tx)?))
}

/// Prints the gas that a transaction in a file would use.
pub(crate) async fn simulate(flags: &TxFlags, home: &Path, arg: &FileArg) -> Result<String> {
    let (body, mut auth_info, _) = read(arg)?;
    let node = flags.node.connect(home)?;
    if auth_info.signer_infos.is_empty() {
        let signer = flags.signer(home)?;
        let account = account(flags, Some(&node), &signer.address).await?;
        auth_info.signer_infos = vec![signer.info(account.sequence)];
    }
    let used = simulated(&node, &body, &auth_info).await?;
    let shown = json!({"gas_used": used.to_string(), "gas_estimate": adjusted(flags, used)?.to_string()});
    Ok(flags.output.output.show(&shown.to_string()))
}
