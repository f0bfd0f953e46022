//! Where a receipt comes from: a file, or a worker or router that still has it.

use std::{path::Path, time::Duration};

use quern_interface::settlement::{CommittedReceipt, SignedReceipt};
use quern_protocol::Hash;
use serde::Deserialize;

use crate::{Failure, Result, keys::read_all};

/// Largest answer that is read.
const MAX_BYTES: usize = 1 << 20;

/// A receipt and, once its batch is on the chain, its place in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Receipt with the host's signature.
    pub signed: SignedReceipt,
    /// Proofs into the batch.
    #[serde(default)]
    pub committed: Option<CommittedReceipt>,
}

impl Document {
    /// Reads `{"signed": ..., "committed": ...}`, or a signed receipt alone.
    ///
    /// # Errors
    /// If it is neither, or if the two parts are of different receipts.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        let document = match value.get("signed") {
            Some(_) => Self::deserialize(value).map_err(|e| e.to_string())?,
            None => Self {
                signed: SignedReceipt::deserialize(value).map_err(|e| e.to_string())?,
                committed: None,
            },
        };
        match &document.committed {
            Some(committed) if committed.receipt != document.signed.receipt => {
                Err("the committed receipt is not the signed one".into())
            }
            _ => Ok(document),
        }
    }

    /// Reads a file, `-` for standard input.
    pub(super) fn read(file: &Path) -> Result<Self> {
        Self::from_json(&read_all(file)?)
            .map_err(|e| Failure::Usage(format!("{} is no receipt in JSON: {e}", file.display())))
    }

    /// Asks a worker or router for a receipt.
    pub(super) async fn fetch(base: &str, id: &Id) -> Result<Self> {
        let url = format!("{}{}", base.trim_end_matches('/'), id.path());
        let unreachable = |reason: String| {
            Failure::Local(format!(
                "{url} does not answer with a receipt: {reason}. Ask its host or router for the file, and \
                 give that"
            ))
        };
        let failed = |e: reqwest::Error| unreachable(e.without_url().to_string());
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(15))
            .build()
            .map_err(failed)?;
        let mut answer = client.get(&url).send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(unreachable(format!("status {}", answer.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(unreachable("the answer is too long".into()));
            }
        }
        Self::from_json(&body).map_err(unreachable)
    }
}

/// What a receipt is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Id {
    /// The receipt's own id.
    Receipt(Hash),
    /// The request's: session and number.
    Request {
        /// Session.
        session: u64,
        /// Number of the request in it.
        nonce: u64,
    },
}

impl Id {
    /// Reads 64 hexadecimal digits, or SESSION/NONCE; none if it is something else.
    pub(super) fn read(text: &str) -> Option<Self> {
        if let Ok(hash) = text.parse() {
            return Some(Self::Receipt(hash));
        }
        let (session, nonce) = text.split_once('/')?;
        let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse().ok())?;
        Some(Self::Request {
            session: number(session)?,
            nonce: number(nonce)?,
        })
    }

    fn path(&self) -> String {
        match self {
            Self::Receipt(hash) => format!("/quern/receipts/{hash}"),
            Self::Request { session, nonce } => format!("/v1/receipts/{session}/{nonce}"),
        }
    }

    /// The answer is the receipt that was asked for.
    pub(super) fn names(&self, chain_id: &str, document: &Document) -> bool {
        let receipt = &document.signed.receipt;
        match self {
            Self::Receipt(hash) => receipt.digest(chain_id) == *hash,
            Self::Request { session, nonce } => {
                (receipt.voucher.session, receipt.voucher.nonce) == (*session, *nonce)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{CHAIN, Sample};
    use super::*;

    #[test]
    fn a_receipt_is_read_alone_or_with_its_proofs() {
        let s = Sample::new();
        let alone = serde_json::to_vec(&s.signed).unwrap();
        assert_eq!(Document::from_json(&alone).unwrap().committed, None);
        let both = serde_json::json!({"signed": s.signed, "committed": s.committed});
        let document = Document::from_json(both.to_string().as_bytes()).unwrap();
        assert_eq!(document.committed, Some(s.committed.clone()));
        let mut other = s.committed.clone();
        other.receipt.duration_ms += 1;
        let mixed = serde_json::json!({"signed": s.signed, "committed": other});
        assert!(
            Document::from_json(mixed.to_string().as_bytes())
                .unwrap_err()
                .contains("not the signed")
        );
        for bad in ["", "{}", "[]", r#"{"signed":{}}"#] {
            assert!(Document::from_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_receipt_is_asked_for_by_either_id_and_another_is_noticed() {
        let s = Sample::new();
        let document = Document {
            signed: s.signed.clone(),
            committed: None,
        };
        let id = Id::read(&s.signed.receipt.digest(CHAIN).to_string()).unwrap();
        assert!(id.names(CHAIN, &document) && !id.names("other-1", &document));
        let id = Id::read("4/12").unwrap();
        assert_eq!(id.path(), "/v1/receipts/4/12");
        assert!(id.names(CHAIN, &document));
        assert!(!Id::read("4/13").unwrap().names(CHAIN, &document));
        for other in ["receipt.json", "4", "a/b", "-", "/", "../x"] {
            assert_eq!(Id::read(other), None, "{other}");
        }
    }
}
