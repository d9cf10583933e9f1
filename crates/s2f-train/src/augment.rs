//! Augmentation of training clips, so that the network learns voices rather than the microphones,
//! rooms and codecs of the corpora.

use rand::Rng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use realfft::RealFftPlanner;
use realfft::num_complex::Complex;
use s2f_audio::Waveform;
use s2f_nn::FrontEnd;
use speech2face::front_end;

use crate::{Augmentation, Clips};

const RATE_HZ: f64 = Waveform::RATE_HZ as f64;
/// Frequencies at which a microphone's response is drawn, Hz; in between, it is interpolated.
const RESPONSE_HZ: [f64; 9] = [0.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 8000.0];
/// A clip that is silent is drawn again so often.
const TRIES: usize = 5;

/// A training clip, and its speed relative to the recording.
pub(crate) struct Clip {
    pub(crate) waveform: Waveform,
    pub(crate) speed: f64,
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
            let speed = (augmentation.speed * normal(rng)).exp();
            let mut samples = self.excerpt(recording.samples(), speed, rng);
            if *augmentation != Augmentation::default() {
                augmentation.apply(&mut samples, rng);
            }
            let waveform = Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).ok()?;
            Some(Clip { waveform, speed })
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

    /// The samples of a clip at `speed`, interpolated linearly, which attenuates the top octave a
    /// little, as a microphone may.
    fn excerpt(&self, samples: &[f32], speed: f64, rng: &mut StdRng) -> Vec<f32> {
        let wanted = self.samples();
        let needed = (wanted as f64 * speed).ceil() as usize + 1;
        let latest = if self.anywhere { samples.len().saturating_sub(needed) } else { 0 };
        let start = rng.random_range(0..=latest);
        let at = |index: usize| samples[(start + index) % samples.len()];
        (0..wanted)
            .map(|index| {
                let place = index as f64 * speed;
                let (left, share) = (place as usize, place.fract() as f32);
                at(left) * (1.0 - share) + at(left + 1) * share
            })
            .collect()
    }
}

impl Augmentation {
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
                gain /= (1.0 + (hz / corner).powi(2 * order)).sqrt();
            }
            if let Some((corner, order)) = high_pass {
                gain /= (1.0 + (corner / (hz + 1.0)).powi(2 * order)).sqrt();
            }
            gain as f32
        };
        filter(samples, |index, hz| {
            room.as_ref().map_or(Complex::new(1.0, 0.0), |room| room[index]) * gain(hz)
        });
        if rng.random_bool(self.noise) {
            level(samples, 1.0);
            let mut noise: Vec<f32> = samples.iter().map(|_| normal(rng) as f32).collect();
            // From white to pink: power falls with 1/f^0 to 1/f^2.
            let slope = rng.random_range(0.0..1.0);
            filter(&mut noise, |_, hz| {
                Complex::new((hz.max(30.0) / 1000.0).powf(-slope) as f32, 0.0)
            });
            let [from, to] = self.noise_db;
            level(&mut noise, 10_f64.powf(-rng.random_range(from..=to) / 20.0));
            samples.iter_mut().zip(noise).for_each(|(s, n)| *s += n);
        }
    }
}

impl Augmentation {
    /// A whole recording, augmented; `None` if it is silent.
    pub(crate) fn augmented(&self, recording: &Waveform, rng: &mut StdRng) -> Option<Waveform> {
        let mut samples = recording.samples().to_vec();
        self.apply(&mut samples, rng);
        Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).ok()
    }
}

pub(crate) fn telephone(recording: &Waveform) -> Waveform {
    let mut samples = recording.samples().to_vec();
    filter(&mut samples, |_, hz| {
        Complex::new(if (300.0..3400.0).contains(&hz) { 1.0 } else { 0.0 }, 0.0)
    });
    level(&mut samples, 0.1);
    mu_law(&mut samples);
    Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap_or_else(|_| recording.clone())
}

pub(crate) fn with_noise(recording: &Waveform, snr_db: f64, seed: u64) -> Waveform {
    let mut rng = crate::draw::generator(seed, b"noise   ", 0);
    let mut samples = recording.samples().to_vec();
    level(&mut samples, 0.1);
    let mut noise: Vec<f32> = samples.iter().map(|_| normal(&mut rng) as f32).collect();
    filter(&mut noise, |_, hz| Complex::new((hz.max(30.0) / 1000.0).powf(-0.5) as f32, 0.0));
    level(&mut noise, 0.1 * 10_f64.powf(-snr_db / 20.0));
    samples.iter_mut().zip(noise).for_each(|(s, n)| *s += n);
    Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap_or_else(|_| recording.clone())
}

