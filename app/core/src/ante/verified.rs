//! Remembers signatures that verified, so that a transaction admitted to the mempool is not verified
//! again in its block. Only successes are kept, so a full or lost memory changes time alone.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use quern_auth::PubKey;
use sha2::{Digest, Sha256};

/// Signatures kept per generation; two generations are held.
const GENERATION: usize = 20_000;

/// The memory, shared by mempool and block execution.
#[derive(Default)]
pub(crate) struct Verified(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: BTreeSet<[u8; 32]>,
    old: BTreeSet<[u8; 32]>,
}

impl Verified {
    /// Whether `signature` over `message` is `key`'s, from memory or by verifying.
    pub(crate) fn check(&self, message: &[u8], signature: &[u8], key: &PubKey) -> bool {
        let id = id(message, signature, key);
        {
            let known = self.0.lock();
            if known.young.contains(&id) || known.old.contains(&id) {
                return true;
            }
        }
        let valid = key.verify(message, signature);
        if valid {
            let mut known = self.0.lock();
            if known.young.len() >= GENERATION {
                known.old = std::mem::take(&mut known.young);
            }
            known.young.insert(id);
        }
        valid
    }
}

/// Hash over message, signature and key, each behind its length so that no two triples collide.
fn id(message: &[u8], signature: &[u8], key: &PubKey) -> [u8; 32] {
    let any;
    let (kind, key): (&[u8], &[u8]) = match key {
        PubKey::Secp256k1(key) => (b"k1", key),
        PubKey::Secp256r1(key) => (b"r1", key),
        PubKey::Ed25519(key) => (b"ed", key),
        PubKey::Multisig(_) => {
            any = key.to_any();
            (b"multi", &any.value)
        }
    };
    let mut hash = Sha256::new();
    for part in [message, signature, kind, key] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
