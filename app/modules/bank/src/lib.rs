//! Balances, supply, transfers and denomination metadata (Cosmos SDK x/bank).
