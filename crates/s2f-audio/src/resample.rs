//! The resampler: a windowed sinc with linear phase and no delay.
//!
//! An output sample at time `t` is the sum of the input around `t`, weighted by a sinc under a
//! Kaiser window (Oppenheim & Schafer, Discrete-Time Signal Processing, 7.5.3). The cut-off is 95 %
//! of the lower Nyquist frequency and the window extends over 64 zero crossings on each side, so
//! that for an output at 16 kHz the response is flat to 7.2 kHz and at −100 dB from 8 kHz on.
//! Outside the recording there is silence. The weights depend only on the fractional part of `t`
//! and are tabulated: exactly for the usual rates, interpolated for unusual ratios.

use rten_simd::{Isa, SimdOp};

use crate::error::{AudioError, Problem};

/// Valid sampling rates, Hz.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=768_000;
/// Zero crossings of the sinc on each side.
const ZERO_CROSSINGS: f64 = 64.0;
/// Cut-off as a share of the lower Nyquist frequency.
const CUT_OFF: f64 = 0.95;
/// Attenuation of the stop band, dB, and the shape of the Kaiser window for it (Kaiser 1974).
const ATTENUATION_DB: f64 = 100.0;
const BETA: f64 = 0.1102 * (ATTENUATION_DB - 8.7);
/// Maximum number of rows of the table; with more, weights are interpolated.
const MAX_ROWS: u64 = 1024;

/// Resamples `samples` from `from_hz` to `to_hz`; sample 0 stays at time 0.
///
/// The output has `ceil(samples.len() * to_hz / from_hz)` samples.
///
/// # Errors
/// [`Problem::BadRate`] for rates outside 1 to 768 kHz.
pub fn resample(samples: &[f32], from_hz: u32, to_hz: u32) -> Result<Vec<f32>, AudioError> {
    let mut resampler = Resampler::new(from_hz, to_hz)?;
    let mut out = Vec::with_capacity(
        (samples.len() as u64 * u64::from(to_hz)).div_ceil(u64::from(from_hz)) as usize,
    );
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    Ok(out)
}

/// The resampler for input in chunks; its memory does not grow with the length of the input.
pub(crate) struct Resampler {
    from: u64,
    to: u64,
    /// Input samples on each side of an output sample.
    half: usize,
    /// Row `r` has the `2 * half` weights for the fraction `r / rows`; there are `rows + 1` rows.
    table: Vec<f32>,
    rows: u64,
    /// Input that is still needed; `history[0]` has the input index `start - (half - 1)`.
    history: Vec<f32>,
    start: u64,
    received: u64,
    produced: u64,
}

impl Resampler {
    /// # Errors
    /// [`Problem::BadRate`].
    pub(crate) fn new(from_hz: u32, to_hz: u32) -> Result<Self, AudioError> {
        for rate in [from_hz, to_hz] {
            if !RATES_HZ.contains(&rate) {
                return Err(Problem::BadRate(rate).into());
            }
        }
        let common = u64::from(gcd(from_hz, to_hz));
        let (from, to) = (u64::from(from_hz) / common, u64::from(to_hz) / common);
        if from == to {
            // The rates are equal, and `push` copies.
            return Ok(Self {
                from,
                to,
                half: 0,
                table: Vec::new(),
                rows: 1,
                history: Vec::new(),
                start: 0,
                received: 0,
                produced: 0,
            });
        }
        let cut_off = CUT_OFF * (to as f64 / from as f64).min(1.0);
        let half = (ZERO_CROSSINGS / cut_off).ceil() as usize;
        let rows = if to <= MAX_ROWS { to } else { MAX_ROWS };
        let table =
            (0..=rows).flat_map(|r| weights(r as f64 / rows as f64, cut_off, half)).collect();
        Ok(Self {
            from,
            to,
            half,
            table,
            rows,
            history: vec![0.0; half - 1],
            start: 0,
            received: 0,
            produced: 0,
        })
    }

