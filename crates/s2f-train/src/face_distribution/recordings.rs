//! Recordings with sex and age, and the voice embeddings of their copies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;
use s2f_audio::{AudioError, Limits, Problem, Waveform, pitch};
use s2f_core::Sex;
use s2f_corpus::unpaired::recordings;
use s2f_nn::VoiceEncoder;
use serde::{Deserialize, Serialize};
use speech2face::{VoicePolicy, embed_windows};

use crate::augment::{telephone, with_noise};
use crate::draw::generator;
use crate::{Augmentation, TrainError, VoiceTraitData};

/// Recordings that are read and embedded at a time.
pub(super) const CHUNK: usize = 32;
/// One of so many recordings is also measured in the versions for scores and calibration.
const SCORED: usize = 3;
/// Copies that a core embeds at a time.
const BATCH: usize = 10;
/// Signal-to-noise ratio of the noisy copies, dB.
const NOISE_DB: f64 = 10.0;
/// Length of a window of the speaker encoder, s: windows of one voice differ as two short
/// recordings do.
pub(super) const WINDOW_S: f64 = 1.6;
/// Length of the short copies, s.
pub(super) const SHORT_S: f64 = 3.0;

/// A copy of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Version {
    /// As it is.
    Clean,
    /// Augmented at random, for training.
    Augmented,
    /// Telephone band and coding; this and the following only for the scores.
    Telephone,
    /// Noise at 10 dB.
    Noise,
    /// The first 3 s.
    Short,
    /// A window of the speaker encoder from the middle, for the calibration.
    Window,
}

impl Version {
    pub(crate) const ALL: [Self; 6] =
        [Self::Clean, Self::Augmented, Self::Telephone, Self::Noise, Self::Short, Self::Window];

    /// The copy of a recording; `None` if it is silent.
    fn of(
        self,
        voice: &Waveform,
        augmentation: &Augmentation,
        seed: u64,
        index: usize,
    ) -> Option<Waveform> {
        let for_training = matches!(self, Self::Clean | Self::Augmented);
        if !(for_training || index.is_multiple_of(SCORED)) {
            return None;
        }
        let mut rng = generator(seed, b"copy    ", index);
        match self {
            Self::Clean => Some(voice.clone()),
            Self::Augmented => augmentation.augmented(voice, &mut rng),
            Self::Telephone => Some(telephone(voice)),
            Self::Noise => Some(with_noise(voice, NOISE_DB, index as u64)),
            Self::Short => excerpt(voice, 0.0, SHORT_S),
            Self::Window => excerpt(voice, 0.5 * (voice.seconds() - WINDOW_S), WINDOW_S),
        }
    }
}

/// A part of a recording; `None` if it is silent.
fn excerpt(voice: &Waveform, start_s: f64, length_s: f64) -> Option<Waveform> {
    let at = |seconds: f64| (seconds.max(0.0) * f64::from(Waveform::RATE_HZ)) as usize;
    let samples = voice.samples();
    let end = samples.len().min(at(start_s.max(0.0) + length_s));
    Waveform::from_interleaved(&samples[at(start_s).min(end)..end], 1, Waveform::RATE_HZ).ok()
}

/// A recording and what is stated or measured of it.
#[derive(Debug, Clone)]
pub(crate) struct Labelled {
    pub(crate) corpus: String,
    /// Speaker's name, unique over all corpora.
    pub(crate) speaker: String,
    pub(crate) sex: Sex,
    /// Years.
    pub(crate) age: Option<f64>,
    /// Recordings that were coded in one way, and whose ages are comparable: corpus and release.
    pub(crate) coding: String,
    /// Whether its coding is the reference for ages.
    pub(crate) is_reference: bool,
    /// What is left out together for the scores: a corpus, or a group of languages.
    pub(crate) fold: String,
    pub(crate) file: PathBuf,
}

/// All recordings of the folders with a stated sex.
pub(crate) fn labelled(data: &VoiceTraitData) -> Result<Vec<Labelled>, TrainError> {
    let mut all = Vec::new();
    for folder in &data.folders {
        let path = data.root.join(&folder.path);
        let corpus = folder.path.display().to_string();
        let found = recordings(&path)?;
        let elsewhere: BTreeSet<&String> =
            data.folders.iter().filter_map(|other| other.language.as_ref()).collect();
        let languages: BTreeSet<&String> =
            found.iter().filter_map(|r| r.language.as_ref()).collect();
        let groups: BTreeMap<&String, usize> = languages
            .into_iter()
            .enumerate()
            .map(|(index, language)| (language, index % data.language_groups))
            .collect();
        for recording in &found {
            let Some(sex) = recording.sex else { continue };
            let language = recording.language.as_ref().or(folder.language.as_ref());
            let fold = match language {
                Some(language) if elsewhere.contains(language) => language.clone(),
                Some(language) => match groups.get(language) {
                    Some(group) => format!("{corpus}, languages {}", group + 1),
                    None => corpus.clone(),
                },
                None => corpus.clone(),
            };
            let release = recording.release.as_deref().unwrap_or_default();
            all.push(Labelled {
                speaker: format!("{corpus}/{}", recording.speaker_id),
                sex,
                age: recording.age.filter(|_| folder.age).map(f64::from),
                coding: format!("{corpus} {release}"),
                is_reference: folder.age
                    && recording.age.is_some()
                    && folder.reference_release.as_deref() == Some(release),
                fold,
                file: recording.file.clone(),
                corpus: corpus.clone(),
            });
        }
    }
    Ok(all)
}

