//! What was committed, proven into its batch, and faults that it shows.

use quern_protocol::{Hash, Proof, Receipt, SessionLeaf, Signature};
use serde::{Deserialize, Serialize};

/// A receipt proven into a committed batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommittedReceipt {
    /// Receipt.
    pub receipt: Receipt,
    /// That it is in the session's part.
    pub receipt_proof: Proof,
    /// Leaf of the session.
    pub leaf: SessionLeaf,
    /// That it is in the batch.
    pub leaf_proof: Proof,
    /// Sequence of the batch.
    pub batch: u64,
}

/// A session leaf proven into a committed batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommittedLeaf {
    /// Leaf.
    pub leaf: SessionLeaf,
    /// That it is in the batch.
    pub proof: Proof,
    /// Sequence of the batch.
    pub batch: u64,
}

/// A receipt with the host's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// Receipt.
    pub receipt: Receipt,
    /// By the warm key that counted at the voucher's height, or any later one.
    pub signature: Signature,
}

/// A fault that one proof shows, without judgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Fault {
    /// The voucher inside a committed receipt is no authority: a wrong signature, host or session, a height
    /// after the batch, or a capture above its ceiling or cap.
    BadVoucher(CommittedReceipt),
    /// The receipt was committed after its voucher lapsed, or the voucher's height is before the session's
    /// committee or after its end.
    Lapsed(CommittedReceipt),
    /// The price is not the chain's at the voucher's height, is above the session's maximum, or the capture
    /// is above the cost of the usage. Taking less is no fault.
    BadPrice(CommittedReceipt),
    /// The model hash is not the session's model.
    BadModel(CommittedReceipt),
    /// With the salt, the seed commitment is not that of the seed that follows from the voucher, or from the
    /// client's own seed.
    BadSeed {
        /// Receipt.
        receipt: CommittedReceipt,
        /// Salt, 16 bytes.
        salt: quern_protocol::Bytes<16>,
        /// [`quern_protocol::content_hash`] of the request; needed if the receipt has a client's seed.
        content: Option<Hash>,
    },
    /// A leaf contradicts itself, or its cumulative amount or count is not its predecessor's plus its own.
    BadSum {
        /// Leaf.
        later: CommittedLeaf,
        /// Any leaf of the same session in an earlier batch, such as `later.previous`; none if the leaf
        /// contradicts itself or has `previous` 0 and yet more than its own.
        earlier: Option<CommittedLeaf>,
    },
    /// The batch that a leaf names as its predecessor has no leaf of its session.
    BadPrevious {
        /// Leaf.
        later: CommittedLeaf,
        /// The leaves of that batch on both sides of where the session would be; one if it would be first
        /// or last.
        neighbours: Vec<CommittedLeaf>,
    },
    /// Two leaves of one batch whose sessions do not rise.
    BadOrder {
        /// The one further left.
        left: CommittedLeaf,
        /// The one further right.
        right: CommittedLeaf,
    },
    /// Two committed receipts with the same session and nonce.
    Duplicate {
        /// One.
        first: CommittedReceipt,
        /// Other, elsewhere in the trees.
        second: CommittedReceipt,
    },
    /// A committed receipt contradicts one that the host signed for the same session and nonce.
    Contradiction {
        /// Signed.
        signed: SignedReceipt,
        /// A height from the voucher's on at which the key that signed it counted.
        key_height: u64,
        /// Committed.
        committed: CommittedReceipt,
    },
}
