//! Products of activations with weights.
//!
//! An output is the sum of products in the order of the inputs, one fused multiplication and addition after the other,
//! in blocks of [`BLOCK`] whose sums are added in turn. That order has nothing of the batch in it, nor of the tiles in
//! which outputs are computed, nor of the bits in which weights are kept.

use crate::few;
use crate::groups::{Groups, ROWS, STRIP};
use crate::lanes::{LANES, Lanes, Level, Portable};
use crate::packed::{self, Panel};
use crate::panels::{PANEL, Panels};
use crate::threads::{self, Place};
use crate::tile::{Part, fetch_share};
use std::cell::Cell;

/// Inputs that are summed before they join the sum of an output; a multiple of [`STRIP`].
const BLOCK: usize = 512;
/// Activations that pass all weights before others do.
const CHUNK: usize = 1 << 19;
/// Groups of rows up to which each decodes packed weights for itself; more share what one has decoded.
const FEW: usize = 2;
/// Multiplications below which waking another thread costs more than it saves.
const SMALL: usize = 1 << 18;

/// A matrix of weights, in an order in which a batch of any size reads it once and from front to back.
#[derive(Debug)]
pub struct Weight {
    panels: Panels,
    outputs: usize,
    inputs: usize,
}

impl Weight {
    /// A matrix of `inputs` columns, given row by row, one row for each output. If all of its numbers are bfloat16
    /// or all are of half precision, it takes half the memory; products have the same bits.
    pub fn new(rows: &[f32], inputs: usize) -> Self {
        let inputs = inputs.max(1);
        Self {
            panels: Panels::new(rows, inputs, Level::best()),
            outputs: rows.len() / inputs,
            inputs,
        }
    }

    /// A row of the matrix.
    ///
    /// # Panics
    /// When it has none of this number.
    pub fn row(&self, output: usize) -> impl Iterator<Item = f32> {
        assert!(output < self.outputs, "a row of weights");
        self.panels.row(output, self.inputs)
    }

    /// The matrix row by row again.
    pub fn to_rows(&self) -> Vec<f32> {
        (0..self.outputs).flat_map(|output| self.row(output)).collect()
    }

    /// Length of a row of weights.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many rows of weights there are.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes that the weights take in memory.
    pub fn bytes(&self) -> usize {
        self.panels.bytes()
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
        if out.is_empty() {
            return;
        }
        let rows = (CHUNK / self.inputs / ROWS).max(1) * ROWS;
        for (x, out) in x
            .chunks(rows * self.inputs)
            .zip(out.chunks_mut(rows * self.outputs))
        {
            self.apply_chunk(level, x, bias, out, add);
        }
    }

