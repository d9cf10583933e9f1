//! Another pitch with the same formants and the same length: pitch-synchronous overlap-add in the
//! time domain.
//!
//! Moulines & Charpentier, "Pitch-synchronous waveform processing techniques for text-to-speech
//! synthesis using diphones", Speech Communication 9 (1990). A voiced stretch is taken apart into
//! windows of two periods, one for each period, which hold the response of the vocal tract; placed
//! more closely they give a higher pitch, with the formants where they were. Everything else
//! (consonants, pauses, noise) stays as it is.

use crate::pitch::{Voicing, voiced_frames};
use crate::resample::resample;
use crate::waveform::Waveform;

/// The factors of [`shift_pitch`]: an octave down to an octave up.
const FACTORS: std::ops::RangeInclusive<f64> = 0.5..=2.0;
/// Windows are placed at this multiple of the sampling rate. On the grid of 16 kHz, periods jitter
/// by half a sample, and a voice of 220 Hz loses 1 dB of its harmonics-to-noise ratio.
const OVERSAMPLING: usize = 4;
const FINE_RATE_HZ: u32 = OVERSAMPLING as u32 * Waveform::RATE_HZ;
/// Voiced frames, 10 ms apart, belong together if at most two are missing between them.
const MAX_GAP_S: f64 = 0.035;
/// A voiced stretch begins so long before the centre of its first frame, and ends so long after
/// the centre of its last: half the distance between frames.
const MARGIN_S: f64 = 0.005;
/// A frame whose period is further from the median is an error of an octave.
const MAX_OCTAVES: f64 = 0.9;
/// How far a period may differ from what the pitch says, as a share of it.
const PERIOD_TOLERANCE: f64 = 0.2;
/// Limits of the gain that keeps the level of a voiced stretch: 6 dB. A hum without overtones has
/// nothing at the multiples of another pitch, which no gain can bring back.
const GAINS: std::ops::RangeInclusive<f64> = 0.5..=2.0;

/// The voice with `factor` times its pitch, and with its formants, its length and its level.
///
/// The factor is clamped to 0.5 to 2; 1 gives the recording itself. It applies to voiced sound of
/// 60 to 400 Hz, the range of [`pitch`](crate::pitch()); a recording without any stays as it is.
pub fn shift_pitch(waveform: &Waveform, factor: f64) -> Waveform {
    let factor = factor.clamp(*FACTORS.start(), *FACTORS.end());
    let samples = waveform.samples();
    // The rates are constants within the resampler's range.
    let fine = resample(samples, Waveform::RATE_HZ, FINE_RATE_HZ).unwrap_or_default();
    let mut change = vec![0.0; fine.len()];
    for stretch in voiced_stretches(waveform) {
        let marks = stretch.marks(samples);
        let marks = marks.iter().map(|mark| (mark * OVERSAMPLING as f64).round() as usize);
        add_change(&fine, &marks.collect::<Vec<_>>(), factor, &mut change);
    }
    let change = resample(&change, FINE_RATE_HZ, Waveform::RATE_HZ).unwrap_or_default();
    let mut shifted = samples.to_vec();
    shifted.iter_mut().zip(change).for_each(|(sample, change)| *sample += change);
    // Only samples far beyond full scale are not a waveform.
    Waveform::from_interleaved(&shifted, 1, Waveform::RATE_HZ).unwrap_or_else(|_| waveform.clone())
}

/// Frames of a voiced stretch: centre and period, in samples.
struct Stretch(Vec<(f64, f64)>);

/// The voiced stretches of a recording.
fn voiced_stretches(waveform: &Waveform) -> Vec<Stretch> {
    let rate = f64::from(Waveform::RATE_HZ);
    let (frames, _) = voiced_frames(waveform, Voicing::ANY);
    let mut sorted: Vec<f64> = frames.iter().map(|frame| frame.hz).collect();
    sorted.sort_by(f64::total_cmp);
    let median_hz = sorted.get(sorted.len() / 2).copied().unwrap_or(1.0);
    let frames: Vec<(f64, f64)> = frames
        .iter()
        .filter(|frame| (frame.hz / median_hz).log2().abs() <= MAX_OCTAVES)
        .map(|frame| (frame.time_s * rate, rate / frame.hz))
        .collect();
    let stretches = frames.chunk_by(|(a, _), (b, _)| b - a <= MAX_GAP_S * rate);
    stretches.map(|frames| Stretch(frames.to_vec())).collect()
}

impl Stretch {
    /// The period at `place`, interpolated between the frames.
    fn period(&self, place: f64) -> f64 {
        let frames = &self.0;
        let right = frames.partition_point(|&(centre, _)| centre <= place);
        match (right.checked_sub(1).map(|left| frames[left]), frames.get(right)) {
            (Some((from, a)), Some(&(to, b))) => a + (b - a) * (place - from) / (to - from),
            (Some((_, period)), None) | (None, Some(&(_, period))) => period,
            (None, None) => f64::INFINITY,
        }
    }

