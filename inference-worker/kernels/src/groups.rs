//! Rows of activations in the order in which tiles read them.

use crate::threads::{self, Place};

/// Rows of a tile at most: with four vectors of outputs each they fill the registers.
pub(crate) const ROWS: usize = 6;
/// Inputs whose weights of a panel stay in the first cache while the rows pass.
pub(crate) const STRIP: usize = 64;
/// Activations above which several threads order them.
const SMALL: usize = 1 << 16;

/// Rows in groups of nearly the same size, none above [`ROWS`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Groups {
    pub(crate) rows: usize,
    pub(crate) count: usize,
}

impl Groups {
    pub(crate) fn new(rows: usize) -> Self {
        let count = rows.div_ceil(ROWS);
        Self { rows, count }
    }

    /// First row of a group, and how many it has.
    pub(crate) fn place(&self, group: usize) -> (usize, usize) {
        let (size, larger) = (self.rows / self.count, self.rows % self.count);
        (
            group * size + group.min(larger),
            size + usize::from(group < larger),
        )
    }

    /// Strip by strip, group by group, the rows of a group side by side: their first input, then their second.
    pub(crate) fn pack(&self, x: &[f32], inputs: usize) -> Vec<f32> {
        let mut packed = vec![0.0; x.len()];
        let place = Place(packed.as_mut_ptr());
        let strip = |index: usize| {
            let from = index * STRIP;
            let length = STRIP.min(inputs - from);
            for group in 0..self.count {
                let (start, rows) = self.place(group);
                let group = &x[start * inputs..(start + rows) * inputs];
                let first = from * self.rows + start * length;
                for (row, x) in group.chunks_exact(inputs).enumerate() {
                    for (input, x) in x[from..from + length].iter().enumerate() {
                        // SAFETY: a strip has `length * rows` places from `from * rows` on, which are this task's.
                        #[expect(unsafe_code, reason = "tasks write different parts of one vector")]
                        unsafe {
                            place.put(first + input * rows + row, *x);
                        }
                    }
                }
            }
        };
        let strips = inputs.div_ceil(STRIP);
        if x.len() <= SMALL {
            (0..strips).for_each(strip);
        } else {
            threads::each(strips, strip);
        }
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_nearly_the_same_size_and_packing_keeps_every_number() {
        for rows in 1..40 {
            let groups = Groups::new(rows);
            let sizes: Vec<usize> = (0..groups.count).map(|group| groups.place(group).1).collect();
            assert_eq!(sizes.iter().sum::<usize>(), rows);
            assert!(
                sizes
                    .iter()
                    .all(|size| (1..=ROWS).contains(size) && size + 1 >= sizes[0])
            );
            let inputs = STRIP + 3;
            let x: Vec<f32> = (0..rows * inputs).map(|i| i as f32).collect();
            let packed = groups.pack(&x, inputs);
            for group in 0..groups.count {
                let (start, size) = groups.place(group);
                for (row, input) in (0..size).flat_map(|row| (0..inputs).map(move |input| (row, input))) {
                    let (from, length) = if input < STRIP { (0, STRIP) } else { (STRIP, 3) };
                    let place = from * rows + start * length + (input - from) * size + row;
                    assert_eq!(packed[place], x[(start + row) * inputs + input]);
                }
            }
        }
    }
}