/// What is measured of a recording.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Median pitch, Hz.
    pub(crate) pitch_hz: Option<f64>,
    /// Length, s.
    pub(crate) seconds: f64,
    /// Embedding of each of [`Version::ALL`]; `None` if it could not be computed, or is not needed.
    pub(crate) embeddings: Vec<Option<Vec<f32>>>,
}

/// Measures all recordings; `report` is given the number of chunks that are done.
pub(crate) fn measure(
    voices: &[Labelled],
    encoder: &VoiceEncoder,
    augmentation: &Augmentation,
    seed: u64,
    mut report: impl FnMut(usize),
) -> Result<Vec<Measured>, TrainError> {
    let device = burn::tensor::Device::flex();
    let policy = VoicePolicy::default();
    let mut all = Vec::with_capacity(voices.len());
    for (chunk, some) in voices.chunks(CHUNK).enumerate() {
        let read = some.par_iter().enumerate().map(|(place, voice)| -> Result<_, TrainError> {
            let index = chunk * CHUNK + place;
            let waveform = match s2f_audio::read(&voice.file, &Limits::default()) {
                // Collections of thousands of recordings have some of them.
                Err(AudioError { problem: Problem::Silent { .. }, .. }) => {
                    return Ok((None, 0.0, Vec::new()));
                }
                waveform => waveform?,
            };
            let copies: Vec<Option<Waveform>> = Version::ALL
                .iter()
                .map(|version| version.of(&waveform, augmentation, seed, index))
                .collect();
            Ok((pitch(&waveform).map(|pitch| pitch.median_hz), waveform.seconds(), copies))
        });
        let read: Vec<_> = read.collect::<Result<_, _>>()?;
        let waveforms: Vec<Waveform> =
            read.iter().flat_map(|(_, _, copies)| copies.iter().flatten().cloned()).collect();
        // The products of the recurrent layers are too small to use several cores each.
        let means = waveforms.par_chunks(BATCH).map(|some| -> Result<Vec<Vec<f32>>, TrainError> {
            let windows = embed_windows(encoder, some, &policy, &device)?;
            Ok(windows.into_iter().map(|w| w.mean_dim(0).into_data().iter().collect()).collect())
        });
        let means = means.collect::<Result<Vec<_>, _>>()?;
        let mut means = means.into_iter().flatten();
        for (pitch_hz, seconds, copies) in read {
            let embeddings = copies.into_iter().map(|copy| copy.and_then(|_| means.next()));
            let mut embeddings: Vec<_> = embeddings.collect();
            embeddings.resize(Version::ALL.len(), None);
            all.push(Measured { pitch_hz, seconds, embeddings });
        }
        report(chunk + 1);
    }
    Ok(all)
}

/// The voices of one version with their embeddings, standardised later, and their weights.
pub(crate) struct Examples<'a> {
    pub(crate) voices: Vec<&'a Labelled>,
    /// `[n, E]`
    pub(crate) embeddings: DMatrix<f64>,
    /// So that each speaker counts once.
    pub(crate) weights: DVector<f64>,
}

impl<'a> Examples<'a> {
    /// Those of `chosen` recordings in `versions`, each version with its share of a recording's
    /// weight.
    pub(crate) fn new(
        voices: &'a [Labelled],
        measured: &[Measured],
        versions: &[(Version, f64)],
        chosen: impl Fn(&Labelled) -> bool,
    ) -> Self {
        let mut of_speaker: BTreeMap<&str, usize> = BTreeMap::new();
        for voice in voices {
            *of_speaker.entry(&voice.speaker).or_default() += 1;
        }
        let mut rows: Vec<(&Labelled, &[f32], f64)> = Vec::new();
        for (voice, measured) in voices.iter().zip(measured).filter(|(voice, _)| chosen(voice)) {
            for &(version, share) in versions {
                if let Some(embedding) = &measured.embeddings[version as usize] {
                    let weight = share / of_speaker[voice.speaker.as_str()] as f64;
                    rows.push((voice, embedding, weight));
                }
            }
        }
        let width = rows.first().map_or(0, |(_, embedding, _)| embedding.len());
        let values = rows.iter().flat_map(|(_, row, _)| row.iter().map(|&x| f64::from(x)));
        Self {
            embeddings: DMatrix::from_row_iterator(rows.len(), width, values),
            weights: DVector::from_iterator(rows.len(), rows.iter().map(|row| row.2)),
            voices: rows.iter().map(|row| row.0).collect(),
        }
    }
}
