//! SIGN_MODE_LEGACY_AMINO_JSON: the document that Ledgers and older wallets sign.
//!
//! The rules (names, order, what is left out) stand as options in the descriptors; `plan` reads them into
//! one table, `encode` walks a message by it. So every message whose descriptor carries the options is
//! covered, and none needs code of its own. Golden vectors that wasmd itself signed are under `tests/vectors`.

mod encode;
mod inline;
mod plan;
mod text;
mod unseen;

use std::fmt;

use prost::Message;

use crate::cosmos::tx::v1beta1::{Fee, TxBody};

/// Why a message or document has no amino form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AminoError(String);

impl AminoError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for AminoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AminoError {}

/// What the document says besides the transaction.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// Chain.
    pub chain_id: &'a str,
    /// Number of the signer's account.
    pub account_number: u64,
    /// Sequence of the signer.
    pub sequence: u64,
}

/// Name of a message in amino JSON, such as `cosmos-sdk/MsgSend`; `None` for one without.
pub fn name(full_name: &str) -> Option<&'static str> {
    plan::of(full_name)?.name.as_deref()
}

/// A message as amino JSON, in the envelope of its name where it has one.
///
/// # Errors
/// For a type outside the descriptors, and for a value without an amino form.
pub fn message(full_name: &str, bytes: &[u8]) -> Result<String, AminoError> {
    let mut out = String::new();
    encode::named(&mut out, full_name, bytes)?;
    Ok(out)
}

/// The document that a signer signs.
///
/// # Errors
/// For a transaction that this mode cannot sign: extension options, or a value without an amino form.
pub fn sign_doc(signer: Signer<'_>, body: &TxBody, fee: &Fee) -> Result<String, AminoError> {
    if !body.extension_options.is_empty() || !body.non_critical_extension_options.is_empty() {
        return Err(AminoError::new(
            "SIGN_MODE_LEGACY_AMINO_JSON does not support protobuf extension options: invalid request",
        ));
    }
    let mut out = format!("{{\"account_number\":\"{}\",\"chain_id\":", signer.account_number);
    text::string(&mut out, signer.chain_id);
    out.push_str(",\"fee\":{\"amount\":[");
    for (i, coin) in fee.amount.iter().enumerate() {
        comma(&mut out, i);
        encode::plain(&mut out, "cosmos.base.v1beta1.Coin", &coin.encode_to_vec())?;
    }
    out.push_str(&format!("],\"gas\":\"{}\"", fee.gas_limit));
    for (key, value) in [("granter", &fee.granter), ("payer", &fee.payer)] {
        if !value.is_empty() {
            out.push_str(&format!(",\"{key}\":"));
            text::string(&mut out, value);
        }
    }
    out.push_str("},\"memo\":");
    text::string(&mut out, &body.memo);
    out.push_str(",\"msgs\":[");
    for (i, any) in body.messages.iter().enumerate() {
        comma(&mut out, i);
        encode::any(&mut out, &any.type_url, &any.value)?;
    }
    out.push_str(&format!("],\"sequence\":\"{}\"", signer.sequence));
    if body.timeout_height > 0 {
        out.push_str(&format!(",\"timeout_height\":\"{}\"", body.timeout_height));
    }
    if let Some(at) = &body.timeout_timestamp {
        out.push_str(",\"timeout_timestamp\":");
        text::timestamp(&mut out, at.seconds, i64::from(at.nanos))?;
    }
    if body.unordered {
        out.push_str(",\"unordered\":true");
    }
    out.push('}');
    Ok(out)
}

/// Paths of what the document of these messages shows as `{}`, whatever it holds, such as
/// `MsgStoreCode.instantiate_permission`: a signature in this mode does not cover it.
pub fn unseen(body: &TxBody) -> Vec<String> {
    let messages = body.messages.iter();
    let mut found: Vec<String> = messages
        .flat_map(|any| unseen::of(&any.type_url, &any.value))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn comma(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}
