//! Draws that anyone can repeat: a session's committee, and the order of its hosts for a request.

use crate::{hash_fields, Fields, Hash};

/// Seed of a session's committee. `beacon` is that of the height at which the draw is due.
pub fn committee_seed(chain_id: &str, session: u64, beacon: &Hash) -> Hash {
    Fields::new("quern.committee/1", chain_id)
        .u64(session)
        .bytes(beacon.as_ref())
        .finish()
}

/// A stream of draws from a seed.
#[derive(Clone, Debug)]
pub struct Draw {
    seed: Hash,
    index: u64,
}

impl Draw {
    /// Starts a stream.
    pub const fn new(seed: Hash) -> Self {
        Self { seed, index: 0 }
    }

    /// The next number below `total`; none if `total` is zero. The first 16 bytes of a hash, modulo `total`:
    /// the bias is below `total / 2^128`.
    pub fn below(&mut self, total: u64) -> Option<u64> {
        let hash = hash_fields(&[b"quern.draw/1", self.seed.as_ref(), &self.index.to_be_bytes()]);
        self.index = self.index.wrapping_add(1);
        let mut word = [0; 16];
        word.copy_from_slice(&hash.0[..16]);
        u128::from_be_bytes(word)
            .checked_rem(u128::from(total))
            .map(|number| number as u64)
    }
}

/// The order in which the hosts of a committee are asked to serve a request: indexes into `weights`, drawn
/// by weight without replacement. Hosts without weight come last, in order. `beacon` is the session's own,
/// the one its committee was drawn with, so a router cannot choose among heights.
pub fn rank(chain_id: &str, session: u64, nonce: u64, beacon: &Hash, weights: &[u64]) -> Vec<usize> {
    let seed = Fields::new("quern.rank/1", chain_id)
        .u64(session)
        .u64(nonce)
        .bytes(beacon.as_ref())
        .finish();
    let mut draw = Draw::new(seed);
    let mut left: Vec<usize> = (0..weights.len()).collect();
    let mut order = Vec::with_capacity(weights.len());
    while !left.is_empty() {
        // saturating: a committee's capacities never come near 2^64
        let total = left.iter().fold(0_u64, |sum, i| sum.saturating_add(weights[*i]));
        let Some(mut target) = draw.below(total) else {
            order.append(&mut left);
            break;
        };
        let chosen = left.iter().position(|i| {
            let weight = weights[*i];
            let found = target < weight;
            target = target.saturating_sub(weight);
            found
        });
        order.push(left.remove(chosen.unwrap_or(0)));
    }
    order
}
