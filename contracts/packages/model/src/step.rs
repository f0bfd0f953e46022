//! How a world begins and what can happen in it.
#![allow(missing_docs, reason = "the fields of a step are said in its line")]

use crate::message::Voucher;

/// How a world begins.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Escrow.
    pub escrow: u128,
    /// Router's fee in basis points.
    pub fee_bps: u32,
    /// Burn in basis points.
    pub burn_bps: u32,
    /// Per host: weight, honest, optimistic.
    pub hosts: Vec<(u64, bool, bool)>,
    /// Whether the router is honest.
    pub honest_router: bool,
    /// Whether the transactions of running hosts reach the next block.
    pub reliable_chain: bool,
    /// Last height of a voucher.
    pub closes_at: u64,
}

/// One thing that happens. Numbers choose among what there is, so every step means something everywhere.
#[derive(Clone, Debug)]
pub enum Step {
    /// A user asks through the router.
    Request { host: usize, tokens: u64 },
    /// A host produces.
    Serve { host: usize, which: usize, tokens: u64 },
    /// A host ends a request.
    Finish { host: usize, which: usize },
    /// The network delivers one message, out of order if the number says so.
    Deliver { which: usize },
    /// The network loses one.
    Lose { which: usize },
    /// The network doubles one.
    Double { which: usize },
    /// A block passes.
    Block,
    /// The router asks a host for a release.
    AskRelease { from: usize, to: usize, amount: u128 },
    /// Payer or router asks the chain to move a limit.
    Rebalance { from: usize, to: usize, amount: u128 },
    /// Anyone executes one.
    Execute { from: usize },
    /// Payer or router closes early.
    CloseSession,
    /// A host falls down and comes back at once.
    Restart { host: usize },
    /// A host falls down.
    Fall { host: usize },
    /// A host that is down comes back.
    Rise { host: usize },
    /// The router falls down and comes back.
    RestartRouter,
    /// A host is never seen again.
    HostVanishes { host: usize },
    /// The router is never seen again.
    RouterVanishes,
    /// Anyone presents a release again.
    ReplayRelease { which: usize },
    /// Anyone claims with any voucher ever seen and any batch.
    ReplayClaim { host: usize, voucher: usize, batch: u64 },
    /// Anyone tries to divide the escrow now.
    Close,
    /// A dishonest router signs anything; the height is taken as an age.
    OverSign { voucher: Voucher },
    /// A dishonest host commits anything.
    Inflate { host: usize, cumulative: u128 },
    /// A dishonest host releases anything.
    OverRelease {
        from: usize,
        to: usize,
        cumulative: u128,
    },
    /// A dishonest host says that it did anything.
    FalseReceipt { host: usize, nonce: u64, capture: u128 },
}
