//! That a host was asked and did not serve, as a router shows it to the chain: the host's own refusal, or a time-out
//! that two others of the committee saw as well. Nothing else counts against a host's completion.

use serde::{Deserialize, Serialize};

use crate::{Fields, Hash, Refusal, RefusalReason, Signature, Voucher};

/// What a member of a committee says about another: it asked the host for this request, and the host did not answer it
/// either. Signed by the witness's warm key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeOut {
    /// Session.
    pub session: u64,
    /// Number of the request.
    pub nonce: u64,
    /// Host that is silent.
    pub host: String,
    /// Height at which it was asked.
    pub height: u64,
}

impl TimeOut {
    /// What each witness signs.
    pub fn digest(&self, chain_id: &str) -> Hash {
        Fields::new("quern.time-out/1", chain_id)
            .u64(self.session)
            .u64(self.nonce)
            .bytes(self.host.as_bytes())
            .u64(self.height)
            .finish()
    }
}

/// A host's signature over a statement about a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Host.
    pub host: String,
    /// By its warm key.
    pub signature: Signature,
}

/// One request that a host did not serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Miss {
    /// Authority that the host had.
    pub voucher: Voucher,
    /// By the session key.
    pub voucher_signature: Signature,
    /// Height of the refusal, or at which the witnesses asked.
    pub height: u64,
    /// Why the host refused; none if it did not answer.
    pub reason: Option<RefusalReason>,
    /// Signatures over the [`Refusal`], by the host, or over the [`TimeOut`], by two others of the committee.
    pub signed: Vec<Witness>,
}

impl Miss {
    /// What the host, or each witness, signed.
    pub fn digest(&self, chain_id: &str) -> Hash {
        let Voucher {
            session, nonce, host, ..
        } = &self.voucher;
        let (session, nonce, host, height) = (*session, *nonce, host.clone(), self.height);
        match self.reason {
            Some(reason) => Refusal {
                session,
                nonce,
                host,
                height,
                reason,
            }
            .digest(chain_id),
            None => TimeOut {
                session,
                nonce,
                host,
                height,
            }
            .digest(chain_id),
        }
    }
}
