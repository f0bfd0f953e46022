//! A set of token ids.

/// A set of token ids as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMask {
    bits: Vec<u64>,
}

impl TokenMask {
    /// The ids `0 .. count`.
    pub fn first(count: u32) -> Self {
        (0..count).collect()
    }

    /// Whether `id` is in the set.
    pub fn contains(&self, id: u32) -> bool {
        self.bits
            .get((id >> 6) as usize)
            .is_some_and(|word| word >> (id & 63) & 1 == 1)
    }

    /// How many ids the set holds.
    pub fn len(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The ids, rising.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let words = self.bits.iter().zip((0..).step_by(64));
        words.flat_map(|(word, first)| {
            (0..64)
                .filter(move |bit| word >> bit & 1 == 1)
                .map(move |bit| first + bit)
        })
    }

    /// The largest id in the set.
    pub fn last(&self) -> Option<u32> {
        let (index, word) = self.bits.iter().enumerate().rev().find(|(_, word)| **word != 0)?;
        Some(index as u32 * 64 + word.ilog2())
    }

    /// Whether the set holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<u32> for TokenMask {
    fn from_iter<I: IntoIterator<Item = u32>>(ids: I) -> Self {
        let mut bits = Vec::new();
        for id in ids {
            let word = (id >> 6) as usize;
            if word >= bits.len() {
                bits.resize(word + 1, 0u64);
            }
            bits[word] |= 1 << (id & 63);
        }
        Self { bits }
    }
}
