//! What travels.

use crate::sign::Signed;
use crate::HostId;

/// A voucher, as far as money sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voucher {
    /// Host.
    pub host: HostId,
    /// Number of the request.
    pub nonce: u64,
    /// A recent height.
    pub height: u64,
    /// Most that this request may cost.
    pub ceiling: u128,
    /// Most that the host may ever capture.
    pub cap: u128,
}

/// A release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Gives.
    pub from: HostId,
    /// Receives.
    pub to: HostId,
    /// Everything that this pair ever moves.
    pub cumulative: u128,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tx {
    /// A batch. Only the host's key sends it, which the world sees to.
    Commit {
        /// Host.
        host: HostId,
        /// Sequence.
        sequence: u64,
        /// Captures of all batches up to this.
        cumulative: u128,
        /// Time-out height: no block after it takes the transaction.
        until: u64,
    },
    /// A claim.
    Settle {
        /// Host.
        host: HostId,
        /// Voucher.
        voucher: Signed<Voucher>,
        /// Batch.
        sequence: u64,
    },
    /// A release.
    Present(Signed<Release>),
    /// Payer or router asks to move a limit.
    Rebalance {
        /// Gives.
        from: HostId,
        /// Receives.
        to: HostId,
        /// At most.
        amount: u128,
    },
    /// Anyone.
    Execute {
        /// Gives.
        from: HostId,
    },
    /// Payer or router ends the session.
    CloseSession,
    /// Anyone divides the escrow.
    Close,
}

/// What the network carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Router to host: a new request or a further slice.
    Authority(Signed<Voucher>),
    /// Router to host: please sign a release.
    AskRelease {
        /// Gives.
        from: HostId,
        /// Receives.
        to: HostId,
        /// How much more.
        amount: u128,
    },
    /// Host to router: the answer's tokens so far.
    Tokens {
        /// Host.
        host: HostId,
        /// Request.
        nonce: u64,
        /// How many.
        upto: u64,
    },
    /// Host to router.
    Receipt {
        /// Host.
        host: HostId,
        /// Request.
        nonce: u64,
        /// Capture.
        capture: u128,
    },
    /// To the chain.
    Tx(Tx),
}
