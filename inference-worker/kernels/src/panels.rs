//! Weights in the order in which products read them.

use crate::half;
use crate::lanes::{LANES, Level};
use crate::packed::Packed;
use memmap2::MmapMut;
use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Outputs of a panel of weights.
pub(crate) const PANEL: usize = 4 * LANES;

/// Numbers of a matrix from which on it is packed: a smaller one lies in a cache, from which it is read faster than it is
/// unpacked.
const LARGE: usize = 1 << 19;

/// A matrix in panels of [`PANEL`] outputs: all of them for the first input, then for the second. Numbers lie as they are,
/// or in 16 bits where that loses nothing.
pub(crate) enum Panels {
    Whole(Numbers<f32>),
    /// In bfloat16.
    Upper(Numbers<u16>),
    /// In half precision.
    Half(Numbers<u16>),
    /// In fewer bits.
    Packed(Packed),
}

/// Place of a weight in the panels.
fn place(output: usize, input: usize, inputs: usize) -> usize {
    (output / PANEL * inputs + input) * PANEL + output % PANEL
}

fn lay<T: Number>(rows: &[f32], inputs: usize, part: impl Fn(f32) -> T) -> Numbers<T> {
    let mut numbers = Numbers::zeroed((rows.len() / inputs).div_ceil(PANEL) * inputs * PANEL);
    for (output, row) in rows.chunks_exact(inputs).enumerate() {
        for (input, number) in row.iter().enumerate() {
            numbers[place(output, input, inputs)] = part(*number);
        }
    }
    numbers
}

impl Panels {
    /// From a matrix row by row, one row of `inputs` numbers for each output; in as little memory as loses nothing,
    /// and as a processor of this level reads it fastest.
    pub(crate) fn new(rows: &[f32], inputs: usize, level: Level) -> Self {
        let all = |part: fn(f32) -> Option<u16>| rows.iter().all(|number| part(*number).is_some());
        let upper = all(half::upper);
        if rows.len() >= LARGE
            && level.unpacks()
            && (upper || !all(half::half))
            && let Some(packed) = Packed::new(rows, inputs, !upper)
        {
            Self::Packed(packed)
        } else if upper {
            Self::Upper(lay(rows, inputs, |number| half::upper(number).unwrap_or(0)))
        } else if all(half::half) {
            Self::Half(lay(rows, inputs, |number| half::half(number).unwrap_or(0)))
        } else {
            Self::Whole(lay(rows, inputs, |number| number))
        }
    }

    /// The weights of an output.
    pub(crate) fn row(&self, output: usize, inputs: usize) -> impl Iterator<Item = f32> {
        (0..inputs).map(move |input| match self {
            Self::Whole(numbers) => numbers[place(output, input, inputs)],
            Self::Upper(numbers) => half::of_upper(numbers[place(output, input, inputs)]),
            Self::Half(numbers) => half::of_half(numbers[place(output, input, inputs)]),
            Self::Packed(packed) => packed.number(output, input, inputs),
        })
    }

    /// In fewer bits, even if they are few, or if many are strays.
    #[cfg(test)]
    pub(crate) fn packed(rows: &[f32], inputs: usize, whole: bool) -> Self {
        Self::Packed(Packed::within(rows, inputs, whole, rows.len()).expect("room for all strays"))
    }

    /// With whole numbers, even if half would do.
    #[cfg(test)]
    pub(crate) fn whole(rows: &[f32], inputs: usize) -> Self {
        Self::Whole(lay(rows, inputs, |number| number))
    }

    /// Bytes that the weights take.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Whole(numbers) => size_of_val(&**numbers),
            Self::Upper(numbers) | Self::Half(numbers) => size_of_val(&**numbers),
            Self::Packed(packed) => packed.bytes(),
        }
    }
}

impl fmt::Debug for Panels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of weights", self.bytes())
    }
}

/// Numbers in large pages of the system where it has them: reading from front to back is up to a seventh faster.
pub(crate) struct Numbers<T> {
    map: MmapMut,
    count: usize,
    kind: PhantomData<T>,
}

impl<T: Number> Numbers<T> {
    pub(crate) fn zeroed(count: usize) -> Self {
        let bytes = count.saturating_mul(size_of::<T>()).max(1);
        let Ok(map) = MmapMut::map_anon(bytes) else {
            handle_alloc_error(Layout::new::<T>());
        };
        // Advice that the system does not take costs time and nothing else.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Self {
            map,
            count,
            kind: PhantomData,
        }
    }
}

/// Numbers of which all bits are one, zero among them.
pub(crate) trait Number: Copy {}
impl Number for f32 {}
impl Number for u16 {}
impl Number for u8 {}

#[expect(unsafe_code, reason = "bytes as numbers")]
impl<T: Number> Deref for Numbers<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: the map has room for `count`, begins with a page, and any bits are a number.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.count) }
    }
}

#[expect(unsafe_code, reason = "bytes as numbers")]
impl<T: Number> DerefMut for Numbers<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.map.as_mut_ptr().cast(), self.count) }
    }
}
