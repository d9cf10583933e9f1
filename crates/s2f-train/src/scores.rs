//! What held-out voices turn into: does a reader of faces that had no part in training see the
//! speaker's sex, are two recordings of a speaker closer than two speakers, is the way from a low
//! to a high voice smooth.

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use s2f_audio::{Waveform, spectrogram};
use s2f_core::{FaceSpace, Sex};
use s2f_face::Detector;
use s2f_metrics::probability_less;
use s2f_nn::face_api::{AgeGender, SquareCrop};
use s2f_nn::{Model, normalise};
use serde::Serialize;

use crate::batch::stack;
use crate::voices::{Corpus, Voice};
use crate::{RecordingData, TrainError, sheet};

/// Seconds between the starts of the windows whose features are averaged.
const WINDOW_HOP_S: f64 = 3.0;
/// Speeds at which voices are played for [`PathScores`]: from 0.8 to 1.25 in even ratios.
const SPEEDS: usize = 15;
const SLOWEST: f64 = 0.8;
/// Voices of each test set that are played at those speeds.
const PATH_VOICES: usize = 16;
/// Voices of each test set that are shown.
const SHOWN: usize = 16;

/// Scores on one corpus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CorpusScores {
    /// Name of the folder.
    pub corpus: String,
    /// Recordings heard.
    pub recordings: usize,
    /// Their speakers.
    pub speakers: usize,
    /// Share of recordings whose picture the reader sees as a face of the speaker's sex; a picture
    /// without a face counts against it.
    pub sex_agreement: f64,
    /// The same for women's and for men's voices.
    pub sex_agreement_female: f64,
    /// See above.
    pub sex_agreement_male: f64,
    /// Recordings whose speaker is seen wrongly, by file name.
    pub disagreeing: Vec<String>,
    /// Mean angle between the features of two recordings (or halves of one) of a speaker, degrees.
    pub same_speaker_degrees: f64,
    /// Mean angle between those of two speakers of one sex, degrees.
    pub same_sex_degrees: f64,
    /// Probability that a pair of the first kind is closer than one of the second.
    pub same_speaker_closer: f64,
    /// The way from a slowed to a quickened voice.
    pub path: PathScores,
}

/// How the face moves while a voice goes from 0.8 to 1.25 times its speed, pitch and formants
/// with it, in 14 steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathScores {
    /// Mean angle between the two ends, degrees.
    pub ends_degrees: f64,
    /// Mean over voices of the largest step as a share of the length of the way; even steps: 0.07.
    pub largest_step: f64,
}

/// What reads the generated faces.
pub(crate) struct Readers {
    detector: Detector,
    age_gender: AgeGender,
}

impl Readers {
    pub(crate) fn open(data: &RecordingData) -> Result<Self, TrainError> {
        Ok(Self {
            detector: Detector::open(data.models.join(&data.face_detector))?,
            age_gender: AgeGender::from_face_api(
                &data.models.join(&data.sex_reader),
                &Device::flex(),
            )?,
        })
    }

    /// The sex that the reader sees in a picture `[1, 3, side, side]`, 0 to 1; none where the
    /// detector finds no face.
    fn sex(&self, picture: Tensor<4>) -> Result<Option<Sex>, TrainError> {
        let faces = self.detector.detect(&sheet::image(picture.clone()))?;
        let Some(face) = faces.iter().max_by(|a, b| a.score.total_cmp(&b.score)) else {
            return Ok(None);
        };
        let [.., height, width] = picture.dims();
        let square = SquareCrop::new(face.rect, [width, height]);
        let crop = square.cut(picture.clamp(0.0, 1.0) * 255.0); // [1, 3, 112, 112]
        let sex: Vec<f32> = self.age_gender.forward(crop).sex.into_data().iter().collect();
        Ok(Some(if sex[0] > sex[1] { Sex::Male } else { Sex::Female }))
    }
}

/// Scores on each corpus, and a sheet of the faces of some of its voices.
pub(crate) fn score(
    model: &Model,
    space: &FaceSpace,
    test: &[Corpus],
    readers: &Readers,
) -> Result<(Vec<CorpusScores>, Vec<u8>), TrainError> {
    let mut corpora = Vec::new();
    let mut shown = Vec::new();
    for corpus in test {
        let (scores, pictures) = score_corpus(model, space, corpus, readers)?;
        corpora.push(scores);
        shown.push(pictures);
    }
    Ok((corpora, sheet::png(Tensor::cat(shown, 0))?))
}

