//! What a model predicts from the voices of pairs, by how long they are heard.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use s2f_audio::{AudioError, Limits, Spectrogram, Waveform, decode, spectrogram};
use s2f_core::FaceSpace;
use s2f_nn::{VoiceEncoder, normalise};
use s2f_pairs::Pair;
use speech2face::{DecodeError, Speech2Face};

use crate::EvalError;
use crate::cache::Columns;
use crate::items::is_enough;
use s2f_metrics::Vectors;

/// Voices heard in one go.
const CHUNK: usize = 16;
/// The least that a network is given, s: what is shorter is repeated, as in training.
const LEAST_S: f64 = 3.0;

/// Names of the columns that [`hear`] gives.
pub(crate) const FIRST_HALF: &str = "first-half";
pub(crate) const SECOND_HALF: &str = "second-half";
pub(crate) const NOISE: &str = "signal-to-noise-db";

/// Name of the column of voices heard for so long.
pub(crate) fn column(seconds: f64) -> String {
    format!("seconds-{seconds}")
}

/// How long voices are heard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hearing {
    /// The lengths, s.
    pub(crate) lengths: Vec<f64>,
    /// The one that everything else is measured at, s.
    pub(crate) seconds: f64,
}

impl Hearing {
    /// Features of some voices: one column a length, not a number where a recording has not enough;
    /// the two halves of what is heard; and how far speech is above the noise.
    pub(crate) fn columns(
        &self,
        model: &Speech2Face,
        pairs: &[Pair],
    ) -> Result<Columns, EvalError> {
        let voices: Vec<Waveform> = pairs
            .par_iter()
            .map(|pair| decode(pair.audio.clone(), &pair.info.pair_id, &Limits::default()))
            .collect::<Result<_, AudioError>>()?;
        let mut columns = Columns::new();
        let dimension = model.face_space().dimension;
        for &seconds in &self.lengths {
            let enough: Vec<usize> =
                (0..pairs.len()).filter(|&n| is_enough(pairs[n].info.seconds, seconds)).collect();
            let some: Vec<&[f32]> = enough.iter().map(|&n| voices[n].samples()).collect();
            let found = self.hear(model, &some, seconds)?;
            let mut rows = vec![f32::NAN; pairs.len() * dimension];
            for (&place, feature) in enough.iter().zip(found.rows()) {
                rows[place * dimension..][..dimension].copy_from_slice(feature);
            }
            columns.insert(column(seconds), Vectors::new(rows, dimension));
        }
        let halves = voices.iter().map(|voice| {
            let heard = &voice.samples()[..samples(self.seconds).min(voice.samples().len())];
            heard.split_at(heard.len() / 2)
        });
        let (first, second): (Vec<_>, Vec<_>) = halves.unzip();
        for (name, half) in [(FIRST_HALF, first), (SECOND_HALF, second)] {
            columns.insert(name.into(), self.hear(model, &half, self.seconds / 2.0)?);
        }
        let noise = voices.iter().map(|voice| signal_to_noise_db(voice.samples())).collect();
        columns.insert(NOISE.into(), Vectors::new(noise, 1));
        Ok(columns)
    }

    fn hear(
        &self,
        model: &Speech2Face,
        voices: &[&[f32]],
        seconds: f64,
    ) -> Result<Vectors, EvalError> {
        let given = frames(samples(seconds.max(LEAST_S)));
        model.config().voice_encoder.shapes(given).map_err(|error| EvalError::Seconds {
            model: model.id().name.clone(),
            seconds,
            reason: error.to_string(),
        })?;
        let (encoder, space) = (&model.networks().voice_encoder, model.face_space());
        let features = hear(encoder, space, voices, seconds, LEAST_S, &Device::default())?;
        if features.values().iter().any(|x| !x.is_finite()) {
            let (model, what) = (model.id().name.clone(), "features");
            return Err(DecodeError::NotFinite { model, what }.into());
        }
        Ok(features)
    }
}

/// Features of the first `seconds` of some voices (16 kHz, mono), in a face space. A shorter voice
/// is repeated, and all of it until the network is given `least_s`, which must be as much as it can
/// hear.
///
/// # Errors
/// [`AudioError`] for a voice of no samples or of less than 1 s in all.
pub fn hear(
    encoder: &VoiceEncoder,
    space: &FaceSpace,
    voices: &[&[f32]],
    seconds: f64,
    least_s: f64,
    device: &Device,
) -> Result<Vectors, AudioError> {
    let mut features = Vec::with_capacity(voices.len() * space.dimension);
    let given = samples(seconds.max(least_s));
    for some in voices.chunks(CHUNK) {
        let spectrograms = some.par_iter().map(|voice| {
            let heard = voice.iter().take(samples(seconds)).copied();
            let clip: Vec<f32> = heard.cycle().take(given).collect();
            Ok(spectrogram(&Waveform::from_interleaved(&clip, 1, Waveform::RATE_HZ)?).into_data())
        });
        let numbers = spectrograms.collect::<Result<Vec<_>, AudioError>>()?.concat();
        let shape = [some.len(), 2, frames(given), Spectrogram::BINS];
        let input = Tensor::<4>::from_data(TensorData::new(numbers, shape), device);
        features.extend(normalise(encoder.forward(input), space).into_data().iter::<f32>());
    }
    Ok(Vectors::new(features, space.dimension))
}

fn samples(seconds: f64) -> usize {
    (seconds * f64::from(Waveform::RATE_HZ)).round() as usize
}

fn frames(samples: usize) -> usize {
    samples.saturating_sub(Spectrogram::WINDOW) / Spectrogram::HOP + 1
}

/// How far the loud tenth of a recording's frames is above the quiet tenth, dB.
fn signal_to_noise_db(samples: &[f32]) -> f32 {
    /// 25 ms
    const FRAME: usize = 400;
    let power = |frame: &[f32]| frame.iter().map(|x| x * x).sum::<f32>() / frame.len() as f32;
    let mut powers: Vec<f32> = samples.chunks_exact(FRAME).map(power).collect();
    powers.sort_unstable_by(f32::total_cmp);
    let Some(last) = powers.len().checked_sub(1) else { return f32::NAN };
    /// Digital silence is as quiet as the last bit.
    const LEAST: f32 = 1e-10;
    let [quiet, loud] = [last / 10, last - last / 10].map(|place| powers[place].max(LEAST));
    10.0 * (loud / quiet).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_measured_against_speech() {
        // Half of the frames 40 dB above the other half.
        let samples: Vec<f32> =
            (0..40_000).map(|n| if n / 400 % 2 == 0 { 0.5 } else { 0.005 }).collect();
        assert!((signal_to_noise_db(&samples) - 40.0).abs() < 1e-3);
        assert!(signal_to_noise_db(&[]).is_nan());
    }
}
