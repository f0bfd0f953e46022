//! What the journal holds.

use crate::audit::{KeptBallot, KeptReport};
use crate::paid::book::Committed;
use quern_inference_api::paid::{SignedReceipt, SignedRelease};
use quern_protocol::{Amount, Bytes, SessionLeaf};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One record, JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// A request was served.
    Receipt {
        signed: Box<SignedReceipt>,
        payload: Box<Payload>,
    },
    /// A batch is about to be sent; it replaces an earlier one of the same sequence.
    Batch(PlannedBatch),
    /// The chain holds the batch with this sequence.
    Committed { sequence: u64 },
    /// The chain holds batches up to this one that the journal knows nothing of: it was lost. Sessions drawn up to
    /// this height may be in them, and of sessions drawn until it was seen receipts may be lost that no batch holds.
    Lost {
        sequence: u64,
        height: u64,
        #[serde(default)]
        seen: u64,
    },
    /// Part of a limit was given away.
    Release(SignedRelease),
    /// The session is over and its appeal too, as was seen at a height: nothing of it is needed once audits are over with
    /// what was committed until then.
    Closed {
        session: u64,
        #[serde(default)]
        height: u64,
    },
    /// A receipt that is still needed, written again so that those before it can be deleted.
    Carried {
        signed: Box<SignedReceipt>,
        payload: Box<Payload>,
        /// Sequence of the batch that holds it on chain.
        batch: Option<u64>,
    },
    /// What is still needed of a session beside its receipts, written again.
    Standing {
        session: u64,
        committed: Committed,
        given: BTreeMap<String, Amount>,
    },
    /// A batch that the chain holds, written again.
    Held(PlannedBatch),
    /// A report is about to be committed: its salts and votes stay secret until they are revealed.
    AuditReport(Box<KeptReport>),
    /// A panel's ballot is about to be committed.
    AuditBallot(Box<KeptBallot>),
}

/// A receipt and what it is about.
pub(crate) type Served = (Box<SignedReceipt>, Box<Payload>);

impl Record {
    /// A receipt with what it is about, whether it lies where it was first written or was written again.
    pub(crate) fn into_receipt(self) -> Option<Served> {
        match self {
            Self::Receipt { signed, payload } | Self::Carried { signed, payload, .. } => {
                Some((signed, payload))
            }
            _ => None,
        }
    }
}

/// What payer, host and auditors know of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payload {
    /// Salt.
    pub(crate) salt: Bytes<16>,
    /// Path of the endpoint.
    pub(crate) path: String,
    /// Body as it came: JSON.
    pub(crate) body: String,
    /// Tokens of the prompt.
    pub(crate) prompt: Vec<u32>,
    /// Tokens of the output.
    pub(crate) output: Vec<u32>,
}

/// A batch as it was, or will be, sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedBatch {
    /// Sequence.
    pub(crate) sequence: u64,
    /// Last height at which it may be in a block.
    pub(crate) not_after: u64,
    /// Leaves by rising session.
    pub(crate) leaves: Vec<SessionLeaf>,
    /// Nonces of each leaf's receipts, rising.
    pub(crate) nonces: Vec<Vec<u64>>,
}
