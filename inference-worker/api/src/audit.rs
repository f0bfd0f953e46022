//! What auditors fetch from an audited host, and how.
//!
//! `GET` [`receipt_payload_path`] at the host's endpoint, over the transport (TLS 1.3 with pinned keys), answers a
//! [`ReceiptPayload`]: everything that opens the hashes of a receipt. It holds a user's words, so the host gives it
//! only to who has to judge that receipt now: the caller's transport key must be the one that the registry names for a
//! host which the audits contract chose as the leaf's auditor or seated on the panel that hears it.
//!
//! | status | meaning |
//! | --- | --- |
//! | 200 | the payload |
//! | 403 | the caller may not have it, or the host has not seen yet that it may; ask again at the next block |
//! | 404 | there is no such payload here, or no longer |
//! | 429 | too many ask at once; ask again in a moment |
//! | 503 | the host runs without a chain, or cannot read its journal |
//!
//! The caller trusts nothing in it: the receipt's digest is the leaf's id, which the chain names, and everything else
//! is checked against the receipt. `prompt` is what the host says that the prompt's tokens were; no hash covers it, so
//! an auditor makes the tokens from the body again.

use quern_protocol::{Bytes, ProofLeaf, Receipt};
use serde::{Deserialize, Serialize};

/// What a request was, who asked with which voucher, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptPayload {
    /// The receipt, as it is in the batch.
    pub receipt: Receipt,
    /// The request's salt.
    pub salt: Bytes<16>,
    /// Path of the endpoint that the request came to.
    pub path: String,
    /// Its body: JSON.
    pub body: String,
    /// Tokens of the prompt.
    pub prompt: Vec<u32>,
    /// Tokens of the output.
    pub output: Vec<u32>,
}

/// Where a receipt's payload is asked for.
pub fn receipt_payload_path(session: u64, nonce: u64) -> String {
    format!("/v1/audit/receipts/{session}/{nonce}")
}

/// An answer of a sprint of proof of compute. Its prompt and seed follow from the chain. `GET` [`proof_payload_path`]
/// answers it, to the same callers and with the same statuses as a receipt's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofPayload {
    /// The leaf, as it is under the root.
    pub leaf: ProofLeaf,
    /// Tokens of the output.
    pub output: Vec<u32>,
}

/// Where the answer to request `index` of a sprint is asked for.
pub fn proof_payload_path(sprint: u64, model: &str, index: u32) -> String {
    format!("/v1/audit/proofs/{sprint}/{model}/{index}")
}
