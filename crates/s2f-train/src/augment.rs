//! Augmentation of training clips, so that the network learns voices rather than the microphones,
//! rooms and codecs of the corpora.

use rand::Rng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use realfft::RealFftPlanner;
use realfft::num_complex::Complex;
use s2f_audio::{Waveform, is_silent, mean_power, resample, shift_pitch};
use s2f_nn::FrontEnd;
use speech2face::front_end;

use crate::draw::generator;
use crate::{Augmentation, Clips};

const RATE_HZ: f64 = Waveform::RATE_HZ as f64;
/// Frequencies at which a microphone's response is drawn, Hz; in between, it is interpolated.
const RESPONSE_HZ: [f64; 9] = [0.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 8000.0];
/// A clip that is silent is drawn again so often.
const TRIES: usize = 5;

/// Corner frequencies of a telephone line, Hz.
const TELEPHONE_HZ: [f64; 2] = [300.0, 3400.0];
/// Its sampling rate.
const TELEPHONE_RATE_HZ: u32 = 8_000;
/// Level of speech on it, relative to full scale: −26 dB, as is usual in tests of codecs.
const TELEPHONE_LEVEL: f64 = 0.05;
/// Order of the telephone's filters: 24 dB per octave.
const TELEPHONE_ORDER: i32 = 4;
/// Exponent of the amplitude of pink noise: its power falls with 1/f.
const PINK: f64 = 0.5;

/// A training clip; its speed and its pitch at that speed, relative to the recording.
pub(crate) struct Clip {
    pub(crate) waveform: Waveform,
    pub(crate) speed: f64,
    pub(crate) pitch: f64,
}

impl Clips {
    /// A clip of a recording (repeated if it is shorter), augmented at random; `None` if it is
    /// silent.
    pub(crate) fn cut(
        &self,
        recording: &Waveform,
        augmentation: &Augmentation,
        rng: &mut StdRng,
    ) -> Option<Clip> {
        (0..TRIES).find_map(|_| {
            let speed = augmentation.draw_speed(rng);
            let samples = self.excerpt(recording.samples(), speed, rng);
            let (waveform, pitch) = augmentation.at_random_pitch(&samples, rng)?;
            Some(Clip { waveform, speed, pitch })
        })
    }

    /// Samples of a clip.
    fn samples(&self) -> usize {
        (self.seconds * RATE_HZ).round() as usize
    }

    /// Frames of a clip.
    pub(crate) fn frames(&self, front_end: FrontEnd) -> usize {
        front_end::frames(front_end, self.samples())
    }

    /// The samples of a clip at `speed`.
    fn excerpt(&self, samples: &[f32], speed: f64, rng: &mut StdRng) -> Vec<f32> {
        let wanted = self.samples();
        let needed = (wanted as f64 * speed).ceil() as usize + 1;
        let latest = if self.anywhere { samples.len().saturating_sub(needed) } else { 0 };
        let start = rng.random_range(0..=latest);
        at_speed(samples, start, speed, wanted)
    }
}

impl Augmentation {
    /// A whole recording, augmented at random as clips are; `None` if it is silent. Its length is
    /// divided by the speed.
    pub(crate) fn augmented(&self, recording: &Waveform, rng: &mut StdRng) -> Option<Waveform> {
        if is_silent(recording.samples()) {
            return None;
        }
        let speed = self.draw_speed(rng);
        let wanted = (recording.samples().len() as f64 / speed).round().max(1.0) as usize;
        let samples = at_speed(recording.samples(), 0, speed, wanted);
        self.at_random_pitch(&samples, rng).map(|(waveform, _)| waveform)
    }

    fn draw_speed(&self, rng: &mut StdRng) -> f64 {
        (self.speed * normal(rng)).exp()
    }

    /// Applies a random pitch, then everything else except the speed; also returns the factor of
    /// the pitch.
    fn at_random_pitch(&self, samples: &[f32], rng: &mut StdRng) -> Option<(Waveform, f64)> {
        let waveform =
            |samples: &[f32]| Waveform::from_interleaved(samples, 1, Waveform::RATE_HZ).ok();
        let mut clip = waveform(samples)?;
        let mut pitch = 1.0;
        if self.pitch > 0.0 {
            // An octave is the limit of `shift_pitch`.
            pitch = ((self.pitch * normal(rng)).clamp(-12.0, 12.0) / 12.0).exp2();
            clip = shift_pitch(&clip, pitch);
        }
        if *self != Self::default() {
            let mut samples = clip.samples().to_vec();
            self.apply(&mut samples, rng);
            clip = waveform(&samples)?;
        }
        Some((clip, pitch))
    }

