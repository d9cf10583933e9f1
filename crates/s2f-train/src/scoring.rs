//! Scores of a voice encoder on speakers that it was not trained on, and sheets of their faces.

use burn::tensor::{Device, Tensor, TensorData};
use s2f_core::FaceSpace;
use s2f_metrics::Vectors;
use s2f_nn::Model;
use s2f_pairs::{PairSet, Split};
use serde::Serialize;
use speech2face::{AgeSexReader, ModelId};

use crate::config::PairData;
use crate::data::TrainingData;
use crate::networks::Networks;
use crate::pair_calibration::Calibration;
use crate::pair_scores::{PairScores, Probes, predict};
use crate::recording_scores::{self, CorpusScores};
use crate::sheet::{self, Content};
use crate::voices::Corpus;
use crate::{TrainError, VoiceEncoderTraining};

/// Seconds of a voice that the final scores on pairs are computed at.
pub(crate) const SCORED_SECONDS: [f64; 2] = [3.0, 6.0];

/// Scores of a voice encoder on speakers that it was not trained on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VoiceEncoderScores {
    /// Trained on pairs: scores on the test split.
    Test(Vec<PairScores>),
    /// Trained on recordings: scores on each corpus.
    Corpora(Vec<CorpusScores>),
}

/// What a voice encoder is scored on.
pub(crate) struct Scoring<'a> {
    held_out: HeldOut<'a>,
    space: &'a FaceSpace,
    /// Seconds of a voice during training.
    seconds: f64,
    /// The device that the model is on.
    device: &'a Device,
}

enum HeldOut<'a> {
    Pairs { data: &'a PairData, set: &'a PairSet, validation: Probes, mean_feature: &'a [f32] },
    Recordings { corpora: &'a [Corpus], reader: Box<AgeSexReader> },
}

impl<'a> Scoring<'a> {
    /// Reads the validation split, or opens the networks that read generated faces. `device` is the
    /// one that the models to score are on.
    pub(crate) fn new(
        config: &VoiceEncoderTraining,
        data: &'a TrainingData<'a>,
        space: &'a FaceSpace,
        device: &'a Device,
    ) -> Result<Self, TrainError> {
        let held_out = match data {
            TrainingData::Pairs { data, set, features } => {
                let validation = Probes::read(set, Split::Validation, data.validation_pairs)?;
                HeldOut::Pairs { data, set, validation, mean_feature: &features.mean }
            }
            TrainingData::Recordings { data, voices, .. } => {
                let networks = Networks::new(data.models.as_deref());
                let reader = networks.age_sex_reader(
                    ("data.recordings.face_detector", &data.face_detector),
                    ("data.recordings.sex_reader", &data.sex_reader),
                    device,
                )?;
                let reader = Box::new(reader);
                HeldOut::Recordings { corpora: &voices.test, reader }
            }
        };
        Ok(Self { held_out, space, seconds: config.clips.seconds, device })
    }

    /// Scores on the validation split by name, the deciding one first; `None` without such a split.
    pub(crate) fn validate(
        &self,
        model: &Model,
    ) -> Result<Option<Vec<(&'static str, f64)>>, TrainError> {
        let HeldOut::Pairs { validation, mean_feature, .. } = &self.held_out else {
            return Ok(None);
        };
        if validation.is_empty() {
            return Ok(None);
        }
        let scores =
            validation.score(model, self.space, mean_feature, self.seconds, self.device)?;
        Ok(Some(scores.named()))
    }

    /// The calibration of a model's distribution on the validation split; `None` without such a
    /// split or a distribution.
    pub(crate) fn calibration(&self, model: &Model) -> Result<Option<Calibration>, TrainError> {
        let HeldOut::Pairs { validation, .. } = &self.held_out else { return Ok(None) };
        Calibration::of(model, self.space, &validation.all(), self.device)
    }

    /// Final scores, and a sheet of faces. `id` is stated in the sheet.
    pub(crate) fn score(
        &self,
        model: &Model,
        id: &ModelId,
    ) -> Result<(VoiceEncoderScores, Vec<u8>), TrainError> {
        match &self.held_out {
            HeldOut::Recordings { corpora, reader } => {
                let (corpora, sheet) =
                    recording_scores::score(model, id, self.space, corpora, reader, self.device)?;
                Ok((VoiceEncoderScores::Corpora(corpora), sheet))
            }
            HeldOut::Pairs { data, set, mean_feature, .. } => {
                let test = Probes::read(set, Split::Test, data.validation_pairs)?;
                // A test split that is missing or has one speaker gives no scores.
                let lengths = SCORED_SECONDS.into_iter().filter(|_| !test.is_empty());
                let score =
                    |seconds| test.score(model, self.space, mean_feature, seconds, self.device);
                let scores = lengths.map(score).collect::<Result<_, _>>()?;
                let sheet = self.sheet(model, id)?.unwrap_or_default();
                Ok((VoiceEncoderScores::Test(scores), sheet))
            }
        }
    }

    /// Faces of the first voices of the validation split: in the first row decoded from the true
    /// features, in the second from the voices. `None` without such a split.
    pub(crate) fn sheet(&self, model: &Model, id: &ModelId) -> Result<Option<Vec<u8>>, TrainError> {
        let HeldOut::Pairs { validation, .. } = &self.held_out else { return Ok(None) };
        let pairs = validation.some(sheet::COLUMNS);
        if pairs.is_empty() {
            return Ok(None);
        }
        let voices = predict(model, self.space, pairs, self.seconds, self.device)?.features;
        let faces = Vectors::from_rows(pairs.iter().map(|pair| &pair.feature[..]));
        let draw = |rows: Vectors| {
            let data = TensorData::new(rows.values().to_vec(), [rows.len(), rows.dimension()]);
            let features = Tensor::from_data(data, self.device);
            model.face_decoder.render(model.face_decoder.forward(features))
        };
        sheet::above_one_another([draw(faces), draw(voices)], Content::Generated, id).map(Some)
    }
}