    /// Adds input, and appends the output samples that it completes to `out`.
    pub(crate) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.received += samples.len() as u64;
        if self.half == 0 {
            out.extend_from_slice(samples);
            return;
        }
        self.history.extend_from_slice(samples);
        self.drain(u64::MAX, out);
    }

    /// Appends the remaining output samples, with silence after the input.
    pub(crate) fn finish(mut self, out: &mut Vec<f32>) {
        if self.half == 0 {
            return;
        }
        self.history.resize(self.history.len() + self.half, 0.0);
        let total = (self.received * self.to).div_ceil(self.from);
        self.drain(total, out);
    }

    /// Computes all outputs before `end` whose input is available, then drops input that is no
    /// longer needed.
    fn drain(&mut self, end: u64, out: &mut Vec<f32>) {
        Drain { resampler: self, end, out }.dispatch();
        let passed = (self.produced * self.from / self.to - self.start) as usize;
        let passed = passed.min(self.history.len());
        self.history.drain(..passed);
        self.start += passed as u64;
    }

    /// Computes all outputs before `end` whose input is available.
    #[inline(always)]
    fn produce(&mut self, end: u64, out: &mut Vec<f32>) {
        let taps = 2 * self.half;
        while self.produced < end {
            let position = self.produced * self.from;
            // The window of input index `n` starts at `n - (half - 1)`, at `n - start` in
            // `history`.
            let offset = (position / self.to - self.start) as usize;
            let Some(window) = self.history.get(offset..offset + taps) else { break };
            out.push(self.at(position % self.to, window));
            self.produced += 1;
        }
    }

    /// The output at the fraction `remainder / to` of a sample after the centre of `window`.
    #[inline(always)]
    fn at(&self, remainder: u64, window: &[f32]) -> f32 {
        let taps = window.len();
        let scaled = remainder * self.rows;
        let row = (scaled / self.to) as usize * taps;
        let near = dot(&self.table[row..row + taps], window);
        let between = (scaled % self.to) as f32 / self.to as f32;
        if between == 0.0 {
            return near;
        }
        let far = dot(&self.table[row + taps..row + 2 * taps], window);
        near + between * (far - near)
    }
}

/// Compiles [`Resampler::produce`] for the instruction set that the processor has.
struct Drain<'a> {
    resampler: &'a mut Resampler,
    end: u64,
    out: &'a mut Vec<f32>,
}

impl SimdOp for Drain<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, _: I) {
        self.resampler.produce(self.end, self.out);
    }
}

/// Weights of the input samples `1 - half ..= half` for an output at `fraction` in 0..=1. Their sum
/// is 1, so that a constant stays constant.
fn weights(fraction: f64, cut_off: f64, half: usize) -> Vec<f32> {
    let reach = ZERO_CROSSINGS / cut_off;
    let raw: Vec<f64> = (0..2 * half)
        .map(|tap| {
            let t = tap as f64 + 1.0 - half as f64 - fraction;
            let inside = 1.0 - (t / reach).powi(2);
            if inside < 0.0 { 0.0 } else { sinc(cut_off * t) * bessel_i0(BETA * inside.sqrt()) }
        })
        .collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|w| (w / sum) as f32).collect()
}

/// `sin(πx) / πx`.
fn sinc(x: f64) -> f64 {
    let x = std::f64::consts::PI * x;
    if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
}

/// The modified Bessel function of order 0, by its series: the terms are `((x/2)^k / k!)²`.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > 1e-12 * sum {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