    /// Applies a random microphone, room, noise, level and codec.
    fn apply(&self, samples: &mut [f32], rng: &mut StdRng) {
        level(samples, 1.0);
        self.channel(samples, rng);
        let gain_db: f64 = rng.random_range(-40.0..-10.0);
        level(samples, 10_f64.powf(gain_db / 20.0));
        if rng.random_bool(self.coding) {
            mu_law(samples);
        }
        if rng.random_bool(self.coding) {
            let ceiling =
                samples.iter().fold(0.0_f32, |a, b| a.max(b.abs())) * rng.random_range(0.2..0.8);
            samples.iter_mut().for_each(|s| *s = s.clamp(-ceiling, ceiling));
        }
    }

    /// Applies microphone, band limits, room and noise.
    fn channel(&self, samples: &mut [f32], rng: &mut StdRng) {
        let length = samples.len();
        let tilt_db = self.microphone_db * normal(rng);
        let response: Vec<f64> = (0..RESPONSE_HZ.len())
            .map(|i| self.microphone_db * normal(rng) + tilt_db * (i as f64 / 4.0 - 1.0))
            .collect();
        let low_pass = rng.random_bool(self.band_limit).then(|| {
            (rng.random_range(2500_f64.ln()..8000_f64.ln()).exp(), rng.random_range(4..=16))
        });
        let high_pass = rng
            .random_bool(self.band_limit)
            .then(|| (rng.random_range(50_f64.ln()..350_f64.ln()).exp(), rng.random_range(2..=6)));
        let room = rng.random_bool(self.reverberation).then(|| spectrum(&room(length, rng)));
        let gain = |hz: f64| {
            let mut gain = 10_f64.powf(interpolate(&response, hz) / 20.0);
            if let Some((corner, order)) = low_pass {
                gain /= butterworth(hz / corner, order);
            }
            if let Some((corner, order)) = high_pass {
                gain /= butterworth(corner / (hz + 1.0), order);
            }
            gain as f32
        };
        filter(samples, |index, hz| {
            room.as_ref().map_or(Complex::new(1.0, 0.0), |room| room[index]) * gain(hz)
        });
        if rng.random_bool(self.noise) {
            level(samples, 1.0);
            let mut noise = white_noise(length, rng);
            // From white by way of pink to brown: power falls with 1/f^0 to 1/f^2.
            let slope = rng.random_range(0.0..1.0);
            colour(&mut noise, slope);
            let [from, to] = self.noise_db;
            level(&mut noise, 10_f64.powf(-rng.random_range(from..=to) / 20.0));
            samples.iter_mut().zip(noise).for_each(|(s, n)| *s += n);
        }
    }
}

/// The recording through a telephone line: 300 to 3400 Hz, 8 kHz, 8-bit µ-law, with the speech at
/// −26 dB of full scale. Length and level are those of the recording.
pub(crate) fn telephone(recording: &Waveform) -> Waveform {
    let mut samples = recording.samples().to_vec();
    let own = rms(&samples);
    let [low, high] = TELEPHONE_HZ;
    filter(&mut samples, |_, hz| {
        // The first bin is a constant offset, which the line does not transmit.
        let loss = butterworth(hz / high, TELEPHONE_ORDER)
            * butterworth(low / hz.max(1.0), TELEPHONE_ORDER);
        Complex::new(loss.recip() as f32, 0.0)
    });
    level(&mut samples, TELEPHONE_LEVEL);
    // The rates are constants within the resampler's range.
    let mut line = resample(&samples, Waveform::RATE_HZ, TELEPHONE_RATE_HZ).unwrap_or_default();
    mu_law(&mut line);
    let mut coded = resample(&line, TELEPHONE_RATE_HZ, Waveform::RATE_HZ).unwrap_or_default();
    coded.resize(samples.len(), 0.0);
    level(&mut coded, own);
    like(recording, &coded)
}

/// The recording with pink noise (30 Hz to 8 kHz) added, `snr_db` decibels below the power of the
/// whole recording. The same seed gives the same noise.
pub(crate) fn with_noise(recording: &Waveform, snr_db: f64, seed: u64) -> Waveform {
    let samples = recording.samples();
    let mut noise = white_noise(samples.len(), &mut generator(seed, b"noise   ", 0));
    colour(&mut noise, PINK);
    level(&mut noise, rms(samples) * 10_f64.powf(-snr_db / 20.0));
    noise.iter_mut().zip(samples).for_each(|(noise, sample)| *noise += sample);
    like(recording, &noise)
}

/// A waveform of these samples; the recording itself if they are far beyond full scale.
fn like(recording: &Waveform, samples: &[f32]) -> Waveform {
    Waveform::from_interleaved(samples, 1, Waveform::RATE_HZ).unwrap_or_else(|_| recording.clone())
}

