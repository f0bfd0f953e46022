//! The exponential function, the same on every machine.

/// `e^x` for x <= 88 within two units in the last place; 0 below -87 and for -infinity.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// Adding and subtracting it rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first short enough for exact products with small integers.
    const LN_2: (f32, f32) = (355.0 / 512.0, -2.121_944_4e-4);
    let inside = x.clamp(-87.0, 88.0);
    let n = inside.mul_add(std::f32::consts::LOG2_E, ROUND) - ROUND;
    let r = n.mul_add(-LN_2.1, n.mul_add(-LN_2.0, inside));
    // Taylor's series to the seventh power; |r| <= ln 2 / 2.
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = r.mul_add(sum, coefficient);
    }
    // Within bounds; a check would keep the compiler from vectors.
    let power = f32::from_bits(((n as i32).wrapping_add(127) as u32) << 23);
    if x < -87.0 { 0.0 } else { sum * power }
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
}
