//! The four bytes that amino names a type by.

use sha2::{Digest, Sha256};

/// The bytes that a registered name begins with: those of its hash after three for disambiguation, of which nobody has
/// need, both counted from the first byte that is not zero.
pub(super) fn prefix(name: &str) -> [u8; 4] {
    let hash = Sha256::digest(name.as_bytes());
    let significant = |bytes: &[u8]| bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
    let after = hash
        .get(significant(&hash).saturating_add(3)..)
        .unwrap_or_default();
    let found = after.get(significant(after)..).unwrap_or_default();
    found.first_chunk::<4>().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn the_prefixes_of_keys_are_the_well_known_ones() {
        assert_eq!(prefix("tendermint/PubKeySecp256k1"), [0xeb, 0x5a, 0xe9, 0x87]);
        assert_eq!(prefix("tendermint/PubKeyEd25519"), [0x16, 0x24, 0xde, 0x64]);
        assert_eq!(
            prefix("tendermint/PubKeyMultisigThreshold"),
            [0x22, 0xc1, 0xf7, 0xe2]
        );
    }
}
