//! Scores on held-out recordings: whether an independent network sees the speaker's sex in the
//! generated face, whether two recordings of a speaker are closer than two speakers, and whether
//! the face changes evenly from a low to a high voice.

use burn::tensor::{Device, Tensor, TensorData};
use s2f_audio::{Waveform, is_silent};
use s2f_core::{FaceSpace, Sex};
use s2f_metrics::probability_less;
use s2f_nn::Model;
use serde::Serialize;
use speech2face::{AgeSexReader, ModelId, VoicePolicy, embed_voices};

use crate::TrainError;
use crate::sheet::{self, Content};
use crate::voices::{Corpus, Voice};

/// Speeds at which voices are played for [`PathScores`]: from 0.8 to 1.25 in equal ratios.
const SPEEDS: usize = 15;
const SLOWEST: f64 = 0.8;
/// Voices of each corpus that are played at these speeds.
const PATH_VOICES: usize = 16;
/// Voices of each corpus whose faces are on the sheet.
const SHOWN: usize = 16;

/// Scores on one corpus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CorpusScores {
    /// Name of the folder.
    pub corpus: String,
    /// Which part of each recording the features were computed from.
    pub voice_policy: VoicePolicy,
    /// Number of recordings.
    pub recordings: usize,
    /// Number of speakers.
    pub speakers: usize,
    /// Share of recordings in whose generated face the network sees the speaker's sex; a picture
    /// without a detected face counts as wrong.
    pub sex_agreement: f64,
    /// The same for women's voices.
    pub sex_agreement_female: f64,
    /// The same for men's voices.
    pub sex_agreement_male: f64,
    /// File names of the recordings with another sex.
    pub disagreeing: Vec<String>,
    /// Mean angle between the features of two recordings (or halves of one) of a speaker, degrees.
    pub same_speaker_degrees: f64,
    /// Mean angle between the features of two speakers of one sex, degrees.
    pub same_sex_degrees: f64,
    /// Probability that a pair of the first kind is closer than one of the second.
    pub same_speaker_closer: f64,
    /// How the face changes with the speed of the voice.
    pub path: PathScores,
}

/// How the face changes while a voice goes from 0.8 to 1.25 times its speed, and its pitch and
/// formants with it, in 14 steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathScores {
    /// Mean angle between the features at both ends, degrees.
    pub ends_degrees: f64,
    /// Mean over voices of the largest step as a share of the path's length; 0.07 for equal steps.
    pub largest_step: f64,
}

/// A model that is scored, and the device that it is on.
struct Scored<'a> {
    model: &'a Model,
    space: &'a FaceSpace,
    device: &'a Device,
}

/// Scores on each corpus, and a sheet of the faces of some of its voices.
pub(crate) fn score(
    model: &Model,
    id: &ModelId,
    space: &FaceSpace,
    corpora: &[Corpus],
    reader: &AgeSexReader,
    device: &Device,
) -> Result<(Vec<CorpusScores>, Vec<u8>), TrainError> {
    let scored = Scored { model, space, device };
    let mut scores = Vec::new();
    let mut shown = Vec::new();
    for corpus in corpora {
        let (found, pictures) = score_corpus(&scored, corpus, reader)?;
        scores.push(found);
        shown.push(pictures);
    }
    Ok((scores, sheet::png(Tensor::cat(shown, 0), Content::Generated, id)?))
}

fn score_corpus(
    scored: &Scored<'_>,
    corpus: &Corpus,
    reader: &AgeSexReader,
) -> Result<(CorpusScores, Tensor<4>), TrainError> {
    let voices: Vec<&Voice> = corpus.voices.iter().collect();
    let waveforms: Vec<Waveform> = voices.iter().map(|voice| voice.waveform.clone()).collect();
    let features = scored.features(&waveforms)?; // [recordings, D]
    let mut is_right = Vec::with_capacity(voices.len());
    for (index, voice) in voices.iter().enumerate() {
        let picture = sheet::image(scored.draw(features.clone().narrow(0, index, 1)));
        let sex = reader.read(&picture)?.map(|reading| reading.sex());
        is_right.push(sex == Some(voice.sex));
    }
    let agreement = |wanted: &dyn Fn(&Voice) -> bool| {
        let chosen = voices.iter().zip(&is_right).filter(|(voice, _)| wanted(voice));
        let chosen: Vec<bool> = chosen.map(|(_, &is_right)| is_right).collect();
        chosen.iter().filter(|&&is_right| is_right).count() as f64 / chosen.len().max(1) as f64
    };

    let (clips, clip_features) = clips_of_speakers(scored, &voices, features.clone())?;
    let angles = match clips.len() {
        0 => Vec::new(),
        _ => angles(Tensor::cat(clip_features, 0)),
    };
    let mut same_speaker = Vec::new();
    let mut same_sex = Vec::new();
    for a in 0..clips.len() {
        for b in 0..a {
            if clips[a].speaker == clips[b].speaker {
                same_speaker.push(angles[a][b]);
            } else if clips[a].sex == clips[b].sex {
                same_sex.push(angles[a][b]);
            }
        }
    }
    let speakers: std::collections::BTreeSet<&str> =
        voices.iter().map(|v| v.speaker.as_str()).collect();
    let every = (voices.len() / SHOWN).max(1);
    let shown: Vec<Tensor<4>> = (0..voices.len())
        .step_by(every)
        .take(SHOWN)
        .map(|index| scored.draw(features.clone().narrow(0, index, 1)))
        .collect();
    let disagreeing = voices.iter().zip(&is_right).filter(|(_, is_right)| !**is_right);
    let scores = CorpusScores {
        corpus: corpus.name.clone(),
        voice_policy: VoicePolicy::default(),
        recordings: voices.len(),
        speakers: speakers.len(),
        sex_agreement: agreement(&|_| true),
        sex_agreement_female: agreement(&|voice| voice.sex == Sex::Female),
        sex_agreement_male: agreement(&|voice| voice.sex == Sex::Male),
        disagreeing: disagreeing.map(|(voice, _)| voice.file_name()).collect(),
        same_speaker_degrees: mean(&same_speaker),
        same_sex_degrees: mean(&same_sex),
        same_speaker_closer: probability_less(&same_speaker, &same_sex),
        path: path(scored, &voices)?,
    };
    Ok((scores, Tensor::cat(shown, 0)))
}

