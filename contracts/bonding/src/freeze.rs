//! How long a judge's freeze holds coins that leave.
//!
//! A bucket that ends while a freeze lasts is held until the freeze is over, and at least `hold` blocks, in which
//! everything that the host committed by then is judged; but never for more than `most` blocks beyond its end,
//! whatever judges say and however often. So a host that goes silent locks nobody's coins for ever, and one that goes
//! silent in time does not get its coins out before it is judged.

use serde::{Deserialize, Serialize};

/// A freeze, under the parameters of its last renewal. None by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Last block of it.
    until: u64,
    /// Least blocks for which it holds a bucket that ends meanwhile.
    hold: u64,
    /// Most blocks beyond its end for which a bucket is held.
    most: u64,
}

impl Freeze {
    /// From `height` for `blocks`, holding a bucket for at most `most`.
    pub const fn new(height: u64, blocks: u64, most: u64) -> Self {
        Self {
            until: height.saturating_add(blocks),
            hold: blocks,
            most,
        }
    }

    /// Whether it lasts at a height.
    pub const fn lasts(&self, height: u64) -> bool {
        self.until >= height
    }

    /// Last block in which a bucket that ends with block `end` can be slashed.
    pub fn last(&self, end: u64) -> u64 {
        if end > self.until {
            return end;
        }
        let held = end.saturating_add(self.hold).max(self.until);
        held.min(end.saturating_add(self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bucket_is_held_longer_than_the_bound_nor_shorter_than_its_own_time(
            height in 0..1_000_u64, blocks in 1..100_u64, more in 0..200_u64, end in 0..2_000_u64,
        ) {
            let freeze = Freeze::new(height, blocks, blocks + more);
            let last = freeze.last(end);
            prop_assert!((end..=end + blocks + more).contains(&last));
            if freeze.lasts(end) {
                prop_assert!(last >= end + blocks, "what was committed by its end is judged before");
            } else {
                prop_assert_eq!(last, end);
            }
        }

        #[test]
        fn a_renewal_never_ends_a_bucket_earlier(
            first in 0..1_000_u64, later in 0..1_000_u64, blocks in 1..100_u64, more in 0..200_u64, end in 0..2_000_u64,
        ) {
            let old = Freeze::new(first, blocks, blocks + more);
            let new = Freeze::new(first + later, blocks, blocks + more);
            prop_assert!(new.last(end) >= old.last(end));
        }
    }

    #[test]
    fn without_a_freeze_a_bucket_has_its_own_end() {
        assert_eq!(Freeze::default().last(7), 7);
        assert!(!Freeze::default().lasts(1));
        assert_eq!(Freeze::new(u64::MAX, 5, 5).last(u64::MAX), u64::MAX);
    }
}
