//! Products of activations with weights.
//!
//! An output is the sum of products in the order of the inputs, one fused multiplication and addition after the other,
//! in blocks of [`BLOCK`] whose sums are added in turn. That order has nothing of the batch in it.

use crate::lanes::{LANES, Lanes, Level, Portable};
use crate::threads::{self, Place};

/// Inputs that are summed before they join the sum of an output.
const BLOCK: usize = 512;
/// Outputs of a panel of weights.
const PANEL: usize = 4 * LANES;
/// Rows of activations that share one reading of a panel: with four vectors of outputs each they fill the registers.
const ROWS: usize = 6;
/// Multiplications below which waking another thread costs more than it saves.
const SMALL: usize = 1 << 18;

/// A matrix of weights, in panels of `PANEL` outputs: all of them for the first input, then for the second, so that
/// a batch of any size reads it once and from front to back.
#[derive(Debug)]
pub struct Weight {
    panels: Vec<Portable>,
    outputs: usize,
    inputs: usize,
}

impl Weight {
    /// A matrix of `inputs` columns, given row by row, one row for each output.
    pub fn new(rows: &[f32], inputs: usize) -> Self {
        let inputs = inputs.max(1);
        let outputs = rows.len() / inputs;
        let mut panels = vec![Portable([0.0; LANES]); outputs.div_ceil(PANEL) * inputs * PANEL / LANES];
        for (output, row) in rows.chunks_exact(inputs).enumerate() {
            let panel = &mut panels[output / PANEL * inputs * PANEL / LANES..];
            for (vectors, weight) in panel.chunks_exact_mut(PANEL / LANES).zip(row) {
                vectors[output % PANEL / LANES].0[output % LANES] = *weight;
            }
        }
        Self {
            panels,
            outputs,
            inputs,
        }
    }

    /// The matrix row by row again.
    pub fn to_rows(&self) -> Vec<f32> {
        let mut rows = Vec::with_capacity(self.outputs * self.inputs);
        for output in 0..self.outputs {
            let panel = &self.panels[output / PANEL * self.inputs * PANEL / LANES..];
            let vectors = panel.chunks_exact(PANEL / LANES).take(self.inputs);
            rows.extend(vectors.map(|vectors| vectors[output % PANEL / LANES].0[output % LANES]));
        }
        rows
    }

    /// Length of a row of weights.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many rows of weights there are.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Writes `x * weight^T + bias` into `out` [rows, outputs], or adds it to what is there; x is [rows, inputs].
    ///
    /// # Panics
    /// When the lengths do not fit each other.
    pub fn apply(&self, x: &[f32], bias: Option<&[f32]>, out: &mut [f32], add: bool) {
        self.apply_at(Level::best(), x, bias, out, add);
    }

    fn apply_at(&self, level: Level, x: &[f32], bias: Option<&[f32]>, out: &mut [f32], add: bool) {
        let rows = x.len() / self.inputs;
        assert_eq!(rows * self.inputs, x.len(), "length of the activations");
        assert_eq!(rows * self.outputs, out.len(), "length of the output");
        assert!(
            bias.is_none_or(|bias| bias.len() == self.outputs),
            "length of the bias"
        );
        let task = Task {
            weight: self,
            x,
            rows,
            bias,
            out: Place(out.as_mut_ptr()),
            add,
        };
        let panel = |index: usize| {
            // SAFETY: `Level` names only what was detected, the lengths were checked, and panels are different
            // columns of the output.
            #[expect(unsafe_code, reason = "vectors")]
            match level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => unsafe { avx512(&task, index) },
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => unsafe { avx2(&task, index) },
                Level::Baseline => unsafe { task.panel::<Portable>(index) },
            }
        };
        let panels = self.outputs.div_ceil(PANEL);
        if rows * self.outputs * self.inputs <= SMALL {
            (0..panels).for_each(panel);
        } else {
            threads::each(panels, panel);
        }
    }
}

struct Task<'a> {
    weight: &'a Weight,
    x: &'a [f32],
    rows: usize,
    bias: Option<&'a [f32]>,
    out: Place,
    add: bool,
}

