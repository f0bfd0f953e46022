//! What routers and hosts sign besides receipts: vouchers, releases, refusals, consents.
//!
//! A signature is secp256k1 over the digest, by the session key (vouchers) or the host's warm key; a router's
//! consent is ed25519 by its transport key.

use crate::{Amount, Fields, Hash, PublicKey};
use serde::{Deserialize, Serialize};

/// Authority to serve one request and be paid for it. Signed by the session key.
///
/// `cap` is the most that the host may ever capture in the session, this request included; the highest one
/// signed counts. While output streams the same voucher is signed again with a higher cap, so either side
/// risks one slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voucher {
    /// Session.
    pub session: u64,
    /// Host's operator address.
    pub host: String,
    /// Number of the request in the session, from 1, without gaps.
    pub nonce: u64,
    /// A recent height: its price counts, and its beacon seeds the noise.
    pub height: u64,
    /// Most that this request may cost.
    pub ceiling: Amount,
    /// Most that the host may capture in this session, over all requests so far.
    pub cap: Amount,
    /// [`crate::salt_commitment`] of the request's salt.
    pub salt_commitment: Hash,
}

impl Voucher {
    /// What the session key signs.
    pub fn digest(&self, chain_id: &str) -> Hash {
        Fields::new("quern.voucher/1", chain_id)
            .u64(self.session)
            .bytes(self.host.as_bytes())
            .u64(self.nonce)
            .u64(self.height)
            .u128(self.ceiling.0)
            .u128(self.cap.0)
            .bytes(self.salt_commitment.as_ref())
            .finish()
    }

    /// Whether it is the same authority with a cap at least as high: a slice of the same request.
    pub fn extends(&self, earlier: &Self) -> bool {
        self.cap >= earlier.cap
            && Self {
                cap: earlier.cap,
                ..self.clone()
            } == *earlier
    }
}

/// Moves part of a host's limit to another host of the committee. Signed by `from`'s warm key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Session.
    pub session: u64,
    /// Host that gives.
    pub from: String,
    /// Host that receives.
    pub to: String,
    /// Everything that `from` ever gave `to` in this session.
    pub cumulative: Amount,
}

impl Release {
    /// What the giving host signs.
    pub fn digest(&self, chain_id: &str) -> Hash {
        Fields::new("quern.release/1", chain_id)
            .u64(self.session)
            .bytes(self.from.as_bytes())
            .bytes(self.to.as_bytes())
            .u128(self.cumulative.0)
            .finish()
    }
}

/// Why a host does not serve a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// No room now.
    Busy,
    /// Its limit does not cover the request's ceiling.
    Limit,
    /// A declared maintenance window.
    Maintenance,
}

impl RefusalReason {
    const fn tag(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Limit => "limit",
            Self::Maintenance => "maintenance",
        }
    }
}

/// A host's word that it does not serve a request, which frees the router to ask the next in rank. Signed
/// by the host's warm key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Session.
    pub session: u64,
    /// Number of the request.
    pub nonce: u64,
    /// Host that refuses.
    pub host: String,
    /// Height at which it does.
    pub height: u64,
    /// Why.
    pub reason: RefusalReason,
}

impl Refusal {
    /// What the host signs.
    pub fn digest(&self, chain_id: &str) -> Hash {
        Fields::new("quern.refusal/1", chain_id)
            .u64(self.session)
            .u64(self.nonce)
            .bytes(self.host.as_bytes())
            .u64(self.height)
            .bytes(self.reason.tag().as_bytes())
            .finish()
    }
}

/// A router's word that it holds a session's key and answers for the escrow with its bond. Signed by its transport
/// key, so that nobody else can tie up its bond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterConsent {
    /// Router.
    pub router: String,
    /// Who opens the session.
    pub payer: String,
    /// Model.
    pub model: String,
    /// The session's key.
    pub session_key: PublicKey,
    /// Escrow.
    pub escrow: Amount,
    /// The router's fee in basis points of captured amounts.
    pub router_fee_bps: u32,
    /// Blocks until the session closes by itself.
    pub blocks: u64,
    /// Above every earlier one of this router for this payer.
    pub nonce: u64,
    /// Last height at which it counts.
    pub expires: u64,
}

impl RouterConsent {
    /// What the transport key signs.
    pub fn digest(&self, chain_id: &str) -> Hash {
        Fields::new("quern.router-consent/2", chain_id)
            .bytes(self.router.as_bytes())
            .bytes(self.payer.as_bytes())
            .bytes(self.model.as_bytes())
            .bytes(self.session_key.as_ref())
            .u128(self.escrow.0)
            .u64(self.router_fee_bps.into())
            .u64(self.blocks)
            .u64(self.nonce)
            .u64(self.expires)
            .finish()
    }
}
