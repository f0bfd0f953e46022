//! SHA-256 over length-prefixed fields.

use crate::Hash;
use sha2::{Digest, Sha256};

/// SHA-256 over fields, each preceded by its length in bytes as a big-endian u32, so that no two lists of
/// fields share an encoding.
pub fn hash_fields(fields: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for field in fields {
        hasher.update((field.len() as u32).to_be_bytes());
        hasher.update(field);
    }
    Hash::new(hasher.finalize().into())
}

/// The same, built field by field. The first field is the domain tag with its version.
#[derive(Clone)]
pub struct Fields(Sha256);

impl Fields {
    /// Starts with the domain tag, such as `quern.voucher/1`, and the chain id.
    pub fn new(tag: &str, chain_id: &str) -> Self {
        Self(Sha256::new())
            .bytes(tag.as_bytes())
            .bytes(chain_id.as_bytes())
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(mut self, field: &[u8]) -> Self {
        self.0.update((field.len() as u32).to_be_bytes());
        self.0.update(field);
        self
    }

    /// Adds a number as 8 big-endian bytes.
    #[must_use]
    pub fn u64(self, field: u64) -> Self {
        self.bytes(&field.to_be_bytes())
    }

    /// Adds a number as 16 big-endian bytes.
    #[must_use]
    pub fn u128(self, field: u128) -> Self {
        self.bytes(&field.to_be_bytes())
    }

    /// The hash.
    #[must_use]
    pub fn finish(self) -> Hash {
        Hash::new(self.0.finalize().into())
    }
}
