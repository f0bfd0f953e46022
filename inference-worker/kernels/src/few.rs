//! Sums of a few rows of activations and packed weights, all in registers.

use crate::groups::ROWS;
use crate::lanes::{LANES, Lanes};
use crate::packed::{self, EXPONENTS, Panel, Stray};
use crate::panels::PANEL;

/// Vectors of a panel.
const VECTORS: usize = PANEL / LANES;

type Sums<V, const R: usize> = [[V; VECTORS]; R];

/// Some inputs of a panel.
#[derive(Clone, Copy)]
pub(crate) struct Strip<'a> {
    pub(crate) panel: Panel<'a>,
    /// The first of the inputs, which is even.
    pub(crate) from: usize,
    /// Whether they begin and end a block of inputs.
    pub(crate) begin: bool,
    pub(crate) end: bool,
    /// Whether the block is the first.
    pub(crate) first: bool,
}

impl Strip<'_> {
    /// Adds these inputs of `rows` rows, side by side in `x`, to their `sums`, as [`crate::tile::Part::group`] does. Asks memory for what
    /// follows if `fetch` says so.
    ///
    /// # Safety
    /// The instructions of V are there, the rows are one to [`ROWS`], the strip has a record for each two inputs of `x`, and
    /// each row has its sums.
    #[inline(always)]
    #[expect(unsafe_code, reason = "vectors")]
    pub(crate) unsafe fn group<V: Lanes, const WHOLE: bool>(
        self,
        rows: usize,
        x: &[f32],
        sums: *mut f32,
        fetch: bool,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match rows {
                1 => self.rows::<V, WHOLE, 1>(x, sums, fetch),
                2 => self.rows::<V, WHOLE, 2>(x, sums, fetch),
                3 => self.rows::<V, WHOLE, 3>(x, sums, fetch),
                4 => self.rows::<V, WHOLE, 4>(x, sums, fetch),
                5 => self.rows::<V, WHOLE, 5>(x, sums, fetch),
                _ => self.rows::<V, WHOLE, ROWS>(x, sums, fetch),
            }
        }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "vectors")]
    unsafe fn rows<V: Lanes, const WHOLE: bool, const R: usize>(
        self,
        x: &[f32],
        sums: *mut f32,
        fetch: bool,
    ) {
        let Panel {
            records,
            table,
            mut strays,
        } = self.panel;
        let (mut record, mut input) = (records.as_ptr(), self.from as u32);
        // SAFETY: the caller's promise.
        unsafe {
            let mut lanes: Sums<V, R> = [[V::splat(0.0); VECTORS]; R];
            if !self.begin {
                for (row, lanes) in lanes.iter_mut().enumerate() {
                    for (vector, lane) in lanes.iter_mut().enumerate() {
                        *lane = V::load(sums.add((2 * row + 1) * PANEL + vector * LANES));
                    }
                }
            }
            let (pairs, last) = x.as_chunks::<R>().0.as_chunks::<2>();
            for x in pairs {
                if fetch {
                    packed::fetch::<V, WHOLE>(record);
                }
                if strays.first().is_some_and(|stray| stray.input < input + 2) {
                    strays = patched::<V, WHOLE, R>(record, table, strays, input, x, &mut lanes);
                } else {
                    add(V::unpack::<WHOLE, false>(record, table), &x[0], &mut lanes);
                    add(V::unpack::<WHOLE, true>(record, table), &x[1], &mut lanes);
                }
                input += 2;
                record = record.wrapping_add(packed::record(WHOLE));
            }
            if !last.is_empty() {
                patched::<V, WHOLE, R>(record, table, strays, input, last, &mut lanes);
            }
            let one = V::splat(1.0);
            for (row, lanes) in lanes.into_iter().enumerate() {
                for (vector, lane) in lanes.into_iter().enumerate() {
                    let sum = sums.add(2 * row * PANEL + vector * LANES);
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

/// Adds an input.
///
/// # Safety
/// The instructions of V are there.
#[inline(always)]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn add<V: Lanes, const R: usize>(numbers: [V; VECTORS], x: &[f32; R], lanes: &mut Sums<V, R>) {
    for (lanes, x) in lanes.iter_mut().zip(x) {
        // SAFETY: the caller's promise.
        unsafe {
            let x = V::splat(*x);
            for (lane, numbers) in lanes.iter_mut().zip(numbers) {
                *lane = x.fma(numbers, *lane);
            }
        }
    }
}

/// Adds one input of a record or both, strays in their places, and returns the strays of later ones.
///
/// # Safety
/// The instructions of V are there, and so is the record.
#[inline(always)]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn patched<'a, V: Lanes, const WHOLE: bool, const R: usize>(
    record: *const u8,
    table: &[u32; EXPONENTS],
    mut strays: &'a [Stray],
    first: u32,
    x: &[[f32; R]],
    lanes: &mut Sums<V, R>,
) -> &'a [Stray] {
    // SAFETY: the caller's promise; vectors are those of PANEL numbers.
    unsafe {
        let numbers = [
            V::unpack::<WHOLE, false>(record, table),
            V::unpack::<WHOLE, true>(record, table),
        ];
        let mut held = [[0.0; PANEL]; 2];
        let places = held.as_flattened_mut().as_chunks_mut::<LANES>().0;
        for (numbers, place) in numbers.as_flattened().iter().zip(places) {
            numbers.store(place.as_mut_ptr());
        }
        while let [stray, rest @ ..] = strays
            && stray.input < first + 2
        {
            held[(stray.input - first) as usize][stray.column as usize] = stray.number;
            strays = rest;
        }
        for (x, held) in x.iter().zip(&held) {
            let mut numbers = [V::splat(0.0); VECTORS];
            for (numbers, held) in numbers.iter_mut().zip(held.as_chunks::<LANES>().0) {
                *numbers = V::load(held.as_ptr());
            }
            add(numbers, x, lanes);
        }
    }
    strays
}
