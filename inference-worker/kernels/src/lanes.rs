//! Sixteen numbers at once, the unit of every kernel.

use crate::half;
use crate::packed::{self, EXPONENTS};

/// Numbers in one vector.
pub(crate) const LANES: usize = 16;

/// Sixteen lanes. Every operation rounds as IEEE 754 says, so that all implementations agree to the bit.
///
/// # Safety
/// The functions of an implementation may need an instruction set, which its caller has found to be there; pointers
/// must be good for the lanes that are read or written.
#[expect(unsafe_code, reason = "vector instructions and unchecked loads")]
pub(crate) unsafe trait Lanes: Copy {
    /// Whether registers hold two dozen sums.
    const WIDE: bool;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// `self * b + c` with one rounding.
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    /// The larger of each pair; the second if none is.
    unsafe fn max(self, b: Self) -> Self;
    /// The smaller of each pair; the second if none is.
    unsafe fn min(self, b: Self) -> Self;
    /// Two to the power of the integer to which adding 1.5 * 2^23 has rounded.
    unsafe fn power(self) -> Self;
    /// Zero where `x` is below `bound`.
    unsafe fn zero_below(self, x: Self, bound: f32) -> Self;
    /// The first lanes get what is BY places further on: 8, 4, 2 or 1. The others get anything.
    unsafe fn further<const BY: usize>(self) -> Self;
    unsafe fn first(self) -> f32;
    /// Numbers in bfloat16.
    unsafe fn widen(from: *const u16) -> Self;
    /// Finite numbers in half precision.
    unsafe fn widen_half(from: *const u16) -> Self;
    /// The numbers of an input of [`crate::packed::record`], the second of its two if SECOND, and whatever stands there for
    /// strays.
    unsafe fn unpack<const WHOLE: bool, const SECOND: bool>(
        record: *const u8,
        table: &[u32; EXPONENTS],
    ) -> [Self; 4];
    /// Asks for memory that will be read soon. It need not exist.
    fn fetch(from: *const u8);
}

/// Plain Rust, which the compiler turns into the vectors there are.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Portable(pub(crate) [f32; LANES]);

/// Adding and subtracting it rounds to an integer, which the last bits of the sum then hold.
pub(crate) const ROUND: f32 = 12_582_912.0;

/// Two to the power of the integer to which adding [`ROUND`] has rounded.
#[inline(always)]
pub(crate) fn power(rounded: f32) -> f32 {
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits());
    f32::from_bits(n.wrapping_add(127) << 23)
}

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, join: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self;
        for (out, other) in out.0.iter_mut().zip(other.0) {
            *out = join(*out, other);
        }
        out
    }
}

