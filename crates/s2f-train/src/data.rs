//! What a voice encoder is trained on: pairs, or recordings with the faces of a decoder's training.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use s2f_core::{FaceSpace, Normalisation};
use s2f_pairs::{PairSet, Payload, Split};
use speech2face::{DataId, TrainingRecord};

use crate::batch::Examples;
use crate::card::{DataUse, file_name};
use crate::config::{PairData, RecordingData, VoiceData};
use crate::face_network::FaceNetwork;
use crate::faces::Faces;
use crate::frozen::FrozenDecoder;
use crate::pair_examples::PairExamples;
use crate::pairing::Targets;
use crate::recording_examples::RecordingExamples;
use crate::voices::{Voice, Voices};
use crate::{TrainError, VoiceEncoderTraining};

/// What a voice encoder is trained on.
pub(crate) enum TrainingData<'a> {
    /// Voices with their own faces.
    Pairs { data: &'a PairData, set: PairSet, features: Moments },
    /// Voices without faces.
    Recordings {
        data: &'a RecordingData,
        voices: Voices,
        targets: Targets,
        // Of the targets.
        features: Moments,
    },
}

impl<'a> TrainingData<'a> {
    /// Opens the data of a configuration.
    pub(crate) fn open(
        config: &'a VoiceEncoderTraining,
        decoder: &FrozenDecoder,
        device: &Device,
    ) -> Result<Self, TrainError> {
        match &config.data {
            VoiceData::Pairs(data) => Self::pairs(data, decoder, config.optimisation.batch),
            VoiceData::Recordings(data) => Self::recordings(data, config.seed, decoder, device),
        }
    }

    fn pairs(
        data: &'a PairData,
        decoder: &FrozenDecoder,
        batch: usize,
    ) -> Result<Self, TrainError> {
        let set = PairSet::open(&data.path)?;
        check_face_space(&data.path, set.face_space(), &decoder.face_space)?;
        let features = Payload { feature: true, ..Payload::default() };
        let rows = set.rows(features, Some(Split::Train));
        let (features, pairs) = Moments::of(rows.map(|row| Ok(row?.feature)))?;
        if pairs < batch {
            return Err(TrainError::Data(format!(
                "{} has {pairs} training pairs, a batch has {batch}; hint: reduce \
                 optimisation.batch, or prepare more pairs",
                set.path().display(),
            )));
        }
        Ok(Self::Pairs { data, set, features })
    }

    fn recordings(
        data: &'a RecordingData,
        seed: u64,
        decoder: &FrozenDecoder,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let Some(training) = &decoder.training else {
            return Err(TrainError::Data(
                "recordings without faces need the portraits that the face decoder was trained \
                 on; hint: set face_decoder to the run folder of train face-decoder"
                    .into(),
            ));
        };
        if decoder.face_space.normalisation != Normalisation::UnitLength {
            return Err(TrainError::Data(format!(
                "recordings without faces need features of unit length, those of {} are not; \
                 hint: train the face decoder with MobileFace",
                decoder.face_space.name
            )));
        }
        let faces = Faces::load(&training.data, training.seed, device)?;
        let encoder = FaceNetwork::open(&training.data, device)?;
        let voices = Voices::load(data, seed)?;
        let all: Vec<&Voice> = voices.train.iter().flat_map(|c| &c.voices).collect();
        let (network, space) = (&decoder.network, &decoder.face_space);
        let targets = Targets::new(&data.pairing, &faces.train, &all, network, &encoder, space)?;
        let features: Vec<Vec<f32>> =
            all.iter().map(|v| targets.feature(v.sex, v.age, v.traits)).collect();
        let (features, _) = Moments::of(features.into_iter().map(Ok))?;
        Ok(Self::Recordings { data, voices, targets, features })
    }

