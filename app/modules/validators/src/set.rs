//! A validator set as a value.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// Ed25519 key that signs votes.
pub type Key = [u8; 32];

/// Power by key. A validator without power is not in it.
pub type Powers = BTreeMap<Key, u64>;

/// Sum of all powers.
pub fn total(powers: &Powers) -> u128 {
    powers.values().map(|power| u128::from(*power)).sum()
}

/// What turns `before` into `after`, by key; power 0 removes.
pub fn diff(before: &Powers, after: &Powers) -> Vec<(Key, u64)> {
    let changed = after
        .iter()
        .filter(|(key, power)| before.get(*key) != Some(power))
        .map(|(key, power)| (*key, *power));
    let removed = before
        .keys()
        .filter(|key| !after.contains_key(*key))
        .map(|key| (*key, 0));
    let mut updates = changed.chain(removed).collect::<Vec<_>>();
    updates.sort_unstable();
    updates
}

/// First 20 bytes of the key's SHA-256, as CometBFT names a validator.
pub fn consensus_address(key: &Key) -> [u8; 20] {
    let mut address = [0; 20];
    address
        .iter_mut()
        .zip(Sha256::digest(key))
        .for_each(|(to, from)| *to = from);
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_what_joined_changed_and_left() {
        let before = Powers::from([([1; 32], 10), ([2; 32], 20), ([3; 32], 30)]);
        let after = Powers::from([([2; 32], 25), ([3; 32], 30), ([4; 32], 5)]);
        assert_eq!(diff(&before, &after), [([1; 32], 0), ([2; 32], 25), ([4; 32], 5)]);
        assert!(diff(&after, &after).is_empty());
    }
}