    /// One mark for each period of `samples`, ascending. They start from the loudest sample; from
    /// one to the next the waveform repeats itself best.
    fn marks(&self, samples: &[f32]) -> Vec<f64> {
        let (Some((first, _)), Some((last, _))) = (self.0.first(), self.0.last()) else {
            return Vec::new();
        };
        let margin = MARGIN_S * f64::from(Waveform::RATE_HZ);
        let from = (first - margin).max(0.0);
        let to = (last + margin).min((samples.len() - 1) as f64);
        let loudest = (from as usize..=to as usize)
            .max_by(|&a, &b| samples[a].abs().total_cmp(&samples[b].abs()));
        let Some(loudest) = loudest else { return Vec::new() };
        let walk = |direction: f64| {
            let next = move |&mark: &f64| {
                let next = self.neighbour(samples, mark, direction)?;
                (from..=to).contains(&next).then_some(next)
            };
            std::iter::successors(Some(loudest as f64), next)
        };
        let mut marks: Vec<f64> = walk(-1.0).skip(1).collect();
        marks.reverse();
        marks.extend(walk(1.0));
        marks
    }

    /// The mark a period before (`direction` −1) or after (1) `mark`: where a window of one period
    /// correlates best with that around `mark`. `None` at the ends of the recording.
    fn neighbour(&self, samples: &[f32], mark: f64, direction: f64) -> Option<f64> {
        let period = self.period(mark);
        let half = (period / 2.0) as usize;
        let centre = mark.round() as usize;
        let around = |centre: usize| samples.get(centre.checked_sub(half)?..=centre + half);
        let own = around(centre)?;
        let correlation = |place: usize| {
            let other = around(place)?;
            let power: f32 = other.iter().map(|s| s * s).sum();
            let product: f32 = own.iter().zip(other).map(|(a, b)| a * b).sum();
            Some(f64::from(product) / f64::from(power).sqrt().max(1e-12))
        };
        let expected = mark + direction * period;
        let reach = PERIOD_TOLERANCE * period;
        let places = (expected - reach).max(0.0) as usize..=(expected + reach).max(0.0) as usize;
        let (best, highest) = places
            .filter_map(|place| Some((place, correlation(place)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        // A parabola through the maximum and its neighbours.
        let beside = (best.checked_sub(1).and_then(correlation), correlation(best + 1));
        let shift = match beside {
            (Some(before), Some(after)) if before < highest && after < highest => {
                0.5 * (before - after) / (before - 2.0 * highest + after)
            }
            _ => 0.0,
        };
        Some(mark + best as f64 - centre as f64 + shift)
    }
}

/// Adds to `change` what a voiced stretch of `samples` with these `marks` becomes, less what it is.
fn add_change(samples: &[f32], marks: &[usize], factor: f64, change: &mut [f32]) {
    let (Some(&first), Some(&last)) = (marks.first(), marks.last()) else { return };
    // The distance to the mark before or after; beyond the ends as between the last two.
    let distances: Vec<usize> = marks.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (Some(&head), Some(&tail)) = (distances.first(), distances.last()) else { return };
    let before = |mark: usize| mark.checked_sub(1).map_or(head, |left| distances[left]);
    let after = |mark: usize| distances.get(mark).copied().unwrap_or(tail);

    let from = first.saturating_sub(head);
    let to = (last + tail).min(samples.len());
    let mut own = vec![0.0; to - from];
    let mut shifted = vec![0.0; to - from];
    let add = |output: &mut [f32], mark: usize, at: usize| {
        let (left, right) = (before(mark), after(mark));
        for n in 0..left + right {
            let source = (marks[mark] + n).checked_sub(left).and_then(|at| samples.get(at));
            let target = (at + n).checked_sub(left + from).and_then(|at| output.get_mut(at));
            if let (Some(source), Some(target)) = (source, target) {
                *target += source * window(n, left, right);
            }
        }
    };
    for (mark, &at) in marks.iter().enumerate() {
        add(&mut own, mark, at);
    }
    let mut at = first as f64;
    while at <= last as f64 {
        let right = marks.partition_point(|&mark| (mark as f64) < at).min(marks.len() - 1);
        let is_left = right > 0 && at - (marks[right - 1] as f64) < marks[right] as f64 - at;
        let nearest = if is_left { right - 1 } else { right };
        add(&mut shifted, nearest, at.round() as usize);
        at += after(nearest) as f64 / factor;
    }
    let power = |samples: &[f32]| samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
    let gain = (power(&own) / power(&shifted).max(1e-30)).sqrt();
    let gain = gain.clamp(*GAINS.start(), *GAINS.end()) as f32;
    for ((change, own), shifted) in change[from..to].iter_mut().zip(own).zip(shifted) {
        *change += gain * shifted - own;
    }
}

/// The window at sample `n` of `left + right`: it rises over `left` samples and falls over `right`
/// as halves of a Hann window do, so that the windows of a stretch add up to 1.
fn window(n: usize, left: usize, right: usize) -> f32 {
    let place =
        if n < left { n as f32 / left as f32 } else { (left + right - n) as f32 / right as f32 };
    0.5 - 0.5 * (std::f32::consts::PI * place).cos()
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use s2f_testing::{assert_near, npy, project, signal_to_noise_db};

    use super::*;
    use crate::{formants, mean_power, pitch};

    fn waveform(samples: &[f32]) -> Waveform {
        Waveform::from_interleaved(samples, 1, Waveform::RATE_HZ).unwrap()
    }

    /// The synthetic vowels of `reference/audio/vowels.py`, 85 to 280 Hz.
    fn vowels() -> Vec<Waveform> {
        let vowels = npy::<i16>(&project("reference/audio/vowels.npy"));
        let samples: Vec<f32> = vowels.values.iter().map(|&s| f32::from(s) / 32_768.0).collect();
        samples.chunks(vowels.shape[1]).map(waveform).collect()
    }

    fn level_db(waveform: &Waveform) -> f64 {
        10.0 * mean_power(waveform.samples()).log10()
    }

    #[test]
    fn pulses_move_closer_and_keep_their_shape() {
        // 100 Hz: a pulse every 160 samples. A window that is 1 at the pulse and 0 at the next
        // leaves one pulse; a factor of 1.25 puts one every 128 samples, and the level is kept if
        // each is lower by the root of 1.25.
        const LENGTH: usize = 32_000;
        let pulses = |every: usize, height: f32| {
            let mut samples = vec![0.0; LENGTH];
            // The resampler needs a band limit: two samples of 1/4 beside one of 1/2.
            for at in (800..LENGTH - 800).step_by(every) {
                for (place, share) in [(at - 1, 0.25), (at, 0.5), (at + 1, 0.25)] {
                    samples[place] = share * height;
                }
            }
            samples
        };
        let shifted = shift_pitch(&waveform(&pulses(160, 1.0)), 1.25);
        let ideal = pulses(128, 1.25_f32.powf(-0.5));
        // Both have a pulse every 640 samples; the ends of the stretch differ.
        let middle = 4_000..LENGTH - 4_000;
        let ratio_db = signal_to_noise_db(&ideal[middle.clone()], &shifted.samples()[middle]);
        // The missing periods at the ends change the gain by up to two of 250, 1 %: 40 dB.
        assert!(ratio_db > 40.0, "{ratio_db} dB");
    }

    #[test]
    fn a_vowel_gets_the_pitch_and_keeps_formants_length_and_level() {
        let truth = npy::<f64>(&project("reference/audio/vowels_truth.npy")).values;
        for factor in [0.8, 1.2] {
            for (number, (vowel, truth)) in vowels().iter().zip(truth.chunks(5)).enumerate() {
                let shifted = shift_pitch(vowel, factor);
                let what = (number, factor);
                assert_eq!(shifted.samples().len(), vowel.samples().len());
                // The gain keeps the power of the stretch; its ends, of one period, are left over.
                assert_near(level_db(&shifted), level_db(vowel), 0.05, &what);
                // The measurement itself is within 1 %, see `tests/it/reference.rs`.
                let hz = pitch(&shifted).unwrap().median_hz;
                assert_near(hz / truth[0], factor, 0.01 * factor, &what);
                let [own, found] = [vowel, &shifted].map(|v| formants(v).unwrap());
                // Linear prediction is biased to the nearest harmonic: the first formant, which few
                // harmonics are near, by up to half the pitch; the others by much less.
                assert_near(found.medians_hz[0], truth[1], 40.0 + 0.25 * hz, &what);
                for (found, own) in found.medians_hz.iter().zip(own.medians_hz).skip(1) {
                    assert_near(found / own, 1.0, 0.03, &what);
                }
                assert_near(found.spacing_hz / own.spacing_hz, 1.0, 0.02, &what);
            }
        }
    }

    #[test]
    fn a_factor_of_1_changes_nothing() {
        for vowel in vowels() {
            assert_eq!(shift_pitch(&vowel, 1.0), vowel);
        }
    }

    #[test]
    fn noise_and_silence_stay_as_they_are() {
        let mut rng = StdRng::seed_from_u64(1);
        let noise: Vec<f32> = (0..48_000).map(|_| rng.random_range(-0.3..0.3)).collect();
        for samples in [noise, vec![0.0; 16_000], vec![0.25; 1]] {
            let recording = waveform(&samples);
            for factor in [0.5, 2.0] {
                assert_eq!(shift_pitch(&recording, factor), recording);
            }
        }
    }

    #[test]
    fn factors_beyond_an_octave_are_clamped() {
        let vowel = &vowels()[3];
        for (factor, clamped) in [(0.1, 0.5), (5.0, 2.0)] {
            assert_eq!(shift_pitch(vowel, factor), shift_pitch(vowel, clamped));
        }
    }
}
