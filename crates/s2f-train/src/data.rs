//! Where a voice encoder's voices come from, and how what it learnt from them is scored.

use burn::tensor::{Device, Tensor, TensorData};
use s2f_core::{FaceSpace, Normalisation};
use s2f_metrics::Vectors;
use s2f_nn::Model;
use s2f_pairs::Split;
use s2f_pairs::{PairSet, Payload};
use serde::Serialize;

use crate::batch::Examples;
use crate::config::{PairData, RecordingData, VoiceData};
use crate::face_network::FaceNetwork;
use crate::faces::Faces;
use crate::frozen::Frozen;
use crate::pair_examples::PairExamples;
use crate::pair_scores::{PairScores, Probes, predict};
use crate::pairing::Targets;
use crate::recording_examples::RecordingExamples;
use crate::run::data_hash;
use crate::scores::{self, CorpusScores, Readers};
use crate::voices::{Voice, Voices};
use crate::{TrainError, VoiceEncoderTraining, sheet};

/// Seconds of a voice that the final scores are computed at.
const SCORED_SECONDS: [f64; 2] = [3.0, 6.0];

/// Scores of a voice encoder on speakers that it was not trained on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VoiceEncoderScores {
    /// Trained on pairs: scores on the test split.
    Test(Vec<PairScores>),
    /// Trained on recordings: scores on each corpus.
    Corpora(Vec<CorpusScores>),
}

