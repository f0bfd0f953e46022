//! The sampler's seed, for who checks it on chain. The same bytes as the engine's (`docs/spec/sampler.md`,
//! section "Seed").

use crate::{hash_fields, Hash};

/// Version field of both encodings.
const VERSION: [u8; 4] = 1_u32.to_be_bytes();

/// Seed of a request whose noise the chain fixes: `request_hash` is the salted [`crate::request_hash`],
/// `beacon` that of the voucher's height.
pub fn voucher_seed(
    chain_id: &str,
    session: u64,
    nonce: u64,
    request_hash: &Hash,
    salt: &[u8; 16],
    beacon: &Hash,
) -> Hash {
    hash_fields(&[
        b"quern.sampler.seed",
        &VERSION,
        chain_id.as_bytes(),
        &session.to_be_bytes(),
        &nonce.to_be_bytes(),
        request_hash.as_ref(),
        salt,
        beacon.as_ref(),
    ])
}

/// Seed of a request whose client gave a `seed`: `content` is the unsalted [`crate::content_hash`], so the
/// same request repeats.
pub fn client_seed(chain_id: &str, session: u64, content: &Hash, seed: i64) -> Hash {
    hash_fields(&[
        b"quern.sampler.client-seed",
        &VERSION,
        chain_id.as_bytes(),
        &session.to_be_bytes(),
        content.as_ref(),
        &seed.to_be_bytes(),
    ])
}