#[expect(unsafe_code, reason = "see the trait")]
unsafe impl Lanes for Portable {
    const WIDE: bool = false;
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        let mut out = c.0;
        for ((out, a), b) in out.iter_mut().zip(self.0).zip(b.0) {
            *out = a.mul_add(b, *out);
        }
        Self(out)
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        self.zip(b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        self.zip(b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(self, b: Self) -> Self {
        self.zip(b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn power(self) -> Self {
        self.zip(self, |rounded, _| power(rounded))
    }
    #[inline(always)]
    unsafe fn zero_below(self, x: Self, bound: f32) -> Self {
        self.zip(x, |value, x| if x < bound { 0.0 } else { value })
    }
    #[inline(always)]
    unsafe fn further<const BY: usize>(self) -> Self {
        let mut out = self;
        out.0[..BY].copy_from_slice(&self.0[BY..2 * BY]);
        out
    }
    #[inline(always)]
    unsafe fn first(self) -> f32 {
        self.0[0]
    }
    #[inline(always)]
    unsafe fn widen(from: *const u16) -> Self {
        // SAFETY: the caller's promise.
        let from = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        Self(from.map(half::of_upper))
    }
    #[inline(always)]
    unsafe fn widen_half(from: *const u16) -> Self {
        // SAFETY: the caller's promise.
        let from = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        Self(from.map(half::of_half))
    }
    // No level of this width packs anything: it need not be fast.
    #[inline(never)]
    unsafe fn unpack<const WHOLE: bool, const SECOND: bool>(
        record: *const u8,
        table: &[u32; EXPONENTS],
    ) -> [Self; 4] {
        // SAFETY: the caller's promise.
        let record = unsafe { std::slice::from_raw_parts(record, packed::record(WHOLE)) };
        let mut out = [Self([0.0; LANES]); 4];
        for (vector, out) in out.iter_mut().enumerate() {
            for (lane, out) in out.0.iter_mut().enumerate() {
                *out = packed::unpack(record, table, WHOLE, SECOND, vector * LANES + lane);
            }
        }
        out
    }
    #[inline(always)]
    fn fetch(from: *const u8) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: part of every x86-64 processor, and it reads nothing.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(from.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = from;
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use wide::Avx512;

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "see the trait")]
mod wide {
    use super::{EXPONENTS, Lanes, Portable, ROUND};
    use std::arch::x86_64::{
        __m512, __m512i, _CMP_NLT_UQ, _mm256_loadu_si256, _mm512_add_epi32, _mm512_castps_si512,
        _mm512_castsi512_ps, _mm512_cmp_ps_mask, _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_cvtss_f32,
        _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_maskz_mov_ps, _mm512_max_ps,
        _mm512_min_ps, _mm512_mul_ps, _mm512_or_si512, _mm512_permute_ps, _mm512_permutexvar_epi32,
        _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_slli_epi32,
        _mm512_srai_epi32, _mm512_srli_epi32, _mm512_storeu_ps, _mm512_ternarylogic_epi32,
    };

    /// One register of AVX-512.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(__m512);

    // SAFETY of all: AVX-512F is there and pointers are good, which the caller promised.
    unsafe impl Lanes for Avx512 {
        const WIDE: bool = true;
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(unsafe { _mm512_set1_ps(value) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { _mm512_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn fma(self, b: Self, c: Self) -> Self {
            Self(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
        }
        #[inline(always)]
        unsafe fn mul(self, b: Self) -> Self {
            Self(unsafe { _mm512_mul_ps(self.0, b.0) })
        }
        #[inline(always)]
        unsafe fn max(self, b: Self) -> Self {
            Self(unsafe { _mm512_max_ps(self.0, b.0) })
        }
        #[inline(always)]
        unsafe fn min(self, b: Self) -> Self {
            Self(unsafe { _mm512_min_ps(self.0, b.0) })
        }
        #[inline(always)]
        unsafe fn power(self) -> Self {
            unsafe {
                let bias = _mm512_set1_epi32(127_i32.wrapping_sub(ROUND.to_bits() as i32));
                let n = _mm512_add_epi32(_mm512_castps_si512(self.0), bias);
                Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(n)))
            }
        }
        #[inline(always)]
        unsafe fn zero_below(self, x: Self, bound: f32) -> Self {
            unsafe {
                let not_below = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(x.0, _mm512_set1_ps(bound));
                Self(_mm512_maskz_mov_ps(not_below, self.0))
            }
        }
        #[inline(always)]
        unsafe fn further<const BY: usize>(self) -> Self {
            Self(unsafe {
                match BY {
                    8 => _mm512_shuffle_f32x4::<0b1110>(self.0, self.0),
                    4 => _mm512_shuffle_f32x4::<0b01>(self.0, self.0),
                    2 => _mm512_permute_ps::<0b1110>(self.0),
                    _ => _mm512_permute_ps::<0b01>(self.0),
                }
            })
        }
        #[inline(always)]
        unsafe fn first(self) -> f32 {
            unsafe { _mm512_cvtss_f32(self.0) }
        }
        #[inline(always)]
        unsafe fn widen(from: *const u16) -> Self {
            unsafe {
                let numbers = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
                Self(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(numbers)))
            }
        }
        #[inline(always)]
        unsafe fn widen_half(from: *const u16) -> Self {
            Self(unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) })
        }
        #[inline(always)]
        unsafe fn unpack<const WHOLE: bool, const SECOND: bool>(
            record: *const u8,
            table: &[u32; EXPONENTS],
        ) -> [Self; 4] {
            /// `a & b | c`.
            const AND_OR: i32 = 0xea;
            unsafe {
                let record = record.cast::<__m512i>();
                let table = _mm512_loadu_si512(table.as_ptr().cast());
                let upper = _mm512_loadu_si512(record.add(usize::from(SECOND)));
                // Of an index the permutation takes the lowest four bits.
                let mut codes = _mm512_loadu_si512(record.add(2));
                if SECOND {
                    codes = _mm512_srli_epi32::<16>(codes);
                }
                // The sign, and the fraction after as many of its copies as the exponent has bits.
                let upper = [
                    _mm512_slli_epi32::<24>(upper),
                    _mm512_slli_epi32::<16>(upper),
                    _mm512_slli_epi32::<8>(upper),
                    upper,
                ];
                let codes = [
                    codes,
                    _mm512_srli_epi32::<4>(codes),
                    _mm512_srli_epi32::<8>(codes),
                    _mm512_srli_epi32::<12>(codes),
                ];
                let fraction = _mm512_set1_epi32(0x807f_0000_u32 as i32);
                let low = _mm512_set1_epi32(0xffff);
                let mut out = [Self(_mm512_setzero_ps()); 4];
                for (vector, out) in out.iter_mut().enumerate() {
                    let upper = _mm512_srai_epi32::<8>(upper[vector]);
                    let exponent = _mm512_permutexvar_epi32(codes[vector], table);
                    let mut bits = _mm512_ternarylogic_epi32::<AND_OR>(upper, fraction, exponent);
                    if WHOLE {
                        let halves = 3 + 2 * usize::from(SECOND) + vector / 2;
                        let halves = _mm512_loadu_si512(record.add(halves));
                        bits = if vector % 2 == 0 {
                            _mm512_ternarylogic_epi32::<AND_OR>(halves, low, bits)
                        } else {
                            _mm512_or_si512(_mm512_srli_epi32::<16>(halves), bits)
                        };
                    }
                    out.0 = _mm512_castsi512_ps(bits);
                }
                out
            }
        }
        #[inline(always)]
        fn fetch(from: *const u8) {
            Portable::fetch(from);
        }
    }
}

/// What the processor offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Baseline,
}

impl Level {
    /// The best there is.
    pub(crate) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Baseline
    }

    /// Whether it decodes packed numbers faster than memory gives unpacked ones.
    pub(crate) fn unpacks(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => true,
            _ => false,
        }
    }

    /// All there are.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        match Self::best() {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => vec![Self::Avx512, Self::Avx2, Self::Baseline],
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => vec![Self::Avx2, Self::Baseline],
            Self::Baseline => vec![Self::Baseline],
        }
    }
}