fn score_corpus(
    model: &Model,
    space: &FaceSpace,
    corpus: &Corpus,
    readers: &Readers,
) -> Result<(CorpusScores, Tensor<4>), TrainError> {
    let voices: Vec<&Voice> = corpus.voices.iter().collect();
    let features = voices.iter().map(|voice| feature(model, space, &voice.waveform));
    let features = Tensor::cat(features.collect(), 0); // [recordings, D]
    let mut right = Vec::with_capacity(voices.len());
    for (index, voice) in voices.iter().enumerate() {
        let picture = decode(model, features.clone().narrow(0, index, 1));
        right.push(readers.sex(picture)? == Some(voice.sex));
    }
    let share = |wanted: &dyn Fn(&Voice) -> bool| {
        let chosen: Vec<bool> =
            voices.iter().zip(&right).filter(|(voice, _)| wanted(voice)).map(|(_, &r)| r).collect();
        chosen.iter().filter(|&&r| r).count() as f64 / chosen.len().max(1) as f64
    };

    let (takes, takes_features) = takes(model, space, &voices, features.clone());
    let angles = angles(takes_features);
    let mut same_speaker = Vec::new();
    let mut same_sex = Vec::new();
    for a in 0..takes.len() {
        for b in 0..a {
            if takes[a].speaker == takes[b].speaker {
                same_speaker.push(angles[a][b]);
            } else if takes[a].sex == takes[b].sex {
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
        .map(|index| decode(model, features.clone().narrow(0, index, 1)))
        .collect();
    let scores = CorpusScores {
        corpus: corpus.name.clone(),
        recordings: voices.len(),
        speakers: speakers.len(),
        sex_agreement: share(&|_| true),
        sex_agreement_female: share(&|voice| voice.sex == Sex::Female),
        sex_agreement_male: share(&|voice| voice.sex == Sex::Male),
        disagreeing: voices
            .iter()
            .zip(&right)
            .filter(|(_, r)| !**r)
            .map(|(v, _)| v.file_name())
            .collect(),
        same_speaker_degrees: mean(&same_speaker),
        same_sex_degrees: mean(&same_sex),
        same_speaker_closer: probability_less(&same_speaker, &same_sex),
        path: path(model, space, &voices),
    };
    Ok((scores, Tensor::cat(shown, 0)))
}

/// Two or more takes of each speaker: recordings, or the halves of a speaker's only one.
fn takes<'a>(
    model: &Model,
    space: &FaceSpace,
    voices: &[&'a Voice],
    features: Tensor<2>,
) -> (Vec<&'a Voice>, Tensor<2>) {
    let mut takes = Vec::new();
    let mut rows = Vec::new();
    for (index, voice) in voices.iter().enumerate() {
        if voices.iter().filter(|other| other.speaker == voice.speaker).count() > 1 {
            takes.push(*voice);
            rows.push(features.clone().narrow(0, index, 1));
        } else {
            let samples = voice.waveform.samples();
            for half in samples.chunks(samples.len().div_ceil(2)) {
                if let Ok(half) = Waveform::from_interleaved(half, 1, Waveform::RATE_HZ) {
                    takes.push(*voice);
                    rows.push(feature(model, space, &half));
                }
            }
        }
    }
    (takes, Tensor::cat(rows, 0))
}

fn path(model: &Model, space: &FaceSpace, voices: &[&Voice]) -> PathScores {
    let ratio = (1.0 / SLOWEST / SLOWEST).powf(1.0 / (SPEEDS - 1) as f64);
    let every = (voices.len() / PATH_VOICES).max(1);
    let (ends, steps): (Vec<f64>, Vec<f64>) = voices
        .iter()
        .step_by(every)
        .map(|voice| {
            let way = (0..SPEEDS).map(|step| {
                feature(
                    model,
                    space,
                    &voice.waveform.speed(SLOWEST * ratio.powi(step as i32)).first_clip(),
                )
            });
            let angles = angles(Tensor::cat(way.collect(), 0));
            let steps: Vec<f64> = (1..SPEEDS).map(|step| angles[step][step - 1]).collect();
            let largest = steps.iter().copied().fold(0.0, f64::max);
            (angles[SPEEDS - 1][0], largest / steps.iter().sum::<f64>())
        })
        .unzip();
    PathScores { ends_degrees: mean(&ends), largest_step: mean(&steps) }
}

/// The mean feature of a recording's windows, `[1, D]`.
fn feature(model: &Model, space: &FaceSpace, waveform: &Waveform) -> Tensor<2> {
    let windows: Vec<Waveform> = waveform.windows(WINDOW_HOP_S).collect();
    let spectrograms = windows.par_iter().map(spectrogram).collect();
    let features = model.voice_encoder.forward(stack(spectrograms, &Device::flex())); // [windows, D]
    normalise(model.voice_encoder.pool(features.unsqueeze()), space)
}

/// Picture of a feature `[1, D]`: `[1, 3, side, side]`.
fn decode(model: &Model, feature: Tensor<2>) -> Tensor<4> {
    model.face_decoder.render(model.face_decoder.forward(feature))
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
    fn angles_of_known_vectors() {
        let features =
            Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], &Device::flex());
        let angles = angles(features);
        assert!((angles[0][1] - 90.0).abs() < 1e-3);
        assert!((angles[0][2] - 53.130_1).abs() < 1e-3); // arccos 0.6
    }
}
