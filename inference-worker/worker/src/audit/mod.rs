//! The worker as an auditor, and as a host that is audited.

pub(crate) mod judge;
