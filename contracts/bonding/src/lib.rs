//! The `bonding` contract: coins behind hosts.
