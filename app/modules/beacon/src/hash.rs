//! The hashes of the beacon and of the onion.

use sha2::{Digest, Sha256};

/// A beacon, or a layer of an onion.
pub type Hash = [u8; 32];

/// Domain tag of the value before the first block.
pub const GENESIS_TAG: &str = "quern.beacon.genesis/1";
/// Domain tag of a block's value.
pub const BEACON_TAG: &str = "quern.beacon/1";
/// Domain tag of an onion's layer.
pub const ONION_TAG: &str = "quern.beacon.onion/1";

/// The value before the first block: `H(GENESIS_TAG, chain id)`.
pub fn genesis(chain_id: &str) -> Hash {
    fields([GENESIS_TAG.as_bytes(), chain_id.as_bytes()])
}

/// The value of a block: `H(BEACON_TAG, previous, preimage)`, where a block without a reveal has the
/// empty preimage.
pub fn next(previous: &Hash, reveal: Option<&Hash>) -> Hash {
    let preimage = reveal.map_or(&[][..], |preimage| preimage);
    fields([BEACON_TAG.as_bytes(), previous, preimage])
}

/// The layer around `layer`: `H(ONION_TAG, layer)`.
pub fn around(layer: &Hash) -> Hash {
    fields([ONION_TAG.as_bytes(), layer])
}

/// SHA-256 over fields, each after its length as a big-endian u32.
fn fields<const N: usize>(fields: [&[u8]; N]) -> Hash {
    let mut hasher = Sha256::new();
    for field in fields {
        // every field here is at most a chain id long
        hasher.update(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(field);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_without_a_reveal_differs_from_one_that_reveals_zeros() {
        let previous = genesis("quern-test-1");
        assert_ne!(next(&previous, None), next(&previous, Some(&[0; 32])));
        assert_ne!(next(&previous, None), previous);
    }

    #[test]
    fn chains_begin_with_different_values() {
        assert_ne!(genesis("quern-1"), genesis("quern-2"));
    }
}
