//! What an audited host, its auditor, a panel and a stranger would notice. Two workers with real transport, journal,
//! scheduler and model follow a node that speaks the real RPC; behind it is a small audits contract that checks what it
//! is given by the arithmetic that the real one uses.

pub(crate) mod contract;
mod course;
pub(crate) mod node;
mod receipts;
pub(crate) mod workers;

pub(super) const CHAIN: &str = "quern-test-1";
pub(super) const MODEL: &str = "quern-small";
pub(super) const HOST: &str = "quern1audited";
pub(super) const AUDITOR: &str = "quern1auditor";
pub(super) const PROFILE: &str = "cpu-fp32";
/// Height of every voucher.
pub(super) const HEIGHT: u64 = 200;
pub(super) const SESSION: u64 = 3;
