//! Transactions in files: broadcast, encode, decode, simulate.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use quern_proto::cosmos::tx::v1beta1::{AuthInfo, Tx, TxBody, TxRaw};
use serde_json::json;

use super::{
    TxFlags,
    factory::{account, adjusted, simulate as simulated},
    send,
};
use crate::{
    Failure, Result,
    failure::{local, usage},
    json,
    keys::read_all,
};

/// A transaction in JSON.
#[derive(Clone, Debug, clap::Args)]
pub struct FileArg {
    /// File with the transaction in JSON; `-` for standard input
    pub file: PathBuf,
}

/// Where a command writes what it made.
#[derive(Clone, Debug, clap::Args)]
pub struct Document {
    /// Write to this file, which must not exist, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub output_document: Option<PathBuf>,
}

impl Document {
    /// Writes a text, or returns it to be printed.
    pub(crate) fn write(&self, text: String) -> Result<String> {
        let Some(path) = &self.output_document else {
            return Ok(text);
        };
        let written = std::fs::File::create_new(path).and_then(|mut file| {
            writeln!(file, "{text}")?;
            file.sync_all()
        });
        written.map(|()| String::new()).map_err(local(path.display()))
    }
}

/// A transaction taken apart.
pub(crate) type Parts = (TxBody, AuthInfo, Vec<Vec<u8>>);

/// Reads a transaction from a file.
pub(crate) fn read(arg: &FileArg) -> Result<Parts> {
    let text = String::from_utf8(read_all(&arg.file)?).map_err(usage)?;
    parse(&text).map_err(|e| Failure::Usage(format!("{}: {e}", arg.file.display())))
}

/// Reads a transaction from its JSON.
pub(crate) fn parse(text: &str) -> Result<Parts> {
    let tx: Tx = json::parse(text)?;
    match (tx.body, tx.auth_info) {
        (Some(body), Some(auth_info)) => Ok((body, auth_info, tx.signatures)),
        _ => Err(Failure::Usage("body or auth_info is missing".into())),
    }
}

/// A transaction as JSON.
pub(crate) fn print((body, auth_info, signatures): Parts) -> Result<String> {
    json::print(&Tx {
        body: Some(body),
        auth_info: Some(auth_info),
        signatures,
    })
}

fn raw((body, auth_info, signatures): Parts) -> TxRaw {
    TxRaw {
        body_bytes: body.encode_to_vec(),
        auth_info_bytes: auth_info.encode_to_vec(),
        signatures,
    }
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
    Ok(flags
        .output
        .output
        .show(&print((body, auth_info, raw.signatures))?))
}

/// Prints the gas that a transaction in a file would use.
pub(crate) async fn simulate(flags: &TxFlags, home: &Path, arg: &FileArg) -> Result<String> {
    let (body, mut auth_info, _) = read(arg)?;
    let node = flags.node.connect(home)?;
    if auth_info.signer_infos.is_empty() {
        let signer = flags.signer(home)?;
        let account = account(flags, Some(&node), &signer.address).await?;
        auth_info.signer_infos = vec![signer.info(flags.mode(), account.sequence)];
    }
    let used = simulated(&node, &body, &auth_info).await?;
    let shown = json!({"gas_used": used.to_string(), "gas_estimate": adjusted(flags, used)?.to_string()});
    Ok(flags.output.output.show(&shown.to_string()))
}
