//! Authenticated multistore: branches, versions, proofs, pruning and rollback.