#[expect(unsafe_code, reason = "vectors")]
impl Task<'_> {
    /// One panel's columns of the output.
    ///
    /// # Safety
    /// The instructions of V are there, and nobody else writes these columns.
    #[inline(always)]
    unsafe fn panel<V: Lanes>(&self, index: usize) {
        let inputs = self.weight.inputs;
        let start = index * inputs * (PANEL / LANES);
        let panel = self.weight.panels[start..][..inputs * (PANEL / LANES)]
            .as_ptr()
            .cast::<f32>();
        let mut sums = vec![0.0_f32; self.rows * PANEL];
        for block in (0..inputs).step_by(BLOCK) {
            let length = BLOCK.min(inputs - block);
            let mut row = 0;
            while row < self.rows {
                // SAFETY: rows from `row` on, as many as the tile takes, exist in x and in sums, and
                // block + length <= inputs.
                unsafe {
                    let x = self.x.as_ptr().add(row * inputs + block);
                    let w = panel.add(block * PANEL);
                    let sums = sums.as_mut_ptr().add(row * PANEL);
                    row += match self.rows - row {
                        1 => tile::<V, 1>(x, inputs, w, length, sums),
                        2 => tile::<V, 2>(x, inputs, w, length, sums),
                        3 => tile::<V, 3>(x, inputs, w, length, sums),
                        4 => tile::<V, 4>(x, inputs, w, length, sums),
                        5 => tile::<V, 5>(x, inputs, w, length, sums),
                        _ => tile::<V, ROWS>(x, inputs, w, length, sums),
                    };
                }
            }
        }
        let from = index * PANEL;
        let width = PANEL.min(self.weight.outputs - from);
        for (row, sums) in sums.chunks_exact(PANEL).enumerate() {
            // SAFETY: row < rows and from + width <= outputs.
            let out = unsafe {
                std::slice::from_raw_parts_mut(self.out.0.add(row * self.weight.outputs + from), width)
            };
            for (index, (out, sum)) in out.iter_mut().zip(sums).enumerate() {
                let value = self.bias.map_or(*sum, |bias| *sum + bias[from + index]);
                *out = if self.add { *out + value } else { value };
            }
        }
    }
}

/// Adds `length` inputs of R rows, `stride` apart, to their sums of a panel. Returns R.
///
/// Plain loops over pointers: closures would be compiled without the instruction set, and checked indices cost more
/// than the arithmetic.
///
/// # Safety
/// The instructions of V are there, and the pointers are good.
#[inline(always)]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn tile<V: Lanes, const R: usize>(
    x: *const f32,
    stride: usize,
    w: *const f32,
    length: usize,
    sums: *mut f32,
) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        let one = V::splat(1.0);
        let mut lanes = [[V::splat(0.0); 4]; R];
        let (mut at, mut w) = (x, w);
        let end = x.add(length);
        while at < end {
            let (w0, w1, w2, w3) = (
                V::load(w),
                V::load(w.add(LANES)),
                V::load(w.add(2 * LANES)),
                V::load(w.add(3 * LANES)),
            );
            let mut row = at;
            for lanes in &mut lanes {
                let x = V::splat(*row);
                lanes[0] = x.fma(w0, lanes[0]);
                lanes[1] = x.fma(w1, lanes[1]);
                lanes[2] = x.fma(w2, lanes[2]);
                lanes[3] = x.fma(w3, lanes[3]);
                row = row.wrapping_add(stride);
            }
            at = at.add(1);
            w = w.add(PANEL);
        }
        let mut to = sums;
        for lanes in lanes {
            for lane in lanes {
                // Times one: an addition with one rounding.
                lane.fma(one, V::load(to)).store(to);
                to = to.add(LANES);
            }
        }
    }
    R
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn avx512(task: &Task<'_>, index: usize) {
    // SAFETY: the feature is enabled here; the rest is the caller's promise.
    unsafe { task.panel::<crate::lanes::Avx512>(index) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn avx2(task: &Task<'_>, index: usize) {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { task.panel::<Portable>(index) }
}

#[cfg(test)]
#[path = "product_tests.rs"]
mod tests;
