//! From state to app hash, in two levels: a tree per store, and one tree over the stores' roots.

pub(crate) mod hash;
pub(crate) mod node;
pub(crate) mod prove;
pub(crate) mod simple;
pub(crate) mod update;
pub(crate) mod upper;

/// The kind of tree that commits to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Jellyfish Merkle tree over SHA-256, see [`crate::jellyfish_spec`].
    Jellyfish,
}

/// A named store: the part of the state whose keys start with `prefix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSpec {
    /// Name in proof paths.
    pub name: &'static str,
    /// Tells the store's nodes apart on disk. Never reused.
    pub id: u8,
    /// Routes state keys; the longest match wins. Not part of the key in proofs.
    pub prefix: &'static [u8],
    /// How the store is committed to.
    pub kind: Kind,
}

/// All stores, sorted by name as the simple Merkle tree wants them.
pub const STORES: &[StoreSpec] = &[StoreSpec {
    name: "main",
    id: 0,
    prefix: b"",
    kind: Kind::Jellyfish,
}];

/// The position in [`STORES`] of the store that `key` belongs to.
pub(crate) fn route(key: &[u8]) -> usize {
    STORES
        .iter()
        .enumerate()
        .filter(|(_, store)| key.starts_with(store.prefix))
        .max_by_key(|(_, store)| store.prefix.len())
        .map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_names_are_sorted_and_ids_and_prefixes_are_unique() {
        assert!(STORES.windows(2).all(|pair| pair[0].name < pair[1].name));
        for (i, a) in STORES.iter().enumerate() {
            assert!(STORES[..i].iter().all(|b| a.id != b.id && a.prefix != b.prefix));
            // The length prefix of a leaf in the simple tree is one byte.
            assert!(a.name.len() < 128);
        }
        assert!(
            STORES.iter().any(|store| store.prefix.is_empty()),
            "every key must have a store"
        );
    }
}
