//! The exponential function, the same on every machine.

use crate::lanes::{Lanes, ROUND, power};

/// ln 2 in two parts, the first short enough for exact products with small integers.
const LN_2: (f32, f32) = (355.0 / 512.0, -2.121_944_4e-4);
/// Taylor's series from the seventh power down.
const TAYLOR: [f32; 8] = [
    1.0 / 5040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];
/// Below it e^x counts as 0.
const LEAST: f32 = -87.0;
const MOST: f32 = 88.0;

/// `e^x` for x <= 88 within two units in the last place; 0 below -87 and for -infinity.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let inside = x.clamp(LEAST, MOST);
    let rounded = inside.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    // |r| <= ln 2 / 2.
    let r = n.mul_add(-LN_2.1, n.mul_add(-LN_2.0, inside));
    let mut sum = TAYLOR[0];
    for coefficient in &TAYLOR[1..] {
        sum = r.mul_add(sum, *coefficient);
    }
    if x < LEAST { 0.0 } else { sum * power(rounded) }
}

/// [`exp`] of every lane, with the same bits.
///
/// # Safety
/// The instructions of V are there.
#[inline(always)]
#[expect(unsafe_code, reason = "vectors")]
pub(crate) unsafe fn exps<V: Lanes>(x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let inside = x.max(V::splat(LEAST)).min(V::splat(MOST));
        let rounded = inside.fma(V::splat(std::f32::consts::LOG2_E), V::splat(ROUND));
        let n = V::splat(-1.0).fma(V::splat(ROUND), rounded);
        let r = n.fma(V::splat(-LN_2.1), n.fma(V::splat(-LN_2.0), inside));
        let mut sum = V::splat(TAYLOR[0]);
        for coefficient in &TAYLOR[1..] {
            sum = r.fma(sum, V::splat(*coefficient));
        }
        sum.mul(rounded.power()).zero_below(x, LEAST)
    }
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let e = exp(-2.0 * x.abs());
    ((1.0 - e) / (1.0 + e)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{LANES, Portable};

    #[test]
    fn exponential_and_tangent_are_exact_to_a_few_units_in_the_last_place() {
        for i in -86_000..88_000 {
            let x = i as f32 / 1000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2.0 * f64::from(f32::EPSILON), "{x}: {error}");
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 2e-7, "{x}");
        }
        assert_eq!([exp(0.0), exp(f32::NEG_INFINITY), exp(-1e30)], [1.0, 0.0, 0.0]);
    }

    #[test]
    fn lanes_have_the_bits_of_single_numbers() {
        let mut x = Portable([0.0; LANES]);
        let ends = [f32::NEG_INFINITY, -1e30, -87.1, LEAST, -86.9, -0.0, 0.0, MOST];
        let numbers = (-90_000..88_000).map(|i| i as f32 / 1000.0).chain(ends);
        for (index, number) in numbers.enumerate() {
            x.0[index % LANES] = number;
            if index % LANES == LANES - 1 {
                #[expect(unsafe_code, reason = "plain Rust, which needs nothing")]
                // SAFETY: no instruction set is asked for.
                let all = unsafe { exps(x) };
                assert_eq!(all.0.map(f32::to_bits), x.0.map(|x| exp(x).to_bits()));
            }
        }
    }
}
