//! What the router's journal holds. The ledger changes by these records alone, live and on replay.

use super::Ledger;
use quern_protocol::{Amount, Bytes, Coefficients, Hash, Price};
use serde::{Deserialize, Serialize};

/// One request at one host, as it is known before the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Holder of the API key that pays.
    pub(crate) key: String,
    /// Most that the request may cost.
    pub(crate) ceiling: Amount,
    /// Height of the voucher.
    pub(crate) height: u64,
    /// The chain's price at that height.
    pub(crate) price: Price,
    /// Salt; with it the receipt of a lost answer can still be checked.
    pub(crate) salt: Bytes<16>,
    /// Salted hash of path and body.
    pub(crate) request_hash: Hash,
    /// Hash of both without salt, for a client's own seed.
    pub(crate) content: Hash,
    /// The client's own seed.
    pub(crate) client_seed: Option<i64>,
    /// Most tokens that the prompt can have.
    pub(crate) prompt: u32,
    /// Most tokens that the output can have.
    pub(crate) output: u32,
}

/// A host's place in a committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) host: String,
    pub(crate) weight: u64,
    pub(crate) limit: Amount,
}

/// A committee that was drawn, and until when it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Committee {
    pub(crate) beacon: Hash,
    pub(crate) drawn_at: u64,
    pub(crate) closes_at: u64,
    pub(crate) max_price: Price,
    /// Hash of the model.
    pub(crate) model_hash: Hash,
    /// What tokens cost in this session.
    pub(crate) coefficients: Coefficients,
    /// Blocks from a voucher's height until its receipt can no longer be committed.
    pub(crate) lapse_blocks: u64,
    pub(crate) members: Vec<Member>,
}

/// Names one request at one host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) session: u64,
    pub(crate) nonce: u64,
    pub(crate) host: String,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// Everything so far: the records before it are not needed any more.
    Snapshot(Box<Ledger>),
    /// A session was opened for a payer; nothing can be signed in it yet.
    Opened {
        session: u64,
        payer: String,
        model: String,
    },
    /// Its committee is there.
    Drawn { session: u64, committee: Committee },
    /// The chain's limits now.
    Limits {
        session: u64,
        limits: Vec<(String, Amount)>,
    },
    /// Mark: nonces below `below` may be in use.
    Nonces { session: u64, below: u64 },
    /// Mark: caps up to this one may be signed.
    Cap { session: u64, host: String, cap: Amount },
    /// Mark: the holder's requests may have cost up to this.
    Key { key: String, up_to: Amount },
    /// A voucher is signed.
    Open {
        place: Place,
        authorised: Amount,
        request: Request,
    },
    /// It is signed again with more.
    Raised { place: Place, authorised: Amount },
    /// A receipt that is good.
    Settled { place: Place, capture: Amount },
    /// The host's signed word that it serves or served nothing for the voucher, or it never heard of it.
    Freed { place: Place },
    /// The answer is over and no receipt came.
    Ended { place: Place },
    /// The host can no longer commit it.
    Lapsed { place: Place },
    /// No more vouchers for a host, in any session.
    Barred { host: String, reason: String },
    /// A host's limit is being moved away: no more vouchers for it in this session.
    Moved { session: u64, host: String },
    /// A host signed part of its limit over to another one: all that it ever gave to it in this session.
    Released {
        session: u64,
        from: String,
        to: String,
        cumulative: Amount,
    },
    /// Void vouchers were signed for the nonces that were skipped.
    Voided { session: u64 },
    /// No new requests in a session.
    Closing { session: u64 },
    /// The session is paid, or void.
    Closed { session: u64 },
    /// A restart: whatever the marks allowed and no record tells of may have happened.
    Recovered,
    /// An orderly end: nothing happened that no record tells of.
    Clean,
}

impl Record {
    /// Whether it comes into force only once it is durable: what raises a mark, and what gives money back. A crash
    /// must not undo what others already used.
    pub(crate) fn waits(&self) -> bool {
        matches!(
            self,
            Self::Nonces { .. }
                | Self::Cap { .. }
                | Self::Key { .. }
                | Self::Settled { .. }
                | Self::Freed { .. }
                | Self::Ended { .. }
                | Self::Lapsed { .. }
                | Self::Closed { .. }
        )
    }
}
