//! Sums of a few rows and a strip of weights, in registers.

use crate::groups::ROWS;
use crate::lanes::{LANES, Lanes};
use crate::panels::PANEL;

/// Bytes from the weights in use to those that are asked of memory.
const AHEAD: usize = 2048;
/// Bytes that memory gives at once: a vector.
const LINE: usize = LANES * size_of::<f32>();

/// Weights of some inputs of a panel, as fp32.
pub(crate) struct Part {
    pub(crate) w: *const f32,
    pub(crate) length: usize,
    /// Whether they begin and end a block of inputs.
    pub(crate) begin: bool,
    pub(crate) end: bool,
    /// Whether the block is the first.
    pub(crate) first: bool,
}

#[expect(unsafe_code, reason = "vectors")]
impl Part {
    /// Adds these inputs of `rows` rows, side by side in `x`, to their `sums`: for each row PANEL sums of whole blocks,
    /// then PANEL of the block under way. Asks memory for what follows the weights if FETCH says so.
    ///
    /// # Safety
    /// The instructions of V are there, and the pointers are good.
    #[inline(always)]
    pub(crate) unsafe fn group<V: Lanes, const FETCH: bool>(
        &self,
        rows: usize,
        x: *const f32,
        sums: *mut f32,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match rows {
                1 => self.tile::<V, 1, 4, FETCH>(x, sums, 0),
                2 if V::WIDE => self.tile::<V, 2, 4, FETCH>(x, sums, 0),
                3 if V::WIDE => self.tile::<V, 3, 4, FETCH>(x, sums, 0),
                4 if V::WIDE => self.tile::<V, 4, 4, FETCH>(x, sums, 0),
                5 if V::WIDE => self.tile::<V, 5, 4, FETCH>(x, sums, 0),
                _ if V::WIDE => self.tile::<V, ROWS, 4, FETCH>(x, sums, 0),
                2 => {
                    self.tile::<V, 2, 2, FETCH>(x, sums, 0);
                    self.tile::<V, 2, 2, FETCH>(x, sums, 2);
                }
                3 => self.columns::<V, 3, FETCH>(x, sums),
                4 => self.columns::<V, 4, FETCH>(x, sums),
                5 => self.columns::<V, 5, FETCH>(x, sums),
                _ => self.columns::<V, ROWS, FETCH>(x, sums),
            }
        }
    }

    /// Where registers are short, one vector of outputs after the other.
    #[inline(always)]
    unsafe fn columns<V: Lanes, const R: usize, const FETCH: bool>(&self, x: *const f32, sums: *mut f32) {
        for column in 0..PANEL / LANES {
            // SAFETY: the caller's promise.
            unsafe { self.tile::<V, R, 1, FETCH>(x, sums, column) };
        }
    }

    /// R rows and C vectors of outputs from number `column` on.
    ///
    /// Plain loops over pointers: closures would be compiled without the instruction set, and checked indices cost more
    /// than the arithmetic.
    #[inline(always)]
    unsafe fn tile<V: Lanes, const R: usize, const C: usize, const FETCH: bool>(
        &self,
        x: *const f32,
        sums: *mut f32,
        column: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let sums = sums.add(column * LANES);
            let mut lanes = [[V::splat(0.0); C]; R];
            if !self.begin {
                for (row, lanes) in lanes.iter_mut().enumerate() {
                    for (column, lane) in lanes.iter_mut().enumerate() {
                        *lane = V::load(sums.add((2 * row + 1) * PANEL + column * LANES));
                    }
                }
            }
            let (mut at, mut w) = (x, self.w.add(column * LANES));
            let end = x.add(R * self.length);
            while at < end {
                if FETCH {
                    for line in 0..C {
                        V::fetch(w.cast::<u8>().wrapping_add(AHEAD + line * LINE));
                    }
                }
                let mut weights = [V::splat(0.0); C];
                for (column, weights) in weights.iter_mut().enumerate() {
                    *weights = V::load(w.add(column * LANES));
                }
                for (row, lanes) in lanes.iter_mut().enumerate() {
                    let x = V::splat(*at.add(row));
                    for (lane, weights) in lanes.iter_mut().zip(weights) {
                        *lane = x.fma(weights, *lane);
                    }
                }
                at = at.add(R);
                w = w.wrapping_add(PANEL);
            }
            let one = V::splat(1.0);
            for (row, lanes) in lanes.into_iter().enumerate() {
                for (column, lane) in lanes.into_iter().enumerate() {
                    let sum = sums.add(2 * row * PANEL + column * LANES);
                    if !self.end {
                        lane.store(sum.add(PANEL));
                        continue;
                    }
                    let before = if self.first { V::splat(0.0) } else { V::load(sum) };
                    // Times one: an addition with one rounding.
                    lane.fma(one, before).store(sum);
                }
            }
        }
    }
}

/// Asks memory for the share of `count` lines from `from` on that one of several groups has to ask for.
#[inline(always)]
pub(crate) fn fetch_share<V: Lanes>(from: *const u8, bytes: usize, group: usize, groups: usize) {
    let lines = bytes / LINE;
    let share = lines.div_ceil(groups);
    for line in (group * share..lines).take(share) {
        V::fetch(from.wrapping_add(line * LINE));
    }
}
