//! Numbers of 16 bits: bfloat16, the upper half of an fp32, and IEEE's half precision. Both widen exactly.

/// The number whose upper half this is.
#[inline(always)]
pub(crate) fn of_upper(upper: u16) -> f32 {
    f32::from_bits(u32::from(upper) << 16)
}

/// The upper half of a number whose lower half is zero.
pub(crate) fn upper(number: f32) -> Option<u16> {
    let bits = number.to_bits();
    (bits & 0xffff == 0).then_some((bits >> 16) as u16)
}

/// Between the exponents of both formats, in place.
const BIAS: u32 = (127 - 15) << 23;
/// The smallest number above zero in half precision, as which the subnormal ones count.
const UNIT: f32 = 1.0 / 16_777_216.0;

/// A finite number in half precision. No step on the way is subnormal, which some processes take for zero.
#[inline(always)]
pub(crate) fn of_half(half: u16) -> f32 {
    let (sign, rest) = (u32::from(half & 0x8000) << 16, u32::from(half & 0x7fff));
    let normal = (rest << 13).wrapping_add(BIAS);
    let subnormal = (rest as f32 * UNIT).to_bits();
    f32::from_bits(sign | if rest < 0x400 { subnormal } else { normal })
}

/// A finite number in half precision, if it is one there.
pub(crate) fn half(number: f32) -> Option<u16> {
    let sign = (number.to_bits() >> 16) as u16 & 0x8000;
    let size = number.abs();
    let units = size / UNIT;
    let rest = if units < 1024.0 {
        units as u32
    } else {
        size.to_bits().checked_sub(BIAS)? >> 13
    };
    let half = u16::try_from(rest).ok().filter(|rest| *rest < 0x7c00)? | sign;
    (of_half(half).to_bits() == number.to_bits()).then_some(half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{LANES, Lanes, Portable};

    /// The definition.
    fn slow(half: u16) -> f64 {
        let (exponent, fraction) = (i32::from(half >> 10 & 31), f64::from(half & 1023));
        let size = match exponent {
            0 => fraction * 2f64.powi(-24),
            _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
        };
        if half >> 15 == 1 { -size } else { size }
    }

    #[test]
    fn every_finite_half_widens_as_defined_with_every_instruction_set_and_comes_back() {
        let all: Vec<u16> = (0..=u16::MAX).filter(|half| half & 0x7c00 != 0x7c00).collect();
        for half_of in &all {
            let wide = of_half(*half_of);
            assert_eq!(
                f64::from(wide).to_bits(),
                slow(*half_of).to_bits(),
                "{half_of:#x}"
            );
            assert_eq!(half(wide), Some(*half_of));
            // Its neighbours among the numbers of 32 bits are none of 16.
            assert_eq!(half(f32::from_bits(wide.to_bits() ^ 1)), None, "{half_of:#x}");
        }
        for chunk in all.chunks_exact(LANES) {
            let wanted: Vec<u32> = chunk.iter().map(|half| of_half(*half).to_bits()).collect();
            let mut found = [0.0_f32; LANES];
            // SAFETY: both have all lanes, and AVX-512 is asked for.
            #[expect(unsafe_code, reason = "vectors")]
            unsafe {
                Portable::widen_half(chunk.as_ptr()).store(found.as_mut_ptr());
                assert_eq!(found.map(f32::to_bits).as_slice(), wanted);
                #[cfg(target_arch = "x86_64")]
                if is_x86_feature_detected!("avx512f") {
                    avx512(chunk.as_ptr(), &mut found);
                    assert_eq!(found.map(f32::to_bits).as_slice(), wanted);
                }
            }
        }
        for none in [
            65_520.0,
            1e30,
            f32::INFINITY,
            f32::NAN,
            1e-8,
            f32::from_bits(1),
            1.0 / 3.0,
        ] {
            assert_eq!((half(none), half(-none)), (None, None), "{none}");
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    #[expect(unsafe_code, reason = "vectors")]
    unsafe fn avx512(from: *const u16, to: &mut [f32; LANES]) {
        // SAFETY: the caller's promise.
        unsafe { crate::lanes::Avx512::widen_half(from).store(to.as_mut_ptr()) }
    }
}
