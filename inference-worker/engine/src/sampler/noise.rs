//! Gumbel noise that seed, position, choice and token id determine completely.

use super::philox::philox4x32_10;
use crate::seed::Seed;
use std::f64::consts::LN_2;

/// Fourth counter word of the noise that picks output tokens. Other uses of a seed take other words.
pub const TOKEN_DOMAIN: u32 = 1;

/// The noise of one request.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    key: [u32; 2],
}

impl Noise {
    /// The Philox key is the first 8 bytes of the seed, read big-endian, as (low, high) words.
    pub fn new(seed: &Seed) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = seed.0;
        let word = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        Self {
            key: [word as u32, (word >> 32) as u32],
        }
    }

    /// The four words for token ids `4 * block ..= 4 * block + 3` at output position `t` of choice `c`.
    pub fn block(&self, block: u32, t: u32, c: u32) -> [u32; 4] {
        philox4x32_10([block, t, c, TOKEN_DOMAIN], self.key)
    }

    /// The noise of token `v` at output position `t` of choice `c`.
    pub fn gumbel(&self, t: u32, c: u32, v: u32) -> f64 {
        gumbel(self.block(v >> 2, t, c)[(v & 3) as usize])
    }
}

/// `-ln(-ln u)` with `u = (x + 0.5) / 2^32`, in f64, by a `ln` that is the same on every machine.
pub fn gumbel(x: u32) -> f64 {
    let u = (f64::from(x) + 0.5) / 4_294_967_296.0;
    -libm::log(-libm::log(u))
}

/// A cheap upper bound of [`gumbel`]: `-ln u >= 1 - u` gives `G <= -ln(1 - u)`, and `1 - u` is at least
/// `2^-(k + 1)` when x has k leading ones. The margin covers rounding.
pub fn gumbel_bound(x: u32) -> f64 {
    (f64::from(x.leading_ones()) + 1.0) * LN_2 + 1e-9
}

/// No noise exceeds this: `x = 2^32 - 1` gives 22.87.
pub const GUMBEL_MAX: f64 = 22.88;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_hold_at_the_edges_and_on_a_sweep() {
        let edges = [
            0,
            1,
            u32::MAX,
            u32::MAX - 1,
            0x7FFF_FFFF,
            0x8000_0000,
            0xBFFF_FFFF,
            0xC000_0000,
        ];
        let sweep = (0..200_000u32).map(|i| i.wrapping_mul(2_654_435_761));
        let tops = (0..32).map(|k| !(u32::MAX >> k));
        for x in edges.into_iter().chain(sweep).chain(tops) {
            assert!(gumbel(x).is_finite());
            assert!(gumbel(x) <= gumbel_bound(x) && gumbel(x) < GUMBEL_MAX, "x = {x}");
        }
    }
}