    fn apply_chunk(&self, level: Level, x: &[f32], bias: Option<&[f32]>, out: &mut [f32], add: bool) {
        let groups = Groups::new(x.len() / self.inputs);
        let packed;
        let x = if groups.rows == 1 {
            x
        } else {
            packed = groups.pack(x, self.inputs);
            &packed
        };
        let task = Task {
            weight: self,
            x,
            groups,
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
        if groups.rows * self.outputs * self.inputs <= SMALL {
            (0..panels).for_each(panel);
        } else {
            threads::each(panels, panel);
        }
    }
}

thread_local! {
    /// Where the sums of a task lie; the next one overwrites them.
    static SUMS: Cell<Vec<Portable>> = const { Cell::new(Vec::new()) };
}

struct Task<'a> {
    weight: &'a Weight,
    /// As [`Groups::pack`] gives it.
    x: &'a [f32],
    groups: Groups,
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
        let (inputs, groups) = (self.weight.inputs, self.groups);
        let mut held = SUMS.take();
        let vectors = 2 * groups.rows * PANEL / LANES;
        if held.len() < vectors {
            held.resize(vectors, Portable([0.0; LANES]));
        }
        let sums = held.as_mut_ptr().cast::<f32>();
        if V::WIDE
            && groups.count <= FEW
            && let Panels::Packed(packed) = &self.weight.panels
        {
            // SAFETY: the caller's promise; all rows have sums.
            unsafe {
                if packed.whole {
                    self.few::<V, true>(packed.panel(index, inputs), sums);
                } else {
                    self.few::<V, false>(packed.panel(index, inputs), sums);
                }
                self.put::<V>(index, sums);
            }
            SUMS.set(held);
            return;
        }
        let mut wide = [Portable([0.0; LANES]); STRIP * PANEL / LANES];
        // One group reads its weights once, and takes them as they come from memory.
        let strip = match (&self.weight.panels, groups.count) {
            (Panels::Whole(_), 1) => BLOCK,
            _ => STRIP,
        };
        let start = index * inputs * PANEL;
        for block in (0..inputs).step_by(BLOCK) {
            let end = inputs.min(block + BLOCK);
            for from in (block..end).step_by(strip) {
                let length = strip.min(end - from);
                let place = start + from * PANEL;
                let (w, stored, bytes) = match &self.weight.panels {
                    Panels::Packed(packed) => {
                        let panel = packed.panel(index, inputs).part(from, length, packed.whole);
                        let to = wide.as_mut_ptr().cast();
                        // SAFETY: `wide` holds a strip.
                        unsafe {
                            if packed.whole {
                                unpack::<V, true>(panel, from, to);
                            } else {
                                unpack::<V, false>(panel, from, to);
                            }
                        }
                        (wide.as_ptr().cast(), panel.records.as_ptr(), panel.records.len())
                    }
                    Panels::Whole(numbers) => {
                        let part = &numbers[place..place + length * PANEL];
                        (part.as_ptr(), part.as_ptr().cast::<u8>(), size_of_val(part))
                    }
                    Panels::Upper(numbers) | Panels::Half(numbers) => {
                        let part = &numbers[place..place + length * PANEL];
                        let to = wide.as_mut_ptr().cast();
                        // SAFETY: `wide` holds a strip.
                        unsafe {
                            match self.weight.panels {
                                Panels::Half(_) => widen::<V, true>(part, to),
                                _ => widen::<V, false>(part, to),
                            }
                        }
                        (
                            wide.as_ptr().cast(),
                            part.as_ptr().cast::<u8>(),
                            size_of_val(part),
                        )
                    }
                };
                let part = Part {
                    w,
                    length,
                    begin: from == block,
                    end: from + length == end,
                    first: block == 0,
                };
                let few = groups.count < 3 && matches!(self.weight.panels, Panels::Whole(_));
                for group in 0..groups.count {
                    let (row, rows) = groups.place(group);
                    if groups.count >= 3 {
                        fetch_share::<V>(stored.wrapping_add(bytes), bytes, group, groups.count);
                    }
                    // SAFETY: the group's rows exist in x and in sums, and from + length <= inputs.
                    unsafe {
                        let x = self.x.as_ptr().add(from * groups.rows + row * length);
                        let sums = sums.add(2 * row * PANEL);
                        if few && group == 0 {
                            part.group::<V, true>(rows, x, sums);
                        } else {
                            part.group::<V, false>(rows, x, sums);
                        }
                    }
                }
            }
        }
        // SAFETY: all rows have sums, and these columns of the output are there.
        unsafe { self.put::<V>(index, sums) };
        SUMS.set(held);
    }

    /// Sums of a packed panel for few groups, each of which decodes it.
    ///
    /// # Safety
    /// As [`Task::panel`], and all rows have sums.
    #[inline(always)]
    unsafe fn few<V: Lanes, const WHOLE: bool>(&self, panel: Panel<'_>, sums: *mut f32) {
        let (inputs, groups) = (self.weight.inputs, self.groups);
        let strip = if groups.count == 1 { BLOCK } else { STRIP };
        for from in (0..inputs).step_by(strip) {
            let length = strip.min(inputs - from);
            let strip = few::Strip {
                panel: panel.part(from, length, WHOLE),
                from,
                begin: from % BLOCK == 0,
                end: (from + length) % BLOCK == 0 || from + length == inputs,
                first: from < BLOCK,
            };
            for group in 0..groups.count {
                let (row, rows) = groups.place(group);
                let x = &self.x[from * groups.rows + row * length..][..rows * length];
                // SAFETY: the caller's promise.
                unsafe {
                    let sums = sums.add(2 * row * PANEL);
                    strip.group::<V, WHOLE>(rows, x, sums, group == 0);
                }
            }
        }
    }

    /// Writes the sums of a panel to its columns of the output.
    ///
    /// # Safety
    /// As [`Task::panel`].
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, index: usize, sums: *const f32) {
        let (from, outputs) = (index * PANEL, self.weight.outputs);
        let width = PANEL.min(outputs - from);
        let bias = self.bias.map(|bias| &bias[from..from + width]);
        for row in 0..self.groups.rows {
            let mut column = 0;
            // SAFETY: row < rows and from + width <= outputs.
            unsafe {
                let (sums, out) = (sums.add(2 * row * PANEL), self.out.0.add(row * outputs + from));
                let one = V::splat(1.0);
                while column + LANES <= width {
                    let mut value = V::load(sums.add(column));
                    if let Some(bias) = bias {
                        value = value.fma(one, V::load(bias.as_ptr().add(column)));
                    }
                    if self.add {
                        value = value.fma(one, V::load(out.add(column)));
                    }
                    value.store(out.add(column));
                    column += LANES;
                }
                while column < width {
                    let value = *sums.add(column);
                    let value = bias.map_or(value, |bias| value + bias[column]);
                    *out.add(column) = if self.add { *out.add(column) + value } else { value };
                    column += 1;
                }
            }
        }
    }
}

/// Numbers from 16 bits: in half precision, or their upper halves.
///
/// # Safety
/// The instructions of V are there, and there is room for all of `part`, whose length is a multiple of LANES.
#[inline(always)]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn widen<V: Lanes, const HALF: bool>(part: &[u16], to: *mut f32) {
    /// Bytes from what is read to what is asked of memory.
    const AHEAD: usize = 2048;
    let (mut from, mut to) = (part.as_ptr(), to);
    for _ in 0..part.len() / LANES {
        V::fetch(from.cast::<u8>().wrapping_add(AHEAD));
        // SAFETY: the caller's promise.
        unsafe {
            if HALF {
                V::widen_half(from).store(to);
            } else {
                V::widen(from).store(to);
            }
            from = from.add(LANES);
            to = to.add(LANES);
        }
    }
}

/// Numbers of a strip of a panel, whose first input is `first`.
///
/// # Safety
/// The instructions of V are there, and there is room for the strip.
#[inline(always)]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn unpack<V: Lanes, const WHOLE: bool>(panel: Panel<'_>, first: usize, to: *mut f32) {
    let mut place = to;
    for record in panel.records.chunks_exact(packed::record(WHOLE)) {
        // SAFETY: the caller's promise.
        unsafe {
            for numbers in [
                V::unpack::<WHOLE, false>(record.as_ptr(), panel.table),
                V::unpack::<WHOLE, true>(record.as_ptr(), panel.table),
            ] {
                for number in numbers {
                    number.store(place);
                    place = place.add(LANES);
                }
            }
        }
    }
    for stray in panel.strays {
        let place = (stray.input as usize - first) * PANEL + stray.column as usize;
        // SAFETY: the input is one of the strip.
        unsafe { *to.add(place) = stray.number };
    }
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