/// Sum of products in eight lanes, which the compiler vectorises.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f32>() + tail
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// `seconds` of a sine of amplitude 1.
    fn sine(hz: f64, rate_hz: u32, seconds: f64) -> Vec<f32> {
        let samples = (seconds * f64::from(rate_hz)) as usize;
        (0..samples).map(|n| (TAU * hz * n as f64 / f64::from(rate_hz)).sin() as f32).collect()
    }

    /// The largest absolute value of the middle half, away from the silence outside the signal.
    fn peak(samples: &[f32]) -> f32 {
        let quarter = samples.len() / 4;
        samples[quarter..3 * quarter].iter().fold(0.0, |peak, s| peak.max(s.abs()))
    }

    const RATES_HZ: [u32; 9] =
        [8_000, 11_025, 22_050, 32_000, 44_100, 44_056, 48_000, 96_000, 192_000];

    #[test]
    fn an_impulse_keeps_its_time() {
        for rate in RATES_HZ {
            // At 0.25 s, where most rates have a sample.
            let at = rate as usize / 4;
            let mut impulse = vec![0.0; rate as usize / 2];
            impulse[at] = 1.0;
            let out = resample(&impulse, rate, 16_000).unwrap();
            assert_eq!(out.len(), 8_000, "{rate} Hz");
            let peak = (0..out.len()).max_by(|&a, &b| out[a].total_cmp(&out[b])).unwrap();
            // 11 025 Hz has no sample at 0.25 s; its nearest one is up to half a step away.
            assert!(peak.abs_diff(4_000) <= usize::from(at * 4 != rate as usize), "{rate} Hz");
            if at * 4 == rate as usize {
                // Linear phase: the response is symmetric, down to the rounding of the table.
                for d in 1..500 {
                    assert!((out[4_000 - d] - out[4_000 + d]).abs() < 2e-6, "{rate} Hz, {d}");
                }
            }
        }
    }

    #[test]
    fn frequencies_above_the_output_band_are_removed() {
        // The filter is designed for -100 dB.
        for (hz, rate) in [
            (8_050.0, 48_000),
            (10_000.0, 48_000),
            (12_345.0, 44_100),
            (15_900.0, 44_056),
            (23_000.0, 48_000),
            (40_000.0, 96_000),
        ] {
            let level = peak(&resample(&sine(hz, rate, 1.0), rate, 16_000).unwrap());
            assert!(level < 1e-5 * 1.5, "{hz} Hz at {rate} Hz: {:.1} dB", 20.0 * level.log10());
        }
    }

    #[test]
    fn frequencies_in_the_output_band_are_kept() {
        for rate in RATES_HZ {
            for hz in [20.0, 300.0, 1_000.0, 3_400.0, 6_000.0, 7_000.0, 7_190.0] {
                // At most 90 % of the input's Nyquist frequency.
                if hz > 0.45 * f64::from(rate) {
                    continue;
                }
                let out = resample(&sine(hz, rate, 1.0), rate, 16_000).unwrap();
                for (n, sample) in out.iter().enumerate().skip(4_000).take(8_000) {
                    let exact = (TAU * hz * n as f64 / 16_000.0).sin();
                    let error = (f64::from(*sample) - exact).abs();
                    // -86 dB: ripple, delay and aliases together.
                    assert!(error < 5e-5, "{hz} Hz at {rate} Hz, sample {n}: {error:e}");
                }
            }
        }
    }

    #[test]
    fn chunks_give_the_same_as_the_whole() {
        let input: Vec<f32> =
            (0..5_000).map(|n| ((n * 7919 % 1000) as f32 - 500.0) / 500.0).collect();
        for (from, to) in [(44_100, 16_000), (8_000, 16_000), (16_000, 16_000), (44_056, 16_000)] {
            let whole = resample(&input, from, to).unwrap();
            for size in [1, 7, 160, 1_000] {
                let mut resampler = Resampler::new(from, to).unwrap();
                let mut out = Vec::new();
                for chunk in input.chunks(size) {
                    resampler.push(chunk, &mut out);
                }
                resampler.finish(&mut out);
                assert!(out == whole, "{from} to {to} Hz in chunks of {size}");
            }
        }
    }

    #[test]
    fn the_output_has_the_documented_length() {
        for (samples, from, to, expected) in [
            (0, 44_100, 16_000, 0),
            (1, 48_000, 16_000, 1),
            (441, 44_100, 16_000, 160),
            (100, 8_000, 16_000, 200),
        ] {
            assert_eq!(resample(&vec![0.1; samples], from, to).unwrap().len(), expected);
        }
    }
}