/// Clips of each speaker, with their features: the recordings, or the halves of a speaker's only
/// one.
fn clips_of_speakers<'a>(
    scored: &Scored<'_>,
    voices: &[&'a Voice],
    features: Tensor<2>,
) -> Result<(Vec<&'a Voice>, Vec<Tensor<2>>), TrainError> {
    let mut clips = Vec::new();
    let mut rows = Vec::new();
    for (index, voice) in voices.iter().enumerate() {
        if voices.iter().filter(|other| other.speaker == voice.speaker).count() > 1 {
            clips.push(*voice);
            rows.push(features.clone().narrow(0, index, 1));
            continue;
        }
        for half in halves(&voice.waveform) {
            clips.push(*voice);
            rows.push(scored.features(&[half])?);
        }
    }
    Ok((clips, rows))
}

/// The halves of a recording that are neither silent nor shorter than a recording may be.
fn halves(waveform: &Waveform) -> Vec<Waveform> {
    let samples = waveform.samples();
    let halves = samples.chunks(samples.len().div_ceil(2));
    let halves = halves.filter(|half| !is_silent(half));
    let halves = halves.filter_map(|h| Waveform::from_interleaved(h, 1, Waveform::RATE_HZ).ok());
    halves.filter(|half| half.seconds() >= Waveform::MIN_S).collect()
}

fn path(scored: &Scored<'_>, voices: &[&Voice]) -> Result<PathScores, TrainError> {
    let ratio = (1.0 / SLOWEST / SLOWEST).powf(1.0 / (SPEEDS - 1) as f64);
    let every = (voices.len() / PATH_VOICES).max(1);
    let (mut ends, mut largest_steps) = (Vec::new(), Vec::new());
    for voice in voices.iter().step_by(every) {
        let speed = |step| SLOWEST * ratio.powi(step as i32);
        let clip = |step| voice.waveform.speed(speed(step)).first_clip();
        let clips: Vec<Waveform> = (0..SPEEDS).map(clip).collect();
        let angles = angles(scored.features(&clips)?);
        let steps: Vec<f64> = (1..SPEEDS).map(|step| angles[step][step - 1]).collect();
        let largest = steps.iter().copied().fold(0.0, f64::max);
        ends.push(angles[SPEEDS - 1][0]);
        largest_steps.push(largest / steps.iter().sum::<f64>());
    }
    Ok(PathScores { ends_degrees: mean(&ends), largest_step: mean(&largest_steps) })
}

impl Scored<'_> {
    /// Features of voices, as `reconstruct` computes them by default, `[voices, D]`.
    fn features(&self, voices: &[Waveform]) -> Result<Tensor<2>, TrainError> {
        let policy = VoicePolicy::default();
        let features = embed_voices(self.model, self.space, voices, &policy, self.device)?;
        let values: Vec<f32> = features.iter().flat_map(|f| f.values().iter().copied()).collect();
        let data = TensorData::new(values, [voices.len(), self.space.dimension]);
        Ok(Tensor::from_data(data, self.device))
    }

    /// Picture of a feature `[1, D]`: `[1, 3, side, side]`.
    fn draw(&self, feature: Tensor<2>) -> Tensor<4> {
        let decoder = &self.model.face_decoder;
        decoder.render(decoder.forward(feature))
    }
}

/// Angles between rows of unit length, degrees.
fn angles(features: Tensor<2>) -> Vec<Vec<f64>> {
    let [rows, _] = features.dims();
    let cosines: Vec<f64> =
        features.clone().matmul(features.transpose()).into_data().iter().collect();
    let degrees =
        |row: &[f64]| row.iter().map(|c| c.clamp(-1.0, 1.0).acos().to_degrees()).collect();
    cosines.chunks_exact(rows).map(degrees).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_silent_halves_are_left_out() {
        let halves = |first: f32, second: f32, samples: usize| {
            // A constant is silence, a square wave is not.
            let wave = |level: f32| (0..samples).map(move |n| [level, -level][n % 2]);
            let values: Vec<f32> = wave(first).chain(wave(second)).collect();
            let waveform = Waveform::from_interleaved(&values, 1, Waveform::RATE_HZ).unwrap();
            halves(&waveform).iter().map(|half| half.samples()[0]).collect::<Vec<_>>()
        };
        assert_eq!(halves(0.5, 0.25, 16_000), [0.5, 0.25]); // 1 s each
        assert_eq!(halves(0.5, 0.0, 16_000), [0.5]);
        assert!(halves(0.5, 0.25, 15_999).is_empty());
    }

    #[test]
    fn angles_of_known_vectors() {
        let features =
            Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], &Device::flex());
        let angles = angles(features);
        assert!((angles[0][1] - 90.0).abs() < 1e-3);
        assert!((angles[0][2] - 53.130_1).abs() < 1e-3); // arccos 0.6
    }
}
