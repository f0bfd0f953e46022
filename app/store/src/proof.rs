//! Proofs of state against an app hash.

use ics23::CommitmentProof;

pub use crate::commitment::prove::jellyfish_spec;

/// A proof in two levels, in the order in which a verifier goes: state in store, store in app hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// A key in the store or its absence, against the store's root; spec [`jellyfish_spec`].
    pub key: CommitmentProof,
    /// The store's root under its name, against the app hash; spec [`ics23::tendermint_spec`].
    pub store: CommitmentProof,
    /// The root between the two levels.
    pub store_root: [u8; 32],
}
