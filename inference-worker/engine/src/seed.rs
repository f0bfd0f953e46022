//! The 32-byte seed of a request: SHA-256 over length-prefixed fields under a domain tag.
//!
//! Every field is written as its length in bytes (u32, big-endian) followed by its bytes, so no two lists of
//! fields share an encoding. The spec is `docs/spec/sampler.md`, section "Seed".

use sha2::{Digest, Sha256};

/// Domain tag of a seed whose noise the chain fixes (voucher nonce, salt and beacon).
pub const VOUCHER_SEED_TAG: &str = "quern.sampler.seed";
/// Domain tag of a seed that the client chose with the request's `seed` parameter.
pub const CLIENT_SEED_TAG: &str = "quern.sampler.client-seed";
/// Version of both encodings, a field of each.
pub const SEED_VERSION: u32 = 1;

/// The seed of one request, from which all its noise follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seed(pub [u8; 32]);

/// What a seed commits to when the chain fixes it.
#[derive(Clone, Copy, Debug)]
pub struct VoucherSeed<'a> {
    /// Chain id, as in the block header.
    pub chain_id: &'a str,
    /// Session id.
    pub session: u64,
    /// Nonce of the voucher.
    pub nonce: u64,
    /// Salted hash of the request.
    pub request_hash: &'a [u8; 32],
    /// The request's 128-bit salt.
    pub salt: &'a [u8; 16],
    /// Beacon at the voucher's height `h_v`.
    pub beacon: &'a [u8; 32],
}

impl VoucherSeed<'_> {
    /// Derives the seed.
    pub fn derive(&self) -> Seed {
        hash_fields(&[
            VOUCHER_SEED_TAG.as_bytes(),
            &SEED_VERSION.to_be_bytes(),
            self.chain_id.as_bytes(),
            &self.session.to_be_bytes(),
            &self.nonce.to_be_bytes(),
            self.request_hash,
            self.salt,
            self.beacon,
        ])
    }
}

/// What a seed commits to when the client gave a `seed`: the number takes the place of nonce, salt and beacon,
/// so the same request repeats.
#[derive(Clone, Copy, Debug)]
pub struct ClientSeed<'a> {
    /// Chain id, or the empty string for a worker without a chain.
    pub chain_id: &'a str,
    /// Session id, or 0 for a worker without a chain.
    pub session: u64,
    /// Hash of the request, unsalted.
    pub request_hash: &'a [u8; 32],
    /// The request's `seed` parameter.
    pub seed: i64,
}

impl ClientSeed<'_> {
    /// Derives the seed.
    pub fn derive(&self) -> Seed {
        hash_fields(&[
            CLIENT_SEED_TAG.as_bytes(),
            &SEED_VERSION.to_be_bytes(),
            self.chain_id.as_bytes(),
            &self.session.to_be_bytes(),
            self.request_hash,
            &self.seed.to_be_bytes(),
        ])
    }
}

/// SHA-256 over fields, each prefixed with its length as a big-endian u32.
pub fn hash_fields(fields: &[&[u8]]) -> Seed {
    let mut hasher = Sha256::new();
    for field in fields {
        hasher.update((field.len() as u32).to_be_bytes());
        hasher.update(field);
    }
    Seed(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_between_fields_changes_the_seed() {
        assert_ne!(hash_fields(&[b"ab", b"c"]), hash_fields(&[b"a", b"bc"]));
        assert_ne!(hash_fields(&[b"ab"]), hash_fields(&[b"ab", b""]));
    }

    #[test]
    fn client_and_voucher_seeds_live_in_different_domains() {
        let hash = [7; 32];
        let voucher = VoucherSeed {
            chain_id: "quern-1",
            session: 1,
            nonce: 2,
            request_hash: &hash,
            salt: &[0; 16],
            beacon: &[0; 32],
        };
        let client = ClientSeed {
            chain_id: "quern-1",
            session: 1,
            request_hash: &hash,
            seed: 2,
        };
        assert_ne!(voucher.derive(), client.derive());
    }
}