/// `wanted` samples from `start`, played at `speed`; after the last comes the first again. They are
/// interpolated linearly, which attenuates the top octave a little, as a microphone may.
fn at_speed(samples: &[f32], start: usize, speed: f64, wanted: usize) -> Vec<f32> {
    let at = |index: usize| samples[(start + index) % samples.len()];
    (0..wanted)
        .map(|index| {
            let place = index as f64 * speed;
            let (left, share) = (place as usize, place.fract() as f32);
            at(left) * (1.0 - share) + at(left + 1) * share
        })
        .collect()
}

fn white_noise(length: usize, rng: &mut StdRng) -> Vec<f32> {
    (0..length).map(|_| normal(rng) as f32).collect()
}

/// Lets the power of white noise fall with 1/f^(2 · `slope`) from 30 Hz.
fn colour(noise: &mut [f32], slope: f64) {
    filter(noise, |_, hz| Complex::new((hz.max(30.0) / 1000.0).powf(-slope) as f32, 0.0));
}

/// Attenuation of a Butterworth low-pass at `ratio` times its corner frequency.
fn butterworth(ratio: f64, order: i32) -> f64 {
    (1.0 + ratio.powi(2 * order)).sqrt()
}

fn normal(rng: &mut StdRng) -> f64 {
    StandardNormal.sample(rng)
}

/// Scales to a root mean square of `wanted`.
fn level(samples: &mut [f32], wanted: f64) {
    let gain = (wanted / (rms(samples) + 1e-9)) as f32;
    samples.iter_mut().for_each(|s| *s *= gain);
}

fn rms(samples: &[f32]) -> f64 {
    mean_power(samples).sqrt()
}

/// Impulse response of a room: the direct sound, then noise that decays by 60 dB within the
/// reverberation time.
fn room(length: usize, rng: &mut StdRng) -> Vec<f32> {
    let time_s: f64 = rng.random_range(0.1..0.7);
    let decay = 1000_f64.ln() / (time_s * RATE_HZ);
    let tail = ((time_s * RATE_HZ) as usize).min(length);
    let mut response: Vec<f32> =
        (0..tail).map(|i| (normal(rng) * (-decay * i as f64).exp()) as f32).collect();
    let power: f32 = response.iter().map(|r| r * r).sum();
    let wet: f32 = rng.random_range(0.1..0.7);
    response.iter_mut().for_each(|r| *r *= wet / power.sqrt());
    response[0] = 1.0;
    response.resize(length, 0.0);
    response
}

fn spectrum(samples: &[f32]) -> Vec<Complex<f32>> {
    let transform = RealFftPlanner::<f32>::new().plan_fft_forward(samples.len());
    let mut output = transform.make_output_vec();
    // Both buffers have the length that the plan needs, so it cannot fail.
    let _ = transform.process(&mut samples.to_vec(), &mut output);
    output
}

/// Multiplies the spectrum by `gain(index, hz)`. The clip is periodic: what is delayed beyond its
/// end wraps around to its start.
fn filter(samples: &mut [f32], gain: impl Fn(usize, f64) -> Complex<f32>) {
    let length = samples.len();
    let mut bins = spectrum(samples);
    for (index, bin) in bins.iter_mut().enumerate() {
        *bin *= gain(index, index as f64 * RATE_HZ / length as f64);
    }
    // The first and the last bin of a real spectrum are real.
    bins[0].im = 0.0;
    if length.is_multiple_of(2) {
        bins[length / 2].im = 0.0;
    }
    let transform = RealFftPlanner::<f32>::new().plan_fft_inverse(length);
    let _ = transform.process(&mut bins, samples);
    samples.iter_mut().for_each(|s| *s /= length as f32);
}

/// `values` at [`RESPONSE_HZ`], interpolated at `hz`.
fn interpolate(values: &[f64], hz: f64) -> f64 {
    let right = RESPONSE_HZ.partition_point(|&edge| edge <= hz).clamp(1, RESPONSE_HZ.len() - 1);
    let (low, high) = (RESPONSE_HZ[right - 1], RESPONSE_HZ[right]);
    let share = ((hz - low) / (high - low)).min(1.0);
    values[right - 1] * (1.0 - share) + values[right] * share
}

/// Eight-bit µ-law coding and decoding (ITU-T G.711), continuous form.
fn mu_law(samples: &mut [f32]) {
    const MU: f32 = 255.0;
    for sample in samples {
        let coded = (1.0 + MU * sample.abs().min(1.0)).ln() / (1.0 + MU).ln();
        let coded = (coded * 127.0).round() / 127.0;
        *sample = sample.signum() * ((1.0 + MU).powf(coded) - 1.0) / MU;
    }
}

#[cfg(test)]
mod tests;
