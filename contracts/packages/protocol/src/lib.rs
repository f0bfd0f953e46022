//! What every part of Quern must compute alike: hashes, signed statements, batch trees, draws, prices.
//!
//! No input and no state: contracts, node, worker, router and an independent verifier link the same code.
//! Amounts are integers of `nqrn`, prices have 18 digits after the point, and every sum is checked.
//! Formats are in `docs/spec/` (voucher, receipt, batch, session).

mod amount;
mod batch;
mod bytes;
mod cost;
mod draw;
mod hash;
pub mod ledger;
mod price;
mod proof;
mod receipt;
mod refusal;
mod seed;
mod statement;
mod tree;

pub use amount::Amount;
pub use batch::{Batch, SessionLeaf};
pub use bytes::{Bytes, Hash, PublicKey, Signature};
pub use cost::{cost, Coefficients, Usage};
pub use draw::{committee_seed, rank, Draw};
pub use hash::{hash_fields, Fields};
pub use price::Price;
pub use proof::{
    proof_confirmation, proof_output_hash, proof_seed, proof_tree, ProofLeaf, ProofShape, ProofTask,
    MAX_PROOFS,
};
pub use receipt::{
    content_hash, output_hash, request_hash, salt_commitment, seed_commitment, FinishReason, Receipt,
};
pub use refusal::{Miss, TimeOut, Witness};
pub use seed::{client_seed, voucher_seed};
pub use statement::{Refusal, RefusalReason, Release, RouterConsent, Voucher};
pub use tree::{Node, Proof, SumTree};
