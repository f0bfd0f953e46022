//! Transactions in the form that they had before SDK 0.40, `StdTx`, between amino JSON and amino's binary encoding.
//!
//! No block holds one. The two methods are there for programs that keep or sign the old form; what they do is what
//! go-amino 0.16 makes of the SDK's Go types: fields are numbered by their place in the type, and what stands for an
//! interface begins with four bytes of the hash of its type's name.

mod decode;
mod encode;
mod prefix;
mod read;
mod text;
mod types;
mod value;
mod write;

use quern_proto::cosmos::tx::v1beta1::{
    TxDecodeAminoRequest, TxDecodeAminoResponse, TxEncodeAminoRequest, TxEncodeAminoResponse,
};
use tonic::Status;

use self::value::Budget;
use crate::services::{Answer, decode as decode_request, encode as encode_answer};

/// Deepest nesting of messages in messages.
const MAX_DEPTH: usize = 32;

/// Longest transaction in either form: twice what the mempool takes of one, which is room for a contract's code in
/// base64.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of a request around the transaction.
const AROUND: usize = 8;

type Outcome<T> = Result<T, String>;

/// Refuses a request that is too long for a place of its own.
pub(super) fn admit(data: &[u8]) -> Result<(), Status> {
    bounded(data.len().saturating_sub(AROUND))
}

fn bounded(bytes: usize) -> Result<(), Status> {
    match bytes > MAX_BYTES {
        true => Err(Status::invalid_argument("the transaction is longer than 2 MiB")),
        false => Ok(()),
    }
}

/// Amino JSON as amino's binary encoding.
pub(super) fn encode(data: &[u8]) -> Answer {
    let request: TxEncodeAminoRequest = decode_request(data)?;
    if request.amino_json.is_empty() {
        return Err(Status::invalid_argument("invalid empty tx json"));
    }
    bounded(request.amino_json.len())?;
    let amino_binary = to_binary(&request.amino_json).map_err(Status::invalid_argument)?;
    encode_answer(&TxEncodeAminoResponse { amino_binary })
}

/// Amino's binary encoding as amino JSON.
pub(super) fn decode(data: &[u8]) -> Answer {
    let request: TxDecodeAminoRequest = decode_request(data)?;
    if request.amino_binary.is_empty() {
        return Err(Status::invalid_argument("invalid empty tx bytes"));
    }
    bounded(request.amino_binary.len())?;
    let amino_json = to_json(&request.amino_binary).map_err(Status::invalid_argument)?;
    encode_answer(&TxDecodeAminoResponse { amino_json })
}

fn to_binary(json: &str) -> Outcome<Vec<u8>> {
    let tx = types::std_tx()?;
    let value = read::named(json, tx, &Budget::new())?;
    let mut out = tx.prefix.to_vec();
    encode::body(&mut out, tx, &value)?;
    Ok(out)
}

fn to_json(binary: &[u8]) -> Outcome<String> {
    let tx = types::std_tx()?;
    let rest = binary
        .strip_prefix(tx.prefix.as_slice())
        .ok_or_else(|| format!("expected to read prefix bytes {}", hex::encode_upper(tx.prefix)))?;
    let value = decode::body(rest, tx, 0, &Budget::new())?;
    let mut out = String::new();
    write::named(&mut out, tx, &value)?;
    Ok(out)
}

#[cfg(test)]
mod tests;