fn normal(rng: &mut StdRng) -> f64 {
    StandardNormal.sample(rng)
}

/// Scales to a root mean square of `rms`.
fn level(samples: &mut [f32], rms: f64) {
    let power = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    let gain = (rms / (power.sqrt() + 1e-9)) as f32;
    samples.iter_mut().for_each(|s| *s *= gain);
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
mod tests {
    use rand::SeedableRng;

    use super::*;

    const CLIPS: Clips = Clips { seconds: 2.0, anywhere: true, segments: 1 };

    fn clip(augmentation: &Augmentation, voice: &Waveform, rng: &mut StdRng) -> Clip {
        CLIPS.cut(voice, augmentation, rng).unwrap()
    }

    fn tone(hz: f64, seconds: f64) -> Waveform {
        let samples: Vec<f32> = (0..(seconds * RATE_HZ) as usize)
            .map(|i| (0.3 * (std::f64::consts::TAU * hz * i as f64 / RATE_HZ).sin()) as f32)
            .collect();
        Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()
    }

    /// Frequency of the largest bin, Hz.
    fn loudest_hz(waveform: &Waveform) -> f64 {
        let bins = spectrum(waveform.samples());
        let loudest =
            (0..bins.len()).max_by(|&a, &b| bins[a].norm().total_cmp(&bins[b].norm())).unwrap();
        loudest as f64 * RATE_HZ / waveform.samples().len() as f64
    }

    #[test]
    fn speed_scales_the_pitch() {
        let mut rng = StdRng::seed_from_u64(1);
        let augmentation = Augmentation { speed: 0.2, ..Default::default() };
        for _ in 0..5 {
            let clip = clip(&augmentation, &tone(200.0, 4.0), &mut rng);
            assert_eq!(clip.waveform.samples().len(), 32_000);
            // A bin is 0.5 Hz.
            assert!((loudest_hz(&clip.waveform) - 200.0 * clip.speed).abs() < 0.5);
        }
    }

    #[test]
    fn noise_has_the_configured_ratio() {
        let mut rng = StdRng::seed_from_u64(2);
        let augmentation =
            Augmentation { noise: 1.0, noise_db: [10.0, 10.0], ..Default::default() };
        let clip = clip(&augmentation, &tone(200.0, 2.0), &mut rng);
        let power: Vec<f32> =
            spectrum(clip.waveform.samples()).iter().map(|b| b.norm_sqr()).collect();
        let signal = power[400]; // 200 Hz
        let ratio_db = 10.0 * (signal / (power.iter().sum::<f32>() - signal)).log10();
        assert!((ratio_db - 10.0).abs() < 0.5, "{ratio_db}");
    }

    #[test]
    fn the_same_seed_gives_the_same_clip_and_short_recordings_are_repeated() {
        let augmentation = Augmentation {
            speed: 0.1,
            microphone_db: 4.0,
            band_limit: 0.5,
            reverberation: 0.5,
            noise: 0.5,
            noise_db: [10.0, 20.0],
            coding: 0.5,
        };
        let clip = |seed| clip(&augmentation, &tone(150.0, 1.1), &mut StdRng::seed_from_u64(seed));
        for seed in 0..20 {
            assert_eq!(clip(seed).waveform.samples(), clip(seed).waveform.samples());
            assert!(clip(seed).waveform.samples().iter().all(|s| s.is_finite()));
        }
        assert_ne!(clip(1).waveform.samples(), clip(2).waveform.samples());
    }

    #[test]
    fn without_augmentation_a_clip_is_the_recording_from_its_start() {
        let clips = Clips { seconds: 3.0, anywhere: false, segments: 1 };
        let voice = tone(150.0, 2.0);
        let mut rng = StdRng::seed_from_u64(1);
        let clip = clips.cut(&voice, &Augmentation::default(), &mut rng).unwrap();
        let (clip, voice) = (clip.waveform.samples(), voice.samples());
        assert_eq!((clip.len(), clips.frames(FrontEnd::Spectrogram)), (48_000, 298));
        assert_eq!(clip[..32_000], *voice);
        assert_eq!(clip[32_000..], voice[..16_000]);
    }
}
