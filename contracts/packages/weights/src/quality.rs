//! How far a host's claims of work are believed.

use crate::scaled;

/// Everything, in millionths.
pub const WHOLE: u32 = 1_000_000;

/// Part of the claimed work that counts, in millionths: everything while no drawn leaf failed, else the lower
/// end of the Wilson score interval at two standard deviations for `clean` of `clean + failed`,
/// `(c + 2 - 2 sqrt(1 + c f / n)) / (n + 4)`, rounded down. Counts below 2^40 are exact; larger ones count
/// for nothing.
///
/// Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
pub fn quality(clean: u64, failed: u64) -> u32 {
    if failed == 0 {
        return WHOLE;
    }
    lower_bound(clean.into(), failed.into()).unwrap_or(0)
}

fn lower_bound(clean: u128, failed: u128) -> Option<u32> {
    const MICRO: u128 = WHOLE as u128;
    let leaves = clean.checked_add(failed)?;
    let inner = clean.checked_mul(failed)?.checked_add(leaves)?;
    // the root is rounded up, so the bound down
    let square = inner.checked_mul(MICRO * MICRO)?.div_ceil(leaves);
    let root = square.isqrt();
    let root = root.checked_add(u128::from(root.checked_mul(root)? < square))?;
    let above = clean.checked_add(2)?.checked_mul(MICRO)?;
    let bound = above
        .saturating_sub(root.checked_mul(2)?)
        .checked_div(leaves.checked_add(4)?)?;
    u32::try_from(bound).ok()
}

/// `weight` as far as it is believed.
pub fn believed(weight: u64, quality: u32) -> u64 {
    scaled(weight, quality.min(WHOLE).into(), WHOLE.into())
}