/// What a voice encoder is trained on.
pub(crate) enum Source<'a> {
    Pairs { data: &'a PairData, set: PairSet, validation: Probes, mean_feature: Vec<f32> },
    Recordings { data: &'a RecordingData, voices: Voices, targets: Targets, mean_feature: Vec<f32> },
}

impl<'a> Source<'a> {
    pub(crate) fn open(
        config: &'a VoiceEncoderTraining,
        frozen: &Frozen,
        device: &Device,
    ) -> Result<Self, TrainError> {
        match &config.data {
            VoiceData::Pairs(data) => Self::pairs(data, frozen),
            VoiceData::Recordings(data) => {
                let Some(training) = &frozen.training else {
                    return Err(TrainError::Data(
                        "recordings without faces need the faces that the face decoder was trained \
                         on; hint: set face_decoder to the run folder of train face-decoder"
                            .into(),
                    ));
                };
                let faces = Faces::load(&training.data, training.seed, device)?;
                if frozen.face_space.normalisation != Normalisation::UnitLength {
                    return Err(TrainError::Data(format!(
                        "recordings without faces meet averages of faces, which features of {} do \
                         not allow; hint: train the face decoder with MobileFace",
                        frozen.face_space.name
                    )));
                }
                let data_of_faces = &training.data;
                let encoder =
                    FaceNetwork::open(&data_of_faces.face_encoder, &data_of_faces.models, device)?;
                let voices = Voices::load(data, config.seed)?;
                let all: Vec<&Voice> = voices.train.iter().flat_map(|c| &c.voices).collect();
                let targets =
                    Targets::new(&data.pairing, &faces.train, &all, &frozen.decoder, &encoder)?;
                let features: Vec<Vec<f32>> =
                    all.iter().map(|v| targets.feature(v.sex, v.age, v.traits)).collect();
                let mean_feature = mean(features.into_iter().map(Ok))?;
                Ok(Self::Recordings { data, voices, targets, mean_feature })
            }
        }
    }

    fn pairs(data: &'a PairData, frozen: &Frozen) -> Result<Self, TrainError> {
        let set = PairSet::open(&data.path)?;
        let (found, wanted) = (set.face_space(), &frozen.face_space);
        if (&found.name, found.dimension) != (&wanted.name, wanted.dimension) {
            return Err(TrainError::Data(format!(
                "{} holds features of {} ({} numbers), the face decoder reads {} ({}); hint: prepare \
                 the corpus with the face encoder that the face decoder was trained for",
                data.path.display(),
                found.name,
                found.dimension,
                wanted.name,
                wanted.dimension
            )));
        }
        let features = Payload { feature: true, ..Payload::default() };
        let rows = set.rows(features, Some(Split::Train));
        let mean_feature = mean(rows.map(|row| Ok(row?.feature)))?;
        let validation = Probes::read(&set, Split::Validation, data.validation_pairs)?;
        Ok(Self::Pairs { data, set, validation, mean_feature })
    }

    /// Batches to train on.
    pub(crate) fn examples<'b>(
        &'b self,
        config: &'b VoiceEncoderTraining,
    ) -> Result<Box<dyn Examples + 'b>, TrainError> {
        let (clips, augmentation) = (&config.clips, &config.augmentation);
        let (batch, seed) = (config.optimisation.batch, config.seed);
        match self {
            Self::Recordings { voices, targets, .. } => Ok(Box::new(RecordingExamples {
                corpora: &voices.train,
                targets,
                clips,
                augmentation,
                batch,
                seed,
            })),
            Self::Pairs { data, set, .. } => {
                let pairs =
                    PairExamples::new(set, data.memory_mib, clips, augmentation, batch, seed)?;
                if pairs.len() < batch {
                    return Err(TrainError::Data(format!(
                        "{} has {} pairs to train on, a batch {batch}; hint: --set \
                         optimisation.batch, or prepare more",
                        set.path().display(),
                        pairs.len()
                    )));
                }
                Ok(Box::new(pairs))
            }
        }
    }

    /// Hash of what is learnt from: of speakers, splits and number of the pairs, or of the files.
    pub(crate) fn sha256(&self) -> Result<String, TrainError> {
        match self {
            Self::Pairs { set, .. } => Ok(format!("{}-{}", set.speakers_sha256(), set.pairs())),
            Self::Recordings { voices, .. } => data_hash(&voices.files()),
        }
    }

    /// The mean of the features that are learnt from, `[D]`.
    pub(crate) fn mean_feature(&self) -> &[f32] {
        match self {
            Self::Pairs { mean_feature, .. } | Self::Recordings { mean_feature, .. } => {
                mean_feature
            }
        }
    }

    /// Scores on the validation split; none where there is none.
    pub(crate) fn validate(
        &self,
        model: &Model,
        space: &FaceSpace,
        config: &VoiceEncoderTraining,
        device: &Device,
    ) -> Result<Option<PairScores>, TrainError> {
        let Self::Pairs { validation, mean_feature, .. } = self else { return Ok(None) };
        if validation.is_empty() {
            return Ok(None);
        }
        let seconds = config.clips.seconds;
        let encoder = &model.voice_encoder;
        validation.score(encoder, space, mean_feature, seconds, device).map(Some)
    }

    /// Final scores, and a sheet of faces.
    pub(crate) fn score(
        &self,
        model: &Model,
        space: &FaceSpace,
        config: &VoiceEncoderTraining,
        device: &Device,
    ) -> Result<(VoiceEncoderScores, Vec<u8>), TrainError> {
        match self {
            Self::Recordings { data, voices, .. } => {
                let (corpora, sheet) =
                    scores::score(model, space, &voices.test, &Readers::open(data)?)?;
                Ok((VoiceEncoderScores::Corpora(corpora), sheet))
            }
            Self::Pairs { data, set, mean_feature, .. } => {
                let test = Probes::read(set, Split::Test, data.validation_pairs)?;
                // A corpus without a test split, or with one speaker in it, has nothing to score on.
                let lengths = SCORED_SECONDS.into_iter().filter(|_| !test.is_empty());
                let score = |seconds| {
                    test.score(&model.voice_encoder, space, mean_feature, seconds, device)
                };
                let scores = lengths.map(score).collect::<Result<_, _>>()?;
                let sheet = self.sheet(model, space, config, device)?.unwrap_or_default();
                Ok((VoiceEncoderScores::Test(scores), sheet))
            }
        }
    }

    /// Faces of the first voices of the validation split: above what the decoder makes of the true
    /// feature, below of the voice. None where there is no such split.
    pub(crate) fn sheet(
        &self,
        model: &Model,
        space: &FaceSpace,
        config: &VoiceEncoderTraining,
        device: &Device,
    ) -> Result<Option<Vec<u8>>, TrainError> {
        let Self::Pairs { validation, .. } = self else { return Ok(None) };
        let pairs = validation.some(sheet::COLUMNS);
        if pairs.is_empty() {
            return Ok(None);
        }
        let voices = predict(&model.voice_encoder, space, pairs, config.clips.seconds, device)?;
        let faces = Vectors::from_rows(pairs.iter().map(|pair| &pair.feature[..]));
        let draw = |rows: Vectors| {
            let data = TensorData::new(rows.values().to_vec(), [rows.len(), rows.dimension()]);
            let features = Tensor::from_data(data, device);
            model.face_decoder.render(model.face_decoder.forward(features))
        };
        sheet::png(Tensor::cat(vec![draw(faces), draw(voices)], 0)).map(Some)
    }
}

/// Mean of some features.
fn mean(
    features: impl Iterator<Item = Result<Vec<f32>, TrainError>>,
) -> Result<Vec<f32>, TrainError> {
    let mut sum: Vec<f64> = Vec::new();
    let mut count = 0_usize;
    for feature in features {
        let feature = feature?;
        sum.resize(feature.len(), 0.0);
        sum.iter_mut().zip(feature).for_each(|(sum, x)| *sum += f64::from(x));
        count += 1;
    }
    if count == 0 {
        return Err(TrainError::Data("there is nothing in the training split".into()));
    }
    Ok(sum.into_iter().map(|sum| (sum / count as f64) as f32).collect())
}