    /// The batches to train on.
    pub(crate) fn examples<'b>(
        &'b self,
        config: &'b VoiceEncoderTraining,
    ) -> Result<Box<dyn Examples + 'b>, TrainError> {
        let (clips, augmentation) = (&config.clips, &config.augmentation);
        let (batch, seed) = (config.optimisation.batch, config.seed);
        let front_end = config.network.front_end();
        match self {
            Self::Recordings { voices, targets, .. } => Ok(Box::new(RecordingExamples {
                corpora: &voices.train,
                targets,
                clips,
                augmentation,
                front_end,
                batch,
                seed,
            })),
            Self::Pairs { data, set, .. } => {
                let memory_mib = data.memory_mib;
                Ok(Box::new(PairExamples::new(
                    set,
                    memory_mib,
                    clips,
                    augmentation,
                    front_end,
                    batch,
                    seed,
                )?))
            }
        }
    }

    /// The hash of the data.
    pub(crate) fn id(&self) -> Result<DataId, TrainError> {
        match self {
            Self::Pairs { set, .. } => Ok(DataId::of_pairs(&set.speakers_sha256(), set.pairs())),
            Self::Recordings { voices, .. } => Ok(DataId::of_files(&voices.files())?),
        }
    }

    /// The record of the data, with its hash `id`.
    pub(crate) fn record(&self, id: DataId) -> TrainingRecord {
        match self {
            Self::Pairs { data, .. } => {
                TrainingRecord::Pairs { path: absolute(&data.path), data: id }
            }
            Self::Recordings { data, .. } => {
                TrainingRecord::Recordings { path: absolute(&data.root), data: id }
            }
        }
    }

    /// What the data is used for, and its licences, for a model card.
    pub(crate) fn uses(&self) -> Result<(Vec<DataUse>, Vec<String>), TrainError> {
        let mut uses = Vec::new();
        match self {
            Self::Pairs { data, set, .. } => {
                for (split, used_for) in [
                    (Split::Train, "training"),
                    (Split::Validation, "validation"),
                    (Split::Test, "scores"),
                ] {
                    let mut pairs = 0_usize;
                    for info in set.infos(Some(split)) {
                        info?;
                        pairs += 1;
                    }
                    let speakers = set.speakers().values().filter(|of| **of == split).count();
                    let amount = format!("{pairs} pairs of {speakers} speakers");
                    let name = format!("{}, split {}", file_name(&data.path), split.name());
                    uses.push(DataUse { name, used_for, amount });
                }
                let licences = set.licences().into_iter().map(str::to_owned).collect();
                Ok((uses, licences))
            }
            Self::Recordings { voices, .. } => {
                for (corpora, used_for) in [(&voices.train, "training"), (&voices.test, "scores")] {
                    uses.extend(corpora.iter().map(|corpus| {
                        let speakers: BTreeSet<&str> =
                            corpus.voices.iter().map(|voice| voice.speaker.as_str()).collect();
                        let (recordings, speakers) = (corpus.voices.len(), speakers.len());
                        let amount = format!("{recordings} recordings of {speakers} speakers");
                        DataUse { name: corpus.name.clone(), used_for, amount }
                    }));
                }
                Ok((uses, Vec::new()))
            }
        }
    }

    /// The mean of the training features, `[D]`.
    pub(crate) fn mean_feature(&self) -> &[f32] {
        &self.features().mean
    }

    /// Mean and deviation of the training features.
    pub(crate) fn features(&self) -> &Moments {
        match self {
            Self::Pairs { features, .. } | Self::Recordings { features, .. } => features,
        }
    }
}

/// Pairs must have features that the face decoder reads.
fn check_face_space(path: &Path, found: &FaceSpace, wanted: &FaceSpace) -> Result<(), TrainError> {
    if found.is_compatible(wanted) {
        return Ok(());
    }
    let (path, pairs) = (path.to_owned(), Box::new(found.clone()));
    let decoder = Box::new(wanted.clone());
    Err(if found.is_compatible(&wanted.identity()) {
        TrainError::NoTraits { path, pairs, decoder }
    } else {
        TrainError::FaceSpaces { path, pairs, decoder }
    })
}

/// A path that is the same wherever it is read; as it is if the system cannot resolve it.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Mean and standard deviation of each dimension.
pub(crate) struct Moments {
    pub(crate) mean: Vec<f32>,
    pub(crate) deviation: Vec<f32>,
}

impl Moments {
    /// Those of `rows`, and their number.
    pub(crate) fn of(
        rows: impl Iterator<Item = Result<Vec<f32>, TrainError>>,
    ) -> Result<(Self, usize), TrainError> {
        let mut sums: Vec<[f64; 2]> = Vec::new(); // of the values and of their squares
        let mut count = 0_usize;
        for row in rows {
            let row = row?;
            sums.resize(row.len(), [0.0; 2]);
            for ([sum, squares], x) in sums.iter_mut().zip(row) {
                *sum += f64::from(x);
                *squares += f64::from(x).powi(2);
            }
            count += 1;
        }
        let number = count as f64;
        let mean = sums.iter().map(|[sum, _]| (sum / number) as f32).collect();
        let deviation = |&[sum, squares]: &[f64; 2]| {
            (squares / number - (sum / number).powi(2)).max(0.0).sqrt() as f32
        };
        Ok((Self { mean, deviation: sums.iter().map(deviation).collect() }, count))
    }
}

#[cfg(test)]
mod tests {
    use s2f_core::Trait;

    use super::*;

    #[test]
    fn pairs_that_the_face_decoder_does_not_read_are_refused_with_a_hint() {
        let space = FaceSpace::mobileface();
        let with_traits = space.with_traits(&Trait::ALL);
        let of = |found: &FaceSpace, wanted: &FaceSpace| {
            check_face_space(Path::new("some"), found, wanted).map_err(|error| error.to_string())
        };
        let own = FaceSpace { normalisation: Normalisation::None, ..space.clone() };
        assert_eq!(of(&own, &space), Ok(()));
        assert_eq!(of(&with_traits, &with_traits), Ok(()));
        let message = of(&space, &with_traits).unwrap_err();
        for part in [
            "some has features of face space mobileface-v2 (256 dimensions",
            "reads mobileface-v2 with sex, age and hair (259 dimensions",
            "hint: train on recordings ([data.recordings])",
        ] {
            assert!(message.contains(part), "{message}");
        }
        let message = of(&FaceSpace::vgg_face(), &with_traits).unwrap_err();
        assert!(message.contains("hint: prepare the corpus with the face encoder"), "{message}");
    }
}
