//! The power-law compression of the spectrogram, `sgn(x)·|x|^0.3`, for many values at once. Most of
//! the time of a spectrogram is spent here.
//!
//! `|x|^0.3 = 2^(0.3 · log2 |x|)`, with a series for each function and without branches, so that
//! the compiler vectorises the loop. The relative error is below 5e-7 (tested against `f64`);
//! values below the smallest normal `f32`, 1.2e-38, give 0.

use std::f32::consts::{LN_2, LOG2_E, SQRT_2};

use rten_simd::ops::BitOps;
use rten_simd::{Isa, SimdOp};

/// The exponent of the spectrogram's power-law compression (Ephrat et al., "Looking to Listen at
/// the Cocktail Party", 2018, section 3.2, which Speech2Face follows). The code below splits it
/// into exact parts: to change it, change `compress_one` as well.
pub(crate) const EXPONENT: f32 = 0.3;
/// `1.5 · 2^23`: adding it to a small float leaves the nearest integer in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Replaces each `x` with `sgn(x)·|x|^0.3`, for finite values.
pub(crate) fn compress(values: &mut [f32]) {
    Compress(values).dispatch();
}

struct Compress<'a>(&'a mut [f32]);

impl SimdOp for Compress<'_> {
    type Output = ();

    /// The compiler vectorises the loop for the instruction set that was chosen.
    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        // AVX2 and AVX-512 come with fused multiplication and addition; without it, `mul_add` would
        // be a call for each value.
        if isa.f32().len() >= 8 {
            for value in self.0 {
                *value = compress_one::<true>(*value);
            }
        } else {
            for value in self.0 {
                *value = compress_one::<false>(*value);
            }
        }
    }
}

/// `a · b + c`
#[inline(always)]
fn mul_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// The polynomial with these coefficients, the one of the highest power first.
#[inline(always)]
fn polynomial<const FUSED: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut value = coefficients[0];
    for coefficient in &coefficients[1..] {
        value = mul_add::<FUSED>(value, x, *coefficient);
    }
    value
}

#[inline(always)]
fn compress_one<const FUSED: bool>(x: f32) -> f32 {
    let bits = x.abs().to_bits();
    // |x| = 2^e · m with m in [√½, √2): exponents are counted from √½.
    let shifted = bits.wrapping_sub(SQRT_HALF_BITS) as i32;
    let e = shifted >> 23;
    let m = f32::from_bits((shifted & 0x007f_ffff) as u32 + SQRT_HALF_BITS);

    // ln m = 2 artanh s = 2 (s + s³/3 + s⁵/5 + …), s = (m - 1)/(m + 1), |s| < 0.172;
    // the omitted terms are below 2 s¹¹/11 = 7e-10.
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let series = polynomial::<FUSED, 5>(s2, [1.0 / 9.0, 1.0 / 7.0, 0.2, 1.0 / 3.0, 1.0]);
    let log2_m = 2.0 * LOG2_E * s * series;

    // 0.3 e = whole + part with |part| <= ½, so that a large e costs no precision. 0.3 has no exact
    // float, but 3 e and 3 e - 10 whole are exact.
    let thrice = 3.0 * e as f32;
    let whole = (thrice * 0.1 + ROUND) - ROUND;
    let part = (thrice - 10.0 * whole) * 0.1;
    let part = mul_add::<FUSED>(EXPONENT, log2_m, part); // |part| < 0.66

    // 2^part = e^y = 1 + y + y²/2 + …, |y| < 0.46; the omitted terms are below y⁸/8! = 5e-8.
    let y = part * LN_2;
    let power = polynomial::<FUSED, 8>(
        y,
        [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0],
    );
    let scale = f32::from_bits(((whole as i32 + 127) << 23) as u32);
    let result = if bits < f32::MIN_POSITIVE.to_bits() { 0.0 } else { power * scale };
    result.copysign(x)
}

const SQRT_HALF_BITS: u32 = (SQRT_2 / 2.0).to_bits();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_powf_in_double_precision() {
        let mut worst = 0.0f64;
        // Every 4099th float: all exponents, a few thousand mantissas each.
        for bits in (f32::MIN_POSITIVE.to_bits()..f32::MAX.to_bits()).step_by(4099) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                let exact = f64::from(x.abs()).powf(0.3).copysign(f64::from(x));
                let mut value = [x];
                compress(&mut value);
                worst = worst.max((f64::from(value[0]) / exact - 1.0).abs());
            }
        }
        // About two rounding errors of f32; the omitted terms of the series are smaller.
        assert!(worst < 5e-7, "worst relative error {worst:e}");
    }

    #[test]
    fn zero_and_subnormals_give_zero() {
        let mut values = [0.0, -0.0, 1e-40, -1e-40];
        compress(&mut values);
        assert_eq!(values, [0.0; 4]);
    }
}
